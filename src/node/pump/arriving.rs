//! The count of what is on its way to this node. Never decides anything.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// What is on its way in all pumps of a job. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Arriving(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    storing: AtomicU32,
}

impl Arriving {
    /// Bytes that have come of chunks that are not whole yet.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Whether chunks are being hashed and written now.
    #[must_use]
    pub fn is_storing(&self) -> bool {
        self.0.storing.load(Ordering::Relaxed) > 0
    }

    /// A chunk begins to come.
    pub(super) fn body(&self) -> Body<'_> {
        Body(&self.0, 0)
    }

    /// A chunk begins to be hashed and written.
    pub(super) fn stores(&self) {
        self.0.storing.fetch_add(1, Ordering::Relaxed);
    }

    /// It is.
    pub(super) fn stored(&self) {
        self.0.storing.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The part of a chunk that has come; it counts until this is dropped.
pub(super) struct Body<'a>(&'a Counts, u64);

impl Body<'_> {
    /// So many bytes more.
    pub(super) fn came(&mut self, count: usize) {
        self.1 += count as u64;
        self.0.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        self.0.bytes.fetch_sub(self.1, Ordering::Relaxed);
    }
}
