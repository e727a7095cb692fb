//! Leaving while others have no copies yet: a person is told and held up once, nobody else waits.
#![cfg(unix)]

use crate::common::{Running, Swarm, kept, noise, share, terminal::Terminal, until};
use std::{
    fs,
    time::{Duration, Instant},
};

const WANTS_COPIES: [&str; 2] = ["--replicas", "2"];

/// A prompt at a terminal whose shared file is known.
fn prompt(swarm: &Swarm, more: &[&str]) -> Terminal {
    share(&swarm.home("bob"), "mine.bin", &noise(1, 2 << 20));
    let mut bob = Terminal::open(swarm, "bob", more);
    bob.sees("offering 1 file");
    bob.sees("sprat> ");
    bob
}

#[test]
fn with_nobody_here_a_prompt_says_so_and_leaves_when_asked_twice() {
    let swarm = Swarm::new();
    let mut bob = prompt(&swarm, &WANTS_COPIES);
    bob.enters("exit");
    bob.sees("the only shared file has no copy elsewhere, and nobody here keeps copies");
    bob.sees("sprat> ");
    bob.enters("status");
    bob.sees("safe to leave: no, the only file has no copy elsewhere");
    bob.sees("sprat> ");
    bob.enters("cancel");
    bob.sees("staying");
    bob.sees("sprat> ");
    bob.control('d');
    bob.sees("nobody here keeps copies");
    bob.sees("sprat> ");
    bob.control('d');
    bob.sees("left the swarm");
    assert_eq!(bob.ends(), 0);
}

#[test]
fn after_exit_one_ctrl_c_leaves() {
    let swarm = Swarm::new();
    let mut bob = prompt(&swarm, &WANTS_COPIES);
    bob.enters("exit");
    bob.sees("nobody here keeps copies");
    bob.sees("sprat> ");
    bob.control('c');
    bob.sees("left the swarm");
    assert_eq!(bob.ends(), 0);
}

#[test]
fn a_prompt_waits_for_copies_and_leaves_by_itself() {
    let swarm = Swarm::new();
    let _alice = swarm.serve("alice", &["--replica-quota", "100M"]);
    // Slow enough that nobody can type faster than the copy is made.
    let slow = [&WANTS_COPIES[..], &["--upload-limit", "300K"]].concat();
    let mut bob = prompt(&swarm, &slow);
    bob.sees("alice joined");
    bob.enters("exit");
    bob.sees("no copy elsewhere yet: leaving as soon as that is done");
    bob.sees("every shared file has a copy elsewhere now");
    bob.sees("left the swarm");
    assert_eq!(bob.ends(), 0);
    // It lives on.
    let rows = swarm.run("carol", &["list", "--json"]).succeeds().json();
    assert_eq!(rows[0]["name"], "mine.bin");
    assert_eq!(rows[0]["replica"], true, "{}", rows[0]);
    let table = swarm.run("carol", &["list"]).succeeds().out();
    assert!(table.contains("(kept)"), "{table}");
}

#[test]
fn who_wants_one_copy_only_is_not_asked_but_status_tells_the_truth() {
    let swarm = Swarm::new();
    let mut bob = prompt(&swarm, &["--replicas", "1"]);
    bob.enters("status");
    bob.sees("safe to leave: no, the only file has no copy elsewhere");
    bob.sees("sprat> ");
    bob.enters("exit");
    let said = bob.sees("left the swarm");
    assert!(!said.contains("no copy elsewhere"), "{said}");
    assert_eq!(bob.ends(), 0);
}

#[test]
fn a_signal_never_waits() {
    let swarm = Swarm::new();
    share(&swarm.home("bob"), "mine.txt", b"mine");
    let mut bob = swarm.start_all("bob", &["serve", "--replicas", "2"]);
    bob.wait("the scan", |line| line.contains("offering 1 file"));
    bob.signal("TERM");
    assert_eq!(bob.end(), 0);
    let told = |line: &String| line.starts_with("the only shared file has no copy elsewhere");
    assert!(bob.seen.iter().any(told), "{:#?}", bob.seen);
}

#[test]
fn a_pipe_never_waits() {
    let swarm = Swarm::new();
    share(&swarm.home("bob"), "mine.txt", b"mine");
    let mut bob = swarm.start_all("bob", &WANTS_COPIES);
    bob.wait("the scan", |line| line.contains("offering 1 file"));
    bob.type_line("exit");
    assert_eq!(bob.end(), 0);
    let told = |line: &String| line.starts_with("the only shared file has no copy elsewhere");
    assert!(bob.seen.iter().any(told), "{:#?}", bob.seen);
}

#[test]
fn programs_read_what_is_left_behind() {
    let swarm = Swarm::new();
    share(&swarm.home("bob"), "mine.txt", b"mine");
    let mut bob = swarm.serve_scanned("bob", &WANTS_COPIES);
    bob.signal("TERM");
    assert_eq!(bob.end(), 0);
    let last: serde_json::Value = serde_json::from_str(bob.seen.last().unwrap()).unwrap();
    let expected = serde_json::json!({
        "event": "leaving", "safe": { "to_leave": false, "files": 1, "elsewhere": 0 }
    });
    assert_eq!(last, expected);
}

