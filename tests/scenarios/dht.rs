//! Nodes that find servers of their swarm, and people by their keys, by a DHT alone: that of another
//! implementation (`mainline`), on loopback. Nobody hears anybody's beacons.

use crate::common::{Running, Swarm, downloaded, noise, share, until};
use mainline::Testnet;
use serde_json::Value;
use sprat::{
    core::{id::NodeId, meeting::ranked},
    net::dht::Dht,
    wire::{dht::Slot, passphrase::swarm_key},
};
use std::{
    fs,
    net::UdpSocket,
    path::Path,
    process::{Command, Stdio},
};

const WORDS: &str = "tulip saxophone quarry velvet lantern 91";

fn testnet() -> (Testnet, String) {
    let testnet = Testnet::builder(10).build().unwrap();
    let entry = testnet.bootstrap[0].clone();
    (testnet, entry)
}

/// A network of one node.
struct Island {
    swarm: Swarm,
    own: Vec<String>,
}

impl Island {
    fn new(own: &[&str]) -> Self {
        let own = own.iter().map(|&word| word.to_owned()).collect();
        let swarm = Swarm::new();
        Self { swarm, own }
    }

    fn with<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let own = self.own.iter().map(String::as_str);
        let own = own.chain(["--no-mdns", "--wait", "50"]);
        arguments.iter().copied().chain(own).collect()
    }
}

fn server(home: &Path, arguments: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sprat"));
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("SPRAT_")) {
        command.env_remove(key);
    }
    command.args([
        "rendezvous",
        "--json",
        "--listen",
        "127.0.0.1",
        "--port",
        "0",
    ]);
    command
        .args(["--home", home.to_str().unwrap()])
        .args(arguments);
    command.stderr(Stdio::inherit());
    Running::start(&mut command)
}

fn joined(node: &mut Running) {
    let state = |line: &str| line.contains(r#""state":"joined""#);
    if !node.seen.iter().any(|line| state(line)) {
        node.wait("joined", state);
    }
}

/// Waits until something stands where a node of the public swarm publishes.
fn published(entry: &str, node: NodeId) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dht = Dht::new(vec![entry.to_owned()]);
    let slot = Slot::of_node(node, None);
    until("published", || {
        let found = runtime.block_on(dht.get(&slot)).unwrap();
        found.item.is_some()
    });
}

fn id_of(ready: &Value) -> NodeId {
    NodeId::parse(ready["peer"].as_str().unwrap()).unwrap()
}

#[test]
fn a_swarm_finds_its_server_and_one_another_without_being_told_where() {
    let (_testnet, entry) = testnet();
    let home = Swarm::new();
    let words = home.home("words").join("words.txt");
    fs::write(&words, WORDS).unwrap();
    let dht = ["--dht", "--dht-bootstrap", &entry];
    let private = [&dht[..], &["--passphrase-file", words.to_str().unwrap()]].concat();
    let mut server = server(&home.home("server"), &private);
    server.wait("found", |line| line.contains("find this server by the DHT"));

    let (alice, bob) = (Island::new(&private), Island::new(&private));
    let bytes = noise(1, 1 << 20);
    share(&alice.swarm.home("alice"), "film.mkv", &bytes);
    let mut serving = alice.swarm.serve_scanned("alice", &alice.with(&[]));
    joined(&mut serving);
    let get = bob.with(&["download", "film.mkv"]);
    bob.swarm.run("bob", &get).succeeds();
    assert!(downloaded(&bob.swarm.home("bob"), "film.mkv") == bytes);

    // Who does not know the words finds neither.
    let other = home.home("other").join("words.txt");
    fs::write(&other, "another tulip of quite another kind 17").unwrap();
    let others = [&dht[..], &["--passphrase-file", other.to_str().unwrap()]].concat();
    let eve = Island::new(&others);
    let mut list = eve.swarm.command("eve", &["list"]);
    list.args(&others).args(["--no-mdns", "--wait", "8"]);
    let list = crate::common::Ran::of(list);
    assert_ne!(list.code(), 0, "{}", list.out());
    serving.leave();
}

