//! What lies at a path now, and what that asks for.

use super::{
    ShareEvent,
    scan::{Job, Worker, is_own},
    store::offered,
};
use crate::{
    core::path::RelPath,
    store::{Stamp, ignored::Ignored, modes},
};
use std::{
    collections::HashSet,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};
use walkdir::WalkDir;

/// How long a file must look the same before it is read.
pub const SETTLE: Duration = Duration::from_secs(1);

impl Worker {
    /// Looks at paths and all below them, reads what has to be read, and forgets what is gone. That comes last: what
    /// was only renamed is found again by its inode, and not read.
    pub fn look(&mut self, paths: &[PathBuf]) {
        let mut jobs = Vec::new();
        let mut gone = Vec::new();
        let mut ignored = Ignored::below(&self.root);
        for path in paths {
            let mut seen = HashSet::new();
            let inside = self.is_inside(path) && !ignored.ignores(path, self.is_folder(path));
            let whole = !inside || self.walk(path, &mut ignored, &mut seen, &mut jobs);
            for (rules, why) in ignored.problems() {
                self.problem(&rules, why);
            }
            if !whole {
                // No descriptor was free: what was not seen need not be gone.
                self.due.insert(path.clone(), Instant::now() + SETTLE);
                continue;
            }
            if self.stopped() {
                return;
            }
            let below = self.files.range(path.clone()..);
            let below = below.take_while(|(file, _)| file.starts_with(path));
            gone.extend(
                below
                    .map(|(file, _)| file.clone())
                    .filter(|file| !seen.contains(file)),
            );
            let vanished = self
                .settling
                .extract_if(|file, _| file.starts_with(path) && !seen.contains(file));
            gone.extend(vanished.map(|(file, _)| file));
        }
        self.run_jobs(jobs);
        if self.stopped() {
            return;
        }
        for path in gone {
            self.withdraw(&path);
            self.release(&path);
        }
    }

    /// Whether the way to `path` leads through real folders of the shared one.
    fn is_inside(&self, path: &Path) -> bool {
        let full = self.root.join(path);
        path.parent().is_none()
            || full
                .parent()
                .is_some_and(|folder| fs::canonicalize(folder).is_ok_and(|real| real == folder))
    }

    fn is_folder(&self, path: &Path) -> bool {
        fs::symlink_metadata(self.root.join(path)).is_ok_and(|meta| meta.is_dir())
    }

