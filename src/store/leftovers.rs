//! Downloads that were begun and are not going on: what they take, and how they are let go.
//!
//! Owns the decision which files in `.sprat/partial/` are such, and their removal. Never touches
//! one that is open. What is removed was verified and could have been gone on with, so it is shown
//! first, or waits [`UNUSED`].

use super::{Home, Index, StoreError, failed, modes};
use crate::core::id::FileId;
use std::{
    fs, io,
    time::{Duration, SystemTime},
};

/// After so long without use a download that was broken off is removed by itself.
pub const UNUSED: Duration = Duration::from_secs(7 * 24 * 3600);

/// A download that was begun and is not under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leftover {
    /// What it would have become.
    pub file: FileId,
    /// Bytes that it takes on the disk.
    pub bytes: u64,
    /// How long it was not used.
    pub unused: Duration,
}

/// What was begun of other contents under the name of a file that is complete now: an older version
/// is not wanted any more.
///
/// # Errors
/// When the index cannot be read.
pub fn replaced(index: &Index, name: &str, file: &FileId) -> Result<Vec<FileId>, StoreError> {
    let begun = index.begun()?.into_iter();
    let others = begun.filter(|(other, begun)| begun == name && other != file);
    Ok(others.map(|(other, _)| other).collect())
}

/// What was begun and is not under way, as `active` tells; the largest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn leftovers(
    home: &Home,
    active: impl Fn(&FileId) -> bool,
) -> Result<Vec<Leftover>, StoreError> {
    let folder = home.partials();
    let now = SystemTime::now();
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed("list", &folder))? {
        let entry = entry.map_err(failed("list", &folder))?;
        let name = entry.file_name();
        let Some(file) = name.to_str().and_then(FileId::from_hex) else {
            continue;
        };
        let Ok(meta) = entry.metadata() else {
            continue; // It ended meanwhile.
        };
        if active(&file) || !meta.is_file() {
            continue;
        }
        let used = meta.modified().unwrap_or(now);
        found.push(Leftover {
            file,
            bytes: modes::allocated(&meta),
            // A clock that went back makes nothing old.
            unused: now.duration_since(used).unwrap_or_default(),
        });
    }
    found.sort_by_key(|one| (std::cmp::Reverse(one.bytes), one.file));
    Ok(found)
}

/// Removes one that is not under way, and what the index knows of it. False when there is none.
///
/// # Errors
/// When the disk refuses.
pub fn remove_leftover(home: &Home, index: &Index, file: &FileId) -> Result<bool, StoreError> {
    let path = home.partials().join(file.to_string());
    // The bytes first: they are what takes the room, and what the index says beyond them is not
    // believed.
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        done => done.map_err(failed("remove", &path))?,
    }
    index.remove_partial(file)?;
    Ok(true)
}

/// Removes what was not used for [`UNUSED`]; gives how many. For the start, when nothing is under
/// way.
///
/// # Errors
/// When the disk refuses.
pub fn remove_unused(home: &Home, index: &Index) -> Result<usize, StoreError> {
    let mut old = leftovers(home, |_| false)?;
    old.retain(|one| one.unused >= UNUSED);
    for one in &old {
        remove_leftover(home, index, &one.file)?;
    }
    Ok(old.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Fixture, fill, manifest_of, noise};

    #[test]
    fn what_was_broken_off_is_shown_and_removed_when_asked_or_after_a_week() {
        let fixture = Fixture::new();
        let bytes: Vec<Vec<u8>> = (0..3).map(|at| noise(at, 2_000_000)).collect();
        let manifests: Vec<_> = bytes.iter().map(|bytes| manifest_of(bytes)).collect();
        for (manifest, bytes) in manifests.iter().zip(&bytes) {
            let (partial, _) = fixture.partial(manifest);
            fill(&partial, bytes, [0, 1]);
            partial.sync().unwrap();
        }
        let [one, two, three] = [0, 1, 2].map(|at| manifests[at].file());
        let (home, index) = (&fixture.home, &fixture.index);
        let left = leftovers(home, |file| *file == one).unwrap();
        assert_eq!(left.len(), 2);
        assert!(left.iter().all(|left| left.bytes > 0 && left.file != one));

        // Of the same name, and not the one that is complete.
        for (file, name) in [(one, "a"), (two, "a"), (three, "b")] {
            index.set_begun(&file, name).unwrap();
        }
        assert_eq!(replaced(index, "b", &three).unwrap(), []);
        assert_eq!(replaced(index, "a", &two).unwrap(), [one]);
        assert_eq!(leftovers(home, |_| false).unwrap().len(), 3);
        assert_eq!(index.begun().unwrap().len(), 3);

        assert!(remove_leftover(home, index, &two).unwrap());
        assert_eq!(index.begun().unwrap().len(), 2);
        assert!(!remove_leftover(home, index, &two).unwrap());
        assert_eq!(index.partial_have(&two).unwrap(), None);
        assert_eq!(index.manifest(&two).unwrap(), None);

        assert_eq!(remove_unused(home, index).unwrap(), 0);
        let path = home.partials().join(three.to_string());
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - UNUSED).unwrap();
        assert_eq!(remove_unused(home, index).unwrap(), 1);
        // One that is gone on with is used.
        let file = fs::File::options()
            .write(true)
            .open(home.partials().join(one.to_string()))
            .unwrap();
        file.set_modified(SystemTime::now() - UNUSED).unwrap();
        drop(fixture.partial(&manifests[0]));
        assert_eq!(remove_unused(home, index).unwrap(), 0);
        let left = leftovers(home, |_| false).unwrap();
        assert_eq!(left.iter().map(|left| left.file).collect::<Vec<_>>(), [one]);
        assert!(remove_leftover(home, index, &one).unwrap());
        assert_eq!(leftovers(home, |_| false).unwrap(), []);
    }
}
