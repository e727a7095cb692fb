//! What is shared where it lies, outside the shared folder: `.sprat/paths`, a line of JSON each.
//!
//! Owns that file, its bounds, and what may be shared so. Never reads the files themselves (`share`
//! does). Invariants: replaced as a whole and synced; private to its owner; a line that cannot be
//! read is skipped; no two have a name or a file in common, and neither has anything of sprat's
//! own; a file has one place and one name, whatever links lead to it.

use super::{Home, StoreError, failed, folder::Folder, home::write_durably};
use crate::core::path::RelPath;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _},
    path::{MAIN_SEPARATOR, Path, PathBuf},
};

/// Paths that a home keeps.
pub const MAX_PATHS: usize = 1000;
/// Bytes of a path.
const LONGEST_PATH: usize = 4096;
/// Bytes of the file that are read: more than the largest that is written.
const LONGEST: u64 = (MAX_PATHS * LONGEST_PATH * 8) as u64;

/// A file or folder that is shared where it lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SharedPath {
    /// What others see it called; a folder's files lie below that.
    pub name: RelPath,
    /// Where it is; no part is a link.
    pub path: PathBuf,
}

impl SharedPath {
    /// Whether one of the two names is the other, or a part of it.
    fn overlaps(&self, other: &RelPath) -> bool {
        let (one, other) = (Path::new(self.name.as_str()), Path::new(other.as_str()));
        one.starts_with(other) || other.starts_with(one)
    }
}

/// What came of a wish to share something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Added {
    /// It is shared from now on.
    New(SharedPath),
    /// It was before, by this name.
    Already(SharedPath),
}

/// What came of a wish to share something no longer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Removed {
    /// It stays where it is.
    Left(SharedPath),
    /// It lay in the shared folder, and lies here now.
    Moved(PathBuf),
}

/// Why something is not shared, or goes on to be. The sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SharePathError {
    /// There is nothing there.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// A pipe, a socket, a device.
    #[error("{} is neither a file nor a folder", .0.display())]
    Special(PathBuf),
    /// It has no name that others could see.
    #[error("{} cannot be offered by that name ({why}): give it another one with --as", path.display())]
    Name {
        /// What.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Its path cannot be written down.
    #[error("{} has a path that cannot be remembered; rename it first", .0.display())]
    Path(PathBuf),
    /// The node's key, or the whole home, would be shared with it.
    #[error("{} is or holds what belongs to sprat itself, such as its key: share what lies beside that", .0.display())]
    Own(PathBuf),
    /// A part of it is shared by another name.
    #[error("{} lies in it and is shared already: `unshare {name}` first", path.display())]
    Holds {
        /// The part.
        path: PathBuf,
        /// Its name.
        name: String,
    },
    /// Something else has that name.
    #[error("something else is shared as `{0}`: give this one another name with --as")]
    Taken(String),
    /// A name for the shared folder that stands for something elsewhere, or is a part of it.
    #[error("{} is shared as `{name}` where it lies: give this one another name, or `unshare {name}` first", at.display())]
    Elsewhere {
        /// What is shared.
        name: String,
        /// Where it lies.
        at: PathBuf,
    },
    /// It has a name already.
    #[error("it is shared as `{0}` already: `unshare` that first")]
    Named(String),
    /// More than are kept.
    #[error(
        "{MAX_PATHS} paths are shared already: `unshare` one, or share a folder that holds several"
    )]
    TooMany,
    /// Nothing is shared by that name.
    #[error("nothing of this node is shared as `{0}`")]
    Unknown(String),
    /// It lies in the shared folder.
    #[error("`{name}` lies in {}: move it away, or `unshare --move` moves it into downloads/", at.display())]
    InFolder {
        /// Its name.
        name: String,
        /// Where it lies.
        at: PathBuf,
    },
    /// It is a part of what is shared.
    #[error("`{part}` is a part of `{whole}`: `unshare {whole}`, or leave the part out by a line in {}", rules.display())]
    Part {
        /// What is meant.
        part: String,
        /// What is shared.
        whole: String,
        /// Where the line belongs.
        rules: PathBuf,
    },
    /// The node is about to leave.
    #[error("the node is stopping")]
    Stopping,
    /// The disk refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    path: String,
}

/// The paths that are shared where they lie.
#[derive(Clone, Debug)]
pub struct SharedPaths {
    home: Home,
    file: PathBuf,
}

