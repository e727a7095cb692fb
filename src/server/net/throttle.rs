//! How fast all circuits together may go: a limit that every substream keeps to once it has carried
//! much.
//!
//! What a server itself says and hears is small, so whatever is long is a circuit. Each byte of a
//! circuit is read once, so reading is what is counted. Fair: turns are short and come in the order
//! of asking (`core::pace`), so none waits behind another's bulk.

use crate::core::pace::Pace;
use futures::{AsyncRead, AsyncWrite};
use parking_lot::{Mutex, MutexGuard};
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::time::{Instant, Sleep};

/// Bytes of a substream that are not counted.
const FREE: u64 = 64 << 10;
/// The most that is read at once before that, so that one large read does not count as short.
const PORTION: usize = 16 << 10;

/// The limit. Clones are handles to the same one.
#[derive(Clone)]
pub(super) struct Rate {
    pace: Arc<Mutex<Pace>>,
    begun: Instant,
}

impl Rate {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self {
            pace: Arc::new(Mutex::new(Pace::new(bytes_per_second))),
            begun: Instant::now(),
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock()
    }

    /// Books up to `wanted` bytes: how many, and when they may be read if that is not now.
    fn book(&self, wanted: usize) -> (usize, Option<Instant>) {
        let now = Instant::now();
        let mut pace = self.pace();
        let taken = wanted.min(pace.piece());
        let at = self.begun + pace.book(taken, now - self.begun);
        (taken, (at > now).then_some(at))
    }

    fn give_back(&self, unused: usize) {
        self.pace().give_back(unused);
    }
}

/// A substream that is counted.
pub(super) struct Substream<S> {
    inner: S,
    rate: Rate,
    read: u64,
    /// Bytes of the turn that is waited for, or that nothing came for yet.
    booked: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> Substream<S> {
    pub(super) fn new(inner: S, rate: Rate) -> Self {
        Self {
            inner,
            rate,
            read: 0,
            booked: 0,
            pause: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Substream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.read < FREE || out.is_empty() {
            // In portions, so that one large read does not count as short.
            let portion = out.len().min(PORTION);
            let read = ready!(Pin::new(&mut this.inner).poll_read(cx, &mut out[..portion]))?;
            this.read += read as u64;
            return Poll::Ready(Ok(read));
        }
        if this.booked == 0 {
            let (taken, at) = this.rate.book(out.len());
            this.booked = taken;
            this.pause = at.map(|at| Box::pin(tokio::time::sleep_until(at)));
        }
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(cx));
            this.pause = None;
        }
        let most = this.booked.min(out.len());
        let polled = Pin::new(&mut this.inner).poll_read(cx, &mut out[..most]);
        let used = match &polled {
            Poll::Ready(Ok(read)) => *read,
            _ => 0,
        };
        // Also while nothing comes: a turn is not kept for later.
        this.rate.give_back(std::mem::take(&mut this.booked) - used);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Substream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{AsyncReadExt, future::join_all, io::repeat};

    #[tokio::test(start_paused = true)]
    async fn all_together_keep_to_the_rate_and_each_gets_its_share() {
        let rate = Rate::new(1 << 20);
        let begun = Instant::now();
        let each = (0..4).map(|_| {
            let mut stream = Substream::new(repeat(1), rate.clone());
            async move {
                stream.read_exact(&mut vec![0; 1 << 20]).await.unwrap();
                begun.elapsed().as_secs_f64()
            }
        });
        let took = join_all(each).await;
        assert!(
            took.iter().all(|time| (3.0..4.2).contains(time)),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_short_is_not_slowed() {
        let begun = Instant::now();
        let rate = Rate::new(1024);
        let mut stream = Substream::new(repeat(1), rate);
        stream.read_exact(&mut vec![0; 60_000]).await.unwrap();
        assert!(begun.elapsed().is_zero());
    }
}
