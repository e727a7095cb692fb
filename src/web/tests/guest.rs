//! Links, as browsers, programs and those who mean ill open them.

mod tls;
mod uploads;

use super::*;
use crate::node::{LinkInfo, LinkRequest};

/// A link of the node that is served.
struct Linked {
    served: Served,
    info: LinkInfo,
    at: SocketAddr,
}

async fn link(request: impl FnOnce(&Path) -> LinkRequest) -> Linked {
    let served = serve_with(Accepting::Person).await;
    let folder = served.home.path().join("film");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.png"), (0..=255).collect::<Vec<u8>>()).unwrap();
    std::fs::write(folder.join("<b>\u{202e}.html"), "<script>alert(1)</script>").unwrap();
    std::fs::write(folder.join("c.svg"), "<svg onload='alert(1)'/>").unwrap();
    let (info, _) = served.node.add_link(request(&folder)).await.unwrap();
    let host = info.address.split('/').nth(2).unwrap();
    let at = host.parse().unwrap();
    Linked { served, info, at }
}

fn of(folder: &Path) -> LinkRequest {
    LinkRequest {
        paths: vec![folder.to_owned()],
        ..LinkRequest::default()
    }
}

impl Linked {
    /// The path of the link, with both slashes.
    fn path(&self) -> String {
        let parts = self.info.address.splitn(4, '/');
        format!("/{}", parts.last().unwrap())
    }

    async fn raw(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}{length}Connection: close\r\n\r\n"
        );
        let stream = TcpStream::connect(self.at).await.unwrap();
        exchange(stream, &[head.as_bytes(), body].concat()).await
    }

    async fn get(&self, below: &str, headers: &str) -> Answer {
        let path = format!("{}{below}", self.path());
        self.raw("GET", &path, headers, b"").await
    }
}

fn has(answer: &Answer, line: &str) -> bool {
    answer.head.to_lowercase().contains(&line.to_lowercase())
}

#[tokio::test]
async fn a_guest_sees_the_files_and_takes_them_whole_and_in_parts() {
    let linked = link(of).await;
    let page = linked.get("", "Accept-Language: de-AT,en;q=0.5\r\n").await;
    let text = String::from_utf8(page.body.clone()).unwrap();
    assert_eq!(page.status, 200);
    assert!(
        text.contains("lang=\"de\"") && text.contains("nicht verschlüsselt"),
        "{text}"
    );
    assert!(
        text.contains("&lt;b&gt;\\u{202e}.html") && !text.contains("<b>"),
        "{text}"
    );
    assert!(text.contains("<img loading=\"lazy\""));
    assert_eq!(
        text.matches("<details>").count(),
        1,
        "neither SVG nor HTML is shown"
    );
    assert!(has(&page, "script-src 'self'") && !has(&page, "unsafe"));
    let english = linked.get("?page=99999999999999999999", "").await;
    assert!(String::from_utf8_lossy(&english.body).contains("lang=\"en\""));
    // Files by their numbers, in the order of their names.
    let html = linked.get("v/0/x.html", "").await;
    assert!(
        has(&html, "content-disposition: attachment"),
        "{}",
        html.head
    );
    assert!(has(&html, "content-type: application/octet-stream") && has(&html, "sandbox"));
    let whole = linked.get("f/1/a.png", "").await;
    assert!(whole.status == 200 && whole.body == (0..=255).collect::<Vec<u8>>());
    assert!(has(&whole, "attachment; filename=\"a.png\"") && has(&whole, "nosniff"));
    let shown = linked.get("v/1/whatever", "").await;
    assert!(has(&shown, "content-type: image/png") && has(&shown, "inline; filename=\"a.png\""));
    let svg = linked.get("v/2/c.svg", "").await;
    assert!(has(&svg, "attachment") && !has(&svg, "svg+xml"));
    let tag = whole
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap();
    for (headers, status, bytes) in [
        ("Range: bytes=5-9\r\n".to_owned(), 206, 5..10),
        ("Range: bytes=-6\r\n".to_owned(), 206, 250..256),
        ("Range: bytes=250-\r\n".to_owned(), 206, 250..256),
        ("Range: bytes=0-1,5-9\r\n".to_owned(), 200, 0..256),
        ("Range: nonsense\r\n".to_owned(), 200, 0..256),
        (
            format!("Range: bytes=5-9\r\nIf-Range: {tag}\r\n"),
            206,
            5..10,
        ),
        (
            "Range: bytes=5-9\r\nIf-Range: \"other\"\r\n".to_owned(),
            200,
            0..256,
        ),
        ("Range: bytes=256-\r\n".to_owned(), 416, 0..0),
        (format!("If-None-Match: {tag}\r\n"), 304, 0..0),
    ] {
        let part = linked.get("v/1/a.png", &headers).await;
        assert_eq!(part.status, status, "{headers}");
        let bytes: Vec<u8> = bytes.map(|byte: u16| byte as u8).collect();
        assert!(part.body == bytes, "{headers}");
    }
    let part = linked.get("f/1/a", "Range: bytes=5-9\r\n").await;
    assert!(has(&part, "content-range: bytes 5-9/256"));
    let head = linked
        .raw("HEAD", &format!("{}f/1/a", linked.path()), "", b"")
        .await;
    assert!(head.body.is_empty() && has(&head, "content-length: 256"));
    // All together, as long as it says.
    let zip = linked.get("zip/film.zip", "").await;
    assert!(
        has(&zip, &format!("content-length: {}", zip.body.len())),
        "{}",
        zip.head
    );
    assert!(zip.body.starts_with(b"PK\x03\x04"));
    assert_eq!(zip.body[zip.body.len() - 22..][..4], *b"PK\x05\x06");
    let sum = crc32fast::hash(&whole.body).to_le_bytes();
    assert!(zip.body.windows(4).filter(|four| *four == sum).count() == 2);
    // A file that was changed since then makes no archive that looks whole.
    std::fs::write(linked.served.home.path().join("film/a.png"), "short").unwrap();
    let mut stream = TcpStream::connect(linked.at).await.unwrap();
    let request = format!("GET {}zip/x HTTP/1.1\r\nHost: x\r\n\r\n", linked.path());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut broken = Vec::new();
    // It is closed, though the request did not ask for that.
    let read = timeout(DEADLINE, stream.read_to_end(&mut broken)).await;
    let _ = read.expect("an end");
    let end = broken.windows(4).any(|four| four == b"PK\x05\x06");
    // How much of it was on its way, even whether its head was, is a matter of luck.
    let head = broken.windows(4).position(|four| four == b"\r\n\r\n");
    let came = head.map_or(0, |head| broken.len() - head - 4);
    assert!(!end && came < zip.body.len(), "{came}");
    linked.served.end().await;
}

