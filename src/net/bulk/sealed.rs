//! One bulk connection as a stream of bytes.
//!
//! Large writes are sealed from the caller's buffer and large reads opened into it, so that besides
//! the kernel's there is no copy; only what is small is gathered, or opened where it was received.
//! Invariants: nothing is given out that was not opened; a record that is not genuine ends the
//! connection for good; at most two records wait to be sent, and at most [`READ`] bytes are read
//! ahead.

use super::cipher::Direction;
use crate::{
    net::segments::QUIET,
    wire::bulk::{Keys, MAX_PLAIN, PREFIX, TAG, sealed_len},
};
use futures::{AsyncRead, AsyncWrite};
use std::{
    io,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};
use tokio::{io::ReadBuf, net::TcpStream};
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Bytes that are read at a time, at first and at most: one that only asks gets little.
const READ_FIRST: usize = 16 << 10;
const READ: usize = 256 << 10;
/// What is gathered is sealed when it has so many bytes, or has to leave.
const FULL: usize = 64 << 10;
/// A write of so many bytes is a record of its own.
const LARGE: usize = 16 << 10;

const _: () = assert!(READ >= PREFIX + MAX_PLAIN + TAG);

/// Which end this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Requester,
    Holder,
}

/// See the module.
pub(in crate::net) struct Sealed {
    socket: TcpStream,
    /// What was read and not given out lies in `unread`: opened bytes first, then sealed ones.
    read: Vec<u8>,
    unread: Range<usize>,
    /// Opened bytes at the beginning of it, whose tag is still behind them.
    open: usize,
    opener: Direction,
    /// Room for a prefix, and so many bytes that are to be sealed; or, once sealed, the records
    /// that are to be sent.
    write: Vec<u8>,
    gathered: usize,
    unsent: Range<usize>,
    sealer: Direction,
    /// When the connection on which this one was agreed is gone, this one is, too.
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Since when something was said to which nothing came back.
    waiting: Option<Instant>,
    /// Something came that the other end sealed.
    heard: bool,
    /// It failed, or was closed by the other end.
    failed: bool,
    /// What to do when it is dropped after that, or while it waited for long.
    unfit: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Drop for Sealed {
    fn drop(&mut self) {
        let silent = self.waiting.is_some_and(|since| since.elapsed() >= QUIET);
        if (silent || self.failed && !self.heard)
            && let Some(unfit) = self.unfit.take()
        {
            unfit();
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
            read: Vec::new(),
            unread: 0..0,
            open: 0,
            opener,
            write: Vec::new(),
            gathered: 0,
            unsent: 0..0,
            sealer,
            ended: Box::pin(ended),
            waiting: None,
            heard: false,
            failed: false,
            unfit: None,
        })
    }

    /// The same, which does that when it is dropped after nothing came back: for long, or at all
    /// before it failed.
    pub(super) fn or_else(mut self, unfit: impl FnOnce() + Send + Sync + 'static) -> Self {
        self.unfit = Some(Box::new(unfit));
        self
    }

    /// A record is open.
    fn opened(&mut self) {
        self.waiting = None;
        self.heard = true;
    }

