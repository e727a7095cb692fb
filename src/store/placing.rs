//! A finished download gets its place: under its name, beside what is there, and recorded so that
//! it is served from now on.
//!
//! Replaces a file only where a person said so ([`Taken::Replaced`]), at once and when the new one
//! is whole; never goes through a symlink below the folder that the user chose, also when one takes
//! a folder's place meanwhile: each step is done in an open folder. The order is safe to interrupt
//! anywhere: bytes and times are synced, then linked to their name, then the folder is synced, then
//! the index learns of it, and only then the partial file goes.

mod find;
mod names;
mod spot;

pub use find::{Finder, find_existing, reach};
pub use spot::{Spot, Taken};
use spot::{is_taken, no_folder};
pub(super) use {find::parent, names::Folders};

use super::{
    ChunkReader, FileRecord, Index, Kind, Partial, Stamp, StoreError, clock, failed,
    folder::{Folder, What, is_no_folder},
    index::NewFile,
    modes,
    names::Names,
    positioned,
};
use crate::core::{
    chunk::VerifiedChunk, id::FileId, manifest::Manifest, path::RelPath, rights::Rights,
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Bytes that are copied at a time.
const COPIED: usize = 1 << 20;

/// Where a download is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished {
    /// Its path.
    pub path: PathBuf,
    /// It was there before, byte for byte; nothing was written.
    pub already: bool,
}

pub(super) fn numbered(name: &RelPath, n: u32) -> RelPath {
    if n == 1 {
        name.clone()
    } else {
        name.numbered(n)
    }
}

/// The stamp of the file `name` when its bytes are those of `manifest`. What the index knows is
/// believed as long as the file looks as it did.
fn same_contents(
    index: &Index,
    folder: &Folder,
    name: &OsStr,
    manifest: &Manifest,
) -> Result<Option<Stamp>, StoreError> {
    let Ok(entry) = folder.stat(name) else {
        return Ok(None);
    };
    let stamp = entry.stamp;
    if entry.what != What::File || stamp.size != manifest.size() {
        return Ok(None);
    }
    if let Some((_, record)) = index.file_at(Kind::Fetched, &folder.path().join(name))?
        && record.stamp == stamp
    {
        return Ok((record.file == manifest.file()).then_some(stamp));
    }
    let Ok(file) = folder.open_file(Path::new(name)) else {
        return Ok(None);
    };
    let looks = || file.metadata().is_ok_and(|meta| Stamp::of(&meta) == stamp);
    let mut buf = Vec::new();
    for (at, entry) in (0..).zip(manifest.entries()) {
        buf.resize(entry.len as usize, 0);
        let same = positioned::read_exact_at(&file, &mut buf, manifest.offset(at)).is_ok()
            && VerifiedChunk::check(entry.id, &buf).is_ok();
        if !same {
            return Ok(None);
        }
    }
    Ok(looks().then_some(stamp))
}

impl Partial {
    /// Gives a complete download its place, `dest/name` (as the file system can hold it), with
    /// `mtime` in seconds since 1970. A file of that name with the same bytes is kept and used; one
    /// with others is kept, and the new one gets ` (2)`, ` (3)`, … before its extension, unless
    /// `spot` says otherwise. Missing folders are created. From then on the file is served from its
    /// place; call nothing on this download after it.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when chunks are missing; [`StoreError::Name`] when a folder on the
    /// way is a symlink or a file. After an error the download is as it was, and can be finished
    /// again.
    pub fn finish<'a>(
        &self,
        dest: &Path,
        spot: impl Into<Spot<'a>>,
        mtime: i64,
        rights: impl Into<Rights>,
    ) -> Result<Finished, StoreError> {
        let have = self.have();
        if !have.is_full() {
            return Err(StoreError::Missing {
                missing: have.len() - have.count(),
                at: self.path().to_owned(),
            });
        }
        let mut failed_sync = self.syncing();
        if *failed_sync {
            return Err(StoreError::Corrupt(format!(
                "{} failed to sync before",
                self.path().display()
            )));
        }
        let rights = rights.into();
        modes::set_rights(self.file(), rights).map_err(failed("restrict", self.path()))?;
        set_mtime(self.file(), mtime);
        self.file().sync_all().map_err(|error| {
            *failed_sync = true;
            StoreError::of("sync", self.path(), self.unsynced(), error)
        })?;
        let Spot { name, at, taken } = spot.into();
        let portable = Names::of(dest).fit(at);
        let folder = make_folder(dest, &portable)?;
        let synced = Synced {
            taken,
            index: self.index(),
            manifest: self.manifest(),
            from: self.path(),
            stamp: None,
            mtime,
            rights,
        };
        let (finished, stamp) = synced.find_place(self.reader().folders(), &folder, &portable)?;
        folder.sync().map_err(failed("sync", folder.path()))?;
        let place = (finished.path.clone(), stamp);
        let file = self.manifest().file();
        let kind = kind_of(self.reader(), &file);
        let record = record_of(kind, name, file, place, rights);
        let entries = self.manifest().entries().to_vec();
        self.index().add_file(NewFile { record, entries })?;
        self.close();
        self.index().remove_partial(&self.manifest().file())?;
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", self.path())(error))
            }
            _ => Ok(finished),
        }
    }
}

