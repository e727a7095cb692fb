//! A connection with something around each of its substreams.

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// See the module; `wrap` puts it around.
pub(crate) struct Substreams<M, W> {
    inner: M,
    wrap: W,
}

impl<M, W> Substreams<M, W> {
    pub(crate) fn new(inner: M, wrap: W) -> Self {
        Self { inner, wrap }
    }
}

impl<M, W, S> StreamMuxer for Substreams<M, W>
where
    M: StreamMuxer + Unpin,
    W: FnMut(M::Substream) -> S + Unpin,
    S: AsyncRead + AsyncWrite,
{
    type Substream = S;
    type Error = M::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S, Self::Error>> {
        let substream = Pin::new(&mut self.inner).poll_inbound(cx);
        substream.map_ok(&mut self.wrap)
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S, Self::Error>> {
        let substream = Pin::new(&mut self.inner).poll_outbound(cx);
        substream.map_ok(&mut self.wrap)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}