impl SharedPaths {
    /// Those of a home.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        Self {
            home: home.clone(),
            file: home.root().join(".sprat/paths"),
        }
    }

    /// What is shared, in the order in which it came.
    ///
    /// # Errors
    /// When the disk refuses; there being no file is none.
    pub fn read(&self) -> Result<Vec<SharedPath>, StoreError> {
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.file)(error)),
        };
        let lines = BufReader::new(file.take(LONGEST)).split(b'\n');
        let mut paths = Vec::new();
        for line in lines.take(MAX_PATHS) {
            paths.extend(parse(&line.map_err(failed("read", &self.file))?));
        }
        Ok(paths)
    }

    /// Whether a file may come into the shared folder as `name`. One caller at a time.
    ///
    /// # Errors
    /// [`SharePathError::Elsewhere`], since two offers would go by one name.
    pub fn leave_free(&self, name: &RelPath) -> Result<(), SharePathError> {
        let mut paths = self.read()?.into_iter();
        let taken = paths.find(|one| one.overlaps(name));
        taken.map_or(Ok(()), |one| {
            let (name, at) = (one.name.as_str().to_owned(), one.path);
            Err(SharePathError::Elsewhere { name, at })
        })
    }

    fn write(&self, paths: &[SharedPath]) -> Result<(), StoreError> {
        let mut text = String::new();
        for one in paths {
            let line = Line {
                name: one.name.as_str().to_owned(),
                path: one.path.to_string_lossy().into_owned(),
            };
            // Two strings: it cannot fail.
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
        write_durably(&self.file, text.as_bytes()).map_err(failed("write", &self.file))
    }

    /// Shares a file or folder where it lies, as `name` or by its own. One caller at a time.
    ///
    /// # Errors
    /// [`SharePathError`], which says why not.
    pub fn add(&self, path: &Path, name: Option<&RelPath>) -> Result<Added, SharePathError> {
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SharePathError::Missing(path.to_owned()));
            }
            Err(error) => return Err(failed("open", path)(error).into()),
        };
        let about = fs::metadata(&real).map_err(failed("look at", &real))?;
        if !about.is_dir() && !about.is_file() {
            return Err(SharePathError::Special(real));
        }
        if real.to_str().is_none_or(|text| text.len() > LONGEST_PATH) {
            return Err(SharePathError::Path(real));
        }
        let shared = self.home.shared();
        let shared = fs::canonicalize(&shared).unwrap_or(shared);
        if is_own(&real) || shared.starts_with(&real) || self.home.root().starts_with(&real) {
            return Err(SharePathError::Own(real));
        }
        let named = match name {
            Some(name) => Ok(name.clone()),
            None => name_of(real.file_name().map_or(Path::new(""), Path::new)),
        };
        let named = named.map_err(|why| SharePathError::Name {
            path: real.clone(),
            why,
        })?;
        let mut paths = self.read()?;
        // What is below something that is shared has a name by that.
        if let Ok(rest) = real.strip_prefix(&shared) {
            let known = name_of(rest).unwrap_or_else(|_| named.clone());
            return already(known, real, name);
        }
        for one in &paths {
            if let Ok(rest) = real.strip_prefix(&one.path) {
                let known = below(&one.name, rest).unwrap_or_else(|_| one.name.clone());
                return already(known, real, name);
            }
            if one.path.starts_with(&real) {
                return Err(SharePathError::Holds {
                    path: one.path.clone(),
                    name: one.name.as_str().to_owned(),
                });
            }
        }
        let overlaps = |one: &SharedPath| one.overlaps(&named);
        if paths.iter().any(overlaps) || fs::symlink_metadata(shared.join(named.as_str())).is_ok() {
            return Err(SharePathError::Taken(named.as_str().to_owned()));
        }
        if paths.len() >= MAX_PATHS {
            return Err(SharePathError::TooMany);
        }
        let added = SharedPath {
            name: named,
            path: real,
        };
        paths.push(added.clone());
        self.write(&paths)?;
        Ok(Added::New(added))
    }

    /// Shares something no longer: what was shared where it lies stays there. What lies in the
    /// shared folder goes to the downloads, if `move_away` says so. Nothing is ever deleted or
    /// replaced. One caller at a time.
    ///
    /// # Errors
    /// [`SharePathError`], which says why not.
    pub fn remove(&self, what: &str, move_away: bool) -> Result<Removed, SharePathError> {
        let mut paths = self.read()?;
        let what = what.trim_end_matches('/');
        let parsed = RelPath::parse(what).ok();
        let is =
            |one: &SharedPath| parsed.as_ref() == Some(&one.name) || one.path == Path::new(what);
        if let Some(at) = paths.iter().position(is) {
            let removed = paths.remove(at);
            self.write(&paths)?;
            return Ok(Removed::Left(removed));
        }
        let unknown = || SharePathError::Unknown(what.to_owned());
        let name = match parsed {
            Some(name) => name,
            // A path of what lies in the shared folder, or is a part of what is shared.
            None => self.name_at(Path::new(what), &paths).ok_or_else(unknown)?,
        };
        let whole = |one: &&SharedPath| Path::new(name.as_str()).starts_with(one.name.as_str());
        if let Some(one) = paths.iter().find(whole) {
            return Err(SharePathError::Part {
                part: name.as_str().to_owned(),
                whole: one.name.as_str().to_owned(),
                rules: one.path.join(super::ignored::RULES),
            });
        }
        let at = self.home.shared().join(name.as_str());
        if is_own(Path::new(name.as_str())) || fs::symlink_metadata(&at).is_err() {
            return Err(unknown());
        }
        if !move_away {
            let name = name.as_str().to_owned();
            return Err(SharePathError::InFolder { name, at });
        }
        Ok(Removed::Moved(self.move_away(&name, &at)?))
    }

    fn name_at(&self, path: &Path, paths: &[SharedPath]) -> Option<RelPath> {
        let shared = fs::canonicalize(self.home.shared()).ok()?;
        let folder = path.strip_prefix(&shared);
        if let Ok(rest) = folder.or_else(|_| path.strip_prefix(self.home.shared())) {
            return name_of(rest).ok();
        }
        paths.iter().find_map(|one| {
            let rest = path.strip_prefix(&one.path).ok()?;
            below(&one.name, rest).ok()
        })
    }

    /// Puts something of the shared folder into the downloads, beside what is there.
    fn move_away(&self, name: &RelPath, at: &Path) -> Result<PathBuf, StoreError> {
        let downloads = self.home.downloads();
        fs::create_dir_all(&downloads).map_err(failed("create", &downloads))?;
        let folder = Folder::open(&downloads).map_err(failed("open", &downloads))?;
        for number in 1..1000 {
            let free = match number {
                1 => name.clone(),
                number => name.numbered(number),
            };
            match move_new(&folder, at, free.file_name()) {
                Ok(()) => return Ok(downloads.join(free.file_name())),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("move", at)(error)),
            }
        }
        Err(failed("move", at)(io::ErrorKind::AlreadyExists.into()))
    }
}