/// A file whose bytes are synced, on its way to a name.
pub(super) struct Synced<'a> {
    pub taken: Taken,
    pub index: &'a Index,
    pub manifest: &'a Manifest,
    /// Where its bytes are.
    pub from: &'a Path,
    /// How it looks there, when it is to be moved from there; without, it gets a second name.
    pub stamp: Option<Stamp>,
    pub mtime: i64,
    pub rights: Rights,
}

impl Synced<'_> {
    /// Gives it the name `name` in `folder`, or a numbered form of it; or finds it there.
    pub fn find_place(
        &self,
        folders: &Folders,
        folder: &Folder,
        name: &RelPath,
    ) -> Result<(Finished, Stamp), StoreError> {
        let mut n = 1;
        while n <= self.taken.tries() {
            let candidate = numbered(name, n);
            let candidate = candidate.file_name();
            let path = folder.path().join(candidate);
            let alike = folders
                .alike(folder, candidate)
                .map_err(failed("list", folder.path()))?;
            for name in &alike {
                if let Some(stamp) = same_contents(self.index, folder, name, self.manifest)? {
                    let path = folder.path().join(name);
                    return Ok((
                        Finished {
                            path,
                            already: true,
                        },
                        stamp,
                    ));
                }
            }
            let placed = match self.taken {
                Taken::Replaced => self.replace(folder, candidate),
                _ if alike.is_empty() => self.place(folder, candidate),
                _ => {
                    n += 1;
                    continue;
                }
            };
            match placed {
                Ok(stamp) => {
                    folders.added(folder, candidate);
                    let already = false;
                    return Ok((Finished { path, already }, stamp));
                }
                // Another program was faster, or the names were listed before it came.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    folders.forget(folder);
                    if folders
                        .alike(folder, candidate)
                        .is_ok_and(|alike| alike.is_empty())
                    {
                        n += 1;
                    }
                }
                Err(error) => {
                    return Err(StoreError::of("write", &path, self.manifest.size(), error));
                }
            }
        }
        let path = folder.path().join(name.file_name());
        if self.taken == Taken::Refused {
            return Err(is_taken(path));
        }
        Err(StoreError::Name {
            path,
            why: "too many files have that name".into(),
        })
    }

    /// Gives the file the name `name` without replacing what has it.
    fn place(&self, folder: &Folder, name: &str) -> io::Result<Stamp> {
        let stamp_now = || Ok(folder.stat(name)?.stamp);
        let moved = self.stamp.map(|stamp| {
            // Neither its bytes nor its times change by that.
            folder.take_new(self.from, name).map(|()| stamp)
        });
        match moved {
            Some(Err(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Some(Err(error)) if error.kind() == io::ErrorKind::CrossesDevices => {}
            Some(done) => return done,
            None => {}
        }
        let linked = folder.link(self.from, name);
        let given = or_renamed(linked, folder, name, || folder.take(self.from, name));
        match given.and_then(|()| stamp_now()) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
            done => {
                if done.is_ok() && self.stamp.is_some() {
                    let _ = fs::remove_file(self.from); // A second name, and the next start removes it.
                }
                return done;
            }
        }
        self.carry(folder, |carried| {
            let linked = folder.link_own(carried, name);
            or_renamed(linked, folder, name, || folder.rename(carried, name))
        })
        .and_then(|()| stamp_now())
    }

    /// Gives the file the name `name`, whatever has it; at every moment it is the whole old one or
    /// the whole new one.
    fn replace(&self, folder: &Folder, name: &str) -> io::Result<Stamp> {
        match folder.take(self.from, name) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                self.carry(folder, |carried| folder.rename(carried, name))?;
            }
            done => done?,
        }
        Ok(folder.stat(name)?.stamp)
    }

    /// Copies the file into `folder`, from another file system, and has it named.
    fn carry(&self, folder: &Folder, name: impl FnOnce(&str) -> io::Result<()>) -> io::Result<()> {
        let temporary = format!(".sprat-{}.tmp", self.manifest.file().short());
        if folder
            .stat(&temporary)
            .is_ok_and(|entry| entry.what == What::File)
        {
            folder.remove(&temporary)?;
        }
        let done = (|| {
            let to = folder.create(&temporary, self.rights.arriving())?;
            copy(&File::open(self.from)?, &to)?;
            set_mtime(&to, self.mtime);
            to.sync_all()?;
            name(&temporary)
        })();
        match folder.remove(&temporary) {
            Err(error) if done.is_ok() && error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => done,
        }
    }
}

