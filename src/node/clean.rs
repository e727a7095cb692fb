//! Downloads that were broken off: which there are, and their end.
//!
//! Never touches one that is under way.

use super::{api::form, services::Services};
use crate::{
    core::id::FileId,
    store::{leftovers, remove_leftover, replaced},
};
use serde::Serialize;
use std::{collections::HashMap, time::Duration};

/// A download that was broken off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BrokenOff {
    /// What it was called, if that is known.
    pub name: Option<String>,
    /// What it would have become.
    #[serde(rename = "id", serialize_with = "form::text")]
    pub file: FileId,
    /// Bytes that it takes on the disk.
    pub bytes: u64,
    /// How long nobody used it.
    #[serde(serialize_with = "form::whole_seconds")]
    pub unused: Duration,
}

/// All of them; none when the disk cannot be asked.
pub fn broken_off(services: &Services) -> Vec<BrokenOff> {
    let active = |file: &FileId| services.holdings.has(*file);
    let left = leftovers(&services.home, active).unwrap_or_default();
    let names = services.index.begun().unwrap_or_default();
    let mut names: HashMap<FileId, String> = names.into_iter().collect();
    let left = left.into_iter().map(|one| BrokenOff {
        name: names.remove(&one.file),
        file: one.file,
        bytes: one.bytes,
        unused: one.unused,
    });
    left.collect()
}

/// Removes one; false when it is under way, gone, or the disk refuses.
pub fn remove(services: &Services, file: FileId) -> bool {
    // Nobody begins with it meanwhile.
    if !services.holdings.begin(file) {
        return false;
    }
    let removed = remove_leftover(&services.home, &services.index, &file);
    services.holdings.end(file);
    removed.unwrap_or_else(|error| {
        tracing::warn!(%error, "a download that was broken off cannot be removed");
        false
    })
}

/// Removes what was begun of other versions of a file that is complete now, unless that is under
/// way.
pub fn remove_older(services: &Services, name: &str, file: &FileId) {
    match replaced(&services.index, name, file) {
        Ok(older) => older.into_iter().for_each(|one| {
            remove(services, one);
        }),
        Err(error) => {
            tracing::warn!(%error, "what was begun of an older version cannot be found");
        }
    }
}