/// Gives `from` a name in `folder` that is free.
fn move_new(folder: &Folder, from: &Path, name: &str) -> io::Result<()> {
    match folder.take_new(from, name) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => match folder.stat(name) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => folder.take(from, name),
        },
        done => done,
    }
}

fn already(
    known: RelPath,
    path: PathBuf,
    wanted: Option<&RelPath>,
) -> Result<Added, SharePathError> {
    if wanted.is_some_and(|wanted| *wanted != known) {
        return Err(SharePathError::Named(known.as_str().to_owned()));
    }
    Ok(Added::Already(SharedPath { name: known, path }))
}

/// The name that a relative path is offered by.
pub(super) fn name_of(path: &Path) -> Result<RelPath, String> {
    // Nearly always they are the same.
    if MAIN_SEPARATOR == '/'
        && let Some(Ok(name)) = path.to_str().map(RelPath::parse)
    {
        return Ok(name);
    }
    let mut name = String::new();
    for part in path {
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(part.to_str().ok_or("its name is not valid UTF-8")?);
    }
    RelPath::parse(&name).map_err(|error| error.to_string())
}

/// The name of what lies at `rest` below what is called `name`.
pub(super) fn below(name: &RelPath, rest: &Path) -> Result<RelPath, String> {
    name_of(&Path::new(name.as_str()).join(rest))
}

/// Whether a path is one of sprat's own: its state, or what it has not finished writing.
pub(super) fn is_own(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str().as_encoded_bytes().starts_with(b".sprat"))
}

fn parse(line: &[u8]) -> Option<SharedPath> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let path = PathBuf::from(line.path);
    let name = RelPath::parse(&line.name).ok()?;
    (path.is_absolute() && !is_own(&path)).then_some(SharedPath { name, path })
}

#[cfg(test)]
mod tests;
