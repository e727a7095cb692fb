//! What becomes of a download whose source is replaced, rewritten, appended to or deleted in the
//! middle of it.

use crate::common::{Running, Swarm, downloaded, noise, share};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

const MIB: usize = 1 << 20;
/// So slow that the change comes in the middle, and so fast that a test is over soon.
const LIMIT: &str = "6M";

/// Bob downloads 24 MiB of alice's, with `more` arguments; when some of them are here, `change`
/// befalls her file.
fn changed(more: &[&str], change: impl FnOnce(&Path, &[u8])) -> (Swarm, Running, Running) {
    let swarm = Swarm::new();
    let old = noise(1, 24 * MIB);
    share(&swarm.home("alice"), "big.bin", &old);
    let alice = swarm.serve_scanned("alice", &["--upload-limit", LIMIT]);
    let mut arguments = vec!["download", "--json"];
    arguments.extend(if more.is_empty() { &["big.bin"] } else { more });
    let mut bob = swarm.start("bob", &arguments);
    bob.has(8 * MIB as u64);
    change(&swarm.home("alice").join("shared/big.bin"), &old);
    (swarm, alice, bob)
}

/// It goes on with `new`, of which at least `reused` bytes did not come again.
#[track_caller]
fn goes_on(swarm: &Swarm, mut bob: Running, new: &[u8], reused: usize) {
    let replaced = bob.event("replaced");
    assert_eq!(replaced["owner"], "alice", "{replaced}");
    assert_eq!(replaced["size"], new.len(), "{replaced}");
    let done = bob.event("done");
    assert_eq!(done["id"], replaced["id"], "{done}");
    assert!(done["reused"].as_u64().unwrap() >= reused as u64, "{done}");
    assert_eq!(bob.end(), 0, "{:?}", bob.seen.last());
    assert!(downloaded(&swarm.home("bob"), "big.bin") == new);
}

#[test]
fn a_file_that_another_one_takes_the_place_of_comes_in_its_new_version() {
    let new = noise(2, 8 * MIB);
    let (swarm, _alice, bob) = changed(&[], |path, _| {
        let beside = path.parent().unwrap().with_file_name("new");
        fs::write(&beside, &new).unwrap();
        fs::rename(&beside, path).unwrap();
    });
    goes_on(&swarm, bob, &new, 0);
}

#[test]
fn a_file_that_is_rewritten_comes_in_its_new_version_with_what_is_left_of_the_old() {
    let mut new = noise(1, 24 * MIB);
    new.truncate(22 * MIB);
    new[6 * MIB..7 * MIB].copy_from_slice(&noise(3, MIB));
    let (swarm, _alice, bob) = changed(&[], |path, _| fs::write(path, &new).unwrap());
    // With chunks of at most 1 MiB, 6 MiB are lost at most: of the first 8 that came, 2 are left.
    goes_on(&swarm, bob, &new, 2 * MIB);
}

#[test]
fn a_file_that_grows_comes_whole_and_nothing_comes_twice() {
    let (swarm, _alice, bob) = changed(&[], |path, _| {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(&noise(4, MIB)).unwrap();
    });
    let new = [noise(1, 24 * MIB), noise(4, MIB)].concat();
    goes_on(&swarm, bob, &new, 7 * MIB);
}

#[test]
fn a_file_that_is_deleted_ends_the_download_and_what_came_is_kept() {
    let (swarm, _alice, mut bob) = changed(&[], |path, _| fs::remove_file(path).unwrap());
    let error = bob.event("error");
    let said = error["error"].as_str().unwrap();
    assert!(said.contains("no longer offered by alice"), "{said}");
    assert_eq!(bob.end(), 3, "{:?}", bob.seen.last());
    // It is back: the same command goes on.
    share(&swarm.home("alice"), "big.bin", &noise(1, 24 * MIB));
    let done = swarm
        .run("bob", &["download", "big.bin", "--json", "--wait", "20"])
        .succeeds()
        .done();
    assert!(
        done["resumed"].as_u64().unwrap() >= 7 * MIB as u64,
        "{done}"
    );
}

#[test]
fn who_asked_for_an_id_gets_nothing_else() {
    let id = crate::common::faulty::File::new("big.bin", noise(1, 24 * MIB)).id();
    let (_swarm, _alice, mut bob) = changed(&[&id.to_string()], |path, _| {
        fs::write(path, noise(2, MIB)).unwrap();
    });
    let error = bob.event("error");
    let said = error["error"].as_str().unwrap();
    assert!(said.contains("was replaced by alice"), "{said}");
    assert_eq!(bob.end(), 3, "{:?}", bob.seen.last());
}

#[test]
fn one_of_many_small_files_is_replaced_and_all_arrive() {
    let swarm = Swarm::new();
    let home = swarm.home("alice");
    for n in 0..60 {
        share(&home, &format!("many/{n:02}"), &noise(n, 100 << 10));
    }
    let _alice = swarm.serve_scanned("alice", &["--upload-limit", "1M"]);
    let mut bob = swarm.start("bob", &["download", "many/", "--json"]);
    bob.has(1 << 20);
    // Whichever comes last: one of these has not come yet.
    for n in 0..60 {
        share(&home, &format!("many/{n:02}"), &noise(n + 100, 100 << 10));
    }
    bob.event("replaced");
    assert_eq!(bob.end(), 0, "{:?}", bob.seen.last());
    for n in 0..60 {
        let came = downloaded(&swarm.home("bob"), &format!("many/{n:02}"));
        assert!(came == noise(n, 100 << 10) || came == noise(n + 100, 100 << 10));
    }
}

#[test]
fn what_is_saved_under_its_owners_name_is_looked_for_by_the_name_it_is_offered_by() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "big.bin", &noise(1, 24 * MIB));
    share(&swarm.home("carol"), "big.bin", b"carol's");
    let _alice = swarm.serve_scanned("alice", &["--upload-limit", LIMIT]);
    let _carol = swarm.serve_scanned("carol", &[]);
    let mut bob = swarm.start("bob", &["--json"]);
    for _ in 0..2 {
        bob.event("joined");
    }
    bob.type_line("download big.bin --all-versions");
    bob.has(8 * MIB as u64);
    let new = noise(2, 8 * MIB);
    fs::write(swarm.home("alice").join("shared/big.bin"), &new).unwrap();
    let replaced = bob.event("replaced");
    assert_eq!(replaced["owner"], "alice", "{replaced}");
    bob.wait("alice's new one", |line| {
        line.contains(r#""event":"done""#) && line.contains("big (alice).bin")
    });
    assert!(downloaded(&swarm.home("bob"), "big (alice).bin") == new);
    bob.type_line("exit");
    assert_eq!(bob.end(), 0);
}
