//! Where each chunk stands in a file: look-ups by id, in 4 bytes a chunk beside the manifest.

use crate::core::{have::HaveSet, id::ChunkId, manifest::Manifest};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Layout {
    manifest: Arc<Manifest>,
    /// Positions by chunk id, then ascending.
    order: Vec<u32>,
}

impl Layout {
    pub fn of(manifest: Arc<Manifest>) -> Self {
        let entries = manifest.entries();
        let mut order: Vec<u32> = (0..manifest.len()).collect();
        order.sort_unstable_by_key(|&at| (entries[at as usize].id, at));
        Self { manifest, order }
    }

    /// The manifest.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// The id at a position; `None` past the end.
    pub fn id(&self, at: u32) -> Option<ChunkId> {
        Some(self.manifest.entries().get(at as usize)?.id)
    }

    /// All places of a chunk, ascending; none when it is not in the file.
    pub fn places(&self, id: &ChunkId) -> &[u32] {
        let entries = self.manifest.entries();
        let id_at = |at: &u32| entries[*at as usize].id;
        let start = self.order.partition_point(|at| id_at(at) < *id);
        let rest = &self.order[start..];
        &rest[..rest.partition_point(|at| id_at(at) == *id)]
    }

    /// Whether a chunk stands in it more than once.
    pub fn repeats(&self) -> bool {
        let entries = self.manifest.entries();
        let id_at = |at: u32| entries[at as usize].id;
        let mut pairs = self.order.windows(2);
        pairs.any(|pair| id_at(pair[0]) == id_at(pair[1]))
    }

    /// From the first places of chunks to all of them.
    pub fn expand(&self, firsts: &HaveSet) -> HaveSet {
        let mut all = firsts.clone();
        let entries = self.manifest.entries();
        let same = |a: &u32, b: &u32| entries[*a as usize].id == entries[*b as usize].id;
        for places in self.order.chunk_by(same) {
            if places.len() > 1 && firsts.has(places[0]) {
                for &at in places {
                    all.insert(at);
                }
            }
        }
        all
    }
}
