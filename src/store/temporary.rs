//! What a run may leave when it is killed, and what the next one removes at its start.

use std::{fs, path::Path};

/// How the temporary files' names begin.
pub(super) const TEMPORARY: &str = "small-";
/// The folder of what comes and goes by pipes, in a home's own.
pub(super) const SPOOL: &str = "spool";

/// Removes what an earlier run left in a home's own folder.
pub(super) fn clear(own: &Path) {
    // What cannot be removed is in nobody's way.
    let _ = fs::remove_dir_all(own.join(SPOOL));
    for entry in fs::read_dir(own.join("partial"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
