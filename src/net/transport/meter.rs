//! Yamux whose streams can be flushed.
//!
//! Yamux takes some 176 KiB of each stream in before a byte of them is on the line, and calls that
//! flushed. Who is to send a few chunks at a time has to know when one has left. Here a flush waits
//! until the connection has taken as many bytes as the stream wrote since its last flush; what
//! other streams write meanwhile counts, too, so it may end early.
//!
//! Invariants: a flush ends when the connection does; a waiter is woken, though a stream may be
//! flushed by two tasks: before its protocol is agreed on, reading flushes, too.

use crate::net::substreams::Substreams;
use libp2p::{
    core::{
        UpgradeInfo,
        upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade},
    },
    futures::{AsyncRead, AsyncWrite},
    yamux,
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::{HashMap, VecDeque},
    future::{Ready, ready},
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker, ready as done},
};

/// Tasks that wait for one stream; more are woken to look again.
const WAKERS: usize = 4;

/// The upgrade.
#[derive(Clone, Default)]
pub(super) struct Config(yamux::Config);

/// What a connection has taken, and who waits for that.
#[derive(Default)]
struct Meter {
    /// Bytes; all there are once it has ended.
    taken: AtomicU64,
    waiting: Mutex<HashMap<u64, Waiting>>,
}

/// Who waits for one stream, and until what the meter shows.
#[derive(Default)]
struct Waiting {
    goal: u64,
    wakers: VecDeque<Waker>,
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock()
    }

    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    fn set(&self, taken: u64) {
        self.taken.store(taken, Ordering::Release);
        self.lock().retain(|_, waiting| {
            let waits = waiting.goal > taken;
            if !waits {
                waiting.wakers.drain(..).for_each(Waker::wake);
            }
            waits
        });
    }
}

/// What is below Yamux.
pub(super) struct Counted<C> {
    inner: C,
    meter: Arc<Meter>,
}

impl<C> Drop for Counted<C> {
    fn drop(&mut self) {
        self.meter.set(u64::MAX);
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Counted<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Counted<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = done!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        // Only one task writes.
        self.meter.set(self.meter.taken() + count as u64);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// A stream above it.
pub(super) struct Stream<S> {
    inner: S,
    id: u64,
    meter: Arc<Meter>,
    /// What the meter shows when all that was written since the last flush is taken.
    goal: Option<u64>,
}

impl<S> Stream<S> {
    fn wrote(&mut self, before: u64, count: usize) {
        *self.goal.get_or_insert(before) += count as u64;
    }
}

impl<S> Drop for Stream<S> {
    fn drop(&mut self) {
        self.meter.lock().remove(&self.id);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let before = self.meter.taken();
        let count = done!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.wrote(before, count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let before = self.meter.taken();
        let count = done!(Pin::new(&mut self.inner).poll_write_vectored(cx, slices))?;
        self.wrote(before, count);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        done!(Pin::new(&mut self.inner).poll_flush(cx))?;
        if let Some(goal) = self.goal {
            let mut waiting = self.meter.lock();
            // Under the lock, so that one that counts meanwhile finds the waker.
            if self.meter.taken() < goal {
                let waiting = waiting.entry(self.id).or_default();
                waiting.goal = goal;
                if !waiting.wakers.iter().any(|one| one.will_wake(cx.waker())) {
                    waiting.wakers.push_back(cx.waker().clone());
                }
                if waiting.wakers.len() > WAKERS
                    && let Some(oldest) = waiting.wakers.pop_front()
                {
                    oldest.wake();
                }
                return Poll::Pending;
            }
        }
        self.goal = None;
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

impl UpgradeInfo for Config {
    type Info = <yamux::Config as UpgradeInfo>::Info;
    type InfoIter = <yamux::Config as UpgradeInfo>::InfoIter;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.protocol_info()
    }
}

type Wrap = Box<dyn FnMut(yamux::Stream) -> Stream<yamux::Stream> + Send>;
/// Yamux with a meter below.
type Muxer<C> = Substreams<yamux::Muxer<Counted<C>>, Wrap>;

fn counted<C>(inner: C) -> (Counted<C>, Wrap) {
    let meter = Arc::new(Meter::default());
    let below = Counted {
        inner,
        meter: meter.clone(),
    };
    let mut streams = 0..;
    let wrap = move |inner| Stream {
        inner,
        id: streams.next().unwrap_or_default(),
        meter: meter.clone(),
        goal: None,
    };
    (below, Box::new(wrap))
}

impl<C> InboundConnectionUpgrade<C> for Config
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_inbound(self, io: C, info: Self::Info) -> Self::Future {
        let (below, wrap) = counted(io);
        let muxer = self.0.upgrade_inbound(below, info).into_inner();
        ready(muxer.map(|inner| Substreams::new(inner, wrap)))
    }
}

impl<C> OutboundConnectionUpgrade<C> for Config
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_outbound(self, io: C, info: Self::Info) -> Self::Future {
        let (below, wrap) = counted(io);
        let muxer = self.0.upgrade_outbound(below, info).into_inner();
        ready(muxer.map(|inner| Substreams::new(inner, wrap)))
    }
}

#[cfg(test)]
mod tests;
