//! Files that are given to somebody with only a browser: read where they lie, offered to no node.
//!
//! Never copies a file, and remembers nothing in the index. Invariants: what is opened is a file at
//! the path that was found when the link was made, and no link on the last step of it; who reads it
//! sees how it was when it was opened, or an error when it got shorter.

use super::{
    LeftOut, SendError, Stamp,
    folder::{Folder, What},
    positioned, sent,
};
use crate::core::path::RelPath;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// A file that a link is about.
#[derive(Clone, Debug)]
pub struct Linked {
    /// What it is called there.
    pub name: RelPath,
    /// Bytes, when the link was made.
    pub size: u64,
    /// When it was changed last, then: seconds since 1970.
    pub mtime: i64,
    path: PathBuf,
}

/// One that is open.
#[derive(Debug)]
pub struct OpenLinked {
    file: File,
    stamp: Stamp,
}

/// What lies at `paths`, folders with all that is in them, at most `most` files; and what of that
/// is left out.
///
/// # Errors
/// [`SendError`], as for a send.
pub fn find_linked(paths: &[PathBuf], most: usize) -> Result<(Vec<Linked>, LeftOut), SendError> {
    let found = sent::find(paths, most)?;
    let files: Vec<Linked> = found
        .files
        .into_iter()
        .map(|one| Linked {
            name: one.name,
            size: one.stamp.size,
            mtime: one.stamp.mtime,
            path: one.path,
        })
        .collect();
    if files.is_empty() {
        let first = paths.first().cloned().unwrap_or_default();
        return Err(SendError::Empty(first));
    }
    Ok((files, found.left))
}

impl Linked {
    /// Opens it as it is now.
    ///
    /// # Errors
    /// What the system says; `NotFound` when something else lies there now.
    pub fn open(&self) -> io::Result<OpenLinked> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let (parent, name) = (self.path.parent(), self.path.file_name());
        let (parent, name) = parent.zip(name).ok_or_else(gone)?;
        let folder = Folder::open(parent)?;
        if folder.path() != parent || folder.stat(name)?.what != What::File {
            return Err(gone());
        }
        let file = folder.open_file(Path::new(name))?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(gone());
        }
        let stamp = Stamp::of(&meta);
        Ok(OpenLinked { file, stamp })
    }
}

impl OpenLinked {
    /// How it looked when it was opened.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The bytes from `at` on: `len` of them.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` when the file got shorter.
    pub fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        positioned::read_exact_at(&self.file, &mut bytes, at)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_takes_the_place_of_a_linked_file_is_not_shown_through_a_link() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = home.path().join("a");
        fs::write(&path, "hello").unwrap();
        fs::write(other.path().join("secret"), "secret").unwrap();
        let (files, left) = find_linked(&[home.path().to_owned()], 10).unwrap();
        assert!(left.is_empty() && files.len() == 1);
        let open = files[0].open().unwrap();
        assert_eq!(
            (open.stamp().size, open.read(1, 3).unwrap()),
            (5, b"ell".to_vec())
        );
        fs::write(&path, "other").unwrap();
        assert!(files[0].open().is_ok(), "it is read as it is now");
        fs::write(&path, "").unwrap();
        assert!(open.read(0, 5).is_err(), "it got shorter");
        fs::remove_file(&path).unwrap();
        assert!(files[0].open().is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(other.path().join("secret"), &path).unwrap();
            assert!(files[0].open().is_err());
            fs::remove_file(&path).unwrap();
        }
        fs::create_dir(&path).unwrap();
        assert!(files[0].open().is_err());
    }

    #[test]
    fn more_files_than_fit_are_refused() {
        let home = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::write(home.path().join(name), "").unwrap();
        }
        let paths = [home.path().to_owned()];
        assert!(matches!(find_linked(&paths, 2), Err(SendError::TooMany(2))));
        let empty = tempfile::tempdir().unwrap();
        let paths = [empty.path().to_owned()];
        assert!(matches!(find_linked(&paths, 2), Err(SendError::Empty(_))));
    }
}
