//! The bytes of a beacon.
//!
//! Owns both forms and all checks of what a stranger sends. Never remembers anything: replays are
//! found by the callers, by [`Unverified::id`], before they pay for the signature.
//!
//! ```text
//! header   "SPRT", version 1, form (0 open, 1 sealed)                                      6 bytes
//! open     header, content
//! sealed   header, nonce (24), XChaCha20-Poly1305 of content; the header is associated data, the key is the swarm's
//! content  body, signature (64)
//! body     canonical CBOR: [kind, node, name, tcp, udp, epoch, revision, seq, padding]
//! ```
//!
//! A beacon that suspects others is another kind of datagram, which an older node does not look at:
//! its header begins with "SPRS", and a list of them stands in place of the padding.
//!
//! The Ed25519 signature is over [`CONTEXT`], the header, the swarm's tag (32 bytes, derived from
//! its key; zeros in the public swarm) and the body, so that a beacon of one swarm means nothing in
//! another. A `JOIN` is padded with zeros to [`MIN_JOIN`] bytes: an answer is never longer than the
//! question.

use super::{
    MAX_BEACON, MAX_NAME,
    cbor::{self, Malformed},
    signer::{self, SIGNATURE, Signer},
};
use crate::core::{
    id::NodeId,
    membership::{Beacon, BeaconNumber, Kind, MAX_SUSPECTS, Suspect},
};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde_bytes::ByteBuf;

/// A `JOIN` has at least so many bytes: more than the longest `PING`.
pub const MIN_JOIN: usize = 512;
/// What tells a beacon's signature from all others that a node's key makes.
pub const CONTEXT: &[u8] = b"sprat beacon v1\0";

const MAGIC: &[u8; 4] = b"SPRT";
const MAGIC_OF_SUSPICION: &[u8; 4] = b"SPRS";
const VERSION: u8 = 1;
const HEADER: usize = 6;
const NONCE: usize = signer::NONCE;
const TAG: usize = 16;

/// Kind, node, name, TCP port, UDP port, epoch, revision, sequence number, padding.
type Body = (u8, NodeId, String, u16, u16, u64, u64, u64, ByteBuf);
/// The same, but nodes with the epoch and the sequence number of their last beacons.
type SuspicionBody = (
    u8,
    NodeId,
    String,
    u16,
    u16,
    u64,
    u64,
    u64,
    Vec<(NodeId, u64, u64)>,
);

/// Encodes a beacon, for the swarm with this key or for the public one. The node in it is the
/// signer's, and a name longer than 64 bytes is cut.
///
/// # Errors
/// [`Malformed`] if the cipher refuses, which it does only for messages far longer than a beacon.
pub fn encode(
    beacon: &Beacon,
    signer: &Signer,
    swarm_key: Option<&[u8; 32]>,
) -> Result<Vec<u8>, Malformed> {
    let bytes = encode_padded(beacon, signer, swarm_key, 0)?;
    if beacon.kind != Kind::Join || bytes.len() >= MIN_JOIN {
        return Ok(bytes);
    }
    encode_padded(beacon, signer, swarm_key, MIN_JOIN - bytes.len())
}

