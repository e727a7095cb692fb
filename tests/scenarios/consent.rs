//! Sending files to people: asked, accepted, refused, taken back, interrupted. The shipped binary,
//! at prompts through pipes.

use crate::common::{Ran, Running, Swarm, downloaded, noise};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A prompt that a program drives.
fn prompt(swarm: &Swarm, name: &str, more: &[&str]) -> Running {
    let mut arguments = vec!["--json"];
    arguments.extend(more);
    swarm.start(name, &arguments)
}

/// A file on the sender's disk, outside of what it shares.
fn outside(swarm: &Swarm, name: &str, bytes: &[u8]) -> PathBuf {
    let path = swarm.home("outside").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn is(line: &str, event: &str, key: &str, value: &str) -> bool {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    line["event"] == event && line[key] == value
}

/// Types a `send`.
fn send(from: &mut Running, what: &Path, to: &str) {
    from.type_line(&format!("send '{}' --to {to}", what.display()));
}

fn answer(to: &mut Running, verb: &str) -> Value {
    let ask = to.event("ask");
    to.type_line(&format!("{verb} {}", ask["ask"]));
    ask
}

/// What lies in the folders of a node that downloads go to and come through.
fn stored(home: &Path) -> Vec<PathBuf> {
    let folders = [home.join("downloads"), home.join(".sprat/partial")];
    folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten())
        .map(|entry| entry.unwrap().path())
        .collect()
}

fn listed(swarm: &Swarm) -> Vec<Value> {
    Ran::of(swarm.command("onlooker", &["list", "--json"])).json()
}

#[test]
fn what_is_accepted_arrives_and_nobody_else_sees_it() {
    let swarm = Swarm::new();
    let bytes = noise(1, 3 << 20);
    let file = outside(&swarm, "photo.jpg", &bytes);
    let mut bob = prompt(&swarm, "bob", &[]);
    let mut alice = prompt(&swarm, "alice", &[]);
    send(&mut alice, &file, "bob");
    let ask = bob.event("ask");
    assert_eq!(ask["from"], "alice");
    assert_eq!(ask["name"], "photo.jpg");
    assert_eq!(ask["size"], 3 << 20);
    assert_eq!(ask["type"], "image/jpeg");
    assert_eq!(ask["id"].as_str().unwrap().len(), 64);
    assert_eq!(alice.event("asked")["to"], "bob");
    assert!(stored(&swarm.home("bob")).is_empty(), "before the yes");
    assert!(listed(&swarm).is_empty());
    bob.type_line(&format!("accept {}", ask["ask"]));
    assert_eq!(alice.event("accepted")["peer"], bob_id(&alice));
    let received = bob.event("received");
    assert_eq!(received["complete"], true, "{received}");
    assert_eq!(received["files"][0]["id"], ask["id"]);
    let done = alice.event("done");
    assert_eq!(
        (&done["to"], &done["size"]),
        (&"bob".into(), &(3 << 20).into())
    );
    assert_eq!(downloaded(&swarm.home("bob"), "photo.jpg"), bytes);
    assert!(listed(&swarm).is_empty(), "it is nobody else's");
    alice.type_line("exit");
    bob.type_line("exit");
    assert_eq!((alice.end(), bob.end()), (0, 0));
    // A person who was sent something is known from then on, with this key.
    let people = fs::read_to_string(swarm.home("alice").join(".sprat/people")).unwrap();
    let known = |line: &str| -> Value { serde_json::from_str(line).unwrap_or_default() };
    let met = |line: &Value| line["name"] == "bob" && line["met"] == true;
    assert!(people.lines().map(known).any(|line| met(&line)), "{people}");
    // Not after a restart, either.
    let _bob = swarm.serve_scanned("bob", &[]);
    assert!(listed(&swarm).is_empty());
}

/// The id that a sender was told of the last person.
fn bob_id(alice: &Running) -> Value {
    let last: Value = serde_json::from_str(alice.seen.last().unwrap()).unwrap();
    last["peer"].clone()
}

