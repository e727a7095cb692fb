//! Chunks that somebody waits for: asked for before all others, in the order in which they are
//! needed, no matter who else downloads them.
//!
//! Invariant: without them every choice is as if this file were not there.

use super::{Claims, Picker, UniqueChunk};

/// Chunks that can be urgent at once: a few windows of the shortest chunks. Of more, those that are
/// needed first.
pub const MAX_URGENT: usize = 4096;

impl Picker {
    /// What is urgent from now on, and nothing else.
    pub fn urge(&mut self, chunks: impl IntoIterator<Item = UniqueChunk>) {
        self.urgent.clear();
        self.urgent.extend(chunks.into_iter().take(MAX_URGENT));
    }

    /// What is urgent, in order. May name chunks that are here.
    #[must_use]
    pub fn urgent(&self) -> &[UniqueChunk] {
        &self.urgent
    }

    /// The urgent chunk to ask this peer for next.
    pub(super) fn pick_urgent(&self, claims: &Claims) -> Option<UniqueChunk> {
        let open = |chunk: &&UniqueChunk| self.open.has(chunk.0);
        let mut urgent = self.urgent.iter().filter(open);
        urgent.find(|&&chunk| self.has(claims, chunk)).copied()
    }
}
