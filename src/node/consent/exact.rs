//! What is handed in, as it is read: exactly so many bytes with the right sum at their end, or an
//! error.

use sha2::{Digest as _, Sha256};
use std::{
    io::{self, Read},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio_util::sync::CancellationToken;

/// Reads from `from`; see the module.
pub struct Exact<'a, R> {
    pub from: R,
    /// Bytes that are still to come.
    pub left: u64,
    /// Ends it.
    pub over: &'a CancellationToken,
    /// Counts what came.
    pub counted: [&'a AtomicU64; 2],
    /// Of what came so far, and what it must be at the end.
    pub sum: Option<(Sha256, [u8; 32])>,
    /// It is another one.
    pub wrong: &'a AtomicBool,
}

impl<R: Read> Read for Exact<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.over.is_cancelled() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let read = self.from.read(out)?;
        let ended = read == 0 && !out.is_empty();
        if read as u64 > self.left || (ended && self.left > 0) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if let Some((sum, _)) = &mut self.sum {
            sum.update(&out[..read]);
        }
        if ended
            && let Some((sum, said)) = self.sum.take()
            && <[u8; 32]>::from(sum.finalize()) != said
        {
            self.wrong.store(true, Ordering::Relaxed);
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.left -= read as u64;
        for counted in self.counted {
            counted.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok(read)
    }
}
