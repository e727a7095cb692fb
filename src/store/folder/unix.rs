//! Folders by their descriptors.

use super::{DirEntry, What, check};
use crate::store::Stamp;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat},
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// To open a pipe that took a file's place must not wait for its writer.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder at `path`, which the user chose: links on the way to it are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Recorded paths must mean the same whatever the current folder is.
        let path = fs::canonicalize(path)?;
        let fd = rustix::fs::open(&path, FOLDER, Mode::empty())?;
        Ok(Self { fd, path })
    }

    /// Its path when it was opened, without links: for records and for people.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder at `below`.
    pub fn sub(&self, below: &Path) -> io::Result<Self> {
        check(below)?;
        let path = self.path.join(below);
        if below.as_os_str().is_empty() {
            let fd = self.fd.try_clone()?;
            return Ok(Self { fd, path });
        }
        let fd = self.beneath(below, FOLDER)?;
        Ok(Self { fd, path })
    }

    /// The folder `name`, made if there is none, and whether it was.
    pub fn make(&self, name: &str) -> io::Result<(Self, bool)> {
        let made = match rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        Ok((self.sub(Path::new(name))?, made))
    }

    /// How the folder itself looks: its time changes with the names in it.
    pub fn stamp(&self) -> io::Result<Stamp> {
        Ok(entry_of(&rustix::fs::fstat(&self.fd)?).stamp)
    }

    /// What has the name `name` in it.
    pub fn stat(&self, name: impl AsRef<OsStr>) -> io::Result<DirEntry> {
        let stat = rustix::fs::statat(&self.fd, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(entry_of(&stat))
    }

    /// All names in it, in no order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        self.names_up_to(usize::MAX)
    }

    /// So many of them at most.
    pub fn names_up_to(&self, most: usize) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            if names.len() >= most {
                break;
            }
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// Opens what lies at `below`, to read it; the caller looks whether it is a file.
    pub fn open_file(&self, below: &Path) -> io::Result<File> {
        check(below)?;
        Ok(self.beneath(below, FILE)?.into())
    }

    /// A new file, which nothing had the name of, with these permissions less the umask.
    pub fn create(&self, name: &str, mode: u32) -> io::Result<File> {
        let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode as rustix::fs::RawMode);
        Ok(rustix::fs::openat(&self.fd, name, new, mode)?.into())
    }

    /// Gives the file at the path `from` the name `name` here, too; refuses when that is taken.
    pub fn link(&self, from: &Path, name: &str) -> io::Result<()> {
        rustix::fs::linkat(CWD, from, &self.fd, name, AtFlags::empty()).map_err(Into::into)
    }

    /// The same for a file of this folder.
    pub fn link_own(&self, from: &str, name: &str) -> io::Result<()> {
        rustix::fs::linkat(&self.fd, from, &self.fd, name, AtFlags::empty()).map_err(Into::into)
    }

    /// Moves the file at the path `from` to the name `name` here, which is free; `Unsupported`
    /// where that is more than one step.
    #[cfg(target_os = "linux")]
    pub fn take_new(&self, from: &Path, name: &str) -> io::Result<()> {
        use rustix::fs::{RenameFlags, renameat_with};
        match renameat_with(CWD, from, &self.fd, name, RenameFlags::NOREPLACE) {
            // This file system does not know how.
            Err(Errno::INVAL | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            done => done.map_err(Into::into),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn take_new(&self, _: &Path, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Moves the file at the path `from` to the name `name` here. Replaces what has it.
    pub fn take(&self, from: &Path, name: &str) -> io::Result<()> {
        rustix::fs::renameat(CWD, from, &self.fd, name).map_err(Into::into)
    }

    /// The same for a file of this folder.
    pub fn rename(&self, from: &str, name: &str) -> io::Result<()> {
        rustix::fs::renameat(&self.fd, from, &self.fd, name).map_err(Into::into)
    }

    /// Takes a file's name away.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()).map_err(Into::into)
    }

    /// Makes the names in it last.
    pub fn sync(&self) -> io::Result<()> {
        rustix::fs::fsync(&self.fd).map_err(Into::into)
    }

    /// Opens what lies at `below`, following no link.
    fn beneath(&self, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{ResolveFlags, openat2};
            let only = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            match openat2(&self.fd, below, flags, Mode::empty(), only) {
                // An older kernel, or a sandbox that does not know the call.
                Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {}
                done => return done.map_err(Into::into),
            }
        }
        self.by_steps(below, flags)
    }

    /// The same, one component after the other: for systems without `openat2`.
    pub(super) fn by_steps(&self, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let mut at: Option<OwnedFd> = None;
        let mut parts = below.iter().peekable();
        while let Some(part) = parts.next() {
            let flags = if parts.peek().is_some() {
                FOLDER
            } else {
                flags
            };
            let from = at.as_ref().unwrap_or(&self.fd);
            at = Some(rustix::fs::openat(
                from,
                part.as_bytes(),
                flags,
                Mode::empty(),
            )?);
        }
        at.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

// The fields' types differ between systems.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    clippy::useless_conversion
)]
fn entry_of(stat: &Stat) -> DirEntry {
    let what = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => What::File,
        FileType::Directory => What::Folder,
        FileType::Symlink => What::Link,
        _ => What::Other,
    };
    DirEntry {
        what,
        stamp: Stamp {
            size: stat.st_size as u64,
            mtime: stat.st_mtime as i64,
            mtime_ns: stat.st_mtime_nsec as u32,
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        },
        mode: stat.st_mode as u32 & 0o7777,
    }
}
