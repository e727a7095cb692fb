//! Fetching what others offer by LocalSend's download API.

use super::{offers::WRITTEN, *};
use crate::{
    core::{id::NodeId, localsend::ShareAddress},
    node::{Expected, FetchError, Received},
};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

/// A node without LocalSend, that fetches.
struct Fetching {
    node: Node,
    home: TempDir,
}

impl Fetching {
    async fn new() -> Self {
        let home = tempfile::tempdir_in("/tmp").unwrap();
        let node = Node::start(Settings {
            name: "ben".into(),
            discovery_port: 0,
            listen: vec![Ipv4Addr::LOCALHOST.into()],
            mdns: false,
            replicas: Copies::Some(1),
            ..Settings::new(home.path())
        });
        let node = node.await.unwrap();
        Self { node, home }
    }

    async fn list(
        &self,
        at: &str,
        pin: Option<&str>,
    ) -> Result<(NodeId, mpsc::Receiver<Expected>), FetchError> {
        let address: ShareAddress = at.parse().unwrap();
        let listed = self.node.fetch_shared(&address, pin);
        timeout(DEADLINE, listed).await.unwrap()
    }

    /// Fetches all of it.
    async fn fetch(&self, at: &str) -> Arc<Received> {
        let (_, mut news) = self.list(at, None).await.unwrap();
        let ask = ask(&mut news).await;
        self.node.accept(ask.number, None).await.unwrap();
        received(&mut news).await
    }

