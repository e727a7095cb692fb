//! The way of a lane's chunks to the disk: one thread takes them there, one after the other, and
//! ends when none is left.
//!
//! Short chunks pile up while it is busy, so that a thread is not woken for each of them. Invariant:
//! what is there and what waits for it are one chunk, or [`PILE`] bytes; more is not read from the
//! stream, so back-pressure reaches the sender.

use parking_lot::{Mutex, MutexGuard};
use std::{collections::VecDeque, io, sync::Arc};
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes that may be on their way to the disk if they are several chunks.
const PILE: usize = 256 << 10;

/// Stores one chunk, and gives its buffer back.
type Work = Box<dyn FnOnce() -> Vec<u8> + Send>;

#[derive(Default)]
struct Pile {
    waiting: VecDeque<(usize, Work)>,
    /// Bytes of what waits and of what is stored just now.
    bytes: usize,
    busy: bool,
    /// Buffers that are free: [`PILE`] bytes of them, or one.
    spare: Vec<Vec<u8>>,
}

#[derive(Default)]
pub(super) struct Storer {
    pile: Arc<Mutex<Pile>>,
    thread: Option<JoinHandle<()>>,
}

impl Storer {
    fn lock(&self) -> MutexGuard<'_, Pile> {
        self.pile.lock()
    }

    /// A buffer for what comes next.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.lock().spare.pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub(super) fn give_back(&self, buffer: Vec<u8>) {
        self.lock().keep(buffer);
    }

    /// Returns when there is room for a chunk of so many bytes.
    ///
    /// # Errors
    /// When storing panicked.
    pub(super) async fn room(&mut self, len: usize) -> io::Result<()> {
        let full = {
            let pile = self.lock();
            pile.bytes > 0 && pile.bytes + len > PILE
        };
        if full && let Some(thread) = self.thread.take() {
            thread.await.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Stores a chunk of so many bytes, for which there is room.
    pub(super) fn store(&mut self, len: usize, work: impl FnOnce() -> Vec<u8> + Send + 'static) {
        let mut pile = self.lock();
        pile.bytes += len;
        pile.waiting.push_back((len, Box::new(work)));
        if !std::mem::replace(&mut pile.busy, true) {
            drop(pile);
            let thread = Thread(Arc::clone(&self.pile));
            self.thread = Some(spawn_blocking(move || while thread.turn() {}));
        }
    }
}

impl Pile {
    fn keep(&mut self, buffer: Vec<u8>) {
        let kept: usize = self.spare.iter().map(Vec::capacity).sum();
        if buffer.capacity() > 0 && (kept == 0 || kept + buffer.capacity() <= PILE) {
            self.spare.push(buffer);
        }
    }
}

/// The thread at work; whatever ends it, another one can follow.
struct Thread(Arc<Mutex<Pile>>);

impl Thread {
    /// Stores the next one; false when there is none.
    fn turn(&self) -> bool {
        let mut pile = self.0.lock();
        let Some((len, work)) = pile.waiting.pop_front() else {
            // Under the lock: what comes after this finds nobody at work.
            pile.busy = false;
            return false;
        };
        drop(pile);
        let buffer = work();
        let mut pile = self.0.lock();
        pile.bytes -= len;
        pile.keep(buffer);
        true
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut pile = self.0.lock();
            pile.busy = false;
            pile.bytes = pile.waiting.iter().map(|(len, _)| len).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, time::Duration};
    use tokio::time::timeout;

    const DEADLINE: Duration = Duration::from_secs(30);

    /// What is asked whether there is room while one of so many bytes is stored.
    async fn has_room(busy: usize, piled: &[usize], len: usize) -> bool {
        let mut storer = Storer::default();
        let (go, wait) = mpsc::sync_channel::<()>(1);
        storer.store(busy, move || {
            let _ = wait.recv();
            Vec::new()
        });
        for &len in piled {
            storer.store(len, Vec::new);
        }
        let room = timeout(Duration::from_millis(20), storer.room(len)).await;
        drop(go);
        room.is_ok()
    }

    #[tokio::test]
    async fn short_chunks_pile_up_and_a_long_one_waits_until_nothing_is_before_it() {
        assert!(has_room(24 << 10, &[24 << 10; 3], 24 << 10).await);
        assert!(has_room(24 << 10, &[], PILE - (24 << 10)).await);
        assert!(!has_room(24 << 10, &[24 << 10; 9], 24 << 10).await, "full");
        assert!(!has_room(1, &[], PILE).await);
        assert!(!has_room(1 << 20, &[], 1).await);
        assert!(Storer::default().room(1 << 20).await.is_ok(), "alone");
    }

    #[tokio::test]
    async fn all_are_stored_in_their_order_by_however_many_threads() {
        let (mut storer, (done, is_done)) = (Storer::default(), mpsc::sync_channel(1000));
        for at in 0..1000 {
            let len = 60 << 10;
            timeout(DEADLINE, storer.room(len)).await.unwrap().unwrap();
            let done = done.clone();
            storer.store(len, move || {
                done.send(at).unwrap();
                vec![0; 10]
            });
            assert!(storer.lock().bytes <= PILE);
        }
        drop(done);
        let thread = storer.thread.take().unwrap();
        timeout(DEADLINE, thread).await.unwrap().unwrap();
        assert!(is_done.iter().eq(0..1000));
        let pile = storer.lock();
        assert_eq!((pile.bytes, pile.busy), (0, false));
        assert!(!pile.spare.is_empty());
    }

    #[tokio::test]
    async fn after_a_panic_the_next_is_stored() {
        let mut storer = Storer::default();
        storer.store(1, || panic!("of a test"));
        let thread = storer.thread.take().unwrap();
        assert!(timeout(DEADLINE, thread).await.unwrap().is_err());
        let (done, is_done) = mpsc::sync_channel(1);
        storer.store(1, move || {
            done.send(()).unwrap();
            Vec::new()
        });
        let thread = storer.thread.take().unwrap();
        timeout(DEADLINE, thread).await.unwrap().unwrap();
        assert_eq!(is_done.iter().count(), 1);
    }
}
