//! What changed in a folder, as a person wants to hear it: a word for each file as long as they are
//! few, one line for many.
//!
//! Never reads a clock. Invariants: at most `MOST` names are remembered, the rest only counted;
//! whatever happened is told once nothing has happened for `QUIET`, and `LONGEST` after it began
//! whatever happens.

use super::{Now, id::FileId};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

/// What belongs together comes with no longer pauses, such as the old names of a folder after its
/// new ones.
const QUIET: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// So many are told one by one.
const FEW: usize = 3;
/// New names that are remembered until they are told, and so many that are gone.
const MOST: usize = 1 << 16;

/// Something to tell. Names are paths below the shared folder, `/` between the parts, not escaped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A file is offered from now on, or its new contents.
    New {
        /// Its name.
        name: String,
        /// Bytes.
        size: u64,
    },
    /// So many are.
    NewFiles {
        /// How many.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// The folder that all of them are in; empty for the shared one.
        folder: String,
    },
    /// A file is no longer offered.
    Gone {
        /// Its name.
        name: String,
    },
    /// So many are not.
    GoneFiles {
        /// How many.
        files: u64,
        /// The folder that all of them were in; empty for the shared one.
        folder: String,
    },
    /// A file has another name.
    Moved(Moved),
    /// So many have.
    MovedFiles {
        /// How many.
        files: u64,
        /// The folder whose place they had, and the one whose place they have; `None` when they
        /// moved in different ways.
        folders: Option<Moved>,
    },
}

/// A path that was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

#[derive(Debug)]
struct New {
    size: u64,
    file: FileId,
    /// The name stood for something else before.
    replaced: bool,
}

/// Files that are only counted.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    files: u64,
    bytes: u64,
}

/// What was not told yet.
#[derive(Debug, Default)]
pub struct Changes {
    new: BTreeMap<String, New>,
    gone: BTreeMap<String, FileId>,
    /// Beyond those that are remembered.
    more_new: Count,
    more_gone: u64,
    first: Now,
    last: Option<Now>,
}

impl Changes {
    /// A name stands for these contents from now on.
    pub fn offered(&mut self, name: &str, size: u64, file: FileId, now: Now) {
        self.happened(now);
        let replaced = self.gone.remove(name).is_some();
        if self.new.len() >= MOST && !self.new.contains_key(name) {
            self.more_new.files += 1;
            self.more_new.bytes = self.more_new.bytes.saturating_add(size);
            return;
        }
        let new = self.new.entry(name.to_owned()).or_insert(New {
            size,
            file,
            replaced,
        });
        (new.size, new.file) = (size, file);
    }

    /// A name no longer stands for these contents.
    pub fn withdrawn(&mut self, name: &str, file: FileId, now: Now) {
        self.happened(now);
        if self.new.remove(name).is_some_and(|new| !new.replaced) {
            return; // It came and went.
        }
        if self.gone.len() < MOST {
            self.gone.insert(name.to_owned(), file);
        } else {
            self.more_gone += 1;
        }
    }

    fn happened(&mut self, now: Now) {
        if self.last.is_none() {
            self.first = now;
        }
        self.last = Some(now);
    }

    /// When [`Changes::take`] has something to tell; `None` while nothing happened.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        let last = self.last?;
        Some((last + QUIET).min(self.first + LONGEST))
    }

    /// What is to be told now: what moved, then what is new, then what is gone.
    pub fn take(&mut self, now: Now) -> Vec<Change> {
        if self.next_tick().is_none_or(|at| at > now) {
            return Vec::new();
        }
        let mut all = std::mem::take(self);
        let moved = all.pair();
        let mut out = Vec::new();
        if moved.len() <= FEW {
            out.extend(moved.into_iter().map(Change::Moved));
        } else {
            let files = moved.len() as u64;
            let folders = same_way(&moved);
            out.push(Change::MovedFiles { files, folders });
        }
        if all.new.len() <= FEW && all.more_new.files == 0 {
            let each = all.new.into_iter();
            out.extend(each.map(|(name, New { size, .. })| Change::New { name, size }));
        } else {
            let bytes = all.new.values().map(|new| new.size);
            out.push(Change::NewFiles {
                files: all.new.len() as u64 + all.more_new.files,
                bytes: bytes.fold(all.more_new.bytes, u64::saturating_add),
                folder: common(all.new.keys(), all.more_new.files),
            });
        }
        if all.gone.len() <= FEW && all.more_gone == 0 {
            out.extend(all.gone.into_keys().map(|name| Change::Gone { name }));
        } else {
            out.push(Change::GoneFiles {
                files: all.gone.len() as u64 + all.more_gone,
                folder: common(all.gone.keys(), all.more_gone),
            });
        }
        out
    }

    /// Takes out what only has another name now: both, in the order of the new ones.
    fn pair(&mut self) -> Vec<Moved> {
        let mut left: HashMap<FileId, VecDeque<&String>> = HashMap::new();
        for (name, file) in &self.gone {
            left.entry(*file).or_default().push_back(name);
        }
        let mut moved = Vec::new();
        for (to, new) in &self.new {
            let from = left.get_mut(&new.file).and_then(VecDeque::pop_front);
            if let Some(from) = from.filter(|_| !new.replaced) {
                let (from, to) = (from.clone(), to.clone());
                moved.push(Moved { from, to });
            }
        }
        for Moved { from, to } in &moved {
            self.gone.remove(from);
            self.new.remove(to);
        }
        moved
    }
}

/// The folders that all of these would be in if only those had moved.
fn same_way(moved: &[Moved]) -> Option<Moved> {
    let mut ways = moved.iter().map(|one| way(&one.from, &one.to));
    let (from, to) = ways.next()?;
    ways.all(|way| way == (from, to)).then(|| Moved {
        from: from.to_owned(),
        to: to.to_owned(),
    })
}

/// Two paths without the parts at their ends that are the same.
fn way<'a>(mut from: &'a str, mut to: &'a str) -> (&'a str, &'a str) {
    loop {
        let ends = [from, to].map(|path| path.rsplit_once('/').unwrap_or(("", path)));
        let [(from_folder, one), (to_folder, other)] = ends;
        if one != other || one.is_empty() {
            return (from, to);
        }
        (from, to) = (from_folder, to_folder);
    }
}

/// The deepest folder that all of these are in; the topmost one when `more` of them are not known.
fn common<'a>(mut names: impl Iterator<Item = &'a String>, more: u64) -> String {
    let folder = |name: &'a str| name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let Some(first) = names.next().filter(|_| more == 0) else {
        return String::new();
    };
    let mut common = folder(first);
    for name in names {
        let inside = |common: &str| {
            let rest = name.strip_prefix(common);
            common.is_empty() || rest.is_some_and(|rest| rest.starts_with('/'))
        };
        while !inside(common) {
            common = folder(common);
        }
    }
    common.to_owned()
}

#[cfg(test)]
mod tests;
