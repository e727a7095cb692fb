//! The page of a real server on loopback, asked as browsers and those who mean ill ask.

use super::*;
use crate::server::{Rendezvous, ServerSettings};
use serde_json::Value;
use std::{net::Ipv4Addr, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(60);

struct Served {
    server: Rendezvous,
    page: ServerPage,
    home: TempDir,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body))
    }
}

async fn serve() -> Served {
    let home = tempfile::tempdir_in("/tmp").unwrap();
    let quotas = Quotas::default();
    let server = Rendezvous::start(ServerSettings {
        home: home.path().to_owned(),
        port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        external: Vec::new(),
        dht: None,
        peer_servers: Vec::new(),
        quotas,
        report: None,
    })
    .await
    .unwrap();
    let settings = PageSettings {
        at: (Ipv4Addr::LOCALHOST, 0).into(),
        hosts: vec!["Meet.example.org".into()],
        quotas,
    };
    let page = ServerPage::open(server.desk(), settings).await.unwrap();
    Served { server, page, home }
}

impl Served {
    async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.page.address()).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        timeout(DEADLINE, read).await.expect("an answer").unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    fn own(&self) -> String {
        format!("Host: {}\r\nX-Sprat: 1\r\n", self.page.address())
    }

    async fn end(self) {
        timeout(DEADLINE, self.page.close()).await.expect("an end");
        self.server.stop().await;
    }
}

#[tokio::test]
async fn the_page_tells_how_to_join_by_the_name_that_it_is_reached_by() {
    let served = serve().await;
    let told = served.ask("GET", "/api/server", &served.own()).await.json();
    let key = served.server.id().to_string();
    let port = served.server.addresses()[0].port();
    assert_eq!(told["peer"], key);
    let join = format!("sprat --rendezvous 127.0.0.1:{port}/{key}");
    assert_eq!(told["join"], join);
    assert_eq!(told["nodes"], 0);
    let rows = told["qr"].as_array().unwrap();
    assert!(
        rows.iter()
            .all(|row| row.as_str().unwrap().len() == rows.len())
    );
    let named = "Host: MEET.example.org:8080\r\nX-Sprat: 1\r\n";
    let told = served.ask("GET", "/api/server", named).await.json();
    assert_eq!(told["address"], format!("meet.example.org:{port}/{key}"));
    for path in [
        "/",
        "/js/words.js",
        "/js/lib.js",
        "/vendor/htm.js",
        "/css/base.css",
    ] {
        let answer = served.ask("GET", path, &served.own()).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer
                .head
                .contains("content-security-policy: default-src 'none'; script-src 'self'")
        );
        assert!(answer.head.contains("x-content-type-options: nosniff"));
    }
    let words = served.ask("GET", "/js/words.js", &served.own()).await;
    assert!(words.body.contains("Rendezvous-Server"), "its own words");
    served.end().await;
}

#[tokio::test]
async fn a_name_is_free_or_no_name_and_never_more_is_told() {
    let served = serve().await;
    let ask = async |query: &str| {
        let path = format!("/api/name{query}");
        served.ask("GET", &path, &served.own()).await
    };
    let answer = ask("?name=anna").await;
    assert_eq!((answer.status, &*answer.body), (200, r#"{"free":true}"#));
    for wrong in [
        "",
        "?x=1",
        "?name=",
        "?name=%0a",
        "?name=%e2%80%8b",
        "?name=%ff%fe",
    ] {
        let answer = ask(wrong).await;
        assert!(
            answer.status == 400 || wrong.contains("%ff"),
            "{wrong}: {}",
            answer.status
        );
    }
    assert_eq!(ask(&format!("?name={}", "x".repeat(65))).await.status, 400);
    let mut last = 0;
    for _ in 0..40 {
        last = ask("?name=anna").await.status;
    }
    assert_eq!(last, 429, "names cannot be tried without end");
    assert_eq!(served.ask("GET", "/", &served.own()).await.status, 200);
    served.end().await;
}

#[tokio::test]
async fn only_who_has_the_token_sees_what_goes_on() {
    let served = serve().await;
    let token = std::fs::read_to_string(served.home.path().join(".sprat/api.token")).unwrap();
    let own = served.own();
    let with = |token: &str| format!("{own}Authorization: Bearer {token}\r\n");
    for wrong in [own.clone(), with(""), with("x"), with(&token.trim()[1..])] {
        let answer = served.ask("GET", "/api/load", &wrong).await;
        assert_eq!(answer.status, 401);
        assert!(!answer.body.contains("circuits"));
    }
    let load = served
        .ask("GET", "/api/load", &with(token.trim()))
        .await
        .json();
    let quotas = Quotas::default();
    assert_eq!(load["circuits"]["most"], quotas.circuits);
    assert_eq!(load["names"]["most"], 100_000);
    assert_eq!(load["registrations"]["now"], 0);
    assert_eq!(load["relay_rate"], quotas.relay_rate);
    served.end().await;
}

#[tokio::test]
async fn what_is_not_a_question_of_the_page_is_answered_plainly() {
    let served = serve().await;
    let own = served.own();
    for path in [
        "/x",
        "/api/x",
        "/js/api.js",
        "/../etc/passwd",
        "/%2e%2e/.sprat/api.token",
    ] {
        let answer = served.ask("GET", path, &own).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.head.contains("content-security-policy"), "{path}");
    }
    for path in ["/", "/api/server", "/api/name?name=a", "/api/load"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = served
                .ask(method, path, &format!("{own}Content-Length: 0\r\n"))
                .await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(!answer.head.contains("access-control"), "{method} {path}");
        }
    }
    let head = served.ask("HEAD", "/", &own).await;
    assert_eq!((head.status, &*head.body), (200, ""));
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "meet.example.org.evil",
    ] {
        let other = format!("Host: {host}\r\nX-Sprat: 1\r\n");
        for path in ["/", "/api/server", "/api/load"] {
            assert_eq!(
                served.ask("GET", path, &other).await.status,
                421,
                "{host}{path}"
            );
        }
    }
    let foreign = format!(
        "Host: {}\r\nOrigin: https://evil.example\r\n",
        served.page.address()
    );
    assert_eq!(
        served.ask("GET", "/api/name?name=a", &foreign).await.status,
        403
    );
    served.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_gives_its_place_back() {
    let served = serve().await;
    let mut slow = TcpStream::connect(served.page.address()).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    let mut rest = Vec::new();
    let closed = timeout(DEADLINE, slow.read_to_end(&mut rest)).await;
    closed.expect("it is closed").ok();
    assert_eq!(served.ask("GET", "/", &served.own()).await.status, 200);
    served.end().await;
}
