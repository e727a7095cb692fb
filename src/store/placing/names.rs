//! Which names are taken in a folder, in any case and Unicode form.

use crate::{
    core::path::RelPath,
    store::{Stamp, folder::Folder},
};
use parking_lot::Mutex;
use std::{collections::HashMap, ffi::OsString, io, path::PathBuf};

/// Folders whose names are remembered.
const FOLDERS: usize = 8;

/// What lies in the folders that downloads went to lately, so that ten thousand files need not list
/// theirs ten thousand times. Only a hint: what must not be replaced is protected by how files are
/// placed.
#[derive(Default)]
pub(in crate::store) struct Folders(Mutex<HashMap<PathBuf, Listed>>);

struct Listed {
    /// How the folder looked then: its time changes with its names.
    looked: Stamp,
    names: HashMap<String, Vec<OsString>>,
}

impl Folders {
    /// The entries of `folder` that some file system would take for `name`.
    pub fn alike(&self, folder: &Folder, name: &str) -> io::Result<Vec<OsString>> {
        let key = fold(name).unwrap_or_default();
        let looked = folder.stamp()?;
        let mut folders = self.0.lock();
        let listed = folders.get(folder.path());
        if listed.is_none_or(|listed| listed.looked != looked) {
            let mut names: HashMap<String, Vec<OsString>> = HashMap::new();
            for name in folder.names()? {
                if let Some(key) = name.to_str().and_then(fold) {
                    names.entry(key).or_default().push(name);
                }
            }
            if folders.len() >= FOLDERS {
                folders.clear();
            }
            folders.insert(folder.path().to_owned(), Listed { looked, names });
        }
        let alike = folders[folder.path()].names.get(&key).cloned();
        Ok(alike.unwrap_or_default())
    }

    /// Notes a name that this node added, and the folder's new time.
    pub fn added(&self, folder: &Folder, name: &str) {
        let mut folders = self.0.lock();
        if let (Some(listed), Some(key), Ok(looked)) =
            (folders.get_mut(folder.path()), fold(name), folder.stamp())
        {
            listed.names.entry(key).or_default().push(name.into());
            listed.looked = looked;
        }
    }

    pub fn forget(&self, folder: &Folder) {
        let mut folders = self.0.lock();
        folders.remove(folder.path());
    }
}

fn fold(name: &str) -> Option<String> {
    RelPath::parse(name).ok().map(|name| name.fold_key())
}
