//! From formats 4 and 5, in which each file had its record in `sources`, its path in `paths`, its
//! contents in `users`, and each chunk its place in `chunks`.
//!
//! A step that is interrupted is taken again: nothing that it reads goes before what it makes of it
//! is written, and sled keeps a prefix of what was written.

use super::{
    BATCH, Stamp, packs,
    record::{Content, FileRecord, Kind},
};
use crate::{
    core::{id::FileId, manifest::Entry, rights::Rights},
    store::modes,
    wire::{cbor, manifest::Root},
};
use serde::{Deserialize, Serialize};

/// Begins a value of several records; one by itself is CBOR, which never begins so.
const SEVERAL: u8 = 0xff;

/// Permissions: the mode, or, as before that was known, whether a file may be executed.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredRights {
    Executable(bool),
    Mode(u16),
}

impl From<StoredRights> for Rights {
    fn from(stored: StoredRights) -> Self {
        match stored {
            StoredRights::Executable(executable) => executable.into(),
            StoredRights::Mode(mode) => Self::of(mode.into()),
        }
    }
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

/// Puts the records into packs, those of files of one chunk with their manifests. A file whose
/// manifest is lost cannot be served and is left out.
pub(super) fn pack_small_files(db: &sled::Db) -> sled::Result<()> {
    let files = db.open_tree("files")?;
    let sources = db.open_tree("sources")?;
    if !sources.is_empty() {
        files.clear()?;
        write_packs(db, &sources, &files)?;
        remove_chunks(db, &files)?;
    }
    db.drop_tree("sources")?;
    remove_roots(db, &files)?;
    db.drop_tree("users")?;
    db.drop_tree("paths")?;
    Ok(())
}

fn write_packs(db: &sled::Db, sources: &sled::Tree, files: &sled::Tree) -> sled::Result<()> {
    let mut some = Vec::new();
    for item in sources {
        let (key, value) = item?;
        let Ok(at) = key.as_ref().try_into().map(u64::from_be_bytes) else {
            continue;
        };
        for (number, stored) in records(at, &value) {
            if let Some(record) = decode(stored)
                && let Some(content) = content(db, &record, number)?
            {
                some.push((number, record, content));
            }
        }
        if some.len() >= BATCH {
            write(files, &some)?;
            some.clear();
        }
    }
    write(files, &some)
}

fn write(files: &sled::Tree, some: &[(u64, FileRecord, Content)]) -> sled::Result<()> {
    let each = some.iter();
    let packs = packs::pack(each.map(|(number, record, content)| (*number, record, *content)));
    let mut batch = sled::Batch::default();
    for (at, value) in packs {
        batch.insert(at.to_be_bytes().to_vec(), value);
    }
    files.apply_batch(batch)
}

/// The records in the value under `key`.
fn records(key: u64, value: &[u8]) -> Vec<(u64, &[u8])> {
    let Some((&SEVERAL, mut rest)) = value.split_first() else {
        return vec![(key, value)];
    };
    let mut records = Vec::new();
    while let Some((number, after)) = rest.split_first_chunk()
        && let Some((len, after)) = after.split_first_chunk()
        && let Some((record, after)) = after.split_at_checked(u32::from_be_bytes(*len) as usize)
    {
        records.push((u64::from_be_bytes(*number), record));
        rest = after;
    }
    records
}

fn decode(stored: &[u8]) -> Option<FileRecord> {
    let Stored(kind, path, stamp, rights, file, name, media) = cbor::decode(stored).ok()?;
    Some(FileRecord {
        kind: *Kind::ALL.get(usize::from(kind))?,
        path: modes::path_of(path),
        stamp,
        rights: rights.into(),
        file,
        name,
        media,
    })
}

/// What a file consists of, as its manifest says, which lies beside it or by itself.
fn content(db: &sled::Db, record: &FileRecord, number: u64) -> sled::Result<Option<Content>> {
    let file = record.file;
    let user = super::key(&[file.as_bytes(), &number.to_be_bytes()]);
    let beside = db.open_tree("users")?.get(user)?;
    let stored = match beside.filter(|value| !value.is_empty()) {
        Some(value) => Some(value),
        None => db.open_tree("roots")?.get(file.as_bytes())?,
    };
    let content = || {
        let stored = stored?;
        let (len, rest) = stored.split_first_chunk()?;
        let (root, page) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        let root = Root::decode(file, root).ok()?;
        match root.chunks {
            0 => Some(Content::Small(None)),
            1 => Some(Content::of(&root.decode_page(0, page).ok()?)),
            _ => Some(Content::Large),
        }
    };
    Ok(content())
}

/// Calls `each` with the files of one chunk or none.
fn each_small(
    files: &sled::Tree,
    mut each: impl FnMut(u64, FileId, Option<Entry>) -> sled::Result<()>,
) -> sled::Result<()> {
    for item in files {
        let (key, value) = item?;
        let at = key.as_ref().try_into().map_or(0, u64::from_be_bytes);
        let mut reader = packs::Reader::of(at, &value);
        while let Some(packed) = reader.next() {
            if let Content::Small(entry) = packed.content() {
                each(packed.number, packed.file(), entry)?;
            }
        }
    }
    Ok(())
}

/// The places that records say now.
fn remove_chunks(db: &sled::Db, files: &sled::Tree) -> sled::Result<()> {
    let chunks = db.open_tree("chunks")?;
    each_small(files, |number, _, entry| match entry {
        Some(entry) => {
            let key = super::key(&[entry.id.as_bytes(), &number.to_be_bytes()]);
            chunks.remove(key).map(drop)
        }
        None => Ok(()),
    })
}

/// The manifests that records say now.
fn remove_roots(db: &sled::Db, files: &sled::Tree) -> sled::Result<()> {
    let roots = db.open_tree("roots")?;
    let needed = [db.open_tree("have")?, db.open_tree("replica_files")?];
    each_small(files, |_, file, _| {
        let is_needed = |tree: &sled::Tree| tree.scan_prefix(file.as_bytes()).next().is_some();
        if roots.contains_key(file.as_bytes())? && !needed.iter().any(is_needed) {
            roots.remove(file.as_bytes())?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
