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
