//! What people read of downloads, word for word.

use super::*;
use crate::core::id::{FileId, NodeId};
use std::{path::PathBuf, time::Duration};

fn file(sources: &[(&str, u64)]) -> Fetched {
    let sources: Vec<_> = sources
        .iter()
        .enumerate()
        .map(|(at, (name, bytes))| Contribution {
            peer: NodeId([at as u8; 32]),
            name: (*name).to_owned(),
            bytes: *bytes,
        })
        .collect();
    let fetched = sources.iter().map(|source| source.bytes).sum();
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
