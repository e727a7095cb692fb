//! Leaving while others have no copies yet: a person is told and held up once, nobody else waits.
#![cfg(unix)]

mod common;

use common::{Swarm, noise, share, terminal::Terminal};

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
    let ran = swarm.pipe("bob", &WANTS_COPIES, "exit\n").succeeds();
    assert!(!ran.err().contains("elsewhere"), "{}", ran.err());
    let status = swarm.pipe("bob", &["--json"], "status\n").succeeds().json();
    let status = status.last().unwrap();
    assert_eq!(status["safe"]["to_leave"], true, "{status}");
    assert!(status["replicas"]["quota"].is_u64(), "{status}");
}
