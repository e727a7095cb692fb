//! One open stream, and the count of what its connection carries.

use crate::{core::admission::Permit, net::bulk::Sealed};
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
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// One way to a node: a connection, for as long as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathId(pub(in crate::net) ConnectionId);

/// Bytes on the streams of one connection.
#[derive(Debug, Default)]
pub(in crate::net) struct Counts {
    /// What came in: a sign of life besides the ping, which waits behind bulk.
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    /// The connection is gone.
    pub(super) gone: CancellationToken,
}

impl Counts {
    /// Returns when the connection is gone.
    pub(in crate::net) fn ended(&self) -> WaitForCancellationFutureOwned {
        self.gone.clone().cancelled_owned()
    }
}

pub(in crate::net) type Activity = Arc<Counts>;

/// What carries a stream.
#[derive(Debug)]
pub(in crate::net) enum Inner {
    /// The connection itself, among its other streams.
    Shared(libp2p::Stream),
    /// A connection of its own, agreed on over that one.
    Bulk(Box<Sealed>),
}

/// What the other side has a limited number of.
#[derive(Debug)]
enum Place {
    /// One of its streams on the connection.
    Stream { _permit: OwnedSemaphorePermit },
    /// One of its bulk connections.
    Bulk { _permit: Permit },
}

/// A stream of bytes to and from one node, in order and encrypted.
///
/// Reads and writes by the traits of `futures` (`tokio_util::compat` turns them into tokio's). The
/// other side hears of a stream with the first bytes written to it. Dropping it resets it; close it
/// to end it well. A stream that the other side had no room for reads as ended or reset.
#[derive(Debug)]
pub struct Stream {
    inner: Inner,
    path: PathId,
    activity: Activity,
    /// Holds one of the places that the other side has.
    _place: Option<Place>,
}

impl Stream {
    pub(super) fn new(
        inner: libp2p::Stream,
        path: PathId,
        activity: Activity,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            inner: Inner::Shared(inner),
            path,
            activity,
            _place: place.map(|permit| Place::Stream { _permit: permit }),
        }
    }

    /// A bulk connection that the other side opened; it counts as carried by that path.
    pub(in crate::net) fn bulk(
        inner: Sealed,
        path: PathId,
        activity: Activity,
        permit: Permit,
    ) -> Self {
        Self {
            inner: Inner::Bulk(Box::new(inner)),
            path,
            activity,
            _place: Some(Place::Bulk { _permit: permit }),
        }
    }

    /// A bulk connection that was agreed on over this stream.
    pub(in crate::net) fn beside(&self, inner: Sealed) -> Self {
        Self {
            inner: Inner::Bulk(Box::new(inner)),
            path: self.path,
            activity: self.activity.clone(),
            _place: None,
        }
    }

    /// What its connection carries, and whether it stands.
    pub(in crate::net) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Whether it is a bulk connection.
    #[must_use]
    pub fn is_bulk(&self) -> bool {
        matches!(self.inner, Inner::Bulk(_))
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
        let read = match &mut self.inner {
            Inner::Shared(inner) => Pin::new(inner).poll_read(cx, buf),
            Inner::Bulk(inner) => Pin::new(inner).poll_read(cx, buf),
        };
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
        let wrote = match &mut self.inner {
            Inner::Shared(inner) => Pin::new(inner).poll_write(cx, buf),
            Inner::Bulk(inner) => Pin::new(inner).poll_write(cx, buf),
        };
        if let Poll::Ready(Ok(count)) = wrote {
            self.activity
                .sent
                .fetch_add(count as u64, Ordering::Relaxed);
        }
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Shared(inner) => Pin::new(inner).poll_flush(cx),
            Inner::Bulk(inner) => Pin::new(inner).poll_flush(cx),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Shared(inner) => Pin::new(inner).poll_close(cx),
            Inner::Bulk(inner) => Pin::new(inner).poll_close(cx),
        }
    }
}
