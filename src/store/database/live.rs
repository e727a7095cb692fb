//! A sled that outlives its own failures.
//!
//! sled gives up for good after the first write that fails, and says no to everything from then on.
//! [`Live`] owns it, its trees and the room for its next writes, and can open it again while others
//! hold [`Tree`]s of it. Invariants: no write begins without room for it ([`Room`]), so that a disk
//! that is full does not break it; a user of a tree while there is none gets an error and never
//! waits.

use super::room::Room;
use parking_lot::RwLock;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes of a batch that need not be counted.
const SMALL: usize = 256 << 10;

/// What was opened: the database and the trees that were asked for, in their order.
pub(in crate::store) struct Opened {
    pub db: sled::Db,
    pub trees: Vec<sled::Tree>,
}

/// A database that may be opened again. Clones are handles to the same one.
#[derive(Clone)]
pub(in crate::store) struct Live(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    opened: RwLock<Option<Opened>>,
    room: Room,
}

impl Opened {
    /// Closes it. sled panics when the disk refuses its last sync, so that one is tried first.
    fn close(self, dir: &Path) {
        let broken = self.db.context.global_error().is_err();
        // Wakes those that wait for a write that will never come.
        let flushed = self.db.flush();
        let synced = || std::fs::File::open(dir.join("db")).and_then(|file| file.sync_all());
        if !broken && (flushed.is_err() || synced().is_err()) {
            std::mem::forget(self); // The process is about to end, or fails again the same way.
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let opened = self.opened.get_mut();
        if let Some(opened) = opened.take() {
            opened.close(&self.dir);
        }
    }
}

impl Live {
    /// Keeps what was opened in `dir`.
    pub fn new(dir: &Path, opened: Opened) -> Self {
        Self(Arc::new(Inner {
            dir: dir.to_owned(),
            opened: RwLock::new(Some(opened)),
            room: Room::of(dir),
        }))
    }

    /// The tree with this number.
    pub fn tree(&self, at: usize) -> Tree {
        Tree {
            live: self.clone(),
            at,
        }
    }

    fn with<T>(&self, act: impl FnOnce(&Opened) -> sled::Result<T>) -> sled::Result<T> {
        let opened = self.0.opened.read();
        match &*opened {
            Some(opened) => act(opened),
            None => Err(closed()),
        }
    }

    /// Why nothing can be written or read any more; `None` while all is well.
    pub fn broken(&self) -> Option<sled::Error> {
        self.with(|opened| opened.db.context.global_error()).err()
    }

    /// Makes everything written so far last.
    pub fn flush(&self) -> sled::Result<()> {
        let db = self.with(|opened| Ok(opened.db.clone()))?;
        super::flush(&db)
    }

    /// Numbers that were never given before, in ascending order.
    pub fn generate_ids(&self, count: usize) -> sled::Result<Vec<u64>> {
        self.0.room.before(0)?;
        self.with(|opened| (0..count).map(|_| opened.db.generate_id()).collect())
    }

    /// Closes it, and opens it with `open`; what that gives besides comes back. No one can use it
    /// meanwhile.
    pub fn reopen<T, E>(&self, open: impl FnOnce() -> Result<(Opened, T), E>) -> Result<T, E> {
        let put = |new: Option<Opened>| std::mem::replace(&mut *self.0.opened.write(), new);
        if let Some(old) = put(None) {
            old.close(&self.0.dir);
        }
        let (opened, rest) = open()?;
        self.0.room.renew(&self.0.dir);
        put(Some(opened));
        Ok(rest)
    }

    #[cfg(test)]
    pub fn db(&self) -> sled::Db {
        self.with(|opened| Ok(opened.db.clone())).unwrap()
    }
}

fn closed() -> sled::Error {
    let why = "it failed, and is being opened again";
    sled::Error::Io(io::Error::new(io::ErrorKind::ResourceBusy, why))
}

/// A tree of a [`Live`] database: the part of sled's own that is used here.
pub(in crate::store) struct Tree {
    live: Live,
    at: usize,
}

impl Tree {
    fn now(&self) -> sled::Result<sled::Tree> {
        self.live.with(|opened| Ok(opened.trees[self.at].clone()))
    }

    fn to_write(&self, bytes: usize) -> sled::Result<sled::Tree> {
        self.live.0.room.before(bytes)?;
        self.now()
    }

    pub fn get(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<sled::IVec>> {
        self.now()?.get(key)
    }

    pub fn contains_key(&self, key: impl AsRef<[u8]>) -> sled::Result<bool> {
        self.now()?.contains_key(key)
    }

    pub fn insert(
        &self,
        key: impl AsRef<[u8]>,
        value: impl Into<sled::IVec>,
    ) -> sled::Result<Option<sled::IVec>> {
        let value = value.into();
        self.to_write(value.len())?.insert(key, value)
    }

    pub fn remove(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<sled::IVec>> {
        self.to_write(0)?.remove(key)
    }

    /// Applies a batch of at most [`SMALL`] bytes.
    pub fn apply_batch(&self, batch: sled::Batch) -> sled::Result<()> {
        self.apply_large(batch, SMALL)
    }

    /// Applies a batch whose keys and values have so many bytes.
    pub fn apply_large(&self, batch: sled::Batch, bytes: usize) -> sled::Result<()> {
        self.to_write(bytes)?.apply_batch(batch)
    }

    /// The last entry whose key is not above `key`.
    pub fn get_at_most(
        &self,
        key: impl AsRef<[u8]>,
    ) -> sled::Result<Option<(sled::IVec, sled::IVec)>> {
        self.now()?.range(..=key.as_ref()).next_back().transpose()
    }

    /// All entries, or the error that there are none to be had.
    pub fn iter(&self) -> Entries {
        Entries::of(self.now().map(|tree| tree.iter()))
    }

    /// The entries whose keys begin with `prefix`.
    pub fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> Entries {
        Entries::of(self.now().map(|tree| tree.scan_prefix(prefix)))
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.now().unwrap().is_empty()
    }
}

impl IntoIterator for &Tree {
    type Item = sled::Result<(sled::IVec, sled::IVec)>;
    type IntoIter = Entries;

    fn into_iter(self) -> Entries {
        self.iter()
    }
}

/// Entries of a tree in the order of their keys.
pub(in crate::store) struct Entries {
    of: Option<sled::Iter>,
    /// Why there is no tree at the moment: told once.
    error: Option<sled::Error>,
}

impl Iterator for Entries {
    type Item = sled::Result<(sled::IVec, sled::IVec)>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.of {
            Some(entries) => entries.next(),
            None => self.error.take().map(Err),
        }
    }
}

impl Entries {
    fn of(entries: sled::Result<sled::Iter>) -> Self {
        match entries {
            Ok(entries) => Self {
                of: Some(entries),
                error: None,
            },
            Err(error) => Self {
                of: None,
                error: Some(error),
            },
        }
    }

    /// Their keys alone.
    pub fn keys(self) -> impl Iterator<Item = sled::Result<sled::IVec>> + use<> {
        self.map(|entry| entry.map(|(key, _)| key))
    }
}
