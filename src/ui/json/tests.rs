//! The exact strings that programs rely on.

use super::*;
use crate::{
    core::{id::FileId, turns::Turns},
    node::{
        AskRefusal, Contribution, DownloadError, DownloadEvent, Fetched, Gap, Gaps, Kept,
        Leftovers, Listing, Missing, NodeEvent, Owner, PeerInfo, Person, Progress, Scan, SendEvent,
        SendFailure, Sending, ServerNews, ServerState, Version, Via,
    },
};
use std::{path::PathBuf, time::Duration};

const ID: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn json(value: &impl Serialize) -> String {
    line(value).expect("a line")
}

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
        sources: vec![Contribution {
            peer: NodeId([7; 32]),
            name: "al\"ice".into(),
            bytes: 6,
        }],
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
        json(&row),
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
        unproven: false,
        via: Via::Lan,
        address: "192.0.2.1:4".into(),
        rtt: Some(Duration::from_micros(1500)),
        offers: 3,
    };
    let start = format!(
        r#"{{"peer":"{}","name":"bob","via":"lan","address":"192.0.2.1:4","rtt_ms":"#,
        peer_text()
    );
    assert_eq!(json(&row), format!("{start}1.5}}"));
    row.rtt = None;
    assert_eq!(json(&row), format!("{start}null}}"));
    row.key_changed = true;
    assert_eq!(json(&row), format!("{start}null,\"key_changed\":true}}"));
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
        assert_eq!(json(&event), expected);
    }
    assert_eq!(line(&DownloadEvent::End), None);
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
    let text = json(&event);
    let ids =
        format!(r#","ids":["{ID}"],"versions":[{{"id":"{ID}","size":5,"mtime":1,"owners":[]}}]}}"#);
    assert!(text.ends_with(&ids), "{text}");
}

