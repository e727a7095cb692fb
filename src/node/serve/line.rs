//! Who is served next: the questions of each stream, and the places that all streams wait for.
//!
//! A chunk that nobody was sent yet goes first, whoever asked for it: while many download from one seed, its line then
//! carries each chunk once before it carries any twice, and they have something to give one another. Else whoever
//! has waited longest. Never reads a chunk or touches a socket. Invariants: at most [`PLACES`] places are taken; nobody
//! who waits longer than [`PATIENCE`] is overtaken; whoever is dropped while it waits, or with its place, loses none of them.

use super::ready::Ready;
use crate::{
    core::id::ChunkId,
    wire::chunk::{MAX_OPEN, Tag},
};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, oneshot};

/// Chunks in memory for all inbound streams together (of at most 1 MiB each). Few: what is on its way to many at once is
/// late everywhere, and only a whole chunk can be passed on.
pub(super) const PLACES: usize = 4;
/// After this long one is served in its turn.
const PATIENCE: Duration = Duration::from_secs(1);
/// Questions of a stream that are looked at for a chunk that nobody was sent.
const LOOK: usize = 16;
/// Chunks of which it is remembered that they were sent.
const MEMORY: usize = 1 << 17;

#[derive(Clone, Copy)]
struct Question {
    tag: Tag,
    id: ChunkId,
    withdrawn: bool,
}

/// The open questions of one stream.
#[derive(Default)]
pub(super) struct Queue {
    open: Mutex<VecDeque<Question>>,
    /// There is something to answer, or room for more.
    filled: Notify,
    taken: Notify,
    /// Small ones that were read before their turn.
    pub(super) ready: Ready,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Question>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(super) fn push(&self, tag: Tag, id: ChunkId) {
        let withdrawn = false;
        self.lock().push_back(Question { tag, id, withdrawn });
        self.filled.notify_one();
    }

    /// What was taken and not answered comes first again.
    pub(super) fn put_back(&self, tag: Tag, id: ChunkId) {
        let withdrawn = false;
        self.lock().push_front(Question { tag, id, withdrawn });
    }

    pub(super) fn withdraw(&self, tag: Tag) {
        let mut open = self.lock();
        if let Some(question) = open.iter_mut().find(|question| question.tag == tag) {
            question.withdrawn = true;
        }
    }

    /// A question that needs no chunk any more.
    pub(super) fn pop_withdrawn(&self) -> Option<Tag> {
        let mut open = self.lock();
        let at = open.iter().position(|question| question.withdrawn)?;
        let tag = open.remove(at).map(|question| question.tag);
        if let Some(tag) = tag {
            self.ready.forget(tag);
        }
        self.taken.notify_waiters();
        tag
    }

    /// The next few questions.
    pub(super) fn next(&self, most: usize) -> Vec<(Tag, ChunkId)> {
        let open = self.lock();
        let next = open.iter().filter(|question| !question.withdrawn);
        next.take(most)
            .map(|question| (question.tag, question.id))
            .collect()
    }

    /// Does something if a question is still open, which it stays meanwhile.
    pub(super) fn while_open(&self, tag: Tag, work: impl FnOnce()) {
        let open = self.lock();
        if open.iter().any(|question| question.tag == tag) {
            work();
        }
    }

    /// Returns when there may be something to answer.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Returns when there is room for another question.
    pub(super) async fn room(&self) {
        loop {
            let taken = self.taken.notified();
            tokio::pin!(taken);
            taken.as_mut().enable();
            if self.lock().len() < MAX_OPEN {
                return;
            }
            taken.await;
        }
    }
}

/// The line, for all streams together. Clones are handles to the same one.
#[derive(Clone, Default)]
pub(super) struct Line(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    taken: usize,
    /// In the order in which they came.
    waiting: VecDeque<Waiting>,
    /// A word of each chunk that was sent.
    sent: HashSet<u64>,
}

struct Waiting {
    queue: Arc<Queue>,
    since: Instant,
    place: oneshot::Sender<Place>,
}

/// One of the [`PLACES`]; free again when dropped.
pub(super) struct Place(Option<Line>);

impl Drop for Place {
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

impl State {
    /// The place in `open` of the first question for a chunk that nobody was sent.
    fn fresh(&self, open: &VecDeque<Question>) -> Option<usize> {
        let fresh =
            |question: &Question| !question.withdrawn && !self.sent.contains(&word(&question.id));
        open.iter().take(LOOK).position(fresh)
    }

