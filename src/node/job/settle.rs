//! Where the files of a job go, once it is known which they are.
//!
//! Invariant: a path names the file itself only when one is meant, so that whether a glob matches one or two decides nothing.

use super::JobFile;
use crate::{
    core::path::RelPath,
    node::{
        api::{DownloadError, DownloadRequest, Shape},
        catalog::is_id,
    },
    store::Taken,
};
use std::path::{Path, PathBuf};

/// Settles what `request.into` is, and what becomes of files that lie there. `meant` is the number of files and words that were asked
/// for, found or not.
///
/// # Errors
/// [`DownloadError::NotOne`] when one was to come; [`DownloadError::Name`] for a path that no file can have.
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
            one.at = name.map_err(|why| DownloadError::Name {
                name: one.name.as_str().to_owned(),
                why,
            })?;
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
        let before = file.offered.strip_suffix(word.as_str());
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
mod tests {
    use super::*;
    use crate::{
        core::id::FileId,
        wire::control::{Held, Offer},
    };

    fn file(offered: &str) -> JobFile {
        let name = RelPath::parse(offered).unwrap();
        JobFile {
            at: name.clone(),
            name,
            id: FileId([0; 32]),
            size: 1,
            offer: Offer {
                size: 1,
                mtime: 0,
                executable: false,
                mode: None,
                media: String::new(),
                held: Held::Shared,
                parts: None,
            },
            offered: offered.to_owned(),
        }
    }

    fn settled(what: &str, offered: &[&str], shape: Shape) -> (DownloadRequest, Vec<JobFile>) {
        let mut request = DownloadRequest {
            what: vec![what.to_owned()],
            into: Some("/nowhere/new".into()),
            shape,
            ..DownloadRequest::default()
        };
        let mut files: Vec<JobFile> = offered.iter().map(|name| file(name)).collect();
        let meant = files.len();
        if let Err(error) = settle(&mut request, &mut files, meant) {
            assert!(matches!(error, DownloadError::NotOne(_)) && meant > 1);
            files.clear();
        }
        (request, files)
    }

    #[test]
    fn a_path_is_the_files_own_when_one_is_named() {
        for (what, offered, own) in [
            ("a.bin", "sub/a.bin", true),
            ("sub/a.bin", "sub/a.bin", true),
            ("3f9c2a71b0", "sub/a.bin", true),
            ("Song [Live].mp3", "Song [Live].mp3", true),
            ("sub/", "sub/a.bin", false),
            ("sub/*", "sub/a.bin", false),
        ] {
            let (request, files) = settled(what, &[offered], Shape::Path);
            let into = request.into.unwrap();
            let at = into.join(files[0].at.as_str());
            let expected = if own {
                "/nowhere/new"
            } else {
                "/nowhere/new/sub/a.bin"
            };
            assert_eq!(at, Path::new(expected), "{what}");
            assert_eq!(files[0].name.as_str(), offered, "what others see stays");
        }
        let (request, _) = settled("*", &["a", "b"], Shape::Path);
        assert_eq!(request.into.unwrap(), Path::new("/nowhere/new"));
    }

    #[test]
    fn several_are_not_one() {
        assert!(settled("*", &["a", "b"], Shape::One).1.is_empty());
        assert_eq!(settled("*", &["a"], Shape::One).1.len(), 1);
    }

    #[test]
    fn a_folder_takes_a_file_by_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        assert!(file_at(folder.path()).is_none());
        assert!(file_at(Path::new("/nowhere/new/")).is_none());
        let (parent, name) = file_at(Path::new("out.bin")).unwrap();
        assert_eq!(
            (parent, name),
            (".".into(), Ok(RelPath::parse("out.bin").unwrap()))
        );
    }
}
