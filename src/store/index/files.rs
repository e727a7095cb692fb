//! The files whose chunks are here, and where each chunk lies.
//!
//! A record says all of a file of one chunk; of larger ones the chunks are written before it and
//! removed after it. Invariants: what [`Table`] knows is in the tree, or was removed from it just
//! now; of several records with one path the newest counts.

use super::{
    FileRecord, Index, Kind, Location, NewFile, key, looks_like,
    packs::{self, Packed, Reader},
    record::Content,
    table::{Keys, Table},
};
use crate::{
    core::id::{ChunkId, FileId},
    store::{StoreError, modes},
    wire::manifest,
};
use parking_lot::RwLockReadGuard;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Records kept in memory before all are let go: a few megabytes.
#[cfg(not(test))]
const KNOWN: usize = 16 << 10;
#[cfg(test)]
const KNOWN: usize = 64;

/// Downloads that came to lie somewhere.
#[derive(Debug)]
pub struct Placed {
    /// In which folders.
    pub folders: Vec<PathBuf>,
    /// Their numbers are among these.
    pub numbers: RangeInclusive<u64>,
}

/// A record that was looked up.
#[derive(Clone)]
pub(super) struct Known {
    record: Arc<FileRecord>,
    content: Content,
}

impl Known {
    fn keys<'a>(&self, path: &'a [u8]) -> Keys<'a> {
        keys(&self.record, self.content, path)
    }
}

fn keys<'a>(record: &FileRecord, content: Content, path: &'a [u8]) -> Keys<'a> {
    Keys {
        kind: record.kind,
        path,
        file: record.file,
        chunk: content.chunk(),
        large: content == Content::Large,
    }
}

