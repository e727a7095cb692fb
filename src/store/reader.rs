//! From a chunk's id to its bytes, wherever on this disk they lie.
//!
//! Gives private chunks to those only who were granted them (`grants`). Owns the open files that
//! are read from, and the list of downloads under way that can be read from too; replicas read
//! their own. Never writes. Invariants: bytes are given out only when the file looks as the index
//! says and they hash to the chunk's id. A file that was edited, cut or replaced gives nothing
//! until it is indexed again. Neither do bytes that changed while the file looks the same (a
//! mapping that was written to, a restored time, a failing disk): a node must not be taken for a
//! liar because of what happened to its files.

use super::{
    FileRecord, Grants, Index, Location, Stamp, StoreError, failed, index::looks_like, modes,
    placing::Folders, positioned,
};
use crate::core::{
    chunk::VerifiedChunk,
    have::HaveSet,
    id::{ChunkId, FileId, NodeId},
};
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::{
    collections::HashMap,
    fs::File,
    io,
    path::Path,
    sync::{Arc, Weak},
};

/// Files kept open. Reading a file's chunks in turn opens it once.
const OPEN: usize = 64;

/// Where bytes lie in a file.
pub(super) struct Extent {
    pub offset: u64,
    pub len: u32,
}

/// A download under way: what it has can be read already.
pub(super) trait Arriving: Send + Sync {
    /// Which file it becomes.
    fn file_id(&self) -> FileId;
    /// Where in it a chunk that it has lies, and how long that is.
    fn locate(&self, id: &ChunkId) -> Option<Extent>;
    /// The open file…
    fn file(&self) -> &File;
    /// …and where it is.
    fn path(&self) -> &Path;
}

/// What is kept for others.
pub(super) trait Kept: Send + Sync {
    /// As [`ChunkReader::read`].
    fn read(self: Arc<Self>, id: &ChunkId, buf: &mut Vec<u8>) -> Result<bool, StoreError>;
}

/// Takes the file's number in the index, and whether it only shows in its bytes that it is not what
/// it was.
type OnStale = Box<dyn Fn(u64, bool) + Send + Sync>;

/// Reads chunks. Clones share the open files; any number of threads may read at once.
#[derive(Clone)]
pub struct ChunkReader(
    Arc<Inner>,
    /// On whose behalf; `None` = this node's own.
    Option<NodeId>,
);

struct Inner {
    index: Index,
    open: Mutex<Open>,
    live: RwLock<Vec<Weak<dyn Arriving>>>,
    replicas: RwLock<Option<Weak<dyn Kept>>>,
    on_stale: Mutex<Option<OnStale>>,
    folders: Folders,
    grants: Grants,
}

/// The open files, by their number in the index.
#[derive(Default)]
struct Open {
    files: HashMap<u64, (Arc<File>, u64)>,
    uses: u64,
}

impl std::fmt::Debug for ChunkReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ChunkReader").field(&self.0.index).finish()
    }
}

impl ChunkReader {
    /// Reads what `index` knows.
    #[must_use]
    pub fn new(index: Index) -> Self {
        let inner = Inner {
            index,
            open: Mutex::default(),
            live: RwLock::default(),
            replicas: RwLock::default(),
            on_stale: Mutex::default(),
            folders: Folders::default(),
            grants: Grants::default(),
        };
        Self(Arc::new(inner), None)
    }

    /// The same for a peer: what is private is not there for it unless it was granted.
    #[must_use]
    pub fn on_behalf_of(&self, peer: NodeId) -> Self {
        Self(Arc::clone(&self.0), Some(peer))
    }

