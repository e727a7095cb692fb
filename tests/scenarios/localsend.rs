//! People of LocalSend and the shipped binary: two nodes of different swarms see each other by
//! LocalSend's protocol alone.

use crate::common::{DEADLINE, Ran, Running, Swarm, noise};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

const MIB: usize = 1 << 20;

/// Two swarms, and the port of the LocalSend of both.
struct Two {
    one: Swarm,
    other: Swarm,
    port: String,
}

impl Two {
    fn new() -> Self {
        Self {
            one: Swarm::new(),
            other: Swarm::new(),
            // A port that nobody has.
            port: Swarm::new().port.to_string(),
        }
    }

    fn command(&self, swarm: &Swarm, name: &str, arguments: &[&str]) -> Command {
        let mut command = swarm.command(name, arguments);
        command
            .env("SPRAT_LOCALSEND", "1")
            .env("SPRAT_LOCALSEND_PORT", &self.port);
        command
    }

    fn serve(&self, swarm: &Swarm, name: &str, more: &[&str]) -> Running {
        let arguments = [&["serve", "--json"], more].concat();
        let mut node = Running::of(self.command(swarm, name, &arguments));
        node.event("ready");
        node
    }

    fn run(&self, swarm: &Swarm, name: &str, arguments: &[&str]) -> Ran {
        Ran::of(self.command(swarm, name, arguments))
    }
}

/// A folder outside of what a node shares.
fn trip(swarm: &Swarm) -> PathBuf {
    let folder = swarm.home("outside").join("trip");
    fs::create_dir_all(folder.join("day 1")).unwrap();
    fs::write(folder.join("film.bin"), noise(1, 3 * MIB)).unwrap();
    fs::write(folder.join("day 1/ä.txt"), "by boat").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    folder
}

fn peers(ran: &Ran) -> Vec<Value> {
    let mut rows = ran.json();
    rows.retain(|row| row["via"] == "localsend");
    rows
}

#[test]
fn a_folder_is_sent_by_name_and_arrives_whole() {
    let two = Two::new();
    let folder = trip(&two.other);
    let mut anna = two.serve(&two.one, "anna", &["--accept", "all"]);
    let path = folder.to_str().unwrap();
    let sent = two.run(&two.other, "ben", &["send", path, "--to", "anna", "--json"]);
    assert_eq!(sent.code(), 0, "{}\n{}", sent.out(), sent.err());
    let events = sent.json();
    let kinds: Vec<&str> = events.iter().filter_map(|e| e["event"].as_str()).collect();
    assert_eq!(
        (kinds.first(), kinds.last()),
        (Some(&"asked"), Some(&"done")),
        "{kinds:?}"
    );
    let done = events.last().unwrap();
    assert_eq!(
        (&done["to"], &done["size"]),
        (&json!("LocalSend: anna"), &json!(3 * MIB + 7))
    );
    let received = anna.event("received");
    assert_eq!(
        (&received["from"], &received["complete"]),
        (&json!("LocalSend: ben"), &json!(true))
    );
    let there = two.one.home("anna").join("downloads/trip");
    assert!(fs::read(there.join("film.bin")).unwrap() == noise(1, 3 * MIB));
    assert_eq!(fs::read(there.join("day 1/ä.txt")).unwrap(), b"by boat");
    assert_eq!(fs::read(there.join("empty")).unwrap(), b"");
    // It is nobody else's: neither offered here nor there.
    let listed = two.one.run("anna", &["list", "--json"]).out();
    assert!(!listed.contains("film.bin"), "{listed}");
}

#[test]
fn both_kinds_of_people_get_one_send_and_a_no_is_told() {
    let two = Two::new();
    let film = two.one.home("outside").join("film.bin");
    fs::write(&film, noise(2, MIB)).unwrap();
    let _anna = two.serve(&two.other, "anna", &["--accept", "all"]);
    let _carl = two.one.serve("carl", &["--accept", "all"]);
    let path = film.to_str().unwrap();
    let to = ["send", path, "--to", "LocalSend: anna", "--to", "carl"];
    let sent = two.run(&two.one, "ben", &to);
    assert_eq!(sent.code(), 0, "{}\n{}", sent.out(), sent.err());
    for (swarm, name) in [(&two.other, "anna"), (&two.one, "carl")] {
        let there = swarm.home(name).join("downloads/film.bin");
        assert!(fs::read(there).unwrap() == noise(2, MIB), "{name}");
    }
    // Nobody answers at the next one; and nobody is called so at all.
    let _dora = two.serve(&two.other, "dora", &[]);
    let sent = two.run(&two.one, "ben", &["send", path, "--to", "dora"]);
    assert_eq!(sent.code(), 4, "{}\n{}", sent.out(), sent.err());
    let sent = two.run(
        &two.one,
        "ben",
        &["send", path, "--to", "zoe", "--wait", "1"],
    );
    assert_eq!(sent.code(), 5, "{}\n{}", sent.out(), sent.err());
}

