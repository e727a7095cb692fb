//! Nodes that find each other by a rendezvous server alone: each has a discovery port of its own,
//! and no mDNS.

use crate::common::{Ran, Running, Swarm, downloaded, noise, share, until};
use serde_json::Value;
use std::{fs, net::TcpListener};

/// A server, and the homes of those who meet there. Nobody hears anybody's beacons.
struct Meeting {
    server: Running,
    home: Swarm,
    port: u16,
    key: String,
}

fn start_server(home: &Swarm, port: u16) -> (Running, u16, String) {
    let port = port.to_string();
    let folder = home.home("server");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sprat"));
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("SPRAT_")) {
        command.env_remove(key);
    }
    command.args(["rendezvous", "--json", "--listen", "127.0.0.1"]);
    command.args(["--port", &port, "--home", folder.to_str().unwrap()]);
    command.stderr(std::process::Stdio::inherit());
    let mut server = Running::start(&mut command);
    let ready = server.event("ready");
    let key = ready["peer"].as_str().unwrap().to_owned();
    let addresses = ready["addresses"].as_array().unwrap();
    let ports = addresses.iter().filter_map(|at| {
        let at = at.as_str()?;
        match at.split_once("/tcp/") {
            Some((_, rest)) => rest.split('/').next()?.parse().ok(),
            None => at.rsplit_once(':')?.1.parse().ok(),
        }
    });
    let port = ports.into_iter().next().unwrap();
    (server, port, key)
}

impl Meeting {
    fn new() -> Self {
        let home = Swarm::new();
        let (server, port, key) = start_server(&home, 0);
        Self {
            server,
            home,
            port,
            key,
        }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stops the server and starts it again, at the same port.
    fn restart(mut self) -> Self {
        self.server.signal("TERM");
        self.server.end();
        let (server, port, key) = start_server(&self.home, self.port);
        assert_eq!((port, &key), (self.port, &self.key));
        Self { server, ..self }
    }
}

/// A network of one node.
struct Island {
    swarm: Swarm,
    server: String,
    /// What it calls itself, and its home.
    name: &'static str,
}

impl Island {
    fn new(meeting: &Meeting) -> Self {
        Self {
            swarm: Swarm::new(),
            server: meeting.address(),
            name: "node",
        }
    }

    fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    fn home(&self) -> std::path::PathBuf {
        self.swarm.home(self.name)
    }

    /// Without waiting longer than usual.
    fn briefly(&self, arguments: &[&str]) -> Ran {
        let own = ["--no-mdns", "--rendezvous", &self.server];
        self.swarm.run(self.name, &[arguments, &own].concat())
    }

    fn with<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let own = ["--no-mdns", "--rendezvous", &self.server, "--wait", "20"];
        [arguments, &own].concat()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.swarm.run(self.name, &self.with(arguments))
    }

    fn serve(&self, more: &[&str]) -> Running {
        let mut node = self.swarm.serve_scanned(self.name, &self.with(more));
        joined(&mut node);
        node
    }
}

