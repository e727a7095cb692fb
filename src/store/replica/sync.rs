//! Makes a batch of small files last: their bytes, then their names.

use crate::store::{StoreError, failed, modes};
use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
};

/// From so many files on, one sync of the whole file system costs less than one of each.
#[cfg(target_os = "linux")]
const MANY: usize = 8;

/// Syncs these files, and the folders that their names stand in.
pub(super) fn sync(root: &Path, files: &[PathBuf]) -> Result<(), StoreError> {
    if files.is_empty() {
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    if files.len() >= MANY {
        let folder = File::open(root).map_err(failed("open", root))?;
        return rustix::fs::syncfs(folder).map_err(|error| failed("sync", root)(error.into()));
    }
    for path in files {
        // Windows syncs only what it may write.
        let file = File::options().write(true).open(path);
        file.and_then(|file| file.sync_all())
            .map_err(failed("sync", path))?;
    }
    let folders: BTreeSet<&Path> = files.iter().filter_map(|path| path.parent()).collect();
    for folder in folders.into_iter().chain([root]) {
        modes::sync_folder(folder).map_err(failed("sync", folder))?;
    }
    Ok(())
}
