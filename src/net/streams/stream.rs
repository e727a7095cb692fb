//! One open stream, and the count of what its connection carries.

use futures::{AsyncRead, AsyncWrite};
use libp2p::swarm::ConnectionId;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};
use tokio::sync::OwnedSemaphorePermit;

/// One way to a node: a connection, for as long as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathId(pub(in crate::net) ConnectionId);

/// Bytes on the streams of one connection.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// What came in: a sign of life besides the ping, which waits behind bulk.
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
}

pub(super) type Activity = Arc<Counts>;

/// A stream of bytes to and from one node, in order and encrypted.
///
/// Reads and writes by the traits of `futures` (`tokio_util::compat` turns them into tokio's). The
/// other side hears of a stream with the first bytes written to it. Dropping it resets it; close it
/// to end it well. A stream that the other side had no room for reads as ended or reset.
#[derive(Debug)]
pub struct Stream {
    inner: libp2p::Stream,
    path: PathId,
    activity: Activity,
    /// Holds one of the places that the other side has on this connection.
    _place: Option<OwnedSemaphorePermit>,
}

impl Stream {
    pub(super) fn new(
        inner: libp2p::Stream,
        path: PathId,
        activity: Activity,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            inner,
            path,
            activity,
            _place: place,
        }
    }

    /// The path that it is on.
    #[must_use]
    pub fn path(&self) -> PathId {
        self.path
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Poll::Ready(Ok(count)) = read {
            let received = &self.activity.received;
            received.fetch_add(count as u64, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = wrote {
            self.activity
                .sent
                .fetch_add(count as u64, Ordering::Relaxed);
        }
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
