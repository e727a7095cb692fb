//! What the share thread knows, and how it tells of it.
//!
//! Plain data and what every part of the thread does with it; when it looks (`scan`), what it sees
//! (`walk`) and what it reads (`indexing`) are files of their own.

use super::{
    ShareEvent,
    known::KnownFiles,
    watch::{Message, Teller},
};
use crate::store::{ChunkReader, Index, SharedPath, Stamp, ignored::RULES};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::RandomState,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Receiver,
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::{Sender, error::TrySendError};

/// Between the first sign of a change and the look at it.
pub const DEBOUNCE: Duration = Duration::from_millis(300);
/// How long a file must look the same before it is read.
pub const SETTLE: Duration = Duration::from_secs(1);

/// A file that grew after it had been read: how long it must look the same now, and until when that
/// counts.
pub struct Growing {
    pub settle: Duration,
    pub until: Instant,
}

/// Whether a file is offered by another name than its path.
pub fn is_unlike(name: &str, path: &Path) -> bool {
    path.as_os_str() != name
}

pub struct Worker {
    pub root: PathBuf,
    pub index: Index,
    pub reader: ChunkReader,
    pub events: Sender<ShareEvent>,
    pub stop: Arc<AtomicBool>,
    pub inbox: Receiver<Message>,
    pub teller: Teller,
    /// What is shared where it lies.
    pub paths: Vec<SharedPath>,
    /// Something is shared no longer.
    pub removed: Arc<AtomicBool>,
    /// What the index knows, by path below the root, or from the disk's root for what is shared
    /// where it lies.
    pub files: KnownFiles,
    /// The index could not be read in this look: what was not seen need not be gone.
    pub unread: bool,
    /// Which path has each name that is not a path.
    pub names: HashMap<String, PathBuf>,
    /// While files are read: hashes of their names, of those that are paths.
    pub coming: HashSet<u64>,
    /// Makes them; of this process alone, so that nobody can choose names that collide.
    pub hasher: RandomState,
    /// Paths whose name another one has.
    pub hidden: HashMap<String, BTreeSet<PathBuf>>,
    /// The number of this scan.
    pub scan: u32,
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
            files: KnownFiles::new(&index),
            unread: false,
            index,
            reader,
            events,
            stop,
            inbox,
            teller,
            paths: Vec::new(),
            removed: Arc::default(),
            names: HashMap::new(),
            coming: HashSet::new(),
            hasher: RandomState::new(),
            hidden: HashMap::new(),
            scan: 0,
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

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.events.is_closed()
    }

    /// Notes that these paths are to be looked at, all at the same time: then a renamed file is
    /// found again before its old name is given up. A path that waits already does not wait longer,
    /// so one that is always written to is looked at all the same.
    pub fn touched(&mut self, paths: &[PathBuf]) {
        let paths: Vec<PathBuf> = self.ours(paths).collect();
        let waiting = paths.iter().filter_map(|path| self.due.get(path)).min();
        let soon = Instant::now() + DEBOUNCE;
        let at = waiting.map_or(soon, |&at| at.min(soon));
        self.due.extend(paths.into_iter().map(|path| (path, at)));
    }

    /// Those of `paths` that may be offered: below the root, or where they are shared.
    pub fn ours(&self, paths: &[PathBuf]) -> impl Iterator<Item = PathBuf> + use<> {
        let ours = paths
            .iter()
            .filter_map(|path| self.known_as(path))
            // Other rules change what is offered of the whole folder.
            .map(|path| match path.parent() {
                Some(folder) if path.ends_with(RULES) => folder,
                _ => path,
            })
            .filter(|path| !self.is_own(path));
        ours.map(Path::to_owned).collect::<Vec<_>>().into_iter()
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
