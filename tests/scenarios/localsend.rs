//! People of LocalSend and the shipped binary: two nodes of different swarms see each other by
//! LocalSend's protocol alone.

use crate::common::{DEADLINE, Ran, Running, Swarm, noise};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
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
    /// While it is there, no other test takes that port.
    _kept: TcpListener,
}

/// A port for UDP and TCP that nobody has, and what keeps it: no node listens where that does. Not
/// one that the system gives to whoever connects: nobody could listen there while that lasts, and a
/// minute after.
fn free_port() -> (u16, TcpListener) {
    let nodes_listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let heard = |port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let ports = (first..30_000).chain(20_000..first);
    let mut kept = ports.filter(|port| nodes_listen(*port) && heard(*port));
    kept.find_map(|port| Some((port, TcpListener::bind(("127.53.31.7", port)).ok()?)))
        .expect("a port")
}

impl Two {
    fn new() -> Self {
        let (port, kept) = free_port();
        Self {
            one: Swarm::new(),
            other: Swarm::new(),
            port: port.to_string(),
            _kept: kept,
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
    let begun = Instant::now();
    let deadline = begun + DEADLINE;
    let mut replies = 0_u32;
    // It is said again and again, and each answer reaches all.
    while replies < 3 {
        assert!(Instant::now() < deadline, "{replies} answers");
        socket.send_to(old.to_string().as_bytes(), &group).unwrap();
        let mut datagram = [0; 2048];
        while let Ok(length) = socket.recv(&mut datagram) {
            let said: Value = serde_json::from_slice(&datagram[..length]).unwrap();
            if said["announce"] == false {
                assert_eq!(
                    (&said["alias"], &said["protocol"]),
                    (&json!("anna"), &json!("https"))
                );
                // None came out before, and one in two seconds may. How long after one another
                // two are read here says nothing: the first may lie there for a while.
                assert!(
                    begun.elapsed() >= replies * Duration::from_secs(2),
                    "{replies}"
                );
                replies += 1;
            }
        }
    }
}

#[test]
fn what_is_linked_for_localsend_is_received_by_its_address() {
    let two = Two::new();
    let folder = trip(&two.one);
    let anna = two.serve(&two.one, "anna", &[]);
    let link = [
        "link",
        "--for-localsend",
        "--pin=47 11",
        folder.to_str().unwrap(),
    ];
    let at = format!("https://127.0.0.1:{}", two.port);
    let said = two.one.run("anna", &link).succeeds().out();
    assert!(said.contains(&format!("`sprat receive {at}`")), "{said}");
    let receive = |more: &[&str]| {
        two.other
            .run("ben", &[&["receive", &at, "--json"], more].concat())
    };
    for (pin, said) in [
        (&[][..], "give it with --pin"),
        (&["--pin", "1"], "that is not the PIN"),
    ] {
        let refused = receive(pin);
        assert_eq!(refused.code(), 4, "{}", refused.err());
        assert!(refused.out().contains(said), "{}", refused.out());
    }
    let check = |folder: PathBuf| {
        assert!(fs::read(folder.join("film.bin")).unwrap() == noise(1, 3 * MIB));
        assert_eq!(fs::read(folder.join("day 1/ä.txt")).unwrap(), b"by boat");
        assert_eq!(fs::read(folder.join("empty")).unwrap(), b"");
    };
    let lines = receive(&["--pin", "47 11"]).succeeds().json();
    let kinds: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["event"].as_str())
        .collect();
    assert_eq!(kinds, ["ask", "received"], "{lines:?}");
    assert_eq!(lines[0]["from"], "LocalSend: anna");
    check(two.other.home("ben").join("downloads/trip"));
    // The same beside a node that runs, which takes it.
    let mut dora = two.other.serve("dora", &[]);
    let into = two.other.home("into");
    let wanted = [
        "receive",
        &at,
        "-y",
        "--pin",
        "47 11",
        "-o",
        into.to_str().unwrap(),
    ];
    two.other.run("dora", &wanted).succeeds();
    check(into.join("trip"));
    assert_eq!(dora.event("received")["from"], "LocalSend: anna");
    // Nobody is there any more; and what is no such address is none.
    // It goes into a folder, and replaces nothing: what says otherwise is not taken for that.
    for other in [&["-o", "a.bin"][..], &["-o", "-"], &["--overwrite"]] {
        let refused = receive(&[&["--pin", "47 11"], other].concat());
        assert_eq!(refused.code(), 2, "{other:?}: {}", refused.out());
        assert!(!two.other.home("ben").join("a.bin").exists());
    }
    anna.leave();
    assert_eq!(receive(&["--wait", "1"]).code(), 5);
    for wrong in [
        &["receive", "http://127.0.0.1:1/5f0c/"][..],
        &["receive", "7-amber-falcon", "--pin", "1"],
    ] {
        assert_eq!(two.other.run("ben", wrong).code(), 2);
    }
}