/// How many nodes can be reached through a server, by its own word so far.
fn reachable(server: &mut Running) -> usize {
    while server.try_line() {}
    let mut lines = server.seen.iter().rev();
    let counts = lines.find_map(|line| {
        let value: Value = serde_json::from_str(line).ok()?;
        value["reachable"].as_u64()
    });
    counts.unwrap_or_default() as usize
}

/// Before servers that were found were ranked, all nodes were at the same two.
#[test]
fn a_swarm_shares_all_the_servers_that_it_finds() {
    let (_testnet, entry) = testnet();
    let home = Swarm::new();
    let words = home.home("words").join("words.txt");
    fs::write(&words, WORDS).unwrap();
    let dht = ["--dht", "--dht-bootstrap", &entry];
    let private = [&dht[..], &["--passphrase-file", words.to_str().unwrap()]].concat();
    let mut servers: Vec<(NodeId, Running)> = Vec::new();
    for n in 0..4 {
        let arguments = [&private[..], &["--report", "0.2"]].concat();
        let mut server = server(&home.home(&format!("server{n}")), &arguments);
        let key = id_of(&server.event("ready"));
        // One after the other, so that each reads what the others wrote.
        server.wait("found", |line| line.contains("find this server by the DHT"));
        servers.push((key, server));
    }
    let swarm = swarm_key(WORDS).unwrap();
    let mut held = vec![0; servers.len()];
    let mut nodes = Vec::new();
    for name in ["anna", "ben", "cleo", "dan"] {
        let island = Island::new(&private);
        share(
            &island.swarm.home(name),
            &format!("{name}.txt"),
            name.as_bytes(),
        );
        let mut serving = island.swarm.start(name, &island.with(&["serve", "--json"]));
        let me = id_of(&serving.event("ready"));
        for home in &ranked(&swarm, &me, servers.iter().map(|(key, _)| *key))[..2] {
            held[servers.iter().position(|(key, _)| key == home).unwrap()] += 1;
        }
        nodes.push((name, island, serving));
    }
    until("each at two by rank", || {
        let now = servers.iter_mut().map(|(_, server)| reachable(server));
        now.collect::<Vec<_>>() == held
    });

    // Who only looks finds all of them.
    let looker = Island::new(&private);
    let list = looker
        .swarm
        .run("looker", &looker.with(&["list", "--json"]));
    let mut rows: Vec<_> = list
        .json()
        .into_iter()
        .filter_map(|row| Some(row["name"].as_str()?.to_owned()))
        .collect();
    rows.sort();
    assert_eq!(rows, ["anna.txt", "ben.txt", "cleo.txt", "dan.txt"]);

    // `status` and `doctor` tell of it.
    let (name, island, _) = &nodes[0];
    let status = island
        .swarm
        .run(name, &["status", "--json"])
        .json()
        .remove(0);
    assert_eq!(status["dht"]["servers"], 4, "{status}");
    assert_eq!(status["dht"]["joined"], 4, "{status}");
    assert!(status["dht"]["answered"].as_u64().unwrap() > 1_700_000_000);
    let said = island.swarm.run(name, &["status"]).out();
    assert!(
        said.contains("DHT: answered ") && said.contains("4 servers found there, 4 answered"),
        "{said}"
    );
    for (_, _, node) in nodes {
        node.leave();
    }
}

#[test]
fn doctor_tells_whether_the_dht_answers() {
    let dht_of = |ran: &crate::common::Ran| {
        let lines = ran.json().into_iter();
        let mut lines = lines.filter(|line| line["event"] == "dht");
        lines.next().unwrap()
    };
    let causes = |ran: &crate::common::Ran| {
        let lines = ran.json().into_iter();
        let causes = lines.filter(|line| line["event"] == "conclusion");
        causes.map(|line| line["cause"].clone()).collect::<Vec<_>>()
    };
    let look = |island: &Island| {
        let mut command = island
            .swarm
            .command("anna", &["doctor", "--json", "--no-mdns"]);
        command.args(&island.own);
        crate::common::Ran::of(command)
    };
    let off = look(&Island::new(&[]));
    assert_eq!(dht_of(&off)["on"], false, "{}", off.out());
    let (_testnet, entry) = testnet();
    let on = look(&Island::new(&["--dht", "--dht-bootstrap", &entry]));
    let dht = dht_of(&on);
    assert!(
        dht["on"] == true && dht["answered"].is_u64() && dht["why"].is_null(),
        "{dht}"
    );
    assert!(!causes(&on).contains(&"dht-silent".into()));
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let entry = silent.local_addr().unwrap().to_string();
    let ran = look(&Island::new(&["--dht", "--dht-bootstrap", &entry]));
    let dht = dht_of(&ran);
    assert!(dht["answered"].is_null() && dht["why"].is_string(), "{dht}");
    assert!(causes(&ran).contains(&"dht-silent".into()), "{}", ran.out());
}

