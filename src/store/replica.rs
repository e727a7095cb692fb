//! Chunks kept for the swarm: one file a chunk, below `.sprat/replicas/ab/cdef…`.
//!
//! Owns that folder, and the records of it (in `index::replicas`). Takes verified chunks alone.
//! Never decides what to keep or what to evict. Invariants: the quota counts what is reserved, so
//! any number of pushers together stay within it; a record is written after the bytes and their
//! name were synced, and removed before the bytes are; a chunk's file stays until no record and no
//! reservation needs it; what is found damaged or gone is forgotten, not served.
//!
//! A chunk that two files share lies on the disk once and is counted twice: the first to go then
//! changes nothing for the other.

mod account;
mod adopt;
mod evict;
mod fair;
mod files;
mod open;
mod reservation;
mod sync;
#[cfg(test)]
mod tests;
mod verify;

use super::{ChunkReader, Home, Index, StoreError, index::ReplicaRecord, layout::Layout};
use crate::core::{
    fair::Shares,
    have::HaveSet,
    id::{ChunkId, FileId, NodeId},
    manifest::Manifest,
    rights::Rights,
};
use account::Accounts;
pub use account::ManifestRoom;
use parking_lot::{Mutex, MutexGuard};
pub use reservation::Reservation;
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

/// Manifests kept in memory: of the files that are being pushed now; and chunks of all but the
/// newest of them.
const LAYOUTS: usize = 4;
const LAYOUT_CHUNKS: u32 = 256 << 10;
/// Bytes that a chunk's entry in a manifest takes in the index.
const ENTRY: u64 = 64;
/// Bytes that a file takes beside its chunks and their entries: its record, its name, the block
/// that its last chunk begins, what memory knows.
const ROOT: u64 = 8 << 10;
const GIB: u64 = 1 << 30;

type OnLost = Box<dyn Fn(FileId, &[u32]) + Send + Sync>;

/// How much a node gives to the swarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of all replicas and their manifests together; 0 takes no part. One origin gets half of
    /// it at most.
    pub quota: u64,
    /// Bytes of the disk that stay free.
    pub floor: u64,
}

impl Limits {
    /// What a node gives unless it is told otherwise: the smaller of 1 GiB and 5 % of what is free
    /// on the disk of `home`, and a floor of the smaller of 1 GiB and 10 % of that disk.
    #[must_use]
    pub fn default_for(home: &Path) -> Self {
        // Where nothing can be asked, a small share is still safe: the writes will tell.
        let free = fs4::available_space(home).unwrap_or(GIB);
        let total = fs4::total_space(home).unwrap_or(10 * GIB);
        Self {
            quota: GIB.min(free / 20),
            floor: GIB.min(total / 10),
        }
    }
}

/// What a file is called, from its origin's catalog: foreign text and numbers, checked by the
/// reader of the catalog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaOffer {
    /// The name that its origin offers it by.
    pub name: String,
    /// When it was last written: seconds since 1970.
    pub mtime: i64,
    /// Its permissions.
    pub rights: Rights,
    /// Its media type.
    pub media: String,
}

/// A file of which chunks are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaFile {
    /// Its contents.
    pub file: FileId,
    /// What it is called.
    pub offer: ReplicaOffer,
    /// Its size in bytes.
    pub size: u64,
    /// The nodes that offer it as their own, as far as is known; the one that first had it kept
    /// comes first.
    pub origins: Vec<NodeId>,
    /// Chunks of its manifest.
    pub chunks: u32,
    /// Of these, positions that are kept here.
    pub here: u32,
    /// Since when no origin wants it any more: seconds since 1970.
    pub unwanted_since: Option<u64>,
    /// When an origin last wanted it: seconds since 1970.
    pub seen: u64,
}

/// The replicas of a home. Clones are handles to the same ones. Every method may block on the disk.
#[derive(Clone, Debug)]
pub struct Replicas(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    index: Index,
    state: Mutex<State>,
    layouts: Mutex<Vec<(FileId, Arc<Layout>)>>,
    on_lost: Mutex<Option<OnLost>>,
    /// For the names of files that are being written.
    numbers: AtomicU64,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Replicas").field(&self.dir).finish()
    }
}

#[derive(Debug)]
struct State {
    files: BTreeMap<FileId, Entry>,
    accounts: Accounts,
    /// Who is whose neighbour, for when room is short.
    shares: Shares,
    /// Reservations that rely on the file of a chunk.
    pending: HashMap<ChunkId, u32>,
    /// Chunks of which no file is known (`adopt`).
    strays: usize,
}

#[derive(Debug)]
struct Entry {
    record: ReplicaRecord,
    /// First places of the chunks that are kept.
    firsts: HaveSet,
    /// All of their places, where they have several; `None` until they are asked for.
    all: Option<HaveSet>,
    /// What the index says of `record.seen`.
    saved: u64,
    /// When it was last looked whether they lie there.
    looked: Option<Instant>,
}

impl Entry {
    fn insert(&mut self, first: u32, places: &[u32]) {
        self.firsts.insert(first);
        if let Some(all) = &mut self.all {
            for &at in places {
                all.insert(at);
            }
        }
    }

    fn remove(&mut self, first: u32, places: &[u32]) {
        self.firsts.remove(first);
        if let Some(all) = &mut self.all {
            for &at in places {
                all.remove(at);
            }
        }
    }
}

/// What a file of so many chunks takes beside them, at most.
fn manifest_bytes(chunks: u32) -> u64 {
    ROOT + ENTRY * u64::from(chunks)
}

