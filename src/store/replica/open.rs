//! From the disk to memory at start, and the traces of a crash away.

use super::{Accounts, Entry, Inner, Limits, Replicas, State, manifest_bytes};
use crate::{
    core::id::FileId,
    store::{Home, Index, StoreError, failed},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

pub(super) fn open(home: &Home, index: &Index, limits: Limits) -> Result<Replicas, StoreError> {
    let dir = home.partials().with_file_name("replicas");
    let new = dir.join("new");
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &new)(error));
        }
        _ => fs::create_dir_all(&new).map_err(failed("create", &new))?,
    }
    let mut files: BTreeMap<FileId, Entry> = BTreeMap::new();
    let mut accounts = Accounts::new(limits);
    for (file, record) in index.replica_files()? {
        match record {
            Some(record) if index.root(&file)?.is_some() => {
                files.insert(file, Entry::new(record));
            }
            _ => index.remove_replica_file(&file)?,
        }
    }
    // By the first byte of the ids, so that memory holds a 256th of them at a time.
    for prefix in 0..=255u8 {
        let folder = dir.join(format!("{prefix:02x}"));
        let mut names = names_in(&folder)?;
        let mut claimed = HashSet::new();
        let mut void = Vec::new();
        for record in index.replica_chunks(&[prefix])? {
            let entry = files.get_mut(&record.file);
            let entry = entry.filter(|entry| record.at < entry.firsts.len());
            let name = record.id.to_string().split_off(2);
            match entry {
                Some(entry) if names.contains(&name) => {
                    entry.insert(record.at, &[]);
                    accounts.add(&record.payer, u64::from(record.len));
                    claimed.insert(name);
                }
                _ => void.push(record),
            }
        }
        index.remove_replica_chunks(&void)?;
        names.retain(|name| !claimed.contains(name));
        for name in names {
            let path = folder.join(name);
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
    }
    let empty = |entry: &Entry| entry.firsts.count() == 0 && !entry.firsts.is_empty();
    let gone: Vec<FileId> = files
        .iter()
        .filter(|(_, entry)| empty(entry))
        .map(|(file, _)| *file)
        .collect();
    for file in gone {
        index.remove_replica_file(&file)?;
        files.remove(&file);
    }
    for entry in files.values() {
        let record = &entry.record;
        accounts.add(&record.payer, manifest_bytes(record.chunks));
    }
    Ok(Replicas(Arc::new(Inner {
        dir,
        index: index.clone(),
        limits,
        state: Mutex::new(State {
            files,
            accounts,
            pending: HashMap::new(),
        }),
        layouts: Mutex::default(),
        on_lost: Mutex::default(),
        numbers: AtomicU64::default(),
    })))
}

/// The files in a folder, which need not exist; folders are left out.
fn names_in(folder: &Path) -> Result<HashSet<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        entries => entries.map_err(failed("list", folder))?,
    };
    let mut names = HashSet::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", folder))?;
        if entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}
