//! LocalSend apps, and those who wish ill, at a node that is served to them.

mod app;
mod asks;
mod fetch;
mod offers;
mod pins;

use super::*;
use crate::{
    net::localsend::{Identity, Peer},
    node::NodeEvent,
    wire::localsend::{File, Info, MAX_FILES, MAX_PREPARE, Prepare, hex},
};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, net::IpAddr};
use tokio_rustls::rustls::pki_types::ServerName;

/// A node, and somebody with an app.
struct Near {
    node: Node,
    home: TempDir,
    at: SocketAddr,
    pinned: [u8; 32],
    app: Identity,
}

async fn near(accepting: Accepting) -> Near {
    near_with(accepting, None).await
}

async fn near_with(accepting: Accepting, pin: Option<&str>) -> Near {
    near_at(0, accepting, pin).await
}

async fn near_at(port: u16, accepting: Accepting, pin: Option<&str>) -> Near {
    let home = tempfile::tempdir_in("/tmp").unwrap();
    let node = Node::start(Settings {
        name: "anna".into(),
        discovery_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        mdns: false,
        accepting,
        replicas: Copies::Some(1),
        localsend: Some(port),
        localsend_pin: pin.map(str::to_owned),
        ..Settings::new(home.path())
    })
    .await
    .unwrap();
    open_localsend(&node).await;
    let own = node.localsend().unwrap().own();
    Near {
        at: SocketAddr::from((Ipv4Addr::LOCALHOST, own.port())),
        pinned: own.key().unwrap(),
        node,
        home,
        app: Identity::new().unwrap(),
    }
}

fn file(name: &str, bytes: &[u8], sum: bool) -> File {
    let said = || hex(&Sha256::digest(bytes).into());
    File {
        id: String::new(),
        file_name: name.into(),
        size: bytes.len() as u64,
        file_type: "text/plain".into(),
        sha256: sum.then(said),
        metadata: None,
    }
}

/// An ask for files whose ids are their numbers.
fn prepare(app: &Identity, name: &str, files: impl IntoIterator<Item = File>) -> Prepare {
    let files = files.into_iter().enumerate();
    Prepare {
        info: Info::own(name, &app.fingerprint(), 53317),
        files: files.map(|(n, file)| (n.to_string(), file)).collect(),
    }
}

impl Near {
    /// Sends a request over TLS with the app's certificate (or none) as it is.
    async fn raw(&self, shows: bool, request: &[u8]) -> Answer {
        self.raw_from(Ipv4Addr::LOCALHOST, shows, request).await
    }

    /// The same from this address of the machine.
    async fn raw_from(&self, from: Ipv4Addr, shows: bool, request: &[u8]) -> Answer {
        let nobody = || {
            let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
            let mut config = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(self.app.verifier(self.pinned))
                .with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            tokio_rustls::TlsConnector::from(Arc::new(config))
        };
        let connector = if shows {
            self.app.connector(self.pinned).unwrap()
        } else {
            nobody()
        };
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        let stream = socket.connect(self.at).await.unwrap();
        let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
        let stream = connector.connect(name, stream).await.unwrap();
        exchange(stream, request).await
    }

    async fn post(&self, shows: bool, path: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST /api/localsend/v2/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.raw(shows, &[head.as_bytes(), body].concat()).await
    }

    async fn ask(&self, prepare: &Prepare) -> Answer {
        let body = serde_json::to_vec(prepare).unwrap();
        self.post(true, "prepare-upload", &body).await
    }

    /// Asks, and says yes.
    async fn accepted(&self, prepare: &Prepare) -> Session<'_> {
        let yes = async {
            let number = self.asked(|ask| ask.number).await;
            self.node.accept(number, None).await.unwrap();
        };
        let (answer, ()) = tokio::join!(self.ask(prepare), yes);
        assert_eq!(answer.status, 200, "{}", answer.head);
        let (near, answer) = (self, answer.json());
        Session { near, answer }
    }

    /// Waits for an ask.
    async fn asked<T>(&self, look: impl Fn(&crate::node::AskInfo) -> T) -> T {
        until("an ask", || self.node.asks().first().map(&look)).await
    }

    fn left_behind(&self) -> usize {
        let spool = self.home.path().join(".sprat/spool");
        std::fs::read_dir(spool).map_or(0, Iterator::count)
    }

    fn here(&self, name: &str) -> Option<std::path::PathBuf> {
        let path = self.home.path().join("downloads").join(name);
        path.exists().then_some(path)
    }

    async fn end(self) {
        timeout(DEADLINE, self.node.leave()).await.expect("an end");
    }
}

async fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, found)
        .await
        .unwrap_or_else(|_| panic!("{what}"))
}

/// What came of a yes.
struct Session<'a> {
    near: &'a Near,
    answer: Value,
}

