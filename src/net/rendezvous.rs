//! libp2p's rendezvous protocol: how its messages lie on a stream, and what a client makes of an
//! answer.
//!
//! libp2p's own client is not used: a server could end the process with an answer of another kind,
//! or with a registration that lasts for ever, and could fill its tables. Never allocates what a
//! stranger declares, but what is within the limit, nor takes in more than [`MAX_ADDRESSES`]
//! addresses of a registration.

use super::{address, codec::TIMEOUT, identity, meeting::MAX_ADDRESSES};
use crate::{
    core::id::NodeId,
    wire::rendezvous::{ErrorCode, MAX_ANSWER, MAX_REQUEST, PROTOCOL, Request, Response},
};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    core::{PeerRecord, SignedEnvelope},
    request_response::{self, Config, ProtocolSupport},
};
use std::{io, net::SocketAddr, time::Duration};

/// Exchanges under way on one connection to a server.
const CONCURRENT: usize = 8;
/// The longest that a registration is believed to last.
const MAX_TTL: u64 = 72 * 3600;

/// See the module.
#[derive(Clone, Copy, Default)]
pub(crate) struct Codec;

pub(crate) type Behaviour = request_response::Behaviour<Codec>;

/// Asks servers, and answers no peer.
pub(crate) fn client() -> Behaviour {
    let config = Config::default().with_request_timeout(TIMEOUT);
    behaviour(ProtocolSupport::Outbound, config)
}

/// Answers what clients ask.
pub(crate) fn server() -> Behaviour {
    let config = Config::default().with_request_timeout(TIMEOUT);
    behaviour(
        ProtocolSupport::Inbound,
        config.with_max_concurrent_streams(CONCURRENT),
    )
}

fn behaviour(support: ProtocolSupport, config: Config) -> Behaviour {
    request_response::Behaviour::new([(StreamProtocol::new(PROTOCOL), support)], config)
}

/// A refused request, for people.
pub(crate) fn refusal(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidNamespace => "the server does not take that name",
        ErrorCode::InvalidRecord => "the server does not take this node's addresses",
        ErrorCode::InvalidTtl => "the server does not keep registrations for so long",
        ErrorCode::InvalidCookie => "the server does not know how far this node had read",
        ErrorCode::NotAuthorized => "the server does not allow it",
        ErrorCode::Internal => "the server had an error of its own",
        ErrorCode::Unavailable => "the server has no room",
    }
}

/// How long a server keeps a registration, as far as it is believed.
pub(super) fn lifetime(ttl: u64) -> Duration {
    Duration::from_secs(ttl.min(MAX_TTL))
}

/// An answer. Signatures are checked where it is read, in the connection's task and not in the
/// driver's.
#[derive(Debug)]
pub(crate) struct Answer {
    pub response: Response,
    /// Who registered with a record of its own, and where it says that it is; empty where it is
    /// written.
    pub nodes: Vec<(NodeId, Vec<SocketAddr>)>,
}

/// Whose record this is, if it is signed, and where it says that the node is.
fn registration(record: &[u8]) -> Option<(NodeId, Vec<SocketAddr>)> {
    let envelope = SignedEnvelope::from_protobuf_encoding(record).ok()?;
    let record = PeerRecord::from_signed_envelope(envelope).ok()?;
    let node = identity::node(&record.peer_id())?;
    let straight = record
        .addresses()
        .iter()
        .take(MAX_ADDRESSES)
        .filter_map(address::tcp_socket)
        .filter(|at| address::is_dialable(*at));
    Some((node, straight.collect()))
}

/// The length before a message. Two bytes hold what requests may have, three what answers may; more
/// is nonsense.
async fn length(io: &mut (impl AsyncRead + Unpin + Send)) -> io::Result<usize> {
    let mut value = 0;
    for shift in [0, 7, 14] {
        let mut byte = [0];
        io.read_exact(&mut byte).await?;
        value |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// A message of at most `most` bytes. The buffer grows with what came.
async fn read(io: &mut (impl AsyncRead + Unpin + Send), most: usize) -> io::Result<Vec<u8>> {
    let length = length(io).await?;
    if length > most {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = Vec::new();
    io.take(length as u64).read_to_end(&mut message).await?;
    if message.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(message)
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let message = read(io, MAX_REQUEST).await?;
        Request::decode(&message).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        let message = read(io, MAX_ANSWER).await?;
        let mut response = Response::decode(&message)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let mut nodes = Vec::new();
        if let Response::Discovered(Ok(found)) = &mut response {
            let records = std::mem::take(&mut found.records);
            nodes.extend(
                records
                    .iter()
                    .filter_map(|(record, _)| registration(record)),
            );
        }
        Ok(Answer { response, nodes })
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
        io.write_all(&request.encode()).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        answer: Answer,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&answer.response.encode()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rendezvous::Registration;

    #[tokio::test]
    async fn answers_of_another_kind_and_absurd_ones_are_refused() {
        let read = async |bytes: Vec<u8>| {
            let mut io = futures::io::Cursor::new(bytes);
            request_response::Codec::read_response(
                &mut Codec,
                &StreamProtocol::new(PROTOCOL),
                &mut io,
            )
            .await
        };
        // A request where an answer belongs.
        let request = Request::Unregister(Registration::default()).encode();
        assert!(read(request).await.is_err());
        for nonsense in [
            vec![],
            vec![0xff, 0xff, 0xff, 0xff, 0x7f],
            vec![0xff, 0xff, 0x3f],
            vec![3, 1, 2],
            vec![2, 0x32, 0x7f],
        ] {
            assert!(read(nonsense.clone()).await.is_err(), "{nonsense:?}");
        }
        let answer = Response::Registered(Ok(u64::MAX));
        assert_eq!(
            read(answer.clone().encode()).await.unwrap().response,
            answer
        );
        // A registration that lasts for ever lasts three days.
        assert_eq!(lifetime(u64::MAX), Duration::from_secs(72 * 3600));
    }
}
