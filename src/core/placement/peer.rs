//! One node: whether it takes replicas now, what is queued for it, and what is on its way.

use super::REFUSED;
use crate::core::{
    Now,
    id::{FileId, NodeId},
    score::Weight,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

/// Chunks that wait for one node; a longer plan is made again when they are through.
pub(super) const MAX_QUEUED: usize = 8192;
/// Pause after a batch that broke off; twice as long after the second.
const PAUSE: Duration = Duration::from_secs(2);
/// The first pause of a node that is busy.
const SOON: Duration = Duration::from_millis(50);
/// Pauses in a row that come to so much together, and the node is passed over.
const MAX_PAUSES: Duration = Duration::from_secs(6);

/// Why a push came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Trouble {
    /// The node has no time for it.
    Busy,
    /// Nobody knows.
    Broken,
}

/// Chunks of one file that are to go to one node.
#[derive(Debug)]
pub(super) struct Run {
    pub file: FileId,
    /// By which plan of the file.
    pub plan: u64,
    pub chunks: VecDeque<u32>,
}

/// What is on its way.
#[derive(Debug)]
pub(super) struct Outstanding {
    pub file: FileId,
    pub plan: u64,
    /// Ascending.
    pub chunks: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Peer {
    pub weight: Weight,
    pub offers_room: bool,
    /// The last that it said about room is that it has none.
    pub full: bool,
    /// Not a target until then: others take its share.
    pub passed_until: Option<Now>,
    /// Nothing is sent to it until then; its share waits.
    wait_until: Now,
    /// How long it was waited for since something went well.
    paused: Duration,
    pub queue: VecDeque<Run>,
    queued: usize,
    /// Files that had more for it than the queue takes.
    pub overflow: BTreeSet<FileId>,
    /// What is on its way, by file: one batch.
    outstanding: BTreeMap<FileId, Outstanding>,
    /// What of that batch came to nothing so far, and why.
    failed: Vec<Outstanding>,
    trouble: Option<Trouble>,
    /// Something of that batch was kept.
    well: bool,
    /// Grows with each push to anyone: who waited longest comes first.
    pub served: u64,
    /// It was passed over and gets another chance: how many files it was not tried with yet.
    pub probed: Option<usize>,
}

impl Peer {
    pub fn new(node: NodeId) -> Self {
        Self {
            weight: Weight::of(node),
            offers_room: false,
            full: false,
            passed_until: None,
            wait_until: Now::ZERO,
            paused: Duration::ZERO,
            queue: VecDeque::new(),
            queued: 0,
            overflow: BTreeSet::new(),
            outstanding: BTreeMap::new(),
            failed: Vec::new(),
            trouble: None,
            well: false,
            served: 0,
            probed: None,
        }
    }

    /// Whether new copies may be meant for it.
    pub fn is_target(&self) -> bool {
        self.offers_room && self.passed_until.is_none()
    }

    /// Whether new copies may be meant for it, and it has not said that it has no room.
    pub fn has_room(&self) -> bool {
        self.is_target() && !self.full
    }

    /// Chunks that wait for it, or a full queue of them where there are more.
    pub fn backlog(&self) -> usize {
        if self.overflow.is_empty() {
            self.queued
        } else {
            MAX_QUEUED
        }
    }

    /// Whether it has nothing to do.
    pub fn is_free(&self) -> bool {
        self.is_target() && !self.is_pushed_to() && self.queue.is_empty()
    }

    /// Whether something can be sent to it now.
    pub fn is_ready(&self, now: Now) -> bool {
        self.is_target() && !self.is_pushed_to() && !self.queue.is_empty() && self.wait_until <= now
    }

    /// When something can be sent to it or meant for it again.
    pub fn next_tick(&self) -> Option<Now> {
        let waits = self.is_target() && !self.is_pushed_to() && !self.queue.is_empty();
        self.passed_until.or(waits.then_some(self.wait_until))
    }

    /// It takes replicas, or takes none.
    pub fn set_offers(&mut self, offers_room: bool) {
        if offers_room && !self.offers_room {
            self.passed_until = None;
            self.paused = Duration::ZERO;
            self.full = false;
        }
        self.offers_room = offers_room;
    }

    pub fn passed_over(&mut self, now: Now) {
        self.passed_until = Some(now + REFUSED);
        self.paused = Duration::ZERO;
    }

    /// Whether a batch is on its way to it.
    pub fn is_pushed_to(&self) -> bool {
        !self.outstanding.is_empty()
    }

