//! Files and a name whose key is another one than before: nothing goes to it, and nothing is taken
//! from it, unseen.

use crate::common::{Ran, Running, Swarm, downloaded, renamed};
use sprat::{
    core::membership::{Beacon, Kind},
    wire::{beacon, signer::Signer},
};
use std::{fs, net::UdpSocket, path::PathBuf};

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

/// Alice's home under another name.
fn alice_as(swarm: &Swarm, name: &str) -> Running {
    Running::of(renamed(&swarm.command("alice", &["serve", "--json"]), name))
}

#[test]
fn that_somebody_known_comes_back_with_another_name_is_told_once() {
    let swarm = Swarm::new();
    let mut bob = swarm.serve("bob", &[]);
    let mut comes = |name: &str| {
        let alice = alice_as(&swarm, name);
        let joined = bob.event("joined");
        assert_eq!(joined["name"], name);
        alice.leave();
        bob.event("left");
        joined["before"].as_str().map(str::to_owned)
    };
    assert_eq!(comes("alice"), None);
    assert_eq!(comes("alicia").as_deref(), Some("alice"));
    assert_eq!(comes("alicia"), None);
    assert_eq!(comes("alice"), None);
    bob.leave();
    // It is remembered longer than a node runs, and told to people as well.
    let mut bob = swarm.start_all("bob", &[]);
    let _alice = alice_as(&swarm, "alison");
    let joined = bob.wait("alison", |line| line.starts_with("alison joined"));
    assert!(joined.contains("who was called ali"), "{joined}");
    bob.type_line("peers");
    bob.wait("her row", |line| {
        line.contains("alison") && line.contains("127.0.0.1")
    });
}

#[test]
fn that_somebody_who_is_here_takes_another_name_is_told_and_flagged_if_it_is_known() {
    let swarm = Swarm::new();
    let mut bob = swarm.start_all("bob", &[]);
    let carol = swarm.serve("carol", &[]);
    bob.wait("carol", |line| line.starts_with("carol joined"));
    carol.leave();
    let _alice = swarm.serve("alice", &[]);
    bob.wait("alice", |line| line.starts_with("alice joined"));
    // Said with her key, but not by her program, which takes a name when it starts.
    let key = fs::read_to_string(swarm.home("alice").join(".sprat/identity.key")).unwrap();
    let hex = |at: usize| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap();
    let signer = Signer::new(std::array::from_fn(hex)).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_broadcast(true).unwrap();
    let say = |name: &str, seq| {
        let said = Beacon {
            kind: Kind::Ping,
            node: signer.node(),
            name: name.to_owned(),
            tcp: 9,
            udp: 9,
            epoch: u64::MAX,
            revision: 1,
            seq,
            suspects: Vec::new(),
        };
        let said = beacon::encode(&said, &signer, None).unwrap();
        let everyone = ("127.255.255.255", swarm.port);
        socket.send_to(&said, everyone).unwrap();
    };
    say("carol", 1);
    let renamed = bob.wait("the new name", |line| line.starts_with("alice is called"));
    assert!(renamed.contains("alice is called carol now"), "{renamed}");
    assert!(renamed.contains("NOT the key known"), "{renamed}");
    // Who does that all the time is not told of all the time.
    for seq in 2..20 {
        say(&format!("alice {seq}"), seq);
    }
    let row = |bob: &mut Running| {
        bob.type_line("peers");
        bob.wait("a row", |line| line.contains("127.0.0.1"))
    };
    crate::common::until("the last name", || row(&mut bob).contains("alice 19"));
    assert!(!bob.seen.iter().any(|line| line.contains("is called alice")));
}
