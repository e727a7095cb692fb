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
/// Bytes that chunks have on average, roughly (a little more in truth: the minimum is skipped).
pub const AVG: usize = 256 << 10;
/// Bytes of the longest chunk.
pub const MAX: usize = 1 << 20;

/// Bits by which cuts get less likely below the average, and likelier above it.
const NORMALISATION: u32 = 1;
/// What `fastcdc::v2020::select_masks` answers for these sizes, known before the program runs.
const STRICT: u64 = MASKS[(AVG.ilog2() + NORMALISATION) as usize];
const LOOSE: u64 = MASKS[(AVG.ilog2() - NORMALISATION) as usize];

const _: () = assert!(MAX == MAX_CHUNK as usize);

/// The length in bytes of the first chunk of `buf`, where a chunk begins at its start; `last` says
/// that nothing follows `buf`. `None` when that cannot be known from less than [`MAX`] bytes, or
/// when nothing is left.
///
/// There is nothing to set up: call it again for `&buf[length..]`.
#[must_use]
pub fn next_cut(buf: &[u8], last: bool) -> Option<usize> {
    if buf.is_empty() || (buf.len() < MAX && !last) {
        return None;
    }
    let (_, length) = cut(buf, MIN, AVG, MAX, STRICT, LOOSE, STRICT << 1, LOOSE << 1);
    Some(length)
}

#[cfg(test)]
mod tests;
