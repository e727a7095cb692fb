//! The proof that both ends of a QUIC connection know the key of their private swarm:
//! `/sprat/member/1`.
//!
//! Owns its frames and codes. Never makes a nonce and never touches a stream. QUIC proves who the
//! ends are, so the codes are over their ids: no node can pass another's on.
//!
//! ```text
//! first     nonce                                                                          32 bytes
//! second    nonce, its code                                                                64 bytes
//! first     its code                                                                       32 bytes
//! second    1: "so you are one of us"                                                       1 byte
//! ```
//!
//! First is the end with the smaller id: of a punched hole both ends may believe that they accepted
//! the connection.
//!
//! A code is BLAKE3, keyed with `derive_key("sprat 2026-11 member proof v1", swarm key)`, of: 0 for
//! the first's or 1 for the second's, the first's nonce, the second's nonce, the first's id, the
//! second's id.

use crate::core::id::NodeId;
use blake3::Hash;

/// Random bytes of each end.
pub const NONCE: usize = 32;
/// Bytes of a code.
pub const CODE: usize = 32;
/// The last word.
pub const WELCOME: u8 = 1;

/// What both ends know of an exchange.
#[derive(Debug, Clone, Copy)]
pub struct Exchange {
    /// Who begins: the smaller id.
    pub first: NodeId,
    /// Who answers.
    pub second: NodeId,
    /// What the first made up.
    pub first_nonce: [u8; NONCE],
    /// What the second made up.
    pub second_nonce: [u8; NONCE],
}

impl Exchange {
    /// The code of who begins. (Comparing a `Hash` takes the same time wherever the difference is.)
    #[must_use]
    pub fn first_code(&self, swarm_key: &[u8; 32]) -> Hash {
        self.code(swarm_key, 0)
    }

    /// The code of who answers.
    #[must_use]
    pub fn second_code(&self, swarm_key: &[u8; 32]) -> Hash {
        self.code(swarm_key, 1)
    }

    fn code(&self, swarm_key: &[u8; 32], role: u8) -> Hash {
        let key = blake3::derive_key("sprat 2026-11 member proof v1", swarm_key);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(&[role]);
        hasher.update(&self.first_nonce);
        hasher.update(&self.second_nonce);
        hasher.update(&self.first.0);
        hasher.update(&self.second.0);
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [9; 32];

    fn exchange() -> Exchange {
        Exchange {
            first: NodeId([1; 32]),
            second: NodeId([2; 32]),
            first_nonce: [3; 32],
            second_nonce: [4; 32],
        }
    }

    #[test]
    fn a_code_is_good_for_one_role_one_exchange_one_pair_and_one_swarm() {
        let ours = exchange();
        let code = ours.first_code(&KEY);
        assert_eq!(code, exchange().first_code(&KEY));
        assert_ne!(code, ours.second_code(&KEY));
        assert_ne!(code, ours.first_code(&[8; 32]));
        for other in [
            Exchange {
                first: NodeId([5; 32]),
                ..ours
            },
            Exchange {
                second: NodeId([5; 32]),
                ..ours
            },
            Exchange {
                first_nonce: [5; 32],
                ..ours
            },
            Exchange {
                second_nonce: [5; 32],
                ..ours
            },
            // The ends have changed places.
            Exchange {
                first: ours.second,
                second: ours.first,
                ..ours
            },
        ] {
            assert_ne!(code, other.first_code(&KEY));
            assert_ne!(code, other.second_code(&KEY));
        }
    }

    #[test]
    fn codes_stay_as_they_were_published() {
        let hex = |hash: Hash| hash.to_hex().to_string();
        assert_eq!(
            hex(exchange().first_code(&KEY)),
            "4573fdf61e7945029b7ae2d530d0aca75fd54f147f10221aa7767d7e5ee2f6cc"
        );
        assert_eq!(
            hex(exchange().second_code(&KEY)),
            "99da0003fa4398a4d7c4464ff6a775d81f2b57cab378d4381760598a8a47dec7"
        );
    }
}