#[test]
fn who_shares_nothing_hears_nothing() {
    let swarm = Swarm::new();
    let mut bob = swarm.start("bob", &["--json"]);
    until("the folder to be read", || {
        safe(&mut bob)["to_leave"] == true
    });
    bob.type_line("status");
    let status = bob.event("status");
    assert!(status["replicas"]["quota"].is_u64(), "{status}");
    bob.type_line("exit");
    assert_eq!(bob.end(), 0);
    assert!(
        !bob.seen.iter().any(|line| line.contains("leaving")),
        "{:?}",
        bob.seen
    );
}

/// What `status` says of safety.
fn safe(node: &mut Running) -> serde_json::Value {
    node.type_line("status");
    let line = node.wait("status", |line| line.contains(r#""safe""#));
    let status: serde_json::Value = serde_json::from_str(&line).unwrap();
    status["safe"].clone()
}

/// Two prompts: one shares a file, and the other has downloaded it. What deleting the download does
/// to the first one's safety.
fn downloaded_and_deleted(swarm: &Swarm, quota: &str) -> (Running, Running) {
    share(&swarm.home("bob"), "mine.bin", &noise(1, 8 << 20));
    let room = ["--json", "--replicas", "2", "--replica-quota", quota];
    let mut alice = swarm.start("alice", &room);
    let mut bob = swarm.start(
        "bob",
        &["--json", "--replicas", "2", "--replica-quota", "0"],
    );
    alice.type_line("download mine.bin");
    alice.event("done");
    until("the download to count", || {
        safe(&mut bob)["to_leave"] == true
    });
    (alice, bob)
}

#[test]
fn a_download_that_is_deleted_is_no_copy_any_more() {
    let swarm = Swarm::new();
    let (_alice, mut bob) = downloaded_and_deleted(&swarm, "0");
    let said = safe(&mut bob);
    assert_eq!(
        said["downloads"], 1,
        "it is said that it rests on a download: {said}"
    );
    let deleted = Instant::now();
    fs::remove_file(swarm.home("alice").join("downloads/mine.bin")).unwrap();
    // Asked at once: the holder is asked, and looks.
    assert_eq!(safe(&mut bob)["to_leave"], false);
    until("its row to show it", || {
        let rows = swarm.run("carol", &["list", "--json"]).json();
        rows[0]["copies"] == 1 && rows[0]["holders"] == 1
    });
    let took = deleted.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(safe(&mut bob)["to_leave"], false);
}

#[test]
fn a_copy_is_made_where_a_download_was_deleted() {
    let swarm = Swarm::new();
    let (_alice, mut bob) = downloaded_and_deleted(&swarm, "100M");
    fs::remove_file(swarm.home("alice").join("downloads/mine.bin")).unwrap();
    until("a copy", || kept(&swarm.home("alice")) == 8 << 20);
    until("safe", || safe(&mut bob)["to_leave"] == true);
    assert_eq!(safe(&mut bob).get("downloads"), None);
}

#[test]
fn a_kept_part_that_is_deleted_is_no_copy_any_more() {
    let swarm = Swarm::new();
    share(&swarm.home("bob"), "mine.bin", &noise(1, 4 << 20));
    let mut bob = swarm.start("bob", &["--json", "--replicas", "2"]);
    let _alice = swarm.serve("alice", &["--replicas", "2"]);
    until("safe", || safe(&mut bob)["to_leave"] == true);
    // A look counts for 5 s.
    let replicas = swarm.home("alice").join(".sprat/replicas");
    fs::remove_dir_all(&replicas).unwrap();
    until("the loss to be seen, without a read", || {
        safe(&mut bob)["to_leave"] == false
    });
}

#[test]
fn a_prompt_promises_no_copies_when_nobody_has_room() {
    let swarm = Swarm::new();
    let _alice = swarm.serve("alice", &["--replica-quota", "1M"]);
    let mut bob = prompt(&swarm, &WANTS_COPIES);
    bob.sees("alice joined");
    bob.enters("exit");
    bob.sees("the only shared file has no copy elsewhere, and nobody here has room for one");
    bob.sees("sprat> ");
    bob.enters("exit");
    bob.sees("left the swarm");
    assert_eq!(bob.ends(), 0);
}

#[test]
fn whose_downloads_a_yes_rests_on_is_said() {
    let swarm = Swarm::new();
    let _alice = {
        let mut alice = swarm.start("alice", &["--json", "--replica-quota", "0"]);
        let mut bob = prompt(&swarm, &WANTS_COPIES);
        bob.sees("alice joined");
        alice.type_line("download mine.bin");
        alice.event("done");
        until("it to count", || {
            bob.enters("status");
            bob.sees("sprat> ").contains("safe to leave: yes")
        });
        bob.enters("status");
        bob.sees("yes, as long as alice keeps what was downloaded there: the only file lies nowhere else");
        bob.sees("sprat> ");
        bob.enters("exit");
        bob.sees("what is shared here can be had as long as alice keeps what was downloaded there");
        bob.sees("left the swarm");
        assert_eq!(bob.ends(), 0);
        alice
    };
}
