//! A file that is whole gets its place beside what is there already.

use super::{
    StoreError,
    clock::from_unix,
    failed,
    folder::Folder,
    names::Names,
    placing::{copy_into, make_folder, numbered},
};
use crate::core::path::RelPath;
use std::{
    fs::{self, File, FileTimes},
    io,
    path::{Path, PathBuf},
};

/// Numbers that are tried for a name that is taken.
const TRIES: u32 = 10_000;

/// When a file was last written and last read, in seconds since 1970, as far as somebody said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// When it was last written.
    pub modified: Option<u64>,
    /// When it was last read.
    pub accessed: Option<u64>,
}

impl Times {
    /// A time that the disk cannot hold is left out: the bytes are what matters.
    fn set(self, file: &File) {
        let time = |seconds: Option<u64>| seconds.and_then(|s| from_unix(i64::try_from(s).ok()?));
        let (modified, accessed) = (time(self.modified), time(self.accessed));
        let mut times = FileTimes::new();
        if let Some(modified) = modified {
            times = times.set_modified(modified);
        }
        if let Some(accessed) = accessed {
            times = times.set_accessed(accessed);
        }
        if modified.or(accessed).is_some() {
            let _ = file.set_times(times);
        }
    }
}

/// Moves the file at `from` to `into/name`, or to ` (2)`, ` (3)`, … of it where that is taken, and
/// gives the path. Folders are made; no link below `into` is followed; nothing is replaced. It
/// appears whole, with these times.
///
/// # Errors
/// When the disk refuses, or something else has the name of a folder.
pub fn put_beside(
    into: &Path,
    name: &RelPath,
    from: &Path,
    times: Times,
) -> Result<PathBuf, StoreError> {
    let name = Names::of(into).fit(name);
    let folder = make_folder(into, &name)?;
    let file = File::open(from).map_err(failed("open", from))?;
    times.set(&file);
    file.sync_all().map_err(failed("sync", from))?;
    for n in 1..=TRIES {
        let candidate = numbered(&name, n);
        let candidate = candidate.file_name();
        let path = folder.path().join(candidate);
        match put(&folder, (from, &file), candidate, times) {
            Ok(()) => {
                folder.sync().map_err(failed("sync", folder.path()))?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let size = file.metadata().map_or(0, |meta| meta.len());
                return Err(StoreError::of("write", &path, size, error));
            }
        }
    }
    Err(StoreError::Name {
        path: folder.path().join(name.file_name()),
        why: "too many files have that name".into(),
    })
}

fn put(folder: &Folder, (from, file): (&Path, &File), name: &str, times: Times) -> io::Result<()> {
    match folder.take_new(from, name) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Unsupported | io::ErrorKind::CrossesDevices
            ) => {}
        done => return done,
    }
    match folder.link(from, name) {
        Ok(()) => {
            let _ = fs::remove_file(from); // A second name, which goes with its folder.
            return Ok(());
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {}
    }
    // Another file system, or one without links: under a name of its own until it is whole.
    let temporary = format!(".sprat-{}.tmp", std::process::id());
    let copied = copy_into(folder, file, &temporary).and_then(|copy| {
        times.set(&copy);
        match folder.stat(name) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                folder.rename(&temporary, name)
            }
            Err(error) => Err(error),
        }
    });
    if copied.is_err() {
        let _ = folder.remove(&temporary); // It may not be there.
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_beside_what_has_its_name_and_through_no_link() {
        let (into, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let put = |name: &str, text: &str| {
            let path = from.path().join("x");
            fs::write(&path, text).unwrap();
            let times = Times {
                modified: Some(1_609_504_496),
                accessed: Some(u64::MAX),
            };
            put_beside(into.path(), &RelPath::parse(name).unwrap(), &path, times)
        };
        let first = put("a/b.txt", "one").unwrap();
        let second = put("a/b.txt", "two").unwrap();
        assert!(first.ends_with("a/b.txt") && second.ends_with("a/b (2).txt"));
        assert_eq!(fs::read(&first).unwrap(), b"one");
        assert_eq!(fs::read(&second).unwrap(), b"two");
        let written = fs::metadata(&second).unwrap().modified().unwrap();
        assert_eq!(Some(written), from_unix(1_609_504_496));
        assert!(!from.path().join("x").exists(), "it was moved");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(from.path(), into.path().join("out")).unwrap();
            assert!(put("out/c", "three").is_err());
            assert!(!from.path().join("c").exists());
        }
    }
}
