//! A finished download gets its place: under its name, beside what is there, and recorded so that it is served from now on.
//!
//! Never replaces a file and never goes through a symlink below the folder that the user chose. The order is safe to interrupt
//! anywhere: bytes and times are synced, then linked to their name, then the folder is synced, then the index learns of it, and only then the partial
//! file goes.

mod find;

pub use find::{Finder, find_existing};

use super::{
    ChunkReader, FileRecord, Index, Kind, Partial, Stamp, StoreError, failed,
    index::{NewFile, looks_like},
    modes,
    names::Names,
    positioned,
};
use crate::core::{chunk::VerifiedChunk, id::FileId, manifest::Manifest, path::RelPath};
use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Numbers tried for a name that is taken, before giving up.
const MAX_NUMBER: u32 = 10_000;
/// Folders whose names are remembered.
const FOLDERS: usize = 8;

/// Where a download is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished {
    /// Its path.
    pub path: PathBuf,
    /// It was there before, byte for byte; nothing was written.
    pub already: bool,
}

/// What lies in the folders that downloads went to lately, so that ten thousand files need not list theirs ten thousand times.
/// Only a hint: what must not be replaced is protected by how files are placed.
#[derive(Default)]
pub(super) struct Folders(Mutex<HashMap<PathBuf, Listed>>);

struct Listed {
    modified: Option<SystemTime>,
    names: HashMap<String, Vec<OsString>>,
}

impl Folders {
    /// The entries of `folder` that some file system would take for `name`.
    fn alike(&self, folder: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
        let key = fold(name).unwrap_or_default();
        let modified = fs::metadata(folder)?.modified().ok();
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = folders
            .get(folder)
            .is_some_and(|listed| listed.modified.is_some() && listed.modified == modified);
        if !fresh {
            let mut names: HashMap<String, Vec<OsString>> = HashMap::new();
            for entry in fs::read_dir(folder)? {
                let name = entry?.file_name();
                if let Some(key) = name.to_str().and_then(fold) {
                    names.entry(key).or_default().push(name);
                }
            }
            if folders.len() >= FOLDERS {
                folders.clear();
            }
            folders.insert(folder.to_owned(), Listed { modified, names });
        }
        let alike = folders[folder].names.get(&key).into_iter().flatten();
        Ok(alike.map(|name| folder.join(name)).collect())
    }

    /// Notes a name that this node added, and the folder's new time.
    fn added(&self, folder: &Path, name: &str) {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(listed), Some(key)) = (folders.get_mut(folder), fold(name)) {
            listed.names.entry(key).or_default().push(name.into());
            listed.modified = fs::metadata(folder).and_then(|meta| meta.modified()).ok();
        }
    }

    fn forget(&self, folder: &Path) {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        folders.remove(folder);
    }
}

fn fold(name: &str) -> Option<String> {
    RelPath::parse(name).ok().map(|name| name.fold_key())
}

fn numbered(name: &RelPath, n: u32) -> RelPath {
    if n == 1 {
        name.clone()
    } else {
        name.numbered(n)
    }
}

/// The stamp of the file at `path` when its bytes are those of `manifest`. What the index knows is believed as long as
/// the file looks as it did.
fn same_contents(
    index: &Index,
    path: &Path,
    manifest: &Manifest,
) -> Result<Option<Stamp>, StoreError> {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return Ok(None);
    };
    let stamp = Stamp::of(&meta);
    if !meta.is_file() || stamp.size != manifest.size() {
        return Ok(None);
    }
    if let Some((_, record)) = index.file_at(Kind::Fetched, path)?
        && record.stamp == stamp
    {
        return Ok((record.file == manifest.file()).then_some(stamp));
    }
    let Ok(file) = File::open(path) else {
        return Ok(None);
    };
    let mut buf = Vec::new();
    for (at, entry) in (0..).zip(manifest.entries()) {
        buf.resize(entry.len as usize, 0);
        let same = positioned::read_exact_at(&file, &mut buf, manifest.offset(at)).is_ok()
            && VerifiedChunk::check(entry.id, &buf).is_ok();
        if !same {
            return Ok(None);
        }
    }
    Ok(looks_like(path, stamp).then_some(stamp))
}

