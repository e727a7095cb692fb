//! What other sites and other programs of the machine try.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn foreign_hosts_other_sites_and_plain_forms_get_nothing() {
    let served = serve().await;
    let Served { at, cookie, .. } = &served;
    let get = async |path: &str, headers: &str| served.ask("GET", path, headers, b"").await.status;
    let rebound = format!("Host: evil.example:{}\r\nCookie: {cookie}\r\n", at.port());
    assert_eq!(get("/api/v1/status", &rebound).await, 421);
    assert_eq!(get("/", &rebound).await, 421);
    let own = format!("Host: {at}\r\n");
    assert_eq!(get("/api/v1/status", &own).await, 401);
    let path = "/api/v1/leave";
    let post = async |headers: String| {
        let answer = served.ask("POST", path, &headers, b"{}").await;
        (answer.status, answer.json()["code"].clone())
    };
    let json = "Content-Type: application/json\r\n";
    let with = |more: &str| format!("{own}Cookie: {cookie}\r\n{json}{more}");
    let refused = (403, json!(4));
    assert_eq!(post(with("")).await, refused);
    assert_eq!(
        post(with("Origin: http://evil.example\r\nX-Sprat: 1\r\n")).await,
        refused
    );
    assert_eq!(post(with("Origin: null\r\nX-Sprat: 1\r\n")).await, refused);
    let origin = format!("Origin: http://{at}\r\n");
    assert_eq!(post(with(&origin)).await, refused, "without the own header");
    let text =
        format!("{own}Cookie: {cookie}\r\n{origin}X-Sprat: 1\r\nContent-Type: text/plain\r\n");
    let answer = served.ask("POST", "/api/v1/downloads", &text, b"{}").await;
    assert_eq!(answer.status, 415);
    let large = json!({ "what": ["x".repeat(100 << 10)] });
    assert_eq!(served.post("/api/v1/downloads", &large).await.status, 413);
    let broken = served.own_headers("application/json");
    let answer = served.ask("POST", "/api/v1/downloads", &broken, b"{").await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(2)));
    // No answer lets another site read it.
    let answer = served.get("/api/v1/status").await;
    assert!(!answer.head.to_lowercase().contains("access-control"));
    assert!(!served.web.app.leave.is_cancelled());
    served.end().await;
}