/// Where a chunk's bytes lie.
fn path_of(dir: &Path, id: &ChunkId) -> PathBuf {
    let name = id.to_string();
    dir.join(&name[..2]).join(&name[2..])
}

impl Replicas {
    /// Reads the records, and clears up after a crash: chunks without a record are taken in,
    /// records without a file and files half written removed. From now on `reader` finds what is
    /// kept.
    ///
    /// # Errors
    /// When the index or the folder cannot be read.
    pub fn open(
        home: &Home,
        index: &Index,
        reader: &ChunkReader,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let replicas = open::open(home, index, limits)?;
        reader.serve_replicas(&replicas.0);
        Ok(replicas)
    }

    /// Reads everything anew, after the index was begun again under them. Gives the files that were
    /// known before.
    ///
    /// # Errors
    /// When the index or the folder cannot be read.
    pub fn reload(&self, home: &Home) -> Result<Vec<FileId>, StoreError> {
        let mut state = self.state();
        let limits = state.accounts.limits();
        let (_, fresh) = open::read(home, &self.0.index, limits)?;
        let before = state.files.keys().copied().collect();
        // What is on its way stays on its way.
        let pending = std::mem::take(&mut state.pending);
        *state = State { pending, ..fresh };
        Ok(before)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    /// Calls `tell` with a file and the positions that turned out to be damaged or gone. It is
    /// called on the reading thread, so it must not wait.
    pub fn on_lost(&self, tell: impl Fn(FileId, &[u32]) + Send + Sync + 'static) {
        let mut on_lost = self.0.on_lost.lock();
        *on_lost = Some(Box::new(tell));
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.state().accounts.limits()
    }

    /// Gives others so many bytes from now on. Nothing is thrown away for that.
    pub fn set_quota(&self, quota: u64) {
        self.state().accounts.set_quota(quota);
    }

    /// Whether `bytes` more of `origin` fit: within the quota, its share of it, and the floor of
    /// free space.
    #[must_use]
    pub fn room_for(&self, origin: &NodeId, bytes: u64) -> bool {
        self.fits(&self.state(), origin, bytes)
    }

    fn fits(&self, state: &State, origin: &NodeId, bytes: u64) -> bool {
        let promised = state.accounts.unwritten();
        let needed = state
            .accounts
            .limits()
            .floor
            .saturating_add(promised)
            .saturating_add(bytes);
        // Where the free space cannot be asked for, the writes will tell.
        state.accounts.fits(origin, bytes)
            && fs4::available_space(&self.0.dir).map_or(true, |free| free >= needed)
    }

    /// Sets `bytes` of room aside for chunks of `origin`; `None` when they do not fit.
    #[must_use]
    pub fn reserve(&self, origin: &NodeId, bytes: u64) -> Option<Reservation> {
        let mut state = self.state();
        if !self.fits(&state, origin, bytes) {
            return None;
        }
        state.accounts.reserve(origin, bytes);
        Some(Reservation::new(self.clone(), *origin, bytes))
    }

    /// Sets room aside for the manifest of a file of so many chunks, which is to be fetched from
    /// `origin`, until it is dropped; `None` when it does not fit.
    #[must_use]
    pub fn reserve_manifest(&self, origin: &NodeId, chunks: u32) -> Option<ManifestRoom> {
        let mut state = self.state();
        if !self.fits_manifest(&state, origin, chunks) {
            return None;
        }
        state.accounts.reserve_manifest(origin, chunks);
        Some(ManifestRoom::new(self.clone(), *origin, chunks))
    }

    fn fits_manifest(&self, state: &State, origin: &NodeId, chunks: u32) -> bool {
        state.accounts.fits_entries(chunks) && self.fits(state, origin, manifest_bytes(chunks))
    }

    /// What the manifest of a file of so many chunks takes, at most.
    #[must_use]
    pub fn manifest_bytes(&self, chunks: u32) -> u64 {
        manifest_bytes(chunks)
    }

    /// Bytes that are kept, reserved ones not counted.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().accounts.used()
    }

    /// The chunk places of a file; `None` when its manifest is not here.
    fn layout(&self, file: &FileId) -> Result<Option<Arc<Layout>>, StoreError> {
        let layouts = || self.0.layouts.lock();
        if let Some((_, layout)) = layouts().iter().find(|(id, _)| id == file) {
            return Ok(Some(Arc::clone(layout)));
        }
        let Some(manifest) = self.0.index.manifest(file)? else {
            return Ok(None);
        };
        Ok(Some(self.remember(Arc::new(manifest))))
    }

    fn remember(&self, manifest: Arc<Manifest>) -> Arc<Layout> {
        let file = manifest.file();
        let layout = Arc::new(Layout::of(manifest));
        let layouts = self.0.layouts.lock();
        let mut layouts = layouts;
        let chunks = |all: &[(FileId, Arc<Layout>)]| -> u32 {
            all.iter().map(|(_, one)| one.manifest().len()).sum()
        };
        while layouts.len() >= LAYOUTS || (!layouts.is_empty() && chunks(&layouts) > LAYOUT_CHUNKS)
        {
            layouts.remove(0);
        }
        layouts.push((file, Arc::clone(&layout)));
        layout
    }
}

impl Entry {
    fn new(record: ReplicaRecord) -> Self {
        Self {
            firsts: HaveSet::empty(record.chunks),
            all: None,
            saved: record.seen,
            looked: None,
            record,
        }
    }
}