/// Copies a file into a new one, whose long runs of zeroes become holes.
pub(super) fn copy(from: &File, to: &File) -> io::Result<()> {
    let size = from.metadata()?.len();
    to.set_len(size)?;
    let mut buf = vec![0; COPIED];
    let mut at = 0;
    while at < size {
        let len = usize::try_from(size - at).map_or(COPIED, |rest| rest.min(COPIED));
        positioned::read_exact_at(from, &mut buf[..len], at)?;
        positioned::write_over_hole(to, &buf[..len], at)?;
        at += len as u64;
    }
    Ok(())
}

/// Copies a file to a new one in `folder`, and makes it last.
pub(super) fn copy_into(folder: &Folder, from: &File, name: &str) -> io::Result<File> {
    let to = folder.create(name, Rights::default().arriving())?;
    copy(from, &to)?;
    to.sync_all()?;
    Ok(to)
}

/// What came of a link; or, where there are no hard links, of `rename`. Never replaces a file, but
/// for a race on such file systems.
fn or_renamed(
    linked: io::Result<()>,
    folder: &Folder,
    name: &str,
    rename: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    use io::ErrorKind::{AlreadyExists, CrossesDevices, NotFound, StorageFull};
    match linked {
        Err(error)
            if !matches!(
                error.kind(),
                AlreadyExists | CrossesDevices | NotFound | StorageFull
            ) =>
        {
            match folder.stat(name) {
                Err(error) if error.kind() == NotFound => rename(),
                Err(error) => Err(error),
                Ok(_) => Err(AlreadyExists.into()),
            }
        }
        done => done,
    }
}

/// Makes folders below `dest`, as far as they are not there.
///
/// # Errors
/// [`StoreError::Name`] when something else has the name of one, also of one on the way.
pub fn make_folders(dest: &Path, names: &[RelPath]) -> Result<(), StoreError> {
    let fitting = Names::of(dest);
    for name in names {
        below(dest, fitting.fit(name).components())?;
    }
    Ok(())
}

/// The folder that `name` goes into, created part by part.
pub(super) fn make_folder(dest: &Path, name: &RelPath) -> Result<Folder, StoreError> {
    let mut parts = name.components();
    parts.next_back();
    below(dest, parts)
}

/// A folder, created part by part; nothing below `dest` may be a symlink.
fn below<'a>(dest: &Path, parts: impl Iterator<Item = &'a str>) -> Result<Folder, StoreError> {
    fs::create_dir_all(dest).map_err(failed("create", dest))?;
    let mut folder = Folder::open(dest).map_err(failed("open", dest))?;
    for part in parts {
        let path = folder.path().join(part);
        match folder.make(part) {
            Ok((made, new)) => {
                if new {
                    folder.sync().map_err(failed("sync", folder.path()))?;
                }
                folder = made;
            }
            Err(error) if is_no_folder(&error) => {
                return Err(no_folder(path));
            }
            Err(error) => return Err(failed("create", &path)(error)),
        }
    }
    Ok(folder)
}

/// A time that the disk cannot hold is left out: the bytes are what matters.
pub(super) fn set_mtime(file: &File, mtime: i64) {
    if let Some(time) = clock::from_unix(mtime) {
        let _ = file.set_modified(time);
    }
}

/// What a finished download is: one that came from a person is private.
pub(super) fn kind_of(reader: &ChunkReader, file: &FileId) -> Kind {
    if reader.grants().is_hidden(file) {
        Kind::Received
    } else {
        Kind::Fetched
    }
}

/// What the index is told of a file that is offered as `name`.
pub(super) fn record_of(
    kind: Kind,
    name: &RelPath,
    file: FileId,
    (path, stamp): (PathBuf, Stamp),
    rights: Rights,
) -> FileRecord {
    FileRecord {
        kind,
        path,
        stamp,
        rights,
        file,
        name: name.as_str().to_owned(),
        media: media_of(name.file_name()),
    }
}

/// The media type that a name suggests.
#[must_use]
pub fn media_of(name: &str) -> String {
    mime_guess::from_path(name)
        .first_raw()
        .unwrap_or("application/octet-stream")
        .to_owned()
}

#[cfg(test)]
mod tests;
