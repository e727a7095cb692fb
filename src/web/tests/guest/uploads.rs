//! Files that guests hand in.

use super::*;

const JSON: &str = "Content-Type: application/json\r\n";
const BYTES: &str = "Content-Type: application/octet-stream\r\n";

impl Linked {
    async fn ask(&self, files: &Value) -> Answer {
        let body = json!({ "name": "<b>anna", "files": files }).to_string();
        let path = format!("{}asks", self.path());
        self.raw("POST", &path, JSON, body.as_bytes()).await
    }

    async fn put(&self, ask: &str, number: usize, bytes: &[u8]) -> u16 {
        let path = format!("{}asks/{ask}/{number}", self.path());
        self.raw("PUT", &path, BYTES, bytes).await.status
    }

    /// Waits until an ask stands so.
    async fn stands(&self, ask: &str, state: &str) {
        let reached = async {
            while self.get(&format!("asks/{ask}"), "").await.json()["state"] != state {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, reached).await.expect(state);
    }

    fn left_behind(&self) -> usize {
        let spool = self.served.home.path().join(".sprat/spool");
        std::fs::read_dir(spool).map_or(0, Iterator::count)
    }
}

#[tokio::test]
async fn what_guests_hand_in_is_asked_for_first_and_comes_whole_or_not_at_all() {
    let linked = link(|_| LinkRequest {
        upload: true,
        ..LinkRequest::default()
    })
    .await;
    let page = linked.get("", "").await;
    assert!(String::from_utf8_lossy(&page.body).contains("src=\"/guest.js\""));
    assert_eq!(linked.raw("GET", "/guest.js", "", b"").await.status, 200);
    for wrong in [
        json!([]),
        json!([{ "name": "../x", "size": 1 }]),
        json!([{ "name": "/etc/x", "size": 1 }]),
        json!([{ "name": "a", "size": 1_u64 << 60 }]),
        json!([{ "name": "a", "size": -1 }]),
        json!(vec![json!({ "name": "a", "size": 1 }); 1001]),
    ] {
        assert_eq!(linked.ask(&wrong).await.status, 400, "{wrong}");
    }
    // A form of another site cannot send what an ask is made of.
    let small = br#"{"files":[{"name":"a","size":1}]}"#;
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let (path, media) = (
            format!("{}asks", linked.path()),
            format!("Content-Type: {media}\r\n"),
        );
        assert_eq!(linked.raw("POST", &path, &media, small).await.status, 415);
    }
    let files = json!([{ "name": "a.txt", "size": 5 }, { "name": "big", "size": 3 }, { "name": "a.txt", "size": 0 }]);
    let asked = linked.ask(&files).await;
    assert_eq!(asked.status, 201, "{}", asked.head);
    let ask = asked.json()["ask"].as_str().unwrap().to_owned();
    assert_eq!(linked.put(&ask, 0, b"hello").await, 409, "nobody said yes");
    assert_eq!(
        linked.ask(&files).await.status,
        409,
        "one ask is open already"
    );
    assert_eq!(linked.left_behind(), 0);
    let shown = linked.served.get("/api/v1/asks").await.json();
    let shown = &shown["asks"][0];
    assert_eq!(shown["from"], "<b>anna (guest at 127.0.0.1)");
    assert!(
        shown["peer"].is_null() && shown["files"][0]["id"].is_null(),
        "{shown}"
    );
    linked.served.node.accept(1, None).await.unwrap();
    linked.stands(&ask, "accepted").await;
    for (bytes, status) in [
        (&b"hell"[..], 400),
        (b"hello!", 400),
        (b"hello", 204),
        (b"hello", 409),
    ] {
        assert_eq!(linked.put(&ask, 0, bytes).await, status);
    }
    assert_eq!(linked.put(&ask, 3, b"x").await, 409);
    assert_eq!(linked.put(&ask, 1, b"big").await, 204);
    assert_eq!(linked.put(&ask, 2, b"").await, 204);
    linked.stands(&ask, "done").await;
    let downloads = linked.served.home.path().join("downloads");
    assert_eq!(std::fs::read(downloads.join("a.txt")).unwrap(), b"hello");
    assert_eq!(std::fs::read(downloads.join("big")).unwrap(), b"big");
    assert_eq!(std::fs::read(downloads.join("a (2).txt")).unwrap(), b"");
    assert_eq!(linked.left_behind(), 0);
    let jobs = linked.served.get("/api/v1/jobs").await.json();
    let job = &jobs["jobs"][0];
    assert_eq!(
        (&job["kind"], &job["state"]),
        (&json!("receive"), &json!("done")),
        "{job}"
    );
    assert!(job["from"]["peer"].is_null(), "{job}");
    // What breaks off leaves nothing: tests/scenarios/link_cut.rs. A no is told.
    let asked = linked
        .ask(&json!([{ "name": "film", "size": 20_u64 << 30 }]))
        .await;
    let ask = asked.json()["ask"].as_str().unwrap().to_owned();
    linked.served.node.refuse(2).unwrap();
    linked.stands(&ask, "refused").await;
    linked.served.end().await;
}
