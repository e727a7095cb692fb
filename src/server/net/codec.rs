//! How rendezvous messages lie on a stream: each with its length before it.
//!
//! Never allocates what a stranger declares, but what is within the limit.

use crate::net::rendezvous::length;
use crate::wire::rendezvous::{MAX_REQUEST, PROTOCOL, Request, Response, put_number};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    request_response::{Behaviour, Codec, Config, ProtocolSupport},
};
use std::{io, time::Duration};

/// How long an exchange may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Exchanges under way on one connection.
const CONCURRENT: usize = 8;

/// See the module.
#[derive(Clone, Copy, Default)]
pub(super) struct RendezvousCodec;

/// Answers what rendezvous clients ask.
pub(super) fn behaviour() -> Behaviour<RendezvousCodec> {
    Behaviour::new(
        [(StreamProtocol::new(PROTOCOL), ProtocolSupport::Inbound)],
        Config::default()
            .with_request_timeout(TIMEOUT)
            .with_max_concurrent_streams(CONCURRENT),
    )
}

impl Codec for RendezvousCodec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let length = length(io).await?;
        if length > MAX_REQUEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; length];
        io.read_exact(&mut bytes).await?;
        Request::decode(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into()) // The server asks nobody.
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let body = response.encode();
        if body.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(body.len() + 4);
        put_number(&mut bytes, body.len() as u64);
        bytes.extend(body);
        io.write_all(&bytes).await
    }
}
