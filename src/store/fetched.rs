//! Finished downloads: a person may delete, move or change them at any time, and then they count as
//! copies no longer.
//!
//! Owns one thread that watches the folders in which downloads lie (and the folders above them, as
//! far as the home's own `downloads/`), and nothing else: what else lies there costs nothing.
//! Whatever it is told of, it looks for itself. A download that is no longer what it was is taken
//! out of the index and withdrawn. Never writes outside the index. Where the system does not tell
//! of changes, it looks every `POLL`. Invariant: at most `FOLDERS` folders are watched; beyond that
//! it looks from time to time, too.

use super::{
    ChunkReader, FileRecord, Index, Kind, ShareEvent, StoreError, failed,
    index::{Placed, looks_like},
    share::{names, send},
};
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use std::{
    collections::HashSet,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::mpsc::Sender;

/// Changes that wait for the thread. More than that, and it looks at everything.
const QUEUE: usize = 1024;
/// Between the first sign of a change and the look at it: several signs of one are one.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// Folders that are watched: the system has so many to give to all.
const FOLDERS: usize = 4096;
/// Between looks at everything while the system tells what changes, and while it does not.
const SWEEP: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_secs(20);

/// What wakes the thread.
enum Message {
    /// Something happened at these paths.
    Touched(Vec<PathBuf>),
    /// Downloads came.
    Placed(Placed),
    /// Look at the flags.
    Wake,
}

/// The running watch. Dropping it stops the thread, and waits for that: some milliseconds.
#[derive(Debug)]
pub struct Fetched {
    index: Index,
    stop: Arc<AtomicBool>,
    wake: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Fetched {
    /// Watches the downloads that `index` knows, and those that come, telling `events` of each name
    /// that is withdrawn. `downloads` is the home's folder for them, which need not exist.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(
        downloads: &Path,
        index: &Index,
        reader: &ChunkReader,
        events: Sender<ShareEvent>,
    ) -> Result<Self, StoreError> {
        let (wake, inbox) = sync_channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let lost = Arc::new(AtomicBool::new(false));
        let (placed, missed) = (wake.clone(), Arc::clone(&lost));
        index.on_placed(Some(Box::new(move |downloads| {
            if placed.try_send(Message::Placed(downloads)).is_err() {
                missed.store(true, Ordering::Release);
            }
        })));
        let worker = Worker {
            downloads: downloads.to_owned(),
            index: index.clone(),
            reader: reader.clone(),
            events,
            stop: Arc::clone(&stop),
            inbox,
            tell: wake.clone(),
            lost,
            watcher: None,
            folders: HashSet::new(),
            blind: false,
            touched: HashSet::new(),
            placed: Vec::new(),
            gone: HashSet::new(),
        };
        let thread = thread::Builder::new()
            .name("downloads".into())
            .spawn(move || worker.run())
            .map_err(failed("watch", downloads))?;
        Ok(Self {
            index: index.clone(),
            stop,
            wake,
            thread: Some(thread),
        })
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        self.index.on_placed(None);
        self.stop.store(true, Ordering::Release);
        let _ = self.wake.try_send(Message::Wake);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

struct Worker {
    downloads: PathBuf,
    index: Index,
    reader: ChunkReader,
    events: Sender<ShareEvent>,
    stop: Arc<AtomicBool>,
    inbox: Receiver<Message>,
    tell: SyncSender<Message>,
    /// Messages were lost: everything has to be looked at.
    lost: Arc<AtomicBool>,
    /// There is none before the first download.
    watcher: Option<RecommendedWatcher>,
    /// Those that are watched.
    folders: HashSet<PathBuf>,
    /// Some folder cannot be watched.
    blind: bool,
    touched: HashSet<PathBuf>,
    /// Numbers of downloads that came before their folder was watched.
    placed: Vec<RangeInclusive<u64>>,
    /// Withdrawn, and still in the index: their disk may come back.
    gone: HashSet<u64>,
}

impl Worker {
    fn run(mut self) {
        self.sweep();
        let mut swept = Instant::now();
        let mut due: Option<Instant> = None;
        while !self.stopped() {
            let pause = if self.blind { POLL } else { SWEEP };
            let until = due.unwrap_or(swept + pause);
            let wait = until.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(wait) {
                Ok(Message::Touched(paths)) => {
                    self.touched.extend(paths);
                    due.get_or_insert(Instant::now() + DEBOUNCE);
                }
                Ok(Message::Placed(Placed { folders, numbers })) => {
                    let known = |folder| self.folders.contains(folder);
                    if !folders.iter().all(known) {
                        for folder in folders {
                            self.watch(&folder);
                        }
                        // What happened there before it was watched is not known.
                        self.placed.push(numbers);
                        due.get_or_insert(Instant::now() + DEBOUNCE);
                    }
                }
                Ok(Message::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.lost.swap(false, Ordering::AcqRel) || Instant::now() >= swept + pause {
                self.sweep();
                swept = Instant::now();
            } else if due.is_some_and(|at| at <= Instant::now()) {
                due = None;
                if let Err(error) = self.visit() {
                    tracing::warn!(%error, "downloads cannot be looked at");
                }
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.events.is_closed()
    }

    /// Looks at every download, and sees to it that its folder is watched.
    fn sweep(&mut self) {
        match self.index.files(Kind::Fetched) {
            Ok(files) => {
                // Watched before the look, so that nothing falls between the two.
                for (_, record) in &files {
                    if let Some(folder) = record.path.parent() {
                        self.watch(folder);
                    }
                }
                for (number, record) in files {
                    if self.stopped() {
                        return;
                    }
                    self.check(number, &record);
                }
            }
            Err(error) => tracing::warn!(%error, "downloads cannot be looked at"),
        }
    }

    /// Looks at the downloads at the touched paths and below them.
    fn visit(&mut self) -> Result<(), StoreError> {
        for number in std::mem::take(&mut self.placed).into_iter().flatten() {
            match self.index.record(number)? {
                Some(record) if record.kind == Kind::Fetched => self.check(number, &record),
                _ => {}
            }
        }
        let touched = std::mem::take(&mut self.touched);
        for path in &touched {
            if let Some((number, record)) = self.index.file_at(Kind::Fetched, path)? {
                self.check(number, &record);
            }
        }
        // Nothing lies below a path that is not watched.
        let mut folders = touched;
        folders.retain(|path| self.folders.contains(path));
        if folders.is_empty() {
            return Ok(());
        }
        for (number, record) in self.index.files_below(Kind::Fetched, &folders)? {
            self.check(number, &record);
        }
        // A folder that went may have come again as another one.
        for path in folders {
            self.folders.remove(&path);
            if let Some(watcher) = &mut self.watcher {
                let _ = watcher.unwatch(&path); // The system may have done that.
            }
            if path.is_dir() {
                self.watch(&path);
            }
        }
        Ok(())
    }

    fn check(&mut self, number: u64, record: &FileRecord) {
        if looks_like(&record.path, record.stamp) {
            self.gone.remove(&number);
            return;
        }
        let ours = record.path.starts_with(&self.downloads) && self.downloads.is_dir();
        let there = ours || record.path.parent().is_some_and(Path::is_dir);
        if there {
            give_up(&self.index, &self.reader, number, record, |event| {
                send(&self.events, event, || self.stopped());
            });
        } else if self.gone.insert(number) {
            // A disk that was taken out may come back before the next start.
            self.reader.forget(number);
            names::gone(&self.index, number, (&record.name, record.file), |event| {
                send(&self.events, event, || self.stopped());
            });
        }
    }

    /// Watches a folder, and those above it in the home's own folder of downloads, whose renaming
    /// moves it.
    fn watch(&mut self, folder: &Path) {
        let within = |path: &&Path| path.starts_with(&self.downloads);
        let above = folder.ancestors().skip(1).take_while(within);
        let all: Vec<PathBuf> = std::iter::once(folder)
            .chain(above)
            .filter(|path| !self.folders.contains(*path) && path.is_dir())
            .map(Path::to_owned)
            .collect();
        for folder in all {
            if self.folders.len() >= FOLDERS || !self.watch_one(&folder) {
                self.blind = true;
                return;
            }
            self.folders.insert(folder);
        }
    }

    fn watch_one(&mut self, folder: &Path) -> bool {
        if self.watcher.is_none() {
            let (tell, lost) = (self.tell.clone(), Arc::clone(&self.lost));
            let handler = move |event| heard(event, &tell, &lost);
            self.watcher = notify::recommended_watcher(handler).ok();
        }
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        watcher.watch(folder, RecursiveMode::NonRecursive).is_ok() || !folder.is_dir()
    }
}

/// Passes on what may have made a download another file; never waits.
fn heard(event: notify::Result<Event>, tell: &SyncSender<Message>, lost: &AtomicBool) {
    let message = match event {
        Ok(event) if !event.need_rescan() => match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Create(_)
            | EventKind::Modify(_)
            | EventKind::Remove(_) => Message::Touched(event.paths),
            _ => return,
        },
        _ => {
            lost.store(true, Ordering::Release);
            Message::Wake
        }
    };
    if tell.try_send(message).is_err() {
        // Full: the thread is awake.
        lost.store(true, Ordering::Release);
    }
}

/// Forgets a finished download that is no longer what it was.
pub(super) fn give_up(
    index: &Index,
    reader: &ChunkReader,
    number: u64,
    record: &FileRecord,
    tell: impl FnOnce(ShareEvent),
) {
    if let Err(error) = index.remove_file(number) {
        tracing::warn!(%error, "a download that is gone cannot be forgotten");
        return;
    }
    reader.forget(number);
    if record.kind.is_private() {
        return;
    }
    names::gone(index, number, (&record.name, record.file), tell);
}

#[cfg(test)]
mod tests;
