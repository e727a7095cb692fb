//! Folders by their paths, each part of which is looked at before it is used.

use super::{DirEntry, What, check};
use crate::store::Stamp;
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
};

/// A folder that was there when it was opened.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens the folder at `path`, which the user chose: links on the way to it are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        if !fs::metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path })
    }

    /// Its path when it was opened, without links: for records and for people.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder at `below`.
    pub fn sub(&self, below: &Path) -> io::Result<Self> {
        check(below)?;
        let mut path = self.path.clone();
        for part in below {
            path.push(part);
            if !fs::symlink_metadata(&path)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(Self { path })
    }

    /// The folder `name`, made if there is none, and whether it was.
    pub fn make(&self, name: &str) -> io::Result<(Self, bool)> {
        let made = match fs::create_dir(self.path.join(name)) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        Ok((self.sub(Path::new(name))?, made))
    }

    /// How the folder itself looks: its time changes with the names in it.
    pub fn stamp(&self) -> io::Result<Stamp> {
        Ok(Stamp::of(&fs::metadata(&self.path)?))
    }

    /// What has the name `name` in it.
    pub fn stat(&self, name: impl AsRef<OsStr>) -> io::Result<DirEntry> {
        Ok(entry_of(&fs::symlink_metadata(
            self.path.join(name.as_ref()),
        )?))
    }

    /// All names in it, in no order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        self.names_up_to(usize::MAX)
    }

    /// So many of them at most.
    pub fn names_up_to(&self, most: usize) -> io::Result<Vec<OsString>> {
        let entries = fs::read_dir(&self.path)?.take(most);
        entries.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// Opens what lies at `below`, to read it; the caller looks whether it is a file.
    pub fn open_file(&self, below: &Path) -> io::Result<File> {
        let folder = self.sub(below.parent().unwrap_or(Path::new("")))?;
        let name = below.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        match folder.stat(name)?.what {
            What::File => File::open(folder.path.join(name)),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// A new file, which nothing had the name of.
    pub fn create(&self, name: &str, _: u32) -> io::Result<File> {
        File::create_new(self.path.join(name))
    }

    /// Gives the file at the path `from` the name `name` here, too; refuses when that is taken.
    pub fn link(&self, from: &Path, name: &str) -> io::Result<()> {
        fs::hard_link(from, self.path.join(name))
    }

    /// The same for a file of this folder.
    pub fn link_own(&self, from: &str, name: &str) -> io::Result<()> {
        self.link(&self.path.join(from), name)
    }

    /// Moves the file at the path `from` to the name `name` here, which is free; `Unsupported`
    /// where that is more than one step.
    pub fn take_new(&self, _: &Path, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Moves the file at the path `from` to the name `name` here. Replaces what has it.
    pub fn take(&self, from: &Path, name: &str) -> io::Result<()> {
        fs::rename(from, self.path.join(name))
    }

    /// The same for a file of this folder.
    pub fn rename(&self, from: &str, name: &str) -> io::Result<()> {
        self.take(&self.path.join(from), name)
    }

    /// Takes a file's name away.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    /// Makes the names in it last: nothing to do here.
    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn entry_of(meta: &Metadata) -> DirEntry {
    let kind = meta.file_type();
    DirEntry {
        what: if kind.is_file() {
            What::File
        } else if kind.is_dir() {
            What::Folder
        } else if kind.is_symlink() {
            What::Link
        } else {
            What::Other
        },
        stamp: Stamp::of(meta),
        mode: 0,
    }
}
