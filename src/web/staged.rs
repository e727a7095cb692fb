//! Files, and folders with nothing in them, that were uploaded and wait to be sent.
//!
//! Invariants: at most [`MOST`] wait; each is taken once; those that were uploaded by paths of one
//! folder are sent as that folder.

use super::error::ApiError;
use crate::{
    core::path::RelPath,
    node::{Node, Spool},
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// Files that wait to be sent: so many numbers fit a request, and so many files an ask.
const MOST: usize = 4096;

/// One of them, in a private folder of its own.
pub struct Upload {
    pub spool: Spool,
    pub name: RelPath,
    pub path: PathBuf,
}

/// See the module.
#[derive(Default)]
pub struct Staged(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    last: u64,
    files: BTreeMap<String, Upload>,
}

fn full() -> ApiError {
    ApiError::busy(format!("{MOST} uploads wait to be sent already"))
}

fn no_upload(id: &str) -> ApiError {
    ApiError::missing(format!("there is no upload `{id}`"))
}

impl Staged {
    /// Refuses another upload when there is no room for it.
    ///
    /// # Errors
    /// As `add` does.
    pub fn check_room(&self) -> Result<(), ApiError> {
        (self.0.lock().files.len() < MOST)
            .then_some(())
            .ok_or_else(full)
    }

    /// Keeps an upload until a send takes it; gives its number for that.
    ///
    /// # Errors
    /// When too many wait.
    pub fn add(&self, upload: Upload) -> Result<String, ApiError> {
        let mut waiting = self.0.lock();
        if waiting.files.len() >= MOST {
            return Err(full());
        }
        waiting.last += 1;
        let id = waiting.last.to_string();
        waiting.files.insert(id.clone(), upload);
        Ok(id)
    }

    /// Takes one that is not to be sent after all.
    ///
    /// # Errors
    /// When there is none of this number.
    pub fn remove(&self, id: &str) -> Result<Upload, ApiError> {
        let removed = self.0.lock().files.remove(id);
        removed.ok_or_else(|| no_upload(id))
    }

    /// Takes uploads for a send, all or none. Gives what is to be sent (a folder for all that lie
    /// in it), and what holds it until the send ends.
    ///
    /// # Errors
    /// When one of them is not here, two go by one name, or the disk refuses.
    pub async fn take(
        &self,
        node: &Node,
        ids: &[String],
    ) -> Result<(Vec<Spool>, Vec<PathBuf>), ApiError> {
        let uploads = self.take_all(ids)?;
        let (mut held, mut paths, mut below) = (Vec::new(), Vec::new(), Vec::new());
        for Upload { spool, name, path } in uploads {
            if name.components().nth(1).is_some() {
                below.push((name, path));
            } else {
                paths.push(path);
            }
            held.push(spool);
        }
        if !below.is_empty() {
            let (spool, folders) = node.gather(below).await?;
            held.push(spool);
            paths.extend(folders);
        }
        Ok((held, paths))
    }

    fn take_all(&self, ids: &[String]) -> Result<Vec<Upload>, ApiError> {
        let mut waiting = self.0.lock();
        let mut names = BTreeSet::new();
        for id in ids.iter().collect::<BTreeSet<_>>() {
            let upload = waiting.files.get(id).ok_or_else(|| no_upload(id))?;
            let name = &upload.name;
            if name.components().nth(1).is_some() && !names.insert(name.as_str()) {
                let why = format!("two uploads go by the name `{name}`");
                return Err(ApiError::usage(why));
            }
        }
        // `a/b` cannot be a file, and a folder with `a/b/c` in it.
        for name in &names {
            let mut folders = name.match_indices('/').map(|(at, _)| &name[..at]);
            if let Some(folder) = folders.find(|folder| names.contains(folder)) {
                let why = format!("`{folder}` is a file and a folder");
                return Err(ApiError::usage(why));
            }
        }
        let taken = ids.iter().filter_map(|id| waiting.files.remove(id));
        Ok(taken.collect())
    }
}
