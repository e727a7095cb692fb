//! A relay that alters what it carries, while it is told to: one bit of each read of a circuit that
//! has carried something.

use super::*;
use futures::{AsyncRead, AsyncWrite};
use std::{
    io,
    pin::Pin,
    sync::{Arc, atomic::AtomicBool},
    task::{Context, Poll, ready},
};

/// What a server itself says and hears is shorter than that, and so are the handshakes on a
/// circuit.
const SPARED: u64 = 16 << 10;

/// A substream of a server's connection.
pub(super) struct Altering<S> {
    inner: S,
    alter: Arc<AtomicBool>,
    read: u64,
}

impl<S> Altering<S> {
    pub(super) fn new(inner: S, alter: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            alter,
            read: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Altering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, out))?;
        self.read += read as u64;
        if self.read > SPARED && self.alter.load(Ordering::SeqCst) {
            out[read / 2] ^= 1;
        }
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Altering<S> {
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

/// Two ends of a stream. (The other one hears of it with its first byte.)
async fn stream(from: &Node, to: &mut Node, first: u8) -> (Stream, Stream) {
    let mut stream = from.net.chunk_stream(to.id()).await.unwrap();
    stream.write_all(&[first]).await.unwrap();
    stream.flush().await.unwrap();
    (stream, to.stream().await)
}

/// Sends the rest until the end or an error; how much arrived in all, and whether all of that is
/// right.
async fn arrived((mut from, mut to): (Stream, Stream), bytes: &[u8]) -> (usize, bool) {
    let send = async {
        let _ = from.write_all(&bytes[1..]).await;
        let _ = from.close().await;
    };
    let mut got = Vec::new();
    let read = async {
        let _ = to.read_to_end(&mut got).await;
    };
    tokio::join!(send, read);
    (got.len(), bytes.starts_with(&got))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_alters_bytes_ends_a_connection_and_not_an_acquaintance() {
    let server = Server::new(100).await;
    let (a, mut b) = settled(&server, config(1), config(2)).await;
    // No straight path: no node is told where to punch.
    server.honest.store(false, Ordering::SeqCst);
    a.net.meet(b.id(), vec![server.id]).await;
    assert_eq!(b.connected().await, (a.id(), Via::Relay));
    let mut a = a;
    assert_eq!(a.connected().await, (b.id(), Via::Relay));
    let bytes: Vec<u8> = (0..4_u32 << 20).map(|at| (at / 251) as u8).collect();

    let ends = stream(&a, &mut b, bytes[0]).await;
    server.alter.store(true, Ordering::SeqCst);
    let sent = tokio::time::timeout(DEADLINE, arrived(ends, &bytes)).await;
    let (len, right) = sent.expect("the streams do not end");
    assert!(right, "altered bytes arrived");
    assert!(len < bytes.len());
    // Both ends are told at once, and do not wait for each other.
    assert_eq!(a.disconnected().await, b.id());
    assert_eq!(b.disconnected().await, a.id());

    // It was the relay that lied: the same two meet again, and everything arrives.
    server.alter.store(false, Ordering::SeqCst);
    a.net.meet(b.id(), vec![server.id]).await;
    assert_eq!(b.connected().await, (a.id(), Via::Relay));
    let ends = stream(&a, &mut b, bytes[0]).await;
    assert_eq!(arrived(ends, &bytes).await, (bytes.len(), true));
}
