//! Where a download would go: what lies there already, and the folders on the way.

use super::{
    Folders, Spot, Taken, is_taken, kind_of, make_folder, no_folder, numbered, record_of,
    same_contents,
};
use crate::{
    core::{id::FileId, manifest::Manifest, path::RelPath},
    store::{
        ChunkReader, Index, Kind, NewFile, StoreError, failed, folder::Folder, modes, names::Names,
    },
};
use std::{
    collections::HashMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Folders that a [`Finder`] holds open.
const OPEN: usize = 32;

/// Where the file that `manifest` describes lies already, as `name` or a numbered form of it below
/// `dest`. It is served from there then.
///
/// # Errors
/// When the index cannot be read. A file that cannot be read is another file. [`StoreError::Name`]
/// when another one is there, which is to stay and to have none beside it.
pub fn find_existing<'a>(
    reader: &ChunkReader,
    dest: &Path,
    spot: impl Into<Spot<'a>>,
    manifest: &Manifest,
) -> Result<Option<PathBuf>, StoreError> {
    let spot = spot.into();
    let portable = Names::of(dest).fit(spot.at);
    match existing_folder(dest, &portable) {
        Some(folder) => existing_in(reader, &folder, spot, &portable, manifest),
        None => Ok(None),
    }
}

fn existing_folder(dest: &Path, name: &RelPath) -> Option<Folder> {
    let folder = Folder::open(dest).ok()?;
    let parent = Path::new(name.as_str()).parent();
    folder.sub(parent.unwrap_or(Path::new(""))).ok()
}

fn existing_in(
    reader: &ChunkReader,
    folder: &Folder,
    Spot { name, taken, .. }: Spot<'_>,
    portable: &RelPath,
    manifest: &Manifest,
) -> Result<Option<PathBuf>, StoreError> {
    let index = reader.index();
    let kind = kind_of(reader, &manifest.file());
    for n in 1..=taken.tries() {
        let candidate = numbered(portable, n);
        let candidate = OsStr::new(candidate.file_name());
        let Ok(entry) = folder.stat(candidate) else {
            break;
        };
        let Some(stamp) = same_contents(index, folder, candidate, manifest)? else {
            if taken == Taken::Refused {
                return Err(is_taken(folder.path().join(candidate)));
            }
            continue;
        };
        let path = folder.path().join(candidate);
        if index.file_at(kind, &path)?.is_none() {
            // A crash came between its place and the index, or it never was a download.
            let place = (path.clone(), stamp);
            let rights = modes::rights_of(entry.mode);
            let record = record_of(kind, name, manifest.file(), place, rights);
            let entries = manifest.entries().to_vec();
            if let Err(error) = index.add_file(NewFile { record, entries }) {
                // It is here all the same; it is only not served yet.
                tracing::debug!(%error, "what lies here could not be recorded");
            }
        }
        return Ok(Some(path));
    }
    Ok(None)
}

/// Whether files can be made in the folder `dest`, or it can be made, before anything is fetched
/// for it. Leaves nothing.
///
/// # Errors
/// What is in the way; [`StoreError::Name`] when that is a file.
pub fn reach(dest: &Path) -> Result<(), StoreError> {
    // Without a slash at its end, which would let a file before it be overlooked.
    let dest = dest.components().as_path();
    let mut known = dest.ancestors().filter(|path| *path != Path::new(""));
    let there = known.find(|path| fs::metadata(path).is_ok());
    let there = there.unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Err(no_folder(there.to_owned()));
    }
    let folder = Folder::open(there).map_err(failed("open", there))?;
    let name = format!(".sprat-{}.tmp", std::process::id());
    let (what, made) = if there == dest {
        let made = folder.create(&name, 0o600).map(drop);
        ("create a file in", made.and_then(|()| folder.remove(&name)))
    } else {
        let made = fs::create_dir(there.join(&name));
        (
            "create a folder in",
            made.and_then(|()| fs::remove_dir(there.join(&name))),
        )
    };
    match made {
        // Of an earlier run, or another job is looking.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map_err(failed(what, there)),
    }
}

/// Where files go below one folder. It looks at each folder once, so that ten thousand files of one
/// need not do it ten thousand times: to be used at once, and let go.
pub struct Finder<'a> {
    reader: &'a ChunkReader,
    dest: &'a Path,
    taken: Taken,
    names: Names,
    there: HashMap<String, Option<Arc<Folder>>>,
}

impl<'a> Finder<'a> {
    /// Nothing looked at yet.
    #[must_use]
    pub fn new(reader: &'a ChunkReader, dest: &'a Path, taken: Taken) -> Self {
        Self {
            reader,
            dest,
            taken,
            names: Names::of(dest),
            there: HashMap::new(),
        }
    }

    /// What [`find_existing`] says.
    ///
    /// # Errors
    /// As there.
    pub fn existing(
        &mut self,
        name: &RelPath,
        manifest: &Manifest,
    ) -> Result<Option<PathBuf>, StoreError> {
        let portable = self.names.fit(name);
        let parent = parent(&portable);
        let folder = match self.there.get(&parent) {
            Some(folder) => folder.clone(),
            None => self.keep(parent, existing_folder(self.dest, &portable).map(Arc::new)),
        };
        match folder {
            Some(folder) => {
                let spot = Spot {
                    taken: self.taken,
                    ..name.into()
                };
                existing_in(self.reader, &folder, spot, &portable, manifest)
            }
            None => Ok(None),
        }
    }

    /// What `name` becomes where the files go.
    pub(in crate::store) fn fit(&self, name: &RelPath) -> RelPath {
        self.names.fit(name)
    }

    /// The folder that `name` (as [`Finder::fit`] gives it) goes into, made if need be.
    pub(in crate::store) fn folder(&mut self, name: &RelPath) -> Result<Arc<Folder>, StoreError> {
        let parent = parent(name);
        if let Some(Some(folder)) = self.there.get(&parent) {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(make_folder(self.dest, name)?);
        self.keep(parent, Some(Arc::clone(&folder)));
        Ok(folder)
    }

    fn keep(&mut self, parent: String, folder: Option<Arc<Folder>>) -> Option<Arc<Folder>> {
        if self.there.len() >= OPEN {
            self.there.clear();
        }
        self.there.insert(parent, folder.clone());
        folder
    }

    pub(in crate::store) fn taken(&self) -> Taken {
        self.taken
    }

    pub(in crate::store) fn kind_of(&self, file: &FileId) -> Kind {
        kind_of(self.reader, file)
    }

    pub(in crate::store) fn folders(&self) -> &Folders {
        self.reader.folders()
    }

    pub(in crate::store) fn index(&self) -> &Index {
        self.reader.index()
    }
}

/// The folders before a name.
pub(in crate::store) fn parent(name: &RelPath) -> String {
    let parent = name.as_str().rsplit_once('/');
    parent.map_or_else(String::new, |(parent, _)| parent.to_owned())
}
