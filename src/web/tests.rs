//! A real node, alone on loopback, asked as browsers, scripts and those who mean ill ask.

mod guest;
mod hostile;
mod localsend;
mod metrics;
mod openapi;
mod paths;
mod scale;
mod shared;
mod stream;
mod tickets;
mod two;

use super::*;
use crate::node::{Accepting, Copies, Settings};
use serde_json::{Value, json};
use std::{net::Ipv4Addr, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(60);

/// A node that is served, and a session with it.
struct Served {
    node: Node,
    web: Web,
    at: SocketAddr,
    cookie: String,
    home: TempDir,
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "{error}: {} {}",
                self.head,
                String::from_utf8_lossy(&self.body)
            )
        })
    }
}

/// A command that says two words and waits until it is stopped, if it is told so.
fn run() -> Run {
    Arc::new(|given, (words, ..), stop| {
        Box::pin(async move {
            words.send(json!({ "out": given["say"] })).await.unwrap();
            if given["wait"] == true {
                stop.cancelled().await;
                return 130;
            }
            0
        })
    })
}

async fn serve() -> Served {
    serve_with(Accepting::Nobody).await
}

async fn serve_with(accepting: Accepting) -> Served {
    serve_beside("anna", accepting, Vec::new()).await
}

/// One that knows where others are.
async fn serve_beside(name: &str, accepting: Accepting, peers: Vec<String>) -> Served {
    let home = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::create_dir(home.path().join("shared")).unwrap();
    std::fs::write(home.path().join("shared/a.txt"), "hello").unwrap();
    let node = Node::start(Settings {
        name: name.into(),
        peers,
        discovery_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        mdns: false,
        accepting,
        replicas: Copies::Some(1),
        ..Settings::new(home.path())
    })
    .await
    .unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let web = Web::open(&node, Some(any), run()).await.unwrap();
    let at = web.page().unwrap();
    let mut served = Served {
        node,
        web,
        at,
        cookie: String::new(),
        home,
    };
    served.cookie = served.open_session().await;
    served
}

/// Sends `request` and reads the answer to the end of the connection.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Answer {
    let asked = async {
        // Who is refused early may not read all of it.
        let _ = stream.write_all(request).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        bytes
    };
    let bytes = timeout(DEADLINE, asked).await.expect("an answer");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = bytes[end + 4..].to_vec();
    if head.to_lowercase().contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    Answer { status, head, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[(end + 4 + size).min(rest.len())..];
    }
    body
}

impl Served {
    async fn open_session(&self) -> String {
        let address = self.web.address().unwrap();
        let code = address.rsplit_once("#code=").unwrap().1.to_owned();
        let body = json!({ "code": code }).to_string();
        let headers = self.own_headers("application/json");
        let answer = self
            .ask("POST", "/api/v1/session", &headers, body.as_bytes())
            .await;
        assert_eq!(answer.status, 204, "{}", answer.head);
        let again = self
            .ask("POST", "/api/v1/session", &headers, body.as_bytes())
            .await;
        assert_eq!(again.status, 401, "a code is good once");
        let cookie = answer.head.split("set-cookie: ").nth(1).unwrap();
        assert!(
            cookie.contains("HttpOnly; SameSite=Strict; Path=/"),
            "{cookie}"
        );
        cookie.split(';').next().unwrap().to_owned()
    }

    /// What the page's own script sends with a write.
    fn own_headers(&self, media: &str) -> String {
        let Self { at, cookie, .. } = self;
        format!(
            "Host: {at}\r\nOrigin: http://{at}\r\nX-Sprat: 1\r\nCookie: {cookie}\r\nContent-Type: {media}\r\n"
        )
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let stream = TcpStream::connect(self.at).await.unwrap();
        exchange(stream, &[head.as_bytes(), body].concat()).await
    }

    async fn get(&self, path: &str) -> Answer {
        let headers = format!("Host: {}\r\nCookie: {}\r\n", self.at, self.cookie);
        self.ask("GET", path, &headers, b"").await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = self.own_headers("application/json");
        self.ask("POST", path, &headers, body.to_string().as_bytes())
            .await
    }

    async fn end(self) {
        timeout(DEADLINE, self.web.close()).await.expect("an end");
        self.node.leave().await;
    }
}
