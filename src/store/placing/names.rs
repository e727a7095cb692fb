//! Which names are taken in a folder, in any case and Unicode form.

use crate::{
    core::path::RelPath,
    store::{Stamp, folder::Folder},
};
use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    io,
    path::PathBuf,
};

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
    /// Names that are their own key, as most are.
    plain: HashSet<Box<str>>,
    /// The others, by their keys.
    names: HashMap<Box<str>, Vec<OsString>>,
}

impl Listed {
    fn add(&mut self, name: OsString) {
        let Some(key) = name.to_str().and_then(fold) else {
            return;
        };
        if name == *key {
            self.plain.insert(key.into());
        } else {
            self.names.entry(key.into()).or_default().push(name);
        }
    }

    fn alike(&self, key: &str) -> Vec<OsString> {
        let plain = self.plain.get(key).map(|name| OsString::from(&**name));
        let others = self.names.get(key).into_iter().flatten().cloned();
        plain.into_iter().chain(others).collect()
    }
}

impl Folders {
    /// The entries of `folder` that some file system would take for `name`.
    pub fn alike(&self, folder: &Folder, name: &str) -> io::Result<Vec<OsString>> {
        let key = fold(name).unwrap_or_default();
        let looked = folder.stamp()?;
        let mut folders = self.0.lock();
        let listed = folders.get(folder.path());
        if listed.is_none_or(|listed| listed.looked != looked) {
            let mut listed = Listed {
                looked,
                plain: HashSet::new(),
                names: HashMap::new(),
            };
            for name in folder.names()? {
                listed.add(name);
            }
            if folders.len() >= FOLDERS {
                folders.clear();
            }
            folders.insert(folder.path().to_owned(), listed);
        }
        Ok(folders[folder.path()].alike(&key))
    }

    /// Notes a name that this node added, and the folder's new time.
    pub fn added(&self, folder: &Folder, name: &str) {
        let mut folders = self.0.lock();
        if let (Some(listed), Some(_), Ok(looked)) =
            (folders.get_mut(folder.path()), fold(name), folder.stamp())
        {
            listed.add(name.into());
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
