//! Two people behind routers, and a server that introduces them.

use crate::{
    common::{Ran, Running, downloaded, noise, share},
    routers::{Machine, Nat, Wan},
};
use serde_json::Value;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;

/// How the other node is reached, in the eyes of one who types `peers` until it is there.
#[track_caller]
pub fn path_to(node: &mut Running, name: &str) -> String {
    let until = Instant::now() + crate::common::DEADLINE;
    loop {
        if let Some(row) = peers(node).iter().find(|row| row["name"] == name) {
            return row["via"].as_str().unwrap().to_owned();
        }
        assert!(
            Instant::now() < until,
            "{name} is not there: {:#?}",
            node.seen
        );
        std::thread::sleep(Duration::from_millis(200)); // `peers` is a question; nothing tells of a path.
    }
}

/// What `peers` shows at a prompt. (`status` closes its answer, which may be empty.)
#[track_caller]
pub fn peers(node: &mut Running) -> Vec<Value> {
    node.type_line("peers");
    node.type_line("status");
    let from = node.seen.len();
    node.event("status");
    node.seen[from..]
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|row: &Value| row["via"].is_string())
        .collect()
}

/// A file at one machine, a prompt at the other that downloads it to its end. Gives the event, and
/// the prompt.
#[track_caller]
pub fn fetched(
    from: &Machine,
    to: &Machine,
    size: u64,
    more: &[&str],
) -> (Value, Running, Running) {
    let bytes = noise(1, size as usize);
    share(&from.home("seed"), "big.bin", &bytes);
    let serving = from.serve("seed", more);
    let mut prompt = to.prompt("fetcher", &[&["--wait", "30"], more].concat());
    prompt.type_line("download big.bin");
    let done = prompt.event("done");
    assert!(downloaded(&to.home("fetcher"), "big.bin") == bytes);
    (done, prompt, serving)
}

#[test]
fn cone_against_cone_goes_straight() {
    let Some(wan) = Wan::pair(Nat::Cone, Nat::Cone) else {
        return;
    };
    let _server = wan.rendezvous(&[]);
    let (done, mut prompt, _serving) = fetched(&wan.client(0), &wan.client(1), 64 * MIB, &[]);
    assert_eq!(path_to(&mut prompt, "seed"), "direct", "{done}");
    let (came, went) = wan.server().bytes();
    println!("{came} bytes came to the server and {went} left it; {done}");
    // What goes by the relay until the straight path has stood for a moment depends on how fast this
    // machine is; the rest of the 64 MiB does not.
    assert!(came.max(went) <= 16 * MIB, "{came} and {went}");
}

#[test]
fn symmetric_against_symmetric_goes_by_relay() {
    let Some(wan) = Wan::pair(Nat::Symmetric, Nat::Symmetric) else {
        return;
    };
    let _server = wan.rendezvous(&["--circuit-bytes", "1G"]);
    let (done, mut prompt, _serving) = fetched(&wan.client(0), &wan.client(1), 8 * MIB, &[]);
    assert_eq!(path_to(&mut prompt, "seed"), "relay", "{done}");
    let (came, _) = wan.server().bytes();
    assert!(came >= 8 * MIB, "{came}");
}

