//! A connection to the node that runs in the home, by its socket.

use crate::node::socket_path;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{io, path::Path, time::Duration};

/// What a request carries.
pub(super) type Sent = UnsyncBoxBody<Bytes, io::Error>;

/// How long a node may take to give the head of an answer.
const ANSWER: Duration = Duration::from_secs(30);

/// A connection to the node in a home.
pub struct Beside {
    requests: SendRequest<Sent>,
}

/// The node that runs in this home, if it can be asked.
pub async fn there(home: &Path) -> Option<Beside> {
    #[cfg(unix)]
    {
        let stream = tokio::net::UnixStream::connect(socket_path(home)).await;
        let (requests, connection) = handshake(TokioIo::new(stream.ok()?)).await.ok()?;
        tokio::spawn(connection);
        Some(Beside { requests })
    }
    #[cfg(not(unix))]
    {
        let _ = (
            socket_path(home),
            handshake::<TokioIo<tokio::io::Empty>, Sent>,
        );
        None
    }
}

/// A body that is all there.
pub(super) fn text(bytes: Bytes) -> Sent {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

impl Beside {
    /// Sends JSON.
    pub(super) async fn post(
        &mut self,
        path: &str,
        body: &Value,
    ) -> io::Result<Response<Incoming>> {
        let request = Request::post(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-sprat", "1")
            .body(text(Bytes::from(body.to_string())))
            .map_err(io::Error::other)?;
        self.send(request, Duration::ZERO).await
    }

    /// Sends a request; the head of its answer may take `wait` longer than usual.
    pub(super) async fn send(
        &mut self,
        request: Request<Sent>,
        wait: Duration,
    ) -> io::Result<Response<Incoming>> {
        let answer = self.requests.send_request(request);
        let answer = tokio::time::timeout(ANSWER.saturating_add(wait), answer).await;
        answer
            .map_err(|_| io::ErrorKind::TimedOut)?
            .map_err(io::Error::other)
    }

    /// Sends a request whose body, or answer, may take as long as it likes.
    pub(super) async fn send_for_long(
        &mut self,
        request: Request<Sent>,
    ) -> io::Result<Response<Incoming>> {
        let answer = self.requests.send_request(request).await;
        answer.map_err(io::Error::other)
    }
}
