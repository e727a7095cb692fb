//! The bytes of pairing: datagrams on the discovery port, and the two frames of `/sprat/pair/1`.
//!
//! Owns both forms of the datagram and all checks of what a stranger sends. Never remembers anything, and knows nothing
//! of codes: `core::pairing` does.
//!
//! ```text
//! header   "SPRP", version 1, form (0 open, 1 sealed)                                      6 bytes
//! open     header, body
//! sealed   header, nonce (24), XChaCha20-Poly1305 of body; the header is associated data, the key comes from the swarm's
//! body     canonical CBOR of a `Message`
//! ```
//!
//! A beacon begins otherwise, so each of the two is dropped after four bytes by whoever waits for the other.

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

/// The longest datagram, in bytes.
pub const MAX_PAIRING: usize = 320;
/// Random bytes that go with each sealed datagram.
pub const NONCE: usize = 24;

const MAGIC: &[u8; 4] = b"SPRP";
const VERSION: u8 = 1;
const HEADER: usize = 6;
const TAG: usize = 16;

/// Encodes a datagram, for the swarm with this key or for the public one. The nonce must be random; it is used only with
/// a key.
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
mod tests {
    use super::*;
    use crate::core::{
        id::NodeId,
        pairing::{Refusal, SEALED_PORT},
    };
    use proptest::prelude::*;

    const KEY: [u8; 32] = [9; 32];

    fn all() -> Vec<Message> {
        let (session, attempt) = (Id([0xff; 16]), Id([0xfe; 16]));
        let no = |why| Message::No { session, why };
        vec![
            Message::Wait {
                channel: 999,
                sender: NodeId([0xaa; 32]),
            },
            Message::Hello {
                channel: 999,
                sender: NodeId([0xaa; 32]),
                receiver: NodeId([0xbb; 32]),
                session,
                x: [0xcc; 32],
            },
            Message::Reply {
                session,
                attempt,
                y: [0xdd; 32],
            },
            Message::Proof {
                session,
                attempt,
                mac: [0xee; 32],
            },
            Message::Port {
                session,
                attempt,
                sealed: [0xff; SEALED_PORT],
            },
            no(Refusal::Busy),
            no(Refusal::Wrong),
            no(Refusal::Spent),
            no(Refusal::Unknown),
        ]
    }

    fn bytes(message: &Message, key: Option<&[u8; 32]>) -> Vec<u8> {
        encode(message, key, [5; NONCE]).unwrap()
    }

    #[test]
    fn both_forms_round_trip_and_swarms_do_not_see_each_other() {
        for message in all() {
            let open = bytes(&message, None);
            let sealed = bytes(&message, Some(&KEY));
            assert!(sealed.len() <= MAX_PAIRING, "{}", sealed.len());
            assert_eq!(decode(&open, None).unwrap(), message);
            assert_eq!(decode(&sealed, Some(&KEY)).unwrap(), message);
            assert!(decode(&open, Some(&KEY)).is_err());
            assert!(decode(&sealed, None).is_err());
            assert!(decode(&sealed, Some(&[8; 32])).is_err());
        }
    }

    #[test]
    fn no_answer_is_longer_than_what_it_answers() {
        let sizes: Vec<usize> = all().iter().map(|m| bytes(m, None).len()).collect();
        let (hello, reply, proof, port) = (sizes[1], sizes[2], sizes[3], sizes[4]);
        assert!(reply <= hello);
        assert!(port <= proof);
        assert!(sizes[5..].iter().all(|no| *no <= hello && *no <= proof));
    }

