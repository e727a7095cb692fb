//! The files whose chunks can be read here, and where each chunk lies.
//!
//! Shared ones, downloads that were finished, and what goes from one person to another. A file's
//! number is never used twice, so a chunk location that a crash left behind points at nothing
//! rather than at another file.

use super::{Index, Stamp, key, looks_like, manifests, packs, rights::StoredRights};
use crate::{
    core::{
        id::{ChunkId, FileId},
        manifest::Entry,
        rights::Rights,
    },
    store::{StoreError, modes},
    wire::{cbor, manifest},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Records kept in memory before all are let go: a few megabytes.
const KNOWN: usize = 16 << 10;

/// Why a file's chunks are here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// It lies in the shared folder; its path is relative to that.
    Shared,
    /// It was downloaded; its path is absolute.
    Fetched,
    /// It is being sent to a person; its path is absolute. Private: for those with a grant
    /// (`store::grants`), until the send ends.
    Sent,
    /// It was received from a person; its path is absolute. Private, too.
    Received,
}

impl Kind {
    /// Whether it is for those only who were granted it.
    #[must_use]
    pub fn is_private(self) -> bool {
        matches!(self, Self::Sent | Self::Received)
    }
}

/// A file that was read to its end, and how it looked then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRecord {
    /// Why it is here.
    pub kind: Kind,
    /// Where, in the disk's own bytes.
    pub path: PathBuf,
    /// How it looked.
    pub stamp: Stamp,
    /// Its permissions.
    pub rights: Rights,
    /// Its contents.
    pub file: FileId,
    /// The name it is offered by: relative, `/` between the parts, NFC.
    pub name: String,
    /// Its media type.
    pub media: String,
}

/// A record on its way into the index.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// What is known about it. Its `file` is set from the entries.
    pub record: FileRecord,
    /// Its chunks, in order.
    pub entries: Vec<Entry>,
}

/// One place where a chunk can be read.
#[derive(Clone, Debug)]
pub struct Location {
    /// The number of the file.
    pub source: u64,
    /// The file.
    pub record: Arc<FileRecord>,
    /// Where the chunk begins.
    pub offset: u64,
    /// Its bytes.
    pub len: u32,
}

#[derive(Serialize, Deserialize)]
struct Stored(
    u8,
    #[serde(with = "serde_bytes")] Vec<u8>,
    Stamp,
    StoredRights,
    FileId,
    String,
    String,
);

fn encode(record: &FileRecord) -> Vec<u8> {
    cbor::encode(&Stored(
        record.kind as u8,
        modes::path_bytes(&record.path),
        record.stamp,
        record.rights.into(),
        record.file,
        record.name.clone(),
        record.media.clone(),
    ))
}

fn decode(bytes: &[u8]) -> Result<FileRecord, StoreError> {
    let Stored(kind, path, stamp, rights, file, name, media) = cbor::decode(bytes)
        .map_err(|error| StoreError::Corrupt(format!("a file record: {error}")))?;
    Ok(FileRecord {
        kind: [Kind::Shared, Kind::Fetched, Kind::Sent, Kind::Received]
            .into_iter()
            .find(|known| *known as u8 == kind)
            .ok_or_else(|| StoreError::Corrupt("a file record of an unknown kind".into()))?,
        path: modes::path_of(path),
        stamp,
        rights: rights.into(),
        file,
        name,
        media,
    })
}

fn record_in(at: u64, stored: &[u8], number: u64) -> Result<Option<FileRecord>, StoreError> {
    let mut records = packs::records(at, stored);
    let record = records.find(|(one, _)| *one == number);
    record.map(|(_, record)| decode(record)).transpose()
}

