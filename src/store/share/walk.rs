//! What lies at a path now, and what that asks for.

use super::{
    ShareEvent,
    elsewhere::Place,
    offered,
    worker::{Growing, SETTLE, Worker, is_unlike},
};
use crate::core::{id::FileId, manifest::MIN_CHUNK, path::RelPath, rights::Rights};
use crate::store::{
    FileRecord, Kind, Stamp, StoreError,
    folder::{DirEntry, Folder, is_no_folder},
    ignored::Ignored,
    index::Queue,
    modes,
    placing::media_of,
    shared_paths::is_own,
    tree::{self, Met},
};
use std::{
    borrow::Cow,
    collections::HashSet,
    fs,
    hash::BuildHasher as _,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

/// How long one must that grew soon after it had been read: a writer pauses. Twice as long each
/// time, and at most so long.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// Growing files that are remembered.
const GROWING: usize = 4096;
/// What is passed over is told one by one up to this many at a look, and counted beyond.
const LISTED: usize = 10;

impl Worker {
    /// Looks at paths and all below them, reads what has to be read, and forgets what is gone. That
    /// comes last: what was only renamed is found again by its inode, and not read.
    pub fn scan(&mut self, paths: &[PathBuf]) {
        self.scan = self.scan.wrapping_add(1);
        let mut jobs = Queue::default();
        let mut gone = Vec::new();
        let mut open: Option<(PathBuf, Option<Folder>, Ignored)> = None;
        for path in paths {
            let Place { root, below } = self.place_of(path);
            if open.as_ref().is_none_or(|(at, ..)| *at != root) {
                let folder = match Folder::open(&root) {
                    Ok(folder) => Some(folder),
                    Err(error) if modes::out_of_descriptors(&error) => {
                        self.due.insert(path.clone(), Instant::now() + SETTLE);
                        continue;
                    }
                    Err(_) => None,
                };
                let ignored = Ignored::below(&root);
                open = Some((root, folder, ignored));
            }
            let Some((_, folder, ignored)) = &mut open else {
                continue;
            };
            let mut seen = HashSet::new();
            let mut whole = true;
            // What a person named is shared, whatever the rules beside it say.
            let named = path.is_absolute() && self.paths.iter().any(|one| one.path == *path);
            if let Some(folder) = folder
                && (named || !ignored.ignores(&below, self.is_folder(path)))
            {
                let at = (&*folder, &*below, path.as_path());
                whole = self.walk(at, ignored, &mut seen, &mut jobs);
            }
            for (rules, why) in ignored.problems() {
                self.problem(&rules, why);
            }
            if !whole || std::mem::take(&mut self.unread) {
                // No descriptor was free: what was not seen need not be gone.
                self.due.insert(path.clone(), Instant::now() + SETTLE);
                continue;
            }
            if self.stopped() {
                return;
            }
            match self.known_below(path, Some(self.scan)) {
                Ok(below) => gone.extend(below.into_iter().filter(|file| !seen.contains(file))),
                Err(error) => {
                    self.due.insert(path.clone(), Instant::now() + SETTLE);
                    self.problem(path, error.to_string());
                }
            }
        }
        self.tell_left();
        self.run_jobs(jobs);
        if self.stopped() {
            return;
        }
        self.coming = HashSet::new();
        self.forget(gone);
    }

    /// Gives up files and their names.
    pub fn forget(&mut self, gone: Vec<PathBuf>) {
        self.withdraw(&gone);
        for path in gone {
            self.settling.remove(&path);
            self.release(&path);
        }
    }

    /// What is known, or waited for, at `path` or below, and was not seen in this scan; all of it,
    /// when none is named.
    pub fn known_below(
        &mut self,
        path: &Path,
        scan: Option<u32>,
    ) -> Result<Vec<PathBuf>, StoreError> {
        let mut files = self.files.unseen(path, scan)?;
        // The shared folder is the empty path, which all others begin with.
        let is_below =
            |file: &&PathBuf| file.starts_with(path) && file.is_absolute() == path.is_absolute();
        files.extend(self.settling.keys().filter(is_below).cloned());
        Ok(files)
    }

    /// Says so, and that this look shows nothing that is gone.
    fn cannot_be_read(&mut self, error: &StoreError) {
        self.unread = true;
        self.problem(Path::new(""), error.to_string());
    }

    fn is_folder(&self, path: &Path) -> bool {
        fs::symlink_metadata(self.root.join(path)).is_ok_and(|meta| meta.is_dir())
    }

    /// Walks what lies `below` a root, and is known as `known`. False when there were not enough
    /// file descriptors to see everything.
    fn walk(
        &mut self,
        (root, below, known): (&Folder, &Path, &Path),
        ignored: &mut Ignored,
        seen: &mut HashSet<PathBuf>,
        jobs: &mut Queue,
    ) -> bool {
        let mut whole = true;
        let same = below.as_os_str() == known.as_os_str();
        let mut skip = |path: &Path, is_folder: bool| {
            path.file_name().is_some_and(|name| is_own(name.as_ref()))
                || ignored.ignores_one(path, is_folder)
        };
        tree::walk(root, below, &mut skip, &mut |path, met| {
            let path = &*if same {
                Cow::Borrowed(path)
            } else {
                Cow::Owned(match path.strip_prefix(below) {
                    Ok(rest) if !rest.as_os_str().is_empty() => known.join(rest),
                    _ => known.to_owned(),
                })
            };
            match met {
                Met::File(look, _) => {
                    self.consider(path, look, jobs);
                    if self.settling.contains_key(path) {
                        seen.insert(path.to_owned());
                    }
                }
                Met::Left(left) => self.left_out(path, left.to_string()),
                Met::Failed(error) if modes::out_of_descriptors(&error) => whole = false,
                // It has gone, or a link took its place: then it is looked at as that.
                Met::Failed(error)
                    if error.kind() == io::ErrorKind::NotFound || is_no_folder(&error) => {}
                Met::Failed(error) => self.problem(path, error.to_string()),
                Met::Empty => {}
            }
            !self.stopped()
        });
        whole
    }

    /// Notes something that cannot be offered, for [`Worker::tell_left`].
    fn left_out(&mut self, path: &Path, why: String) {
        if self.told.insert((path.to_owned(), why.clone())) {
            self.left.push((path.to_owned(), why));
        }
    }

    /// Tells what was passed over in this look and not before: some by name, the rest as a number.
    fn tell_left(&mut self) {
        let left = std::mem::take(&mut self.left);
        let more = left.len().saturating_sub(LISTED);
        for (path, why) in left.into_iter().take(LISTED) {
            let name = path.to_string_lossy().into_owned();
            self.emit(ShareEvent::Problem { name, why });
        }
        if more > 0 {
            let why = format!("{more} more things in it are not offered for such reasons");
            let name = "shared".into();
            self.emit(ShareEvent::Problem { name, why });
        }
    }

    /// Decides what to do about a file that is there, and notes that it was seen.
    fn consider(&mut self, path: &Path, look: DirEntry, jobs: &mut Queue) {
        let known = match self.files.at(path) {
            Ok(known) => known,
            Err(error) => return self.cannot_be_read(&error),
        };
        if let Some(known) = &known {
            self.files.seen(known, self.scan);
        }
        let name = match self.name_of(path) {
            Ok(name) => name,
            Err(why) => return self.left_out(path, why),
        };
        if let Some(other) = self.other_owner(name.as_str(), path)
            && fs::symlink_metadata(self.root.join(&other)).is_ok()
        {
            let other = other.to_string_lossy().into_owned();
            let same = self.hidden.entry(name.as_str().to_owned()).or_default();
            same.insert(path.to_owned());
            self.withdraw(&[path.to_owned()]);
            return self.left_out(path, format!("`{other}` has the same name"));
        }
        if is_unlike(name.as_str(), path) {
            self.names.insert(name.as_str().to_owned(), path.to_owned());
        }
        let stamp = look.stamp;
        let rights = modes::rights_of(look.mode);
        if let Some(known) = known {
            let before = known.record.stamp;
            let same = before == stamp && known.record.rights.agrees(rights);
            if same {
                // It may be shared by another name now.
                self.files.rename(&known, name.as_str());
            }
            if same && known.offered {
                if !self.settling.is_empty() {
                    self.settling.remove(path);
                }
                return;
            }
            // A manifest that an accident took away is made again.
            // The record of a file of one chunk is its manifest.
            let small = stamp.size <= u64::from(MIN_CHUNK);
            let file = known.record.file;
            if same && (small || matches!(self.index.root(&file), Ok(Some(_)))) {
                self.files.offered(&known);
                let offered = offered(name, file, stamp, rights);
                return self.emit(ShareEvent::Offered(offered));
            }
            if before != stamp {
                // What changed while no node ran says nothing of a writer who pauses.
                if known.offered {
                    self.grew(path, before, stamp);
                }
                self.withdraw(&[path.to_owned()]);
            }
        }
        if let Some(wait) = self.unsettled(path, stamp) {
            self.due.insert(path.to_owned(), Instant::now() + wait);
            return;
        }
        self.settling.remove(path);
        if !is_unlike(name.as_str(), path) {
            self.coming.insert(self.hasher.hash_one(name.as_str()));
        }
        jobs.push(waiting(path, &name, stamp, rights));
    }

    /// Which other path has the name of what is at `path`.
    fn other_owner(&mut self, name: &str, path: &Path) -> Option<PathBuf> {
        // What is called as its path is has its own name, unless that was given away.
        if path.as_os_str() == name && !self.names.contains_key(name) {
            return None;
        }
        self.owner_of(name).filter(|other| *other != path)
    }

    /// Which path has a name.
    fn owner_of(&mut self, name: &str) -> Option<PathBuf> {
        if let Some(path) = self.names.get(name) {
            return Some(path.clone());
        }
        let path = Path::new(name);
        let has = self.settling.contains_key(path)
            || self.coming.contains(&self.hasher.hash_one(name))
            || matches!(self.files.at(path), Ok(Some(_)));
        has.then(|| path.to_owned())
    }

    /// How long to wait before looking again at a file that may still be written; `None` when it
    /// has settled.
    pub fn unsettled(&mut self, path: &Path, stamp: Stamp) -> Option<Duration> {
        let now = Instant::now();
        let growing = self.growing.get(path).filter(|one| now < one.until);
        let settle = growing.map_or(SETTLE, |one| one.settle);
        let age = stamp
            .modified()
            .and_then(|time| SystemTime::now().duration_since(time).ok());
        if age.is_some_and(|age| age >= settle) {
            return None;
        }
        let seen = self.settling.entry(path.to_owned()).or_insert((stamp, now));
        if seen.0 != stamp {
            *seen = (stamp, now);
        }
        // A time in the future says nothing: then only how long it was watched counts.
        let watched = now.saturating_duration_since(seen.1);
        let quiet = age.unwrap_or_default().max(watched);
        let rest = settle.saturating_sub(quiet);
        (!rest.is_zero()).then_some(rest)
    }

    /// A file changed that had been read. If it is the same one and longer now, a writer pauses,
    /// and each version that is read meanwhile is work for everyone: it has to look the same for
    /// longer.
    pub fn grew(&mut self, path: &Path, before: Stamp, now: Stamp) {
        if before.identity() != now.identity() || now.size <= before.size {
            return;
        }
        let at = Instant::now();
        self.growing.retain(|_, one| at < one.until);
        if self.growing.len() >= GROWING {
            return;
        }
        // A person who saves again after minutes is no such writer.
        let soon = i128::from(LONGEST.as_secs());
        let apart = i128::from(now.mtime) - i128::from(before.mtime);
        if !self.growing.contains_key(path) && !(0..=soon).contains(&apart) {
            return;
        }
        let settle = self
            .growing
            .get(path)
            .map_or(PAUSE, |one| (one.settle * 2).min(LONGEST));
        let until = at + 4 * LONGEST;
        self.growing
            .insert(path.to_owned(), Growing { settle, until });
    }

    /// Lets go of the name of a path that is gone, so that another one may have it.
    fn release(&mut self, path: &Path) {
        self.told.retain(|(told, _)| told != path);
        let Ok(name) = self.name_of(path) else { return };
        // Its own name, when it is gone: then nobody else's.
        let owner = self.owner_of(name.as_str());
        if owner.is_none_or(|owner| owner == path) {
            self.names.remove(name.as_str());
            let now = Instant::now();
            let waiting = self.hidden.remove(name.as_str()).unwrap_or_default();
            self.due.extend(waiting.into_iter().map(|path| (path, now)));
        }
    }
}

/// A file to be read: what will be known of it but its contents.
fn waiting(path: &Path, name: &RelPath, stamp: Stamp, rights: Rights) -> FileRecord {
    FileRecord {
        kind: Kind::Shared,
        path: path.to_owned(),
        stamp,
        rights,
        file: FileId([0; 32]),
        name: name.as_str().to_owned(),
        media: media_of(name.file_name()),
    }
}
