//! Files of one chunk or none: many at a time, because what a disk does for one of them it does for
//! a thousand at nearly the same price.
//!
//! Such a file is here whole or not at all, so it needs no partial file and no have-set. Owns its
//! way: verified bytes in memory ([`ChunkBuffer`]), a temporary file ([`lay`]), its place
//! ([`place_all`]). Invariants: no file gets its name before its bytes are synced, and the index
//! learns of it only when its folder is too. What a crash leaves has no name that anyone looks for,
//! and is removed at the next start.

use super::{
    Finished, Home, NewFile, Partial, Stamp, StoreError, failed,
    folder::Folder,
    modes,
    placing::{Finder, Synced, parent, record_of, set_mtime},
    temporary::TEMPORARY,
};
use crate::core::{
    chunk::VerifiedChunk,
    id::FileId,
    index::ChunkIndex,
    manifest::{Entry, Manifest},
    path::RelPath,
    rights::Rights,
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::HashMap,
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Verified bytes on their way to the disk, by whatever number the caller gives each. Clones are
/// handles to the same one. Its size is the caller's to bound: nothing comes in that it did not ask
/// for.
#[derive(Clone, Debug, Default)]
pub struct ChunkBuffer(Arc<Mutex<HashMap<u32, Arc<[u8]>>>>);

impl ChunkBuffer {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Arc<[u8]>>> {
        self.0.lock()
    }

    /// Keeps a chunk's bytes.
    pub fn put(&self, at: u32, chunk: &VerifiedChunk<'_>) {
        self.keep(at, chunk.bytes().into());
    }

    /// Keeps bytes that were read on this node, by a reader that verifies.
    pub fn keep(&self, at: u32, bytes: Arc<[u8]>) {
        self.lock().insert(at, bytes);
    }

    /// The bytes under `at`.
    #[must_use]
    pub fn get(&self, at: u32) -> Option<Arc<[u8]>> {
        self.lock().get(&at).cloned()
    }

    /// Lets go of what is under `at`, and gives it.
    #[must_use]
    pub fn take(&self, at: u32) -> Option<Arc<[u8]>> {
        self.lock().remove(&at)
    }
}

/// A file of one chunk or none.
#[derive(Clone, Debug)]
pub struct SmallFile {
    /// The name it is offered by.
    pub name: RelPath,
    /// Its contents.
    pub file: FileId,
    /// Its chunk.
    pub entry: Option<Entry>,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Its permissions.
    pub rights: Rights,
}

/// A small file whose bytes are written, not yet synced, and have no name yet. Dropped, it is
/// removed.
#[derive(Debug)]
pub struct Laid {
    small: SmallFile,
    temporary: PathBuf,
    stamp: Stamp,
    /// There is nothing left under the temporary name.
    moved: bool,
}

impl Laid {
    /// Bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.stamp.size
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        if !self.moved {
            let _ = fs::remove_file(&self.temporary); // It is in no one's way.
        }
    }
}

/// Writes a small file's bytes, all of them, where no one looks for them yet.
///
/// # Errors
/// When the disk refuses; nothing is left then.
pub fn lay(home: &Home, small: SmallFile, bytes: &[u8]) -> Result<Laid, StoreError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = home.partials().join(format!("{TEMPORARY}{number}"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = modes::arriving(&mut options, small.rights)
        .open(&temporary)
        .map_err(failed("create", &temporary))?;
    let written = file.write_all(bytes).and_then(|()| {
        set_mtime(&file, small.mtime);
        file.metadata()
    });
    match written {
        Ok(meta) => Ok(Laid {
            small,
            temporary,
            stamp: Stamp::of(&meta),
            moved: false,
        }),
        Err(error) => {
            let _ = fs::remove_file(&temporary); // It is the first error that counts.
            Err(StoreError::of(
                "write",
                &temporary,
                bytes.len() as u64,
                error,
            ))
        }
    }
}

/// Where a verified chunk goes.
#[derive(Clone, Debug)]
pub enum Sink {
    /// To this position of a partial file.
    Partial(Partial, ChunkIndex),
    /// Onto the pile, under this number.
    Memory(ChunkBuffer, u32),
}

impl Sink {
    /// Takes the chunk there.
    ///
    /// # Errors
    /// As [`Partial::write`].
    pub fn write(&self, chunk: &VerifiedChunk<'_>) -> Result<(), StoreError> {
        match self {
            Self::Partial(partial, at) => partial.write(*at, chunk).map(drop),
            Self::Memory(pile, at) => {
                pile.put(*at, chunk);
                Ok(())
            }
        }
    }

    /// Whether that touches no disk.
    #[must_use]
    pub fn is_memory(&self) -> bool {
        matches!(self, Self::Memory(..))
    }
}

/// Whether so many bytes fit, here and below `dest`. Where it is not known, the writes will tell.
#[must_use]
pub fn has_room(home: &Home, dest: &Path, needed: u64) -> bool {
    places(home, dest).all(|at| fs4::available_space(at).is_ok_and(|free| free >= needed))
}

/// Room that a disk does not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lack {
    /// How many bytes.
    pub bytes: u64,
    /// Where.
    pub at: PathBuf,
}