    #[test]
    fn beacons_and_pairing_messages_are_told_apart() {
        let signer = crate::wire::signer::Signer::new([7; 32]).unwrap();
        let beacon = crate::core::membership::Beacon {
            kind: crate::core::membership::Kind::Join,
            node: signer.node(),
            name: String::new(),
            tcp: 1,
            udp: 1,
            epoch: 1,
            revision: 1,
            seq: 1,
        };
        for key in [None, Some(&KEY)] {
            let beacon = crate::wire::beacon::encode(&beacon, &signer, key).unwrap();
            assert!(!is_pairing(&beacon));
            assert!(decode(&beacon, key).is_err());
            for message in all() {
                assert!(crate::wire::beacon::peek(&bytes(&message, key), key).is_err());
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_sealed_one_is_refused() {
        for message in all() {
            let good = bytes(&message, Some(&KEY));
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(decode(&bad, Some(&KEY)).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_message_has_one_form_and_nothing_after_it() {
        for message in all() {
            let good = bytes(&message, None);
            for end in 0..good.len() {
                assert!(decode(&good[..end], None).is_err());
            }
            assert!(decode(&[&good[..], &[0]].concat(), None).is_err());
        }
        // A map with a key that nobody knows.
        let body = b"\xa1\x62No\xa3\x67session\x50aaaaaaaaaaaaaaaa\x63why\x64Busy\x61x\x01";
        assert!(decode(&[&header(None)[..], body].concat(), None).is_err());
    }

    /// Everything that crosses the network when Anna sends to Bert, by port.
    fn datagrams(port: u16) -> Vec<Vec<u8>> {
        use crate::core::{
            Now,
            pairing::{Mode, Receiver, ReceiverAction, ReceiverEvent, Sender},
            pairing::{SenderAction, SenderEvent},
        };
        let code: crate::core::code::Code = "7-amber-falcon".parse().unwrap();
        let (anna, bert) = (NodeId([1; 32]), NodeId([2; 32]));
        let wait = std::time::Duration::from_secs(9);
        let mut sender = Sender::new(anna, port, code.clone(), Mode::One, &[3; 32], Now::ZERO);
        let mut receiver = Receiver::new(bert, code, &[4; 32], wait, Now::ZERO);
        let from: std::net::SocketAddr = "10.0.0.1:9".parse().unwrap();
        let from = from.into();
        let mut all = Vec::new();
        let mut to_do = sender.handle(SenderEvent::Tick, Now::ZERO);
        while let Some(action) = to_do.pop() {
            let (SenderAction::Announce(message) | SenderAction::Send { message, .. }) = action
            else {
                continue;
            };
            all.push(bytes(&message, None));
            let heard = ReceiverEvent::Heard { message, from };
            for answer in receiver.handle(heard, Now::ZERO) {
                if let ReceiverAction::Send { message, .. } = answer {
                    all.push(bytes(&message, None));
                    let heard = SenderEvent::Heard { message, from };
                    to_do.extend(sender.handle(heard, Now::ZERO));
                }
            }
        }
        all
    }

    #[test]
    fn neither_the_words_nor_the_port_cross_the_network_in_clear() {
        let (one, two) = (datagrams(4001), datagrams(51234));
        assert_eq!((one.len(), two.len()), (5, 5));
        for bytes in &one {
            let text = String::from_utf8_lossy(bytes).to_lowercase();
            assert!(!text.contains("amber") && !text.contains("falcon"));
            let shows = |port: &[u8]| bytes.windows(port.len()).any(|window| window == port);
            assert!(!shows(&4001u16.to_be_bytes()) && !shows(&4001u16.to_le_bytes()));
            assert!(!shows(b"4001"));
        }
        // With the same randomness, the port changes nothing but what is sealed.
        assert_eq!(one[..4], two[..4]);
        assert_ne!(one[4], two[4]);
    }

    #[test]
    fn names_have_a_bound() {
        assert!(check_name(&"x".repeat(MAX_NAME)).is_ok());
        assert!(check_name(&"x".repeat(MAX_NAME + 1)).is_err());
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..400), ours: bool, seal: bool
        ) {
            let key = seal.then_some(&KEY);
            if ours && bytes.len() >= HEADER {
                bytes[..HEADER].copy_from_slice(&header(key));
            }
            prop_assert!(decode(&bytes, key).is_err());
        }

        #[test]
        fn a_changed_message_is_another_one_or_none(which in 0..9usize, at: usize, to: u8) {
            let good = bytes(&all()[which], None);
            let mut changed = good.clone();
            let at = at % changed.len();
            changed[at] = to;
            if let Ok(message) = decode(&changed, None) {
                prop_assert_eq!(bytes(&message, None), changed);
            }
        }
    }
}
