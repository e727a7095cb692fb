//! The limits on what this node sends and receives, shared by all streams of a direction.
//!
//! Owns the waiting; `core::pace` does the arithmetic. Without a limit nothing waits. No lock is
//! held while waiting, and a task that stops waiting gives back what was booked for it.

use crate::core::pace::Pace;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// Timers are no finer than this: shorter waits are left out, and the next one makes up for them.
const GRAIN: Duration = Duration::from_millis(1);

/// A limit, or none. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Limiter(Arc<RwLock<Option<Arc<Shared>>>>);

#[derive(Debug)]
struct Shared {
    started: Instant,
    pace: Mutex<Pace>,
    rate: u64,
    piece: usize,
}

impl Shared {
    fn new(rate: u64) -> Self {
        let pace = Pace::new(rate);
        Self {
            started: Instant::now(),
            rate: pace.rate(),
            piece: pace.piece(),
            pace: Mutex::new(pace),
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock()
    }
}

impl Limiter {
    /// At most so many bytes a second.
    #[must_use]
    pub fn new(rate: Option<u64>) -> Self {
        let limiter = Self::default();
        limiter.set(rate);
        limiter
    }

    /// Another limit from now on. What waits under the one before waits to its end.
    pub fn set(&self, rate: Option<u64>) {
        *self.0.write() = rate.map(|rate| Arc::new(Shared::new(rate)));
    }

    fn now(&self) -> Option<Arc<Shared>> {
        self.0.read().clone()
    }

    /// Bytes a second; `None` without a limit.
    #[must_use]
    pub fn rate(&self) -> Option<u64> {
        Some(self.0.read().as_ref()?.rate)
    }

    /// The most bytes to ask for at a time, so that others have their turn too.
    #[must_use]
    pub fn piece(&self) -> usize {
        let shared = self.0.read();
        shared.as_ref().map_or(usize::MAX, |shared| shared.piece)
    }

    /// Waits until so many bytes may move.
    pub async fn take(&self, bytes: usize) {
        let mut rest = bytes;
        while rest > 0 {
            let piece = rest.min(self.piece());
            self.lend(piece).await.spend(piece);
            rest -= piece;
        }
    }

    /// The same for at most a [`Limiter::piece`] of which it is not known yet whether all will
    /// move.
    pub async fn lend(&self, bytes: usize) -> Loan {
        let loan = Loan {
            shared: self.now(),
            left: bytes,
        };
        if let Some(shared) = &loan.shared {
            let now = Instant::now();
            let at = shared.pace().book(bytes, now - shared.started);
            if let Some(at) = shared.started.checked_add(at)
                && at > now + GRAIN
            {
                sleep_until(at).await;
            }
        }
        loan
    }
}

/// Bytes that may move. What is not spent goes back.
#[must_use = "what is not spent goes back"]
#[derive(Debug)]
pub struct Loan {
    shared: Option<Arc<Shared>>,
    left: usize,
}

impl Loan {
    /// So many did move.
    pub fn spend(mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.as_ref().filter(|_| self.left > 0) {
            shared.pace().give_back(self.left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const RATE: u64 = 1 << 20;

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let begun = Instant::now();
        Limiter::default().take(usize::MAX).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn all_streams_together_keep_to_the_limit() {
        let limit = Limiter::new(Some(RATE));
        let begun = Instant::now();
        let stream = |share| {
            let limit = limit.clone();
            tokio::spawn(async move { limit.take(share).await })
        };
        let streams: Vec<_> = (0..8).map(|_| stream(5 << 17)).collect();
        for stream in streams {
            stream.await.expect("no panic");
        }
        let seconds = begun.elapsed().as_secs_f64();
        assert!((4.75..=5.05).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_limit_holds_from_the_next_piece_on() {
        let limit = Limiter::new(Some(RATE));
        let shared = limit.clone();
        assert_eq!(shared.rate(), Some(RATE));
        limit.set(None);
        let begun = Instant::now();
        shared.take(100 * RATE as usize).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        limit.set(Some(2 * RATE));
        shared.take(10 * RATE as usize).await;
        let seconds = begun.elapsed().as_secs_f64();
        assert!((4.7..=5.05).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_gives_up_or_gets_less_gives_back() {
        let limit = Limiter::new(Some(RATE));
        let begun = Instant::now();
        for _ in 0..10_000 {
            drop(limit.lend(limit.piece()).await);
        }
        limit.take(RATE as usize / 4).await;
        // The line is busy now: these wait in vain.
        for _ in 0..10_000 {
            let _held = limit.lend(limit.piece()).await;
            let waited = timeout(Duration::ZERO, limit.lend(limit.piece())).await;
            assert!(waited.is_err());
        }
        limit.take(RATE as usize / 4).await;
        let seconds = begun.elapsed().as_secs_f64();
        assert!(seconds < 1.0, "{seconds}");
    }
}
