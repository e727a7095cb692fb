//! A download under way: one sparse file, into which verified chunks are written at their offsets.
//!
//! Owns `.sprat/partial/<file id>` and the have-set of the download, which everyone else asks for
//! here. Takes [`VerifiedChunk`] alone, so no unverified byte reaches the file. Invariants: the
//! index claims a chunk only after its bytes were synced; after a failed sync nothing more is
//! claimed; what is held is served to others through the reader until the file is in its place, and
//! from there after. What the manifest says is a hole (by the hash of zeroes) is here from the
//! beginning, without a byte of it; other long runs of zeroes become holes when they are written.

use super::{
    ChunkReader, Home, Index, StoreError, cache, failed,
    layout::Layout,
    modes, positioned,
    reader::{Arriving, Extent},
};
use crate::{
    core::{
        chunk::VerifiedChunk,
        have::HaveSet,
        id::{ChunkId, FileId},
        index::ChunkIndex,
        manifest::{Entry, Manifest},
        path::RelPath,
    },
    wire::manifest,
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Written bytes after which a caller should call [`Partial::sync`]: what a power failure may cost.
pub const SYNC_BATCH: u64 = 64 << 20;
/// Bytes at either end of a chunk that are zero where nothing was written.
const PROBE: usize = 4096;

/// A download under way. Clones are handles to the same one; any number of threads may write.
#[derive(Clone, Debug)]
pub struct Partial(Arc<Inner>);

/// How large a file is that is to be downloaded.
#[derive(Clone, Copy, Debug)]
pub struct FileSize {
    /// Bytes.
    pub whole: u64,
    /// Bytes of it that have to be written at least: the rest may be holes.
    pub data: u64,
}

struct Inner {
    index: Index,
    reader: ChunkReader,
    manifest: Arc<Manifest>,
    layout: Layout,
    path: PathBuf,
    file: File,
    /// No earlier run wrote to it: where nothing is yet, a hole is.
    fresh: bool,
    have: Mutex<HaveSet>,
    unsynced: AtomicU64,
    /// One sync at a time; true once one failed.
    syncing: Mutex<bool>,
    finished: AtomicBool,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Partial").field(&self.path).finish()
    }
}

impl Arriving for Inner {
    fn file_id(&self) -> FileId {
        self.manifest.file()
    }

    fn locate(&self, id: &ChunkId) -> Option<Extent> {
        let at = *self.layout.places(id).first()?;
        let len = self.manifest.entries()[at as usize].len;
        let held = !self.finished.load(Ordering::Acquire) && self.have().has(at);
        let offset = self.manifest.offset(at);
        held.then_some(Extent { offset, len })
    }

