//! An app that this node sends to.

use super::*;
use crate::{
    node::{SendEvent, SendRequest},
    web::guest::listen,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use parking_lot::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What an app heard: paths with their queries, and bodies.
type Heard = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// An app that takes everything: with a PIN, if it has one, and after so many damaged uploads.
struct App {
    heard: Heard,
    _serving: DropGuard,
}

impl App {
    /// It is here, and known to the node as Kiwi.
    async fn of(near: &Near, pin: Option<&'static str>, damaged: usize) -> Self {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (port, listeners) = listen::bind(&[at]).await.unwrap();
        let own = Info::own("Kiwi", &near.app.fingerprint(), port);
        let own = serde_json::to_vec(&own).unwrap();
        assert_eq!(near.post(true, "register", &own).await.status, 200);
        Self::at(listeners, &near.app, pin, damaged)
    }

    /// It is there, and nobody knows.
    fn at(
        listeners: Vec<tokio::net::TcpListener>,
        app: &Identity,
        pin: Option<&'static str>,
        damaged: usize,
    ) -> Self {
        let heard = Heard::default();
        let (seen, bad) = (heard.clone(), Arc::new(Mutex::new(damaged)));
        let router = Router::new().fallback(move |request: Request<Body>| {
            let (seen, bad) = (seen.clone(), bad.clone());
            async move { answer(request, pin, &seen, &bad).await }
        });
        let stop = CancellationToken::new();
        let tls = app.acceptor().unwrap();
        tokio::spawn(listen::serve(listeners, tls, router, stop.clone()));
        Self {
            heard,
            _serving: stop.drop_guard(),
        }
    }

    fn heard(&self, path: &str) -> Vec<(String, Vec<u8>)> {
        let mut heard = self.heard.lock().clone();
        heard.retain(|(at, _)| at.starts_with(&format!("/api/localsend/v2/{path}")));
        heard
    }
}

async fn answer(
    request: Request<Body>,
    pin: Option<&str>,
    seen: &Heard,
    damaged: &Mutex<usize>,
) -> Response {
    let path = request.uri().to_string();
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    seen.lock().push((path.clone(), body.to_vec()));
    if path.starts_with("/api/localsend/v2/prepare-upload") {
        let said = path.split_once("?pin=").map(|(_, pin)| pin);
        return match said {
            said if said == pin => {
                let yes = json!({ "sessionId": "s", "files": { "0": "t&/" } });
                axum::Json(yes).into_response()
            }
            _ => StatusCode::UNAUTHORIZED.into_response(),
        };
    }
    if path.starts_with("/api/localsend/v2/register") {
        let own = Info::own("Kiwi", &[0; 32], 1).answered();
        return axum::Json(own).into_response();
    }
    if path.starts_with("/api/localsend/v2/upload") {
        let mut damaged = damaged.lock();
        if *damaged > 0 {
            *damaged -= 1;
            return StatusCode::UNPROCESSABLE_ENTITY.into_response();
        }
    }
    StatusCode::OK.into_response()
}

impl Near {
    /// Sends a note to Kiwi; gives the last event.
    async fn send(&self, pin: Option<&str>) -> SendEvent {
        let note = self.home.path().join("note.txt");
        std::fs::write(&note, "hello").unwrap();
        let written = std::time::UNIX_EPOCH + Duration::from_secs(1_609_504_496);
        let open = std::fs::File::options().write(true).open(&note).unwrap();
        open.set_modified(written).unwrap();
        let (_, mut events) = self.node.send(SendRequest {
            files: vec![note],
            to: vec!["LocalSend: Kiwi".into()],
            trust_new: false,
            wait: Duration::from_secs(10),
            pin: pin.map(str::to_owned),
        });
        let ended = async {
            let mut last = SendEvent::End;
            while let Some(event) = events.recv().await {
                if matches!(event, SendEvent::End) {
                    break;
                }
                last = event;
            }
            last
        };
        timeout(DEADLINE, ended).await.expect("an end")
    }
}

fn failed(event: &SendEvent) -> String {
    match event {
        SendEvent::Failed { why, .. } => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_app_is_told_its_pin_and_when_a_file_was_written() {
    let near = near(Accepting::Nobody).await;
    let app = App::of(&near, Some("a%20b"), 0).await;
    let without = failed(&near.send(None).await);
    assert!(without.contains("give it with --pin"), "{without}");
    let wrong = failed(&near.send(Some("a b&pin=c")).await);
    assert!(wrong.contains("that is not the PIN"), "{wrong}");
    assert!(app.heard("upload").is_empty());
    let done = near.send(Some("a b")).await;
    assert!(matches!(done, SendEvent::Done { size: 5, .. }), "{done:?}");
    let asked: Value = serde_json::from_slice(&app.heard("prepare")[2].1).unwrap();
    let times = &asked["files"]["0"]["metadata"];
    assert_eq!(times["modified"], "2021-01-01T12:34:56Z");
    assert!(times["accessed"].is_string(), "{times}");
    let sent = app.heard("upload");
    let path = "/api/localsend/v2/upload?sessionId=s&fileId=0&token=t%26%2F";
    assert_eq!(sent, [(path.to_owned(), b"hello".to_vec())]);
    near.end().await;
}

#[tokio::test]
async fn what_arrives_damaged_at_an_app_is_sent_three_times_with_its_token() {
    let near = near(Accepting::Nobody).await;
    let app = App::of(&near, None, 2).await;
    let done = near.send(None).await;
    assert!(matches!(done, SendEvent::Done { .. }), "{done:?}");
    let sent = app.heard("upload");
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|one| *one == sent[0]));
    drop(app);
    let app = App::of(&near, None, 3).await;
    let over = failed(&near.send(None).await);
    assert!(over.contains("damaged"), "{over}");
    assert_eq!(app.heard("upload").len(), 3);
    assert_eq!(app.heard("cancel").len(), 1, "nothing more comes");
    near.end().await;
}

#[tokio::test]
async fn all_addresses_near_are_asked_when_a_person_wants_it() {
    let (app, eve) = (Identity::new().unwrap(), Ipv4Addr::new(127, 0, 0, 10));
    let at = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), 0));
    let (port, listeners) = listen::bind(&[at]).await.unwrap();
    // Somebody who says nothing costs two seconds.
    let _silent = tokio::net::TcpListener::bind((eve, port)).await.unwrap();
    let kiwi = App::at(listeners, &app, None, 0);
    let near = near_at(port, Accepting::Nobody, None).await;
    assert_eq!(near.node.peers().len(), 0);
    let asked = timeout(DEADLINE, near.node.ask_all_near()).await;
    assert_eq!(asked.expect("an end"), Some(253));
    let rows = near.node.peers();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (&*row.name, row.node.short()))
        .collect();
    assert_eq!(rows, [("LocalSend: Kiwi", own_end(&app))]);
    assert_eq!(kiwi.heard("register").len(), 1);
    near.end().await;
    let served = serve().await;
    assert_eq!(
        served.node.ask_all_near().await,
        None,
        "it has no LocalSend"
    );
    served.end().await;
}