/// What lacks for `needed` bytes; `None` when they fit, or it is not known.
#[must_use]
pub fn lacking(home: &Home, dest: &Path, needed: u64) -> Option<Lack> {
    places(home, dest).find_map(|at| match fs4::available_space(&at) {
        Ok(free) if free < needed => Some(Lack {
            bytes: needed - free,
            at,
        }),
        _ => None,
    })
}

/// Where the bytes of a download lie on their way to `dest`.
fn places(home: &Home, dest: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let dest = dest.ancestors().find(|path| path.is_dir());
    [Some(home.partials()), dest.map(Path::to_owned)]
        .into_iter()
        .flatten()
}

/// Gives small files their places below `dest`, as [`super::Partial::finish`] does for one: one
/// sync for all their bytes, then their names, one sync a folder, one batch for the index. What
/// happened to each, in their order.
pub fn place_all(
    home: &Home,
    mut finder: Finder<'_>,
    mut laid: Vec<Laid>,
) -> Vec<Result<Finished, StoreError>> {
    let partials = home.partials();
    let paths = laid.iter().map(|one| one.temporary.as_path());
    if let Err(error) = modes::sync_files(&partials, paths) {
        let needed = laid.iter().map(Laid::len).sum();
        let again = || std::io::Error::new(error.kind(), error.to_string());
        return laid
            .iter()
            .map(|_| Err(StoreError::of("sync", &partials, needed, again())))
            .collect();
    }
    // Folder by folder, so that one is open at a time.
    let mut order: Vec<usize> = (0..laid.len()).collect();
    order.sort_by_cached_key(|&at| parent(&finder.fit(&laid[at].small.name)));
    let mut results: Vec<Option<Result<(Finished, Stamp), StoreError>>> = Vec::new();
    results.resize_with(laid.len(), || None);
    let mut open: Option<Filled> = None;
    for at in order {
        let one = &mut laid[at];
        let portable = finder.fit(&one.small.name);
        let parent = parent(&portable);
        if open.as_ref().is_none_or(|open| open.parent != parent) {
            if let Some(filled) = open.take() {
                filled.sync(&mut results);
            }
            match finder.folder(&portable) {
                Ok(folder) => {
                    let files = Vec::new();
                    open = Some(Filled {
                        parent,
                        folder,
                        files,
                    });
                }
                Err(error) => {
                    results[at] = Some(Err(error));
                    continue;
                }
            }
        }
        let Some(filled) = &mut open else { continue };
        let placed = place(&finder, &filled.folder, &portable, one);
        if let Ok((finished, stamp)) = &placed {
            one.moved = !finished.already && *stamp == one.stamp;
            filled.files.push(at);
        }
        results[at] = Some(placed);
    }
    if let Some(filled) = open {
        filled.sync(&mut results);
    }
    let results: Vec<Result<(Finished, Stamp), StoreError>> =
        results.into_iter().flatten().collect();
    let placed = laid.iter().zip(&results);
    let mut files: Vec<NewFile> = placed
        .filter_map(|(one, result)| {
            let (finished, stamp) = result.as_ref().ok()?;
            let SmallFile {
                name,
                file,
                entry,
                rights,
                ..
            } = &one.small;
            let place = (finished.path.clone(), *stamp);
            Some(NewFile {
                record: record_of(finder.kind_of(file), name, *file, place, *rights),
                entries: entry.iter().copied().collect(),
            })
        })
        .collect();
    if let Err(error) = finder.index().add_files(&mut files) {
        // They lie in their places and will be found there; they are only not served yet.
        tracing::warn!(%error, "downloads could not be recorded");
    }
    results
        .into_iter()
        .map(|result| result.map(|(finished, _)| finished))
        .collect()
}

/// A folder and the files that were put into it.
struct Filled {
    parent: String,
    folder: Arc<Folder>,
    files: Vec<usize>,
}

