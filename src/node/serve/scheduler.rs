//! Who is served next: the questions of each stream, and the slots that all streams wait for.
//!
//! What was sent least often goes first, no matter who asked for it: while many download from one
//! seed, its line then carries each chunk once before it carries any twice, and they have something
//! to give one another. Else the peer that has waited longest. How long a slot may be held, and how
//! long somebody may be overtaken, follows from how long chunks take on this line. Never reads a
//! chunk or touches a socket. Invariants: at most [`SLOTS`] slots are taken; nobody who waits
//! longer than `Line::patience` is overtaken; a request that is dropped while it waits, or with
//! its slot, loses none of them; once closed, no slot is given.

use super::queue::{Question, Queue};
use crate::{core::id::ChunkId, wire::chunk::Tag};
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Notify, oneshot};

/// Chunks in memory for all inbound streams together (of at most 1 MiB each). Few: what is on its
/// way to many at once is late everywhere, and only a whole chunk can be passed on. Enough that the
/// line stays full while some of those who read are served by others as well.
pub(super) const SLOTS: usize = 6;
/// How long a chunk may wait for its requester in memory, at least: longer on a line where all
/// chunks take long. The rest of it is then read again.
const MIN_HOLD: Duration = Duration::from_millis(125);
/// The longest, however slow the line: a peer that reads slowly on purpose must not hold up the
/// others for ever.
const MAX_HOLD: Duration = Duration::from_secs(2);
/// What is assumed before anything was sent: too long does little harm, too short gives all of them
/// a little at a time.
const FIRST_PACE: Duration = Duration::from_millis(250);
/// After this long one is served in its turn; later where chunks take long, but not so late that it
/// is given up.
const MIN_PATIENCE: Duration = Duration::from_secs(1);
const MAX_PATIENCE: Duration = Duration::from_secs(4);
/// Who is served asks for the next chunk within this time.
pub(super) const MOMENT: Duration = Duration::from_millis(30);
/// Questions of a stream that are looked at for the chunk that was sent least often.
const LOOK: usize = 16;
/// Chunks of which it is remembered how often they were sent.
const MEMORY: usize = 1 << 17;

/// The line, for all streams together. Clones are handles to the same one.
#[derive(Clone, Default)]
pub(super) struct Line(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// No slot is taken any more.
    idle: Notify,
}

struct State {
    taken: usize,
    /// In the order in which they came.
    waiting: VecDeque<Waiting>,
    /// How often each chunk was sent, by a word of its id.
    sent: HashMap<u64, u32>,
    /// How long a chunk takes from its slot to its end, of late.
    pace: Duration,
    closed: bool,
}

struct Waiting {
    queue: Arc<Queue>,
    since: Instant,
    slot: oneshot::Sender<Slot>,
}

/// One of the [`SLOTS`]; free again when dropped.
pub(super) struct Slot(Option<Line>);

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(line) = self.0.take() {
            line.pass_on();
        }
    }
}

fn word(id: &ChunkId) -> u64 {
    let bytes = id.as_bytes().iter().take(8);
    bytes.fold(0, |word, &byte| word << 8 | u64::from(byte))
}

impl Default for State {
    fn default() -> Self {
        Self {
            taken: 0,
            waiting: VecDeque::new(),
            sent: HashMap::new(),
            pace: FIRST_PACE,
            closed: false,
        }
    }
}

impl State {
    /// The question in `open` for the chunk that was sent least often: how often that was, and
    /// where in `open` it stands.
    fn rarest(&self, open: &VecDeque<Question>) -> Option<(u32, usize)> {
        let questions = open.iter().take(LOOK).enumerate();
        questions
            .filter(|(_, question)| !question.withdrawn)
            .map(|(at, question)| (self.sent.get(&word(&question.id)).copied().unwrap_or(0), at))
            .min()
    }

    fn patience(&self) -> Duration {
        (self.pace * 16).clamp(MIN_PATIENCE, MAX_PATIENCE)
    }

