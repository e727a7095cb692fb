//! Files that wait for somebody who is not here.

use crate::common::{Ran, Running, Swarm, downloaded, renamed, until};
use serde_json::Value;
use std::{fs, path::PathBuf};

fn outside(swarm: &Swarm, name: &str) -> PathBuf {
    let path = swarm.home("outside").join(name);
    fs::write(&path, name).unwrap();
    path
}

fn kept(swarm: &Swarm, home: &str) -> String {
    fs::read_to_string(swarm.home(home).join(".sprat/later")).unwrap_or_default()
}

/// Alice's prompt, with bob known to her and gone.
fn alice_who_knows_bob(swarm: &Swarm) -> Running {
    let mut alice = swarm.start("alice", &["--json"]);
    let bob = swarm.serve("bob", &[]);
    alice.event("joined");
    bob.leave();
    alice.event("left");
    alice
}

fn keep(alice: &mut Running, file: &std::path::Path) -> Value {
    alice.type_line(&format!("send '{}' --to BOB --later", file.display()));
    alice.event("later")
}

#[test]
fn what_waits_for_somebody_outlasts_a_restart_and_goes_to_that_key_alone() {
    let swarm = Swarm::new();
    let file = outside(&swarm, "photo.jpg");
    let mut alice = alice_who_knows_bob(&swarm);
    let waits = keep(&mut alice, &file);
    assert_eq!(
        (&waits["to"], &waits["name"]),
        (&"BOB".into(), &"photo.jpg".into())
    );
    alice.type_line("asks");
    assert_eq!(alice.event("later"), waits);
    alice.type_line("status");
    assert_eq!(alice.event("status")["later"][0]["later"], waits["later"]);
    alice.type_line("exit");
    assert_eq!(alice.end(), 0);
    assert!(kept(&swarm, "alice").contains("photo.jpg"));

    // Without a prompt, too. Somebody else of that name gets nothing.
    let mut alice = swarm.serve("alice", &[]);
    let mallory = ["serve", "--json", "--accept", "all"];
    let mut mallory = Running::of(renamed(&swarm.command("mallory", &mallory), "bob"));
    mallory.event("joined");
    alice.event("joined");
    // Who only looks does not have it either, and does not end it.
    swarm.run("bob", &["peers"]).succeeds();
    let _bob = swarm.serve("bob", &["--accept", "all"]);
    let done = alice.wait("done", |line| line.contains(r#""event":"done""#));
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(
        (&done["later"], &done["name"]),
        (&waits["later"], &"photo.jpg".into())
    );
    assert_eq!(downloaded(&swarm.home("bob"), "photo.jpg"), b"photo.jpg");
    assert!(!swarm.home("mallory").join("downloads/photo.jpg").exists());
    until("nothing waits any more", || {
        kept(&swarm, "alice").is_empty()
    });
    alice.leave();
}

#[test]
fn it_is_taken_back_and_a_no_ends_it() {
    let swarm = Swarm::new();
    let (one, two) = (outside(&swarm, "one.txt"), outside(&swarm, "two.txt"));
    let mut alice = alice_who_knows_bob(&swarm);
    let first = keep(&mut alice, &one);
    keep(&mut alice, &two);
    alice.type_line(&format!("cancel later {}", first["later"]));
    until("the first is taken back", || {
        !kept(&swarm, "alice").contains("one.txt")
    });
    let mut bob = swarm.start("bob", &["--json"]);
    let ask = bob.event("ask");
    assert_eq!(ask["name"], "two.txt");
    bob.type_line(&format!("refuse {}", ask["ask"]));
    alice.event("refused");
    until("nothing waits any more", || {
        kept(&swarm, "alice").is_empty()
    });
    bob.type_line("asks");
    bob.type_line("exit");
    assert_eq!(bob.end(), 0);
    // A number that is none, and somebody whom nobody knows.
    alice.type_line("cancel later 9");
    alice.event("error");
    alice.type_line(&format!("send '{}' --to nobody --later", one.display()));
    let error = alice.event("error");
    assert!(
        error["error"].as_str().unwrap().contains("was ever here"),
        "{error}"
    );
    alice.type_line("send /nowhere/at/all --to bob --later");
    let error = alice.event("error");
    assert!(
        error["error"].as_str().unwrap().contains("does not exist"),
        "{error}"
    );
}

#[test]
fn at_the_shell_it_waits_in_the_foreground() {
    let swarm = Swarm::new();
    let file = outside(&swarm, "photo.jpg");
    let arguments = ["send", file.to_str().unwrap(), "--to", "bob", "--later"];
    let mut alice = swarm.start_all("alice", &arguments);
    alice.wait("it waits", |line| line.contains("keeping 1 path for bob"));
    // Longer than a send waits otherwise, which is told to wait no time here.
    let _bob = swarm.serve("bob", &["--accept", "all"]);
    alice.wait("done", |line| line.starts_with("bob has photo.jpg"));
    assert_eq!(alice.end(), 0);
    assert_eq!(downloaded(&swarm.home("bob"), "photo.jpg"), b"photo.jpg");
    let mut alice = swarm.start_all(
        "alice",
        &["send", file.to_str().unwrap(), "--to", "carol", "--later"],
    );
    alice.wait("it waits", |line| line.contains("for carol"));
    alice.signal("INT");
    assert_eq!(alice.end(), 130);
    let two = ["send", file.to_str().unwrap(), "--to", "a", "b", "--later"];
    let ran: Ran = swarm.run("alice", &two);
    assert_eq!(ran.code(), 2, "{}", ran.err());
}
