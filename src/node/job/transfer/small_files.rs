//! The small files of a download: made ready, fetched, written and placed by the hundred.
//!
//! What a file costs by itself (a request, a partial file, a sync, a word to the actor) is more
//! than its bytes do, so here each of these is done for many: *waiting* → *preparing* (`batch`) →
//! *small* (its chunk is fetched, into memory) → *laid* (a temporary file) → *placed* (synced,
//! renamed, indexed). Invariants: at most [`OPEN`] files and [`OPEN_BYTES`] are between waiting and
//! laid; at most one group is being laid, and one placed, at a time; a file that cannot go this way
//! goes the ordinary one.

use super::{Done, FileStart, State, Transfer, panicked};
use crate::{
    core::{
        download::TransferEvent,
        have::HaveSet,
        id::{FileId, NodeId},
        index::{Position, Span},
        manifest::{Entry, MAX_CHUNK},
    },
    node::{
        api::DownloadError,
        job::{
            JobFile,
            batch::{self, BatchFile},
            disk_error,
            per_file::{FileIndex, PerFile},
        },
    },
    store::{ChunkBuffer, Finder, Finished, Laid, SmallFile, StoreError, lay, place_all},
    wire::control::Held,
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

/// Fewer files than this are not worth it.
const MANY: usize = 8;
/// Files that are made ready together.
const BATCH: usize = 256;
/// Files and bytes between waiting and laid. The bytes may all be in memory at once.
const OPEN: usize = 1024;
const OPEN_BYTES: u64 = 16 << 20;
/// A group is placed when it has so many files or bytes, or is so old: what a crash may cost.
const GROUP: usize = 1024;
const GROUP_BYTES: u64 = 16 << 20;
const GROUP_AGE: Duration = Duration::from_secs(1);
/// While so many wait to be placed nothing more is made ready: a disk may be slow at that.
const UNPLACED: usize = 4 * GROUP;

/// Files whose chunks lie in a row in the machine.
struct Batch {
    files: Vec<FileIndex>,
    span: Span,
    /// What the machine was told of each peer.
    known: HashMap<NodeId, HaveSet>,
    left: usize,
}

/// Where the small files of a job stand.
#[derive(Default)]
pub(super) struct SmallFiles {
    queue: VecDeque<FileIndex>,
    /// All that have not ended.
    mine: HashSet<FileIndex>,
    /// Those between waiting and laid.
    open: HashSet<FileIndex>,
    open_bytes: u64,
    batches: Vec<Batch>,
    pub(super) pile: ChunkBuffer,
    /// Their bytes are on the pile.
    arrived: Vec<(FileIndex, Option<Entry>)>,
    laying: bool,
    laid: Vec<(FileIndex, Laid)>,
    laid_bytes: u64,
    /// Since when the first of `laid` waits.
    since: Option<Instant>,
    placing: bool,
}

impl SmallFiles {
    /// Those of `files` that may go this way, if they are many enough.
    pub(super) fn of(files: &PerFile<JobFile>) -> Self {
        let small = |at: &FileIndex| files[*at].size <= MAX_CHUNK.into();
        let queue: VecDeque<FileIndex> = files.indices().filter(small).collect();
        if queue.len() < MANY {
            return Self::default();
        }
        Self {
            mine: queue.iter().copied().collect(),
            queue,
            ..Self::default()
        }
    }

    pub(super) fn has(&self, at: FileIndex) -> bool {
        self.mine.contains(&at)
    }

    pub(super) fn len(&self) -> usize {
        self.mine.len()
    }

    /// The file ended, or goes another way. True when it was one of these.
    pub(super) fn remove(&mut self, at: FileIndex, size: u64) -> bool {
        self.close(at, size);
        self.mine.remove(&at)
    }

    fn close(&mut self, at: FileIndex, size: u64) {
        if self.open.remove(&at) {
            self.open_bytes -= size;
        }
    }

    pub(super) fn give_up(&mut self) {
        self.queue.clear();
    }

    fn is_idle(&self) -> bool {
        !self.laying && !self.placing && self.arrived.is_empty() && self.laid.is_empty()
    }

    /// The chunk at `position` is here, or no longer wanted.
    fn settle(&mut self, position: Position) {
        let holds = |batch: &Batch| batch.span.contains(position);
        if let Some(at) = self.batches.iter().position(holds) {
            self.batches[at].left -= 1;
            if self.batches[at].left == 0 {
                self.batches.swap_remove(at);
            }
        }
    }

    /// `peer` has not got the chunk at `position` after all: what it has is to be learned again.
    pub(super) fn lacks(&mut self, peer: NodeId, position: Position) {
        for batch in &mut self.batches {
            if let Some(chunk) = batch.span.index_of(position)
                && let Some(known) = batch.known.get_mut(&peer)
            {
                known.remove(chunk.0);
            }
        }
    }

    /// Forgets what is known of a peer, or of all.
    pub(super) fn forget(&mut self, peer: Option<NodeId>) {
        for batch in &mut self.batches {
            batch
                .known
                .retain(|node, _| peer.is_some_and(|peer| peer != *node));
        }
    }

    /// Who is known to have some of it.
    pub(super) fn peers(&self) -> impl Iterator<Item = NodeId> + '_ {
        let known = self.batches.iter().flat_map(|batch| batch.known.keys());
        known.copied()
    }
}

