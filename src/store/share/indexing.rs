//! Reading what has to be read, and keeping the index and the listener in step.

use super::{
    ShareEvent, offered,
    read::{Reading, read_file},
    watch::POLL,
    worker::{Job, Known, SETTLE, Worker},
};
use crate::{
    core::{id::FileId, manifest::Entry, path::RelPath},
    store::{
        FileRecord, Kind, NewFile, Stamp, StoreError, fetched::give_up, index::looks_like,
        placing::media_of,
    },
    wire::control::Scan,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

const PROGRESS: Duration = Duration::from_millis(100);
/// A batch goes into the index when it has this many files or chunks, or is this old.
const BATCH_FILES: usize = 512;
const BATCH_CHUNKS: usize = 4096;
const BATCH_AGE: Duration = Duration::from_millis(200);
/// Bytes of a file that takes longer to read than a batch may wait.
const LARGE: u64 = 32 << 20;

impl Worker {
    pub fn run_jobs(&mut self, jobs: Vec<Job>) {
        let of = jobs.len();
        let mut scan = Scan {
            of_files: Some(jobs.len() as u64),
            of_bytes: Some(jobs.iter().map(|job| job.stamp.size).sum()),
            ..Scan::default()
        };
        let long = scan.of_bytes > Some(LARGE) || jobs.len() > BATCH_FILES;
        if long {
            self.emit(ShareEvent::Progress(scan));
        }
        let (mut told, mut said) = (Instant::now(), long);
        let mut batch: Vec<(Job, NewFile)> = Vec::new();
        let mut chunks = 0;
        let mut begun = Instant::now();
        let mut spare = std::mem::take(&mut self.spare);
        let mut jobs = jobs.into_iter();
        while let Some(job) = jobs.next() {
            if self.stopped() {
                return;
            }
            if job.stamp.size >= LARGE {
                // What is read already need not wait for it.
                self.store(&mut batch);
                chunks = 0;
                begun = Instant::now();
            }
            let twin = self.twin(job.stamp);
            let read = if let Some(entries) = twin {
                scan.bytes += job.stamp.size;
                Ok(Reading::Whole(entries))
            } else {
                self.read += 1;
                read_file(&self.root.join(&job.path), job.stamp, &mut spare, |bytes| {
                    scan.bytes += bytes;
                    if told.elapsed() >= PROGRESS {
                        (told, said) = (Instant::now(), true);
                        self.emit(ShareEvent::Progress(scan));
                    }
                    !self.stopped() && !self.removed.load(Ordering::Acquire)
                })
            };
            scan.files += 1;
            match read {
                Ok(Reading::Whole(entries)) => {
                    chunks += entries.len();
                    let record = record_of(&job);
                    batch.push((job, NewFile { record, entries }));
                }
                Ok(Reading::Changed) => {
                    self.due.insert(job.path, Instant::now() + SETTLE);
                }
                Ok(Reading::Stopped) if self.stopped() => return,
                Ok(Reading::Stopped) => {
                    // The rest is looked at again, when what is shared no longer is withdrawn.
                    let now = Instant::now();
                    self.due.insert(job.path, now);
                    self.due.extend(jobs.by_ref().map(|job| (job.path, now)));
                }
                Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    if matches!(error, StoreError::Descriptors(_)) {
                        self.due.insert(job.path.clone(), Instant::now() + POLL);
                    }
                    self.problem(&job.path, error.to_string());
                }
            }
            if batch.len() >= BATCH_FILES || chunks >= BATCH_CHUNKS || begun.elapsed() >= BATCH_AGE
            {
                self.store(&mut batch);
                chunks = 0;
                begun = Instant::now();
            }
        }
        self.store(&mut batch);
        if of > self.files.len() / 2 {
            // A tree that is filled in order stays half empty.
            self.files = std::mem::take(&mut self.files).into_iter().collect();
        }
        self.spare = spare;
        if said {
            self.emit(ShareEvent::Read);
        }
    }

    /// The chunks of a file that was only renamed, or has two names.
    fn twin(&self, stamp: Stamp) -> Option<Vec<Entry>> {
        let number = self.inodes.get(&stamp.identity())?;
        let record = self.index.record(*number).ok()??;
        if !stamp.identity().is_known() || record.stamp != stamp {
            return None;
        }
        let manifest = self.index.manifest(&record.file).ok()??;
        (manifest.size() == stamp.size).then(|| manifest.entries().to_vec())
    }

    /// Puts a batch into the index, and then offers it.
    fn store(&mut self, batch: &mut Vec<(Job, NewFile)>) {
        if batch.is_empty() {
            return;
        }
        let (jobs, mut files): (Vec<Job>, Vec<NewFile>) = batch.drain(..).unzip();
        match self.index.add_files(&mut files) {
            Ok(numbers) => {
                for ((job, file), number) in jobs.into_iter().zip(files).zip(numbers) {
                    let FileRecord {
                        file: id,
                        stamp,
                        rights,
                        ..
                    } = file.record;
                    self.know(number, file.record, true);
                    let offered = offered(job.name, id, stamp, rights);
                    self.emit(ShareEvent::Offered(offered));
                }
            }
            Err(error) => {
                for job in jobs {
                    self.due.insert(job.path, Instant::now() + POLL);
                }
                self.problem(Path::new(""), error.to_string());
            }
        }
    }

    /// What a reader found: the file with this number is not what it was. `damaged` when only its
    /// bytes show it.
    pub fn stale(&mut self, number: u64, damaged: bool) {
        let record = match self.index.record(number) {
            Ok(Some(record)) => record,
            // It was dealt with already.
            Ok(None) => return,
            Err(error) => return self.problem(Path::new(""), error.to_string()),
        };
        // The send itself looks at its files, and tells both.
        if record.kind == Kind::Sent {
            return;
        }
        if matches!(record.kind, Kind::Fetched | Kind::Received) {
            if damaged || !looks_like(&record.path, record.stamp) {
                give_up(&self.index, &self.reader, number, &record, |event| {
                    self.emit(event);
                });
            }
            return;
        }
        if damaged {
            // Whatever is the same file has the same bytes: none of its names may vouch for
            // another.
            let identity = record.stamp.identity();
            let same = |known: &Known| {
                let other = known.stamp.identity();
                known.number == number || (identity.is_known() && other == identity)
            };
            let names: Vec<PathBuf> = self
                .files
                .iter()
                .filter(|(_, known)| same(known))
                .map(|(path, _)| path.clone())
                .collect();
            self.withdraw(&names);
            for path in names {
                self.touched(&[self.root.join(path)]);
            }
        }
        self.touched(&[self.root.join(&record.path)]);
    }

    /// Forgets files that are gone or changed.
    pub fn withdraw(&mut self, paths: &[PathBuf]) {
        for paths in paths.chunks(BATCH_FILES) {
            let known = paths
                .iter()
                .filter_map(|path| self.files.remove_entry(path));
            let known: Vec<(PathBuf, Known)> = known.collect();
            let numbers: Vec<u64> = known.iter().map(|(_, known)| known.number).collect();
            if let Err(error) = self.index.remove_files(&numbers) {
                self.problem(&paths[0], error.to_string());
            }
            for (path, known) in known {
                self.reader.forget(known.number);
                let identity = known.stamp.identity();
                if self.inodes.get(&identity) == Some(&known.number) {
                    self.inodes.remove(&identity);
                }
                let name = known.name(&path).map(RelPath::parse);
                if known.offered
                    && let Some(Ok(name)) = name
                {
                    let file = known.file;
                    self.emit(ShareEvent::Withdrawn { name, file });
                }
            }
        }
    }
}

fn record_of(job: &Job) -> FileRecord {
    FileRecord {
        kind: Kind::Shared,
        path: job.path.clone(),
        stamp: job.stamp,
        rights: job.rights,
        file: FileId([0; 32]),
        name: job.name.as_str().to_owned(),
        media: media_of(job.name.file_name()),
    }
}