impl Index {
    /// Adds a file with its manifest and the places of its chunks; replaces what was known of that
    /// path. Gives its number.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn add_file(&self, file: NewFile) -> Result<u64, StoreError> {
        Ok(self.add_files(&mut [file])?[0])
    }

    /// Adds many files at once, which costs far less than one by one. Sets each record's `file`.
    /// Gives their numbers, in order.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn add_files(&self, files: &mut [NewFile]) -> Result<Vec<u64>, StoreError> {
        let _writing = self.writing();
        let numbers = self.0.db.generate_ids(files.len());
        let numbers = numbers.map_err(|e| self.error(e))?;
        let mut large = Vec::new();
        let mut replaced = Vec::new();
        for file in &mut *files {
            let manifest = manifest::encode(&file.entries);
            file.record.file = manifest.file;
            if Content::of(&file.entries) == Content::Large {
                large.push(manifest);
            }
            let record = &file.record;
            let path = modes::path_bytes(&record.path);
            let there = self.table().at_path(record.kind, &path);
            for number in there {
                let same = self.is_at(number, record.kind, &record.path)?;
                replaced.extend(same.map(|_| number));
            }
        }
        self.add_manifests(large.iter())?;
        let each = || files.iter().zip(numbers.iter().copied());
        let chunks = each().filter(|(file, _)| file.entries.len() > 1);
        let chunks = chunks.flat_map(|(file, number)| {
            let mut offset = 0u64;
            file.entries.iter().map(move |entry| {
                let value = key(&[&offset.to_be_bytes(), &entry.len.to_be_bytes()]);
                offset += u64::from(entry.len);
                (chunk_key(&entry.id, number), Some(value))
            })
        });
        self.apply(&self.0.chunks, chunks)?;
        let records = each().map(|(file, number)| {
            let content = Content::of(&file.entries);
            (number, &file.record, content)
        });
        let packs = packs::pack(records).into_iter();
        let packs = packs.map(|(at, value)| (at.to_be_bytes().to_vec(), Some(value)));
        self.apply(&self.0.files, packs)?;
        let mut table = self.0.table.write();
        for (file, number) in each() {
            let path = modes::path_bytes(&file.record.path);
            let content = Content::of(&file.entries);
            table.add(number, &keys(&file.record, content, &path));
        }
        drop(table);
        self.remove(&replaced)?;
        self.placed(files, &numbers);
        Ok(numbers)
    }

    /// Tells where downloads came to lie.
    fn placed(&self, files: &[NewFile], numbers: &[u64]) {
        let on_placed = self.0.on_placed.lock();
        let ends = numbers.first().zip(numbers.last());
        let (Some(tell), Some((first, last))) = (&*on_placed, ends) else {
            return;
        };
        let fetched = files.iter().filter(|one| one.record.kind == Kind::Fetched);
        let folders: BTreeSet<&Path> = fetched.filter_map(|one| one.record.path.parent()).collect();
        if !folders.is_empty() {
            tell(Placed {
                folders: folders.into_iter().map(Path::to_owned).collect(),
                numbers: *first..=*last,
            });
        }
    }

    /// Calls `tell` with the downloads that are added from now on. It is called while they are, so
    /// it must not wait.
    pub(in crate::store) fn on_placed(&self, tell: Option<super::OnPlaced>) {
        *self.0.on_placed.lock() = tell;
    }

    /// Forgets a file: its chunks' places, and its manifest unless something else here needs it.
    /// The file itself is left alone.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove_file(&self, number: u64) -> Result<(), StoreError> {
        self.remove_files(&[number])
    }

    /// The same for many, which costs less than one by one.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove_files(&self, numbers: &[u64]) -> Result<(), StoreError> {
        let _writing = self.writing();
        self.remove(numbers)
    }

    fn remove(&self, numbers: &[u64]) -> Result<(), StoreError> {
        let mut packs: BTreeMap<u64, (sled::IVec, Vec<u64>)> = BTreeMap::new();
        let mut gone = BTreeMap::new();
        for &number in numbers {
            if let Some((at, value)) = self.pack_with(number)?
                && let Some(known) = known_in(at, &value, number)
            {
                self.outlive(&known.record.file, known.content)?;
                packs
                    .entry(at)
                    .or_insert((value, Vec::new()))
                    .1
                    .push(number);
                gone.insert(number, known);
            }
        }
        let left = packs.into_iter().map(|(at, (value, numbers))| {
            let left = packs::without(at, &value, &numbers);
            (at.to_be_bytes().to_vec(), left)
        });
        self.apply(&self.0.files, left)?;
        for (number, known) in gone {
            let record = &known.record;
            self.0.known.write().remove(&number);
            let path = modes::path_bytes(&record.path);
            self.0.table.write().remove(number, &known.keys(&path));
            if known.content == Content::Large
                && let Some(manifest) = self.manifest(&record.file)?
            {
                let chunks = manifest.entries().iter();
                let chunks = chunks.map(|entry| (chunk_key(&entry.id, number), None));
                self.apply(&self.0.chunks, chunks)?;
            }
            self.drop_unused_manifest(&record.file)?;
        }
        Ok(())
    }

    pub(super) fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.0.table.read()
    }

    /// The record with this number, if it is of this kind and path.
    fn is_at(
        &self,
        number: u64,
        kind: Kind,
        path: &Path,
    ) -> Result<Option<Arc<FileRecord>>, StoreError> {
        let record = self.record(number)?;
        Ok(record.filter(|record| record.kind == kind && record.path == path))
    }

    /// What is known of the file at `path`, with its number.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn file_at(
        &self,
        kind: Kind,
        path: &Path,
    ) -> Result<Option<(u64, Arc<FileRecord>)>, StoreError> {
        let numbers = self.table().at_path(kind, &modes::path_bytes(path));
        for number in numbers.into_iter().rev() {
            if let Some(record) = self.is_at(number, kind, path)? {
                return Ok(Some((number, record)));
            }
        }
        Ok(None)
    }

    /// The files of a kind that lie below any of these folders, with their numbers. Looks at all of
    /// that kind.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn files_below(
        &self,
        kind: Kind,
        folders: &HashSet<PathBuf>,
    ) -> Result<Vec<(u64, FileRecord)>, StoreError> {
        let mut files = Vec::new();
        self.each_file(kind, |number, record| {
            let mut above = record.path.ancestors();
            if above.any(|folder| folders.contains(folder)) {
                files.push((number, record));
            }
        })?;
        Ok(files)
    }

    /// The record of a file's number.
    pub(in crate::store) fn record(
        &self,
        number: u64,
    ) -> Result<Option<Arc<FileRecord>>, StoreError> {
        Ok(self.known(number)?.map(|known| known.record))
    }

    fn known(&self, number: u64) -> Result<Option<Known>, StoreError> {
        if let Some(known) = self.0.known.read().get(&number) {
            return Ok(Some(known.clone()));
        }
        let pack = self.pack_with(number)?;
        let Some(found) = pack.and_then(|(at, value)| known_in(at, &value, number)) else {
            return Ok(None);
        };
        let mut known = self.0.known.write();
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(number, found.clone());
        Ok(Some(found))
    }

    /// The pack that a file's record is in, if it is in any, with its key.
    pub(super) fn pack_with(&self, number: u64) -> Result<Option<(u64, sled::IVec)>, StoreError> {
        let found = self.0.files.get_at_most(number.to_be_bytes());
        Ok(found.map_err(|e| self.error(e))?.and_then(|(key, value)| {
            let at = key.as_ref().try_into().map(u64::from_be_bytes).ok()?;
            Some((at, value))
        }))
    }

    /// Calls `each` with all files of a kind and their numbers. A record that cannot be read is
    /// left out.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn each_file(
        &self,
        kind: Kind,
        mut each: impl FnMut(u64, FileRecord),
    ) -> Result<(), StoreError> {
        self.each_packed(kind, |reader, packed| {
            if let Some((record, _)) = reader.record(packed) {
                each(packed.number, record);
            }
        })
    }

    /// The same, as it is kept.
    pub(super) fn each_packed(
        &self,
        kind: Kind,
        mut each: impl FnMut(&Reader<'_>, &Packed<'_>),
    ) -> Result<(), StoreError> {
        if !self.table().has(kind) {
            return Ok(());
        }
        for item in &self.0.files {
            let (at, value) = item.map_err(|e| self.error(e))?;
            let Ok(at) = at.as_ref().try_into().map(u64::from_be_bytes) else {
                continue;
            };
            let mut reader = Reader::of(at, &value);
            while let Some(packed) = reader.next() {
                if packed.kind == kind {
                    each(&reader, &packed);
                }
            }
        }
        Ok(())
    }

    /// All files of a kind, with their numbers, as [`Index::each_file`] gives them.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn files(&self, kind: Kind) -> Result<Vec<(u64, FileRecord)>, StoreError> {
        let mut files = Vec::new();
        self.each_file(kind, |number, record| files.push((number, record)))?;
        Ok(files)
    }

    /// The finished downloads that still look as they did: what this node can serve besides its
    /// shared folder.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn fetched(&self) -> Result<Vec<FileRecord>, StoreError> {
        let files = self.files(Kind::Fetched)?.into_iter();
        Ok(files
            .map(|(_, record)| record)
            .filter(|record| looks_like(&record.path, record.stamp))
            .collect())
    }

    /// The files here with the contents `file`, whether or not they changed since.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn files_of(&self, file: &FileId) -> Result<Vec<(u64, Arc<FileRecord>)>, StoreError> {
        let mut files = Vec::new();
        let numbers = self.table().of_file(*file);
        for number in numbers {
            let record = self.record(number)?;
            files.extend(
                record
                    .filter(|one| one.file == *file)
                    .map(|one| (number, one)),
            );
        }
        Ok(files)
    }

    /// What the contents `file` consist of, when a file here has them whose record says it.
    pub(super) fn content_of(&self, file: &FileId) -> Result<Option<Content>, StoreError> {
        let numbers = self.table().of_file(*file);
        for number in numbers {
            // Of a record that is not needed otherwise no more is read than this.
            let known = self.0.known.read().get(&number).cloned();
            let found = match known {
                Some(known) => Some((known.record.file, known.content)),
                None => self.pack_with(number)?.and_then(|(at, value)| {
                    let (packed, _) = packed_in(at, &value, number)?;
                    Some((packed.file(), packed.content()))
                }),
            };
            if let Some((of, content)) = found
                && of == *file
            {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    /// Where the chunk `id` can be read.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn locate(&self, id: &ChunkId) -> Result<Vec<Location>, StoreError> {
        let (small, has_large) = {
            let table = self.table();
            (table.of_chunk(*id), table.has_large())
        };
        let mut places = Vec::new();
        for source in small {
            if let Some(Known { record, content }) = self.known(source)?
                && let Content::Small(Some(entry)) = content
                && entry.id == *id
            {
                places.push(Location {
                    source,
                    record,
                    offset: 0,
                    len: entry.len,
                });
            }
        }
        if !has_large {
            return Ok(places);
        }
        for item in self.0.chunks.scan_prefix(id.as_bytes()) {
            let (key, value) = item.map_err(|e| self.error(e))?;
            let (Some(source), Some((offset, len))) = (
                key.get(32..).and_then(|number| number.try_into().ok()),
                value.split_first_chunk(),
            ) else {
                continue;
            };
            let (source, Ok(len)) = (u64::from_be_bytes(source), len.try_into()) else {
                continue;
            };
            if let Some(record) = self.record(source)? {
                places.push(Location {
                    source,
                    record,
                    offset: u64::from_be_bytes(*offset),
                    len: u32::from_be_bytes(len),
                });
            }
        }
        Ok(places)
    }

    /// Where a recorded file lies on the disk.
    #[must_use]
    pub fn path_of(&self, record: &FileRecord) -> PathBuf {
        match record.kind {
            Kind::Shared => self.0.shared.join(&record.path),
            Kind::Fetched | Kind::Sent | Kind::Received => record.path.clone(),
        }
    }
}

fn chunk_key(id: &ChunkId, number: u64) -> Vec<u8> {
    key(&[id.as_bytes(), &number.to_be_bytes()])
}

fn packed_in(at: u64, value: &[u8], number: u64) -> Option<(Packed<'_>, Reader<'_>)> {
    let mut reader = Reader::of(at, value);
    while let Some(packed) = reader.next() {
        if packed.number >= number {
            return (packed.number == number).then_some((packed, reader));
        }
    }
    None
}

fn known_in(at: u64, value: &[u8], number: u64) -> Option<Known> {
    let (packed, reader) = packed_in(at, value, number)?;
    let (record, content) = reader.record(&packed)?;
    let record = Arc::new(record);
    Some(Known { record, content })
}

#[cfg(test)]
mod tests;
