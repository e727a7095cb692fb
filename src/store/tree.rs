//! What lies below an open folder, met without following a link out of it.
//!
//! Owns the walk alone: what becomes of what is met is the caller's. Each folder is opened from the
//! root by a path on which no link is followed, one at a time, so a folder that is swapped for a
//! link meanwhile shows nothing of where that leads. A link is met as the file that it leads to, if
//! that lies below the same root and is not skipped there.

use super::folder::{DirEntry, Folder, What, is_no_folder};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Something that was met.
#[derive(Debug)]
pub enum Met {
    /// A file. The path is where it really lies, below the root: another one when a link leads to
    /// it.
    File(DirEntry, PathBuf),
    /// A folder with neither file nor folder in it.
    Empty,
    /// Nothing that has contents to give.
    Left(Left),
    /// The disk refused to tell.
    Failed(io::Error),
}

/// Why something is passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// A link to something outside.
    Leaves,
    /// A link to what is skipped.
    ToSkipped,
    /// A link to nothing.
    Nowhere,
    /// A link to a folder.
    ToFolder,
    /// A pipe, a socket, a device.
    Special,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leaves => "it is a link that leaves the folder",
            Self::ToSkipped => "it is a link to what is left out",
            Self::Nowhere => "it is a link to nothing",
            Self::ToFolder => "it is a link to a folder",
            Self::Special => "it is neither a file nor a folder",
        })
    }
}

/// Meets what is at `at` (empty: the root) and all below it, with paths below the root: the files
/// of a folder by their names, then its folders. What `skip` says yes to, given the path and
/// whether it is a folder, is not met. `meet` says false to end it.
pub fn walk(
    root: &Folder,
    at: &Path,
    skip: &mut dyn FnMut(&Path, bool) -> bool,
    meet: &mut dyn FnMut(&Path, Met) -> bool,
) {
    let mut folders = Vec::new();
    if let (Some(parent), Some(name)) = (at.parent(), at.file_name()) {
        match root.sub(parent).and_then(|folder| folder.stat(name)) {
            Ok(entry) if entry.what == What::Folder => folders.push(at.to_owned()),
            Ok(entry) => {
                meet(at, of(root, at, entry, skip));
            }
            Err(error) => {
                meet(at, Met::Failed(error));
            }
        }
    } else {
        folders.push(PathBuf::new());
    }
    while let Some(path) = folders.pop() {
        let listed = root.sub(&path).and_then(|folder| {
            let mut names = folder.names()?;
            names.sort();
            Ok((folder, names))
        });
        let (folder, names) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                if !meet(&path, Met::Failed(error)) {
                    return;
                }
                continue;
            }
        };
        let mut below = Vec::new();
        let mut empty = true;
        for name in names {
            let at = path.join(&name);
            let entry = match folder.stat(&name) {
                Ok(entry) if skip(&at, entry.what == What::Folder) => continue,
                Ok(entry) if entry.what == What::Folder => {
                    empty = false;
                    below.push(at);
                    continue;
                }
                Ok(entry) => of(root, &at, entry, skip),
                Err(error) => Met::Failed(error),
            };
            empty &= !matches!(entry, Met::File(..));
            if !meet(&at, entry) {
                return;
            }
        }
        if empty && !meet(&path, Met::Empty) {
            return;
        }
        folders.extend(below.into_iter().rev());
    }
}

/// What something that is no folder is met as.
fn of(
    root: &Folder,
    path: &Path,
    entry: DirEntry,
    skip: &mut dyn FnMut(&Path, bool) -> bool,
) -> Met {
    match entry.what {
        What::File => Met::File(entry, path.to_owned()),
        What::Link => follow(root, path, skip),
        What::Folder | What::Other => Met::Left(Left::Special),
    }
}