#[test]
fn copies_that_nobody_asked_for_never_go_by_relay() {
    let Some(wan) = Wan::pair(Nat::Symmetric, Nat::Symmetric) else {
        return;
    };
    let _server = wan.rendezvous(&["--circuit-bytes", "1G"]);
    let bytes = noise(1, 8 * MIB as usize);
    share(&wan.client(0).home("seed"), "big.bin", &bytes);
    let mut seed = wan.client(0).prompt("seed", &["--replicas", "2"]);
    let _keeper = wan.client(1).serve("keeper", &["--replica-quota", "1G"]);
    assert_eq!(path_to(&mut seed, "keeper"), "relay");
    // A push begins within a second of that; nothing tells that none will.
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        let (came, _) = wan.server().bytes();
        assert!(came < 2 * MIB, "{came} bytes went through the server");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_cone_and_a_symmetric_router_find_some_path() {
    let Some(wan) = Wan::pair(Nat::Cone, Nat::Symmetric) else {
        return;
    };
    let _server = wan.rendezvous(&["--circuit-bytes", "1G"]);
    let (done, mut prompt, _serving) = fetched(&wan.client(0), &wan.client(1), 8 * MIB, &[]);
    println!("by {}: {done}", path_to(&mut prompt, "seed"));
}

#[test]
fn without_relaying_symmetric_routers_keep_people_apart_and_cones_do_not() {
    for (nat, meet) in [(Nat::Cone, true), (Nat::Symmetric, false)] {
        let Some(wan) = Wan::pair(nat, nat) else {
            return;
        };
        let _server = wan.rendezvous(&[]);
        share(&wan.client(0).home("seed"), "small.txt", b"small");
        let _serving = wan.client(0).serve("seed", &["--no-relay"]);
        let words = [
            "download",
            "small.txt",
            "--no-relay",
            "--wait",
            "8",
            "--timeout",
            "8",
        ];
        let ran = wan.client(1).run("fetcher", &words);
        assert_eq!(
            ran.code() == 0,
            meet,
            "{nat:?}: {}\n{}",
            ran.out(),
            ran.err()
        );
    }
}

#[test]
fn a_private_swarm_meets_through_the_server_and_others_see_nothing_of_it() {
    let Some(wan) = Wan::new(&[Nat::Cone; 3], &[0, 1, 2]) else {
        return;
    };
    let _server = wan.rendezvous(&[]);
    let words = |client: usize, text: &str| {
        let path = wan
            .client(client)
            .home("words")
            .join(format!("{client}.txt"));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ours, too, theirs) = (
        words(0, "plum moss walnut river"),
        words(1, "plum moss walnut river"),
        words(2, "other words than theirs are"),
    );
    let private = |file: &str| ["--passphrase-file".to_owned(), file.to_owned()];
    let [a, b, c] = [private(&ours), private(&too), private(&theirs)];
    let refs = |words: &[String; 2]| words.clone();
    // A stranger with other words, and one of the public swarm, who were there before.
    let c = refs(&c);
    let mut stranger = wan.client(2).prompt("stranger", &[&c[0], &c[1]]);
    let mut public = wan.client(2).prompt("public", &[]);
    let (a, b) = (refs(&a), refs(&b));
    let bytes = noise(2, 4 << 20);
    share(&wan.client(0).home("seed"), "secret.bin", &bytes);
    let _serving = wan.client(0).serve("seed", &[&a[0], &a[1]]);
    let mut fetcher = wan
        .client(1)
        .prompt("fetcher", &["--wait", "30", &b[0], &b[1]]);
    fetcher.type_line("download secret.bin");
    fetcher.event("done");
    assert_eq!(path_to(&mut fetcher, "seed"), "direct");
    for outsider in [&mut stranger, &mut public] {
        assert!(peers(outsider).is_empty(), "{:?}", outsider.seen);
    }
}

#[test]
fn members_find_a_straight_path_by_quic_where_tcp_finds_none() {
    let Some(wan) = Wan::pair(Nat::Cone, Nat::Cone) else {
        return;
    };
    wan.only_datagrams_between_people();
    let _server = wan.rendezvous(&[]);
    let words = wan.client(0).home("words").join("words.txt");
    std::fs::write(&words, "plum moss walnut river").unwrap();
    let private = ["--passphrase-file", words.to_str().unwrap()];
    let (done, mut prompt, _serving) = fetched(&wan.client(0), &wan.client(1), 8 * MIB, &private);
    assert_eq!(path_to(&mut prompt, "seed"), "direct", "{done}");
    // What went by the server until the hole was there, it took in and gave out: half at most.
    let (came, went) = wan.server().bytes();
    assert!(came + went <= 8 * MIB, "{came} and {went}");
}

fn accepting(wan: &Wan) -> Running {
    wan.client(1).serve("bob", &["--accept", "all"])
}

#[test]
fn a_file_is_sent_by_name_across_routers_and_a_word_said() {
    let Some(wan) = Wan::pair(Nat::Cone, Nat::Cone) else {
        return;
    };
    let _server = wan.rendezvous(&[]);
    let _bob = accepting(&wan);
    let bytes = noise(3, 4 << 20);
    let file = wan.client(0).home("alice").join("photo.jpg");
    std::fs::write(&file, &bytes).unwrap();
    let words = [
        "send",
        file.to_str().unwrap(),
        "--to",
        "bob",
        "--wait",
        "30",
    ];
    wan.client(0).run("alice", &words).succeeds();
    assert!(downloaded(&wan.client(1).home("bob"), "photo.jpg") == bytes);
    let said = wan
        .client(0)
        .run("alice", &["msg", "bob", "hello", "--wait", "30"]);
    said.succeeds();
}

/// A code at one machine, typed at the other.
#[track_caller]
fn by_code(wan: &Wan) -> Ran {
    let bytes = noise(4, 4 << 20);
    let file = wan.client(0).home("alice").join("photo.jpg");
    std::fs::write(&file, &bytes).unwrap();
    let mut sender = wan
        .client(0)
        .start("alice", &["send", file.to_str().unwrap(), "--json"]);
    let code = sender.event("code")["code"].as_str().unwrap().to_owned();
    let ran = wan
        .client(1)
        .run("bob", &["receive", &code, "--yes"])
        .succeeds();
    assert!(downloaded(&wan.client(1).home("bob"), "photo.jpg") == bytes);
    assert_eq!(sender.end(), 0);
    ran
}

#[test]
fn a_file_is_sent_by_a_code_across_routers() {
    for nat in [Nat::Cone, Nat::Symmetric] {
        let Some(wan) = Wan::pair(nat, nat) else {
            return;
        };
        let _server = wan.rendezvous(&["--circuit-bytes", "1G"]);
        by_code(&wan);
    }
}
