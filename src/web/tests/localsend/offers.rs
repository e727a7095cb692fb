//! Files that people of LocalSend fetch.

use super::*;
use crate::node::{LinkError, LinkRequest};
use tokio_util::sync::CancellationToken;

/// When `a.txt` was written, in seconds since 1970.
pub const WRITTEN: u64 = 1_600_000_000;

impl Near {
    async fn get(&self, path: &str) -> Answer {
        self.get_from(Ipv4Addr::LOCALHOST, path).await
    }

    async fn get_from(&self, from: Ipv4Addr, path: &str) -> Answer {
        let head = format!(
            "GET /api/localsend/v2/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        );
        self.raw_from(from, true, head.as_bytes()).await
    }

    /// What is offered, or the status of the refusal.
    async fn offered(&self, query: &str) -> Result<Value, u16> {
        let path = format!("prepare-download{query}");
        let answer = self.post(true, &path, b"").await;
        match answer.status {
            200 => Ok(answer.json()),
            refused => Err(refused),
        }
    }

    pub(super) fn trip(&self) -> std::path::PathBuf {
        let folder = self.home.path().join("trip");
        std::fs::create_dir_all(folder.join("day 1")).unwrap();
        std::fs::write(folder.join("a.txt"), "hello").unwrap();
        let file = std::fs::File::options()
            .write(true)
            .open(folder.join("a.txt"));
        let written = std::time::UNIX_EPOCH + Duration::from_secs(WRITTEN);
        file.unwrap().set_modified(written).unwrap();
        std::fs::write(folder.join("day 1/<b>.html"), "<script>").unwrap();
        folder
    }

    /// Links it; gives the number.
    pub(super) async fn link(&self, pin: Option<&str>, localsend: bool) -> u32 {
        let request = LinkRequest {
            paths: vec![self.trip()],
            pin: pin.map(str::to_owned),
            localsend,
            ..LinkRequest::default()
        };
        self.node.add_link(request).await.unwrap().0.number
    }
}

#[tokio::test]
async fn only_links_that_were_made_for_them_are_told_to_people_of_localsend() {
    let near = near(Accepting::Nobody).await;
    let stop = CancellationToken::new();
    let guests = tokio::spawn(crate::web::guest::run(near.node.clone(), stop.clone()));
    let offers = async || near.get("info").await.json()["download"].clone();
    near.link(None, false).await;
    assert_eq!(near.offered("").await, Err(403));
    assert_eq!(offers().await, false);
    let number = near.link(None, true).await;
    assert_eq!(offers().await, true);
    let offer = near.offered("").await.unwrap();
    assert_eq!(offer["info"]["alias"], "anna");
    let (html, text) = (format!("{number}-1"), format!("{number}-0"));
    let files = &offer["files"];
    assert_eq!(files.as_object().unwrap().len(), 2, "{files}");
    assert_eq!(files[&text]["fileName"], "trip/a.txt");
    assert_eq!(
        (&files[&text]["id"], &files[&text]["size"]),
        (&json!(text), &json!(5))
    );
    assert!(files[&text]["metadata"]["modified"].is_string());
    let session = offer["sessionId"].as_str().unwrap();
    let path = |file: &str| format!("download?sessionId={session}&fileId={file}");
    let got = near.get(&path(&text)).await;
    assert_eq!((got.status, &got.body[..]), (200, &b"hello"[..]));
    // A browser saves all of it, and shows nothing.
    assert!(
        got.head.to_lowercase().contains("attachment"),
        "{}",
        got.head
    );
    let page = near.get(&path(&html)).await;
    assert_eq!((page.status, &page.body[..]), (200, &b"<script>"[..]));
    let head = page.head.to_lowercase();
    assert!(
        head.contains("attachment") && head.contains("sandbox"),
        "{head}"
    );
    for wrong in [
        "",
        "1-0",
        "2-2",
        "2-",
        "-0",
        "2-0-0",
        "../a.txt",
        "trip/a.txt",
        "99-0",
    ] {
        assert_eq!(near.get(&path(wrong)).await.status, 403, "{wrong}");
    }
    let other = near.get(&path(&text).replace(&session[..2], "zz")).await;
    let none = near.get(&format!("download?fileId={text}")).await;
    assert_eq!((other.status, none.status), (403, 400));
    // Nothing in clear.
    let plain = "POST /api/localsend/v2/prepare-download HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let stream = TcpStream::connect(near.at).await.unwrap();
    assert_eq!(exchange(stream, plain.as_bytes()).await.status, 403);
    near.node.remove_link(number).unwrap();
    assert_eq!(near.offered("").await, Err(403));
    assert_eq!(near.get(&path(&text)).await.status, 403);
    assert_eq!(offers().await, false);
    stop.cancel();
    guests.await.unwrap();
    near.end().await;
}

#[tokio::test]
async fn a_session_is_that_of_a_place_and_uses_and_the_end_of_a_link_count() {
    const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
    let near = near(Accepting::Nobody).await;
    let stop = CancellationToken::new();
    let guests = tokio::spawn(crate::web::guest::run(near.node.clone(), stop.clone()));
    let link = async |uses, expires| {
        let request = LinkRequest {
            paths: vec![near.trip()],
            localsend: true,
            uses,
            expires,
            ..LinkRequest::default()
        };
        near.node.add_link(request).await.unwrap().0.number
    };
    let number = link(Some(1), None).await;
    let session = |offer: &Value| offer["sessionId"].as_str().unwrap().to_owned();
    let path = |session: &str| format!("download?sessionId={session}&fileId={number}-0");
    let head = "POST /api/localsend/v2/prepare-download HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let elsewhere = || near.raw_from(ELSEWHERE, true, head.as_bytes());
    let ours = session(&near.offered("").await.unwrap());
    let theirs = session(&elsewhere().await.json());
    assert_eq!(near.get_from(ELSEWHERE, &path(&ours)).await.status, 403);
    let long = format!("{ours}{}", ".x".repeat(2000));
    assert_eq!(near.get(&path(&long)).await.status, 403);
    // The one use is made; who made it goes on.
    for _ in 0..2 {
        assert_eq!(near.get(&path(&ours)).await.body, b"hello");
    }
    assert_eq!(near.get_from(ELSEWHERE, &path(&theirs)).await.status, 403);
    assert_eq!(elsewhere().await.status, 403);
    near.node.remove_link(number).unwrap();
    link(None, Some(Duration::from_secs(1))).await;
    let gone = async { while near.offered("").await.is_ok() {} };
    timeout(DEADLINE, gone).await.expect("an end of the link");
    stop.cancel();
    guests.await.unwrap();
    near.end().await;
}

#[tokio::test]
async fn a_pin_of_a_link_counts_for_people_of_localsend() {
    let near = near(Accepting::Nobody).await;
    let stop = CancellationToken::new();
    let guests = tokio::spawn(crate::web::guest::run(near.node.clone(), stop.clone()));
    let number = near.link(Some("4711"), true).await;
    for _ in 0..5 {
        assert_eq!(near.offered("").await, Err(401), "asking is no try");
    }
    assert_eq!(near.offered("?pin=4712").await, Err(401));
    let offer = near.offered("?pin=4711").await.unwrap();
    let session = offer["sessionId"].as_str().unwrap();
    // Who has the session need not say it again.
    let again = near
        .offered(&format!("?sessionId={session}"))
        .await
        .unwrap();
    assert_eq!(again["files"], offer["files"]);
    assert_eq!(near.offered("?sessionId=4711").await, Err(401));
    let path = format!("download?sessionId={session}&fileId={number}-0");
    assert_eq!(near.get(&path).await.body, b"hello");
    let guessed = format!("download?sessionId=4711&fileId={number}-0");
    assert_eq!(near.get(&guessed).await.status, 403);
    let mut statuses = Vec::new();
    for pin in 0..3 {
        statuses.push(near.offered(&format!("?pin={pin}")).await.unwrap_err());
    }
    assert_eq!(statuses, [401, 401, 429]);
    assert_eq!(near.offered("?pin=4711").await, Err(429));
    stop.cancel();
    guests.await.unwrap();
    near.end().await;
    // Without LocalSend there is nobody to make it for.
    let served = serve().await;
    let request = LinkRequest {
        paths: vec![served.home.path().to_owned()],
        localsend: true,
        ..LinkRequest::default()
    };
    let refused = served.node.add_link(request).await;
    assert!(matches!(refused, Err(LinkError::Terms(_))), "{refused:?}");
    served.end().await;
}