    /// False when there were not enough file descriptors to see everything.
    fn walk(
        &mut self,
        path: &Path,
        ignored: &mut Ignored,
        seen: &mut HashSet<PathBuf>,
        jobs: &mut Vec<Job>,
    ) -> bool {
        let mut whole = true;
        // In the order of names, so that of two that clash the same one wins each time.
        let walk = WalkDir::new(self.root.join(path)).sort_by_file_name();
        let root = self.root.clone();
        let walk = walk.into_iter().filter_entry(|entry| {
            entry.depth() == 0
                || !is_own(Path::new(entry.file_name()))
                    && !entry
                        .path()
                        .strip_prefix(&root)
                        .is_ok_and(|below| ignored.ignores_one(below, entry.file_type().is_dir()))
        });
        for entry in walk {
            if self.stopped() {
                return true;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    if error.io_error().is_some_and(modes::out_of_descriptors) {
                        whole = false;
                        continue;
                    }
                    if error
                        .io_error()
                        .is_none_or(|e| e.kind() != io::ErrorKind::NotFound)
                    {
                        let at = error.path().and_then(|at| at.strip_prefix(&self.root).ok());
                        let at = at.unwrap_or(path).to_owned();
                        self.problem(&at, error.to_string());
                    }
                    continue;
                }
            };
            let Ok(file) = entry.path().strip_prefix(&self.root) else {
                continue;
            };
            let meta = if entry.file_type().is_file() {
                entry.metadata().ok()
            } else if entry.file_type().is_symlink() {
                self.follow(file, entry.path())
            } else {
                // Folders are walked; pipes, sockets and devices have no contents.
                None
            };
            if let Some(meta) = meta {
                seen.insert(file.to_owned());
                self.consider(file, &meta, jobs);
            }
        }
        whole
    }

    /// What a symlink stands for: a file inside the shared folder, or nothing.
    fn follow(&mut self, path: &Path, full: &Path) -> Option<Metadata> {
        let target = fs::canonicalize(full).ok()?;
        if !target.starts_with(&self.root) {
            self.problem(path, "it is a link that leaves the shared folder".into());
            return None;
        }
        fs::metadata(target).ok().filter(Metadata::is_file)
    }

    /// Decides what to do about a file that is there.
    fn consider(&mut self, path: &Path, meta: &Metadata, jobs: &mut Vec<Job>) {
        let name = match name_of(path) {
            Ok(name) => name,
            Err(why) => return self.problem(path, why),
        };
        if let Some(other) = self.names.get(name.as_str())
            && other != path
            && fs::symlink_metadata(self.root.join(other)).is_ok()
        {
            let other = other.to_string_lossy().into_owned();
            let same = self.hidden.entry(name.as_str().to_owned()).or_default();
            same.insert(path.to_owned());
            self.withdraw(path);
            return self.problem(path, format!("`{other}` has the same name"));
        }
        self.names.insert(name.as_str().to_owned(), path.to_owned());
        let stamp = Stamp::of(meta);
        let executable = modes::executable(meta);
        if let Some(known) = self.files.get_mut(path) {
            let same = known.record.stamp == stamp && known.record.executable == executable;
            if same && known.offered {
                self.settling.remove(path);
                return;
            }
            // A manifest that an accident took away is made again.
            if same && matches!(self.index.root(&known.record.file), Ok(Some(_))) {
                known.offered = true;
                let offered = offered(&known.record, name);
                return self.emit(ShareEvent::Offered(offered));
            }
            if known.record.stamp != stamp {
                self.withdraw(path);
            }
        }
        if let Some(wait) = self.unsettled(path, meta, stamp) {
            self.due.insert(path.to_owned(), Instant::now() + wait);
            return;
        }
        self.settling.remove(path);
        jobs.push(Job {
            path: path.to_owned(),
            name,
            stamp,
            executable,
        });
    }

    /// How long to wait before looking again at a file that may still be written; `None` when it has settled.
    fn unsettled(&mut self, path: &Path, meta: &Metadata, stamp: Stamp) -> Option<Duration> {
        let age = meta
            .modified()
            .ok()
            .and_then(|time| SystemTime::now().duration_since(time).ok());
        if age.is_some_and(|age| age >= SETTLE) {
            return None;
        }
        let now = Instant::now();
        let seen = self.settling.entry(path.to_owned()).or_insert((stamp, now));
        if seen.0 != stamp {
            *seen = (stamp, now);
        }
        // A time in the future says nothing: then only how long it was watched counts.
        let watched = now.saturating_duration_since(seen.1);
        let quiet = age.unwrap_or_default().max(watched);
        let rest = SETTLE.saturating_sub(quiet);
        (!rest.is_zero()).then_some(rest)
    }

    /// Lets go of the name of a path that is gone, so that another one may have it.
    fn release(&mut self, path: &Path) {
        self.told.retain(|(told, _)| told != path);
        let Ok(name) = name_of(path) else { return };
        if self
            .names
            .get(name.as_str())
            .is_some_and(|owner| owner == path)
        {
            self.names.remove(name.as_str());
            let now = Instant::now();
            let waiting = self.hidden.remove(name.as_str()).unwrap_or_default();
            self.due.extend(waiting.into_iter().map(|path| (path, now)));
        }
    }
}

/// The name that a path is offered by.
fn name_of(path: &Path) -> Result<RelPath, String> {
    let mut name = String::new();
    for part in path {
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(part.to_str().ok_or("its name is not valid UTF-8")?);
    }
    RelPath::parse(&name).map_err(|error| error.to_string())
}
