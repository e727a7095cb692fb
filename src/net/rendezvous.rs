//! The client's side of libp2p's rendezvous protocol: how its messages lie on a stream.
//!
//! libp2p's own client is not used: a server could end the process with an answer of another kind, or with a registration
//! that lasts for ever, and could fill its tables. Never allocates what a stranger declares, nor takes in more than
//! [`MAX_NODES`] registrations of [`MAX_ADDRESSES`] addresses: the rest of an answer is passed over.

use super::{
    address,
    codec::TIMEOUT,
    identity,
    meeting::{MAX_ADDRESSES, MAX_NODES},
};
use crate::{
    core::id::NodeId,
    wire::rendezvous::{self as wire, PROTOCOL, Value, put, put_bytes, put_number},
};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    core::{PeerRecord, SignedEnvelope},
    request_response::{self, Config, ProtocolSupport},
};
use std::{io, net::SocketAddr, time::Duration};

/// The longest message, in bytes: libp2p's own bound.
const MAX_MESSAGE: u64 = 1 << 20;
/// The longest cookie that is kept, in bytes: a number and a name.
const MAX_COOKIE: usize = 512;
/// The longest that a registration is believed to last.
const MAX_TTL: u64 = 72 * 3600;

/// What a server is asked.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// To let this node be found.
    Register {
        namespace: String,
        /// A signed envelope with its addresses.
        record: Vec<u8>,
    },
    /// To forget it.
    Unregister { namespace: String },
    /// Who is there.
    Discover {
        namespace: String,
        /// How far this node has read.
        cookie: Option<Vec<u8>>,
    },
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Response {
    /// This node can be found for so long.
    Registered(Duration),
    /// Who registered, where they say that they are, and how far this node has read now.
    Discovered(Vec<(NodeId, Vec<SocketAddr>)>, Vec<u8>),
    /// It will not, and why.
    Refused(u64),
}

/// See the module.
#[derive(Clone, Copy, Default)]
pub(crate) struct Codec;

pub(crate) type Behaviour = request_response::Behaviour<Codec>;

/// Asks servers, and answers nobody.
pub(crate) fn behaviour() -> Behaviour {
    request_response::Behaviour::new(
        [(StreamProtocol::new(PROTOCOL), ProtocolSupport::Outbound)],
        Config::default().with_request_timeout(TIMEOUT),
    )
}

/// A refused request, for people.
pub(crate) fn refusal(status: u64) -> &'static str {
    match status {
        100 => "the server does not take that name",
        101 => "the server does not take this node's addresses",
        102 => "the server does not keep registrations for so long",
        INVALID_COOKIE => "the server does not know how far this node had read",
        200 => "the server does not allow it",
        300 => "the server had an error of its own",
        _ => "the server has no room",
    }
}

/// The status of a server that does not know a cookie, for instance because it was started again.
pub(crate) const INVALID_COOKIE: u64 = 103;

/// All fields of a message, in order; `None` where it is none.
fn fields(message: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut all = Vec::new();
    let read = wire::fields(message, |field, value| {
        all.push((field, value));
        Ok(())
    });
    read.is_ok().then_some(all)
}

/// The length before a message. Two bytes hold what requests may have, three what answers may; more is nonsense.
pub(crate) async fn length(io: &mut (impl AsyncRead + Unpin + Send)) -> io::Result<usize> {
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

fn encode(request: &Request) -> Vec<u8> {
    let (mut message, mut inner) = (Vec::new(), Vec::new());
    let (kind, field) = match request {
        Request::Register { namespace, record } => {
            put_bytes(&mut inner, 1, namespace.as_bytes());
            put_bytes(&mut inner, 2, record);
            (0, 2)
        }
        Request::Unregister { namespace } => {
            put_bytes(&mut inner, 1, namespace.as_bytes());
            (2, 4)
        }
        Request::Discover { namespace, cookie } => {
            put_bytes(&mut inner, 1, namespace.as_bytes());
            put(&mut inner, 2, MAX_NODES as u64);
            if let Some(cookie) = cookie {
                put_bytes(&mut inner, 3, cookie);
            }
            (3, 5)
        }
    };
    put(&mut message, 1, kind);
    put_bytes(&mut message, field, &inner);
    message
}

/// Who is in a registration, if it is signed, and where.
fn registration(message: &[u8]) -> Option<(NodeId, Vec<SocketAddr>)> {
    let record = fields(message)?.into_iter().find_map(|field| match field {
        (2, Value::Bytes(record)) => Some(record),
        _ => None,
    })?;
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

fn decode(message: &[u8]) -> Option<Response> {
    let inner = fields(message)?.into_iter().find_map(|field| match field {
        (3, Value::Bytes(inner)) => Some((true, inner)),
        (6, Value::Bytes(inner)) => Some((false, inner)),
        _ => None,
    });
    let (registered, inner) = inner?;
    let (mut status, mut ttl, mut cookie, mut nodes) = (None, None, None, Vec::new());
    for (field, value) in fields(inner)? {
        match (registered, field, value) {
            (true, 1, Value::Number(value)) | (false, 3, Value::Number(value)) => {
                status = Some(value);
            }
            (true, 3, Value::Number(value)) => ttl = Some(value.min(MAX_TTL)),
            // One that is no good does not spoil the others.
            (false, 1, Value::Bytes(value)) if nodes.len() < MAX_NODES => {
                nodes.extend(registration(value));
            }
            (false, 2, Value::Bytes(value)) if value.len() <= MAX_COOKIE => {
                cookie = Some(value.to_vec());
            }
            _ => {}
        }
    }
    Some(match status? {
        0 if registered => Response::Registered(Duration::from_secs(ttl?)),
        0 => Response::Discovered(nodes, cookie?),
        status => Response::Refused(status),
    })
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let length = length(io).await? as u64;
        if length > MAX_MESSAGE {
            return Err(invalid());
        }
        let mut message = Vec::new();
        io.take(length).read_to_end(&mut message).await?;
        if (message.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        decode(&message).ok_or_else(invalid)
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
        let message = encode(&request);
        let mut framed = Vec::new();
        put_number(&mut framed, message.len() as u64);
        framed.extend_from_slice(&message);
        io.write_all(&framed).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let record = Vec::new();
        let namespace = "x".into();
        let mut request = encode(&Request::Register { namespace, record });
        request.insert(0, request.len() as u8);
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
        // A registration that lasts for ever lasts three days.
        let (mut inner, mut message) = (Vec::new(), Vec::new());
        put(&mut inner, 1, 0);
        put(&mut inner, 3, u64::MAX);
        put(&mut message, 1, 1);
        put_bytes(&mut message, 3, &inner);
        let most = Response::Registered(Duration::from_secs(MAX_TTL));
        assert_eq!(decode(&message), Some(most));
    }
}
