//! The share thread: what it knows, what wakes it, and when it looks at what.

use super::{
    ShareEvent,
    look::Growing,
    watch::{Message, Teller, watch, why_unwatched},
};
use crate::{
    core::{path::RelPath, rights::Rights},
    store::{ChunkReader, FileRecord, Index, Kind, Stamp, ignored::RULES, modes},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::{Sender, error::TrySendError};

/// Between the first sign of a change and the look at it.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// After a folder came, it is looked at once more: the system tells of its files only from when it watches it.
const AGAIN: Duration = Duration::from_secs(2);
/// Between looks at everything while the system tells what changes: for what it did not tell.
const SWEEP: Duration = Duration::from_secs(600);
/// Between looks at everything, when the system does not tell what changes.
pub const POLL: Duration = Duration::from_secs(5);
/// Or so many times as long as the look takes, if that is more.
const SHARE: u32 = 20;
/// Between looks at the folder itself, which may be replaced.
const ROOT_CHECK: Duration = Duration::from_secs(2);
/// How long the end of the first scan waits for files that were just written.
const FIRST: Duration = Duration::from_secs(3);
/// A file that the index knows.
pub struct Known {
    pub number: u64,
    pub record: FileRecord,
    pub offered: bool,
}

/// A file to be indexed.
pub struct Job {
    pub path: PathBuf,
    pub name: RelPath,
    pub stamp: Stamp,
    pub rights: Rights,
}

pub struct Worker {
    pub root: PathBuf,
    pub index: Index,
    pub reader: ChunkReader,
    pub events: Sender<ShareEvent>,
    pub stop: Arc<AtomicBool>,
    pub inbox: Receiver<Message>,
    pub teller: Teller,
    /// What the index knows, by path below the root; paths of one folder are neighbours.
    pub files: BTreeMap<PathBuf, Known>,
    /// Which path has each name.
    pub names: HashMap<String, PathBuf>,
    /// Paths whose name another one has.
    pub hidden: HashMap<String, BTreeSet<PathBuf>>,
    pub inodes: HashMap<(u64, u64), PathBuf>,
    /// When to look at a path; the empty one is the whole folder.
    pub due: HashMap<PathBuf, Instant>,
    /// When to look once more at folders that came.
    pub again: HashMap<PathBuf, Instant>,
    /// Young files: how they looked, and since when.
    pub settling: HashMap<PathBuf, (Stamp, Instant)>,
    /// Files that grew after they had been read.
    pub growing: HashMap<PathBuf, Growing>,
    pub told: HashSet<(PathBuf, String)>,
    /// What this look passed over and was not told before.
    pub left: Vec<(PathBuf, String)>,
    pub spare: Vec<Vec<u8>>,
    pub read: u64,
}

impl Worker {
    pub fn new(
        root: PathBuf,
        (index, reader, events): (Index, ChunkReader, Sender<ShareEvent>),
        stop: Arc<AtomicBool>,
        inbox: Receiver<Message>,
        teller: Teller,
    ) -> Self {
        Self {
            root,
            index,
            reader,
            events,
            stop,
            inbox,
            teller,
            files: BTreeMap::new(),
            names: HashMap::new(),
            hidden: HashMap::new(),
            inodes: HashMap::new(),
            due: HashMap::new(),
            again: HashMap::new(),
            settling: HashMap::new(),
            growing: HashMap::new(),
            told: HashSet::new(),
            left: Vec::new(),
            spare: Vec::new(),
            read: 0,
        }
    }

    pub fn run(mut self) {
        // Watched before the first look, so that nothing falls between the two.
        let mut watcher = self.watch();
        let mut root_id = self.root_id();
        self.load();
        self.look(&[PathBuf::new()]);
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
                self.look(&paths);
                if paths[0].as_os_str().is_empty() {
                    took = now.elapsed();
                }
            }
        }
        self.reader.on_stale(None);
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.events.is_closed()
    }

    fn root_id(&self) -> Option<(u64, u64)> {
        fs::metadata(&self.root)
            .ok()
            .map(|meta| modes::identity(&meta))
    }

    fn watch(&mut self) -> Option<notify::RecommendedWatcher> {
        match watch(&self.root, self.teller.clone()) {
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

    /// Notes that these paths are to be looked at, all at the same time: then a renamed file is found again before its old name
    /// is given up. A path that waits already does not wait longer, so one that is always written to is looked at all the same.
    pub fn touched(&mut self, paths: &[PathBuf]) {
        let paths: Vec<PathBuf> = self.ours(paths).collect();
        let waiting = paths.iter().filter_map(|path| self.due.get(path)).min();
        let soon = Instant::now() + DEBOUNCE;
        let at = waiting.map_or(soon, |&at| at.min(soon));
        self.due.extend(paths.into_iter().map(|path| (path, at)));
    }

    /// Those of `paths` that may be offered, below the root.
    fn ours(&self, paths: &[PathBuf]) -> impl Iterator<Item = PathBuf> + use<> {
        let ours = paths
            .iter()
            .filter_map(|path| path.strip_prefix(&self.root).ok())
            // Other rules change what is offered of the whole folder.
            .map(|path| match path.parent() {
                Some(folder) if path.ends_with(RULES) => folder,
                _ => path,
            })
            .filter(|path| !is_own(path));
        ours.map(Path::to_owned).collect::<Vec<_>>().into_iter()
    }

    /// Recalls what an earlier run indexed. It is offered once it is seen again.
    fn load(&mut self) {
        match self.index.files(Kind::Shared) {
            Ok(records) => {
                for (number, record) in records {
                    self.know(number, record, false);
                }
            }
            Err(error) => self.problem(Path::new(""), error.to_string()),
        }
    }

    pub fn know(&mut self, number: u64, record: FileRecord, offered: bool) {
        let stamp = record.stamp;
        if stamp.inode != 0 {
            let inode = (stamp.device, stamp.inode);
            self.inodes.insert(inode, record.path.clone());
        }
        let known = Known {
            number,
            record,
            offered,
        };
        self.files.insert(known.record.path.clone(), known);
    }

    /// Forgets what the index forgot, and looks at everything.
    fn reopened(&mut self) {
        let records = match self.index.files(Kind::Shared) {
            Ok(records) => records,
            Err(error) => return self.problem(Path::new(""), error.to_string()),
        };
        let there: HashMap<PathBuf, u64> = records
            .into_iter()
            .map(|(number, record)| (record.path, number))
            .collect();
        let reader = &self.reader;
        self.files.retain(|path, known| {
            let kept = there.get(path) == Some(&known.number);
            if !kept {
                reader.forget(known.number);
            }
            kept
        });
        self.due.insert(PathBuf::new(), Instant::now());
    }

    fn tell_scanned(&mut self) {
        let offered = self.files.values().filter(|known| known.offered);
        let (files, bytes) = offered.fold((0, 0), |(files, bytes), known| {
            (files + 1, bytes + known.record.stamp.size)
        });
        let read = self.read;
        if read > 0
            && let Err(error) = self.index.flush()
        {
            // What is read today need not be read again tomorrow; but it can be.
            self.problem(Path::new(""), error.to_string());
        }
        self.emit(ShareEvent::Scanned { files, bytes, read });
    }

    /// Tells of a problem, once.
    pub fn problem(&mut self, path: &Path, why: String) {
        if self.told.insert((path.to_owned(), why.clone())) {
            let name = path.to_string_lossy().into_owned();
            let name = if name.is_empty() {
                "shared".into()
            } else {
                name
            };
            self.emit(ShareEvent::Problem { name, why });
        }
    }

    /// Hands an event over, waiting for room, but not beyond the end of the share.
    pub fn emit(&self, event: ShareEvent) {
        send(&self.events, event, || self.stopped());
    }
}

/// Hands an event over, waiting for room until `stopped`.
pub fn send(to: &Sender<ShareEvent>, mut event: ShareEvent, stopped: impl Fn() -> bool) {
    while !stopped() {
        match to.try_send(event) {
            Err(TrySendError::Full(back)) => {
                event = back;
                thread::sleep(Duration::from_millis(1));
            }
            Ok(()) | Err(TrySendError::Closed(_)) => return,
        }
    }
}

/// Whether a path is one of sprat's own temporary files.
pub fn is_own(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str().as_encoded_bytes().starts_with(b".sprat"))
}
