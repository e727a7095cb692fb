//! PINs and times of those who hand files in.

use super::*;
use crate::wire::localsend::Metadata;
use std::time::UNIX_EPOCH;

impl Near {
    /// Asks with a PIN; gives the status. It waits for nobody: whoever asks is let in.
    async fn ask_with(&self, pin: &str, prepare: &Prepare) -> u16 {
        let body = serde_json::to_vec(prepare).unwrap();
        let path = format!("prepare-upload{pin}");
        self.post(true, &path, &body).await.status
    }
}

#[tokio::test]
async fn an_app_says_the_pin_before_anybody_is_asked() {
    let near = near_with(Accepting::Person, Some("12 34&")).await;
    let ask = prepare(&near.app, "x", [file("a", b"hello", false)]);
    // Without one it only hears that there is one, however often.
    for pin in ["", "?pin=", "?pin", "", ""] {
        assert_eq!(near.ask_with(pin, &ask).await, 401, "{pin}");
    }
    for pin in ["?pin=12", "?pin=12%2034"] {
        assert_eq!(near.ask_with(pin, &ask).await, 401, "{pin}");
    }
    assert!(near.node.asks().is_empty() && near.node.peers().is_empty());
    let (status, ()) = tokio::join!(near.ask_with("?pin=12%2034%26", &ask), async {
        let number = near.asked(|ask| ask.number).await;
        near.node.accept(number, None).await.unwrap();
    });
    assert_eq!(status, 200);
    near.end().await;
}

#[tokio::test]
async fn three_wrong_pins_of_a_place_are_the_last() {
    let near = near_with(Accepting::All, Some("1234")).await;
    let ask = prepare(&near.app, "x", [file("a", b"hello", false)]);
    let wrong = ["1235", &"1".repeat(5000), "4321"];
    let mut statuses = Vec::new();
    for pin in wrong {
        statuses.push(near.ask_with(&format!("?pin={pin}"), &ask).await);
    }
    assert_eq!(statuses, [401, 401, 429]);
    for pin in ["?pin=1234", "?pin=9", ""] {
        assert_eq!(near.ask_with(pin, &ask).await, 429, "{pin}");
    }
    assert!(near.node.jobs().is_empty());
    near.end().await;
}

#[tokio::test]
async fn a_file_has_the_times_that_it_had_there() {
    let near = near(Accepting::All).await;
    let dated = |name: &str, modified: &str, accessed: Option<&str>| File {
        metadata: Some(Metadata {
            modified: Some(modified.into()),
            accessed: accessed.map(str::to_owned),
        }),
        ..file(name, b"hello", true)
    };
    let files = [
        dated("a", "2021-01-01T12:34:56.7Z", Some("2022-01-01T12:34:56Z")),
        dated("b", "a long time ago", Some(&"9".repeat(1000))),
    ];
    let answer = near.ask(&prepare(&near.app, "x", files)).await.json();
    let session = Session {
        near: &near,
        answer,
    };
    for file in ["0", "1"] {
        assert_eq!(session.put(file, b"hello").await, 200);
    }
    let times = |name: &str| {
        let meta = std::fs::metadata(near.here(name).unwrap()).unwrap();
        let since = |time: std::time::SystemTime| time.duration_since(UNIX_EPOCH).unwrap();
        [meta.modified(), meta.accessed()].map(|time| since(time.unwrap()).as_secs())
    };
    assert_eq!(times("a"), [1_609_504_496, 1_641_040_496]);
    assert!(times("b")[0] > 1_700_000_000, "what is no time is now");
    near.end().await;
}