#[test]
fn what_is_refused_does_not_and_the_exit_code_says_so() {
    let swarm = Swarm::new();
    let file = outside(&swarm, "a.txt", b"hello");
    let mut bob = prompt(&swarm, "bob", &[]);
    let path = file.to_str().unwrap();
    let mut alice = swarm.start("alice", &["send", path, "--to", "bob", "--json"]);
    answer(&mut bob, "refuse");
    assert_eq!(alice.event("refused")["to"], "bob");
    assert_eq!(alice.end(), 4);
    assert!(stored(&swarm.home("bob")).is_empty());
    let mut alice = swarm.start("alice", &["send", path, "--to", "bob", "--json"]);
    answer(&mut bob, "accept");
    assert_eq!(alice.end(), 0);
    let nobody = swarm.run("alice", &["send", path, "--to", "carol", "--wait", "0.5"]);
    assert_eq!(nobody.code(), 5, "{}", nobody.err());
    assert!(
        nobody.err().contains("nobody called `carol` is here"),
        "{}",
        nobody.err()
    );
    let nothing = swarm.run("alice", &["send", "/nowhere/x", "--to", "bob"]);
    assert_eq!(nothing.code(), 1);
    assert!(
        nothing.err().contains("/nowhere/x does not exist"),
        "{}",
        nothing.err()
    );
}

#[test]
fn serve_takes_nothing_unless_told_from_whom() {
    let swarm = Swarm::new();
    let file = outside(&swarm, "a.txt", b"hello");
    let path = file.to_str().unwrap();
    let bob = swarm.serve("bob", &[]);
    let refused = swarm.run("alice", &["send", path, "--to", "bob"]);
    assert_eq!(refused.code(), 4, "{}", refused.err());
    assert!(
        refused.err().contains("nobody answers there"),
        "{}",
        refused.err()
    );
    bob.leave();
    // A person is meant by their name in any case, here as elsewhere.
    let bob = swarm.serve("bob", &["--accept", "ALICE"]);
    swarm
        .run("alice", &["send", path, "--to", "bob"])
        .succeeds();
    assert_eq!(downloaded(&swarm.home("bob"), "a.txt"), b"hello");
    let other = swarm.run("eve", &["send", path, "--to", "bob"]);
    assert_eq!(other.code(), 4, "{}", other.err());
    bob.leave();
    let _bob = swarm.serve("bob", &["--accept", "all"]);
    swarm.run("eve", &["send", path, "--to", "bob"]).succeeds();
}

#[test]
fn either_side_stops_it() {
    let swarm = Swarm::new();
    let file = outside(&swarm, "big.bin", &noise(2, 20 << 20));
    let mut bob = prompt(&swarm, "bob", &[]);
    let mut alice = prompt(&swarm, "alice", &["--upload-limit", "1M"]);
    // The sender, before the answer.
    send(&mut alice, &file, "bob");
    let ask = bob.event("ask");
    alice.type_line("cancel");
    let gone = bob.event("gone");
    assert_eq!(
        (&gone["ask"], &gone["why"]),
        (&ask["ask"], &"withdrawn".into())
    );
    assert_eq!(alice.event("error")["error"], "stopped");
    // The sender, in the middle.
    send(&mut alice, &file, "bob");
    answer(&mut bob, "accept");
    alice.event("progress");
    alice.type_line("cancel");
    let received = bob.event("received");
    assert_eq!(received["complete"], false);
    assert_eq!(received["error"], "stopped by the sender", "{received}");
    alice.event("error");
    // The receiver, in the middle.
    send(&mut alice, &file, "bob");
    let ask = answer(&mut bob, "accept");
    alice.event("progress");
    bob.type_line(&format!("refuse {}", ask["ask"]));
    let failed = alice.event("error");
    assert_eq!(failed["error"], "stopped by the receiver", "{failed}");
    assert_eq!(bob.event("received")["complete"], false);
    assert!(!swarm.home("bob").join("downloads/big.bin").exists());
}

