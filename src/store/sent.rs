//! Files that are sent to people: anywhere on the disk, served where they lie while the send lasts,
//! offered to no other node.
//!
//! Owns their records in the index (`Kind::Sent`) and takes them out again. Never copies a file.
//! Invariants: a file is hidden before the index knows it; a file that no longer looks as it did
//! when it was read is not what was asked about, and is not sent. Of a folder, what cannot be sent
//! is left out and listed, and the rest is sent.

use super::{
    ChunkReader, FileRecord, Kind, NewFile, Stamp, StoreError, Times,
    clock::to_unix,
    failed,
    folder::{DirEntry, Folder},
    ignored::Ignored,
    index::looks_like,
    modes,
    placing::media_of,
    share::{Reading, read_file},
    tree::{self, Met},
};
use crate::core::{id::FileId, path::RelPath, rights::Rights};
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A node's own folder, which has its key in it.
const OWN: &str = ".sprat";
/// What is left out is listed up to this many, and counted beyond.
const LISTED: usize = 20;

/// Why files cannot be sent. The sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is nothing of that name.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// A device, a pipe, …
    #[error("{} is neither a file nor a folder", .0.display())]
    NotAFile(PathBuf),
    /// A folder without files.
    #[error("there is no file in {}", .0.display())]
    Empty(PathBuf),
    /// Its name cannot travel.
    #[error("{} cannot be sent: {why}", path.display())]
    Name {
        /// Which.
        path: PathBuf,
        /// What is wrong with its name.
        why: String,
    },
    /// More than fit an ask.
    #[error("more than {0} files: put them into an archive, or share the folder")]
    TooMany(usize),
    /// It changed meanwhile.
    #[error("{} changed while it was read; send it again", .0.display())]
    Changed(PathBuf),
    /// The person does not want to wait for it.
    #[error("stopped")]
    Stopped,
    /// The disk or the index refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A file that is being sent.
#[derive(Clone, Debug)]
pub struct SentFile {
    /// What the receiver is to call it.
    pub name: RelPath,
    /// Where it lies.
    pub path: PathBuf,
    /// How it looked when it was read.
    pub stamp: Stamp,
    /// Its permissions.
    pub rights: Rights,
    /// Its media type.
    pub media: String,
    /// Its contents.
    pub file: FileId,
    /// Bytes of it that are holes.
    pub holes: u64,
    number: u64,
}

impl SentFile {
    /// Whether it still is what was read.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        looks_like(&self.path, self.stamp)
    }

    /// When it was last written and last read. Blocks.
    #[must_use]
    pub fn times(&self) -> Times {
        let accessed = fs::metadata(&self.path).and_then(|meta| meta.accessed());
        let accessed = accessed.map(|time| to_unix(time).seconds);
        Times {
            modified: self.stamp.mtime.try_into().ok(),
            accessed: accessed.ok().and_then(|time| time.try_into().ok()),
        }
    }
}

/// What is sent, and what is not.
#[derive(Clone, Debug, Default)]
pub struct Sending {
    /// The files.
    pub files: Vec<SentFile>,
    /// Folders with nothing in them, by the names that the receiver is to give them.
    pub folders: Vec<RelPath>,
    /// What is left out.
    pub left: LeftOut,
}

/// A file that does not go with the folder it lies in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LeftOutFile {
    /// Its path as it is, unescaped.
    pub path: String,
    /// Why.
    #[serde(rename = "error")]
    pub why: String,
}

/// What lies in a folder that is sent and does not go with it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LeftOut {
    /// Some of it.
    pub listed: Vec<LeftOutFile>,
    /// How many more there are.
    pub more: u64,
}