    /// Reads until a record is open. False at the end of the stream.
    pub(super) fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.open > 0 {
            return Poll::Ready(Ok(true));
        }
        let Some(record) = ready!(self.poll_received(cx))? else {
            return Poll::Ready(Ok(false));
        };
        self.opener.open(&mut self.read[record.clone()])?;
        self.opened();
        self.unread.start += PREFIX;
        self.open = record.len() - PREFIX - TAG;
        Poll::Ready(Ok(true))
    }

    /// Reads until all of a record is here, and says where in `read` it lies. `None` at the end of
    /// the stream.
    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Range<usize>>>> {
        loop {
            let mut needed = PREFIX;
            if let Some(prefix) = self.read[self.unread.clone()].first_chunk::<PREFIX>() {
                let len = sealed_len(*prefix).ok_or_else(|| {
                    io::Error::new(io::ErrorKind::InvalidData, "no record has that length")
                })?;
                needed += len;
                if self.unread.len() >= needed {
                    let start = self.unread.start;
                    return Poll::Ready(Ok(Some(start..start + needed)));
                }
            }
            self.make_room(needed);
            if self.ended.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let mut room = ReadBuf::new(&mut self.read[self.unread.end..]);
            let socket = Pin::new(&mut self.socket);
            ready!(tokio::io::AsyncRead::poll_read(socket, cx, &mut room))?;
            let count = room.filled().len();
            if count == 0 {
                return Poll::Ready(if self.unread.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                });
            }
            self.unread.end += count;
        }
    }

    /// Makes room behind what was read, for all of a record of that length at least.
    fn make_room(&mut self, needed: usize) {
        let len = self.read.len();
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.start + needed > len || len - self.unread.end < FULL {
            self.read.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        if needed > len || self.unread.end > len / 2 {
            let len = (len * 4).max(needed).clamp(READ_FIRST, READ);
            self.read.resize(len, 0);
        }
    }

    /// Lets time pass for what waits.
    #[cfg(test)]
    pub(super) fn age(&mut self) {
        self.waiting = self.waiting.and_then(|since| since.checked_sub(QUIET));
    }

    /// Bytes of memory for what waits to be sent.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.write.capacity()
    }

    /// Sends what is sealed.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            if self.ended.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let socket = Pin::new(&mut self.socket);
            let rest = &self.write[self.unsent.clone()];
            let count = ready!(tokio::io::AsyncWrite::poll_write(socket, cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.start += count;
        }
        self.unsent = 0..0;
        Poll::Ready(Ok(()))
    }

    /// Room in `write` for a record of so many bytes, from there on. It never shrinks: bytes that
    /// are overwritten next need no zeroes first.
    fn room(&mut self, start: usize, plain: usize) -> &mut [u8] {
        let end = start + PREFIX + plain + TAG;
        if self.write.len() < end {
            self.write.resize(end, 0);
        }
        &mut self.write[start..end]
    }

    /// Seals what was gathered.
    fn seal(&mut self) -> io::Result<()> {
        if self.gathered > 0 {
            let plain = std::mem::take(&mut self.gathered);
            let end = self.room(0, plain).len();
            self.sealer.seal(&mut self.write[..end])?;
            self.unsent = 0..end;
            self.waiting.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    /// Seals `plain` behind what was gathered.
    fn seal_from(&mut self, plain: &[u8]) -> io::Result<()> {
        self.seal()?;
        let start = self.unsent.end;
        let end = start + self.room(start, plain.len()).len();
        self.sealer.seal_into(&mut self.write[start..end], plain)?;
        self.unsent.end = end;
        self.waiting.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn poll_plain(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        if out.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.open == 0 {
            let Some(record) = ready!(self.poll_received(cx))? else {
                return Poll::Ready(Ok(0));
            };
            let plain = record.len() - PREFIX - TAG;
            if let Some(out) = out.get_mut(..plain) {
                self.opener.open_into(&self.read[record.clone()], out)?;
                self.opened();
                self.unread.start = record.end;
                return Poll::Ready(Ok(plain));
            }
            if !ready!(self.poll_record(cx))? {
                return Poll::Ready(Ok(0));
            }
        }
        let count = self.open.min(out.len());
        let start = self.unread.start;
        out[..count].copy_from_slice(&self.read[start..start + count]);
        self.open -= count;
        let tag = if self.open == 0 { TAG } else { 0 };
        self.unread.start += count + tag;
        Poll::Ready(Ok(count))
    }

    fn poll_take(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let count = if bytes.len() >= LARGE {
            let count = bytes.len().min(MAX_PLAIN);
            self.seal_from(&bytes[..count])?;
            count
        } else {
            let gathered = self.gathered;
            let count = bytes.len().min(MAX_PLAIN - gathered);
            self.room(0, gathered + count)[PREFIX + gathered..][..count]
                .copy_from_slice(&bytes[..count]);
            self.gathered += count;
            if self.gathered >= FULL {
                self.seal()?;
            }
            count
        };
        // Goes out while more is gathered; the next write waits for the rest.
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(count))
    }

    fn poll_empty(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        self.seal()?;
        self.poll_send(cx)
    }
}

impl AsyncRead for Sealed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(self.poll_plain(cx, out));
        self.failed |= read
            .as_ref()
            .map_or(true, |&count| count == 0 && !out.is_empty());
        Poll::Ready(read)
    }
}

impl AsyncWrite for Sealed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = ready!(self.poll_take(cx, bytes));
        self.failed |= wrote.is_err();
        Poll::Ready(wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(self.poll_empty(cx));
        self.failed |= flushed.is_err();
        Poll::Ready(flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        let socket = Pin::new(&mut self.socket);
        tokio::io::AsyncWrite::poll_shutdown(socket, cx)
    }
}
