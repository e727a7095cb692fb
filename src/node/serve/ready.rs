//! Small chunks of one stream that are read before their turn, together with the one whose turn it is.
//!
//! Invariant: at most [`RUN_BYTES`] of a stream are kept, each for a question that is still open.

use super::line::Queue;
use crate::{core::id::ChunkId, store::ChunkReader, wire::chunk::Tag};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;

/// How many are read together.
const RUN: usize = 15;
/// Bytes of them that are kept.
pub(super) const RUN_BYTES: usize = 64 << 10;

/// The chunks, by question.
#[derive(Default)]
pub(super) struct Ready(Mutex<HashMap<Tag, (ChunkId, Vec<u8>)>>);

impl Ready {
    fn lock(&self) -> MutexGuard<'_, HashMap<Tag, (ChunkId, Vec<u8>)>> {
        self.0.lock()
    }

    /// What was read for a question whose turn it is.
    pub(super) fn take(&self, tag: Tag, id: &ChunkId) -> Option<Vec<u8>> {
        let (read, bytes) = self.lock().remove(&tag)?;
        (read == *id).then_some(bytes)
    }

    /// The question needs no answer.
    pub(super) fn forget(&self, tag: Tag) {
        self.lock().remove(&tag);
    }
}

impl Queue {
    /// Reads small chunks before their turn. One that is not small, or cannot be read, waits for it.
    pub(super) fn read_on(&self, reader: &ChunkReader) {
        let mut buffer = Vec::new();
        for (tag, id) in self.next(RUN) {
            if self.ready.lock().contains_key(&tag) {
                continue;
            }
            if !matches!(reader.read(&id, &mut buffer), Ok(true)) {
                return;
            }
            // Its turn may have come meanwhile.
            self.while_open(tag, || {
                let mut ready = self.ready.lock();
                let kept: usize = ready.values().map(|(_, bytes)| bytes.len()).sum();
                if kept + buffer.len() <= RUN_BYTES {
                    ready.insert(tag, (id, buffer.clone()));
                }
            });
        }
    }
}
