//! Whose turn it is among downloads of files with very many chunks: what a job knows of each chunk
//! takes memory.
//!
//! Invariant: the large files that are open in all jobs together have at most [`CHUNKS`] chunks.

use crate::core::manifest::{MAX_PAGES, PAGE_ENTRIES};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Files of so many chunks (some gigabytes) need no turn.
const SMALL: u32 = 16 << 10;
/// As many as the largest file has, so that each gets its turn.
const CHUNKS: u32 = (MAX_PAGES * PAGE_ENTRIES) as u32;

/// The turns. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Large(Arc<Semaphore>);

impl Default for Large {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CHUNKS as usize)))
    }
}

impl Large {
    /// Waits until there is room for a file of so many chunks; it is taken until what comes back is
    /// dropped.
    pub async fn turn(&self, chunks: u32) -> Option<OwnedSemaphorePermit> {
        if chunks <= SMALL {
            return None;
        }
        let room = Arc::clone(&self.0).acquire_many_owned(chunks.min(CHUNKS));
        room.await.ok() // It is never closed.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn large_files_wait_for_one_another_and_small_ones_for_nobody() {
        let large = Large::default();
        let whole = large.turn(CHUNKS).await;
        assert!(whole.is_some());
        assert!(large.turn(SMALL).await.is_none());
        let second = timeout(Duration::from_secs(60), large.turn(SMALL + 1));
        assert!(second.await.is_err());
        drop(whole);
        assert!(large.turn(SMALL + 1).await.is_some());
    }
}