#[test]
fn nothing_in_a_line_reorders_or_hides_it_and_it_reads_back() {
    let name = "a\u{202e}gpj\u{9b}\u{200b}\u{2028}\u{e0041}\n\u{7f}ü";
    let text = json(&NodeEvent::Withdrawn { name: name.into() });
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
        json(&Event::ready(&status)),
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
        replicas: Kept {
            used: 7,
            quota: 100,
            received: 20,
            sent: 30,
        },
        ..here()
    };
    let text = json(&Event::Status {
        status: &status_now,
        later: &[],
    });
    assert!(text.starts_with(r#"{"event":"status","peer":""#), "{text}");
    assert!(text.contains(r#""servers":[],"dht":null,"#), "{text}");
    let safe = r#""safe":{"to_leave":false,"files":5,"elsewhere":3}"#;
    let parts = format!(
        r#""shared_bytes":0,{safe},"replicas":{{"used":7,"quota":100,"received":20,"sent":30}},"leftovers":{{"files":0,"bytes":0}},"#
    );
    assert!(text.contains(&parts), "{text}");
    let turns =
        r#","sent":0,"turns":{"count":0,"longest_us":0,"over_20_ms":0,"up_to_us":[100,300,"#;
    assert!(text.contains(turns), "{text}");
    assert_eq!(
        json(&Event::Leaving {
            safe: status_now.safe
        }),
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
        dht: None,
        shared_files: 0,
        shared_bytes: 0,
        safe: Safe::default(),
        resting_on: Vec::new(),
        replicas: Kept::default(),
        leftovers: Leftovers::default(),
        scanning: None,
        downloads: vec![],
        received: 0,
        sent: 0,
        turns: Turns::default(),
    }
}

#[test]
fn a_send_tells_to_whom_and_of_what() {
    let to = || Person {
        name: "al".into(),
        node: NodeId([7; 32]),
    };
    let id = peer_text();
    let who = format!(r#""to":"al","peer":"{id}""#);
    let cases = [
        (
            SendEvent::Asked(to()),
            format!(r#"{{"event":"asked",{who},"name":"x","size":9}}"#),
        ),
        (
            SendEvent::Refused {
                to: to(),
                why: AskRefusal::Person,
            },
            format!(
                r#"{{"event":"refused",{who},"why":"{}","name":"x"}}"#,
                AskRefusal::Person.why()
            ),
        ),
        (
            SendEvent::Progress {
                to: to(),
                done: 3,
                size: 9,
            },
            format!(r#"{{"event":"progress",{who},"done":3,"size":9,"name":"x"}}"#),
        ),
        (
            SendEvent::Waiting(to()),
            format!(r#"{{"event":"waiting",{who},"name":"x"}}"#),
        ),
        (
            SendEvent::Done {
                to: to(),
                size: 9,
                elapsed: Duration::from_micros(1_234_567),
            },
            format!(r#"{{"event":"done",{who},"size":9,"seconds":1.235,"name":"x"}}"#),
        ),
        (
            SendEvent::Failed {
                to: to(),
                why: SendFailure::Stopped,
            },
            format!(r#"{{"event":"error",{who},"error":"stopped","name":"x"}}"#),
        ),
        (
            SendEvent::Unsendable("no".into()),
            r#"{"event":"error","to":null,"peer":null,"error":"no","name":"x"}"#.to_owned(),
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(json(&Sending::new(&event, "x", 9)), expected);
    }
    assert_eq!(line(&Sending::new(&SendEvent::End, "x", 9)), None);
    let later = NodeEvent::Later {
        number: 4,
        name: "x".into(),
        event: SendEvent::Accepted(to()),
    };
    assert_eq!(
        json(&later),
        format!(r#"{{"later":4,"event":"accepted",{who},"name":"x"}}"#)
    );
}

#[test]
fn what_happens_at_a_node_has_these_keys() {
    let node = NodeId([7; 32]);
    let id = peer_text();
    let from = || Person {
        name: "al".into(),
        node,
    };
    let joined = |before, key_changed| NodeEvent::PeerJoined {
        node,
        name: "al".into(),
        before,
        key_changed,
        visiting: false,
    };
    let message = NodeEvent::Message {
        node,
        name: "al".into(),
        text: "hi".into(),
        time: 5,
        key_changed: false,
    };
    let gone = NodeEvent::AskGone {
        number: 3,
        from: from(),
        why: crate::node::Gone::Withdrawn,
    };
    let same = NodeEvent::SameKey {
        name: "al".into(),
        address: "192.0.2.1:4".parse().expect("an address"),
    };
    for (event, expected) in [
        (
            joined(None, false),
            format!(r#"{{"event":"joined","peer":"{id}","name":"al"}}"#),
        ),
        (
            joined(Some("old".into()), true),
            format!(
                r#"{{"event":"joined","peer":"{id}","name":"al","before":"old","key_changed":true}}"#
            ),
        ),
        (
            message,
            format!(r#"{{"event":"message","from":"al","peer":"{id}","text":"hi","time":5}}"#),
        ),
        (
            gone,
            format!(r#"{{"event":"gone","ask":3,"from":"al","peer":"{id}","why":"withdrawn"}}"#),
        ),
        (
            same,
            r#"{"event":"samekey","name":"al","address":"192.0.2.1:4"}"#.to_owned(),
        ),
        (
            NodeEvent::Notice("so".into()),
            r#"{"event":"notice","text":"so"}"#.to_owned(),
        ),
        (
            NodeEvent::CatalogChanged { node },
            format!(r#"{{"event":"catalog","peer":"{id}"}}"#),
        ),
    ] {
        assert_eq!(json(&event), expected);
    }
}

#[test]
fn what_is_missing_names_its_nodes() {
    let node = |name: &str| Owner {
        node: NodeId([7; 32]),
        name: name.into(),
    };
    let scan = Scan {
        files: 1,
        bytes: 2,
        of_files: Some(3),
        of_bytes: None,
    };
    let gap = Gap {
        node: node("bob"),
        known: 512,
        of: Some(600),
        why: Missing::Rest,
    };
    let gaps = Gaps {
        catalogs: vec![gap],
        scanning: vec![(node("eve"), scan)],
        alone: false,
    };
    let id = peer_text();
    let expected = format!(
        "{{\"event\":\"incomplete\",\"nodes\":[{{\"peer\":\"{id}\",\"name\":\"bob\",\"known\":512,\"of\":600,\"why\":\"rest\"}}],\
         \"scanning\":[{{\"peer\":\"{id}\",\"name\":\"eve\",\"files\":1,\"bytes\":2,\"of_files\":3,\"of_bytes\":null}}]}}"
    );
    assert_eq!(json(&told("incomplete", &gaps)), expected);
    assert_eq!(json(&DownloadEvent::Incomplete(gaps)), expected);
}

#[test]
fn servers_and_who_signed_up_have_the_documented_keys() {
    let node = NodeId([7; 32]);
    let row = SignedUp {
        name: "an\u{202e}na".into(),
        node,
        present: true,
        seen: 5,
        server: "h:1".into(),
        added: false,
        ours: true,
    };
    let start =
        format!(r#""name":"an\u202ena","peer":"{node}","present":true,"seen":5,"server":"h:1""#);
    assert_eq!(json(&row), format!(r#"{{{start},"added":false}}"#));
    assert_eq!(
        json(&Event::added(&row)),
        format!(r#"{{"event":"added",{start}}}"#)
    );
    let now = NodeId([8; 32]);
    let news = ServerNews {
        address: "h:1".into(),
        server: Some(node),
        state: ServerState::NewKey { known: node, now },
    };
    assert_eq!(
        json(&NodeEvent::Server(news)),
        format!(
            r#"{{"event":"server","address":"h:1","peer":"{now}","state":"newkey","known":"{node}"}}"#
        )
    );
    let signed_up = Event::SignedUp {
        name: "a",
        server: "h:1",
    };
    assert_eq!(
        json(&signed_up),
        r#"{"event":"signedup","name":"a","server":"h:1"}"#
    );
}
