//! The home folder: its layout, its lock, its identity.
//!
//! Owns `.sprat/` itself, `lock`, `identity.key`, `epoch` and `spare`. Never looks into the shared
//! files or the index. Invariants: one [`Home`] per folder at a time, on the whole machine; a key
//! that cannot be read is never replaced by another.

use super::modes;
use crate::core::id::ChunkId;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The layout of a home: of what lies in `.sprat/`, but for the index, which has a number of its
/// own. A home without a number is of 0.1.0, which is the first.
pub const FORMAT: u32 = 1;

/// The file that takes room for the next start.
const SPARE: &str = "spare";
/// What a start writes, but for the index's snapshot.
const SPARE_BYTES: u64 = 2 << 20;

/// The home folder cannot be used. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Another node uses it.
    #[error("another sprat (process {pid}) uses {}: type it at its prompt, or give this one a folder of its own with --home DIR", home.display())]
    Busy {
        /// Its process id; 0 when it could not be read.
        pid: u32,
        /// The home.
        home: PathBuf,
    },
    /// There is no such folder.
    #[error("there is no folder {}; create it first", .0.display())]
    Missing(PathBuf),
    /// Something else goes by that name.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// The folder may not be written.
    #[error("{} cannot be written; choose a folder of your own with --home", .0.display())]
    ReadOnly(PathBuf),
    /// A later version has changed its layout.
    #[error("{} was used by a later version of sprat (its layout is {found}, this program knows {FORMAT}): use that version, or another home with --home", home.display())]
    Newer {
        /// The home.
        home: PathBuf,
        /// Its number.
        found: u32,
    },
    /// The disk is full.
    #[error("no space is left for {}", .0.display())]
    NoSpace(PathBuf),
    /// The key is not a key.
    #[error(
        "{} is damaged ({why}); put the right one back, or move it away to become a new node",
        path.display()
    )]
    Identity {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system refused something else.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl HomeError {
    fn of(what: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly(path)
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace(path),
            _ => Self::Io { what, path, source },
        }
    }
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> HomeError + 'a {
    move |source| HomeError::of(what, path, source)
}

/// A home folder that this process holds the lock of. Clones share the lock; the last one to go
/// releases it.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    _lock: Arc<File>,
}

impl Home {
    /// Opens the home at `root`, which must exist, creates `.sprat/` in it and takes its lock.
    ///
    /// # Errors
    /// [`HomeError::Busy`] when another process (or another `Home` in this one) has it; others when
    /// the folder is missing, not a folder or not writable.
    pub fn open(root: &Path) -> Result<Self, HomeError> {
        let root = match fs::canonicalize(root) {
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(HomeError::Missing(root.to_owned()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(HomeError::NotAFolder(root.to_owned()));
            }
            Err(error) => return Err(HomeError::of("open", root, error)),
        };
        if !root.is_dir() {
            return Err(HomeError::NotAFolder(root));
        }
        let own = root.join(".sprat");
        match modes::create_private_dir(&own) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !own.is_dir() {
                    return Err(HomeError::NotAFolder(own));
                }
                modes::make_private(&own).map_err(failed("restrict", &own))?;
            }
            done => done.map_err(failed("create", &own))?,
        }
        let lock = lock(&root, &own.join("lock"))?;
        check_format(&root, &own.join("format"))?;
        for folder in [own.join("partial"), own.join("index")] {
            fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        }
        super::temporary::clear(&own);
        Ok(Self {
            root,
            _lock: Arc::new(lock),
        })
    }

    /// The home itself, without symlinks.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What this node offers. May not exist: see [`Home::ensure_shared`].
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.root.join("shared")
    }

    /// Where downloads land. May not exist: finishing a download creates it.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// Downloads under way, one file each. Exists.
    #[must_use]
    pub fn partials(&self) -> PathBuf {
        self.root.join(".sprat/partial")
    }

    /// The index's folder. Exists.
    #[must_use]
    pub fn index_dir(&self) -> PathBuf {
        self.root.join(".sprat/index")
    }

    /// Takes room for the next start, which may find the disk full: its index and its number have
    /// to be written before anything can be removed. It is given up by [`Home::open`].
    pub fn keep_spare(&self) {
        let snapshots = fs::read_dir(self.index_dir())
            .into_iter()
            .flatten()
            .flatten();
        let snapshots: u64 = snapshots
            .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"snap."))
            .filter_map(|entry| Some(entry.metadata().ok()?.len()))
            .sum();
        let path = self.root.join(".sprat").join(SPARE);
        // On a disk that is nearly full some of it, so that the start after the next one succeeds,
        // too.
        let sizes = (0..5).map(|halved| (SPARE_BYTES + 2 * snapshots) >> halved);
        if !sizes.into_iter().any(|size| take_room(&path, size).is_ok()) {
            let _ = fs::remove_file(path);
        }
    }

    /// Creates the shared folder when there is none.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn ensure_shared(&self) -> Result<PathBuf, HomeError> {
        let shared = self.shared();
        fs::create_dir_all(&shared).map_err(failed("create", &shared))?;
        Ok(shared)
    }

    /// The Ed25519 secret seed. The first call makes one; a key that others may read is made
    /// private.
    ///
    /// # Errors
    /// [`HomeError::Identity`] when the file is there and is not a key: it is left as it is.
    pub fn identity(&self) -> Result<[u8; 32], HomeError> {
        let path = self.root.join(".sprat/identity.key");
        match fs::read(&path) {
            Ok(bytes) => {
                modes::make_private(&path).map_err(failed("restrict", &path))?;
                parse_seed(&bytes).map_err(|why| HomeError::Identity { path, why })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut seed = [0; 32];
                getrandom::fill(&mut seed)
                    .map_err(|error| HomeError::of("seed", &path, io::Error::other(error)))?;
                // Every id is shown in hexadecimal, so the seed borrows that form.
                let text = ChunkId(seed).to_string() + "\n";
                write_durably(&path, text.as_bytes()).map_err(failed("write", &path))?;
                Ok(seed)
            }
            Err(error) => Err(HomeError::of("read", &path, error)),
        }
    }

    /// Whether there is a key, good or damaged.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        self.root.join(".sprat/identity.key").exists()
    }

    /// Puts the key aside, as `identity.key.1` or the next number that is free, and makes another
    /// one. Gives where the old one is, if there was any, and the new seed.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn new_identity(&self) -> Result<(Option<PathBuf>, [u8; 32]), HomeError> {
        let path = self.root.join(".sprat/identity.key");
        let mut aside = None;
        if self.has_identity() {
            let places = (1..).map(|n: u32| path.with_extension(format!("key.{n}")));
            let place = places.into_iter().find(|place| !place.exists());
            if let Some(place) = &place {
                fs::rename(&path, place).map_err(failed("move", &path))?;
            }
            aside = place;
        }
        Ok((aside, self.identity()?))
    }

    /// A number for this run's catalog, greater than that of every run before, even when the clock
    /// went back. `now_unix_ms` is milliseconds since 1970.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn next_epoch(&self, now_unix_ms: u64) -> Result<u64, HomeError> {
        let path = self.root.join(".sprat/epoch");
        // A damaged record is as good as none: the clock is ahead of what was used before, unless
        // it went back too.
        let last: u64 = fs::read_to_string(&path)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        let epoch = now_unix_ms.max(last.saturating_add(1));
        write_durably(&path, format!("{epoch}\n").as_bytes()).map_err(failed("write", &path))?;
        Ok(epoch)
    }
}

