//! What is shared where it lies: which part of the disk a path belongs to, and what it is called.
//!
//! A path of the shared folder is known as relative to it; one that is shared where it lies, by its
//! whole path: joined to the shared folder, both are where the file is.

use super::worker::Worker;
use crate::{
    core::path::RelPath,
    store::{
        SharedPath,
        modes::{self, FileIdentity},
        shared_paths::{below, is_own, name_of},
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Instant,
};

/// Where something is looked at: below an open folder.
pub struct Place {
    pub root: PathBuf,
    pub below: PathBuf,
}

impl Worker {
    fn holder(&self, path: &Path) -> Option<&SharedPath> {
        self.paths.iter().find(|one| path.starts_with(&one.path))
    }

    /// How a path of the disk is known here, if it is shared.
    pub fn known_as<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        match path.strip_prefix(&self.root) {
            Ok(path) => Some(path),
            Err(_) => self.holder(path).map(|_| path),
        }
    }

    /// Whether a path that is known here is one of sprat's own.
    pub fn is_own(&self, path: &Path) -> bool {
        match self.holder(path) {
            Some(one) => path.strip_prefix(&one.path).is_ok_and(is_own),
            None => is_own(path),
        }
    }

    /// Where to look for what is known as `path`.
    pub fn place_of(&self, path: &Path) -> Place {
        let (root, below) = match self.holder(path) {
            Some(one) if one.path.is_dir() => (one.path.as_path(), path.strip_prefix(&one.path)),
            _ if path.is_relative() => (self.root.as_path(), Ok(path)),
            // A file by itself.
            _ => {
                let folder = path.parent().unwrap_or(path);
                (folder, path.strip_prefix(folder))
            }
        };
        Place {
            root: root.to_owned(),
            below: below.unwrap_or(Path::new("")).to_owned(),
        }
    }

    /// The name that a path is offered by.
    pub fn name_of(&self, path: &Path) -> Result<RelPath, String> {
        match self.holder(path) {
            Some(one) => {
                let rest = path.strip_prefix(&one.path).unwrap_or(Path::new(""));
                below(&one.name, rest)
            }
            None => name_of(path),
        }
    }

    /// The shared folder and all that is shared where it lies.
    pub fn everything(&self) -> Vec<PathBuf> {
        let paths = self.paths.iter().map(|one| one.path.clone());
        std::iter::once(PathBuf::new()).chain(paths).collect()
    }

    /// What is at each of the paths.
    pub fn there(&self) -> Vec<(PathBuf, Option<FileIdentity>)> {
        let look = |one: &SharedPath| {
            let about = fs::metadata(&one.path).ok();
            (one.path.clone(), about.map(|about| modes::identity(&about)))
        };
        self.paths.iter().map(look).collect()
    }

    /// Looks whether what is shared where it lies is still there, or again; true when something
    /// else has to be watched.
    pub fn look_for_paths(
        &mut self,
        known: &mut Vec<(PathBuf, Option<FileIdentity>)>,
        now: Instant,
    ) -> bool {
        let there = self.there();
        if *known == there {
            return false;
        }
        for one in &there {
            if known.contains(one) {
                continue;
            }
            self.due.insert(one.0.clone(), now);
            self.tell_missing(one);
        }
        *known = there;
        true
    }

    /// Says so, if a path is not there.
    pub fn tell_missing(&mut self, (path, there): &(PathBuf, Option<FileIdentity>)) {
        if there.is_none() {
            let why = "it is not there; it is offered again when it comes back";
            self.told.retain(|(told, _)| told != path);
            self.problem(path, why.into());
        }
    }

    /// Other paths are shared from now on.
    pub fn set_paths(&mut self, paths: Vec<SharedPath>) {
        self.removed.store(false, Ordering::Release);
        let before = self.paths.clone();
        for one in before.iter().filter(|one| !paths.contains(one)) {
            // While their names are still known.
            match self.known_below(&one.path, None) {
                Ok(gone) => self.forget(gone),
                Err(error) => self.problem(&one.path, error.to_string()),
            }
            self.due.retain(|path, _| !path.starts_with(&one.path));
        }
        self.paths = paths;
        let now = Instant::now();
        for one in self.paths.iter().filter(|one| !before.contains(one)) {
            self.due.insert(one.path.clone(), now);
        }
    }

    /// Forgets what an earlier run shared where it lies, and nobody shares any more.
    pub fn forget_unshared(&mut self) {
        let paths = self.paths.clone();
        let held = |path: &Path| paths.iter().any(|one| path.starts_with(&one.path));
        match self.files.elsewhere(held) {
            Ok(mut gone) => {
                gone.retain(|path| !held(path));
                self.withdraw(&gone);
            }
            Err(error) => self.problem(Path::new(""), error.to_string()),
        }
    }
}
