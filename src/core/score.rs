//! Rendezvous hashing (highest random weight: D. Thaler, C. Ravishankar, 1998): every node ranks
//! the nodes for a chunk alike.

use super::id::{ChunkId, NodeId};
use std::cmp::Ordering;

/// The weight of a node for a chunk; the highest comes first, and of equal ones the greater node
/// id.
///
/// Exactly, for another implementation: let `c` be the first eight bytes of the chunk id and `n`
/// those of the node id, both big-endian; all arithmetic is modulo 2^64, `⊕` is exclusive or, `≫`
/// shifts right:
///
/// ```text
/// x = c ⊕ (rotate_left(n, 32) × 9E3779B97F4A7C15)
/// x = (x ⊕ x ≫ 30) × BF58476D1CE4E5B9
/// x = (x ⊕ x ≫ 27) × 94D049BB133111EB
/// score = x ⊕ x ≫ 31
/// ```
///
/// Both ids are uniform already, so this only has to mix them (`SplitMix64`'s finish), which costs
/// a nanosecond where a hash costs a hundred.
#[must_use]
pub fn score(chunk: &ChunkId, node: &NodeId) -> u64 {
    Weight::of(*node).score(word(chunk.as_bytes()))
}

/// The first eight bytes, big-endian.
pub(super) fn word(bytes: &[u8; 32]) -> u64 {
    bytes
        .iter()
        .take(8)
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// A node, prepared to be scored for many chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Weight {
    pub node: NodeId,
    spread: u64,
}

impl Weight {
    pub fn of(node: NodeId) -> Self {
        let spread = word(node.as_bytes()).rotate_left(32);
        Self {
            node,
            spread: spread.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }

    pub fn score(&self, chunk: u64) -> u64 {
        let mut x = chunk ^ self.spread;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// Whether this node comes before `other` for the chunk with this word.
    pub fn before(&self, other: &Self, chunk: u64) -> bool {
        match self.score(chunk).cmp(&other.score(chunk)) {
            Ordering::Equal => self.node > other.node,
            order => order.is_gt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another implementation has to come to the same numbers, by the document alone.
    #[test]
    fn the_score_is_what_the_protocol_says() {
        let mut chunk = [0; 32];
        chunk[..8].copy_from_slice(&0x0123_4567_89AB_CDEFu64.to_be_bytes());
        let mut node = [0xFF; 32];
        node[..8].copy_from_slice(&0xFEDC_BA98_7654_3210u64.to_be_bytes());
        assert_eq!(score(&ChunkId([0; 32]), &NodeId([0; 32])), 0);
        assert_eq!(score(&ChunkId(chunk), &NodeId(node)), 0xF0B0_E205_E4AE_1E05);
        let document = include_str!("../../docs/protocol.md");
        assert!(document.contains("the score is F0B0E205E4AE1E05."));
    }
}