/// Refuses a home of a later version, and notes the layout of one that has no number yet.
fn check_format(home: &Path, path: &Path) -> Result<(), HomeError> {
    let found = match fs::read_to_string(path) {
        // Damaged, it says nothing; what else is in the home is looked at by its readers.
        Ok(text) => text.trim().parse().unwrap_or(0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(HomeError::of("read", path, error)),
    };
    if found > FORMAT {
        let home = home.to_owned();
        return Err(HomeError::Newer { home, found });
    }
    if found < FORMAT {
        write_durably(path, format!("{FORMAT}\n").as_bytes()).map_err(failed("write", path))?;
    }
    Ok(())
}

/// Makes the file one of so many bytes that are really on the disk.
fn take_room(path: &Path, size: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut file = modes::private(&mut options).open(path)?;
    let zeroes = io::repeat(0).take(size);
    let mut zeroes = io::BufReader::with_capacity(64 << 10, zeroes);
    io::copy(&mut zeroes, &mut file).map(drop)
}

fn lock(root: &Path, path: &Path) -> Result<File, HomeError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = modes::private(&mut options)
        .open(path)
        .map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = (&file).take(32).read_to_string(&mut text);
            return Err(HomeError::Busy {
                pid: text.trim().parse().unwrap_or(0),
                home: root.to_owned(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(HomeError::of("lock", path, error)),
    }
    // This process has the home now: what was kept for its start is for it.
    let _ = fs::remove_file(path.with_file_name(SPARE));
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed("write", path))?;
    Ok(file)
}

/// The seed as 64 hexadecimal digits, or as 32 raw bytes.
fn parse_seed(bytes: &[u8]) -> Result<[u8; 32], String> {
    if let Ok(raw) = bytes.try_into() {
        return Ok(raw);
    }
    let text = bytes.trim_ascii();
    if text.len() != 64 {
        return Err(format!("{} bytes instead of a key", bytes.len()));
    }
    let mut seed = [0; 32];
    for (byte, pair) in seed.iter_mut().zip(text.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return Err("not hexadecimal".into());
        };
        *byte = (high << 4 | low) as u8;
    }
    Ok(seed)
}

/// Replaces a small private file: at any moment it has the old contents or the new ones.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut file = modes::private(&mut options).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    path.parent().map_or(Ok(()), modes::sync_folder)
}

#[cfg(test)]
mod tests;
