//! What goes wrong between people behind routers: the server restarts or vanishes, someone moves, a
//! quota ends.

use crate::{
    common::{Running, downloaded, noise, share, until},
    nat::{fetched, path_to, peers},
    routers::{Machine, Nat, SERVER, Wan},
};
use serde_json::Value;

const MIB: u64 = 1 << 20;
/// So that a transfer takes some seconds.
const MEGABITS: u32 = 40;

/// A seed at one machine, a prompt at the other with a part of the file.
#[track_caller]
fn begun(from: &Machine, to: &Machine, size: u64) -> (Vec<u8>, Running, Running) {
    let bytes = noise(1, size as usize);
    share(&from.home("seed"), "big.bin", &bytes);
    from.rate(MEGABITS);
    let serving = from.serve("seed", &[]);
    let mut prompt = to.prompt("fetcher", &["--wait", "30"]);
    prompt.type_line("download big.bin");
    prompt.has(MIB);
    (bytes, serving, prompt)
}

/// The end of it: the file is right, and little moved twice.
#[track_caller]
fn ends(mut prompt: Running, to: &Machine, bytes: &[u8]) -> (Value, Running) {
    let done = prompt.event("done");
    assert!(downloaded(&to.home("fetcher"), "big.bin") == bytes);
    let moved = done["fetched"].as_u64().unwrap();
    assert!(moved <= bytes.len() as u64 + 4 * MIB, "{done}");
    (done, prompt)
}