    /// Who was granted what.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// Whether the reader may know what this file consists of.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn may_see(&self, file: &FileId) -> Result<bool, StoreError> {
        let Some(peer) = &self.1 else {
            return Ok(true);
        };
        if !self.0.grants.is_hidden(file) || self.0.grants.allows(file, peer) {
            return Ok(true);
        }
        // The same contents may be here for everyone, too.
        let here = self.0.index.files_of(file)?;
        Ok(here.iter().any(|(_, record)| !record.kind.is_private())
            || self.0.index.is_replica(file)?)
    }

    /// Whether the reader may have the chunks that lie at `place`.
    fn may_have(&self, place: &Location) -> bool {
        let record = &place.record;
        !record.kind.is_private()
            || self
                .1
                .is_none_or(|peer| self.0.grants.allows(&record.file, &peer))
    }

    fn may_have_of(&self, partial: &dyn Arriving) -> bool {
        let (grants, file) = (&self.0.grants, partial.file_id());
        self.1
            .is_none_or(|peer| !grants.is_hidden(&file) || grants.allows(&file, &peer))
    }

    /// The index it reads by.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.0.index
    }

    /// Fills `buf` with the bytes of chunk `id`; reuses its memory. False, and an empty `buf`, when
    /// no file here has them (any more).
    ///
    /// # Errors
    /// [`StoreError::Descriptors`] when no file can be opened at the moment, and what the disk says
    /// when it fails for another reason than that the file is gone.
    pub fn read(&self, id: &ChunkId, buf: &mut Vec<u8>) -> Result<bool, StoreError> {
        let mut failure = None;
        for place in self.0.index.locate(id)? {
            if !self.may_have(&place) {
                continue;
            }
            match self.read_at(id, &place, buf) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => failure = Some(error),
            }
        }
        for partial in self.live() {
            if let Some(Extent { offset, len }) = partial.locate(id)
                && self.may_have_of(&*partial)
            {
                buf.resize(len as usize, 0);
                match positioned::read_exact_at(partial.file(), buf, offset) {
                    Ok(()) if VerifiedChunk::check(*id, buf).is_ok() => return Ok(true),
                    Ok(()) => {}
                    Err(error) => failure = Some(failed("read", partial.path())(error)),
                }
            }
        }
        let replicas = self.0.replicas.read().as_ref().and_then(Weak::upgrade);
        match replicas.map_or(Ok(false), |replicas| replicas.read(id, buf)) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => failure = Some(error),
        }
        buf.clear();
        failure.map_or(Ok(false), Err)
    }

    /// Serves what is kept for the swarm from now on, until it is dropped.
    pub(super) fn serve_replicas(&self, replicas: &Arc<impl Kept + 'static>) {
        let replicas: Arc<dyn Kept> = replicas.clone();
        *self.0.replicas.write() = Some(Arc::downgrade(&replicas));
    }

    /// Which of these chunks could be read now, as far as can be told without reading them.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn has(&self, ids: &[ChunkId]) -> Result<HaveSet, StoreError> {
        let mut have = HaveSet::empty(ids.len() as u32);
        let mut unchanged: HashMap<u64, bool> = HashMap::new();
        let live = self.live();
        for (at, id) in (0..).zip(ids) {
            let places = self.0.index.locate(id)?;
            let readable = places.iter().any(|place| {
                let looks = || looks_like(&self.0.index.path_of(&place.record), place.record.stamp);
                self.may_have(place) && *unchanged.entry(place.source).or_insert_with(looks)
            });
            let coming = |partial: &Arc<dyn Arriving>| {
                partial.locate(id).is_some() && self.may_have_of(&**partial)
            };
            if readable || live.iter().any(coming) {
                have.insert(at);
            }
        }
        Ok(have)
    }

    fn read_at(
        &self,
        id: &ChunkId,
        place: &Location,
        buf: &mut Vec<u8>,
    ) -> Result<bool, StoreError> {
        let Some(file) = self.open(place)? else {
            return Ok(false);
        };
        let path = || self.0.index.path_of(&place.record);
        let looks = |file: &File| match file.metadata() {
            Ok(meta) => Ok(Stamp::of(&meta) == place.record.stamp),
            Err(error) => Err(failed("look at", &path())(error)),
        };
        if looks(&file)? {
            // A length in the index was a chunk's once, so it is at most 1 MiB.
            buf.resize(place.len as usize, 0);
            match positioned::read_exact_at(&file, buf, place.offset) {
                Ok(()) if VerifiedChunk::check(*id, buf).is_ok() => return Ok(true),
                Ok(()) => {
                    let damaged = looks(&file)?;
                    self.stale(place, damaged);
                    return Ok(false);
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(failed("read", &path())(error)),
            }
        }
        self.stale(place, false);
        Ok(false)
    }

    /// The open file of a place, or `None` when what lies there is something else by now.
    fn open(&self, place: &Location) -> Result<Option<Arc<File>>, StoreError> {
        {
            let mut open = self.opened();
            open.uses += 1;
            let now = open.uses;
            if let Some((file, used)) = open.files.get_mut(&place.source) {
                *used = now;
                return Ok(Some(Arc::clone(file)));
            }
        }
        let path = self.0.index.path_of(&place.record);
        if !looks_like(&path, place.record.stamp) {
            self.stale(place, false);
            return Ok(None);
        }
        let file = match modes::open_file(&path).map_err(failed("open", &path)) {
            Err(StoreError::Descriptors(_)) => {
                self.opened().files.clear();
                modes::open_file(&path).map_err(failed("open", &path))
            }
            other => other,
        };
        let file = match file {
            Ok(file) => Arc::new(file),
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                self.stale(place, false);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut open = self.opened();
        if open.files.len() >= OPEN {
            let oldest = open.files.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(&oldest) = oldest.map(|(number, _)| number) {
                open.files.remove(&oldest);
            }
        }
        let now = open.uses;
        open.files.insert(place.source, (Arc::clone(&file), now));
        Ok(Some(file))
    }

    /// Whether a file lies somewhere here for everyone and looks as the index says. What does not
    /// is looked at again.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn still_here(&self, file: &FileId) -> Result<bool, StoreError> {
        let mut found = false;
        for (source, record) in self.0.index.files_of(file)? {
            if record.kind.is_private() {
                continue;
            }
            if looks_like(&self.0.index.path_of(&record), record.stamp) {
                found = true;
            } else {
                self.tell_stale(source, false);
            }
        }
        Ok(found)
    }

    /// What is known of a file that lies somewhere here and looks as the index says, also of a
    /// private one.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn record_of(&self, file: &FileId) -> Result<Option<Arc<FileRecord>>, StoreError> {
        let records = self.0.index.files_of(file)?.into_iter();
        let mut here = records.map(|(_, record)| record);
        Ok(here.find(|record| looks_like(&self.0.index.path_of(record), record.stamp)))
    }

    fn stale(&self, place: &Location, damaged: bool) {
        self.tell_stale(place.source, damaged);
    }

    fn tell_stale(&self, source: u64, damaged: bool) {
        self.forget(source);
        let on_stale = self.0.on_stale.lock();
        if let Some(tell) = &*on_stale {
            tell(source, damaged);
        }
    }

    /// Calls `tell` for each file that was found changed. It is called on the reading thread, so it
    /// must not wait.
    pub(super) fn on_stale(&self, tell: Option<OnStale>) {
        *self.0.on_stale.lock() = tell;
    }

    /// Closes a file that is no longer in the index, so that a deleted one gives its space back.
    pub(super) fn forget(&self, source: u64) {
        self.opened().files.remove(&source);
    }

    fn opened(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock()
    }

    /// Serves what a download has from now on, until it is dropped.
    pub(super) fn register(&self, partial: &Arc<impl Arriving + 'static>) {
        let partial: Arc<dyn Arriving> = partial.clone();
        let mut live = self.0.live.write();
        live.retain(|one| one.strong_count() > 0);
        live.push(Arc::downgrade(&partial));
    }

    fn live(&self) -> Vec<Arc<dyn Arriving>> {
        let live = self.0.live.read();
        live.iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether this file is being downloaded just now.
    pub(super) fn is_live(&self, file: &FileId) -> bool {
        self.live().iter().any(|partial| partial.file_id() == *file)
    }

    pub(super) fn folders(&self) -> &Folders {
        &self.0.folders
    }
}

#[cfg(test)]
mod tests;
