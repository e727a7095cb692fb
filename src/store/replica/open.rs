//! From the disk to memory at start, and the traces of a crash away. What no record claims is
//! looked at (`adopt`), never thrown away.

use super::{Accounts, Entry, Inner, Limits, Replicas, State, adopt};
use crate::{
    core::{fair::Shares, id::FileId},
    store::{Home, Index, StoreError, failed, index::NO_FILE},
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

pub(super) fn open(home: &Home, index: &Index, limits: Limits) -> Result<Replicas, StoreError> {
    let (dir, state) = read(home, index, limits)?;
    Ok(Replicas(Arc::new(Inner {
        dir,
        index: index.clone(),
        state: Mutex::new(state),
        layouts: Mutex::default(),
        on_lost: Mutex::default(),
        numbers: AtomicU64::default(),
    })))
}

/// The folder, and what is known of it.
pub(super) fn read(
    home: &Home,
    index: &Index,
    limits: Limits,
) -> Result<(PathBuf, State), StoreError> {
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
    let mut strays = 0;
    let mut unclaimed = Vec::new();
    // By the first byte of the ids, so that memory holds a 256th of them at a time.
    for prefix in 0..=255u8 {
        let folder = dir.join(format!("{prefix:02x}"));
        let mut names = names_in(&folder)?;
        let mut claimed = HashSet::new();
        let mut void = Vec::new();
        for record in index.replica_chunks(&[prefix])? {
            let name = record.id.to_string().split_off(2);
            if record.file == NO_FILE && names.contains(&name) && adopt::is_young(&record) {
                accounts.add(&record.payer, u64::from(record.len));
                strays += 1;
                claimed.insert(name);
                continue;
            }
            let entry = files.get_mut(&record.file);
            let entry = entry.filter(|entry| record.at < entry.firsts.len());
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
        adopt::remove_old(&dir, &void, &mut names);
        if !names.is_empty() {
            unclaimed.push(prefix);
        }
    }
    let mut state = State {
        files,
        accounts,
        pending: HashMap::new(),
        strays,
        shares: Shares::default(),
    };
    if !unclaimed.is_empty() {
        for prefix in unclaimed {
            let names = names_in(&dir.join(format!("{prefix:02x}")))?;
            match adopt::adopt(&dir, index, prefix, &names, &mut state) {
                // What cannot be noted now lies there at the next start, too.
                Err(StoreError::NoSpace { .. }) => break,
                done => done?,
            }
        }
        let known = state.files.iter();
        let known: Vec<_> = known
            .map(|(file, entry)| (*file, entry.record.payer))
            .collect();
        for (file, payer) in known {
            if let Some(manifest) = index.manifest(&file)? {
                adopt::claim(index, &mut state, &manifest, &payer)?;
            }
        }
    }
    let State {
        files, accounts, ..
    } = &mut state;
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
        accounts.add_manifest(&record.payer, record.chunks);
    }
    Ok((dir, state))
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
