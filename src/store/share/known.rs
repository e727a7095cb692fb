//! What the index knows of the shared files, found by path: some 25 bytes a file, and what else is
//! to be known of it read from the index when it is needed.
//!
//! Invariants: a number is in the list of the folder in which its file lies, and in no other; what
//! is counted as offered is what is marked so.

use crate::{
    core::{ascending::Ascending, tags::Tags},
    store::{FileRecord, Index, Kind, Stamp, StoreError, index::Recent, modes::FileIdentity},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    ops::Bound,
    path::{MAIN_SEPARATOR, Path, PathBuf},
    sync::Arc,
};

/// What is kept of a file.
#[derive(Clone, Copy)]
struct Mark {
    /// In which scan it was seen last.
    seen: u32,
    offered: bool,
}

const _: () = assert!(size_of::<(u32, Mark)>() == 12);

/// A folder, and those of its files that the index knows.
struct Folder {
    /// It is outside the shared folder.
    elsewhere: bool,
    /// By number.
    marks: Ascending<Mark>,
}

/// A file that the index knows.
#[derive(Clone)]
pub struct Known {
    pub number: u64,
    pub record: Arc<FileRecord>,
    pub offered: bool,
}

/// All of them.
pub struct KnownFiles {
    index: Index,
    /// By the bytes of their paths: below a folder are those that begin with it and a separator.
    folders: BTreeMap<Box<[u8]>, Folder>,
    /// Numbers by the identity of the file, as far as files can be told apart.
    identities: Tags,
    /// Makes tags; of this process alone.
    hasher: RandomState,
    /// Names by which files are offered, where the index says another one.
    renamed: HashMap<u64, String>,
    recent: Recent,
    /// How many are offered, and their bytes.
    offered: (u64, u64),
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn folder_of(path: &Path) -> &[u8] {
    path.parent().map(bytes).unwrap_or_default()
}

impl KnownFiles {
    /// None yet of those in `index`.
    pub fn new(index: &Index) -> Self {
        Self {
            index: index.clone(),
            folders: BTreeMap::new(),
            identities: Tags::default(),
            hasher: RandomState::new(),
            renamed: HashMap::new(),
            recent: Recent::default(),
            offered: (0, 0),
        }
    }

    /// Takes in what the index has; what was known before stays offered. Gives the numbers that are
    /// not there any more.
    pub fn load(&mut self) -> Result<Vec<u64>, StoreError> {
        let before = std::mem::take(&mut self.folders);
        let offered = |folder: &[u8], number| before.get(folder)?.marks.get(number);
        self.identities = Tags::default();
        self.offered = (0, 0);
        self.recent.clear();
        let mut here = HashSet::new();
        let index = self.index.clone();
        index.each_look(Kind::Shared, |number, path, stamp| {
            let mark = offered(folder_of(path), number);
            self.put(
                number,
                path,
                stamp,
                mark.is_some_and(|mark| mark.offered),
                0,
            );
            if !before.is_empty() {
                here.insert(number);
            }
        })?;
        let marks = before.values().flat_map(|folder| folder.marks.iter());
        let numbers = marks.map(|(number, _)| number);
        let gone: Vec<u64> = numbers.filter(|number| !here.contains(number)).collect();
        for number in &gone {
            self.renamed.remove(number);
        }
        Ok(gone)
    }

    /// Adds a file of which the index has a record now, and nothing was known at that path.
    pub fn add(&mut self, number: u64, record: &FileRecord, scan: u32) {
        self.put(number, &record.path, record.stamp, true, scan);
    }

    fn put(&mut self, number: u64, path: &Path, stamp: Stamp, offered: bool, seen: u32) {
        let key = folder_of(path);
        if !self.folders.contains_key(key) {
            let folder = Folder {
                elsewhere: path.is_absolute(),
                marks: Ascending::default(),
            };
            self.folders.insert(key.into(), folder);
        }
        if let Some(folder) = self.folders.get_mut(key) {
            // Numbers are given in ascending order.
            folder.marks.push(number, Mark { seen, offered });
        }
        if stamp.identity().is_known() {
            self.identities.add(self.tag(stamp.identity()), number);
        }
        if offered {
            self.offered.0 += 1;
            self.offered.1 += stamp.size;
        }
    }

    fn tag(&self, identity: FileIdentity) -> u32 {
        self.hasher.hash_one((identity.device, identity.inode)) as u32
    }

    fn mark(&mut self, path: &Path, number: u64) -> Option<&mut Mark> {
        let folder = self.folders.get_mut(folder_of(path))?;
        folder.marks.get_mut(number)
    }

    /// What is known of the file at `path`.
    pub fn at(&mut self, path: &Path) -> Result<Option<Known>, StoreError> {
        if !self.folders.contains_key(folder_of(path)) {
            return Ok(None);
        }
        for number in self.index.numbers_at(Kind::Shared, path) {
            let Some(&mut Mark { offered, .. }) = self.mark(path, number) else {
                continue;
            };
            let record = self.recent.record(&self.index, number)?;
            if let Some(record) = record.filter(|one| one.path.as_os_str() == path.as_os_str()) {
                return Ok(Some(Known {
                    number,
                    record,
                    offered,
                }));
            }
        }
        Ok(None)
    }