impl Transfer {
    /// Makes more ready, writes what arrived, places what is written: whatever there is room or
    /// reason for.
    pub(super) fn move_small(&mut self, now: bool) {
        self.prepare_small();
        self.lay_small();
        self.place_small(now);
    }

    fn prepare_small(&mut self) {
        if self.paused || self.smalls.laid.len() >= UNPLACED {
            return;
        }
        while self.smalls.open.len() + BATCH <= OPEN || self.smalls.open.is_empty() {
            let mut batch = Vec::new();
            while batch.len() < BATCH
                && let Some(&at) = self.smalls.queue.front()
            {
                let bytes = self.files[at].size;
                if self.smalls.open_bytes + bytes > OPEN_BYTES {
                    break;
                }
                self.smalls.queue.pop_front();
                self.smalls.open_bytes += bytes;
                self.smalls.open.insert(at);
                self.states[at] = State::Preparing;
                batch.push((at, self.files[at].clone()));
            }
            if batch.is_empty() {
                return;
            }
            let (services, place) = (self.services.clone(), (self.into.clone(), self.taken));
            self.tasks
                .spawn(async move { Done::Batch(batch::prepare(services, batch, place).await) });
        }
    }

    pub(super) async fn readied(&mut self, files: Vec<(FileIndex, BatchFile)>) {
        let mut wanted = Vec::new();
        let mut entries = Vec::new();
        for (at, ready) in files {
            if matches!(self.states[at], State::Ended) {
                continue;
            }
            match ready {
                BatchFile::Here(..) | BatchFile::Wanted(_) if self.full => {
                    self.failed(at, self.no_space()).await;
                }
                BatchFile::Already(path) => {
                    self.done_bytes += self.files[at].size;
                    self.finished(at, path, true).await;
                }
                BatchFile::Here(bytes, entry) => {
                    self.smalls.pile.keep(at.number(), bytes);
                    let len = entry.map_or(0, |entry| u64::from(entry.len));
                    self.tallies[at].reused = len;
                    self.done_bytes += len;
                    self.states[at] = State::Finishing;
                    self.smalls.arrived.push((at, entry));
                }
                BatchFile::Wanted(entry) => {
                    wanted.push(at);
                    entries.push(entry);
                }
                BatchFile::Other => {
                    self.smalls.remove(at, self.files[at].size);
                    self.states[at] = State::Waiting;
                    self.queue.push_back(at);
                }
            }
        }
        self.begin().await;
        if wanted.is_empty() {
            return;
        }
        let held = HaveSet::empty(entries.len() as u32);
        let span = self.machine.add(&entries, &held);
        for ((first, &file), &entry) in span.iter().zip(&wanted).zip(&entries) {
            self.starts.push(FileStart { first, file });
            self.states[file] = State::Small(first, entry);
        }
        self.smalls.batches.push(Batch {
            left: wanted.len(),
            files: wanted,
            span,
            known: HashMap::new(),
        });
        self.refresh_small().await;
        self.feed(TransferEvent::Tick).await;
    }

    /// Looks again at who has the small files; gives everyone who has anything of them.
    pub(super) async fn refresh_small(&mut self) -> HashSet<NodeId> {
        let mut here = HashSet::new();
        let mut wanted: Vec<(usize, u32)> = Vec::new();
        let mut ids: Vec<FileId> = Vec::new();
        for (number, batch) in self.smalls.batches.iter().enumerate() {
            for (at, &file) in (0..).zip(&batch.files) {
                if matches!(self.states[file], State::Small(..)) {
                    wanted.push((number, at));
                    ids.push(self.files[file].id);
                }
            }
        }
        if ids.is_empty() {
            return here;
        }
        let sources = self.services.sources(&ids);
        let mut news: HashMap<(usize, NodeId), (HaveSet, Duration)> = HashMap::new();
        for ((number, at), sources) in wanted.into_iter().zip(sources) {
            let batch = &mut self.smalls.batches[number];
            let len = batch.files.len() as u32;
            for source in sources {
                if self.liars.contains(&source.node) {
                    continue;
                }
                if here.insert(source.node) {
                    self.names.insert(source.node, source.name);
                }
                let known = batch.known.entry(source.node);
                let known = known.or_insert_with(|| HaveSet::empty(len));
                // Of one chunk there is no part.
                if source.held != Held::Partial && known.insert(at) {
                    let news = news.entry((number, source.node));
                    let news = news.or_insert_with(|| (HaveSet::empty(len), source.rtt));
                    news.0.insert(at);
                }
            }
        }
        let batches = self.smalls.batches.iter();
        let starts: Vec<Position> = batches.map(|batch| batch.span.start).collect();
        for ((number, peer), (have, rtt)) in news {
            let at = starts[number];
            self.feed(TransferEvent::Source {
                peer,
                rtt,
                at,
                have,
                downloading: false,
            })
            .await;
        }
        here
    }