/// What a form of another site can send by itself, with the owner's cookie if a browser gave it.
#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_another_site_changes_anything() {
    let served = serve().await;
    let Served { at, cookie, .. } = &served;
    let forms = [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
    ];
    let writes = [
        "/api/v1/leave",
        "/api/v1/downloads",
        "/api/v1/links",
        "/api/v1/session",
        "/api/v1/share?name=evil.txt",
        "/api/v1/staged?name=evil.txt",
    ];
    let port = at.port();
    let sites = [
        "Origin: http://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        format!("Origin: http://127.0.0.1:{}\r\n", port ^ 1),
        format!("Origin: http://evil.example\r\nOrigin: http://{at}\r\n"),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
        "Sec-Fetch-Site: same-site\r\n".to_owned(),
        String::new(),
    ];
    let body = br#"{"paths":["/etc"],"what":["a"],"code":"x","a":"="}"#;
    for media in forms {
        for path in writes {
            for site in &sites {
                // Even if it could set the header that it cannot.
                for own in ["", "X-Sprat: 1\r\n"] {
                    let headers = format!(
                        "Host: {at}\r\nCookie: {cookie}\r\nContent-Type: {media}\r\n{site}{own}"
                    );
                    let answer = served.ask("POST", path, &headers, body).await;
                    assert_eq!(answer.status, 403, "{path} {headers}");
                }
            }
            // From its own origin such a form is no use, either; an order to leave has no words.
            let headers = served.own_headers(media);
            if !path.ends_with("leave") {
                let answer = served.ask("POST", path, &headers, body).await;
                assert_eq!(answer.status, 415, "{path} {media}");
            }
        }
    }
    assert!(!served.home.path().join("shared/evil.txt").exists());
    assert!(!served.web.app.leave.is_cancelled());
    assert!(served.node.links().is_empty() && served.node.jobs().is_empty());
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_from_its_table_with_a_strict_policy() {
    let served = serve().await;
    let answer = served.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(b"<!doctype html>"));
    for line in [
        "content-security-policy: default-src 'none'; script-src 'self';",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "x-frame-options: DENY",
        "cache-control: no-cache",
    ] {
        assert!(answer.head.contains(line), "{line}\n{}", answer.head);
    }
    assert!(!answer.head.contains("unsafe"));
    let tag = answer.head.split("etag: ").nth(1).unwrap();
    let tag = tag.lines().next().unwrap();
    let headers = format!("Host: {}\r\nIf-None-Match: {tag}\r\n", served.at);
    assert_eq!(served.ask("GET", "/", &headers, b"").await.status, 304);
    for path in [
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "/css/../../mod.rs",
        "//etc/passwd",
        "/index.html/",
        "/vendor/README.md",
    ] {
        assert_eq!(served.get(path).await.status, 404, "{path}");
    }
    assert!(
        served
            .get("/api/v1/status")
            .await
            .head
            .contains("cache-control: no-store")
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_are_cut_and_upload_that_break_off_leave_nothing() {
    let served = serve().await;
    let mut slow = TcpStream::connect(served.at).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    let mut rest = Vec::new();
    let cut = timeout(DEADLINE, slow.read_to_end(&mut rest)).await;
    assert!(cut.is_ok(), "it waits for ever");
    // Half of an upload.
    let headers = served.own_headers("application/octet-stream");
    let head = format!(
        "POST /api/v1/share?name=half.bin HTTP/1.1\r\n{headers}Content-Length: 1000000\r\n\r\n"
    );
    let mut half = TcpStream::connect(served.at).await.unwrap();
    half.write_all(head.as_bytes()).await.unwrap();
    half.write_all(&vec![7; 100_000]).await.unwrap();
    half.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(DEADLINE, half.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(
        !rest.starts_with(b"HTTP/1.1 2"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
    assert!(!served.home.path().join("shared/half.bin").exists());
    let spools = served.home.path().join(".sprat/spool");
    let empty = async {
        while std::fs::read_dir(&spools).is_ok_and(|all| all.count() > 0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, empty)
        .await
        .expect("nothing of it is kept");
    served.end().await;
}

/// However dots and slashes are written, a path of a request is none on the disk.
#[tokio::test(flavor = "multi_thread")]
async fn no_way_up_leads_anywhere_however_it_is_written() {
    let served = serve().await;
    std::fs::write(served.home.path().join("above.txt"), "above").unwrap();
    let wanted = json!({ "what": "a.txt" });
    let ticket = served.post("/api/v1/tickets", &wanted).await;
    let ticket = ticket.json()["url"].as_str().unwrap().to_owned();
    let ticket = ticket.strip_prefix("http://").unwrap();
    let (files, path) = ticket.split_once('/').unwrap();
    let key = path.split('/').nth(1).unwrap();
    let below = [
        "/",
        "/css/",
        "/js/views/",
        "/api/",
        "/api/v1/",
        "/api/v1/jobs/",
        "/metrics/",
    ];
    let below: Vec<String> = below.map(str::to_owned).into();
    let below = [below, vec!["/t/".to_owned(), format!("/t/{key}/")]].concat();
    let dots = [
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "..%2f..",
        "%2e%2e%2f%2e%2e",
        "%252e%252e",
        "..%5c..",
        "..\\..",
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "..;",
        "..%00",
        "%u002e%u002e",
        "....",
    ];
    for below in &below {
        for dots in dots {
            for rest in ["above.txt", "etc/passwd", "%65tc%2fpasswd", ""] {
                let path = format!("{below}{dots}/{dots}/{dots}/{rest}");
                for at in [served.at.to_string(), files.to_owned()] {
                    let headers = format!("Host: {at}\r\nCookie: {}\r\n", served.cookie);
                    let stream = TcpStream::connect(&at).await.unwrap();
                    let request =
                        format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
                    let answer = exchange(stream, request.as_bytes()).await;
                    let refused = matches!(answer.status, 400 | 404 | 405);
                    assert!(refused, "{path}: {}", answer.head);
                    let text = String::from_utf8_lossy(&answer.body);
                    assert!(!text.contains("root:") && text != "above", "{path}");
                }
            }
        }
    }
    // Nor in the name of what is handed in: what is no way up is a name like others.
    let headers = served.own_headers("application/octet-stream");
    for dots in dots {
        for kind in ["share", "staged"] {
            for name in [
                format!("{dots}/x"),
                format!("a/{dots}/{dots}/x"),
                format!("{dots}%2fx"),
            ] {
                let path = format!("/api/v1/{kind}?name={name}");
                let status = served.ask("POST", &path, &headers, b"x").await.status;
                assert!(matches!(status, 201 | 400 | 409), "{path}: {status}");
            }
        }
    }
    let names = std::fs::read_dir(served.home.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "downloads").collect();
    names.sort();
    assert_eq!(names, [".sprat", "above.txt", "shared"]);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_send_half_a_head_do_not_keep_the_owner_out() {
    let served = serve().await;
    let mut held = Vec::new();
    for _ in 0..1000 {
        let Ok(mut stream) = TcpStream::connect(served.at).await else {
            break; // The system has no more to give.
        };
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost").await;
        held.push(stream);
    }
    assert!(held.len() > 128, "{}", held.len());
    // Each is closed: those too many at once, the others when their time is over.
    let all_end = async {
        for stream in &mut held {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    };
    timeout(DEADLINE, all_end).await.expect("an end");
    drop(held);
    assert_eq!(served.get("/api/v1/status").await.status, 200);
    served.end().await;
}

#[tokio::test]
async fn only_this_machine_is_served() {
    let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = super::super::listen::loopback(anywhere).await;
    assert!(matches!(refused, Err(WebError::Address(_))));
}

#[test]
fn a_home_without_a_token_gets_one() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".sprat")).unwrap();
    let token = session::token(Path::new(home.path())).unwrap();
    assert_eq!(token.len(), 32);
}
