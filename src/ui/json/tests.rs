//! The exact strings that programs rely on.

use super::*;
use crate::{
    core::id::NodeId,
    node::{Owner, Safe, Via},
};
use std::{path::PathBuf, time::Duration};

const ID: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn peer_text() -> String {
    NodeId([7; 32]).to_string()
}

fn fetched() -> Fetched {
    Fetched {
        name: "a/b.txt".into(),
        id: FileId([7; 32]),
        path: PathBuf::from("/h/downloads/a/b.txt"),
        size: 10,
        fetched: 6,
        reused: 3,
        resumed: 1,
        elapsed: Duration::from_micros(1_234_567),
        sources: vec![(NodeId([7; 32]), "al\"ice".into(), 6)],
        already: false,
    }
}

#[test]
fn a_listing_has_these_keys_in_this_order() {
    let row = Listing {
        name: "a\u{1b}b".into(),
        id: FileId([7; 32]),
        size: 5,
        media: "text/plain".into(),
        mtime: 1,
        owners: vec![Owner {
            node: NodeId([7; 32]),
            name: "al".into(),
        }],
        at: vec![],
        shared: false,
        others: 2,
        holders: 2,
        copies: 3,
        keepers: 0,
        replica: false,
        mine: true,
        older: false,
    };
    assert_eq!(
        listing(&row),
        format!(
            r#"{{"name":"a\u001bb","id":"{ID}","size":5,"type":"text/plain","holders":2,"copies":3,"replica":false,"mtime":1,"mine":true,"owners":[{{"peer":"{}","name":"al"}}]}}"#,
            peer_text()
        )
    );
}

#[test]
fn a_peer_is_named_by_its_whole_id() {
    let mut row = PeerInfo {
        node: NodeId([7; 32]),
        name: "bob".into(),
        key_changed: false,
        visiting: false,
        via: Via::Lan,
        address: "192.0.2.1:4".into(),
        rtt: Some(Duration::from_micros(1500)),
        offers: 3,
    };
    let start = format!(
        r#"{{"peer":"{}","name":"bob","via":"lan","address":"192.0.2.1:4","rtt_ms":"#,
        peer_text()
    );
    assert_eq!(peer(&row), format!("{start}1.5}}"));
    row.rtt = None;
    assert_eq!(peer(&row), format!("{start}null}}"));
    row.key_changed = true;
    assert_eq!(peer(&row), format!("{start}null,\"key_changed\":true}}"));
}

#[test]
fn a_download_tells_these_events() {
    let progress = Progress {
        size: 10,
        done: 4,
        files: 2,
        files_done: 1,
        sources: 3,
    };
    let start = DownloadEvent::Start {
        name: "2 files".into(),
        id: None,
        progress,
    };
    let cases = [
        (
            start,
            r#"{"event":"start","name":"2 files","id":null,"size":10,"done":4,"files":2,"sources":3}"#.to_owned(),
        ),
        (
            DownloadEvent::Progress(progress),
            r#"{"event":"progress","done":4,"size":10,"files":2,"files_done":1,"sources":3}"#.to_owned(),
        ),
        (DownloadEvent::Waiting, r#"{"event":"waiting"}"#.to_owned()),
        (DownloadEvent::Resumed, r#"{"event":"resumed"}"#.to_owned()),
        (
            DownloadEvent::Replaced {
                name: "a".into(),
                owner: "anna".into(),
                id: FileId([1; 32]),
                size: 5,
            },
            format!(
                r#"{{"event":"replaced","name":"a","owner":"anna","id":"{}","size":5}}"#,
                FileId([1; 32])
            ),
        ),
        (
            DownloadEvent::FileDone(Box::new(fetched())),
            format!(
                r#"{{"event":"done","name":"a/b.txt","id":"{ID}","path":"/h/downloads/a/b.txt","size":10,"fetched":6,"reused":3,"resumed":1,"seconds":1.235,"sources":[{{"peer":"{}","name":"al\"ice","bytes":6}}]}}"#,
                peer_text()
            ),
        ),
        (
            DownloadEvent::FileFailed {
                name: "x".into(),
                error: DownloadError::NotFound("x".into()),
            },
            r#"{"event":"error","name":"x","error":"nobody here offers `x`"}"#.to_owned(),
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(download(&event).expect("a line"), expected);
    }
    assert_eq!(download(&DownloadEvent::End), None);
}

#[test]
fn an_ambiguous_name_comes_with_its_whole_ids() {
    let event = DownloadEvent::FileFailed {
        name: "x".into(),
        error: DownloadError::Ambiguous {
            name: "x".into(),
            versions: vec![Version {
                id: FileId([7; 32]),
                size: 5,
                mtime: 1,
                owners: vec![],
            }],
        },
    };
    let text = download(&event).expect("a line");
    let ids =
        format!(r#","ids":["{ID}"],"versions":[{{"id":"{ID}","size":5,"mtime":1,"owners":[]}}]}}"#);
    assert!(text.ends_with(&ids), "{text}");
}

#[test]
fn nothing_in_a_line_reorders_or_hides_it_and_it_reads_back() {
    let name = "a\u{202e}gpj\u{9b}\u{200b}\u{2028}\u{e0041}\n\u{7f}ü";
    let text = node(&NodeEvent::Withdrawn { name: name.into() }).unwrap();
    assert_eq!(
        text,
        r#"{"event":"withdrawn","name":"a\u202egpj\u009b\u200b\u2028\udb40\udc41\n\u007fü"}"#
    );
    let back: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(back["name"], name);
}

#[test]
fn ready_comes_first() {
    let status = here();
    assert_eq!(
        ready(&status),
        format!(
            r#"{{"event":"ready","peer":"{}","name":"alice","addresses":["192.0.2.1:4000"]}}"#,
            peer_text()
        )
    );
}

#[test]
fn status_tells_what_is_safe() {
    let status_now = Status {
        safe: Safe {
            files: 5,
            elsewhere: 3,
            keepers: true,
            ..Safe::default()
        },
        replicas: (7, 100),
        copied: (20, 30),
        ..here()
    };
    let text = status(&status_now, &[]);
    let safe = r#""safe":{"to_leave":false,"files":5,"elsewhere":3}"#;
    let parts = format!(
        r#""shared_bytes":0,{safe},"replicas":{{"used":7,"quota":100,"received":20,"sent":30}},"leftovers":{{"files":0,"bytes":0}},"#
    );
    assert!(text.contains(&parts), "{text}");
    assert_eq!(
        leaving(&status_now.safe),
        format!(r#"{{"event":"leaving",{safe}}}"#)
    );
}

fn here() -> Status {
    Status {
        node: NodeId([7; 32]),
        name: "alice".into(),
        addresses: vec!["192.0.2.1:4000".into()],
        peers: 0,
        servers: vec![],
        shared_files: 0,
        shared_bytes: 0,
        safe: Safe::default(),
        resting_on: Vec::new(),
        replicas: (0, 0),
        leftovers: (0, 0),
        scanning: None,
        downloads: vec![],
        received: 0,
        sent: 0,
        copied: (0, 0),
    }
}