impl Session<'_> {
    fn id(&self) -> &str {
        self.answer["sessionId"].as_str().unwrap()
    }

    fn path(&self, file: &str) -> String {
        let token = self.answer["files"][file].as_str().unwrap();
        format!("upload?sessionId={}&fileId={file}&token={token}", self.id())
    }

    async fn put(&self, file: &str, bytes: &[u8]) -> u16 {
        self.near.post(true, &self.path(file), bytes).await.status
    }
}

#[tokio::test]
async fn an_app_asks_first_and_each_file_comes_with_its_token() {
    let near = near(Accepting::Person).await;
    let files = [file("a.txt", b"hello", true), file("trip/b", b"", false)];
    let ask = prepare(&near.app, "Nice Orange", files);
    let (answer, info) = tokio::join!(near.ask(&ask), async {
        let info = near.asked(Clone::clone).await;
        assert_eq!(near.left_behind(), 0, "nothing is stored before the yes");
        near.node.accept(info.number, None).await.unwrap();
        info
    });
    assert_eq!(info.from.name, "LocalSend: Nice Orange");
    assert_eq!(info.from.node.short(), own_end(&near.app));
    let shown = serde_json::to_value(&info).unwrap();
    assert!(shown["files"][0]["id"].is_null() && !shown["peer"].is_null());
    let session = Session {
        near: &near,
        answer: answer.json(),
    };
    let path = session.path("0");
    for wrong in [
        path.replace("token=", "token=x"),
        path.replace("fileId=0", "fileId=1"),
        path.replace("fileId=0", "fileId=7"),
        path.replace("sessionId=", "sessionId=0"),
    ] {
        assert_eq!(
            near.post(true, &wrong, b"hello").await.status,
            403,
            "{wrong}"
        );
    }
    let short = near.post(true, "upload?sessionId=x", b"").await;
    assert_eq!(short.status, 400);
    // Not as long as was said, either way; then as it should be; then again.
    for (bytes, status) in [
        (&b"hell"[..], 400),
        (b"hello!", 400),
        (b"hello", 200),
        (b"hello", 409),
    ] {
        assert_eq!(session.put("0", bytes).await, status);
    }
    assert_eq!(session.put("1", b"").await, 200);
    until("the rest", || near.here("trip/b")).await;
    let path = near.here("a.txt").unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"hello");
    assert_eq!(near.left_behind(), 0);
    let (status, ()) = (session.put("1", b"").await, near.end().await);
    assert!(status == 403 || status == 409, "it is over: {status}");
}

fn own_end(app: &Identity) -> String {
    hex(&app.fingerprint())[56..].to_owned()
}

#[tokio::test]
async fn what_arrives_damaged_is_not_kept_and_may_come_three_times() {
    let near = near(Accepting::Person).await;
    let ask = prepare(&near.app, "x", [file("a.txt", b"hello", true)]);
    let session = near.accepted(&ask).await;
    for _ in 0..3 {
        assert_eq!(session.put("0", b"jello").await, 422);
        assert!(near.here("a.txt").is_none() && near.left_behind() == 0);
    }
    let over = session.put("0", b"hello").await;
    assert!(over == 422 || over == 403, "{over}");
    assert!(near.here("a.txt").is_none());
    until("its end", || {
        near.node.jobs()[0].state.has_ended().then_some(())
    })
    .await;
    // Twice damaged is no end.
    let session = near.accepted(&ask).await;
    assert_eq!(session.put("0", b"jello").await, 422);
    assert_eq!(session.put("0", b"hello").await, 200);
    assert!(near.here("a.txt").is_some());
    near.end().await;
}

#[tokio::test]
async fn names_that_escape_and_asks_that_make_no_sense_are_not_even_shown() {
    let near = near(Accepting::Person).await;
    let app = &near.app;
    for name in [
        "../x",
        "/etc/x",
        "a/../../x",
        "a\0b",
        "",
        ".",
        "a//b",
        "C:\\x\\..\\..\\y/..",
    ] {
        let ask = prepare(app, "x", [file("ok", b"1", false), file(name, b"1", false)]);
        assert_eq!(near.ask(&ask).await.status, 400, "{name:?}");
    }
    let none = prepare(app, "x", []);
    assert_eq!(near.ask(&none).await.status, 400);
    let huge = File {
        size: 1 << 60,
        ..file("a", b"", false)
    };
    assert_eq!(near.ask(&prepare(app, "x", [huge])).await.status, 400);
    let sum = File {
        sha256: Some("x".into()),
        ..file("a", b"", false)
    };
    assert_eq!(near.ask(&prepare(app, "x", [sum])).await.status, 400);
    let many = (0..=MAX_FILES).map(|_| file("a", b"", false));
    assert_eq!(near.ask(&prepare(app, "x", many)).await.status, 400);
    let long = vec![b' '; MAX_PREPARE + 1];
    assert_eq!(near.post(true, "prepare-upload", &long).await.status, 413);
    for path in ["register", "prepare-upload"] {
        assert_eq!(near.post(true, path, b"{").await.status, 400);
    }
    for path in ["../../etc/passwd", ""] {
        assert_eq!(near.post(true, path, b"").await.status, 404, "{path}");
    }
    assert!(near.node.asks().is_empty() && near.node.jobs().is_empty());
    near.end().await;
}

