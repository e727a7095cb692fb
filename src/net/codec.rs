//! How requests and their answers lie on a stream: one CBOR message each way, ended by the end of
//! the stream.
//!
//! Owns the protocols that are made of such exchanges: control (between nodes) and directory (from
//! a node to a rendezvous server). Never allocates what a stranger declares: the buffer grows with
//! the bytes that came, up to the limit. Never gives an unchecked message to the node.

use crate::wire::{
    CONTROL_PROTOCOL, DIRECTORY_PROTOCOL, MAX_DIRECTORY_REQUEST, MAX_DIRECTORY_RESPONSE,
    MAX_REQUEST, MAX_RESPONSE,
    cbor::{self, Malformed},
    control, directory,
};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    request_response::{self, Codec, Config, ProtocolSupport},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{io, marker::PhantomData, time::Duration};

/// How long an exchange may take, from the first byte asked to the last answered.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// Exchanges under way on one connection, both directions together.
const CONCURRENT: usize = 100;
/// The same where only short ones with a server are.
const CONCURRENT_WITH_SERVER: usize = 8;

/// A message with bounds.
pub(crate) trait Message: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Checks the bounds that the types do not.
    fn check(&self) -> Result<(), Malformed>;
}

/// A protocol of requests and answers.
pub(crate) trait Exchange: Clone + Copy + Default + Send + 'static {
    /// What is asked.
    type Request: Message;
    /// What is answered.
    type Response: Message;
    /// Its longest request, in bytes.
    const MAX_REQUEST: usize;
    /// Its longest answer, in bytes.
    const MAX_RESPONSE: usize;
}

/// See the module.
#[derive(Clone, Copy, Default)]
pub(crate) struct CborCodec<E>(PhantomData<E>);

/// The behaviour of one such protocol.
pub(crate) type Behaviour<E> = request_response::Behaviour<CborCodec<E>>;

/// The protocol of `wire::control`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Control;

/// The protocol of `wire::directory`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Directory;

macro_rules! exchange {
    ($name:ident, $room:ident, $request:expr, $response:expr) => {
        impl Message for $room::Request {
            fn check(&self) -> Result<(), Malformed> {
                self.check()
            }
        }
        impl Message for $room::Response {
            fn check(&self) -> Result<(), Malformed> {
                self.check()
            }
        }
        impl Exchange for $name {
            type Request = $room::Request;
            type Response = $room::Response;
            const MAX_REQUEST: usize = $request;
            const MAX_RESPONSE: usize = $response;
        }
    };
}

exchange!(Control, control, MAX_REQUEST, MAX_RESPONSE);
exchange!(
    Directory,
    directory,
    MAX_DIRECTORY_REQUEST,
    MAX_DIRECTORY_RESPONSE
);

fn behaviour<E: Exchange>(
    protocol: &'static str,
    support: ProtocolSupport,
    concurrent: usize,
) -> Behaviour<E> {
    request_response::Behaviour::new(
        [(StreamProtocol::new(protocol), support)],
        Config::default()
            .with_request_timeout(TIMEOUT)
            .with_max_concurrent_streams(concurrent),
    )
}

/// Exchanges control messages.
pub(crate) fn control() -> Behaviour<Control> {
    behaviour(CONTROL_PROTOCOL, ProtocolSupport::Full, CONCURRENT)
}

/// Asks servers, and answers no node.
pub(crate) fn directory_client() -> Behaviour<Directory> {
    let support = ProtocolSupport::Outbound;
    behaviour(DIRECTORY_PROTOCOL, support, CONCURRENT_WITH_SERVER)
}

/// Answers nodes, and asks none.
pub(crate) fn directory_server() -> Behaviour<Directory> {
    let support = ProtocolSupport::Inbound;
    behaviour(DIRECTORY_PROTOCOL, support, CONCURRENT_WITH_SERVER)
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

impl<E: Exchange> Codec for CborCodec<E> {
    type Protocol = StreamProtocol;
    type Request = E::Request;
    type Response = E::Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<E::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, E::MAX_REQUEST, Message::check).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<E::Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, E::MAX_RESPONSE, Message::check).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: E::Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, E::MAX_REQUEST, &request).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: E::Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, E::MAX_RESPONSE, &response).await
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
            let error = read(&mut Cursor::new(bytes), 99, control::Response::check)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), kind);
        }
    }
}
