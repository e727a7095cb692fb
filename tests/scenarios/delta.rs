//! What has been fetched once is not fetched again: new versions of files, and who can give which
//! part of them.

use crate::common::{
    Swarm, downloaded,
    faulty::{Fault, Faulty, File},
    noise, share,
};
use std::{
    fs,
    time::{Duration, Instant},
};

const MIB: usize = 1 << 20;

/// A version of `old` with 1 MiB inserted and 1 MiB replaced.
fn edited(old: &[u8]) -> Vec<u8> {
    let mut new = old.to_vec();
    let at = old.len() / 3;
    new.splice(at..at, noise(101, MIB));
    let at = new.len() * 2 / 3;
    new[at..at + MIB].copy_from_slice(&noise(102, MIB));
    new
}

#[test]
fn a_holder_of_the_old_version_fetches_what_changed() {
    let swarm = Swarm::new();
    let old = noise(1, 256 * MIB);
    share(&swarm.home("alice"), "big.bin", &old);
    let alice = swarm.serve_scanned("alice", &[]);
    swarm.run("bob", &["download", "big.bin"]).succeeds();
    alice.leave();
    let new = edited(&old);
    share(&swarm.home("alice"), "big.bin", &new);
    let _alice = swarm.serve_scanned("alice", &[]);
    let bob = swarm
        .run("bob", &["download", "big.bin", "--json"])
        .succeeds();
    let done = bob.done();
    let number = |key: &str| done[key].as_u64().unwrap() as usize;
    // What changed is 2 MiB of 257; a cut on either side of each edit moves too.
    assert!(number("fetched") <= new.len() * 3 / 100, "{done}");
    assert_eq!(number("fetched") + number("reused"), new.len(), "{done}");
    assert!(fs::read(done["path"].as_str().unwrap()).unwrap() == new);
    assert!(downloaded(&swarm.home("bob"), "big.bin") == old);
}

#[test]
fn a_home_whose_shared_folder_was_never_read_fetches_what_changed() {
    let swarm = Swarm::new();
    let old = noise(7, 64 * MIB);
    let mut new = old.clone();
    let at = 20 * MIB + 12_345;
    new[at..at + MIB / 2].copy_from_slice(&noise(8, MIB / 2));
    share(&swarm.home("alice"), "big.bin", &new);
    let _alice = swarm.serve_scanned("alice", &[]);
    share(&swarm.home("bob"), "big.bin", &old);
    let done = swarm
        .run("bob", &["download", "big.bin", "--json"])
        .succeeds()
        .done();
    let number = |key: &str| done[key].as_u64().unwrap() as usize;
    // The edit, and what is left of the chunks at its ends.
    assert!(number("fetched") <= 3 * MIB, "{done}");
    assert_eq!(number("fetched") + number("reused"), new.len(), "{done}");
    assert!(downloaded(&swarm.home("bob"), "big.bin") == new);
    assert!(fs::read(swarm.home("bob").join("shared/big.bin")).unwrap() == old);
}

#[test]
fn an_older_file_where_it_goes_is_used_and_so_are_places_that_are_named() {
    let swarm = Swarm::new();
    let old = noise(9, 16 * MIB);
    let mut new = old.clone();
    new[5 * MIB..5 * MIB + 1000].copy_from_slice(&noise(10, 1000));
    share(&swarm.home("alice"), "big.bin", &new);
    let _alice = swarm.serve_scanned("alice", &[]);
    let fetched = |name: &str, more: &[&str]| {
        let arguments = [&["download", "big.bin", "--json"], more].concat();
        let done = swarm.run(name, &arguments).succeeds().done();
        assert!(fs::read(done["path"].as_str().unwrap()).unwrap() == new);
        done["fetched"].as_u64().unwrap() as usize
    };
    // Whoever wrote it.
    let place = swarm.home("bob").join("mine.iso");
    fs::write(&place, &old).unwrap();
    let into = place.to_str().unwrap();
    assert!(fetched("bob", &["-o", into, "--overwrite"]) <= 3 * MIB);
    assert!(fs::read(&place).unwrap() == new);
    // Under another name, elsewhere; to a node that runs there, too.
    let away = swarm.home("carol").join("away");
    fs::create_dir(&away).unwrap();
    fs::write(away.join("v1"), &old).unwrap();
    let named = away.to_str().unwrap();
    assert_eq!(fetched("carol", &[]), new.len());
    let far = swarm.home("dave").join("v1");
    fs::write(&far, &old).unwrap();
    assert!(fetched("erin", &["--reuse", "/nowhere", "--reuse", named]) <= 3 * MIB);
    let _dave = swarm.serve_scanned("dave", &[]);
    assert!(fetched("dave", &["--reuse", far.to_str().unwrap()]) <= 3 * MIB);
}