impl LeftOut {
    fn add(&mut self, path: &Path, why: &dyn std::fmt::Display) {
        if self.listed.len() < LISTED {
            let path = path.to_string_lossy().into_owned();
            let why = why.to_string();
            self.listed.push(LeftOutFile { path, why });
        } else {
            self.more += 1;
        }
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}

/// A file that was found, not read yet.
pub(super) struct Found {
    pub(super) name: RelPath,
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    pub(super) rights: Rights,
    /// It was named itself, rather than a folder that it lies in.
    pub(super) named: bool,
}

/// All that was found.
#[derive(Default)]
pub(super) struct Finds {
    pub(super) files: Vec<Found>,
    pub(super) folders: Vec<RelPath>,
    pub(super) left: LeftOut,
}

/// What is being sent just now, by number in the index and how many sends use it. Clones are
/// handles to the same table.
#[derive(Clone)]
pub struct Sent {
    reader: ChunkReader,
    uses: Arc<Mutex<HashMap<u64, u32>>>,
}

impl Sent {
    /// Nothing yet: what an earlier run was sending is forgotten.
    ///
    /// # Errors
    /// When the index cannot be used.
    pub fn open(reader: ChunkReader) -> Result<Self, StoreError> {
        let index = reader.index();
        for (number, _) in index.files(Kind::Sent)? {
            index.remove_file(number)?;
        }
        // What came from people stays theirs; what was interrupted is private until it goes on.
        for (_, record) in index.files(Kind::Received)? {
            reader.grants().hide(record.file);
        }
        for file in index.partials()? {
            reader.grants().hide(file);
        }
        Ok(Self {
            reader,
            uses: Arc::default(),
        })
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.uses.lock()
    }

    /// Reads files and folders and makes them ready to be sent, at most `most` files and empty
    /// folders. `go_on` is told of the bytes read.
    ///
    /// # Errors
    /// [`SendError`]; nothing stays in the index then.
    pub fn add(
        &self,
        paths: &[PathBuf],
        most: usize,
        mut go_on: impl FnMut(u64) -> bool,
    ) -> Result<Sending, SendError> {
        let Finds {
            files: found,
            folders,
            mut left,
        } = find(paths, most)?;
        let mut files = Vec::new();
        for one in found {
            let (named, path) = (one.named, one.path.clone());
            match self.add_one(one, &mut go_on) {
                Ok(file) => files.push(file),
                Err(SendError::Store(StoreError::Io { source, .. })) if !named => {
                    left.add(&path, &source);
                }
                Err(error) => {
                    self.release(&files);
                    return Err(error);
                }
            }
        }
        if files.is_empty() {
            return Err(SendError::Empty(paths.first().cloned().unwrap_or_default()));
        }
        Ok(Sending {
            files,
            folders,
            left,
        })
    }

    fn add_one(&self, found: Found, go_on: impl FnMut(u64) -> bool) -> Result<SentFile, SendError> {
        let index = self.reader.index();
        let media = media_of(found.name.file_name());
        let ready = |file, holes, number| SentFile {
            name: found.name.clone(),
            path: found.path.clone(),
            stamp: found.stamp,
            rights: found.rights,
            media: media.clone(),
            file,
            holes,
            number,
        };
        {
            let mut uses = self.uses();
            if let Some((number, record)) = index.file_at(Kind::Sent, &found.path)?
                && record.stamp == found.stamp
                && let Some(count) = uses.get_mut(&number)
            {
                *count += 1;
                let manifest = index.manifest(&record.file)?;
                let holes = manifest.map_or(0, |manifest| manifest.size() - manifest.data());
                return Ok(ready(record.file, holes, number));
            }
        }
        let mut spare = Vec::new();
        let entries = match read_file(&found.path, found.stamp, &mut spare, go_on)? {
            Reading::Whole(entries) => entries,
            Reading::Changed => return Err(SendError::Changed(found.path)),
            Reading::Stopped => return Err(SendError::Stopped),
        };
        let file = crate::wire::manifest::encode(&entries).file;
        let holes = entries.iter().filter(|entry| entry.is_hole());
        let holes = holes.map(|entry| u64::from(entry.len)).sum();
        self.reader.grants().hide(file);
        let record = FileRecord {
            kind: Kind::Sent,
            path: found.path.clone(),
            stamp: found.stamp,
            rights: found.rights,
            file,
            name: found.name.as_str().to_owned(),
            media: media.clone(),
        };
        let mut uses = self.uses();
        let number = index.add_file(NewFile { record, entries })?;
        *uses.entry(number).or_default() += 1;
        Ok(ready(file, holes, number))
    }

    /// The end of a send: what no other send uses is forgotten.
    pub fn release(&self, files: &[SentFile]) {
        let mut uses = self.uses();
        for file in files {
            let Some(count) = uses.get_mut(&file.number) else {
                continue;
            };
            *count -= 1;
            if *count > 0 {
                continue;
            }
            uses.remove(&file.number);
            if let Err(error) = self.forget(file) {
                tracing::warn!(%error, "a file that was sent is still in the index; the next start removes it");
            }
        }
    }