impl Filled {
    /// Makes the names last. None of the files is in its place for sure when that fails.
    fn sync(self, results: &mut [Option<Result<(Finished, Stamp), StoreError>>]) {
        if let Err(error) = self.folder.sync() {
            for at in self.files {
                let again = std::io::Error::new(error.kind(), error.to_string());
                results[at] = Some(Err(failed("sync", self.folder.path())(again)));
            }
        }
    }
}

fn place(
    finder: &Finder<'_>,
    folder: &Folder,
    portable: &RelPath,
    one: &Laid,
) -> Result<(Finished, Stamp), StoreError> {
    let SmallFile {
        file,
        entry,
        mtime,
        rights,
        ..
    } = &one.small;
    let manifest = Manifest::new(*file, entry.iter().copied().collect())
        .map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let synced = Synced {
        taken: finder.taken(),
        index: finder.index(),
        manifest: &manifest,
        from: &one.temporary,
        stamp: Some(one.stamp),
        mtime: *mtime,
        rights: *rights,
    };
    synced.find_place(finder.folders(), folder, portable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        placing::{Taken, find_existing},
        testing::{Fixture, manifest_of, noise},
    };

    fn small(name: &str, bytes: &[u8]) -> SmallFile {
        let manifest = manifest_of(bytes);
        SmallFile {
            name: RelPath::parse(name).unwrap(),
            file: manifest.file(),
            entry: manifest.entries().first().copied(),
            mtime: 1_000_000,
            rights: Rights::default(),
        }
    }

    #[test]
    fn many_are_placed_beside_what_is_there_and_served() {
        let fixture = Fixture::new();
        let dest = fixture.home.downloads();
        fs::create_dir_all(dest.join("a")).unwrap();
        fs::write(dest.join("a/1"), "mine").unwrap();
        fs::write(dest.join("a/2"), noise(2, 100)).unwrap();
        let files: Vec<(String, Vec<u8>)> = (0..300)
            .map(|at| (format!("a/{at}"), noise(at, (at as usize % 7) * 50)))
            .collect();
        let laid = files
            .iter()
            .map(|(name, bytes)| lay(&fixture.home, small(name, bytes), bytes).unwrap())
            .collect();
        let finder = Finder::new(&fixture.reader, &dest, Taken::Beside);
        let placed = place_all(&fixture.home, finder, laid);
        let mut buf = Vec::new();
        for (at, ((name, bytes), finished)) in files.iter().zip(placed).enumerate() {
            let finished = finished.unwrap();
            assert_eq!(fs::read(&finished.path).unwrap(), *bytes);
            assert_eq!(finished.path.ends_with("a/1 (2)"), at == 1, "{name}");
            assert_eq!(finished.already, at == 2);
            if let Some(entry) = small(name, bytes).entry {
                assert!(fixture.reader.read(&entry.id, &mut buf).unwrap());
            }
            let parsed = RelPath::parse(name).unwrap();
            let found = find_existing(&fixture.reader, &dest, &parsed, &manifest_of(bytes));
            assert!(found.unwrap().is_some());
        }
        assert_eq!(fs::read(dest.join("a/1")).unwrap(), b"mine");
        assert_eq!(fs::read_dir(fixture.home.partials()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_crash_left_is_removed_at_the_next_start() {
        let fixture = Fixture::new();
        let bytes = noise(1, 10);
        let laid = lay(&fixture.home, small("a", &bytes), &bytes).unwrap();
        std::mem::forget(laid);
        let fixture = fixture.restart();
        assert_eq!(fs::read_dir(fixture.home.partials()).unwrap().count(), 0);
    }

    #[test]
    fn a_small_file_never_goes_through_a_link() {
        let fixture = Fixture::new();
        let dest = fixture.home.downloads();
        fs::create_dir_all(&dest).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(fixture.folder.path(), dest.join("way")).unwrap();
        let bytes = noise(1, 10);
        let laid = vec![
            lay(&fixture.home, small("way/a", &bytes), &bytes).unwrap(),
            lay(&fixture.home, small("b", &bytes), &bytes).unwrap(),
        ];
        let finder = Finder::new(&fixture.reader, &dest, Taken::Beside);
        let placed = place_all(&fixture.home, finder, laid);
        assert!(matches!(placed[0], Err(StoreError::Name { .. })));
        assert!(placed[1].is_ok());
        assert_eq!(fs::read_dir(fixture.home.partials()).unwrap().count(), 0);
    }
}
