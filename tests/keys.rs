//! Files and a name whose key is another one than before: nothing goes to it, and nothing is taken from it, unseen.

mod common;

use common::{Ran, Running, Swarm, downloaded, renamed};
use std::{fs, path::PathBuf};

fn note(swarm: &Swarm) -> PathBuf {
    let path = swarm.home("outside").join("note.txt");
    fs::write(&path, "hello").unwrap();
    path
}

/// Alice, as Bob knows her, was here and took something.
fn was_met(swarm: &Swarm, note: &str) {
    let alice = swarm.serve("alice", &["--accept", "bob"]);
    swarm
        .run("bob", &["send", note, "--to", "alice"])
        .succeeds();
    alice.leave();
}

#[test]
fn nothing_is_sent_to_a_known_name_with_another_key_until_it_is_trusted() {
    let swarm = Swarm::new();
    let note = note(&swarm);
    let note = note.to_str().unwrap();
    was_met(&swarm, note);
    let mut other = Running::of(renamed(&swarm.command("other", &["--json"]), "alice"));
    let refused = swarm.run("bob", &["send", note, "--to", "alice"]);
    assert_eq!(refused.code(), 4, "{}", refused.err());
    assert!(refused.err().contains("--trust-new-key"));
    let send = ["send", note, "--to", "alice", "--trust-new-key", "--json"];
    let mut bob = swarm.start("bob", &send);
    let ask = other.event("ask");
    other.type_line(&format!("accept {}", ask["ask"]));
    assert_eq!(bob.end(), 0);
    let asks = other.seen.iter().filter(|line| line.contains(r#""ask""#));
    assert_eq!(asks.count(), 1, "{:?}", other.seen);
    // From now on this is alice.
    let mut bob = swarm.start("bob", &["send", note, "--to", "alice", "--json"]);
    let ask = other.event("ask");
    other.type_line(&format!("refuse {}", ask["ask"]));
    assert_eq!(bob.end(), 4);
}

#[test]
fn what_a_known_name_asks_with_another_key_is_flagged_and_not_taken_unseen() {
    let swarm = Swarm::new();
    let note = note(&swarm);
    let note = note.to_str().unwrap();
    was_met(&swarm, note);
    let send = |home: &str| {
        let command = swarm.command(home, &["send", note, "--to", "bob"]);
        Ran::of(renamed(&command, "alice"))
    };
    let bob = swarm.serve("bob", &["--accept", "alice"]);
    assert_eq!(send("other").code(), 4);
    assert!(!swarm.home("bob").join("downloads/note.txt").exists());
    send("alice").succeeds();
    assert_eq!(downloaded(&swarm.home("bob"), "note.txt"), b"hello");
    bob.leave();
    let mut bob = swarm.start_all("bob", &[]);
    let command = swarm.command("other", &["send", note, "--to", "bob"]);
    let mut other = Running::of(renamed(&command, "alice"));
    bob.wait("the ask", |line| line.contains("asks to send you note.txt"));
    bob.wait("the flag", |line| {
        line.contains("that name had another key before")
    });
    bob.type_line("refuse 1");
    assert_eq!(other.end(), 4);
}
