//! Room for bytes that have no place of their own on this disk: what standard input gives before it
//! is sent, and what goes to standard output once it is whole.
//!
//! Owns `.sprat/spool`, which only its owner may enter. Never grows into the space that is to stay
//! free. Invariants: what is here goes with its [`Spool`], at the latest when the home is opened
//! next; nothing is poured out that was not verified on its way.

use super::{Home, Index, Limits, StoreError, failed, modes, positioned};
use crate::core::{chunk::VerifiedChunk, id::FileId, path::RelPath, rights::Rights};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Bytes read at a time.
const PIECE: usize = 256 << 10;
/// Bytes after which the free space is looked at again.
const LOOK: u64 = 8 << 20;

/// A folder that is removed with all that is in it when this is dropped.
#[derive(Debug)]
pub struct Spool(Filler);

/// Writes into a [`Spool`]; the holder of that may let go of it meanwhile.
#[derive(Clone, Debug)]
pub struct Filler {
    folder: PathBuf,
    /// Bytes of the disk that are to stay free.
    floor: u64,
}

impl Spool {
    /// A new, empty one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn new(home: &Home) -> Result<Self, StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let all = home.root().join(".sprat").join(super::temporary::SPOOL);
        fs::create_dir_all(&all).map_err(failed("create", &all))?;
        let folder = all.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        modes::create_private_dir(&folder).map_err(failed("create", &folder))?;
        Ok(Self(Filler {
            folder,
            floor: Limits::default_for(home.root()).floor,
        }))
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Moves a file, or an empty folder, that another spool of this home holds into this one, to
    /// its place there.
    ///
    /// # Errors
    /// When something is there already, or the disk refuses.
    pub fn adopt(&self, name: &RelPath, from: &Path) -> Result<(), StoreError> {
        let place = self.0.place(name)?;
        if place.symlink_metadata().is_ok() {
            return Err(failed("create", &place)(
                io::ErrorKind::AlreadyExists.into(),
            ));
        }
        fs::rename(from, &place).map_err(failed("create", &place))
    }

    /// For writing into it.
    #[must_use]
    pub fn filler(&self) -> Filler {
        self.0.clone()
    }
}

impl Filler {
    /// Where `name` goes, with the folders before it.
    fn place(&self, name: &RelPath) -> Result<PathBuf, StoreError> {
        let place = self.folder.join(name.as_str());
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
        }
        Ok(place)
    }

    /// Makes a folder called `name`, and gives its path.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn make_folder(&self, name: &RelPath) -> Result<PathBuf, StoreError> {
        let path = self.place(name)?;
        fs::create_dir_all(&path).map_err(failed("create", &path))?;
        Ok(path)
    }

    /// Writes all that `from` gives into a file called `name`, and gives its path. How much that is
    /// need not be known before.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] when it does not fit beside what is to stay free; [`StoreError::Io`]
    /// when `from` cannot be read.
    pub fn fill(&self, name: &RelPath, mut from: impl Read) -> Result<PathBuf, StoreError> {
        let path = self.place(name)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // The folder keeps it private; to whom it is sent it is an ordinary file.
        let file = modes::arriving(&mut options, Rights::default()).open(&path);
        let mut file = file.map_err(failed("create", &path))?;
        let mut piece = vec![0; PIECE];
        let (mut written, mut looked) = (0_u64, None);
        loop {
            let read = match from.read(&mut piece) {
                Ok(0) => return Ok(path),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(failed("read", Path::new("standard input"))(error));
                }
            };
            if looked.is_none_or(|at| written - at >= LOOK) {
                looked = Some(written);
                // Where the free space cannot be asked for, the writes will tell.
                let least = self.floor.saturating_add(LOOK);
                if fs4::available_space(&self.folder).is_ok_and(|free| free < least) {
                    let (needed, at) = (0, self.folder.clone());
                    return Err(StoreError::NoSpace { needed, at });
                }
            }
            let put = file.write_all(&piece[..read]);
            put.map_err(|error| StoreError::of("write", &path, read as u64, error))?;
            written += read as u64;
        }
    }
}

/// Makes sure that a file that was filled into a spool outlasts a crash.
///
/// # Errors
/// When the disk refuses.
pub fn settle(file: &Path) -> Result<(), StoreError> {
    let opened = File::open(file).map_err(failed("open", file))?;
    opened.sync_all().map_err(failed("sync", file))
}

