//! The names of a rendezvous server: `.sprat/directory/`, a sled of its own.
//!
//! Owns that folder. What is in it cannot be made again by this server alone (its owners can, by
//! signing up again), so it is synced before a sign-up is confirmed, and one that cannot be read is
//! moved aside, never removed.

use super::{
    Home, StoreError,
    database::{self, Format},
    failed, modes,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Goes up whenever what is stored changes its meaning.
const FORMAT: Format = Format {
    number: 1,
    steps: &[],
};
const CACHE: u64 = 8 << 20;
/// The longest record that makes sense, in bytes.
const RECORD: usize = 2 << 10;
/// Writes of one batch: sled keeps copies until its end.
const BATCH: usize = 128;

/// A record: what it is called, and its bytes.
pub type Record = (String, Vec<u8>);

/// The directory's disk. Clones are handles to the same one.
#[derive(Clone)]
pub struct DirectoryStore {
    db: sled::Db,
    names: sled::Tree,
    path: PathBuf,
}

impl std::fmt::Debug for DirectoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DirectoryStore").field(&self.path).finish()
    }
}

/// What was opened.
#[derive(Debug)]
pub struct OpenedDirectory {
    /// The disk.
    pub store: DirectoryStore,
    /// All that is in it.
    pub records: Vec<Record>,
    /// What is to be said about it.
    pub notice: Option<String>,
}

impl DirectoryStore {
    /// Opens, or begins, the directory of this home. A damaged one is moved aside, and the notice
    /// says so.
    ///
    /// # Errors
    /// When the disk refuses; never for damage.
    pub fn open(home: &Home) -> Result<OpenedDirectory, StoreError> {
        let path = home.root().join(".sprat/directory");
        let trees = || Self::open_trees(&path);
        let ((store, records), aside) = database::open(&path, trees, || move_aside(&path))?;
        let notice = aside.map(|aside| {
            format!(
                "the directory of names could not be used ({}); it was moved to {}, and people have to sign up again",
                aside.why,
                aside.path.display()
            )
        });
        Ok(OpenedDirectory {
            store,
            records,
            notice,
        })
    }

    fn open_trees(path: &Path) -> sled::Result<(Self, Vec<Record>)> {
        let _ = modes::create_private_dir(path); // sled says it better when that cannot be.
        let db = database::sled_of(path, FORMAT, CACHE, None)?;
        let names = db.open_tree("names")?;
        let mut records = Vec::new();
        for item in &names {
            let (key, value) = item?;
            let key = std::str::from_utf8(&key).ok().map(str::to_owned);
            if let Some(key) = key.filter(|_| value.len() <= RECORD) {
                records.push((key, value.to_vec()));
            }
        }
        let path = path.to_owned();
        Ok((Self { db, names, path }, records))
    }

    /// Writes records (`None` removes) and makes them last.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, changes: &[(String, Option<Vec<u8>>)]) -> Result<(), StoreError> {
        for part in changes.chunks(BATCH) {
            let mut batch = sled::Batch::default();
            for (key, value) in part {
                match value {
                    Some(value) => batch.insert(key.as_bytes(), value.as_slice()),
                    None => batch.remove(key.as_bytes()),
                }
            }
            self.names.apply_batch(batch).map_err(|e| self.error(e))?;
        }
        self.db.flush().map(drop).map_err(|e| self.error(e))
    }

    fn error(&self, error: sled::Error) -> StoreError {
        match error {
            sled::Error::Io(source) => StoreError::of("use", &self.path, RECORD as u64, source),
            other => StoreError::Corrupt(format!("the directory: {other}")),
        }
    }
}

/// Gives the folder a name that nothing has.
fn move_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let mut number = 1;
    loop {
        let aside = path.with_file_name(format!("directory.damaged-{number}"));
        if aside.symlink_metadata().is_err() {
            fs::rename(path, &aside).map_err(failed("move", path))?;
            return Ok(aside);
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &[u8]) -> (String, Option<Vec<u8>>) {
        (key.into(), Some(value.into()))
    }

    #[test]
    fn what_is_written_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let opened = DirectoryStore::open(&home).unwrap();
        assert!(opened.records.is_empty() && opened.notice.is_none());
        let changes = [put("anna", b"1"), put("bob", b"2")];
        opened.store.write(&changes).unwrap();
        opened.store.write(&[("bob".into(), None)]).unwrap();
        drop(opened);
        let opened = DirectoryStore::open(&home).unwrap();
        assert_eq!(opened.records, [("anna".to_owned(), b"1".to_vec())]);
    }

    #[test]
    fn a_damaged_one_is_moved_aside_and_said() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let opened = DirectoryStore::open(&home).unwrap();
        opened.store.write(&[put("anna", b"1")]).unwrap();
        drop(opened);
        let own = folder.path().join(".sprat/directory");
        let len = fs::metadata(own.join("db")).unwrap().len();
        fs::write(own.join("db"), vec![0x5a; len as usize]).unwrap();
        fs::write(own.join("conf"), "nonsense").unwrap();
        let opened = DirectoryStore::open(&home).unwrap();
        assert!(opened.records.is_empty());
        assert!(opened.notice.unwrap().contains("damaged-1"));
        assert!(folder.path().join(".sprat/directory.damaged-1/db").exists());
    }
}
