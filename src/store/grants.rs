//! Who may have what is private: files on their way from one person to another.
//!
//! A table in memory. A *hidden* file is only for those that were granted it; what is not hidden is
//! for everyone, as far as it is offered. Never decides whom to grant anything. Invariant: a grant
//! ends as often as it was given.

use crate::core::id::{FileId, NodeId};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::{collections::HashMap, sync::Arc};

#[derive(Default)]
struct Entry {
    hidden: bool,
    /// Several asks may give the same node the same file.
    nodes: HashMap<NodeId, u32>,
}

/// The table. Clones are handles to the same one.
#[derive(Clone, Default)]
pub struct Grants(Arc<RwLock<HashMap<FileId, Entry>>>);

impl Grants {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<FileId, Entry>> {
        self.0.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<FileId, Entry>> {
        self.0.write()
    }

    /// From now on the file is for those only who are granted it.
    pub fn hide(&self, file: FileId) {
        self.write().entry(file).or_default().hidden = true;
    }

    /// This node's user fetches it from the swarm: what comes of that may be passed on.
    pub fn show(&self, file: &FileId) {
        if !self.is_hidden(file) {
            return;
        }
        let mut table = self.write();
        if let Some(entry) = table.get_mut(file) {
            entry.hidden = false;
            if entry.nodes.is_empty() {
                table.remove(file);
            }
        }
    }

    /// Whether the file is private.
    #[must_use]
    pub fn is_hidden(&self, file: &FileId) -> bool {
        self.read().get(file).is_some_and(|entry| entry.hidden)
    }

    /// `node` may have these files.
    pub fn allow(&self, files: impl IntoIterator<Item = FileId>, node: NodeId) {
        let mut table = self.write();
        for file in files {
            let entry = table.entry(file).or_default();
            *entry.nodes.entry(node).or_default() += 1;
        }
    }

    /// The end of one [`Grants::allow`].
    pub fn revoke(&self, files: impl IntoIterator<Item = FileId>, node: NodeId) {
        let mut table = self.write();
        for file in files {
            let Some(entry) = table.get_mut(&file) else {
                continue;
            };
            if let Some(count) = entry.nodes.get_mut(&node) {
                *count -= 1;
                if *count == 0 {
                    entry.nodes.remove(&node);
                }
            }
            if entry.nodes.is_empty() && !entry.hidden {
                table.remove(&file);
            }
        }
    }

    /// Whether `node` was granted the file.
    #[must_use]
    pub fn allows(&self, file: &FileId, node: &NodeId) -> bool {
        let table = self.read();
        table
            .get(file)
            .is_some_and(|entry| entry.nodes.contains_key(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_ends_as_often_as_it_was_given() {
        let (file, node) = (FileId([1; 32]), NodeId([2; 32]));
        let grants = Grants::default();
        grants.hide(file);
        assert!(grants.is_hidden(&file) && !grants.allows(&file, &node));
        grants.allow([file], node);
        grants.allow([file], node);
        grants.revoke([file], node);
        assert!(grants.allows(&file, &node));
        assert!(!grants.allows(&file, &NodeId([3; 32])));
        grants.revoke([file], node);
        grants.revoke([file], node);
        assert!(grants.is_hidden(&file) && !grants.allows(&file, &node));
        grants.show(&file);
        assert!(!grants.is_hidden(&file));
        assert!(grants.read().is_empty());
    }
}