fn encode_padded(
    beacon: &Beacon,
    signer: &Signer,
    swarm_key: Option<&[u8; 32]>,
    padding: usize,
) -> Result<Vec<u8>, Malformed> {
    let kind = match beacon.kind {
        Kind::Join => 0,
        Kind::Ping => 1,
        Kind::Leave => 2,
        Kind::Suspect => 3,
    };
    let of = |suspect: &Suspect| (suspect.node, suspect.last.epoch, suspect.last.seq);
    let body: Body = (
        kind,
        signer.node(),
        cut(&beacon.name).to_owned(),
        beacon.tcp,
        beacon.udp,
        beacon.epoch,
        beacon.revision,
        beacon.seq,
        ByteBuf::from(vec![0; padding]),
    );
    let suspects = beacon.kind == Kind::Suspect;
    let mut content = if suspects {
        let (kind, node, name, tcp, udp, epoch, revision, seq, _) = body;
        let suspects = beacon.suspects.iter().take(MAX_SUSPECTS);
        let suspects: Vec<_> = suspects.map(of).collect();
        cbor::encode(&(kind, node, name, tcp, udp, epoch, revision, seq, suspects))
    } else {
        cbor::encode(&body)
    };
    let head = header(suspects, swarm_key);
    let mut bytes = head.to_vec();
    let signature = signer.sign(&signed(head, &content, swarm_key));
    content.extend_from_slice(&signature);
    let Some(key) = swarm_key else {
        bytes.extend_from_slice(&content);
        return Ok(bytes);
    };
    let nonce: XNonce = signer.nonce(&content).into();
    let payload = Payload {
        msg: &content,
        aad: &bytes,
    };
    let sealed = XChaCha20Poly1305::new(&Key::from(*key))
        .encrypt(&nonce, payload)
        .map_err(|_| Malformed("too long to seal".into()))?;
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

/// A beacon that is well formed and of our swarm, but perhaps not from whom it says.
#[derive(Debug)]
pub struct Unverified {
    beacon: Beacon,
    signed: Vec<u8>,
    signature: [u8; SIGNATURE],
}

impl Unverified {
    /// Who it says it is from, and which of that node's beacons: enough to drop what is known
    /// already.
    #[must_use]
    pub fn id(&self) -> (NodeId, BeaconNumber) {
        (self.beacon.node, BeaconNumber::of(&self.beacon))
    }

    /// Checks the signature, the costly part.
    ///
    /// # Errors
    /// [`Malformed`] if it is not from that node.
    pub fn verify(self) -> Result<Beacon, Malformed> {
        if signer::verify(&self.beacon.node, &self.signed, &self.signature) {
            Ok(self.beacon)
        } else {
            Err(Malformed("a beacon with a wrong signature".into()))
        }
    }
}

/// Whether a datagram begins as a beacon of any version and swarm.
#[must_use]
pub fn is_beacon(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || bytes.starts_with(MAGIC_OF_SUSPICION)
}

/// Whether a datagram begins as a beacon of this version and this swarm, or of another private one.
/// Costs nothing.
#[must_use]
pub fn is_ours(bytes: &[u8], swarm_key: Option<&[u8; 32]>) -> bool {
    let fits = (HEADER + SIGNATURE..=MAX_BEACON).contains(&bytes.len());
    fits && [false, true]
        .map(|suspects| header(suspects, swarm_key))
        .iter()
        .any(|head| bytes.starts_with(head))
}

/// Takes a datagram apart, all checks but the signature's.
///
/// # Errors
/// [`Malformed`] for anything that is not a beacon of this swarm.
pub fn peek(bytes: &[u8], swarm_key: Option<&[u8; 32]>) -> Result<Unverified, Malformed> {
    let refuse = |why: &str| Err(Malformed(why.into()));
    if !is_ours(bytes, swarm_key) {
        return refuse("not a beacon of this version and swarm");
    }
    let (head, rest) = bytes.split_at(HEADER);
    let opened;
    let content = match swarm_key {
        None => rest,
        Some(key) => {
            opened = open(head, rest, key)?;
            &opened
        }
    };
    let Some((body, signature)) = content.split_last_chunk::<SIGNATURE>() else {
        return refuse("a beacon without a signature");
    };
    let suspects = head.starts_with(MAGIC_OF_SUSPICION);
    let (kind, node, name, tcp, udp, epoch, revision, seq, suspects) = if suspects {
        cbor::decode_canonical::<SuspicionBody>(body)?
    } else {
        let (kind, node, name, tcp, udp, epoch, revision, seq, padding) =
            cbor::decode_canonical::<Body>(body)?;
        if padding.iter().any(|byte| *byte != 0) {
            return refuse("a beacon with something in its padding");
        }
        let nobody = Vec::new();
        (kind, node, name, tcp, udp, epoch, revision, seq, nobody)
    };
    let kind = match (kind, suspects.len()) {
        (0, 0) => Kind::Join,
        (1, 0) => Kind::Ping,
        (2, 0) => Kind::Leave,
        (3, 1..=MAX_SUSPECTS) => Kind::Suspect,
        _ => return refuse("a beacon of an unknown kind"),
    };
    if name.len() > MAX_NAME || tcp == 0 {
        return refuse("a beacon with a name or port out of bounds");
    }
    let suspects = suspects.into_iter().map(|(node, epoch, seq)| Suspect {
        node,
        last: BeaconNumber { epoch, seq },
    });
    Ok(Unverified {
        beacon: Beacon {
            kind,
            node,
            name,
            tcp,
            udp,
            epoch,
            revision,
            seq,
            suspects: suspects.collect(),
        },
        signed: signed(header(kind == Kind::Suspect, swarm_key), body, swarm_key),
        signature: *signature,
    })
}

/// A beacon that is not of this swarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// Of another version of the protocol.
    Version,
    /// Of another swarm.
    Swarm,
}