    fn next(&mut self) -> Option<Waiting> {
        let first = self.waiting.front()?;
        let at = if first.since.elapsed() > self.patience() {
            0
        } else {
            let often = |waiting: &Waiting| {
                let rarest = self.rarest(&waiting.queue.lock());
                rarest.map_or(u32::MAX, |(times, _)| times)
            };
            // The first of equals.
            (0..self.waiting.len()).min_by_key(|&at| often(&self.waiting[at]))?
        };
        self.waiting.remove(at)
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    /// Forgets how often each chunk was sent.
    pub(super) fn forget(&self) {
        self.lock().sent.clear();
    }

    /// Waits for a slot; `None` when there will be none any more.
    pub(super) async fn wait(&self, queue: &Arc<Queue>) -> Option<Slot> {
        loop {
            let (slot, came) = oneshot::channel();
            {
                let mut state = self.lock();
                if state.closed {
                    return None;
                }
                if state.taken < SLOTS {
                    state.taken += 1;
                    return Some(Slot(Some(self.clone())));
                }
                state.waiting.push_back(Waiting {
                    queue: queue.clone(),
                    since: Instant::now(),
                    slot,
                });
            }
            if let Ok(slot) = came.await {
                return Some(slot);
            }
        }
    }

    /// How long a slot may be held.
    pub(super) fn hold(&self) -> Duration {
        (self.lock().pace * 4).clamp(MIN_HOLD, MAX_HOLD)
    }

    /// A chunk took so long from its slot to its end.
    pub(super) fn took(&self, time: Duration) {
        let mut state = self.lock();
        state.pace = (state.pace * 7 + time.min(MAX_HOLD)) / 8;
    }

    /// Waits until those who are served have asked for nothing for a [`MOMENT`]; not at all where
    /// nobody ever was.
    pub(super) async fn quiet(&self) {
        if self.lock().sent.is_empty() {
            return;
        }
        loop {
            let idle = self.0.idle.notified();
            if self.lock().taken > 0 {
                idle.await;
                continue;
            }
            tokio::time::sleep(MOMENT).await;
            if self.lock().taken == 0 {
                return;
            }
        }
    }

    /// Gives no more slots, and waits until all are given back.
    pub(super) async fn close(&self) {
        loop {
            let idle = self.0.idle.notified();
            {
                let mut state = self.lock();
                state.closed = true;
                state.waiting.clear();
                if state.taken == 0 {
                    return;
                }
            }
            idle.await;
        }
    }

    /// A slot, if one is free.
    pub(super) fn spare(&self) -> Option<Slot> {
        let mut state = self.lock();
        (state.taken < SLOTS && !state.closed).then(|| {
            state.taken += 1;
            Slot(Some(self.clone()))
        })
    }

    /// The question to answer next: for the chunk that was sent least often.
    pub(super) fn pick(&self, queue: &Queue) -> Option<(Tag, ChunkId)> {
        let mut state = self.lock();
        let mut open = queue.lock();
        let first = || open.iter().position(|question| !question.withdrawn);
        let at = state.rarest(&open).map(|(_, at)| at).or_else(first)?;
        let question = open.remove(at)?;
        queue.taken.notify_waiters();
        if state.sent.len() >= MEMORY {
            state.sent.clear();
        }
        *state.sent.entry(word(&question.id)).or_default() += 1;
        Some((question.tag, question.id))
    }

    /// Gives a slot that became free to the next in line.
    fn pass_on(&self) {
        loop {
            let next = {
                let mut state = self.lock();
                let next = state.next();
                if next.is_none() {
                    state.taken -= 1;
                    if state.taken == 0 {
                        self.0.idle.notify_waiters();
                    }
                }
                next
            };
            let Some(next) = next else { return };
            match next.slot.send(Slot(Some(self.clone()))) {
                Ok(()) => return,
                // It is gone: the slot is still ours to give.
                Err(mut slot) => slot.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