fn paused(prompt: &Running) -> bool {
    let waited = |line: &String| line.contains(r#""event":"waiting""#);
    prompt.seen.iter().any(waited)
}

#[test]
fn a_direct_download_goes_on_while_the_server_restarts() {
    let Some(wan) = Wan::pair(Nat::Cone, Nat::Cone) else {
        return;
    };
    let server = wan.rendezvous(&[]);
    let (bytes, _serving, prompt) = begun(&wan.client(0), &wan.client(1), 32 * MIB);
    server.signal("KILL");
    drop(server);
    let _server = wan.rendezvous(&[]);
    let (_, prompt) = ends(prompt, &wan.client(1), &bytes);
    assert!(!paused(&prompt), "{:?}", prompt.seen);
    // And who comes afterwards is introduced by it.
    let mut late = wan
        .client(0)
        .prompt("late", &["--no-mdns", "--discovery-port", "45671"]);
    path_to(&mut late, "fetcher");
}

#[test]
fn a_relayed_download_resumes_when_the_server_is_back() {
    let Some(wan) = Wan::pair(Nat::Symmetric, Nat::Symmetric) else {
        return;
    };
    let server = wan.rendezvous(&["--circuit-bytes", "1G"]);
    let (bytes, _serving, prompt) = begun(&wan.client(0), &wan.client(1), 16 * MIB);
    server.signal("KILL");
    drop(server);
    let _server = wan.rendezvous(&["--circuit-bytes", "1G"]);
    ends(prompt, &wan.client(1), &bytes);
}

#[test]
fn without_the_server_life_on_each_network_goes_on() {
    let Some(wan) = Wan::new(&[Nat::Cone; 2], &[0, 0, 1]) else {
        return;
    };
    let server = wan.rendezvous(&[]);
    let mut far = wan.client(2).prompt("far", &[]);
    let mut near = wan.client(1).prompt("near", &[]);
    path_to(&mut far, "near");
    wan.server().cable(false);
    drop(server);
    let (done, mut prompt, _serving) = fetched(&wan.client(0), &wan.client(1), 8 * MIB, &[]);
    assert_eq!(path_to(&mut prompt, "seed"), "lan", "{done}");
    // Those who had met already stay together, too.
    assert_eq!(path_to(&mut near, "far"), "direct");
    assert_eq!(path_to(&mut far, "near"), "direct");
}

#[test]
fn a_download_goes_on_when_someone_changes_networks() {
    let Some(wan) = Wan::new(&[Nat::Cone; 3], &[0, 1]) else {
        return;
    };
    let _server = wan.rendezvous(&["--circuit-bytes", "1G"]);
    let (bytes, _serving, prompt) = begun(&wan.client(0), &wan.client(1), 32 * MIB);
    wan.client(1).moves_to(2);
    let (_, mut prompt) = ends(prompt, &wan.client(1), &bytes);
    // It is straight again, if not at once.
    until("a straight path", || {
        path_to(&mut prompt, "seed") == "direct"
    });
}

#[test]
fn a_download_goes_on_when_someone_comes_home_to_the_same_network() {
    let Some(wan) = Wan::pair(Nat::Cone, Nat::Cone) else {
        return;
    };
    let _server = wan.rendezvous(&["--circuit-bytes", "1G"]);
    let (bytes, _serving, prompt) = begun(&wan.client(0), &wan.client(1), 32 * MIB);
    wan.client(1).moves_to(0);
    let (_, mut prompt) = ends(prompt, &wan.client(1), &bytes);
    assert_eq!(path_to(&mut prompt, "seed"), "lan");
}

#[test]
fn who_uses_up_the_quota_of_a_circuit_hurts_nobody_else() {
    let Some(wan) = Wan::new(&[Nat::Symmetric; 4], &[0, 1, 2, 3]) else {
        return;
    };
    let _server = wan.rendezvous(&["--circuit-bytes", "6M", "--circuit-time", "120"]);
    // In two swarms, so that they are pairs.
    let words = |client: usize| {
        let path = wan
            .client(client)
            .home("words")
            .join(format!("{client}.txt"));
        std::fs::write(
            &path,
            if client < 2 {
                "one swarm of walnut and plum"
            } else {
                "another one of moss and river"
            },
        )
        .unwrap();
        path.to_str().unwrap().to_owned()
    };
    let files: Vec<String> = (0..4).map(words).collect();
    let (greedy, modest) = (noise(5, 16 << 20), noise(6, 2 << 20));
    share(&wan.client(0).home("seed"), "greedy.bin", &greedy);
    share(&wan.client(2).home("source"), "modest.bin", &modest);
    let _seed = wan
        .client(0)
        .serve("seed", &["--passphrase-file", &files[0]]);
    let _source = wan
        .client(2)
        .serve("source", &["--passphrase-file", &files[2]]);
    let wait = ["--wait", "30", "--passphrase-file"];
    let mut fetcher = wan
        .client(1)
        .prompt("fetcher", &[&wait[..], &[&files[1]]].concat());
    fetcher.type_line("download greedy.bin");
    fetcher.has(5 * MIB);
    let mut reader = wan
        .client(3)
        .prompt("reader", &[&wait[..], &[&files[3]]].concat());
    reader.type_line("download modest.bin");
    reader.event("done");
    assert!(!paused(&reader), "{:?}", reader.seen);
    assert!(downloaded(&wan.client(3).home("reader"), "modest.bin") == modest);
    // Who needs more than one circuit's worth gets another one, and goes on.
    fetcher.event("done");
    assert!(downloaded(&wan.client(1).home("fetcher"), "greedy.bin") == greedy);
}

#[test]
fn a_relayed_download_takes_one_circuit_after_another() {
    let Some(wan) = Wan::pair(Nat::Symmetric, Nat::Symmetric) else {
        return;
    };
    let _server = wan.rendezvous(&["--circuit-bytes", "5M"]);
    let (bytes, _serving, mut prompt) = begun(&wan.client(0), &wan.client(1), 40 * MIB);
    // It gets on: no change of circuits, of which there are seven at least, is its end.
    let told = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_default();
    let mut has = MIB;
    let done = loop {
        let line = prompt.wait("another circuit's worth", |line| {
            let event = told(line);
            event["event"] == "done" || event["done"].as_u64() >= Some(has + 5 * MIB)
        });
        let event = told(&line);
        if event["event"] == "done" {
            break event;
        }
        has = event["done"].as_u64().unwrap();
    };
    assert!(downloaded(&wan.client(1).home("fetcher"), "big.bin") == bytes);
    let (came, _) = wan.server().bytes();
    assert!(came >= 40 * MIB, "{came} bytes by the server: {done}");
}

#[test]
fn a_wrong_server_address_does_no_harm_at_home() {
    let Some(wan) = Wan::new(&[Nat::Cone], &[0, 0]) else {
        return;
    };
    // Nobody listens at SERVER: the port is refused.
    let (_, mut prompt, _serving) = fetched(&wan.client(0), &wan.client(1), MIB, &[]);
    assert_eq!(peers(&mut prompt).len(), 1, "nobody is at {SERVER}");
}
