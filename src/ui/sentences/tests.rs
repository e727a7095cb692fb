//! What people read, word for word.

use super::*;
use crate::core::{
    changes::Change,
    id::{FileId, NodeId},
};
use std::{path::PathBuf, time::Duration};

fn file(sources: &[(&str, u64)]) -> Fetched {
    let sources: Vec<_> = sources
        .iter()
        .enumerate()
        .map(|(at, (name, bytes))| (NodeId([at as u8; 32]), (*name).to_owned(), *bytes))
        .collect();
    let fetched = sources.iter().map(|s| s.2).sum();
    Fetched {
        name: "photos/a.jpg".into(),
        id: FileId([1; 32]),
        path: PathBuf::from("/h/downloads/photos/a.jpg"),
        size: fetched,
        fetched,
        reused: 0,
        resumed: 0,
        elapsed: Duration::from_millis(400),
        sources,
        already: false,
    }
}

#[test]
fn a_download_says_from_whom() {
    assert_eq!(
        fetched(&file(&[("alice", 2_013_266), ("bob", 1_342_177)])),
        "got photos/a.jpg, 3.2 MiB in 0.4 s (8.0 MiB/s): 60 % from alice, 40 % from bob; \
         saved as /h/downloads/photos/a.jpg"
    );
    assert!(fetched(&file(&[("alice", 5)])).contains(": all from alice; saved"));
    assert!(!fetched(&file(&[])).contains("from"));
}

#[test]
fn what_was_here_is_told_apart() {
    let mut partial = file(&[("alice", 1024)]);
    (partial.resumed, partial.reused) = (2048, 10);
    assert!(
        fetched(&partial).contains(": 1.0 KiB from alice, 2.0 KiB from before, 10 B found here;")
    );
    partial.already = true;
    assert_eq!(
        fetched(&partial),
        "photos/a.jpg is here already: /h/downloads/photos/a.jpg"
    );
}

#[test]
fn several_files_are_summed_up() {
    let mut total = file(&[("alice", 1024)]);
    assert_eq!(
        summary(2, 1, &total),
        "got 2 files, 1.0 KiB in 0.4 s (2.5 KiB/s): all from alice; 1 other failed"
    );
    total.already = true;
    assert_eq!(summary(2, 0, &total), "2 files were here already");
}

#[test]
fn two_of_one_name_and_a_crowd_can_be_told_apart() {
    let twins = fetched(&file(&[("bob", 1), ("bob", 1)]));
    assert!(twins.contains(&format!("bob ({})", NodeId([0; 32]).short())));
    let crowd = fetched(&file(&[
        ("a", 2),
        ("b", 2),
        ("c", 2),
        ("d", 2),
        ("e", 1),
        ("f", 1),
    ]));
    assert!(crowd.contains("20 % from d, 20 % from 2 others"), "{crowd}");
}

#[test]
fn people_come_and_go() {
    let node = NodeId([7; 32]);
    let left = |announced| NodeEvent::PeerLeft {
        node,
        name: "alice".into(),
        announced,
        visiting: false,
    };
    let joined = NodeEvent::PeerJoined {
        node,
        name: "ali\u{1b}ce".into(),
        before: None,
        key_changed: false,
        visiting: false,
    };
    assert_eq!(
        event(&joined).as_deref(),
        Some(&*format!("ali\\u{{1b}}ce joined ({})", node.short()))
    );
    let other = NodeEvent::PeerJoined {
        node,
        name: "alice".into(),
        before: None,
        key_changed: true,
        visiting: false,
    };
    assert!(event(&other).is_some_and(|text| text.contains("NOT the key known")));
    let again = NodeEvent::PeerJoined {
        node,
        name: "alicia".into(),
        before: Some("ali\u{1b}ce".into()),
        key_changed: false,
        visiting: false,
    };
    assert!(event(&again).is_some_and(|text| text.ends_with("who was called ali\\u{1b}ce before")));
    let renamed = |key_changed| NodeEvent::PeerRenamed {
        node,
        name: "alicia".into(),
        before: "alice".into(),
        key_changed,
    };
    assert_eq!(
        event(&renamed(false)),
        Some(format!("alice is called alicia now ({})", node.short()))
    );
    assert!(event(&renamed(true)).is_some_and(|text| text.contains("NOT the key known")));
    assert_eq!(event(&left(true)).as_deref(), Some("alice left"));
    assert_eq!(event(&left(false)).as_deref(), Some("alice went silent"));
    assert_eq!(event(&NodeEvent::CatalogChanged { node }), None);
}

