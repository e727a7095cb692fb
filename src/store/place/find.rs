//! Where a download would go: what lies there already, and the folders on the way.

use super::{Folders, MAX_NUMBER, kind_of, make_folder, numbered, record_of, same_contents};
use crate::{
    core::{id::FileId, manifest::Manifest, path::RelPath},
    store::{ChunkReader, Index, Kind, NewFile, StoreError, modes, names::Names},
};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// Where the file that `manifest` describes lies already, as `name` or a numbered form of it below `dest`. It is served from there then.
///
/// # Errors
/// When the index cannot be read. A file that cannot be read is another file.
pub fn find_existing(
    reader: &ChunkReader,
    dest: &Path,
    name: &RelPath,
    manifest: &Manifest,
) -> Result<Option<PathBuf>, StoreError> {
    let portable = Names::of(dest).fit(name);
    match existing_folder(dest, &portable) {
        Some(folder) => existing_in(reader, &folder, name, &portable, manifest),
        None => Ok(None),
    }
}

fn existing_folder(dest: &Path, name: &RelPath) -> Option<PathBuf> {
    let mut folder = fs::canonicalize(dest).ok()?;
    let parts: Vec<&str> = name.components().collect();
    for part in &parts[..parts.len() - 1] {
        folder.push(part);
        if !fs::symlink_metadata(&folder).is_ok_and(|meta| meta.is_dir()) {
            return None;
        }
    }
    Some(folder)
}

fn existing_in(
    reader: &ChunkReader,
    folder: &Path,
    name: &RelPath,
    portable: &RelPath,
    manifest: &Manifest,
) -> Result<Option<PathBuf>, StoreError> {
    let index = reader.index();
    let kind = kind_of(reader, &manifest.file());
    for n in 1..=MAX_NUMBER {
        let path = folder.join(numbered(portable, n).file_name());
        let Ok(meta) = fs::symlink_metadata(&path) else {
            break;
        };
        let Some(stamp) = same_contents(index, &path, manifest)? else {
            continue;
        };
        if index.file_at(kind, &path)?.is_none() {
            // A crash came between its place and the index, or it never was a download.
            let place = (path.clone(), stamp);
            let executable = modes::executable(&meta);
            let record = record_of(kind, name, manifest.file(), place, executable);
            let entries = manifest.entries().to_vec();
            index.add_file(NewFile { record, entries })?;
        }
        return Ok(Some(path));
    }
    Ok(None)
}

/// Where files go below one folder. It looks at each folder once, so that ten thousand files of one need not do it ten thousand
/// times: to be used at once, and let go.
pub struct Finder<'a> {
    reader: &'a ChunkReader,
    dest: &'a Path,
    names: Names,
    there: HashMap<String, Option<PathBuf>>,
}

impl<'a> Finder<'a> {
    /// Nothing looked at yet.
    #[must_use]
    pub fn new(reader: &'a ChunkReader, dest: &'a Path) -> Self {
        Self {
            reader,
            dest,
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
        let folder = self.there.entry(parent(&portable));
        let folder = folder.or_insert_with(|| existing_folder(self.dest, &portable));
        match folder {
            Some(folder) => existing_in(self.reader, folder, name, &portable, manifest),
            None => Ok(None),
        }
    }

    /// What `name` becomes where the files go.
    pub(in crate::store) fn fit(&self, name: &RelPath) -> RelPath {
        self.names.fit(name)
    }

    /// The folder that `name` (as [`Finder::fit`] gives it) goes into, made if need be.
    pub(in crate::store) fn folder(&mut self, name: &RelPath) -> Result<PathBuf, StoreError> {
        let parent = parent(name);
        if let Some(Some(folder)) = self.there.get(&parent) {
            return Ok(folder.clone());
        }
        let folder = make_folder(self.dest, name)?;
        self.there.insert(parent, Some(folder.clone()));
        Ok(folder)
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

fn parent(name: &RelPath) -> String {
    let parent = name.as_str().rsplit_once('/');
    parent.map_or_else(String::new, |(parent, _)| parent.to_owned())
}
