//! Reads ahead from a socket, but only while there is much to read: an idle client has no buffer.

use futures::{AsyncRead, AsyncWrite};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Bytes read at a time, while there are so many.
const READ_AHEAD: usize = 64 << 10;

/// See the module.
pub(super) struct Reader<S> {
    inner: S,
    /// There while reads came back full.
    buffer: Option<Box<[u8]>>,
    from: usize,
    to: usize,
}

impl<S> Reader<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            buffer: None,
            from: 0,
            to: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Reader<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.from == this.to {
            let Some(buffer) = &mut this.buffer else {
                let read = ready!(Pin::new(&mut this.inner).poll_read(cx, out))?;
                if read == out.len() && read > 0 {
                    this.buffer = Some(vec![0; READ_AHEAD].into_boxed_slice());
                }
                return Poll::Ready(Ok(read));
            };
            match Pin::new(&mut this.inner).poll_read(cx, buffer) {
                Poll::Ready(read) => (this.from, this.to) = (0, read?),
                Poll::Pending => {
                    this.buffer = None;
                    return Poll::Pending;
                }
            }
        }
        let there = this.buffer.as_deref().unwrap_or_default();
        let there = there.get(this.from..this.to).unwrap_or_default();
        let len = there.len().min(out.len());
        out[..len].copy_from_slice(&there[..len]);
        this.from += len;
        Poll::Ready(Ok(len))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Reader<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
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
    use futures::{AsyncReadExt, AsyncWriteExt};
    use tokio_util::compat::TokioAsyncReadCompatExt;

    #[tokio::test]
    async fn every_byte_comes_and_no_buffer_stays() {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (mut reader, mut writer) = (Reader::new(ours.compat()), theirs.compat());
        let sent: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        writer.write_all(&sent).await.unwrap();
        let mut got = vec![0; sent.len()];
        for part in got.chunks_mut(8000) {
            reader.read_exact(part).await.unwrap();
        }
        assert_eq!(got, sent);
        assert!(reader.buffer.is_some());
        assert!(futures::poll!(reader.read(&mut [0; 9])).is_pending());
        assert!(reader.buffer.is_none());
        writer.close().await.unwrap();
        assert_eq!(reader.read(&mut [0; 9]).await.unwrap(), 0);
    }
}