#[test]
fn files_are_offered_and_withdrawn() {
    let (name, size) = ("a\rb".to_owned(), 1024);
    let offered = NodeEvent::Offered {
        name: name.clone(),
        size,
    };
    // Programs hear of each file, people of what they do.
    assert_eq!(event(&offered), None);
    let offered = NodeEvent::Files(Change::New { name, size });
    let scanned = |files| NodeEvent::Scanned {
        files,
        bytes: 2048,
        read: 0,
    };
    assert_eq!(event(&offered).as_deref(), Some("offering a\\rb, 1.0 KiB"));
    assert_eq!(
        event(&scanned(1)).as_deref(),
        Some("offering 1 file, 2.0 KiB")
    );
    assert!(event(&scanned(0)).is_some_and(|text| text.contains("nothing yet")));
}

#[test]
fn an_error_names_the_file_once() {
    let missing = DownloadError::NotFound("x".into());
    assert_eq!(failed("x", &missing), "nobody here offers `x`");
    let full = DownloadError::NoSpace {
        needed: 5,
        at: PathBuf::from("/d"),
    };
    assert_eq!(
        failed("a.iso", &full),
        "a.iso: no space: 5 more bytes are needed in /d"
    );
    assert_eq!(
        failed("a", &DownloadError::Interrupted),
        "a: stopped; what is here is kept, and the same command resumes it"
    );
}
#[test]
fn what_is_safe_is_said_in_a_sentence() {
    let safe = |files, elsewhere| Safe {
        files,
        elsewhere,
        keepers: true,
        reading: false,
        room: true,
        downloads: 0,
    };
    for (files, elsewhere, expected) in [
        (0, 0, "yes"),
        (5, 5, "yes"),
        (5, 3, "no, 3 of 5 files have a copy elsewhere"),
        (5, 1, "no, 1 of 5 files has a copy elsewhere"),
        (1, 0, "no, the only file has no copy elsewhere"),
    ] {
        let text = safe_to_leave(&safe(files, elsewhere), &[]);
        assert_eq!(text, format!("safe to leave: {expected}"));
    }
    let reading = Safe {
        reading: true,
        ..safe(0, 0)
    };
    let text = safe_to_leave(&reading, &[]);
    assert!(
        text.contains("not known yet") && !reading.to_leave(),
        "{text}"
    );
    assert!(staying(&Word::Reading(reading)).contains("still being read"));
    assert_eq!(
        staying(&Word::Soon(safe(3, 1))),
        "2 of 3 shared files have no copy elsewhere yet: leaving as soon as that is done; \
         exit again leaves at once, cancel stays"
    );
    assert_eq!(
        staying(&Word::Alone(safe(1, 0))),
        "the only shared file has no copy elsewhere, and nobody here keeps copies: \
         exit again leaves all the same"
    );
    assert_eq!(
        staying(&Word::Full(safe(1, 0))),
        "the only shared file has no copy elsewhere, and nobody here has room for one: \
         exit again leaves all the same"
    );
    let lent = |downloads, files| Safe {
        downloads,
        ..safe(files, files)
    };
    let names = ["bob@desk".to_owned(), "carol".to_owned()];
    assert_eq!(
        safe_to_leave(&lent(1, 1), &names[..1]),
        "safe to leave: yes, as long as bob@desk keeps what was downloaded there: the only file lies nowhere else"
    );
    assert_eq!(
        left_to(&lent(2, 3), &names),
        "what is shared here can be had as long as bob@desk, carol keep what was downloaded there: 2 of 3 files lie nowhere else"
    );
    assert!(left_behind(&safe(3, 2)).starts_with("1 of 3 shared files has no copy elsewhere"));
    assert_eq!(kept(Kept::default()), "keeping nothing for others");
    assert_eq!(
        kept(Kept {
            used: 1 << 20,
            quota: 1 << 30,
            received: 2 << 10,
            sent: 0,
        }),
        "keeping 1.0 MiB for others, at most 1.0 GiB; copies received 2.0 KiB, sent 0 B"
    );
}