#[tokio::test]
async fn a_thousand_files_of_no_bytes_are_one_ask_and_a_thousand_files() {
    let near = near(Accepting::Person).await;
    let files = (0..1000).map(|n| file(&format!("many/{n}"), b"", true));
    let session = near.accepted(&prepare(&near.app, "x", files)).await;
    assert_eq!(near.left_behind(), 0);
    let mut peer = Peer::connect(&near.app, near.at, near.pinned)
        .await
        .unwrap();
    for n in 0..1000 {
        let path = format!("/api/localsend/v2/{}", session.path(&n.to_string()));
        let sent = peer.post(&path, Vec::new(), (DEADLINE, 100)).await;
        assert_eq!(sent.unwrap().status, 200);
    }
    let there = std::fs::read_dir(near.home.path().join("downloads/many"));
    assert_eq!(there.unwrap().count(), 1000);
    near.end().await;
}

#[tokio::test]
async fn nothing_is_taken_in_clear_and_no_certificate_is_a_guest() {
    let plain = async |near: &Near, request: &str| {
        let stream = TcpStream::connect(near.at).await.unwrap();
        exchange(stream, request.as_bytes()).await
    };
    let near = near(Accepting::Some(vec!["LocalSend: x".into()])).await;
    let get = "GET /api/localsend/v1/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let info = plain(&near, get).await.json();
    assert_eq!(
        (&info["alias"], &info["deviceType"]),
        (&json!("anna"), &json!("desktop"))
    );
    for path in [
        "register",
        "prepare-upload",
        "upload?sessionId=a&fileId=b&token=c",
        "cancel",
    ] {
        let head = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
        let request = format!("POST /api/localsend/v2/{path} {head}");
        assert_eq!(plain(&near, &request).await.status, 403, "{path}");
    }
    // The name is on the list, but nothing shows that it is theirs.
    let ask = prepare(&near.app, "x", [file("a", b"hello", false)]);
    let body = serde_json::to_vec(&ask).unwrap();
    assert_eq!(near.post(false, "prepare-upload", &body).await.status, 403);
    let proven = near.ask(&ask).await;
    assert_eq!(proven.status, 200, "with their certificate they are meant");
    // Another key by that name is not the one who is meant.
    let other = Near {
        app: Identity::new().unwrap(),
        ..near
    };
    let ask = prepare(&other.app, "x", [file("b", b"hello", false)]);
    assert_eq!(other.ask(&ask).await.status, 403);
    other.end().await;
}

#[tokio::test]
async fn who_registers_with_their_own_certificate_is_here_unproven_and_remembered() {
    let near = near(Accepting::Nobody).await;
    let info = |app: &Identity, port| {
        let own = Info::own("Kiwi", &app.fingerprint(), port);
        serde_json::to_vec(&own).unwrap()
    };
    let rows = || -> BTreeMap<String, Value> {
        let rows = near.node.peers().into_iter();
        rows.map(|row| (row.node.short(), serde_json::to_value(row).unwrap()))
            .collect()
    };
    let eve = Identity::new().unwrap();
    // A fingerprint that is not the one of the certificate counts for nothing.
    let lie = near.post(true, "register", &info(&eve, 4710)).await;
    assert_eq!(
        (lie.status, lie.json()["alias"].clone()),
        (200, json!("anna"))
    );
    let own = near.post(true, "register", &info(&near.app, 4711)).await;
    assert_eq!(own.json()["fingerprint"].as_str().unwrap().len(), 64);
    until("a row", || (!rows().is_empty()).then_some(())).await;
    let shown = rows();
    assert_eq!(shown.len(), 1, "{shown:?}");
    let row = &shown[&own_end(&near.app)];
    assert_eq!(row["name"], "LocalSend: Kiwi");
    assert_eq!(
        (&row["via"], &row["unproven"]),
        (&json!("localsend"), &json!(true))
    );
    assert_eq!(row["address"], "127.0.0.1:4711");
    assert!(row["key_changed"].is_null());
    // The first key of a name is remembered; another one is marked.
    let second = Identity::new().unwrap();
    let mut peer = Peer::connect(&second, near.at, near.pinned).await.unwrap();
    let path = "/api/localsend/v2/register";
    let body = info(&second, 4712);
    peer.post(path, body, (DEADLINE, 1 << 14)).await.unwrap();
    until("two rows", || (rows().len() == 2).then_some(())).await;
    assert_eq!(rows()[&own_end(&second)]["key_changed"], true);
    // They can be sent files, and nothing else.
    let found = near.node.find_person("LocalSend: Kiwi", false).await;
    assert_eq!(found, Err(crate::node::WhoError::Nobody));
    near.end().await;
}
