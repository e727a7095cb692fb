//! Reading what has to be read, and keeping the index and the listener in step.

use super::{
    ShareEvent, names, offered,
    read::{Reading, read_file},
    readers::Readers,
    watch::POLL,
    worker::{SETTLE, Worker},
};
use crate::{
    core::{manifest::Entry, path::RelPath},
    store::{
        FileRecord, Kind, NewFile, Stamp, StoreError,
        fetched::give_up,
        index::{Queue, looks_like},
    },
    wire::control::Scan,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

const PROGRESS: Duration = Duration::from_millis(100);
/// A batch goes into the index when it has this many files or chunks, or is this old.
const BATCH_FILES: usize = 512;
const BATCH_CHUNKS: usize = 4096;
const BATCH_AGE: Duration = Duration::from_millis(200);
/// Bytes of a file that takes longer to read than a batch may wait.
const LARGE: u64 = 32 << 20;

/// What a run has come to.
struct Run {
    /// How far it is.
    scan: Scan,
    /// When that was told, and whether it was.
    told: Instant,
    said: bool,
    /// What is read and not in the index yet, its chunks, and since when.
    batch: Vec<NewFile>,
    chunks: usize,
    begun: Instant,
    /// Nothing further is to be read.
    ended: bool,
}

impl Worker {
    pub fn run_jobs(&mut self, mut jobs: Queue) {
        let mut run = Run {
            scan: Scan {
                of_files: Some(jobs.len() as u64),
                of_bytes: Some(jobs.bytes()),
                ..Scan::default()
            },
            told: Instant::now(),
            said: jobs.bytes() > LARGE || jobs.len() > BATCH_FILES,
            batch: Vec::new(),
            chunks: 0,
            begun: Instant::now(),
            ended: false,
        };
        if run.said {
            self.emit(ShareEvent::Progress(run.scan));
        }
        let until = [Arc::clone(&self.stop), Arc::clone(&self.removed)];
        let mut readers = Readers::start(&self.root, jobs.len(), &until);
        while !run.ended
            && let Some(job) = jobs.next()
        {
            if self.stopped() {
                return;
            }
            if let Some(entries) = self.twin(job.stamp) {
                self.was_read(&mut run, job, Ok(Reading::Whole(entries)));
                continue;
            }
            self.read += 1;
            if readers.take(job.stamp.size) {
                for (file, read) in readers.give(job) {
                    self.was_read(&mut run, file, read);
                }
            } else {
                self.read_alone(&mut run, job);
            }
        }
        while !self.stopped()
            && let Some(group) = readers.rest()
        {
            for (file, read) in group {
                self.was_read(&mut run, file, read);
            }
        }
        if self.stopped() {
            return;
        }
        // What is shared no longer is withdrawn first; then the rest is looked at again.
        let now = Instant::now();
        self.due.extend(jobs.map(|job| (job.path, now)));
        self.store(&mut run.batch);
        if run.said {
            self.emit(ShareEvent::Read);
        }
    }

    /// Reads a file on this thread, and those that help it if the file is large.
    fn read_alone(&mut self, run: &mut Run, job: FileRecord) {
        if job.stamp.size >= LARGE {
            // What is read already need not wait for it.
            self.store_of(run);
        }
        let mut spare = std::mem::take(&mut self.spare);
        let before = run.scan.bytes;
        let read = read_file(&self.root.join(&job.path), job.stamp, &mut spare, |bytes| {
            run.scan.bytes += bytes;
            self.progress(run);
            !self.stopped() && !self.removed.load(Ordering::Acquire)
        });
        self.spare = spare;
        run.scan.bytes = before;
        self.was_read(run, job, read);
    }

    /// Tells now and then how far it is.
    fn progress(&self, run: &mut Run) {
        if run.told.elapsed() >= PROGRESS {
            (run.told, run.said) = (Instant::now(), true);
            self.emit(ShareEvent::Progress(run.scan));
        }
    }

    /// Takes in how reading a file ended.
    fn was_read(&mut self, run: &mut Run, job: FileRecord, read: Result<Reading, StoreError>) {
        run.scan.files += 1;
        run.scan.bytes += job.stamp.size;
        self.progress(run);
        match read {
            Ok(Reading::Whole(entries)) => {
                run.chunks += entries.len();
                run.batch.push(NewFile {
                    record: job,
                    entries,
                });
            }
            Ok(Reading::Changed) => {
                self.due.insert(job.path, Instant::now() + SETTLE);
            }
            Ok(Reading::Stopped) => {
                run.ended = true;
                self.due.insert(job.path, Instant::now());
            }
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                if matches!(error, StoreError::Descriptors(_)) {
                    self.due.insert(job.path.clone(), Instant::now() + POLL);
                }
                self.problem(&job.path, error.to_string());
            }
        }
        let full = run.batch.len() >= BATCH_FILES || run.chunks >= BATCH_CHUNKS;
        if full || run.begun.elapsed() >= BATCH_AGE {
            self.store_of(run);
        }
    }

    fn store_of(&mut self, run: &mut Run) {
        self.store(&mut run.batch);
        (run.chunks, run.begun) = (0, Instant::now());
    }

    /// The chunks of a file that was only renamed, or has two names.
    fn twin(&mut self, stamp: Stamp) -> Option<Vec<Entry>> {
        let same = self.files.same(stamp.identity()).ok()?;
        let record = same.into_iter().find(|record| record.stamp == stamp)?;
        let manifest = self.index.manifest(&record.file).ok()??;
        (manifest.size() == stamp.size).then(|| manifest.entries().to_vec())
    }

    /// Puts a batch into the index, and then offers it.
    fn store(&mut self, batch: &mut Vec<NewFile>) {
        if batch.is_empty() {
            return;
        }
        let mut files = std::mem::take(batch);
        // What the index knew at a path is replaced.
        let known = files
            .iter()
            .map(|file| self.files.remove(&file.record.path));
        let known = known.collect::<Result<Vec<_>, _>>();
        match known.and_then(|_| self.index.add_files(&mut files)) {
            Ok(numbers) => {
                for (NewFile { record, .. }, number) in files.into_iter().zip(numbers) {
                    self.files.add(number, &record, self.scan);
                    if let Ok(name) = RelPath::parse(&record.name) {
                        let (stamp, rights) = (record.stamp, record.rights);
                        let offered = offered(name, record.file, stamp, rights);
                        let _alone = self.index.naming();
                        self.emit(ShareEvent::Offered(offered));
                    }
                }
            }
            Err(error) => {
                for file in files {
                    let at = Instant::now() + POLL;
                    self.due.insert(file.record.path, at);
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
            let mut names = match self.files.same(record.stamp.identity()) {
                Ok(same) => same.iter().map(|one| one.path.clone()).collect(),
                Err(error) => {
                    self.problem(Path::new(""), error.to_string());
                    Vec::new()
                }
            };
            if !names.contains(&record.path) {
                names.push(record.path.clone());
            }
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
            let mut gone = Vec::new();
            for path in paths {
                match self.files.remove(path) {
                    Ok(known) => gone.extend(known),
                    Err(error) => self.problem(path, error.to_string()),
                }
            }
            let numbers: Vec<u64> = gone.iter().map(|(known, _)| known.number).collect();
            if let Err(error) = self.index.remove_files(&numbers) {
                self.problem(&paths[0], error.to_string());
            }
            for (known, name) in gone {
                self.reader.forget(known.number);
                if known.offered {
                    let (number, file) = (known.number, known.record.file);
                    names::gone(&self.index, number, (&name, file), |event| self.emit(event));
                }
            }
        }
    }
}