    /// Fetches no more of them: there is no room.
    pub(super) async fn stop_small(&mut self) {
        for at in self.files.indices() {
            if matches!(self.states[at], State::Small(..)) {
                self.failed(at, self.no_space()).await;
            }
        }
    }

    /// The chunk of small file `at` is on the pile.
    pub(super) fn arrived(&mut self, at: FileIndex) {
        if let State::Small(position, entry) = self.states[at] {
            self.states[at] = State::Finishing;
            self.done_bytes += u64::from(entry.len);
            self.smalls.settle(position);
            self.smalls.arrived.push((at, Some(entry)));
        }
    }

    /// Nobody waits for the chunk of small file `at` any longer.
    pub(super) fn unwant_small(&mut self, at: FileIndex, position: Position) {
        self.smalls.settle(position);
        drop(self.smalls.pile.take(at.number()));
    }

    fn lay_small(&mut self) {
        if self.smalls.laying || self.smalls.arrived.is_empty() {
            return;
        }
        let mut work = Vec::new();
        for (at, entry) in std::mem::take(&mut self.smalls.arrived) {
            let file = &self.files[at];
            let small = SmallFile {
                name: file.name.clone(),
                file: file.id,
                entry,
                mtime: file.offer.mtime,
                rights: file.offer.rights(),
            };
            if let Some(bytes) = self.smalls.pile.take(at.number()) {
                work.push((at, small, bytes));
            }
        }
        self.smalls.laying = true;
        let home = self.services.home.clone();
        self.tasks.spawn(async move {
            let all: Vec<FileIndex> = work.iter().map(|(at, ..)| *at).collect();
            let work = move || {
                let lay = |(at, small, bytes): (FileIndex, _, std::sync::Arc<[u8]>)| {
                    (at, lay(&home, small, &bytes))
                };
                work.into_iter().map(lay).collect()
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(laid) => Done::Laid(laid),
                Err(error) => Done::Lost(all, panicked(&error)),
            }
        });
    }

    pub(super) async fn laid(&mut self, files: Vec<(FileIndex, Result<Laid, StoreError>)>) {
        self.smalls.laying = false;
        for (at, result) in files {
            self.smalls.close(at, self.files[at].size);
            match result {
                Ok(laid) => {
                    self.smalls.since.get_or_insert_with(Instant::now);
                    self.smalls.laid_bytes += laid.len();
                    self.smalls.laid.push((at, laid));
                }
                Err(error) => {
                    let error = disk_error("what came cannot be written", error);
                    self.failed(at, error).await;
                }
            }
        }
    }

    fn place_small(&mut self, now: bool) {
        let smalls = &mut self.smalls;
        let whole = smalls.laid.len() >= GROUP
            || smalls.laid_bytes >= GROUP_BYTES
            || smalls.laid.len() == smalls.mine.len()
            || smalls
                .since
                .is_some_and(|since| since.elapsed() >= GROUP_AGE);
        if smalls.placing || smalls.laid.is_empty() || !(whole || now) {
            return;
        }
        let (all, laid): (Vec<FileIndex>, Vec<Laid>) = smalls.laid.drain(..).unzip();
        (smalls.placing, smalls.since, smalls.laid_bytes) = (true, None, 0);
        let (services, into) = (self.services.clone(), self.into.clone());
        let taken = self.taken;
        self.tasks.spawn(async move {
            let work = move || {
                let finder = Finder::new(&services.reader, &into, taken);
                place_all(&services.home, finder, laid)
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(results) => Done::Placed(all.into_iter().zip(results).collect()),
                Err(error) => Done::Lost(all, panicked(&error)),
            }
        });
    }

    pub(super) async fn placed(&mut self, files: Vec<(FileIndex, Result<Finished, StoreError>)>) {
        self.smalls.placing = false;
        for (at, result) in files {
            match result {
                Ok(finished) => self.finished(at, finished.path, finished.already).await,
                Err(error) => {
                    let error = disk_error("the file cannot be put in place", error);
                    self.failed(at, error).await;
                }
            }
        }
    }

    /// A task that wrote or placed them died.
    pub(super) async fn lost(&mut self, files: Vec<FileIndex>, error: DownloadError) {
        (self.smalls.laying, self.smalls.placing) = (false, false);
        for at in files {
            self.failed(at, error.clone()).await;
        }
    }

    /// Puts everything that arrived in its place, before an end.
    pub(super) async fn finish_small(&mut self) {
        self.smalls.give_up();
        while !self.smalls.is_idle() {
            self.lay_small();
            self.place_small(true);
            match self.tasks.join_next().await {
                Some(Ok(done @ (Done::Laid(_) | Done::Placed(_) | Done::Lost(..)))) => {
                    Box::pin(self.done(done)).await;
                }
                Some(_) => {}
                None => return,
            }
        }
    }
}
