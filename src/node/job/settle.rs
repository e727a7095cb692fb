//! Where the files of a job go, once it is known which they are.
//!
//! Invariant: a path names the file itself only when one is meant, so that whether a glob matches
//! one or two decides nothing.

use super::JobFile;
use crate::{
    core::path::RelPath,
    node::{
        api::{DownloadError, DownloadRequest, Shape},
        swarm::is_id,
    },
    store::Taken,
};
use std::path::{Path, PathBuf};

/// Settles what `request.into` is, and what becomes of files that lie there. `meant` is the number
/// of files and words that were asked for, found or not.
///
/// # Errors
/// [`DownloadError::NotOne`] when one was to come; [`DownloadError::Name`] for a path that no file
/// can have.
pub fn settle(
    request: &mut DownloadRequest,
    files: &mut [JobFile],
    meant: usize,
) -> Result<Taken, DownloadError> {
    let taken = if request.overwrite {
        Taken::Replaced
    } else {
        Taken::Beside
    };
    match (request.shape, files) {
        (Shape::One, _) if meant > 1 => Err(DownloadError::NotOne(meant)),
        (Shape::Path, [one]) if meant == 1 && is_named(&request.what, one) => {
            let Some((folder, name)) = request.into.as_deref().and_then(file_at) else {
                return Ok(taken);
            };
            let name = name.map_err(|why| DownloadError::Name {
                name: one.name.as_str().to_owned(),
                why,
            })?;
            one.at = Some(Box::new(name));
            request.into = Some(folder);
            Ok(match taken {
                Taken::Beside => Taken::Refused,
                other => other,
            })
        }
        _ => Ok(taken),
    }
}

/// Whether the words name this file, rather than whatever matches or lies in a folder.
fn is_named(what: &[String], file: &JobFile) -> bool {
    let [word] = what else { return false };
    let is_last = || {
        let before = file.offered().strip_suffix(word.as_str());
        before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    is_id(word) || is_last() || !word.contains(['*', '?', '[', '{', '/'])
}

/// The folder and the name in it, unless the path is a folder's.
fn file_at(path: &Path) -> Option<(PathBuf, Result<RelPath, String>)> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let ends_as_folder = bytes
        .last()
        .is_some_and(|last| std::path::is_separator(char::from(*last)));
    if ends_as_folder || path.is_dir() {
        return None;
    }
    let name = path.file_name()?;
    let name = match name.to_str() {
        Some(name) => RelPath::parse(name).map_err(|error| error.to_string()),
        None => Err(format!("{} is not UTF-8", path.display())),
    };
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    Some((parent.unwrap_or(Path::new(".")).to_owned(), name))
}

#[cfg(test)]
mod tests;