/// Waits until a node is at its server.
fn joined(node: &mut Running) {
    let seen = |line: &String| line.contains(r#""state":"joined""#);
    if !node.seen.iter().any(seen) {
        node.wait("joined", |line| line.contains(r#""state":"joined""#));
    }
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.json()
}

#[test]
fn a_server_is_enough_to_list_download_send_and_talk() {
    let meeting = Meeting::new();
    let alice = Island::new(&meeting).called("alice");
    let bob = Island::new(&meeting);
    let bytes = noise(1, 3 << 20);
    share(&alice.home(), "film.mkv", &bytes);
    let mut serving = alice.serve(&["--accept", "all"]);

    let list = bob.run(&["list", "--json"]).succeeds();
    assert_eq!(rows(&list)[0]["name"], "film.mkv");
    // No beacon of his reaches her: he says goodbye over the connection.
    assert_eq!(serving.event("left")["announced"], true);
    let peers = bob.run(&["peers", "--json"]).succeeds();
    let peer = &rows(&peers)[0];
    assert_eq!(peer["name"], "alice");
    assert!(["lan", "direct", "relay"].contains(&peer["via"].as_str().unwrap()));
    // The server is no peer.
    assert_eq!(rows(&peers).len(), 1);
    bob.run(&["download", "film.mkv"]).succeeds();
    assert!(downloaded(&bob.home(), "film.mkv") == bytes);

    bob.run(&["msg", "alice", "hello"]).succeeds();
    assert_eq!(serving.event("message")["text"], "hello");
    let photo = bob.home().join("photo.jpg");
    fs::write(&photo, noise(2, 1 << 20)).unwrap();
    let photo = photo.to_str().unwrap();
    bob.run(&["send", photo, "--to", "alice"]).succeeds();
    assert_eq!(serving.event("received")["name"], "photo.jpg");
    serving.leave();
}

#[test]
fn a_name_is_signed_up_found_added_and_reached_by() {
    let meeting = Meeting::new();
    let (anna, bob, eve) = (
        Island::new(&meeting),
        Island::new(&meeting),
        Island::new(&meeting),
    );
    anna.run(&["signup", "Anna"]).succeeds();
    anna.run(&["signup", "Anna"]).succeeds();
    let taken = eve.run(&["signup", "anna"]);
    assert_eq!(taken.code(), 4, "{}", taken.err());
    assert!(taken.err().contains("taken"), "{}", taken.err());

    let people = rows(&bob.run(&["people", "--json"]).succeeds());
    assert_eq!(people.len(), 1);
    assert_eq!(people[0]["name"], "Anna");
    assert_eq!(people[0]["present"], false);
    assert_eq!(people[0]["server"], meeting.address());
    assert_eq!(bob.run(&["people", "nobody"]).code(), 5);
    assert_eq!(bob.run(&["add", "Nobody"]).code(), 5);
    let added = bob.run(&["add", "Anna"]).succeeds();
    let key = people[0]["peer"].as_str().unwrap();
    assert!(added.err().contains(key), "{}", added.err());

    // Another one who takes the name is not meant by it; she is, whatever she calls herself.
    let eve = eve.called("Anna");
    let mallory = eve.serve(&[]);
    let lost = bob.briefly(&["msg", "Anna", "hello"]);
    assert_eq!(lost.code(), 5, "{}", lost.err());
    let mut serving = anna.serve(&[]);
    bob.run(&["msg", "Anna", "hello"]).succeeds();
    assert_eq!(serving.event("message")["text"], "hello");
    let peers = rows(&bob.run(&["peers", "--json"]).succeeds());
    let her = peers.iter().find(|peer| peer["peer"] == key).unwrap();
    assert_eq!(her["name"], "Anna");
    let people = rows(&bob.run(&["people", "ann", "--json"]).succeeds());
    assert_eq!(people[0]["present"], true);
    assert_eq!(people[0]["added"], true);
    serving.leave();
    mallory.leave();

    anna.run(&["signup", "Anna", "--release"]).succeeds();
    eve.run(&["signup", "anna"]).succeeds();
    let changed = bob.run(&["add", "anna"]);
    assert_eq!(changed.code(), 4, "{}", changed.err());
}

#[test]
fn the_server_starts_again_and_everyone_is_back() {
    let meeting = Meeting::new();
    let (alice, bob) = (Island::new(&meeting), Island::new(&meeting));
    share(&alice.home(), "note.txt", b"hello");
    let mut serving = alice.serve(&[]);
    bob.run(&["signup", "bob"]).succeeds();
    let meeting = meeting.restart();
    serving.wait("joined again", |line| line.contains(r#""state":"joined""#));
    bob.run(&["list", "note"]).succeeds();
    let people = rows(&bob.run(&["people", "--json"]).succeeds());
    assert_eq!(people[0]["name"], "bob");
    serving.leave();
    drop(meeting);
}

#[test]
fn of_two_servers_one_may_be_dead() {
    let meeting = Meeting::new();
    let (alice, bob) = (Island::new(&meeting), Island::new(&meeting));
    share(&alice.home(), "note.txt", b"hello");
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead_address = dead.local_addr().unwrap().to_string();
    drop(dead);
    let serving = alice.serve(&["--rendezvous", &dead_address]);
    bob.run(&["list", "note", "--rendezvous", &dead_address])
        .succeeds();
    serving.leave();
}

#[test]
fn the_servers_key_is_remembered_and_another_one_refused() {
    let meeting = Meeting::new();
    let alice = Island::new(&meeting);
    alice.run(&["signup", "alice"]).succeeds();
    let servers = alice.home().join(".sprat/servers");
    let known = fs::read_to_string(&servers).unwrap();
    assert_eq!(known, format!("{} {}\n", meeting.address(), meeting.key));
    let another = Swarm::new();
    let Meeting {
        mut server, port, ..
    } = meeting;
    server.signal("TERM");
    server.end();
    let (server, _, key) = start_server(&another, port);
    let refused = alice.briefly(&["people"]);
    assert_eq!(refused.code(), 5, "{}", refused.err());
    // Who is sure of it names the key.
    let named = format!("{}/{key}", alice.server);
    let people = ["people", "--no-mdns", "--rendezvous", &named];
    alice.swarm.run(alice.name, &people).succeeds();
    alice.run(&["people"]).succeeds();
    drop(server);
}

#[test]
fn a_server_is_left_and_come_back_to() {
    let meeting = Meeting::new();
    let (alice, bob) = (Island::new(&meeting), Island::new(&meeting));
    let mut first = alice.serve(&["--leave-server"]);
    let second = bob.serve(&[]);
    first.event("joined");
    // On one machine a straight path is to be had.
    first.wait("left", |line| line.contains(r#""state":"left""#));
    second.leave();
    first.wait("joined", |line| line.contains(r#""state":"joined""#));
    first.leave();
}

#[test]
fn without_the_relay_it_is_the_straight_path_or_none() {
    let meeting = Meeting::new();
    let (alice, bob) = (Island::new(&meeting), Island::new(&meeting));
    share(&alice.home(), "note.txt", b"hello");
    let serving = alice.serve(&[]);
    bob.run(&["download", "note.txt", "--no-relay"]).succeeds();
    let peers = rows(&bob.run(&["peers", "--json", "--no-relay"]).succeeds());
    assert_ne!(peers[0]["via"], "relay");
    serving.leave();
}

#[test]
fn the_prompt_signs_up_finds_and_adds() {
    let meeting = Meeting::new();
    let (alice, bob) = (Island::new(&meeting), Island::new(&meeting));
    alice.run(&["signup", "alice"]).succeeds();
    let lines = "signup bob\npeople\nadd alice\npeople alice\nstatus\n";
    let out = bob.swarm.pipe(bob.name, &bob.with(&[]), lines);
    assert_eq!(out.code(), 0, "{}", out.err());
    let text = out.out();
    assert!(text.contains("alice") && text.contains("bob"), "{text}");
    let status = format!("rendezvous server {}: joined", meeting.address());
    assert!(text.contains(&status), "{text}");
}

#[test]
fn what_names_no_server_says_so() {
    let swarm = Swarm::new();
    for command in [&["people"][..], &["signup", "a"], &["add", "a"]] {
        let ran = swarm.run("node", command);
        assert_eq!(ran.code(), 2, "{}", ran.err());
        assert!(ran.err().contains("--rendezvous"), "{}", ran.err());
    }
    let wrong = swarm.run("node", &["list", "--rendezvous", "host:port"]);
    assert_eq!(wrong.code(), 2, "{}", wrong.err());
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = dead.local_addr().unwrap().to_string();
    drop(dead);
    let nobody = ["people", "--rendezvous", &address, "--wait", "1"];
    let nobody = swarm.run("node", &nobody);
    assert_eq!(nobody.code(), 5, "{}", nobody.err());
    assert!(nobody.err().contains(&address), "{}", nobody.err());
}

#[test]
fn a_private_swarm_meets_by_a_server_that_does_not_know_it() {
    let meeting = Meeting::new();
    let (alice, bob, eve) = (
        Island::new(&meeting),
        Island::new(&meeting),
        Island::new(&meeting),
    );
    let words = meeting.home.home("words").join("words.txt");
    fs::write(&words, "correct horse battery walnut").unwrap();
    let words = ["--passphrase-file", words.to_str().unwrap()];
    share(&alice.home(), "secret.txt", b"hello");
    let serving = alice.serve(&words);
    let within = |arguments: &[&str]| bob.run(&[arguments, &words].concat());
    within(&["list", "secret"]).succeeds();
    within(&["signup", "bob"]).succeeds();
    let outside = eve.briefly(&["list"]);
    assert_eq!(outside.code(), 5, "{}", outside.err());
    assert!(eve.run(&["people", "--json"]).json().is_empty());
    until("bob is in the directory", || {
        within(&["people", "--json"]).json().len() == 1
    });
    serving.leave();
}
