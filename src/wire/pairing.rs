//! The bytes of pairing: datagrams on the discovery port, and the two frames of `/sprat/pair/1`.
//!
//! Owns both forms of the datagram and all checks of what a stranger sends. Never remembers
//! anything, and knows nothing of codes: `core::pairing` does.
//!
//! ```text
//! header   "SPRP", version 1, form (0 open, 1 sealed)                                      6 bytes
//! open     header, body
//! sealed   header, nonce (24), XChaCha20-Poly1305 of body; the header is associated data, the key comes from the swarm's
//! body     canonical CBOR of a `Message`
//! ```
//!
//! A beacon begins otherwise, so each of the two is dropped after four bytes by a node that waits
//! for the other.

use super::protocol::{Protocol, Route};
use super::{
    MAX_NAME,
    cbor::{self, Malformed},
};
use crate::core::pairing::{Id, Message};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};

/// One short stream, on which two nodes prove that they have paired.
pub const PROTOCOL: Protocol = Protocol {
    name: "/sprat/pair/1",
    route: Route::Patient,
};

/// A stream for the messages of pairing, between nodes that are not near each other.
pub const TALK_PROTOCOL: Protocol = Protocol {
    name: "/sprat/pair-talk/1",
    route: Route::Patient,
};

/// The longest datagram, in bytes.
pub const MAX_PAIRING: usize = 320;
/// Random bytes that go with each sealed datagram.
pub const NONCE: usize = 24;

const MAGIC: &[u8; 4] = b"SPRP";
const VERSION: u8 = 1;
const HEADER: usize = 6;
const TAG: usize = 16;

/// Encodes a datagram, for the swarm with this key or for the public one. The nonce must be random;
/// it is used only with a key.
///
/// # Errors
/// [`Malformed`] if the cipher refuses, which it does only for messages far longer than these.
pub fn encode(
    message: &Message,
    swarm_key: Option<&[u8; 32]>,
    nonce: [u8; NONCE],
) -> Result<Vec<u8>, Malformed> {
    let body = cbor::encode(message);
    let mut bytes = header(swarm_key).to_vec();
    let Some(key) = swarm_key else {
        bytes.extend_from_slice(&body);
        return Ok(bytes);
    };
    let payload = Payload {
        msg: &body,
        aad: &bytes,
    };
    let sealed = cipher(key)
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| Malformed("too long to seal".into()))?;
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

/// Decodes a datagram.
///
/// # Errors
/// [`Malformed`] for anything that is not a pairing message of this swarm.
pub fn decode(bytes: &[u8], swarm_key: Option<&[u8; 32]>) -> Result<Message, Malformed> {
    if !is_pairing(bytes) || bytes.len() > MAX_PAIRING {
        return Err(Malformed("not a pairing message".into()));
    }
    let foreign = || Malformed("a pairing message of another version or swarm".into());
    let (head, rest) = bytes.split_at_checked(HEADER).ok_or_else(foreign)?;
    if head != header(swarm_key) {
        return Err(foreign());
    }
    let Some(key) = swarm_key else {
        return cbor::decode_canonical(rest);
    };
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or_else(foreign)?;
    if sealed.len() < TAG {
        return Err(foreign());
    }
    let payload = Payload {
        msg: sealed,
        aad: head,
    };
    let body = cipher(key)
        .decrypt(&XNonce::from(*nonce), payload)
        .map_err(|_| foreign())?;
    cbor::decode_canonical(&body)
}

/// Whether it is worth a closer look: four bytes tell it from a beacon.
#[must_use]
pub fn is_pairing(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

fn header(swarm_key: Option<&[u8; 32]>) -> [u8; HEADER] {
    let [a, b, c, d] = *MAGIC;
    [a, b, c, d, VERSION, u8::from(swarm_key.is_some())]
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    let key = blake3::derive_key("sprat 2026-11 pairing swarm seal v1", key);
    XChaCha20Poly1305::new(&Key::from(key))
}

/// The first frame of `/sprat/pair/1`, from the receiver: "this is our key, and so I am called".
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// Which exchange it is about.
    pub attempt: Id,
    /// The display name: foreign text, to be escaped before it is shown.
    pub name: String,
    /// See `core::pairing::Link::receiver_proof`.
    #[serde(with = "serde_bytes")]
    pub mac: [u8; 32],
}

/// The second frame, from the sender: the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counterproof {
    /// The display name: foreign text, to be escaped before it is shown.
    pub name: String,
    /// See `core::pairing::Link::sender_proof`.
    #[serde(with = "serde_bytes")]
    pub mac: [u8; 32],
}

/// The third frame, from the receiver: it has seen the counterproof, and the pair is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Seen {
    /// It was right.
    Paired,
}

/// Whether a name is as long as a beacon's may be.
///
/// # Errors
/// [`Malformed`] when it is longer.
pub fn check_name(name: &str) -> Result<(), Malformed> {
    if name.len() > MAX_NAME {
        return Err(Malformed("a name that is too long".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