    fn forget(&self, file: &SentFile) -> Result<(), StoreError> {
        let index = self.reader.index();
        index.remove_file(file.number)?;
        self.reader.forget(file.number);
        let private = index
            .files_of(&file.file)?
            .iter()
            .any(|(_, record)| record.kind.is_private());
        if !private && index.partial_have(&file.file)?.is_none() {
            self.reader.grants().show(&file.file);
        }
        Ok(())
    }
}

/// What lies at `paths`, folders with all that is in them.
pub(super) fn find(paths: &[PathBuf], most: usize) -> Result<Finds, SendError> {
    let mut finds = Finds::default();
    let mut seen = HashSet::new();
    for path in paths {
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SendError::Missing(path.clone()));
            }
            Err(error) => return Err(failed("open", path)(error).into()),
        };
        let given = path.file_name().or(real.file_name());
        let given = given.ok_or_else(|| SendError::NotAFile(path.clone()))?;
        let top = Path::new(given);
        let meta = fs::metadata(&real).map_err(failed("look at", &real))?;
        if meta.is_file() {
            if seen.insert(real.clone()) {
                let name = name_of(top).map_err(|why| SendError::Name {
                    path: path.clone(),
                    why,
                })?;
                finds.files.push(Found {
                    name,
                    stamp: Stamp::of(&meta),
                    rights: modes::rights(&meta),
                    path: real,
                    named: true,
                });
            }
        } else if meta.is_dir() {
            let root = Folder::open(&real).map_err(failed("open", &real))?;
            find_below(&root, top, most, &mut seen, &mut finds)?;
        } else {
            return Err(SendError::NotAFile(path.clone()));
        }
        if finds.files.len() + finds.folders.len() > most {
            return Err(SendError::TooMany(most));
        }
    }
    // What goes by one name would be taken for one file.
    let mut names = HashSet::new();
    for one in &mut finds.files {
        let mut n = 1;
        let name = one.name.clone();
        while !names.insert(one.name.clone()) {
            n += 1;
            one.name = name.numbered(n);
        }
    }
    finds.folders.sort();
    finds.folders.dedup();
    Ok(finds)
}

/// What lies in the folder `root`, whose name is to be `top`.
fn find_below(
    root: &Folder,
    top: &Path,
    most: usize,
    seen: &mut HashSet<PathBuf>,
    finds: &mut Finds,
) -> Result<(), SendError> {
    let mut failure = None;
    let mut ignored = Ignored::below(root.path());
    let mut skip = |path: &Path, is_folder: bool| {
        path.file_name().is_some_and(|name| name == OWN) || ignored.ignores_one(path, is_folder)
    };
    let mut found = |below: &Path, met: Met, seen: &mut HashSet<PathBuf>| {
        let path = root.path().join(below);
        let named = || name_of(&top.join(below));
        match met {
            Met::File(DirEntry { stamp, mode, .. }, real) => match named() {
                Ok(name) => {
                    if seen.insert(path.clone()) {
                        let rights = modes::rights_of(mode);
                        finds.files.push(Found {
                            name,
                            stamp,
                            rights,
                            path: root.path().join(real),
                            named: false,
                        });
                    }
                }
                Err(why) => finds.left.add(&path, &why),
            },
            Met::Empty => match named() {
                Ok(name) => finds.folders.push(name),
                Err(why) => finds.left.add(&path, &why),
            },
            Met::Left(why) => finds.left.add(&path, &why),
            Met::Failed(error) if modes::out_of_descriptors(&error) => {
                failure = Some(failed("list", &path)(error).into());
            }
            Met::Failed(error) => finds.left.add(&path, &error),
        }
        if finds.files.len() + finds.folders.len() > most {
            failure = Some(SendError::TooMany(most));
        }
        failure.is_none()
    };
    tree::walk(root, Path::new(""), &mut skip, &mut |below, met| {
        found(below, met, seen)
    });
    failure.map_or(Ok(()), Err)
}

/// The name that travels, or why it cannot.
fn name_of(path: &Path) -> Result<RelPath, String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    let parts = parts.ok_or("its name is not UTF-8")?;
    RelPath::parse(&parts.join("/")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
