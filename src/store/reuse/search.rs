//! What a download still looks for in files of this node, and what it may spend on that.

use super::Reused;
use crate::core::{id::ChunkId, manifest::Entry};
use std::{collections::HashMap, time::Instant};

/// What is left to look for, and to spend.
pub(super) struct Search<'a, F> {
    /// The chunks, and where they belong.
    pub(super) wanted: HashMap<ChunkId, u32>,
    pub(super) reused: Reused,
    /// Bytes that may still be read.
    pub(super) bytes: u64,
    /// After so many without a chunk a file is another one.
    pub(super) barren: u64,
    pub(super) until: Instant,
    pub(super) go_on: &'a mut F,
    pub(super) buf: Vec<u8>,
}

impl<F: FnMut() -> bool> Search<'_, F> {
    pub(super) fn is_over(&mut self) -> bool {
        let spent = self.wanted.is_empty() || self.bytes == 0;
        spent || Instant::now() >= self.until || !(self.go_on)()
    }

    pub(super) fn wants(&self, entry: &Entry) -> bool {
        self.wanted.contains_key(&entry.id)
    }

    pub(super) fn got(&mut self, entry: &Entry) {
        self.wanted.remove(&entry.id);
    }

    /// Whether so much may still be read; it counts as read.
    pub(super) fn spend(&mut self, bytes: u64) -> bool {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(self.bytes);
        left.is_some()
    }
}