#[tokio::test]
async fn nothing_but_the_linked_files_is_there() {
    let linked = link(of).await;
    let token = linked.path().trim_matches('/').to_owned();
    let other = format!("{:032x}", 7);
    let mut paths: Vec<String> = [
        "/",
        "/index.html",
        "/api/v1/status",
        "/js/main.js",
        "//",
        "/*",
    ]
    .map(str::to_owned)
    .to_vec();
    for dots in [
        "..",
        "%2e%2e",
        "%2E.",
        "..%2f..",
        "%252e%252e",
        "..%5c..",
        "%c0%ae%c0%ae",
        "..;",
    ] {
        for below in ["", "f/", "f/0/", "v/1/", "seed/", "zip/"] {
            paths.push(format!("/{token}/{below}{dots}/{dots}/etc/passwd"));
            paths.push(format!("/{token}/{below}{dots}"));
        }
    }
    for below in [
        "f/3/x",
        "f/-1/x",
        "f/99999999999999999999/x",
        "seed/a.png",
        "seed/",
        "x",
        "f",
        "pin",
    ] {
        paths.push(format!("/{token}/{below}"));
    }
    for wrong in [
        &token[1..],
        &token.to_uppercase(),
        &other,
        &format!("{token}0"),
    ] {
        paths.push(format!("/{wrong}/"));
        paths.push(format!("/{wrong}/f/0/x"));
    }
    for path in paths {
        let answer = linked.raw("GET", &path, "", b"").await;
        // What the name behind a number is called does not matter: it is no path.
        let named = path.starts_with(&format!("/{token}/f/0/"))
            || path.starts_with(&format!("/{token}/v/1/"));
        let zipped = path.starts_with(&format!("/{token}/zip/"));
        let refused = matches!(answer.status, 400 | 404 | 405);
        assert!(refused || named || zipped, "{path}: {}", answer.head);
        let text = String::from_utf8_lossy(&answer.body);
        assert!(!text.contains("root:"), "{path}");
        assert!(!has(&answer, "sprat-1"), "the owner's cookie: {path}");
    }
    // What never was and what is wrong look the same.
    let never = linked.raw("GET", &format!("/{other}/"), "", b"").await;
    let gone = linked.path();
    linked.served.node.remove_link(1).unwrap();
    // The listener goes with the last link.
    let closed = async {
        while TcpStream::connect(linked.at).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, closed).await.unwrap();
    assert_eq!(never.status, 404, "{gone}");
    linked.served.end().await;
}

