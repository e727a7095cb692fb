//! The open questions of one stream, and small chunks that are read before their turn, together
//! with the one whose turn it is.
//!
//! Invariant: at most [`RUN_BYTES`] of a stream are kept, each for a question that is still open.

use crate::{
    core::id::ChunkId,
    wire::chunk::{MAX_OPEN, Tag},
};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{HashMap, VecDeque};
use tokio::sync::Notify;

/// How many are read together.
const RUN: usize = 15;
/// Bytes of them that are kept.
pub(super) const RUN_BYTES: usize = 64 << 10;

/// The chunks, by question.
#[derive(Default)]
pub(super) struct ReadAhead(Mutex<HashMap<Tag, (ChunkId, Vec<u8>)>>);

impl ReadAhead {
    fn lock(&self) -> MutexGuard<'_, HashMap<Tag, (ChunkId, Vec<u8>)>> {
        self.0.lock()
    }

    fn has(&self, tag: Tag) -> bool {
        self.lock().contains_key(&tag)
    }

    /// Bytes of all of them.
    fn kept(&self) -> usize {
        self.lock().values().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Keeps one, if there is room.
    fn keep(&self, tag: Tag, id: ChunkId, bytes: Vec<u8>) {
        if self.kept() + bytes.len() <= RUN_BYTES {
            self.lock().insert(tag, (id, bytes));
        }
    }

    /// What was read for a question whose turn it is.
    pub(super) fn take(&self, tag: Tag, id: &ChunkId) -> Option<Vec<u8>> {
        let (read, bytes) = self.lock().remove(&tag)?;
        (read == *id).then_some(bytes)
    }

    /// The question needs no answer.
    pub(super) fn forget(&self, tag: Tag) {
        self.lock().remove(&tag);
    }
}

#[derive(Clone, Copy)]
pub(super) struct Question {
    pub(super) tag: Tag,
    pub(super) id: ChunkId,
    pub(super) withdrawn: bool,
}

/// The open questions of one stream.
#[derive(Default)]
pub(super) struct Queue {
    open: Mutex<VecDeque<Question>>,
    /// There is something to answer, or room for more.
    filled: Notify,
    pub(super) taken: Notify,
    /// Small ones that were read before their turn.
    pub(super) read_ahead: ReadAhead,
}

impl Queue {
    pub(super) fn lock(&self) -> MutexGuard<'_, VecDeque<Question>> {
        self.open.lock()
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
            self.read_ahead.forget(tag);
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

    /// Reads small chunks before their turn, after one of so many bytes. One that is not small, or
    /// cannot be read, waits for it.
    pub(super) fn read_on(&self, mut len: usize, read: impl Fn(&ChunkId, &mut Vec<u8>) -> bool) {
        for (tag, id) in self.next(RUN) {
            if self.read_ahead.has(tag) {
                continue;
            }
            // What there is no room for would be read for nothing: the next is likely as long.
            if self.read_ahead.kept() + len > RUN_BYTES {
                return;
            }
            let mut buffer = Vec::with_capacity(len);
            if !read(&id, &mut buffer) {
                return;
            }
            len = buffer.len();
            // Its turn may have come meanwhile.
            self.while_open(tag, || self.read_ahead.keep(tag, id, buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn nothing_is_read_before_its_turn_that_there_is_no_room_for() {
        let queue = Queue::default();
        for tag in 0..20 {
            queue.push(tag, ChunkId([tag as u8; 32]));
        }
        let reads = Cell::new(0);
        let read = |_: &ChunkId, buffer: &mut Vec<u8>| {
            reads.set(reads.get() + 1);
            buffer.resize(24 << 10, 0);
            true
        };
        queue.read_on(24 << 10, read);
        assert_eq!(reads.get(), 2, "of 64 KiB");
        assert!(queue.read_ahead.kept() <= RUN_BYTES);
        queue.read_on(24 << 10, read);
        assert_eq!(reads.get(), 2, "they are kept already");
        assert!(queue.read_ahead.take(0, &ChunkId([0; 32])).is_some());
        let (tiny, queue) = (Cell::new(0), Queue::default());
        (0..20).for_each(|tag| queue.push(tag, ChunkId([0; 32])));
        queue.read_on(100, |_, buffer| {
            tiny.set(tiny.get() + 1);
            buffer.resize(100, 0);
            true
        });
        assert_eq!(tiny.get(), RUN, "a run of small ones");
    }
}
