//! One node: whether it takes replicas now, what is queued for it, and what is on its way.

use super::REFUSED;
use crate::core::{
    Now,
    id::{FileId, NodeId},
    score::Weight,
};
use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

/// Chunks that wait for one node; a longer plan is made again when they are through.
pub(super) const MAX_QUEUED: usize = 8192;
/// Pause after a push that failed; twice as long after the second.
const PAUSE: Duration = Duration::from_secs(2);
/// So many failures in a row, and the node is passed over.
const MAX_TROUBLES: u32 = 3;

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
    troubles: u32,
    pub queue: VecDeque<Run>,
    queued: usize,
    /// Files that had more for it than the queue takes.
    pub overflow: BTreeSet<FileId>,
    pub outstanding: Option<Outstanding>,
    /// Grows with each push to anyone: who waited longest comes first.
    pub served: u64,
}

impl Peer {
    pub fn new(node: NodeId) -> Self {
        Self {
            weight: Weight::of(node),
            offers_room: false,
            full: false,
            passed_until: None,
            wait_until: Now::ZERO,
            troubles: 0,
            queue: VecDeque::new(),
            queued: 0,
            overflow: BTreeSet::new(),
            outstanding: None,
            served: 0,
        }
    }

    /// Whether new copies may be meant for it.
    pub fn is_target(&self) -> bool {
        self.offers_room && self.passed_until.is_none()
    }

    /// Whether something can be sent to it now.
    pub fn is_ready(&self, now: Now) -> bool {
        self.is_target()
            && self.outstanding.is_none()
            && !self.queue.is_empty()
            && self.wait_until <= now
    }

    /// When something can be sent to it or meant for it again.
    pub fn next_tick(&self) -> Option<Now> {
        let waits = self.is_target() && self.outstanding.is_none() && !self.queue.is_empty();
        self.passed_until.or(waits.then_some(self.wait_until))
    }

    /// It takes replicas, or takes none.
    pub fn set_offers(&mut self, offers_room: bool) {
        if offers_room && !self.offers_room {
            self.passed_until = None;
            self.troubles = 0;
            self.full = false;
        }
        self.offers_room = offers_room;
    }

    pub fn passed_over(&mut self, now: Now) {
        self.passed_until = Some(now + REFUSED);
        self.troubles = 0;
    }

    /// A push came to nothing. True when it is now passed over.
    pub fn trouble(&mut self, now: Now) -> bool {
        self.troubles += 1;
        if self.troubles >= MAX_TROUBLES {
            self.passed_over(now);
            return true;
        }
        self.wait_until = now + PAUSE * self.troubles;
        false
    }

    pub fn went_well(&mut self) {
        self.troubles = 0;
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

    /// Empties the queue. Gives the files that had something in it.
    pub fn clear(&mut self) -> BTreeSet<FileId> {
        let mut files = std::mem::take(&mut self.overflow);
        files.extend(self.queue.drain(..).map(|run| run.file));
        self.queued = 0;
        files
    }
}