fn path_key(kind: Kind, path: &Path) -> Vec<u8> {
    key(&[&[kind as u8], &modes::path_bytes(path)])
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
        let mut encoded = Vec::with_capacity(files.len());
        let mut beside = Vec::with_capacity(files.len());
        let mut replaced = Vec::new();
        let numbers = self.0.db.generate_ids(files.len());
        let numbers = numbers.map_err(|e| self.error(e))?;
        for file in &mut *files {
            let manifest = manifest::encode(&file.entries);
            file.record.file = manifest.file;
            beside.push(manifests::beside(&manifest, &file.entries));
            encoded.push(manifest);
            replaced.extend(self.number_at(file.record.kind, &file.record.path)?);
        }
        let each = || files.iter().zip(numbers.iter().map(|n| n.to_be_bytes()));
        let alone = encoded.iter().zip(&beside);
        let alone = alone.filter(|(_, beside)| beside.is_empty());
        self.add_manifests(alone.map(|(manifest, _)| manifest))?;
        let chunks = each().flat_map(|(file, number)| {
            let mut offset = 0u64;
            file.entries.iter().map(move |entry| {
                let value = key(&[&offset.to_be_bytes(), &entry.len.to_be_bytes()]);
                offset += u64::from(entry.len);
                (key(&[entry.id.as_bytes(), &number]), Some(value))
            })
        });
        self.apply(&self.0.chunks, chunks)?;
        let users = each().zip(beside.iter()).map(|((file, number), beside)| {
            let key = key(&[file.record.file.as_bytes(), &number]);
            (key, Some(beside.clone()))
        });
        self.apply(&self.0.users, users)?;
        let records = files.iter().map(|file| encode(&file.record));
        let records: Vec<_> = numbers.iter().copied().zip(records).collect();
        self.apply(&self.0.sources, packs::pack(&records))?;
        let paths = each().map(|(file, number)| {
            let key = path_key(file.record.kind, &file.record.path);
            (key, Some(number.to_vec()))
        });
        self.apply(&self.0.paths, paths)?;
        for number in replaced {
            self.remove(number)?;
        }
        self.placed(files);
        Ok(numbers)
    }

    /// Tells where downloads came to lie.
    fn placed(&self, files: &[NewFile]) {
        let on_placed = self.0.on_placed.lock();
        let on_placed = on_placed;
        let Some(tell) = &*on_placed else {
            return;
        };
        let fetched = files.iter().filter(|one| one.record.kind == Kind::Fetched);
        let folders: BTreeSet<&Path> = fetched.filter_map(|one| one.record.path.parent()).collect();
        if !folders.is_empty() {
            tell(folders.into_iter().map(Path::to_owned).collect());
        }
    }

    /// Calls `tell` with the folders of the downloads that are added from now on. It is called
    /// while they are, so it must not wait.
    pub(in crate::store) fn on_placed(
        &self,
        tell: Option<Box<dyn Fn(Vec<PathBuf>) + Send + Sync>>,
    ) {
        *self.0.on_placed.lock() = tell;
    }

    /// Forgets a file: its chunks' places, and its manifest unless something else here needs it.
    /// The file itself is left alone.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove_file(&self, number: u64) -> Result<(), StoreError> {
        let _writing = self.writing();
        self.remove(number)
    }

    fn remove(&self, number: u64) -> Result<(), StoreError> {
        let bytes = number.to_be_bytes();
        let Some((at, stored)) = self.stored_with(number)? else {
            return Ok(());
        };
        let Some(record) = record_in(at, &stored, number)? else {
            return Ok(());
        };
        let left = match packs::without(at, &stored, number) {
            Some(left) => self.0.sources.insert(at.to_be_bytes(), left),
            None => self.0.sources.remove(at.to_be_bytes()),
        };
        left.map_err(|e| self.error(e))?;
        self.0.known.write().remove(&number);
        if self.number_at(record.kind, &record.path)? == Some(number) {
            let path = path_key(record.kind, &record.path);
            self.0.paths.remove(path).map_err(|e| self.error(e))?;
        }
        if let Some(manifest) = self.manifest(&record.file)? {
            let chunks = manifest.entries().iter();
            let chunks = chunks.map(|entry| (key(&[entry.id.as_bytes(), &bytes]), None));
            self.apply(&self.0.chunks, chunks)?;
        }
        let user = key(&[record.file.as_bytes(), &bytes]);
        let beside = self.0.users.get(&user).map_err(|e| self.error(e))?;
        self.outlive(&record.file, beside.as_deref().unwrap_or_default())?;
        self.0.users.remove(user).map_err(|e| self.error(e))?;
        self.drop_unused_manifest(&record.file)
    }

    fn number_at(&self, kind: Kind, path: &Path) -> Result<Option<u64>, StoreError> {
        let number = self.0.paths.get(path_key(kind, path));
        Ok(number
            .map_err(|e| self.error(e))?
            .and_then(|bytes| Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?))))
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
        let Some(number) = self.number_at(kind, path)? else {
            return Ok(None);
        };
        Ok(self.record(number)?.map(|record| (number, record)))
    }

    /// The files of a kind that lie at `path` or below it, with their numbers.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn files_below(
        &self,
        kind: Kind,
        path: &Path,
    ) -> Result<Vec<(u64, Arc<FileRecord>)>, StoreError> {
        let mut files = Vec::new();
        for item in self.0.paths.scan_prefix(path_key(kind, path)).values() {
            let number = item.map_err(|e| self.error(e))?;
            if let Ok(number) = number.as_ref().try_into().map(u64::from_be_bytes)
                && let Some(record) = self.record(number)?
                // Not one that only begins with the same letters.
                && record.path.starts_with(path)
            {
                files.push((number, record));
            }
        }
        Ok(files)
    }

    /// The record of a file's number.
    pub(in crate::store) fn record(
        &self,
        number: u64,
    ) -> Result<Option<Arc<FileRecord>>, StoreError> {
        let known = self.0.known.read();
        if let Some(record) = known.get(&number) {
            return Ok(Some(Arc::clone(record)));
        }
        drop(known);
        let Some((at, stored)) = self.stored_with(number)? else {
            return Ok(None);
        };
        let Some(record) = record_in(at, &stored, number)?.map(Arc::new) else {
            return Ok(None);
        };
        let mut known = self.0.known.write();
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(number, Arc::clone(&record));
        Ok(Some(record))
    }

    /// The value that a file's record is in, if it is in any, with its key.
    fn stored_with(&self, number: u64) -> Result<Option<(u64, sled::IVec)>, StoreError> {
        let found = self.0.sources.get_at_most(number.to_be_bytes());
        Ok(found.map_err(|e| self.error(e))?.and_then(|(key, value)| {
            let at = key.as_ref().try_into().map(u64::from_be_bytes).ok()?;
            Some((at, value))
        }))
    }

    /// All files of a kind, with their numbers. A record that cannot be read is left out.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn files(&self, kind: Kind) -> Result<Vec<(u64, FileRecord)>, StoreError> {
        let mut files = Vec::new();
        for item in &self.0.sources {
            let (at, stored) = item.map_err(|e| self.error(e))?;
            let Ok(at) = at.as_ref().try_into().map(u64::from_be_bytes) else {
                continue;
            };
            for (number, record) in packs::records(at, &stored) {
                match decode(record) {
                    Ok(record) if record.kind == kind => files.push((number, record)),
                    _ => {}
                }
            }
        }
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
        for item in self.0.users.scan_prefix(file.as_bytes()).keys() {
            let key = item.map_err(|e| self.error(e))?;
            if let Ok(number) = key[32..].try_into().map(u64::from_be_bytes)
                && let Some(record) = self.record(number)?
            {
                files.push((number, record));
            }
        }
        Ok(files)
    }

    /// Where the chunk `id` can be read.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn locate(&self, id: &ChunkId) -> Result<Vec<Location>, StoreError> {
        let mut places = Vec::new();
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

#[cfg(test)]
mod tests;