    fn here(&self) -> Vec<String> {
        let all = walkdir::WalkDir::new(self.home.path().join("downloads")).min_depth(1);
        let files = all.into_iter().filter_map(Result::ok);
        let files = files.filter(|entry| entry.file_type().is_file());
        let mut names: Vec<String> = files
            .map(|entry| entry.file_name().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    fn left_behind(&self) -> usize {
        let spool = self.home.path().join(".sprat/spool");
        std::fs::read_dir(spool).map_or(0, Iterator::count)
    }

    async fn end(self) {
        timeout(DEADLINE, self.node.leave()).await.expect("an end");
    }
}

async fn ask(news: &mut mpsc::Receiver<Expected>) -> Arc<crate::node::AskInfo> {
    match timeout(DEADLINE, news.recv()).await.unwrap() {
        Some(Expected::Ask(ask)) => ask,
        other => panic!("{other:?}"),
    }
}

async fn received(news: &mut mpsc::Receiver<Expected>) -> Arc<Received> {
    match timeout(DEADLINE, news.recv()).await.unwrap() {
        Some(Expected::Received(received)) => received,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_link_offers_is_shown_first_and_lands_as_any_ask() {
    let near = near(Accepting::Nobody).await;
    let stop = CancellationToken::new();
    let guests = tokio::spawn(crate::web::guest::run(near.node.clone(), stop.clone()));
    near.link(Some("47 11"), true).await;
    let ben = Fetching::new().await;
    let at = format!("https://{}", near.at);
    for (pin, refused) in [(None, "a PIN is asked"), (Some("1"), "that is not the PIN")] {
        let why = ben.list(&at, pin).await.unwrap_err().to_string();
        assert!(why.contains(refused), "{why}");
    }
    let (who, mut news) = ben.list(&at, Some("47 11")).await.unwrap();
    let asked = ask(&mut news).await;
    assert_eq!(asked.from.name, "LocalSend: anna");
    assert_eq!(
        (asked.from.node, who),
        (who, NodeId::localsend(&near.pinned))
    );
    let names: Vec<&str> = asked.files.iter().map(|file| &*file.name).collect();
    assert_eq!(names, ["trip/a.txt", "trip/day 1/<b>.html"]);
    assert_eq!(
        (ben.here().len(), ben.left_behind()),
        (0, 0),
        "before the yes"
    );
    ben.node.accept(asked.number, None).await.unwrap();
    let received = received(&mut news).await;
    assert_eq!((received.files.len(), &received.stopped), (2, &None));
    let trip = ben.home.path().join("downloads/trip");
    assert_eq!(std::fs::read(trip.join("a.txt")).unwrap(), b"hello");
    assert_eq!(
        std::fs::read(trip.join("day 1/<b>.html")).unwrap(),
        b"<script>"
    );
    let modified = |path: std::path::PathBuf| {
        let modified = std::fs::metadata(path).unwrap().modified().unwrap();
        let since = modified.duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_secs()
    };
    assert_eq!(modified(trip.join("a.txt")), WRITTEN);
    assert_eq!(ben.left_behind(), 0);
    // It is nobody else's.
    assert!(ben.node.list(None).await.is_empty());
    ben.end().await;
    stop.cancel();
    guests.await.unwrap();
    near.end().await;
}

/// In the first line of an answer after which the connection stays open.
const STAYS: &str = "Stays";

/// Somebody who answers each request as told, once a connection; and the requests.
struct Script {
    at: String,
    asked: Arc<Mutex<Vec<String>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Script {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Script {
    async fn of(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        Self::shown_by(Vec::new(), answer).await
    }

    /// Over TLS, if there are certificates: each connection with the next one, the last one stays.
    async fn shown_by(
        certificates: Vec<Identity>,
        answer: impl Fn(&str) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let scheme = if certificates.is_empty() {
            "http"
        } else {
            "https"
        };
        let at = format!("{scheme}://{}/", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = asked.clone();
        let serving = tokio::spawn(async move {
            let mut open = Vec::new();
            let mut next = certificates.iter();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shown = next.next().or(certificates.last());
                let mut stream: Box<dyn Stream> = match shown.map(|who| who.acceptor().unwrap()) {
                    None => Box::new(stream),
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                let mut asking = Vec::new();
                while !asking.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        break;
                    };
                    asking.push(byte);
                }
                let asking = String::from_utf8(asking).unwrap();
                let Some((line, _)) = asking.split_once(" HTTP/1.1") else {
                    continue;
                };
                heard.lock().push(line.to_owned());
                let answer = answer(line);
                let _ = stream.write_all(&answer).await;
                if answer.starts_with(format!("HTTP/1.1 200 {STAYS}").as_bytes()) {
                    open.push(stream);
                } else {
                    let _ = stream.shutdown().await;
                }
            }
        });
        Self { at, asked, serving }
    }

    /// The list, and each file's bytes by its id.
    async fn offering(list: Value, files: Files) -> Self {
        Self::of(move |line| offer(&list, files, line)).await
    }

    fn asked(&self, path: &str) -> usize {
        let asked = self.asked.lock();
        asked.iter().filter(|line| line.contains(path)).count()
    }
}

type Files = &'static [(&'static str, &'static [u8])];

fn offer(list: &Value, files: Files, line: &str) -> Vec<u8> {
    if line.starts_with("POST /api/localsend/v2/prepare-download") {
        return http(200, list.to_string().as_bytes());
    }
    let id = line.rsplit_once("&fileId=").unwrap().1;
    let found = files.iter().find(|(file, _)| *file == id);
    found.map_or_else(|| http(404, b""), |(_, bytes)| http(200, bytes))
}

fn http(status: u16, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The list as the specification has it (5.2), with these files.
fn list(files: &Value) -> Value {
    json!({
        "info": {
            "alias": "Nice Orange", "version": "2.0", "deviceModel": "Samsung", "deviceType": "mobile",
            "fingerprint": "random string", "download": true,
        },
        "sessionId": "mySessionId",
        "files": files,
    })
}

fn described(name: &str, size: u64, sum: Option<&[u8]>) -> Value {
    json!({
        "id": "some file id", "fileName": name, "size": size, "fileType": "image/jpeg",
        "sha256": sum.map(|bytes| hex(&Sha256::digest(bytes).into())), "preview": "*preview data*",
    })
}

#[tokio::test]
async fn the_exchange_of_the_specification_is_spoken_without_encryption_too() {
    let files = json!({ "some file id": described("my image.png", 5, Some(b"hello")), "another/id": described("empty", 0, None) });
    let script = Script::offering(
        list(&files),
        &[("some%20file%20id", b"hello"), ("another%2Fid", b"")],
    )
    .await;
    let ben = Fetching::new().await;
    let (who, mut news) = ben.list(&script.at, Some("47 11")).await.unwrap();
    let asked = ask(&mut news).await;
    // Nobody shows who that is.
    assert_eq!(asked.from.name, "LocalSend: Nice Orange (at 127.0.0.1)");
    assert!(who.is_guest() && asked.from.node == who);
    ben.node.accept(asked.number, None).await.unwrap();
    let received = received(&mut news).await;
    assert_eq!((received.files.len(), &received.stopped), (2, &None));
    assert_eq!(ben.here(), ["empty", "my image.png"]);
    let asked = script.asked.lock().clone();
    assert_eq!(
        asked,
        [
            "POST /api/localsend/v2/prepare-download?pin=47%2011",
            "GET /api/localsend/v2/download?sessionId=mySessionId&fileId=another%2Fid",
            "GET /api/localsend/v2/download?sessionId=mySessionId&fileId=some%20file%20id",
        ]
    );
    ben.end().await;
}

#[tokio::test]
async fn what_is_not_as_was_said_leaves_nothing() {
    let ben = Fetching::new().await;
    for (file, tries) in [
        (described("a", 5, Some(b"other")), 3),
        (described("a", 4, None), 1),
        (described("a", 6, None), 1),
    ] {
        let script = Script::offering(list(&json!({ "a": file })), &[("a", b"hello")]).await;
        let received = ben.fetch(&script.at).await;
        assert!(
            received.files.is_empty() && received.stopped.is_some(),
            "{file}"
        );
        assert_eq!(script.asked("/download?"), tries, "{file}");
        assert_eq!((ben.here().len(), ben.left_behind()), (0, 0), "{file}");
    }
    // What came before stays.
    let files = json!({ "a": described("a", 5, None), "b": described("b", 5, None) });
    let script = Script::offering(list(&files), &[("a", b"hello")]).await;
    let received = ben.fetch(&script.at).await;
    assert_eq!(received.files.len(), 1);
    assert_eq!(
        received.stopped.as_deref(),
        Some("a file is not given any more")
    );
    assert_eq!(ben.here(), ["a"]);
    ben.end().await;
}

#[tokio::test]
async fn files_come_from_the_one_who_showed_the_list_or_not_at_all() {
    let ben = Fetching::new().await;
    let (anna, eve) = (Identity::new().unwrap(), Identity::new().unwrap());
    let files = list(&json!({ "a": described("a", 5, None) }));
    for (second, come) in [(anna.clone(), 1), (eve, 0)] {
        let files = files.clone();
        let answer = move |line: &str| offer(&files, &[("a", b"hello")], line);
        // The connection of the list is closed: the file comes by another one.
        let script = Script::shown_by(vec![anna.clone(), second], answer).await;
        let received = ben.fetch(&script.at).await;
        assert_eq!(
            (received.files.len(), script.asked("/download?")),
            (come, come)
        );
        assert_eq!(received.stopped.is_none(), come == 1);
    }
    assert_eq!((ben.here(), ben.left_behind()), (vec!["a".to_owned()], 0));
    ben.end().await;
}

#[tokio::test]
async fn a_list_that_makes_no_sense_is_shown_to_nobody() {
    let ben = Fetching::new().await;
    let many: serde_json::Map<_, _> = (0..=MAX_FILES)
        .map(|n| (n.to_string(), json!({ "fileName": "a", "size": 0 })))
        .collect();
    let mut long = list(&json!({ "a": described("a", 1, None) }));
    long["sessionId"] = "s".repeat(5000).into();
    let mut wrong = described("a", 1, None);
    wrong["sha256"] = "xyz".into();
    for nonsense in [
        list(&json!({ "a": described("../a", 1, None) })),
        list(&json!({ "a": described("/etc/a", 1, None) })),
        list(&json!({ "a": described("a", 1 << 53, None) })),
        list(&json!({ "a": wrong })),
        list(&json!({ "a".repeat(256): described("a", 1, None) })),
        list(&many.into()),
        long,
        json!([]),
    ] {
        let script = Script::offering(nonsense.clone(), &[]).await;
        let refused = ben.list(&script.at, None).await;
        assert!(
            matches!(refused, Err(FetchError::Nonsense(_))),
            "{:.200}",
            nonsense.to_string()
        );
    }
    let script = Script::of(|_| http(200, &vec![b' '; MAX_PREPARE + 1])).await;
    assert!(matches!(
        ben.list(&script.at, None).await,
        Err(FetchError::Gone(_))
    ));
    for (status, body) in [(401, ""), (403, ""), (429, ""), (500, ""), (200, "{}")] {
        let script = Script::of(move |_| http(status, body.as_bytes())).await;
        let refused = ben.list(&script.at, None).await.unwrap_err();
        let fits = match status {
            401 => matches!(refused, FetchError::Pin),
            403 => matches!(refused, FetchError::Refused),
            429 => matches!(refused, FetchError::TooOften),
            _ => matches!(refused, FetchError::Nonsense(_)),
        };
        assert!(fits, "{status} {refused}");
    }
    let script = Script::offering(list(&json!({})), &[]).await;
    assert!(matches!(
        ben.list(&script.at, None).await,
        Err(FetchError::Refused)
    ));
    assert!(ben.node.asks().is_empty() && ben.node.jobs().is_empty());
    ben.end().await;
}

#[tokio::test]
async fn who_says_no_or_stops_fetches_nothing_more() {
    let ben = Fetching::new().await;
    let files = json!({ "a": described("a", 5, None) });
    let script = Script::offering(list(&files), &[("a", b"hello")]).await;
    let (_, mut news) = ben.list(&script.at, None).await.unwrap();
    let asked = ask(&mut news).await;
    ben.node.refuse(asked.number).unwrap();
    until("it is refused", || ben.node.asks().is_empty().then_some(())).await;
    // One that never comes to its end is stopped at once.
    let endless = Script::of(move |line| {
        if line.starts_with("POST") {
            return http(
                200,
                list(&json!({ "a": described("a", 1 << 30, None) }))
                    .to_string()
                    .as_bytes(),
            );
        }
        format!("HTTP/1.1 200 {STAYS}\r\nContent-Length: 1073741824\r\n\r\nhello").into_bytes()
    })
    .await;
    let (_, mut news) = ben.list(&endless.at, None).await.unwrap();
    let asked = ask(&mut news).await;
    ben.node.accept(asked.number, None).await.unwrap();
    let job = until("a job", || {
        ben.node
            .jobs()
            .into_iter()
            .find(|job| job.ask == Some(asked.number))
    })
    .await;
    until("some of it", || {
        let jobs = ben.node.jobs().into_iter();
        jobs.map(|job| job.done).find(|done| *done == 5)
    })
    .await;
    ben.node.cancel(job.number).unwrap();
    let received = received(&mut news).await;
    assert!(received.files.is_empty() && received.stopped.is_some());
    // Well before one that stands still would end.
    let nothing = until("nothing is left", || (ben.left_behind() == 0).then_some(()));
    timeout(DEADLINE / 3, nothing).await.expect("an end");
    assert_eq!(script.asked("/download?"), 0, "after the no");
    ben.end().await;
}
