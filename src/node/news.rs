//! What changed since the distributor last looked: which files, which nodes.
//!
//! Written by the actor and by the tasks that keep chunks, read by the distributor; many changes of
//! one thing are one. Invariant: bounded: beyond [`MOST`] files it says "all of them".

use crate::core::id::{FileId, NodeId};
use parking_lot::{Mutex, MutexGuard};
use std::{collections::HashSet, sync::Arc};
use tokio::sync::Notify;

/// Files that are remembered one by one.
const MOST: usize = 50_000;

/// What is new.
#[derive(Default, Debug)]
pub struct Fresh {
    /// Files that were offered, changed or withdrawn, by any node.
    pub files: HashSet<FileId>,
    /// More files than can be named.
    pub all: bool,
    /// Nodes whose catalog came, or changed.
    pub came: HashSet<NodeId>,
    /// Nodes that went away. One that came back meanwhile is in both.
    pub gone: HashSet<NodeId>,
}

/// The news. Clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct News {
    fresh: Arc<Mutex<Fresh>>,
    changed: Arc<Notify>,
}

impl News {
    fn lock(&self) -> MutexGuard<'_, Fresh> {
        self.fresh.lock()
    }

    /// Something about these files changed.
    pub fn files(&self, files: impl IntoIterator<Item = FileId>) {
        let mut fresh = self.lock();
        for file in files {
            if fresh.files.len() >= MOST {
                fresh.files = HashSet::new();
                fresh.all = true;
            }
            if !fresh.all {
                fresh.files.insert(file);
            }
        }
        drop(fresh);
        self.changed.notify_one();
    }

    /// Something about any file may have changed.
    pub fn all(&self) {
        let mut fresh = self.lock();
        fresh.files = HashSet::new();
        fresh.all = true;
        drop(fresh);
        self.changed.notify_one();
    }

    /// A node's catalog is complete, or changed.
    pub fn came(&self, node: NodeId) {
        self.lock().came.insert(node);
        self.changed.notify_one();
    }

    /// A node went away.
    pub fn gone(&self, node: NodeId) {
        let mut fresh = self.lock();
        fresh.came.remove(&node);
        fresh.gone.insert(node);
        drop(fresh);
        self.changed.notify_one();
    }

    /// What is new; nothing is, afterwards.
    #[must_use]
    pub fn take(&self) -> Fresh {
        std::mem::take(&mut *self.lock())
    }

    /// Returns once something may be new.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
