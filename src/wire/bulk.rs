//! Bulk connections: how two nodes that are connected agree on one, and what it is made of.
//!
//! Owns the frames of `/sprat/bulk/1`, the keys, and how a bulk connection begins. Never touches a
//! socket and makes no random bytes. Invariants: the keys come from both ends' fresh bytes, which
//! only the two know, and are bound to who they are, to the swarm and to the cipher; a ticket opens
//! one connection, once.
//!
//! ```text
//! on a stream of the connection that stands
//! requester   ciphers(1)  bytes(32)                bits: 1 = AES-128-GCM, 2 = ChaCha20-Poly1305
//! holder      cipher(1)   port(2)  bytes(32)       one of those; 0 = not now, and nothing follows
//!
//! on a connection of its own, to that port
//! requester   "sprB"  ticket(16)                   then records
//! each end    length(4)  sealed(length)            length counts the tag; its four bytes are
//!                                                  authenticated, too
//! ```
//!
//! Keys and ticket are BLAKE3 in `derive_key` mode over: the requester's bytes, the holder's bytes,
//! the requester's id, the holder's id, the swarm's key (zeros in the public swarm), the cipher.
//! The nonce of a record is its number in its direction, from 0, in the last eight of twelve bytes.

use super::protocol::{Protocol, Route};
use crate::core::id::NodeId;

/// On the connection that stands.
pub const PROTOCOL: Protocol = Protocol {
    name: "/sprat/bulk/1",
    route: Route::Patient,
};

/// What a bulk connection begins with; every other one begins with 0x13.
pub const MAGIC: [u8; 4] = *b"sprB";
/// Bytes that open one connection.
pub const TICKET: usize = 16;
/// Fresh bytes of each end.
pub const FRESH: usize = 32;
/// Bytes of a requester's frame.
pub const OFFER: usize = 1 + FRESH;
/// Bytes of a holder's frame.
pub const ANSWER: usize = 3 + FRESH;
/// Bytes before each record.
pub const PREFIX: usize = 4;
/// Bytes by which sealing lengthens a record.
pub const TAG: usize = 16;
/// Bytes of a record before sealing, at most.
pub const MAX_PLAIN: usize = 128 << 10;
/// Records under one key: far below what either cipher allows, and less than a terabyte.
pub const MAX_RECORDS: u64 = 1 << 22;

/// What seals the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cipher {
    /// Where both processors have it: the fastest.
    Aes = 1,
    /// Everywhere.
    ChaCha = 2,
}

impl Cipher {
    /// Bytes of its key.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes => 16,
            Self::ChaCha => 32,
        }
    }

    /// The one that a holder takes of those that are offered.
    #[must_use]
    pub fn choose(offered: u8, here: u8) -> Option<Self> {
        let both = offered & here;
        [Self::Aes, Self::ChaCha]
            .into_iter()
            .find(|one| both & *one as u8 != 0)
    }

    /// The one of that number.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Aes, Self::ChaCha]
            .into_iter()
            .find(|one| *one as u8 == byte)
    }
}

/// What both ends know when they have agreed.
#[derive(Debug, Clone, Copy)]
pub struct Agreement {
    /// Who opens the connection.
    pub requester: NodeId,
    /// Who listens.
    pub holder: NodeId,
    /// The requester's fresh bytes.
    pub requester_bytes: [u8; FRESH],
    /// The holder's.
    pub holder_bytes: [u8; FRESH],
    /// Of a private swarm.
    pub swarm_key: Option<[u8; 32]>,
    /// What seals.
    pub cipher: Cipher,
}

/// What opens and seals a connection.
#[derive(Clone)]
pub struct Keys {
    /// What seals.
    pub cipher: Cipher,
    /// Opens the connection.
    pub ticket: [u8; TICKET],
    /// Seals what the requester says; its first bytes, as many as the cipher takes.
    pub requester: [u8; 32],
    /// Seals what the holder says.
    pub holder: [u8; 32],
}

