//! Files that the index does not know and that may have chunks of a download: an older one of its
//! name where it goes, in the shared folder or in a place that was named, and those there that are
//! about as large.
//!
//! Owns which files these are, in which order, and how many. Opens plain files alone: below a place
//! no link is followed, and a pipe or a device is not waited for. Invariants: at most [`NAMES`]
//! names are looked at for a whole job, for at most [`LISTING`]; of guesses (files of another name)
//! at most [`VAIN`] bytes of a job are read for nothing.

use crate::{
    core::path::RelPath,
    store::{Home, Stamp, folder::Folder, folder::What, names::Names},
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    cmp::Reverse,
    collections::VecDeque,
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Names that are looked at for files of another name.
pub const NAMES: usize = 20_000;
/// How long.
pub const LISTING: Duration = Duration::from_secs(1);
/// Bytes of guesses that a job reads for nothing.
pub const VAIN: u64 = 512 << 20;
/// Guesses for one file.
const GUESSES: usize = 4;
/// Smaller downloads are not worth a guess, nor are smaller files one.
const WORTH: u64 = 1 << 20;
/// Which of the places is the shared folder.
const SHARED: usize = 2;

/// Where to look, for all files of a job.
#[derive(Debug)]
pub struct Nearby {
    places: Vec<Place>,
    listed: OnceLock<Vec<Listed>>,
    /// Bytes of guesses that gave nothing.
    vain: AtomicU64,
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    /// Whether all that is in it may serve, not only what has the name.
    listed: bool,
    opened: Mutex<Option<Arc<Folder>>>,
}

/// A file of some name in a place.
#[derive(Debug)]
struct Listed {
    place: usize,
    below: PathBuf,
    size: u64,
}

/// A file that may have chunks.
#[derive(Debug)]
pub struct Candidate {
    place: usize,
    below: PathBuf,
    /// Only its size speaks for it.
    pub guessed: bool,
}

/// One that is there.
#[derive(Debug)]
pub struct Found {
    pub file: File,
    /// Where the index would have it: in the shared folder, below that.
    pub path: PathBuf,
    pub shared: bool,
    pub stamp: Stamp,
}

impl Place {
    fn new(path: PathBuf, listed: bool) -> Self {
        Self {
            path,
            listed,
            opened: Mutex::default(),
        }
    }

    fn folder(&self) -> Option<Arc<Folder>> {
        let mut opened = self.opened.lock();
        if opened.is_none() {
            *opened = Folder::open(&self.path).ok().map(Arc::new);
        }
        opened.clone()
    }
}

impl Nearby {
    /// For what goes into the folder `into`. `named` are further files and folders.
    #[must_use]
    pub fn new(home: &Home, into: &Path, named: &[PathBuf]) -> Self {
        let mut places = vec![
            Place::new(into.to_owned(), false),
            Place::new(home.downloads(), false),
            Place::new(home.shared(), true),
        ];
        places.extend(named.iter().map(|path| Place::new(path.clone(), true)));
        Self {
            places,
            listed: OnceLock::new(),
            vain: AtomicU64::new(0),
            turn: Mutex::new(()),
        }
    }

    /// The files that may have chunks of the one that is called `name`, goes to `at`, and has
    /// `size` bytes: the likeliest first. Some may not be there.
    #[must_use]
    pub fn candidates(&self, name: &RelPath, at: &RelPath, size: u64) -> Vec<Candidate> {
        let mut found = Vec::new();
        let mut add = |place, below: PathBuf, guessed| {
            let known = |one: &Candidate| one.place == place && one.below == below;
            if !found.iter().any(known) {
                found.push(Candidate {
                    place,
                    below,
                    guessed,
                });
            }
        };
        for (number, place) in self.places.iter().enumerate() {
            if place.listed && place.path.is_file() {
                add(number, PathBuf::new(), false); // A file that was named itself.
                continue;
            }
            let fitting = Names::of(&place.path);
            for way in [at, name] {
                add(number, fitting.fit(way).as_str().into(), false);
            }
            add(number, fitting.fit(name).file_name().into(), false);
        }
        if size < WORTH || self.vain.load(Ordering::Relaxed) >= VAIN {
            return found;
        }
        let last = OsStr::new(name.file_name());
        let ending = Path::new(last).extension();
        let listed = self.listed.get_or_init(|| self.list());
        let alike = |one: &&Listed| one.size >= size / 2 && one.size / 2 <= size;
        let mut alike: Vec<&Listed> = listed.iter().filter(alike).collect();
        alike.sort_by_key(|one| {
            let named = one.below.file_name() == Some(last);
            let ends = one.below.extension() == ending;
            (Reverse(named), Reverse(ends), one.size.abs_diff(size))
        });
        for one in alike.into_iter().take(GUESSES) {
            let guessed = one.below.file_name() != Some(last);
            add(one.place, one.below.clone(), guessed);
        }
        found
    }

    /// One file after the other of a job: a disk reads faster so, and the buffers are there once.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock()
    }

    /// Opens one, if it is a plain file.
    #[must_use]
    pub fn open(&self, candidate: &Candidate) -> Option<Found> {
        if candidate.guessed && self.vain.load(Ordering::Relaxed) >= VAIN {
            return None;
        }
        let place = &self.places[candidate.place];
        let (folder, below) = if candidate.below.as_os_str().is_empty() {
            // A person who names a link means what it leads to.
            let path = fs::canonicalize(&place.path).ok()?;
            let folder = Folder::open(path.parent()?).ok()?;
            (Arc::new(folder), PathBuf::from(path.file_name()?))
        } else {
            (place.folder()?, candidate.below.clone())
        };
        let file = folder.open_file(&below).ok()?;
        let meta = file.metadata().ok().filter(fs::Metadata::is_file)?;
        let shared = candidate.place == SHARED;
        Some(Found {
            file,
            path: if shared {
                below
            } else {
                folder.path().join(below)
            },
            shared,
            stamp: Stamp::of(&meta),
        })
    }

    /// So many bytes of a guess gave nothing.
    pub fn in_vain(&self, bytes: u64) {
        self.vain.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The files in the places, as far as they are looked at: what lies less deep first.
    fn list(&self) -> Vec<Listed> {
        let (until, mut left) = (Instant::now() + LISTING, NAMES);
        let mut found = Vec::new();
        for (number, place) in self.places.iter().enumerate() {
            let Some(folder) = place.folder().filter(|_| place.listed) else {
                continue;
            };
            let mut ahead = VecDeque::from([PathBuf::new()]);
            while let Some(below) = ahead.pop_front() {
                let Ok(names) = folder.sub(&below).and_then(|sub| {
                    let names = sub.names_up_to(left)?;
                    Ok(names.into_iter().map(move |name| (sub.stat(&name), name)))
                }) else {
                    continue;
                };
                for (entry, name) in names {
                    if left == 0 || Instant::now() > until {
                        return found;
                    }
                    left -= 1;
                    // A node's own state.
                    if name.as_encoded_bytes().starts_with(b".sprat") {
                        continue;
                    }
                    let below = below.join(&name);
                    match entry {
                        Ok(entry) if entry.what == What::Folder => ahead.push_back(below),
                        Ok(entry) if entry.what == What::File && entry.stamp.size >= WORTH / 2 => {
                            found.push(Listed {
                                place: number,
                                below,
                                size: entry.stamp.size,
                            });
                        }
                        _ => {}
                    }
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