fn follow(root: &Folder, path: &Path, skip: &mut dyn FnMut(&Path, bool) -> bool) -> Met {
    let Ok(real) = fs::canonicalize(root.path().join(path)) else {
        return Met::Left(Left::Nowhere);
    };
    let Ok(real) = real.strip_prefix(root.path()) else {
        return Met::Left(Left::Leaves);
    };
    let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else {
        return Met::Left(Left::ToFolder);
    };
    // Looked at once more without links: what the path led to a moment ago is only a word.
    let entry = match root.sub(parent).and_then(|folder| folder.stat(name)) {
        Ok(entry) => entry,
        Err(error) if is_no_folder(&error) => return Met::Left(Left::Leaves),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Met::Left(Left::Nowhere);
        }
        Err(error) => return Met::Failed(error),
    };
    let mut ways = real.ancestors().filter(|way| !way.as_os_str().is_empty());
    if ways.any(|way| skip(way, way != real || entry.what == What::Folder)) {
        return Met::Left(Left::ToSkipped);
    }
    match entry.what {
        What::File => Met::File(entry, real.to_owned()),
        What::Folder => Met::Left(Left::ToFolder),
        What::Link | What::Other => Met::Left(Left::Special),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn met(root: &Path, at: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut skip = |path: &Path, _: bool| path.file_name().is_some_and(|name| name == ".own");
        let root = Folder::open(root).unwrap();
        walk(&root, Path::new(at), &mut skip, &mut |path, met| {
            let what = match met {
                Met::File(_, real) => format!("= {}", real.display()),
                Met::Empty => "empty".into(),
                Met::Left(left) => format!("{left:?}"),
                Met::Failed(error) => format!("{:?}", error.kind()),
            };
            all.push(format!("{} {what}", path.display()));
            true
        });
        all
    }

    #[test]
    fn everything_is_met_and_no_link_leads_out() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| inside.path().join(name);
        fs::create_dir_all(at("b/c")).unwrap();
        fs::create_dir_all(at(".own")).unwrap();
        fs::write(at(".own/key"), "secret").unwrap();
        fs::write(outside.path().join("f"), "secret").unwrap();
        fs::write(at("b/f"), "").unwrap();
        fs::write(at("z"), "").unwrap();
        symlink("b/f", at("inside")).unwrap();
        symlink(at("b/f"), at("inside, absolute")).unwrap();
        symlink(outside.path().join("f"), at("out")).unwrap();
        symlink(outside.path(), at("out folder")).unwrap();
        symlink(".own/key", at("own")).unwrap();
        symlink("b", at("to folder")).unwrap();
        symlink("nothing", at("broken")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(
            met(inside.path(), ""),
            [
                "broken Nowhere",
                "inside = b/f",
                "inside, absolute = b/f",
                "out Leaves",
                "out folder Leaves",
                "own ToSkipped",
                "socket Special",
                "to folder ToFolder",
                "z = z",
                "b/f = b/f",
                "b/c empty",
            ]
        );
        assert_eq!(met(inside.path(), "b"), ["b/f = b/f", "b/c empty"]);
        assert_eq!(met(inside.path(), "z"), ["z = z"]);
        assert_eq!(met(inside.path(), "nothing"), ["nothing NotFound"]);
        assert_eq!(met(inside.path(), "out folder/f").len(), 1);
        assert!(!met(inside.path(), "out folder/f")[0].contains('='));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_is_swapped_for_a_link_meanwhile_shows_nothing_outside() {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use std::sync::atomic::{AtomicBool, Ordering};
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (folder, link) = (inside.path().join("d"), outside.path().join("link"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("mine"), "").unwrap();
        fs::write(outside.path().join("secret"), "").unwrap();
        symlink(outside.path(), &link).unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                }
            });
            let all: Vec<String> = (0..2000).flat_map(|_| met(inside.path(), "")).collect();
            stop.store(true, Ordering::Relaxed);
            assert!(all.iter().any(|one| one == "d/mine = d/mine"));
            assert!(!all.iter().any(|one| one.contains("secret")), "{all:?}");
        });
    }
}
