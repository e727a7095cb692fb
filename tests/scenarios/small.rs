//! Folders of many small files: all of them, in one job, whatever interrupts it.

use crate::common::{
    Running, Swarm, downloaded,
    faulty::{Fault, Faulty, File},
    noise, share,
};
use std::{collections::BTreeMap, fs, path::Path};

type Files = BTreeMap<String, Vec<u8>>;

/// Files of a few KiB each.
fn many(count: u64) -> Files {
    let name = |at| format!("many/{}/file-{at}.bin", at % 7);
    (0..count)
        .map(|at| (name(at), noise(at + 1000, 1000 + (at % 5) as usize * 700)))
        .collect()
}

fn share_all(home: &Path, files: &Files) {
    for (name, bytes) in files {
        share(home, name, bytes);
    }
}

/// How many of `files` lie in their place; each that does is whole.
#[track_caller]
fn placed(home: &Path, files: &Files) -> usize {
    let mut found = 0;
    for (name, bytes) in files {
        match fs::read(home.join("downloads").join(name)) {
            Ok(there) => {
                assert!(there == *bytes, "{name}");
                found += 1;
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
        }
    }
    found
}

#[track_caller]
fn nothing_left(home: &Path) {
    let left = fs::read_dir(home.join(".sprat/partial")).unwrap();
    assert_eq!(left.count(), 0);
}

fn sum(events: &[serde_json::Value], key: &str) -> u64 {
    let done = events.iter().filter(|event| event["event"] == "done");
    done.map(|event| event[key].as_u64().unwrap()).sum()
}

#[test]
fn a_folder_of_all_kinds_comes_from_two_holders() {
    let swarm = Swarm::new();
    let mut files = many(600);
    // The same contents by many names, some empty, one byte; one chunk at its longest, several, and
    // part of another file.
    for at in 0..200 {
        files.insert(format!("many/same/{at}"), noise(1, 3000));
        files.insert(format!("many/empty/{at}"), Vec::new());
    }
    files.insert("many/one".into(), vec![7]);
    files.insert("many/zeroes".into(), vec![0; 1 << 20]);
    files.insert("many/several".into(), noise(2, 900_000));
    files.insert("many/large".into(), noise(2, 5 << 20));
    for name in ["alice", "carol"] {
        share_all(&swarm.home(name), &files);
    }
    let alice = swarm.serve_scanned("alice", &[]);
    let carol = swarm.serve_scanned("carol", &[]);
    let home = swarm.home("bob");
    let events = swarm
        .run("bob", &["download", "many/", "--json"])
        .succeeds()
        .json();
    let done = events.iter().filter(|event| event["event"] == "done");
    assert_eq!(done.count(), files.len());
    assert_eq!(placed(&home, &files), files.len());
    nothing_left(&home);
    let bytes: usize = files.values().map(Vec::len).sum();
    let (fetched, reused) = (sum(&events, "fetched"), sum(&events, "reused"));
    assert_eq!(fetched + reused, bytes as u64);
    assert!(reused >= 199 * 3000, "{reused}");

    // All of it is served from its place: to the next one, when the others are gone.
    drop((alice, carol));
    let bob = swarm.serve_scanned("bob", &[]);
    swarm.run("dave", &["download", "many/"]).succeeds();
    assert_eq!(placed(&swarm.home("dave"), &files), files.len());

    let again = swarm
        .run("dave", &["download", "many/", "--json"])
        .succeeds()
        .json();
    assert!(sum(&again, "fetched") == 0 && again.iter().any(|event| event["already"] == true));

    // Nobody else is here: that may not be all.
    drop(bob);
    let ran = swarm.run("dave", &["download", "many/", "--json", "--wait", "1"]);
    assert_eq!(ran.code(), 3);
    assert!(ran.json().iter().any(|event| event["alone"] == true));
}

/// Starts the download and waits until `count` files are said to be done. All of them would take
/// ten seconds: it is in the middle however late this test is.
fn until_done(swarm: &Swarm, count: usize) -> Running {
    let limited = ["download", "many/", "--json", "--download-limit", "2M"];
    let mut bob = swarm.start("bob", &limited);
    for _ in 0..count {
        bob.event("done");
    }
    bob
}

#[test]
fn kills_in_the_middle_lose_nothing_that_was_said_to_be_done() {
    let swarm = Swarm::new();
    let files = many(8000);
    share_all(&swarm.home("alice"), &files);
    let _alice = swarm.serve_scanned("alice", &[]);
    let home = swarm.home("bob");
    let mut before = 0;
    for round in 0..3 {
        // What is placed already is said first.
        let mut bob = until_done(&swarm, before + 1);
        bob.signal("KILL");
        assert_eq!(bob.end(), -1, "too fast: {:?}", bob.seen.last());
        let said = bob
            .seen
            .iter()
            .filter(|line| line.contains(r#""event":"done""#));
        let found = placed(&home, &files);
        assert!(found >= said.count(), "{round}");
        assert!(found >= before && found < files.len(), "{round}: {found}");
        before = found;
    }
    let events = swarm
        .run("bob", &["download", "many/", "--json", "--wait", "60"])
        .succeeds()
        .json();
    let already = events.iter().filter(|event| event["already"] == true);
    assert_eq!(already.count(), before);
    assert_eq!(placed(&home, &files), files.len());
    nothing_left(&home);
}

#[test]
fn an_interrupted_folder_goes_on_where_it_was() {
    let swarm = Swarm::new();
    let files = many(8000);
    share_all(&swarm.home("alice"), &files);
    let _alice = swarm.serve_scanned("alice", &[]);
    let home = swarm.home("bob");
    let mut bob = until_done(&swarm, 1);
    bob.signal("INT");
    assert_eq!(bob.end(), 130, "{:?}", bob.seen.last());
    nothing_left(&home);
    let had = placed(&home, &files);
    let lines = |bob: &Running| {
        let events = bob.seen.iter();
        let events = events.map(|line| serde_json::from_str(line).unwrap());
        events.collect::<Vec<serde_json::Value>>()
    };
    let first = lines(&bob);
    let bytes: usize = files.values().map(Vec::len).sum();
    let second = swarm
        .run("bob", &["download", "many/", "--json"])
        .succeeds()
        .json();
    let already = second.iter().filter(|event| event["already"] == true);
    assert_eq!(already.count(), had);
    // What was placed is not fetched again; what was placed was said.
    let fetched = sum(&first, "fetched") + sum(&second, "fetched");
    assert_eq!(fetched, bytes as u64);
    assert_eq!(placed(&home, &files), files.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_among_the_holders_costs_nothing_but_itself() {
    let swarm = Swarm::new();
    let mut files = many(50);
    files.insert("many/wanted".into(), noise(3, 2000));
    share_all(&swarm.home("alice"), &files);
    let _alice = swarm.serve_scanned("alice", &[]);
    for fault in [
        Fault::Lies,
        Fault::Misses,
        Fault::Silent,
        Fault::FalseManifest,
    ] {
        let file = File::new("many/wanted", noise(3, 2000));
        let _mallory = Faulty::join(swarm.port, "mallory", file, fault);
        let name = format!("bob-{fault:?}");
        swarm.run(&name, &["download", "many/"]).succeeds();
        let home = swarm.home(&name);
        assert_eq!(placed(&home, &files), files.len(), "{fault:?}");
        assert_eq!(downloaded(&home, "many/wanted"), noise(3, 2000));
        nothing_left(&home);
    }
}