#[test]
fn an_ask_that_nobody_answers_expires() {
    let swarm = Swarm::new();
    let file = outside(&swarm, "a.txt", b"hello");
    let path = file.to_str().unwrap();
    let mut bob = prompt(&swarm, "bob", &["--ask-expiry", "1"]);
    let mut alice = swarm.start("alice", &["send", path, "--to", "bob", "--json"]);
    let ask = bob.event("ask");
    assert_eq!(alice.event("expired")["to"], "bob");
    assert_eq!(alice.end(), 4);
    assert_eq!(bob.event("gone")["why"], "expired");
    bob.type_line(&format!("accept {}", ask["ask"]));
    bob.type_line("exit");
    assert_eq!(bob.end(), 5, "there is nothing to accept any more");
    assert!(stored(&swarm.home("bob")).is_empty());
}

#[test]
fn three_people_of_whom_one_refuses_and_the_others_help_each_other() {
    let swarm = Swarm::new();
    let bytes = noise(3, 6 << 20);
    let file = outside(&swarm, "film.mp4", &bytes);
    let mut people: Vec<Running> = ["bob", "carol", "dave"]
        .iter()
        .map(|name| prompt(&swarm, name, &[]))
        .collect();
    let path = file.to_str().unwrap();
    let arguments = [
        "send",
        path,
        "--to",
        "bob",
        "carol",
        "dave",
        "--json",
        "--upload-limit",
        "1M",
    ];
    let mut alice = swarm.start("alice", &arguments);
    for (person, verb) in people.iter_mut().zip(["accept", "accept", "refuse"]) {
        let ask = answer(person, verb);
        assert_eq!(ask["to"].as_array().unwrap().len(), 3);
    }
    let mut helped = 0;
    for person in &mut people[..2] {
        let received = person.event("received");
        assert_eq!(received["complete"], true, "{received}");
        let sources = received["files"][0]["sources"].as_array().unwrap().clone();
        helped += sources.iter().filter(|one| one["name"] != "alice").count();
    }
    assert!(helped > 0, "all of it came from the sender");
    assert_eq!(alice.end(), 3);
    for name in ["bob", "carol"] {
        assert_eq!(downloaded(&swarm.home(name), "film.mp4"), bytes);
    }
    assert!(stored(&swarm.home("dave")).is_empty());
}

#[test]
fn a_folder_arrives_as_a_tree_and_empty_files_too() {
    let swarm = Swarm::new();
    let top = swarm.home("outside").join("trip");
    for at in 0..12 {
        outside(
            &swarm,
            &format!("trip/day {at}/note.txt"),
            format!("{at}").as_bytes(),
        );
    }
    outside(&swarm, "trip/empty", b"");
    outside(&swarm, "trip/big.bin", &noise(4, 2 << 20));
    let mut bob = prompt(&swarm, "bob", &[]);
    let mut alice = prompt(&swarm, "alice", &[]);
    send(&mut alice, &top, "bob");
    let ask = bob.event("ask");
    assert_eq!(ask["name"], "trip/");
    assert_eq!(ask["files"].as_array().unwrap().len(), 14);
    let into = swarm.home("elsewhere");
    bob.type_line(&format!("accept {} '{}'", ask["ask"], into.display()));
    let received = bob.event("received");
    assert_eq!(received["complete"], true, "{received}");
    assert_eq!(received["files"].as_array().unwrap().len(), 14);
    assert_eq!(fs::read(into.join("trip/day 7/note.txt")).unwrap(), b"7");
    assert_eq!(fs::read(into.join("trip/empty")).unwrap(), b"");
    assert_eq!(
        fs::read(into.join("trip/big.bin")).unwrap(),
        noise(4, 2 << 20)
    );
    alice.event("done");
    let empty = outside(&swarm, "nothing.txt", b"");
    send(&mut alice, &empty, "bob");
    answer(&mut bob, "accept");
    alice.event("done");
    assert_eq!(downloaded(&swarm.home("bob"), "nothing.txt"), b"");
}