    fn next(&mut self) -> Option<Waiting> {
        let first = self.waiting.front()?;
        let at = if first.since.elapsed() > PATIENCE {
            0
        } else {
            let fresh = |waiting: &Waiting| self.fresh(&waiting.queue.lock()).is_some();
            self.waiting.iter().position(fresh).unwrap_or(0)
        };
        self.waiting.remove(at)
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place.
    pub(super) async fn wait(&self, queue: &Arc<Queue>) -> Place {
        loop {
            let (place, came) = oneshot::channel();
            {
                let mut state = self.lock();
                if state.taken < PLACES {
                    state.taken += 1;
                    return Place(Some(self.clone()));
                }
                state.waiting.push_back(Waiting {
                    queue: queue.clone(),
                    since: Instant::now(),
                    place,
                });
            }
            if let Ok(place) = came.await {
                return place;
            }
        }
    }

    /// A place, if one is free.
    pub(super) fn spare(&self) -> Option<Place> {
        let mut state = self.lock();
        (state.taken < PLACES).then(|| {
            state.taken += 1;
            Place(Some(self.clone()))
        })
    }

    /// The question to answer next: the first one for a chunk that nobody was sent, else the first one.
    pub(super) fn pick(&self, queue: &Queue) -> Option<(Tag, ChunkId)> {
        let mut state = self.lock();
        let mut open = queue.lock();
        let first = || open.iter().position(|question| !question.withdrawn);
        let at = state.fresh(&open).or_else(first)?;
        let question = open.remove(at)?;
        queue.taken.notify_waiters();
        if state.sent.len() >= MEMORY {
            state.sent.clear();
        }
        state.sent.insert(word(&question.id));
        Some((question.tag, question.id))
    }

    /// Gives a place that became free to who is next.
    fn pass_on(&self) {
        loop {
            let next = {
                let mut state = self.lock();
                let next = state.next();
                if next.is_none() {
                    state.taken -= 1;
                }
                next
            };
            let Some(next) = next else { return };
            match next.place.send(Place(Some(self.clone()))) {
                Ok(()) => return,
                // It is gone: the place is still ours to give.
                Err(mut place) => place.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(at: u8) -> ChunkId {
        ChunkId([at; 32])
    }

    fn queue(chunks: &[u8]) -> Arc<Queue> {
        let queue = Queue::default();
        for (tag, &at) in (0..).zip(chunks) {
            queue.push(tag, id(at));
        }
        Arc::new(queue)
    }

    /// All places but none, taken.
    async fn full(line: &Line) -> Vec<Place> {
        let mut places = Vec::new();
        for _ in 0..PLACES {
            places.push(line.wait(&queue(&[])).await);
        }
        assert!(line.spare().is_none());
        places
    }

    #[tokio::test]
    async fn what_nobody_was_sent_goes_first() {
        let line = Line::default();
        let mut places = full(&line).await;
        let (old, new) = (queue(&[1, 2]), queue(&[1, 3]));
        for at in [1, 2] {
            line.pick(&queue(&[at]));
        }
        let mut first = Box::pin(line.wait(&old));
        let mut second = Box::pin(line.wait(&new));
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut second).is_pending());
        places.pop();
        assert!(futures::poll!(&mut first).is_pending());
        let place = second.await;
        assert_eq!(line.pick(&new), Some((1, id(3))));
        drop(place);
        first.await;
        assert_eq!(line.pick(&old), Some((0, id(1))));
    }

    #[tokio::test]
    async fn whoever_goes_away_takes_no_place_along() {
        let line = Line::default();
        let mut places = full(&line).await;
        let some = queue(&[1]);
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(line.wait(&some))).collect();
        for wait in &mut waiting {
            assert!(futures::poll!(wait).is_pending());
        }
        drop(waiting.remove(0));
        places.pop();
        // It has been given a place, and goes without having looked.
        drop(waiting.remove(0));
        drop(waiting.remove(0).await);
        places.clear();
        assert_eq!(line.lock().taken, 0);
    }

    #[tokio::test]
    async fn a_withdrawn_question_is_not_answered_with_a_chunk() {
        let (line, some) = (Line::default(), queue(&[1, 2]));
        some.withdraw(0);
        assert_eq!(line.pick(&some), Some((1, id(2))));
        assert_eq!(some.pop_withdrawn(), Some(0));
        assert_eq!(line.pick(&some), None);
        assert!(some.is_empty());
    }
}