#[test]
fn what_is_read_or_received_is_looked_for_in_named_places_too() {
    let swarm = Swarm::new();
    let old = noise(11, 64 * MIB);
    let mut new = old.clone();
    new[9 * MIB..9 * MIB + 1000].copy_from_slice(&noise(12, 1000));
    share(&swarm.home("alice"), "big.bin", &new);
    let file = swarm.home("alice").join("shared/big.bin");
    let away = swarm.home("carol").join("v1");
    fs::write(&away, &old).unwrap();
    let named = ["--reuse", away.to_str().unwrap()];
    // All of it would take a minute.
    let slow = ["--upload-limit", "1048576"];
    let soon = Duration::from_secs(40);
    let alice = swarm.serve_scanned("alice", &slow);
    let begun = Instant::now();
    let mut get = swarm.command("bob", &[&["get", "big.bin"], &named[..]].concat());
    assert!(get.output().unwrap().stdout == new);
    assert!(begun.elapsed() < soon, "{:?}", begun.elapsed());
    // By a node that runs, too.
    let frank = swarm.serve_scanned("frank", &[]);
    let begun = Instant::now();
    let mut get = swarm.command("frank", &[&["get", "big.bin"], &named[..]].concat());
    assert!(get.output().unwrap().stdout == new);
    assert!(begun.elapsed() < soon, "{:?}", begun.elapsed());
    frank.leave();
    alice.leave();

    for (giver, taker, runs) in [("dave", "erin", false), ("gail", "hugo", true)] {
        let node = runs.then(|| swarm.serve_scanned(taker, &[]));
        let send = ["send", file.to_str().unwrap(), "--json"];
        let mut given = swarm.start(giver, &[&send, &slow[..]].concat());
        let code = given.event("code")["code"].as_str().unwrap().to_owned();
        let receive = ["receive", &code, "-y"];
        let got = swarm.run(taker, &[&receive, &named[..]].concat());
        assert!(got.elapsed < soon, "{:?}", got.elapsed);
        got.succeeds();
        assert!(downloaded(&swarm.home(taker), "big.bin") == new);
        assert_eq!(given.end(), 0);
        if let Some(node) = node {
            node.leave();
        }
    }
}

#[test]
fn the_same_contents_under_another_name_are_not_fetched() {
    let swarm = Swarm::new();
    let tail = noise(2, 24 * MIB);
    share(&swarm.home("bob"), "mine/disk.img", &tail);
    let whole = [noise(3, 4 * MIB), tail].concat();
    share(&swarm.home("alice"), "archive.tar", &whole);
    let _alice = swarm.serve_scanned("alice", &[]);
    swarm.serve_scanned("bob", &[]).leave();
    let done = swarm
        .run("bob", &["download", "archive.tar", "--json"])
        .succeeds()
        .done();
    assert!(
        done["fetched"].as_u64().unwrap() <= 6 * MIB as u64,
        "{done}"
    );
    assert!(downloaded(&swarm.home("bob"), "archive.tar") == whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_only_the_old_version_gives_what_both_have() {
    let swarm = Swarm::new();
    let old = noise(4, 32 * MIB);
    let new = edited(&old);
    // Under another folder, too.
    share(&swarm.home("carol"), "yesterday/big.bin", &old);
    let _carol = swarm.serve_scanned("carol", &[]);
    // A chunk each 50 ms: alone it would take seconds.
    let file = File::new("big.bin", new.clone());
    let _alice = Faulty::join(swarm.port, "alice", file, Fault::Slow);
    let run = swarm.run("bob", &["download", "big.bin", "--json"]);
    let done = run.succeeds().done();
    let gave = |name: &str| {
        let sources = done["sources"].as_array().unwrap().iter();
        let found = sources.filter(|source| source["name"] == name);
        found.map(|source| source["bytes"].as_u64().unwrap()).sum()
    };
    let (alice, carol): (u64, u64) = (gave("alice"), gave("carol"));
    assert!(carol > 16 * MIB as u64, "{done}");
    assert!(alice >= 2 * MIB as u64, "{done}");
    assert!(downloaded(&swarm.home("bob"), "big.bin") == new);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_to_have_more_than_it_has_delays_nobody() {
    let swarm = Swarm::new();
    let new = edited(&noise(5, 16 * MIB));
    share(&swarm.home("alice"), "big.bin", &new);
    let _alice = swarm.serve_scanned("alice", &[]);
    // Says of every chunk that it has it, then that it is missing.
    let other = File::new("old/big.bin", noise(6, 8 * MIB));
    let _carol = Faulty::join(swarm.port, "carol", other, Fault::Misses);
    let run = swarm.run("bob", &["download", "big.bin", "--json"]);
    assert!(run.elapsed.as_secs() < 20, "{:?}", run.elapsed);
    run.succeeds();
    assert!(downloaded(&swarm.home("bob"), "big.bin") == new);
}