impl Agreement {
    /// The keys.
    #[must_use]
    pub fn keys(&self) -> Keys {
        let derive = |what| {
            let mut hasher = blake3::Hasher::new_derive_key(what);
            hasher.update(&self.requester_bytes);
            hasher.update(&self.holder_bytes);
            hasher.update(&self.requester.0);
            hasher.update(&self.holder.0);
            hasher.update(&self.swarm_key.unwrap_or_default());
            hasher.update(&[self.cipher as u8]);
            *hasher.finalize().as_bytes()
        };
        let mut ticket = [0; TICKET];
        ticket.copy_from_slice(&derive("sprat 2026-11 bulk ticket v1")[..TICKET]);
        Keys {
            cipher: self.cipher,
            ticket,
            requester: derive("sprat 2026-11 bulk requester key v1"),
            holder: derive("sprat 2026-11 bulk holder key v1"),
        }
    }
}

/// What a record before it says of its length; `None` for one that no record has.
#[must_use]
pub fn sealed_len(prefix: [u8; PREFIX]) -> Option<usize> {
    let len = u32::from_be_bytes(prefix) as usize;
    (TAG + 1..=TAG + MAX_PLAIN).contains(&len).then_some(len)
}

/// The nonce of a record; `None` when the key has sealed enough.
#[must_use]
pub fn nonce(record: u64) -> Option<[u8; 12]> {
    if record >= MAX_RECORDS {
        return None;
    }
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&record.to_be_bytes());
    Some(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement() -> Agreement {
        Agreement {
            requester: NodeId([1; 32]),
            holder: NodeId([2; 32]),
            requester_bytes: [3; FRESH],
            holder_bytes: [4; FRESH],
            swarm_key: None,
            cipher: Cipher::Aes,
        }
    }

    #[test]
    fn keys_are_good_for_one_pair_one_swarm_and_one_cipher() {
        let ours = agreement();
        let keys = ours.keys();
        assert_ne!(keys.requester, keys.holder);
        for other in [
            Agreement {
                requester: ours.holder,
                holder: ours.requester,
                ..ours
            },
            Agreement {
                requester_bytes: [5; FRESH],
                ..ours
            },
            Agreement {
                holder_bytes: [5; FRESH],
                ..ours
            },
            Agreement {
                swarm_key: Some([9; 32]),
                ..ours
            },
            Agreement {
                cipher: Cipher::ChaCha,
                ..ours
            },
        ] {
            let other = other.keys();
            assert_ne!(other.ticket, keys.ticket);
            assert_ne!(other.requester, keys.requester);
            assert_ne!(other.holder, keys.holder);
        }
    }

    #[test]
    fn keys_stay_as_they_were_published() {
        let hex = |bytes: &[u8]| {
            let bytes = bytes.first_chunk().copied().unwrap();
            format!("{:032x}", u128::from_be_bytes(bytes))
        };
        let keys = agreement().keys();
        assert_eq!(hex(&keys.ticket), "1c918efb0d847b7e32d5ef74adb831b6");
        assert_eq!(hex(&keys.requester), "b3012fbfe9bb6fb4d934e3c1534d9450");
        assert_eq!(hex(&keys.holder), "62e53323364d701568828c412e9261fa");
    }

    #[test]
    fn the_cipher_is_one_that_both_have() {
        assert_eq!(Cipher::choose(3, 3), Some(Cipher::Aes));
        assert_eq!(Cipher::choose(3, 2), Some(Cipher::ChaCha));
        assert_eq!(Cipher::choose(1, 2), None);
        assert_eq!(Cipher::choose(0xfc, 3), None);
        assert_eq!(Cipher::from_byte(0), None);
    }

    #[test]
    fn lengths_that_no_record_has_are_refused() {
        assert_eq!(sealed_len([0; 4]), None);
        assert_eq!(sealed_len([0, 0, 0, 16]), None);
        assert_eq!(sealed_len([0, 0, 0, 17]), Some(17));
        assert_eq!(sealed_len([0, 2, 0, 16]), Some((128 << 10) + 16));
        assert_eq!(sealed_len([0, 2, 0, 17]), None);
        assert_eq!(sealed_len([0xff; 4]), None);
    }

    #[test]
    fn a_key_seals_only_so_much() {
        assert_eq!(nonce(1), Some([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert!(nonce(MAX_RECORDS - 1).is_some());
        assert_eq!(nonce(MAX_RECORDS), None);
    }
}