    /// What of a file is on its way to it.
    pub fn flying(&self, file: &FileId) -> &[u32] {
        self.outstanding.get(file).map_or(&[], |out| &out.chunks)
    }

    /// The files of which something is on its way to it.
    pub fn under_way(&self) -> impl Iterator<Item = FileId> {
        let failed = self.failed.iter().map(|out| out.file);
        self.outstanding.keys().copied().chain(failed)
    }

    /// These are on their way.
    pub fn sent(&mut self, batch: Vec<Outstanding>) {
        self.outstanding = batch.into_iter().map(|out| (out.file, out)).collect();
        (self.trouble, self.well) = (None, false);
    }

    /// A push of this file was answered.
    pub fn take_out(&mut self, file: &FileId) -> Option<Outstanding> {
        self.outstanding.remove(file)
    }

    /// Of a push that was answered nothing was kept.
    pub fn failed(&mut self, out: Outstanding, why: Trouble) {
        self.trouble = self.trouble.max(Some(why));
        self.failed.push(out);
    }

    /// Something was kept; what is left of that push is sent again.
    pub fn went_well(&mut self, left: Outstanding) {
        self.well = true;
        // Unless it said so of another file of the batch.
        self.full &= !self.is_target();
        if !left.chunks.is_empty() {
            self.put_back(left);
        }
    }

    /// When all of the batch is answered: what came to nothing waits a while. Gives the files that
    /// others should get because this node is passed over now.
    pub fn settle(&mut self, now: Now) -> Vec<FileId> {
        if self.is_pushed_to() {
            return Vec::new();
        }
        if self.well {
            self.paused = Duration::ZERO;
        }
        let Some(trouble) = self.trouble.take() else {
            return Vec::new();
        };
        let failed = std::mem::take(&mut self.failed);
        let pause = match trouble {
            Trouble::Busy => self.paused.max(SOON),
            Trouble::Broken => (self.paused * 2).max(PAUSE),
        };
        if self.paused >= MAX_PAUSES || !self.is_target() {
            if self.is_target() {
                self.passed_over(now);
            }
            return failed.into_iter().map(|out| out.file).collect();
        }
        self.paused += pause;
        self.wait_until = now + pause;
        for out in failed.into_iter().rev() {
            // Behind what goes well, or it would come first each time.
            if self.well {
                self.put_last(out);
            } else {
                self.put_back(out);
            }
        }
        Vec::new()
    }

    /// Puts a chunk into its queue, behind the others.
    pub fn enqueue(&mut self, file: FileId, plan: u64, at: u32) {
        if self.queued >= MAX_QUEUED {
            self.overflow.insert(file);
            return;
        }
        self.queued += 1;
        match self.queue.back_mut() {
            Some(run) if run.file == file && run.plan == plan => run.chunks.push_back(at),
            _ => self.queue.push_back(Run {
                file,
                plan,
                chunks: VecDeque::from([at]),
            }),
        }
    }

    /// Puts chunks that were on their way back, before the others.
    pub fn put_back(&mut self, out: Outstanding) {
        self.queued += out.chunks.len();
        self.queue.push_front(Run {
            file: out.file,
            plan: out.plan,
            chunks: out.chunks.into(),
        });
    }

    fn put_last(&mut self, out: Outstanding) {
        self.queued += out.chunks.len();
        self.queue.push_back(Run {
            file: out.file,
            plan: out.plan,
            chunks: out.chunks.into(),
        });
    }

    /// Takes a chunk from the first run.
    pub fn pop(&mut self) -> Option<u32> {
        let at = self.queue.front_mut()?.chunks.pop_front()?;
        self.queued -= 1;
        Some(at)
    }

    /// Lets the first run go.
    pub fn drop_run(&mut self) {
        if let Some(run) = self.queue.pop_front() {
            self.queued -= run.chunks.len();
        }
    }

    /// When nothing is queued any more: the files that had more for it, as many as the queue takes.
    pub fn take_overflow(&mut self) -> Vec<FileId> {
        if !self.queue.is_empty() {
            return Vec::new();
        }
        let next = std::iter::from_fn(|| self.overflow.pop_first());
        next.take(MAX_QUEUED).collect()
    }

    /// Empties the queue. Gives the files that had something in it.
    pub fn clear(&mut self) -> BTreeSet<FileId> {
        let mut files = std::mem::take(&mut self.overflow);
        files.extend(self.queue.drain(..).map(|run| run.file));
        self.queued = 0;
        files
    }
}
