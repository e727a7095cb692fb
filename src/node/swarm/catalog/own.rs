//! The history of what this node offers: each change as it is told, and what was withdrawn.

use super::told::Told;
use crate::{
    core::{ascending::Ascending, id::FileId, tags::Tags},
    wire::control::Held,
};
use std::hash::{BuildHasher, RandomState};

/// The latest change of a name.
pub(super) struct Change<'a> {
    pub revision: u64,
    pub name: &'a str,
    pub file: FileId,
    /// What is offered; nothing, when it was withdrawn.
    pub told: Option<Told<'a>>,
    /// The revision that the name came with.
    pub born: u64,
}

/// A name that was withdrawn.
#[derive(Debug)]
struct Removal {
    name: Box<str>,
    file: FileId,
    born: u64,
}

/// What was withdrawn and not offered again since.
#[derive(Debug, Default)]
pub(super) struct Removals {
    log: Ascending<Removal>,
    /// Their revisions, by name and contents.
    latest: Tags,
    /// Of this node alone, so that nobody can choose names that collide.
    hasher: RandomState,
}

impl Removals {
    pub fn len(&self) -> usize {
        self.log.len()
    }

    fn tag(&self, name: &str, file: FileId) -> u32 {
        self.hasher.hash_one((name, file)) as u32
    }

    /// A name was withdrawn at a revision above all others.
    pub fn add(&mut self, revision: u64, name: &str, file: FileId, born: u64) {
        self.latest.add(self.tag(name, file), revision);
        let name = name.into();
        self.log.push(revision, Removal { name, file, born });
    }

    /// A name is offered again: gives the revision that it came with, if it is here.
    pub fn take(&mut self, name: &str, file: FileId) -> Option<u64> {
        let tag = self.tag(name, file);
        let is = |at: &u64| {
            let one = self.log.get(*at);
            one.is_some_and(|one| &*one.name == name && one.file == file)
        };
        let at = self.latest.find(tag).find(is)?;
        self.latest.remove(tag, at);
        Some(self.log.remove(at)?.born)
    }

    /// Those after a revision, in their order.
    pub fn after(&self, since: u64) -> impl Iterator<Item = Change<'_>> {
        let after = self.log.after(since);
        after.map(|(revision, one)| Change {
            revision,
            name: &one.name,
            file: one.file,
            told: None,
            born: one.born,
        })
    }
}

/// What a name counts for among those of this node's own user, and its bytes.
pub(super) fn of_user(told: Option<Told<'_>>) -> (u64, u64) {
    match told {
        Some(told) if matches!(told.held, Held::Shared | Held::Fetched) => (1, told.size),
        _ => (0, 0),
    }
}