/// Moves a file that was filled into a spool, and settled, to its place in the shared folder; false
/// when another file is there and is not to be replaced. It appears whole.
///
/// # Errors
/// When the disk refuses.
pub fn put_in_share(
    home: &Home,
    name: &RelPath,
    from: &Path,
    overwrite: bool,
) -> Result<bool, StoreError> {
    let place = home.shared().join(name.as_str());
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
    }
    if overwrite {
        fs::rename(from, &place).map_err(failed("replace", &place))?;
        return Ok(true);
    }
    match fs::hard_link(from, &place) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // A file system without links: not quite as safe against two at once.
        Err(_) if !place.exists() => {
            fs::rename(from, &place).map_err(failed("create", &place))?;
            Ok(true)
        }
        Err(error) => Err(failed("create", &place)(error)),
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0.folder); // The next start tries again.
    }
}

/// Why a file was not poured out, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum PourError {
    /// This node could not read it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The reader that was to take it did not.
    #[error("{0}")]
    Out(io::Error),
}

/// Writes the file at `path` to `out`, each chunk verified before it goes out; gives the bytes.
///
/// # Errors
/// [`PourError`]; what went out until then was right.
pub fn pour(
    index: &Index,
    file: &FileId,
    path: &Path,
    out: &mut impl Write,
) -> Result<u64, PourError> {
    let changed = || StoreError::Changed(path.to_owned());
    let manifest = index.manifest(file)?.ok_or_else(changed)?;
    let from = File::open(path).map_err(failed("open", path))?;
    let mut bytes = Vec::new();
    for (at, entry) in (0..).zip(manifest.entries()) {
        bytes.resize(entry.len as usize, 0);
        positioned::read_exact_at(&from, &mut bytes, manifest.offset(at))
            .map_err(failed("read", path))?;
        VerifiedChunk::check(entry.id, &bytes).map_err(|_| changed())?;
        out.write_all(&bytes).map_err(PourError::Out)?;
    }
    out.flush().map_err(PourError::Out)?;
    Ok(manifest.size())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Fixture, noise};

    fn name(name: &str) -> RelPath {
        RelPath::parse(name).unwrap()
    }

    #[test]
    fn what_is_spooled_goes_with_its_spool_or_at_the_next_start() {
        let fixture = Fixture::new();
        let spool = Spool::new(&fixture.home).unwrap();
        let bytes = noise(1, 700_000);
        let path = spool.filler().fill(&name("log"), &bytes[..]).unwrap();
        assert!(fs::read(&path).unwrap() == bytes);
        drop(spool);
        assert!(!path.exists());
        let spool = Spool::new(&fixture.home).unwrap();
        let left = spool.filler().fill(&name("log"), &bytes[..]).unwrap();
        std::mem::forget(spool);
        let _fixture = fixture.restart();
        assert!(!left.exists());
    }

    #[test]
    fn files_of_several_spools_become_one_tree_and_none_replaces_another() {
        let fixture = Fixture::new();
        let new = || Spool::new(&fixture.home).unwrap();
        let (one, two, tree) = (new(), new(), new());
        let fill = |spool: &Spool, at| spool.filler().fill(&name(at), &b"x"[..]).unwrap();
        let first = fill(&one, "trip/day 1/a");
        assert_eq!(first, one.folder().join("trip/day 1/a"));
        tree.adopt(&name("trip/day 1/a"), &first).unwrap();
        tree.adopt(&name("trip/b"), &fill(&two, "trip/b")).unwrap();
        drop((one, two));
        assert!(tree.folder().join("trip/day 1/a").is_file());
        let other = new();
        let again = fill(&other, "c");
        assert!(tree.adopt(&name("trip/b"), &again).is_err());
        assert!(tree.adopt(&name("trip/b/c"), &again).is_err());
        assert!(again.is_file() && tree.folder().join("trip/b").is_file());
    }

    #[test]
    fn what_is_to_stay_free_stays_free() {
        let fixture = Fixture::new();
        let spool = Spool::new(&fixture.home).unwrap();
        let filler = Filler {
            floor: u64::MAX,
            ..spool.filler()
        };
        let full = filler.fill(&name("log"), io::repeat(7));
        assert!(matches!(full, Err(StoreError::NoSpace { .. })));
    }
}
