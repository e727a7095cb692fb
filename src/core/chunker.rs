//! Where a file is cut into chunks.
//!
//! FastCDC as published in 2020 (W. Xia et al., "The Design of Fast Content-Defined Chunking for
//! Data Deduplication Based Storage Systems", IEEE TPDS 31.9), without a seed, at normalisation
//! level 1. Two nodes that cut the same bytes get the same chunks: any change of what is here is a
//! change of the protocol, and the golden tests below are its fence.
//!
//! Invariant: cuts depend on the bytes since the last cut alone, never on how they arrived. Keeps
//! no state.

use super::manifest::{MAX_CHUNK, MIN_CHUNK};
use fastcdc::v2020::{MASKS, cut};

/// Bytes of the shortest chunk, but for the last of a file.
pub const MIN: usize = MIN_CHUNK as usize;
/// Bytes of the longest chunk.
pub const MAX: usize = 1 << 20;
/// Files of up to so many bytes are cut finely.
pub const FINE: u64 = 64 << 20;

const _: () = assert!(MAX == MAX_CHUNK as usize);

/// How finely a file is cut. A node passes on whole chunks only, so those of a file that is on its
/// way for seconds are short; those of a long one are not many.
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
        if size <= FINE {
            // 98 KiB on average.
            Self {
                min: MIN,
                normal: 96 << 10,
                bits: (16, 14),
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
