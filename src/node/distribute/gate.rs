//! What all inbound pushes share: how many rounds there are at a time, and memory for the manifests
//! of large files.

use crate::{core::admission::Admission, wire::distribute::PushRefusal};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Rounds at a time.
const ROUNDS: usize = 16;
/// Files of so many chunks (some gigabytes) may be in any round. What larger ones take in memory is
/// bounded in all: bytes a chunk, and bytes.
const SMALL: u32 = 16 << 10;
const CHUNK_MEMORY: u32 = 100;
const MEMORY: u32 = 64 << 20;

/// What all inbound pushes share.
#[derive(Clone)]
pub struct Gate {
    /// One of a peer.
    pub(super) rounds: Admission,
    /// Bytes for manifests of large files.
    memory: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            rounds: Admission::new(ROUNDS, 1),
            memory: Arc::new(Semaphore::new(MEMORY as usize)),
        }
    }
}

impl Gate {
    /// Room in memory for the manifest of a file of so many chunks, until the end of the round.
    pub(super) fn room(&self, chunks: u32) -> Result<Option<OwnedSemaphorePermit>, PushRefusal> {
        if chunks <= SMALL {
            return Ok(None);
        }
        let bytes = chunks.checked_mul(CHUNK_MEMORY).filter(|&n| n <= MEMORY);
        let bytes = bytes.ok_or(PushRefusal::NoRoom)?;
        let room = Arc::clone(&self.memory).try_acquire_many_owned(bytes);
        room.map(Some).map_err(|_| PushRefusal::Busy)
    }
}
