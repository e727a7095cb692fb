//! The bytes of files on their own port, for those who have a ticket.

use super::*;

/// Asks the port of files.
async fn ask(at: &str, method: &str, path: &str, headers: &str) -> Answer {
    let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    let stream = TcpStream::connect(at).await.unwrap();
    exchange(stream, head.as_bytes()).await
}

/// A ticket's address in two parts.
async fn ticket(served: &Served, wanted: Value) -> (String, String) {
    let until = tokio::time::Instant::now() + DEADLINE;
    loop {
        let answer = served.post("/api/v1/tickets", &wanted).await;
        if answer.status == 201 {
            let row = answer.json();
            let url = row["url"]
                .as_str()
                .unwrap()
                .strip_prefix("http://")
                .unwrap();
            let (at, path) = url.split_once('/').unwrap();
            assert_ne!(at, served.at.to_string(), "another origin than the page");
            return (at.to_owned(), format!("/{path}"));
        }
        // It still reads its folder.
        assert!(answer.status == 404 && tokio::time::Instant::now() < until);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_gives_one_file_and_what_is_in_it_cannot_run() {
    let served = serve().await;
    std::fs::write(
        served.home.path().join("shared/b.html"),
        "<script>1</script>",
    )
    .unwrap();
    let (at, path) = ticket(&served, json!({ "what": "a.txt", "show": true })).await;
    let host = format!("Host: {at}\r\n");
    let whole = ask(&at, "GET", &path, &host).await;
    assert_eq!((whole.status, &whole.body[..]), (200, &b"hello"[..]));
    for line in [
        "content-security-policy: sandbox; default-src 'none';",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "x-frame-options: DENY",
        "content-type: text/plain; charset=utf-8",
        "content-disposition: inline; filename=\"a.txt\"",
        "content-length: 5",
        "accept-ranges: bytes",
        "cache-control: no-store",
    ] {
        assert!(whole.head.contains(line), "{line}\n{}", whole.head);
    }
    let tag = whole.head.split("etag: ").nth(1).unwrap();
    let tag = tag.lines().next().unwrap();
    let head = ask(&at, "HEAD", &path, &host).await;
    assert!(head.head.contains("content-length: 5") && head.body.is_empty());

    let part = async |more: &str| {
        let answer = ask(&at, "GET", &path, &format!("{host}{more}\r\n")).await;
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    assert_eq!(part("Range: bytes=1-2").await, (206, "el".into()));
    assert_eq!(part("Range: bytes=-2").await, (206, "lo".into()));
    assert_eq!(part("Range: bytes=9-").await, (416, String::new()));
    assert_eq!(
        part(&format!("If-None-Match: {tag}")).await,
        (304, String::new())
    );
    let other = "Range: bytes=1-2\r\nIf-Range: \"other\"";
    assert_eq!(part(other).await, (200, "hello".into()));
    let same = format!("Range: bytes=1-2\r\nIf-Range: {tag}");
    assert_eq!(part(&same).await, (206, "el".into()));

    // What could run is saved even if a page wants it shown; of a private file the id is enough.
    let id = tag.trim_matches('"');
    let (at, html) = ticket(&served, json!({ "what": "b.html", "show": true })).await;
    let saved = ask(&at, "GET", &html, &host).await;
    assert!(
        saved
            .head
            .contains("content-type: application/octet-stream")
    );
    assert!(saved.head.contains("content-disposition: attachment"));
    let (_, by_id) = ticket(&served, json!({ "id": id, "name": "called so" })).await;
    assert!(by_id.ends_with("/called%20so"), "{by_id}");
    let saved = ask(&at, "GET", &by_id, &host).await;
    assert!(saved.body == b"hello" && saved.head.contains("disposition: attachment"));

    // Nobody else, from nowhere else, in no other way.
    let number = at.rsplit_once(':').unwrap().1;
    let foreign = format!("Host: evil.example:{number}\r\n");
    assert_eq!(ask(&at, "GET", &path, &foreign).await.status, 421);
    assert_eq!(ask(&at, "POST", &path, &host).await.status, 405);
    for none in [
        "/t/0123456789abcdef0123456789abcdef/a.txt",
        "/t//a.txt",
        "/t/../../shared/a.txt",
        "/",
        "/api/v1/status",
        &path[..path.rfind('/').unwrap()],
    ] {
        let answer = ask(&at, "GET", none, &host).await;
        assert_eq!(answer.status, 404, "{none}");
    }
    let unknown = json!({ "id": "0".repeat(64), "name": "x" });
    assert_eq!(served.post("/api/v1/tickets", &unknown).await.status, 404);
    for wrong in [
        json!({}),
        json!({ "id": "..", "name": "x" }),
        json!({ "what": "a", "id": "b" }),
    ] {
        assert_eq!(
            served.post("/api/v1/tickets", &wrong).await.status,
            400,
            "{wrong}"
        );
    }
    // They end with the sessions.
    let headers = served.own_headers("application/json");
    let closed = served.ask("DELETE", "/api/v1/session", &headers, b"").await;
    assert_eq!(closed.status, 204);
    assert_eq!(ask(&at, "GET", &path, &host).await.status, 404);
    served.end().await;
}
