//! Requests to somebody of LocalSend: over a connection to the one who has the certificate that is
//! meant.
//!
//! Invariants: an answer is read to a bound and has a deadline; a write that nobody takes breaks
//! off after a minute.

use super::{Identity, shown};
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use http_body_util::{BodyExt as _, Empty, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request,
    body::Frame,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

/// For a connection, and for the handshake.
const CONNECT: Duration = Duration::from_secs(5);

/// A piece of a body.
pub type Piece = io::Result<Bytes>;
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer: its status and its body, cut to the bound of its question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// As it stands in a path or a query.
#[must_use]
pub fn quoted(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

async fn dial(at: SocketAddr) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT, TcpStream::connect(at)).await??;
    let _ = stream.set_nodelay(true); // Slower without.
    Ok(stream)
}

/// A connection to somebody. It ends when it is dropped.
pub struct Peer {
    requests: SendRequest<Body>,
    connection: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Peer {
    /// Connects, and shows this node's certificate.
    ///
    /// # Errors
    /// When nobody is there, or it is not the one who has the certificate with this fingerprint.
    pub async fn connect(
        own: &Identity,
        at: SocketAddr,
        fingerprint: [u8; 32],
    ) -> io::Result<Self> {
        let connector = own.connector(fingerprint).map_err(io::Error::other)?;
        Self::by(connector, at).await.map(|(peer, _)| peer)
    }

    /// Connects to whoever is there, and gives the SHA-256 of the certificate that they showed.
    ///
    /// # Errors
    /// When nobody is there.
    pub async fn meet(own: &Identity, at: SocketAddr) -> io::Result<(Self, [u8; 32])> {
        let connector = own.connector_to_anybody().map_err(io::Error::other)?;
        Self::by(connector, at).await
    }

    /// Connects to whoever is there. Others could read along: only where a person wants it so.
    ///
    /// # Errors
    /// When nobody is there.
    pub async fn connect_in_clear(at: SocketAddr) -> io::Result<Self> {
        Self::over(dial(at).await?).await
    }

    async fn by(connector: TlsConnector, at: SocketAddr) -> io::Result<(Self, [u8; 32])> {
        let stream = dial(at).await?;
        let name = ServerName::from(at.ip());
        let stream = timeout(CONNECT, connector.connect(name, stream)).await??;
        let theirs = stream.get_ref().1.peer_certificates();
        let theirs = theirs.and_then(|all| all.first()).map(|one| shown(one));
        let theirs = theirs.ok_or_else(|| io::Error::other("no certificate"))?;
        Ok((Self::over(stream).await?, theirs))
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> io::Result<Self> {
        let shaken = handshake(TokioIo::new(stream)).await;
        let (requests, connection) = shaken.map_err(io::Error::other)?;
        let connection = tokio::spawn(async move {
            let _ = connection.await; // Its requests say so, too.
        });
        Ok(Self {
            requests,
            connection,
        })
    }

    /// Asks with JSON; the answer has so long and so many bytes.
    ///
    /// # Errors
    /// When the connection breaks, or the answer does not come in time.
    pub async fn post(
        &mut self,
        path: &str,
        json: Vec<u8>,
        (within, most): (Duration, usize),
    ) -> io::Result<Answered> {
        let body = Full::new(Bytes::from(json)).map_err(|never| match never {});
        let request = Request::post(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.boxed_unsync())
            .map_err(io::Error::other)?;
        timeout(within, self.answer(request, most)).await?
    }

    /// Sends a body of so many bytes. There is no deadline for all of it: who gives the pieces sees
    /// whether they are taken.
    ///
    /// # Errors
    /// When the connection breaks, or the body does.
    pub async fn upload(
        &mut self,
        path: &str,
        size: u64,
        pieces: impl Stream<Item = Piece> + Send + 'static,
        most: usize,
    ) -> io::Result<Answered> {
        let frames = pieces.map_ok(Frame::data);
        let request = Request::post(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, size)
            .body(StreamBody::new(frames).boxed_unsync())
            .map_err(io::Error::other)?;
        self.answer(request, most).await
    }

    /// Asks for a file; gives the status, and the body as it comes. The head has so long; of the
    /// body, who reads it sees whether it comes.
    ///
    /// # Errors
    /// When the connection breaks, or the head does not come in time.
    pub async fn get(
        &mut self,
        path: &str,
        within: Duration,
    ) -> io::Result<(u16, impl Stream<Item = Piece> + Send + use<>)> {
        let request = Request::get(path)
            .header(header::HOST, "localhost")
            .body(Empty::new().map_err(|never| match never {}).boxed_unsync())
            .map_err(io::Error::other)?;
        let answer = async {
            self.requests.ready().await?;
            self.requests.send_request(request).await
        };
        let answer = timeout(within, answer).await?.map_err(io::Error::other)?;
        let status = answer.status().as_u16();
        let body = answer.into_body().into_data_stream();
        Ok((status, body.map_err(io::Error::other)))
    }

    /// Whether the other side closed it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    async fn answer(&mut self, request: Request<Body>, most: usize) -> io::Result<Answered> {
        self.requests.ready().await.map_err(io::Error::other)?;
        let answer = self.requests.send_request(request).await;
        let answer = answer.map_err(io::Error::other)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), most).collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes().to_vec();
        Ok(Answered { status, body })
    }
}