impl Partial {
    /// Gives a complete download its place, `dest/name` (as the file system can hold it), with `mtime` in seconds since 1970. A file of that name with the
    /// same bytes is kept and used; one with others is kept, and the new one gets ` (2)`, ` (3)`, … before its extension.
    /// Missing folders are created. From then on the file is served from its place; call nothing on this download after it.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when chunks are missing; [`StoreError::Name`] when a folder on the way is a symlink or a file. After
    /// an error the download is as it was, and can be finished again.
    pub fn finish(
        &self,
        dest: &Path,
        name: &RelPath,
        mtime: i64,
        executable: bool,
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
        modes::set_executable(self.file(), executable).map_err(failed("restrict", self.path()))?;
        set_mtime(self.file(), mtime);
        self.file().sync_all().map_err(|error| {
            *failed_sync = true;
            StoreError::of("sync", self.path(), self.unsynced(), error)
        })?;
        let portable = Names::of(dest).fit(name);
        let folder = make_folder(dest, &portable)?;
        let ready = Ready {
            index: self.index(),
            manifest: self.manifest(),
            from: self.path(),
            stamp: None,
            mtime,
            executable,
        };
        let (finished, stamp) = ready.find_place(self.reader().folders(), &folder, &portable)?;
        modes::sync_folder(&folder).map_err(failed("sync", &folder))?;
        let place = (finished.path.clone(), stamp);
        let file = self.manifest().file();
        let kind = kind_of(self.reader(), &file);
        let record = record_of(kind, name, file, place, executable);
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
pub(super) struct Ready<'a> {
    pub index: &'a Index,
    pub manifest: &'a Manifest,
    /// Where its bytes are.
    pub from: &'a Path,
    /// How it looks there, when it is to be moved from there; without, it gets a second name.
    pub stamp: Option<Stamp>,
    pub mtime: i64,
    pub executable: bool,
}

impl Ready<'_> {
    /// Gives it the name `name` in `folder`, or a numbered form of it; or finds it there.
    pub fn find_place(
        &self,
        folders: &Folders,
        folder: &Path,
        name: &RelPath,
    ) -> Result<(Finished, Stamp), StoreError> {
        let mut n = 1;
        while n <= MAX_NUMBER {
            let candidate = numbered(name, n);
            let candidate = candidate.file_name();
            let alike = folders
                .alike(folder, candidate)
                .map_err(failed("list", folder))?;
            for path in &alike {
                if let Some(stamp) = same_contents(self.index, path, self.manifest)? {
                    let path = path.clone();
                    return Ok((
                        Finished {
                            path,
                            already: true,
                        },
                        stamp,
                    ));
                }
            }
            if !alike.is_empty() {
                n += 1;
                continue;
            }
            let path = folder.join(candidate);
            match self.place(&path) {
                Ok(stamp) => {
                    folders.added(folder, candidate);
                    let already = false;
                    return Ok((Finished { path, already }, stamp));
                }
                // Somebody was faster, or the names were listed before it came.
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
        Err(StoreError::Name {
            path: folder.join(name.file_name()),
            why: "too many files have that name".into(),
        })
    }

    /// Gives the file the name `path` without replacing what has it.
    fn place(&self, path: &Path) -> io::Result<Stamp> {
        let look = || Ok(Stamp::of(&fs::symlink_metadata(path)?));
        let moved = self.stamp.map(|stamp| {
            // Neither its bytes nor its times change by that.
            modes::rename_new(self.from, path).map(|()| stamp)
        });
        match moved {
            Some(Err(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Some(Err(error)) if error.kind() == io::ErrorKind::CrossesDevices => {}
            Some(done) => return done,
            None => {}
        }
        match give_name(self.from, path).and_then(|()| look()) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
            done => {
                if done.is_ok() && self.stamp.is_some() {
                    let _ = fs::remove_file(self.from); // A second name, and the next start removes it.
                }
                return done;
            }
        }
        let id = self.manifest.file();
        let copy = path.with_file_name(format!(".sprat-{}.tmp", id.short()));
        if fs::symlink_metadata(&copy).is_ok_and(|meta| meta.is_file()) {
            fs::remove_file(&copy)?;
        }
        let done = (|| {
            let mut to = File::create_new(&copy)?;
            io::copy(&mut File::open(self.from)?, &mut to)?;
            modes::set_executable(&to, self.executable)?;
            set_mtime(&to, self.mtime);
            to.sync_all()?;
            give_name(&copy, path)
        })();
        match fs::remove_file(&copy) {
            Err(error) if done.is_ok() && error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => done.and_then(|()| look()),
        }
    }
}

/// Links `from` to the name `to`, or renames it where there are no hard links. Never replaces a file, but for a race on
/// such file systems.
fn give_name(from: &Path, to: &Path) -> io::Result<()> {
    use io::ErrorKind::{AlreadyExists, CrossesDevices, NotFound, StorageFull};
    match fs::hard_link(from, to) {
        Err(error)
            if !matches!(
                error.kind(),
                AlreadyExists | CrossesDevices | NotFound | StorageFull
            ) =>
        {
            match fs::symlink_metadata(to) {
                Err(error) if error.kind() == NotFound => fs::rename(from, to),
                Err(error) => Err(error),
                Ok(_) => Err(AlreadyExists.into()),
            }
        }
        done => done,
    }
}

/// The folder that `name` goes into, created part by part; nothing below `dest` may be a symlink.
fn make_folder(dest: &Path, name: &RelPath) -> Result<PathBuf, StoreError> {
    fs::create_dir_all(dest).map_err(failed("create", dest))?;
    // Recorded paths must mean the same whatever the current folder is.
    let mut folder = fs::canonicalize(dest).map_err(failed("open", dest))?;
    let parts: Vec<&str> = name.components().collect();
    for part in &parts[..parts.len() - 1] {
        let parent = folder.clone();
        folder.push(part);
        match fs::create_dir(&folder) {
            Ok(()) => modes::sync_folder(&parent).map_err(failed("sync", &parent))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let meta = fs::symlink_metadata(&folder).map_err(failed("look at", &folder))?;
                if !meta.is_dir() {
                    return Err(StoreError::Name {
                        path: folder,
                        why: "a folder is needed there, and something else has the name".into(),
                    });
                }
            }
            Err(error) => return Err(failed("create", &folder)(error)),
        }
    }
    Ok(folder)
}

/// A time that the disk cannot hold is left out: the bytes are what matters.
pub(super) fn set_mtime(file: &File, mtime: i64) {
    let away = Duration::from_secs(mtime.unsigned_abs());
    let time = if mtime < 0 {
        UNIX_EPOCH.checked_sub(away)
    } else {
        UNIX_EPOCH.checked_add(away)
    };
    if let Some(time) = time {
        let _ = file.set_modified(time);
    }
}

/// What a finished download is: one that came from a person is nobody else's business.
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
    executable: bool,
) -> FileRecord {
    FileRecord {
        kind,
        path,
        stamp,
        executable,
        file,
        name: name.as_str().to_owned(),
        media: media_of(name),
    }
}

/// The media type that a name suggests.
pub(super) fn media_of(name: &RelPath) -> String {
    mime_guess::from_path(name.file_name())
        .first_raw()
        .unwrap_or("application/octet-stream")
        .to_owned()
}

#[cfg(test)]
mod tests;