/// What a datagram is that [`peek`] refused, as far as its first bytes tell.
#[must_use]
pub fn foreign(bytes: &[u8], swarm_key: Option<&[u8; 32]>) -> Option<Foreign> {
    let (magic, rest) = bytes.split_first_chunk::<{ MAGIC.len() }>()?;
    let (&version, rest) = rest.split_first()?;
    let &sealed = rest.first()?;
    if !is_beacon(magic) || bytes.len() > MAX_BEACON {
        None
    } else if version != VERSION {
        Some(Foreign::Version)
    } else if sealed != 0 || swarm_key.is_some() {
        Some(Foreign::Swarm)
    } else {
        None // Of this swarm, and garbled.
    }
}

/// Decodes a datagram and checks its signature.
///
/// # Errors
/// [`Malformed`] for anything that is not a true beacon of this swarm.
pub fn decode(bytes: &[u8], swarm_key: Option<&[u8; 32]>) -> Result<Beacon, Malformed> {
    peek(bytes, swarm_key)?.verify()
}

fn open(head: &[u8], rest: &[u8], key: &[u8; 32]) -> Result<Vec<u8>, Malformed> {
    let foreign = || Malformed("a sealed beacon of another swarm".into());
    let Some((nonce, sealed)) = rest.split_first_chunk::<NONCE>() else {
        return Err(foreign());
    };
    if sealed.len() < TAG + SIGNATURE {
        return Err(foreign());
    }
    let payload = Payload {
        msg: sealed,
        aad: head,
    };
    XChaCha20Poly1305::new(&Key::from(*key))
        .decrypt(&XNonce::from(*nonce), payload)
        .map_err(|_| foreign())
}

fn header(suspects: bool, swarm_key: Option<&[u8; 32]>) -> [u8; HEADER] {
    let [a, b, c, d] = *if suspects { MAGIC_OF_SUSPICION } else { MAGIC };
    [a, b, c, d, VERSION, u8::from(swarm_key.is_some())]
}

/// The longest beginning of a name that fits and does not end within a character.
fn cut(name: &str) -> &str {
    let end = (0..=name.len().min(MAX_NAME)).rfind(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or(0)]
}

/// What the signature covers.
fn signed(head: [u8; HEADER], body: &[u8], swarm_key: Option<&[u8; 32]>) -> Vec<u8> {
    let tag = swarm_key.map_or([0; 32], |key| {
        blake3::derive_key("sprat 2026 beacon swarm tag v1", key)
    });
    [CONTEXT, &head, &tag, body].concat()
}

#[cfg(test)]
mod tests;