/// Somebody who knows nothing but a key sends its owner a message.
fn writes(bob: &Island, key: NodeId, serving: &mut Running) {
    let key = key.to_string();
    bob.swarm
        .run("bob", &bob.with(&["msg", &key, "found you"]))
        .succeeds();
    assert_eq!(serving.event("message")["text"], "found you");
}

#[test]
fn a_person_is_found_by_key_at_a_server_that_only_they_know() {
    let (_testnet, entry) = testnet();
    let home = Swarm::new();
    let mut server = server(&home.home("server"), &[]);
    let ready = server.event("ready");
    let at = ready["join"].as_str().unwrap().rsplit(' ').next().unwrap();
    let dht = ["--dht", "--dht-bootstrap", &entry];
    let anna = Island::new(&[&dht[..], &["--rendezvous", at]].concat());
    let bob = Island::new(&dht);
    let mut serving = anna.swarm.start("anna", &anna.with(&["serve", "--json"]));
    let key = id_of(&serving.event("ready"));
    joined(&mut serving);
    published(&entry, key);
    writes(&bob, key, &mut serving);
    // That nobody else is met at the server is the meeting machine's to show: here all are near, and
    // who is near is told of the others.
    serving.leave();
}

#[test]
fn a_person_who_can_be_reached_is_found_by_key_without_any_server() {
    let (_testnet, entry) = testnet();
    let dht = ["--dht", "--dht-bootstrap", &entry];
    let (anna, bob) = (Island::new(&dht), Island::new(&dht));
    let mut serving = anna.swarm.start("anna", &anna.with(&["serve", "--json"]));
    let key = id_of(&serving.event("ready"));
    published(&entry, key);
    writes(&bob, key, &mut serving);
    // Somebody's key is theirs: who is not there is not found.
    let nobody = NodeId([7; 32]).to_string();
    let mut lost = bob.swarm.command("bob", &["msg", &nobody, "hello"]);
    lost.args(dht).args(["--no-mdns", "--wait", "4"]);
    assert_eq!(crate::common::Ran::of(lost).code(), 5);
    serving.leave();
}

/// Datagrams that came so far.
fn count(socket: &UdpSocket) -> usize {
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    let came = std::iter::from_fn(|| socket.recv_from(&mut buffer).ok());
    came.count()
}

/// A command waits five seconds for a file that nobody has.
#[test]
fn the_dht_is_left_alone_while_somebody_is_here() {
    let home = Swarm::new();
    let words = home.home("words").join("words.txt");
    fs::write(&words, WORDS).unwrap();
    let words = words.to_str().unwrap();
    let counter = UdpSocket::bind("127.0.0.1:0").unwrap();
    let entry = counter.local_addr().unwrap().to_string();
    let looks = [
        "download",
        "nothing.bin",
        "--wait",
        "5",
        "--no-mdns",
        "--passphrase-file",
        words,
        "--dht",
        "--dht-bootstrap",
        &entry,
    ];
    let near = home.serve("near", &["--no-mdns", "--passphrase-file", words]);
    assert_eq!(home.run("bob", &looks).code(), 5);
    assert_eq!(count(&counter), 0);
    near.leave();
    assert_eq!(home.run("bob", &looks).code(), 5);
    assert_eq!(count(&counter), 1, "who does not answer is asked once");
    // And nothing without the option.
    assert_eq!(home.run("bob", &looks[..7]).code(), 5);
    assert_eq!(count(&counter), 0);
}