    fn file(&self) -> &File {
        &self.file
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Inner {
    fn have(&self) -> MutexGuard<'_, HaveSet> {
        self.have.lock()
    }
}

impl Partial {
    /// Begins the download of the file that `manifest` describes, or goes on with it; gives what is
    /// here already. What an interruption left unclaimed is hashed again, so that only what was
    /// never written has to be fetched. `dest_dir` is where it will end.
    ///
    /// Only one `Partial` of a file may be open at a time.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] before anything is written when the rest does not fit.
    pub fn open(
        home: &Home,
        index: &Index,
        reader: &ChunkReader,
        manifest: Arc<Manifest>,
        dest_dir: &Path,
    ) -> Result<(Self, HaveSet), StoreError> {
        let id = manifest.file();
        let path = home.partials().join(id.to_string());
        if index.root(&id)?.is_none() {
            index.add_manifest(&manifest::encode(manifest.entries()))?;
        }
        if fs::symlink_metadata(&path).is_ok_and(|meta| modes::links(&meta) > 1) {
            // A crash between placing it and forgetting it: what lies there is the user's file now.
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        let meta = file.metadata().map_err(failed("look at", &path))?;
        check_space(home, manifest.data(), modes::allocated(&meta), dest_dir)?;
        let mut have = match index.partial_have(&id) {
            // Bits that say more than the file can hold are not believed.
            Ok(Some(have)) if have.len() == manifest.len() && meta.len() == manifest.size() => have,
            _ => HaveSet::empty(manifest.len()),
        };
        // It is used from now on: what is not for a week is removed.
        let _ = file.set_modified(std::time::SystemTime::now());
        let fresh = meta.len() == 0;
        if fresh {
            // Nothing has to be written for them, so they can be claimed at once.
            for at in holes(&manifest) {
                have.insert(at);
            }
        }
        let claimed = have.clone();
        if !fresh {
            // A sync may have failed: what is found must be on the disk, not only in memory.
            cache::drop_pages(&file);
            recover(&file, &manifest, &mut have);
        }
        file.set_len(manifest.size())
            .map_err(|error| StoreError::of("resize", &path, manifest.data(), error))?;
        // What recovery found is claimed by the first sync.
        index.set_partial_have(&id, &claimed)?;
        let inner = Arc::new(Inner {
            index: index.clone(),
            reader: reader.clone(),
            layout: Layout::of(Arc::clone(&manifest)),
            unsynced: AtomicU64::new(if have.count() > claimed.count() {
                SYNC_BATCH
            } else {
                0
            }),
            have: Mutex::new(have.clone()),
            syncing: Mutex::new(false),
            finished: AtomicBool::new(false),
            manifest,
            path,
            file,
            fresh,
        });
        reader.register(&inner);
        Ok((Self(inner), have))
    }

    /// Whether a file would fit, before anything of it is asked for: it may lie there in part, or
    /// as `name` in `dest_dir`.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] when it does not.
    pub fn room_for(
        home: &Home,
        file: &FileId,
        size: FileSize,
        dest_dir: &Path,
        name: &RelPath,
    ) -> Result<(), StoreError> {
        let there = fs::metadata(dest_dir.join(name.as_str()));
        if there.is_ok_and(|meta| meta.len() == size.whole) {
            return Ok(());
        }
        let path = home.partials().join(file.to_string());
        let allocated = fs::metadata(path).map_or(0, |meta| modes::allocated(&meta));
        check_space(home, size.data, allocated, dest_dir)
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.0.manifest
    }

    /// What is here now.
    #[must_use]
    pub fn have(&self) -> HaveSet {
        self.0.have().clone()
    }

    /// Writes the chunk at `index` everywhere it occurs. Gives those places in the file, ascending.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is another chunk than that; [`StoreError::NoSpace`] when the
    /// disk is full: nothing is claimed, and the same write can be tried again.
    pub fn write(
        &self,
        index: ChunkIndex,
        chunk: &VerifiedChunk<'_>,
    ) -> Result<Vec<u32>, StoreError> {
        let inner = &*self.0;
        let fits =
            |entry: &Entry| entry.id == chunk.id() && entry.len as usize == chunk.bytes().len();
        let entry = inner.manifest.entries().get(index.at());
        if !entry.is_some_and(fits) {
            return Err(StoreError::Corrupt(format!(
                "chunk {} is not number {}",
                chunk.id().short(),
                index.0
            )));
        }
        let places = inner.layout.places(&chunk.id()).iter().copied();
        // Where a manifest states another length for it, it does not belong.
        let places: Vec<u32> = places
            .filter(|&at| fits(&inner.manifest.entries()[at as usize]))
            .collect();
        let missing: Vec<u32> = {
            let have = inner.have();
            places.iter().copied().filter(|&at| !have.has(at)).collect()
        };
        let write = if inner.fresh {
            positioned::write_over_hole
        } else {
            positioned::write_all_at
        };
        for &at in &missing {
            write(&inner.file, chunk.bytes(), inner.manifest.offset(at))
                .map_err(|error| StoreError::of("write", &inner.path, self.missing(), error))?;
        }
        let mut have = inner.have();
        for at in missing {
            if have.insert(at) {
                let len = chunk.bytes().len() as u64;
                inner.unsynced.fetch_add(len, Ordering::Relaxed);
            }
        }
        Ok(places)
    }

    /// Bytes that are not here yet.
    fn missing(&self) -> u64 {
        let have = self.0.have();
        (0..)
            .zip(self.0.manifest.entries())
            .filter(|&(at, _)| !have.has(at))
            .map(|(_, entry)| u64::from(entry.len))
            .sum()
    }

    /// Bytes written since the last [`Partial::sync`].
    #[must_use]
    pub fn unsynced(&self) -> u64 {
        self.0.unsynced.load(Ordering::Relaxed)
    }

    /// Makes what is here last: the bytes first, then the claim to have them. Others may write
    /// meanwhile.
    ///
    /// # Errors
    /// When the disk refuses. After a failed sync it is not known which bytes arrived: every later
    /// call fails too, and the download goes on with a new [`Partial::open`].
    pub fn sync(&self) -> Result<(), StoreError> {
        let inner = &*self.0;
        let mut failed_before = self.syncing();
        if *failed_before {
            return Err(StoreError::Corrupt(format!(
                "{} failed to sync before",
                inner.path.display()
            )));
        }
        if inner.finished.load(Ordering::Acquire) {
            return Ok(());
        }
        // Taken before the sync: a chunk that is written during it is claimed by the next one.
        let (have, bytes) = {
            let have = inner.have();
            (have.clone(), inner.unsynced.swap(0, Ordering::Relaxed))
        };
        if bytes == 0 {
            return Ok(());
        }
        if let Err(error) = inner.file.sync_data() {
            *failed_before = true;
            return Err(StoreError::of("sync", &inner.path, bytes, error));
        }
        inner
            .index
            .set_partial_have(&inner.manifest.file(), &have)?;
        inner.index.flush()
    }

    /// Gives the download up: removes its file and what the index knows of it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn discard(&self) -> Result<(), StoreError> {
        self.0.finished.store(true, Ordering::Release);
        self.0.index.remove_partial(&self.0.manifest.file())?;
        match fs::remove_file(&self.0.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &self.0.path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether the chunk at `at` is here.
    #[must_use]
    pub fn has(&self, at: u32) -> bool {
        self.0.have().has(at)
    }

    /// Ends it: nothing is read from its file any more, and nothing claimed.
    pub(super) fn close(&self) {
        self.0.finished.store(true, Ordering::Release);
    }

    /// Waits for a sync that is under way.
    pub(super) fn syncing(&self) -> MutexGuard<'_, bool> {
        let inner = &self.0;
        inner.syncing.lock()
    }

    pub(super) fn index(&self) -> &Index {
        &self.0.index
    }

    pub(super) fn reader(&self) -> &ChunkReader {
        &self.0.reader
    }

    pub(super) fn file(&self) -> &File {
        &self.0.file
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }
}

/// The positions of the holes.
fn holes(manifest: &Manifest) -> impl Iterator<Item = u32> {
    let entries = (0..).zip(manifest.entries());
    entries
        .filter(|(_, entry)| entry.is_hole())
        .map(|(at, _)| at)
}

/// Refuses a download that will not fit, here and where it will end. `data` bytes of it have to be
/// written.
fn check_space(home: &Home, data: u64, allocated: u64, dest_dir: &Path) -> Result<(), StoreError> {
    let check = |at: &Path, needed: u64| {
        // Where the free space cannot be asked for, the writes will tell.
        match fs4::available_space(at) {
            Ok(free) if free < needed => Err(StoreError::NoSpace {
                needed: needed - free,
                at: at.to_owned(),
            }),
            _ => Ok(()),
        }
    };
    let rest = data.saturating_sub(allocated);
    let partials = home.partials();
    check(&partials, rest)?;
    let existing = dest_dir.ancestors().find(|path| path.is_dir());
    let device = |path: &Path| {
        let meta = fs::metadata(path);
        meta.map(|meta| modes::identity(&meta).device).ok()
    };
    match existing {
        Some(dest) if device(dest) != device(&partials) => check(dest, data),
        _ => Ok(()),
    }
}

/// Hashes what an interrupted run may have written after its last sync, and adds what is whole to
/// `have`.
fn recover(file: &File, manifest: &Manifest, have: &mut HaveSet) {
    let mut buf = Vec::new();
    for (at, entry) in (0..).zip(manifest.entries()) {
        if have.has(at) {
            continue;
        }
        let (start, len) = (manifest.offset(at), entry.len as usize);
        let probe = len.min(PROBE);
        buf.resize(len, 0);
        // A hole reads as zeroes, and most of an interrupted file is holes.
        let ends = [start, start + (len - probe) as u64];
        let written = entry.is_hole()
            || ends.iter().any(|&at| {
                positioned::read_exact_at(file, &mut buf[..probe], at).is_ok()
                    && buf[..probe].iter().any(|&byte| byte != 0)
            });
        if written
            && positioned::read_exact_at(file, &mut buf, start).is_ok()
            && VerifiedChunk::check(entry.id, &buf).is_ok()
        {
            have.insert(at);
        }
    }
}

#[cfg(test)]
mod tests;
