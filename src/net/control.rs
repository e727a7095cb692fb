//! How control messages lie on a stream: one CBOR message each way, ended by the end of the stream.
//!
//! Never allocates what a stranger declares: the buffer grows with the bytes that came, up to the limit. Never gives an
//! unchecked message to the node.

use crate::wire::{
    CONTROL_PROTOCOL, MAX_REQUEST, MAX_RESPONSE,
    cbor::{self, Malformed},
    control::{Request, Response},
};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    request_response::{Behaviour, Codec, Config, ProtocolSupport},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{io, time::Duration};

/// How long an exchange may take, from the first byte asked to the last answered.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// Exchanges under way on one connection, both directions together.
const CONCURRENT: usize = 100;

/// See the module.
#[derive(Clone, Copy, Default)]
pub(super) struct ControlCodec;

/// The behaviour that exchanges control messages.
pub(super) fn behaviour() -> Behaviour<ControlCodec> {
    Behaviour::new(
        [(StreamProtocol::new(CONTROL_PROTOCOL), ProtocolSupport::Full)],
        Config::default()
            .with_request_timeout(TIMEOUT)
            .with_max_concurrent_streams(CONCURRENT),
    )
}

fn invalid(error: Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

async fn read<M: DeserializeOwned>(
    io: &mut (impl AsyncRead + Unpin + Send),
    most: usize,
    check: fn(&M) -> Result<(), Malformed>,
) -> io::Result<M> {
    let mut bytes = Vec::new();
    io.take(most as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if bytes.len() > most {
        return Err(invalid(Malformed(format!("over {most} bytes"))));
    }
    let message = cbor::decode(&bytes).map_err(invalid)?;
    check(&message).map_err(invalid)?;
    Ok(message)
}

async fn write<M: Serialize + Sync>(
    io: &mut (impl AsyncWrite + Unpin + Send),
    most: usize,
    message: &M,
) -> io::Result<()> {
    let bytes = cbor::encode(message);
    if bytes.len() > most {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    io.write_all(&bytes).await
}

impl Codec for ControlCodec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, MAX_REQUEST, Request::check).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, MAX_RESPONSE, Response::check).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, MAX_REQUEST, &request).await
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
        write(io, MAX_RESPONSE, &response).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;

    #[tokio::test]
    async fn a_message_at_the_limit_is_read_and_one_byte_more_is_refused() {
        // A byte string of exactly `most` bytes with its 5-byte head, then one byte more.
        let most = 70_000;
        let whole = cbor::encode(&serde_bytes::ByteBuf::from(vec![1; most - 5]));
        assert_eq!(whole.len(), most);
        let good = read::<serde_bytes::ByteBuf>(&mut Cursor::new(&whole), most, |_| Ok(())).await;
        assert!(good.is_ok());
        let bad =
            read::<serde_bytes::ByteBuf>(&mut Cursor::new(&whole), most - 1, |_| Ok(())).await;
        assert_eq!(bad.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn silence_and_nonsense_are_told_apart() {
        for (bytes, kind) in [
            (&b""[..], io::ErrorKind::UnexpectedEof),
            (&b"\xff\x00"[..], io::ErrorKind::InvalidData),
            (&b"\xa1\x64size\x00"[..], io::ErrorKind::InvalidData),
        ] {
            let error = read(&mut Cursor::new(bytes), 99, Response::check)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), kind);
        }
    }
}
