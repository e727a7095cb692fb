//! Where a file is cut into chunks.
//!
//! FastCDC as published in 2020 (W. Xia et al., "The Design of Fast Content-Defined Chunking for
//! Data Deduplication Based Storage Systems", IEEE TPDS 31.9), without a seed, at normalisation
//! level 1. Two nodes that cut the same bytes get the same chunks: any change of what is here is a
//! change of the protocol, and the golden tests below are its fence.
//!
//! Invariant: cuts depend on the bytes since the last cut alone, never on how they arrived. Keeps
//! no state.

use super::manifest::{FINE, MAX_CHUNK, MIN_CHUNK, MIN_FINE_CHUNK, shortest_chunk};
use fastcdc::v2020::{MASKS, cut};

/// Bytes of the longest chunk.
pub const MAX: usize = 1 << 20;

const _: () = assert!(MAX == MAX_CHUNK as usize);
const _: () = assert!(Grain::of(FINE.1).min >= shortest_chunk(FINE.1) as usize);

/// How finely a file is cut. A node passes on whole chunks only, so those of a file that is on its
/// way for seconds are short; those of a long one are not many, and a short one is not worth many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grain {
    /// Bytes that are skipped, for no chunk is shorter.
    min: usize,
    /// Where cuts become likelier.
    normal: usize,
    /// Zero bits that make a cut before that, and after it.
    bits: (usize, usize),
}

impl Grain {
    /// That of a file of so many bytes.
    #[must_use]
    pub const fn of(size: u64) -> Self {
        if size <= FINE.0 {
            // 98 KiB on average.
            Self {
                min: MIN_CHUNK as usize,
                normal: 96 << 10,
                bits: (16, 14),
            }
        } else if size <= FINE.1 {
            // 24 KiB on average.
            Self {
                min: MIN_FINE_CHUNK as usize,
                normal: 24 << 10,
                bits: (14, 12),
            }
        } else {
            // 295 KiB on average.
            Self {
                min: 192 << 10,
                normal: 256 << 10,
                bits: (18, 16),
            }
        }
    }

    /// The length in bytes of the first chunk of `buf`, where a chunk begins at its start; `last`
    /// says that nothing follows `buf`. `None` when that cannot be known from less than [`MAX`]
    /// bytes, or when nothing is left.
    ///
    /// There is nothing to set up: call it again for `&buf[length..]`.
    #[must_use]
    pub fn next_cut(self, buf: &[u8], last: bool) -> Option<usize> {
        if buf.is_empty() || (buf.len() < MAX && !last) {
            return None;
        }
        let (strict, loose) = (MASKS[self.bits.0], MASKS[self.bits.1]);
        let (_, length) = cut(
            buf,
            self.min,
            self.normal,
            MAX,
            strict,
            loose,
            strict << 1,
            loose << 1,
        );
        Some(length)
    }
}

#[cfg(test)]
mod tests;
