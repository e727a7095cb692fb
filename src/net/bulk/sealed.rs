//! One bulk connection as a stream of bytes.
//!
//! Bytes are sealed where they were gathered and opened where they were received: one copy in, one
//! out, besides the kernel's. Invariants: nothing is given out that was not opened; a record that
//! is not genuine ends the connection for good; at most one record waits to be sent, and at most
//! [`READ`] bytes and one record are read ahead.

use super::cipher::Direction;
use crate::{
    net::segments::QUIET,
    wire::bulk::{Keys, MAX_PLAIN, PREFIX, TAG, sealed_len},
};
use bytes::{Buf as _, BytesMut};
use futures::{AsyncRead, AsyncWrite};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};
use tokio::net::TcpStream;
use tokio_util::{io::poll_read_buf, sync::WaitForCancellationFutureOwned};

/// Bytes that are read at a time.
const READ: usize = 128 << 10;
/// A record is sealed when it has so many bytes, or has to leave.
const FULL: usize = 64 << 10;

/// Which end this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Requester,
    Holder,
}

/// See the module.
pub(in crate::net) struct Sealed {
    socket: TcpStream,
    /// Read and not given out: opened bytes first, then sealed ones.
    read: BytesMut,
    /// Opened bytes at the beginning of `read`, whose tag is still behind them.
    open: usize,
    opener: Direction,
    /// A prefix and what is to be sealed; or, from `sent` on, what is to be sent.
    write: Vec<u8>,
    sent: Option<usize>,
    sealer: Direction,
    /// When the connection on which this one was agreed is gone, this one is, too.
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Since when something was said to which nothing came back.
    waiting: Option<Instant>,
    /// What to do when it is dropped while it waited for long.
    silent: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if self.waiting.is_some_and(|since| since.elapsed() >= QUIET)
            && let Some(silent) = self.silent.take()
        {
            silent();
        }
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").finish_non_exhaustive()
    }
}

impl Sealed {
    pub(super) fn new(
        socket: TcpStream,
        keys: &Keys,
        end: End,
        ended: WaitForCancellationFutureOwned,
    ) -> io::Result<Self> {
        let requester = Direction::new(keys.cipher, &keys.requester)?;
        let holder = Direction::new(keys.cipher, &keys.holder)?;
        let (sealer, opener) = match end {
            End::Requester => (requester, holder),
            End::Holder => (holder, requester),
        };
        Ok(Self {
            socket,
            read: BytesMut::new(),
            open: 0,
            opener,
            write: vec![0; PREFIX], // Grows to one record.
            sent: None,
            sealer,
            ended: Box::pin(ended),
            waiting: None,
            silent: None,
        })
    }

    /// The same, which does that when it is dropped after nothing came back for long.
    pub(super) fn or_else(mut self, silent: impl FnOnce() + Send + Sync + 'static) -> Self {
        self.silent = Some(Box::new(silent));
        self
    }

    /// Reads until a record is open. False at the end of the stream.
    pub(super) fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if self.open > 0 {
                return Poll::Ready(Ok(true));
            }
            if let Some(prefix) = self.read.first_chunk::<PREFIX>() {
                let len = sealed_len(*prefix).ok_or_else(|| {
                    io::Error::new(io::ErrorKind::InvalidData, "no record has that length")
                })?;
                if self.read.len() >= PREFIX + len {
                    self.opener.open(&mut self.read[..PREFIX + len])?;
                    self.waiting = None;
                    self.read.advance(PREFIX);
                    self.open = len - TAG;
                    continue;
                }
            }
            if self.read.capacity() - self.read.len() < FULL {
                self.read.reserve(READ);
            }
            if self.ended.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let socket = Pin::new(&mut self.socket);
            if ready!(poll_read_buf(socket, cx, &mut self.read))? == 0 {
                return Poll::Ready(if self.read.is_empty() {
                    Ok(false)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                });
            }
        }
    }

    /// Lets time pass for what waits.
    #[cfg(test)]
    pub(super) fn age(&mut self) {
        self.waiting = self.waiting.and_then(|since| since.checked_sub(QUIET));
    }

    /// Bytes of memory that wait to be sent.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.write.capacity()
    }

    /// Sends what is sealed.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(sent) = self.sent {
            if sent == self.write.len() {
                self.write.truncate(PREFIX);
                self.sent = None;
                break;
            }
            if self.ended.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let socket = Pin::new(&mut self.socket);
            let rest = &self.write[sent..];
            let count = ready!(tokio::io::AsyncWrite::poll_write(socket, cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent = Some(sent + count);
        }
        Poll::Ready(Ok(()))
    }

    fn seal(&mut self) -> io::Result<()> {
        if self.sent.is_none() && self.write.len() > PREFIX {
            self.sealer.seal(&mut self.write)?;
            self.sent = Some(0);
            self.waiting.get_or_insert_with(Instant::now);
        }
        Ok(())
    }
}

impl AsyncRead for Sealed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if out.is_empty() || !ready!(self.poll_record(cx))? {
            return Poll::Ready(Ok(0));
        }
        let count = self.open.min(out.len());
        out[..count].copy_from_slice(&self.read[..count]);
        self.open -= count;
        let tag = if self.open == 0 { TAG } else { 0 };
        self.read.advance(count + tag);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Sealed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let room = MAX_PLAIN - (self.write.len() - PREFIX);
        let count = room.min(bytes.len());
        self.write.extend_from_slice(&bytes[..count]);
        if self.write.len() - PREFIX >= FULL {
            self.seal()?;
            // Goes out while more is gathered; the next write waits for the rest.
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        self.seal()?;
        self.poll_send(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        let socket = Pin::new(&mut self.socket);
        tokio::io::AsyncWrite::poll_shutdown(socket, cx)
    }
}