    /// Notes that a file was seen in a scan.
    pub fn seen(&mut self, known: &Known, scan: u32) {
        if let Some(mark) = self.mark(&known.record.path, known.number) {
            mark.seen = scan;
        }
    }

    /// Notes that a file is offered from now on.
    pub fn offered(&mut self, known: &Known) {
        if let Some(mark) = self.mark(&known.record.path, known.number)
            && !std::mem::replace(&mut mark.offered, true)
        {
            self.offered.0 += 1;
            self.offered.1 += known.record.stamp.size;
        }
    }

    /// How many files are offered, and their bytes.
    pub fn all_offered(&self) -> (u64, u64) {
        self.offered
    }

    /// A file is offered by this name.
    pub fn rename(&mut self, known: &Known, name: &str) {
        if known.record.name == name {
            if !self.renamed.is_empty() {
                self.renamed.remove(&known.number);
            }
        } else {
            self.renamed.insert(known.number, name.to_owned());
        }
    }

    /// Forgets the file at `path`; gives what was known of it, and the name it was offered by.
    pub fn remove(&mut self, path: &Path) -> Result<Option<(Known, String)>, StoreError> {
        let Some(known) = self.at(path)? else {
            return Ok(None);
        };
        self.drop_mark(path, known.number);
        let stamp = known.record.stamp;
        self.identities
            .remove(self.tag(stamp.identity()), known.number);
        let name = self.renamed.remove(&known.number);
        let name = name.unwrap_or_else(|| known.record.name.clone());
        if known.offered {
            self.offered.0 -= 1;
            self.offered.1 -= stamp.size;
        }
        Ok(Some((known, name)))
    }

    fn drop_mark(&mut self, path: &Path, number: u64) {
        let Some(folder) = self.folders.get_mut(folder_of(path)) else {
            return;
        };
        folder.marks.remove(number);
        if folder.marks.is_empty() {
            self.folders.remove(folder_of(path));
        }
    }

    /// The paths of the files at `path` or below it that were not seen in this scan; of all, when
    /// none is named. The shared folder is the empty path.
    pub fn unseen(&mut self, path: &Path, scan: Option<u32>) -> Result<Vec<PathBuf>, StoreError> {
        let mut numbers = Vec::new();
        let is_unseen = |mark: &Mark| scan.is_none_or(|scan| mark.seen != scan);
        let all = path.as_os_str().is_empty();
        let begin = bytes(path);
        let mut inside = begin.to_vec();
        if !all && !begin.ends_with(MAIN_SEPARATOR.to_string().as_bytes()) {
            inside.push(MAIN_SEPARATOR as u8);
        }
        let from = (Bound::Included(inside.as_slice()), Bound::Unbounded);
        let below = self.folders.range::<[u8], _>(from);
        let below = below.take_while(|(folder, _)| folder.starts_with(&inside));
        let itself = self.folders.get_key_value(begin).filter(|_| !all);
        for (_, folder) in itself.into_iter().chain(below) {
            if folder.elsewhere == path.is_absolute() {
                let unseen = folder.marks.iter().filter(|(_, mark)| is_unseen(mark));
                numbers.extend(unseen.map(|(number, _)| number));
            }
        }
        let mut paths = Vec::new();
        if let Some(known) = self.at(path)? {
            let mark = self.mark(path, known.number);
            paths.extend(mark.filter(|mark| is_unseen(mark)).map(|_| path.to_owned()));
        }
        for number in numbers {
            let record = self.recent.record(&self.index, number)?;
            paths.extend(record.map(|record| record.path.clone()));
        }
        Ok(paths)
    }

    /// The paths of the files outside the shared folder for whose folder `keep` says no.
    pub fn elsewhere(&mut self, keep: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, StoreError> {
        let elsewhere = self.folders.values().filter(|folder| folder.elsewhere);
        let lists = elsewhere.map(|folder| folder.marks.iter().map(|(number, _)| number).collect());
        let lists: Vec<Vec<u64>> = lists.collect();
        let mut paths = Vec::new();
        for numbers in lists {
            for number in numbers {
                let Some(record) = self.recent.record(&self.index, number)? else {
                    continue;
                };
                if record.path.parent().is_some_and(&keep) {
                    break;
                }
                paths.push(record.path.clone());
            }
        }
        Ok(paths)
    }

    /// The files with this identity.
    pub fn same(&mut self, identity: FileIdentity) -> Result<Vec<Arc<FileRecord>>, StoreError> {
        if !identity.is_known() {
            return Ok(Vec::new());
        }
        let numbers: Vec<u64> = self.identities.find(self.tag(identity)).collect();
        let mut records = Vec::new();
        for number in numbers {
            let record = self.recent.record(&self.index, number)?;
            records.extend(record.filter(|one| one.stamp.identity() == identity));
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests;