#[tokio::test]
async fn a_pin_is_asked_for_and_can_be_tried_three_times() {
    let linked = link(|folder| LinkRequest {
        pin: Some("47 11".into()),
        web_seed: true,
        ..of(folder)
    })
    .await;
    for below in ["", "f/0/x", "zip/x.zip"] {
        let answer = linked.get(below, "").await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 401, "{below}");
        assert!(
            text.contains("action=\"pin\"") && !text.contains("a.png"),
            "{text}"
        );
    }
    let path = format!("{}pin", linked.path());
    let right = linked.raw("POST", &path, "", b"pin=47+11").await;
    assert_eq!(right.status, 303, "{}", right.head);
    assert!(has(
        &right,
        &format!("HttpOnly; SameSite=Strict; Path={}", linked.path())
    ));
    let cookie = right.head.split("set-cookie: ").nth(1).unwrap();
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(linked.get("", &cookie).await.status, 200);
    // A program gives it as a password.
    let seed = linked.get("seed/film/a.png", "").await;
    assert!(seed.status == 401 && has(&seed, "www-authenticate: Basic"));
    let password = "Authorization: Basic eDo0NyAxMQ==\r\n";
    assert_eq!(
        linked.get("seed/film/a.png", password).await.body.len(),
        256
    );
    let wrong = "Authorization: Basic eDo0NyAxMg==\r\n";
    assert_eq!(linked.get("seed/film/a.png", wrong).await.status, 401);
    assert_eq!(linked.raw("POST", &path, "", b"pin=1").await.status, 401);
    assert_eq!(linked.raw("POST", &path, "", b"pin=2").await.status, 429);
    for pin in [&b"pin=47+11"[..], b"pin=3"] {
        assert_eq!(
            linked.raw("POST", &path, "", pin).await.status,
            429,
            "not even the right one"
        );
    }
    assert_eq!(linked.get("seed/film/a.png", password).await.status, 429);
    assert_eq!(
        linked.get("", &cookie).await.status,
        200,
        "who was in stays in"
    );
    let long = vec![b'x'; 5000];
    assert_eq!(linked.raw("POST", &path, "", &long).await.status, 413);
    linked.served.end().await;
}

#[tokio::test]
async fn a_web_seed_gives_files_by_their_names() {
    let linked = link(|folder| LinkRequest {
        web_seed: true,
        uses: Some(1),
        ..of(folder)
    })
    .await;
    let names = linked.get("seed/", "").await;
    let text = String::from_utf8(names.body).unwrap();
    assert_eq!(text, "film/%3Cb%3E%E2%80%AE.html\nfilm/a.png\nfilm/c.svg\n");
    assert_eq!(linked.served.node.links()[0].used, 0, "looking is no use");
    for name in text.lines() {
        let file = linked.get(&format!("seed/{name}"), "").await;
        assert_eq!(file.status, 200, "{name}");
    }
    assert_eq!(linked.served.node.links()[0].used, 1);
    assert_eq!(
        linked.info.web_seed,
        Some(format!("{}seed/", linked.info.address))
    );
    linked.served.end().await;
}

#[tokio::test]
async fn those_who_hold_connections_are_bounded_and_heads_have_to_come() {
    let linked = link(of).await;
    let mut held = Vec::new();
    for _ in 0..1000 {
        let Ok(mut stream) = TcpStream::connect(linked.at).await else {
            break; // The system's own queue is full.
        };
        // Half a head.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost").await;
        held.push(stream);
    }
    assert!(held.len() > 32, "{}", held.len());
    // Each is closed: those too many at once, the others when their time is over.
    let all_end = async {
        for stream in &mut held {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
    };
    timeout(DEADLINE, all_end).await.expect("an end");
    let page = linked.get("", "").await;
    assert_eq!(page.status, 200, "guests get in again");
    linked.served.end().await;
}