#[test]
fn a_port_that_is_taken_is_told_and_the_first_key_of_a_name_counts() {
    let two = Two::new();
    let note = two.one.home("outside").join("note.txt");
    fs::write(&note, "hello").unwrap();
    let path = note.to_str().unwrap();
    let anna = two.serve(&two.other, "anna", &["--accept", "all"]);
    let mut ben = two.serve(&two.one, "ben", &[]);
    let notice = ben.event("notice");
    let text = notice["text"].as_str().unwrap();
    assert!(
        text.contains(&format!("port {} is taken", two.port)),
        "{text}"
    );
    ben.wait("anna", |line| {
        line.contains("LocalSend: anna") && line.contains("joined")
    });
    let rows = peers(&two.one.run("ben", &["peers", "--json"]).succeeds());
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["name"], &rows[0]["unproven"]),
        (&json!("LocalSend: anna"), &json!(true))
    );
    let end = rows[0]["peer"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap();
    let table = two.one.run("ben", &["peers"]).succeeds().out();
    assert!(
        table.contains(&format!("{} (unproven)", &end[32..])),
        "{table}"
    );
    two.one
        .run("ben", &["send", path, "--to", "anna"])
        .succeeds();
    // Somebody else takes that name.
    drop(anna);
    let _eve = two.serve(&two.other, "eve", &["--accept", "all", "--name", "anna"]);
    let other =
        |line: &str| line.contains("LocalSend: anna") && line.contains(r#""key_changed":true"#);
    ben.wait("the other one", other);
    let refused = two
        .one
        .run("ben", &["send", path, "--to", "LocalSend: anna"]);
    assert_eq!(refused.code(), 4, "{}\n{}", refused.out(), refused.err());
    let there = two.other.home("eve").join("downloads/note.txt");
    assert!(!there.exists());
    let trust = ["send", path, "--to", "LocalSend: anna", "--trust-new-key"];
    two.one.run("ben", &trust).succeeds();
    assert_eq!(fs::read(there).unwrap(), b"hello");
}

#[test]
fn a_pin_is_asked_for_and_given() {
    let two = Two::new();
    let note = two.one.home("outside").join("note.txt");
    fs::write(&note, "hello").unwrap();
    let path = note.to_str().unwrap();
    let mut command = two.command(&two.other, "anna", &["serve", "--json", "--accept", "all"]);
    command.env("SPRAT_LOCALSEND_PIN", "47 11");
    let mut anna = Running::of(command);
    anna.event("ready");
    let send = |pin: &[&str]| {
        let arguments = [&["send", path, "--to", "anna"], pin].concat();
        two.run(&two.one, "ben", &arguments)
    };
    for (pin, said) in [
        (&[][..], "give it with --pin"),
        (&["--pin", "4711"], "that is not the PIN"),
    ] {
        let refused = send(pin);
        assert_ne!(refused.code(), 0);
        assert!(refused.err().contains(said), "{}", refused.err());
    }
    send(&["--pin", "47 11"]).succeeds();
    let there = two.other.home("anna").join("downloads/note.txt");
    assert_eq!(fs::read(there).unwrap(), b"hello");
}

/// Hears and says what goes to all on loopback.
fn loud(port: &str) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    #[cfg(unix)]
    socket.set_reuse_port(true).unwrap();
    let port: u16 = port.parse().unwrap();
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    socket.bind(&any.into()).unwrap();
    let group = Ipv4Addr::new(224, 0, 0, 167);
    socket
        .join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
        .unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    let patience = Some(Duration::from_millis(20));
    socket.set_read_timeout(patience).unwrap();
    socket.into()
}

#[test]
fn who_cannot_be_told_by_http_is_told_by_a_datagram_and_a_flood_by_few() {
    let two = Two::new();
    let _anna = two.serve(&two.one, "anna", &[]);
    let socket = loud(&two.port);
    let old = json!({
        "alias": "Old Orange", "version": "2.0", "fingerprint": "random", "port": 53317,
        "protocol": "http", "download": false, "announce": true,
    });
    let group = format!("224.0.0.167:{}", two.port);
    let deadline = Instant::now() + DEADLINE;
    let mut replies = Vec::new();
    // It is said again and again, and each answer reaches all.
    while replies.len() < 3 {
        assert!(Instant::now() < deadline, "{} answers", replies.len());
        socket.send_to(old.to_string().as_bytes(), &group).unwrap();
        let mut datagram = [0; 2048];
        while let Ok(length) = socket.recv(&mut datagram) {
            let said: Value = serde_json::from_slice(&datagram[..length]).unwrap();
            if said["announce"] == false {
                assert_eq!(
                    (&said["alias"], &said["protocol"]),
                    (&json!("anna"), &json!("https"))
                );
                replies.push(Instant::now());
            }
        }
    }
    for pair in replies.windows(2) {
        let pause = pair[1] - pair[0];
        assert!(pause > Duration::from_millis(1500), "{pause:?}");
    }
}