#[test]
fn a_file_that_changed_after_the_ask_is_not_sent() {
    let swarm = Swarm::new();
    let file = outside(&swarm, "draft.txt", b"first");
    let mut bob = prompt(&swarm, "bob", &[]);
    let mut alice = prompt(&swarm, "alice", &[]);
    send(&mut alice, &file, "bob");
    let ask = bob.event("ask");
    fs::write(&file, b"second thoughts").unwrap();
    bob.type_line(&format!("accept {}", ask["ask"]));
    let error = alice.event("error");
    let why = error["error"].as_str().unwrap();
    assert!(
        why.contains("draft.txt changed after it was asked about"),
        "{why}"
    );
    let received = bob.event("received");
    let why = received["error"].as_str().unwrap();
    assert!(
        why.contains("draft.txt changed after it was asked about"),
        "{why}"
    );
    assert!(stored(&swarm.home("bob")).is_empty());
}

#[test]
fn one_ask_at_a_time_from_each() {
    let swarm = Swarm::new();
    let (one, two) = (outside(&swarm, "1", b"1"), outside(&swarm, "2", b"2"));
    let mut bob = prompt(&swarm, "bob", &[]);
    let mut alice = prompt(&swarm, "alice", &[]);
    send(&mut alice, &one, "bob");
    let ask = bob.event("ask");
    send(&mut alice, &two, "bob");
    let refused = alice.event("refused");
    assert_eq!(refused["name"], "2");
    assert!(
        refused["why"].as_str().unwrap().contains("still open"),
        "{refused}"
    );
    bob.type_line("asks");
    let listed = bob.event("ask");
    assert_eq!(
        (&listed["ask"], &listed["name"]),
        (&ask["ask"], &"1".into())
    );
    bob.type_line(&format!("accept {}", ask["ask"]));
    bob.event("received");
    send(&mut alice, &two, "bob");
    answer(&mut bob, "accept");
    bob.event("received");
    assert_eq!(downloaded(&swarm.home("bob"), "2"), b"2");
}

#[test]
fn a_transfer_goes_on_by_itself_when_the_sender_is_back() {
    let swarm = Swarm::new();
    let bytes = noise(5, 12 << 20);
    let file = outside(&swarm, "big.bin", &bytes);
    let mut bob = prompt(&swarm, "bob", &[]);
    let mut carol = swarm.serve("carol", &[]);
    let mut alice = prompt(&swarm, "alice", &["--upload-limit", "1M"]);
    send(&mut alice, &file, "bob");
    answer(&mut bob, "accept");
    alice.wait("some of it", |line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["event"] == "progress" && event["done"].as_u64() > Some(2 << 20)
    });
    // Until others have given her up: bob's connection is as dead as theirs.
    alice.signal("STOP");
    carol.wait("alice gone", |line| is(line, "left", "name", "alice"));
    alice.signal("CONT");
    alice.wait("waiting", |line| is(line, "waiting", "to", "bob"));
    alice.wait("resumed", |line| is(line, "resumed", "to", "bob"));
    alice.event("done");
    let received = bob.event("received");
    assert_eq!(received["complete"], true, "{received}");
    assert_eq!(downloaded(&swarm.home("bob"), "big.bin"), bytes);
    let asks = bob
        .seen
        .iter()
        .filter(|line| line.contains(r#""event":"ask""#));
    assert_eq!(asks.count(), 1, "asked once: {:#?}", bob.seen);
}

#[test]
fn after_a_crash_of_either_what_came_is_not_fetched_again() {
    let swarm = Swarm::new();
    let bytes = noise(6, 12 << 20);
    let file = outside(&swarm, "big.bin", &bytes);
    let mut bob = prompt(&swarm, "bob", &[]);
    let more = |name: &str| {
        let mut node = prompt(&swarm, name, &["--upload-limit", "2M"]);
        send(&mut node, &file, "bob");
        node
    };
    let mut alice = more("alice");
    answer(&mut bob, "accept");
    alice.wait("some of it", |line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["event"] == "progress" && event["done"].as_u64() > Some(3 << 20)
    });
    alice.signal("KILL");
    drop(alice);
    let mut alice = more("alice");
    answer(&mut bob, "accept");
    alice.wait("more of it", |line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["event"] == "progress" && event["done"].as_u64() > Some(6 << 20)
    });
    bob.signal("KILL");
    drop(bob);
    // It has forgotten that it was asked, so it is asked again, and goes on.
    let mut bob = prompt(&swarm, "bob", &[]);
    answer(&mut bob, "accept");
    let received = bob.event("received");
    assert_eq!(received["complete"], true, "{received}");
    let fetched = received["files"][0]["fetched"].as_u64().unwrap();
    assert!(fetched < 10 << 20, "{received}");
    alice.event("done");
    assert_eq!(downloaded(&swarm.home("bob"), "big.bin"), bytes);
}

