//! The share thread: what wakes it, and when it looks at what.

use super::{
    ShareEvent,
    watch::{Message, POLL, watch, why_unwatched},
    worker::{DEBOUNCE, Worker},
};
use crate::store::modes::{self, FileIdentity};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{atomic::Ordering, mpsc::RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// After a folder came, it is looked at once more: the system tells of its files only from when it
/// watches it.
const AGAIN: Duration = Duration::from_secs(2);
/// Between looks at everything while the system tells what changes: for what it did not tell.
const SWEEP: Duration = Duration::from_secs(600);
/// Or so many times as long as the look takes, if that is more.
const SHARE: u32 = 20;
/// Between looks at the folder itself, which may be replaced.
const ROOT_CHECK: Duration = Duration::from_secs(2);
/// How long the end of the first scan waits for files that were just written.
const FIRST: Duration = Duration::from_secs(3);
impl Worker {
    pub fn run(mut self) {
        // Watched before the first look, so that nothing falls between the two.
        let mut watcher = self.watch_and_load();
        let mut root_id = self.root_id();
        self.scan(&self.everything());
        let mut there = self.there();
        for one in &there {
            self.tell_missing(one);
        }
        let mut young: Option<HashSet<PathBuf>> = Some(self.due.keys().cloned().collect());
        let first_until = Instant::now() + FIRST;
        let mut looked = Instant::now();
        let mut took = Duration::ZERO;
        while !self.stopped() {
            let now = Instant::now();
            if let Some(waiting) = &mut young {
                waiting.retain(|path| self.due.contains_key(path));
                if waiting.is_empty() || now >= first_until {
                    young = None;
                    self.tell_scanned();
                }
            }
            let due = self.due.values().chain(self.again.values()).copied();
            let until = due.chain([now + ROOT_CHECK]).min().unwrap_or(now);
            self.receive(until.saturating_duration_since(now));
            let now = Instant::now();
            if self.root_id() != root_id {
                root_id = self.root_id();
                watcher = self.watch();
                self.due.insert(PathBuf::new(), now);
            }
            if self.look_for_paths(&mut there, now) {
                watcher = self.watch();
            }
            if let Some(error) = self.teller.take_failure() {
                // A folder that came is not watched, so no sign of changes there will come.
                watcher = None;
                self.unwatched(&error);
            }
            let pause = if watcher.is_none() {
                POLL.max(took * SHARE)
            } else {
                SWEEP
            };
            if now >= looked + pause {
                looked = now;
                self.due.insert(PathBuf::new(), now);
            }
            let due = self.due.extract_if(|_, at| *at <= now);
            let again = self.again.extract_if(|_, at| *at <= now);
            let mut paths: Vec<PathBuf> = due.chain(again).map(|(path, _)| path).collect();
            if !paths.is_empty() {
                paths.sort();
                paths.dedup_by(|path, folder| path.starts_with(folder));
                if paths[0].as_os_str().is_empty() {
                    paths = self.everything();
                }
                self.scan(&paths);
                if paths[0].as_os_str().is_empty() {
                    took = now.elapsed();
                }
            }
        }
        self.reader.on_stale(None);
    }

    fn root_id(&self) -> Option<FileIdentity> {
        fs::metadata(&self.root)
            .ok()
            .map(|meta| modes::identity(&meta))
    }

    /// Both go through all files, and neither needs the other.
    fn watch_and_load(&mut self) -> Option<notify::RecommendedWatcher> {
        let (root, paths) = (self.root.clone(), self.paths.clone());
        let teller = self.teller.clone();
        let outcome = thread::scope(|scope| {
            let watching = scope.spawn(move || watch(&root, &paths, teller));
            self.load();
            watching.join()
        });
        // A panic there was reported when it happened.
        self.watching(outcome.ok()?)
    }

    fn watch(&mut self) -> Option<notify::RecommendedWatcher> {
        let outcome = watch(&self.root, &self.paths, self.teller.clone());
        self.watching(outcome)
    }

    fn watching(
        &mut self,
        outcome: notify::Result<notify::RecommendedWatcher>,
    ) -> Option<notify::RecommendedWatcher> {
        match outcome {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                self.unwatched(&error);
                None
            }
        }
    }

    fn unwatched(&mut self, error: &notify::Error) {
        self.problem(Path::new(""), why_unwatched(error));
    }

    /// Takes what happened, waiting for it at most `wait`.
    fn receive(&mut self, wait: Duration) {
        let mut message = self.inbox.recv_timeout(wait);
        loop {
            match message {
                Ok(Message::Touched(paths)) => self.touched(&paths),
                Ok(Message::Came(paths)) => {
                    self.touched(&paths);
                    for path in self.ours(&paths) {
                        self.again.insert(path, Instant::now() + AGAIN);
                    }
                }
                Ok(Message::Stale { number, damaged }) => self.stale(number, damaged),
                Ok(Message::Paths(paths)) => self.set_paths(paths),
                Ok(Message::Reopened) => self.reopened(),
                Ok(Message::Wake) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
            if self.stopped() {
                return;
            }
            message = self.inbox.recv_timeout(Duration::ZERO);
        }
        if self.teller.lost.swap(false, Ordering::AcqRel) {
            let soon = Instant::now() + DEBOUNCE;
            self.due.entry(PathBuf::new()).or_insert(soon);
        }
    }

    /// Recalls what an earlier run indexed. It is offered once it is seen again.
    fn load(&mut self) {
        match self.files.load() {
            Ok(_) => self.forget_unshared(),
            Err(error) => self.problem(Path::new(""), error.to_string()),
        }
    }

    /// Forgets what the index forgot, and looks at everything.
    fn reopened(&mut self) {
        match self.files.load() {
            Ok(gone) => gone.iter().for_each(|&number| self.reader.forget(number)),
            Err(error) => return self.problem(Path::new(""), error.to_string()),
        }
        self.due.insert(PathBuf::new(), Instant::now());
    }

    fn tell_scanned(&mut self) {
        let (files, bytes) = self.files.all_offered();
        let read = self.read;
        if read > 0
            && let Err(error) = self.index.flush()
        {
            // What is read today need not be read again tomorrow; but it can be.
            self.problem(Path::new(""), error.to_string());
        }
        self.emit(ShareEvent::Scanned { files, bytes, read });
    }
}