#[test]
fn a_prompt_for_people_says_who_asks_and_how_to_answer() {
    let swarm = Swarm::new();
    let file = outside(&swarm, "photo.jpg", &noise(7, 2000));
    let mut bob = swarm.start_all("bob", &[]);
    let mut alice = swarm.start_all("alice", &[]);
    send(&mut alice, &file, "bob");
    bob.wait("the ask", |line| {
        line.starts_with("alice (")
            && line.contains("asks to send you photo.jpg, 2.0 KiB (image/jpeg)")
    });
    bob.wait("how", |line| {
        line.contains("accept 1") && line.contains("refuse 1")
    });
    bob.type_line("accept 1");
    bob.type_line("exit");
    bob.wait("got it", |line| {
        line.starts_with("got photo.jpg, 2.0 KiB, from alice; saved as ")
    });
    assert_eq!(bob.end(), 0);
    alice.wait("accepted", |line| line == "bob accepted photo.jpg");
    alice.wait("done", |line| {
        line.starts_with("bob has photo.jpg, 2.0 KiB in ")
    });
}

#[cfg(unix)]
#[test]
fn at_a_terminal_a_bell_rings() {
    use crate::common::terminal::Terminal;
    let swarm = Swarm::new();
    let file = outside(&swarm, "photo.jpg", &noise(8, 2000));
    let mut bob = Terminal::prompt(&swarm, "bob");
    let mut alice = Terminal::prompt(&swarm, "alice");
    bob.sees("alice joined");
    alice.enters(&format!("send {} --to bob", file.display()));
    bob.sees("\u{7}alice (");
    bob.sees("asks to send you photo.jpg");
    alice.sees("asked bob");
    alice.enters("status");
    alice.sees("send 1: photo.jpg to bob, waiting for an answer");
    bob.enters("accept 1");
    bob.sees("got photo.jpg, 2.0 KiB, from alice");
    alice.sees("bob has photo.jpg");
    alice.enters("asks");
    alice.sees("nobody asks to send anything");
    for node in [&mut alice, &mut bob] {
        node.enters("exit");
        assert_eq!(node.ends(), 0);
    }
}

#[test]
fn two_senders_at_once_are_asked_and_served_apart() {
    let swarm = Swarm::new();
    let (one, two) = (noise(9, 2 << 20), noise(10, 2 << 20));
    let mut bob = prompt(&swarm, "bob", &[]);
    let start = |name: &str, bytes: &[u8]| {
        let file = outside(&swarm, &format!("{name}.bin"), bytes);
        let path = file.to_str().unwrap().to_owned();
        swarm.start(name, &["send", &path, "--to", "bob", "--json"])
    };
    let (mut alice, mut carol) = (start("alice", &one), start("carol", &two));
    let asks = [bob.event("ask"), bob.event("ask")];
    assert_ne!(asks[0]["peer"], asks[1]["peer"]);
    for ask in &asks {
        bob.type_line(&format!("accept {}", ask["ask"]));
    }
    assert_eq!((alice.end(), carol.end()), (0, 0));
    for (name, bytes) in [("alice.bin", one), ("carol.bin", two)] {
        assert_eq!(downloaded(&swarm.home("bob"), name), bytes);
    }
}
