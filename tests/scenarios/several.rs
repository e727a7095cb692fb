//! Several rendezvous servers that share a swarm: each node is found at two of them, and everybody
//! finds everybody. Nobody hears anybody's beacons.

use crate::{
    common::{Ran, Running, Swarm, share},
    server::Server,
    visitor::Visitor,
};
use sprat::{
    Node, Settings,
    server::{Quotas, Rendezvous, ServerSettings},
    wire::{
        directory::{Claim, Request, Response, SignedClaim, SwarmTag},
        signer::Signer,
    },
};
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream, UdpSocket},
    path::Path,
    time::{Duration, Instant},
};

/// What a visit and a few pauses take, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

fn named(servers: &[Server]) -> Vec<String> {
    let each = servers.iter();
    each.flat_map(|server| ["--rendezvous".to_owned(), server.address.to_string()])
        .collect()
}

fn with<'a>(servers: &'a [String], arguments: &[&'a str]) -> Vec<&'a str> {
    let own = ["--no-mdns", "--wait", "20"];
    let servers = servers.iter().map(String::as_str);
    arguments
        .iter()
        .copied()
        .chain(own)
        .chain(servers)
        .collect()
}

/// A network of one node, which shares a file of its name.
fn island(name: &'static str, servers: &[String]) -> (Swarm, Running) {
    let swarm = Swarm::new();
    share(&swarm.home(name), &format!("{name}.txt"), name.as_bytes());
    let node = swarm.serve_scanned(name, &with(servers, &[]));
    (swarm, node)
}

/// The names in a `list` of somebody who only looks.
fn listed(looker: &Swarm, servers: &[String]) -> BTreeSet<String> {
    let ran: Ran = looker.run("looker", &with(servers, &["list", "--json"]));
    let rows = ran.json().into_iter();
    rows.filter_map(|row| Some(row["name"].as_str()?.to_owned()))
        .collect()
}

/// Reads what the servers say until so many nodes in all wait to be reached there.
fn registered(servers: &mut [Server], wanted: usize) {
    let until = Instant::now() + DEADLINE;
    let mut counts = vec![0; servers.len()];
    loop {
        for (server, count) in servers.iter_mut().zip(&mut counts) {
            while server.running.try_line() {
                let line = server.running.seen.last().cloned().unwrap_or_default();
                let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(n) = value["reachable"].as_u64() {
                    *count = n as usize;
                }
            }
        }
        if counts.iter().sum::<usize>() == wanted {
            return;
        }
        assert!(Instant::now() < until, "{counts:?} are no {wanted}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn of_three_servers_each_node_is_at_two_and_all_list_all_also_when_one_is_killed() {
    let mut servers: Vec<Server> = (0..3)
        .map(|_| Server::start(&["--report", "0.2"]))
        .collect();
    let all = named(&servers);
    let names = ["anna", "ben", "cleo", "dan", "eve", "finn"];
    let nodes: Vec<_> = names.map(|name| island(name, &all)).into();
    registered(&mut servers, 12);
    let looker = Swarm::new();
    let files: BTreeSet<String> = names.iter().map(|name| format!("{name}.txt")).collect();
    assert_eq!(listed(&looker, &all), files, "who only looks");
    for (name, (swarm, _)) in names.iter().zip(&nodes) {
        let until = Instant::now() + DEADLINE;
        loop {
            // In the home of a node that runs, that node answers.
            let rows = swarm.run(name, &["list", "--json"]).json().into_iter();
            let rows: BTreeSet<String> = rows
                .filter_map(|row| Some(row["name"].as_str()?.to_owned()))
                .collect();
            if rows == files {
                break;
            }
            assert!(Instant::now() < until, "{name}: {rows:?}");
        }
    }

    // One is gone without a word. All are at the two that are left.
    let dead = servers.remove(1);
    dead.running.signal("KILL");
    drop(dead);
    registered(&mut servers, 12);
    assert_eq!(listed(&looker, &all), files, "one server is dead");
    for (_, node) in nodes {
        node.leave();
    }
}

/// A server in this process.
async fn host(home: &Path) -> Rendezvous {
    let settings = ServerSettings {
        home: home.to_owned(),
        port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        external: Vec::new(),
        dht: None,
        peer_servers: Vec::new(),
        quotas: Quotas::default(),
        report: None,
    };
    Rendezvous::start(settings).await.unwrap()
}

/// A node in this process, which is told of the servers in an order of its own.
async fn guest(home: &Path, number: usize, servers: &[Rendezvous]) -> Node {
    let free = UdpSocket::bind("0.0.0.0:0").unwrap();
    let discovery_port = free.local_addr().unwrap().port();
    drop(free);
    let mut rendezvous: Vec<String> = servers
        .iter()
        .map(|server| server.addresses()[0].to_string())
        .collect();
    let count = rendezvous.len();
    rendezvous.rotate_left(number % count);
    let settings = Settings {
        name: format!("node{number}"),
        discovery_port,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        rendezvous,
        mdns: false,
        ..Settings::new(home)
    };
    Node::start(settings).await.unwrap()
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_in_one_process_are_at_two_of_four_servers_and_move_when_one_stops() {
    let folder = tempfile::tempdir().unwrap();
    let home = |name: String| {
        let home = folder.path().join(name);
        std::fs::create_dir_all(home.join("shared")).unwrap();
        home
    };
    let mut servers = Vec::new();
    for n in 0..4 {
        servers.push(host(&home(format!("server{n}"))).await);
    }
    let mut nodes = Vec::new();
    for n in 0..5 {
        nodes.push(guest(&home(format!("node{n}")), n, &servers).await);
    }
    let all = |nodes: &[Node]| {
        let others = nodes.len() - 1;
        nodes.iter().all(|node| node.peers().len() == others)
    };
    let registrations = |servers: &[Rendezvous]| {
        let loads = servers.iter().map(|server| server.desk().overview().load);
        loads.map(|load| load.registrations).sum::<usize>()
    };
    eventually("all know all", || all(&nodes)).await;
    eventually("two each", || registrations(&servers) == 10).await;
    servers.remove(0).stop().await;
    eventually("two each of three", || registrations(&servers) == 10).await;
    nodes.push(guest(&home("late".into()), 9, &servers).await);
    eventually("the newcomer knows all", || all(&nodes)).await;
    for node in &nodes {
        node.leave().await;
    }
    for server in servers {
        server.stop().await;
    }
}

/// Names of one key at whichever server it signs up, and of nobody else at those that know it.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_signed_up_at_one_is_known_and_taken_at_those_that_know_it() {
    let a = Server::start(&[]);
    let b = Server::start(&["--peer-server", &beside(&a), "--web", "127.0.0.1:0"]);
    let c = Server::start(&["--peer-server", &beside(&b)]);
    let mut anna = Visitor::arrive(1, &a.address).await.unwrap();
    let done = anna.ask(&sign_up(&anna.signer, "Anna", &a)).await;
    assert_eq!(done, Some(Response::Done));

    let mut ben = Visitor::arrive(2, &b.address).await.unwrap();
    let person = |wide| Request::Person {
        name: "anna".into(),
        wide,
    };
    assert_eq!(ben.ask(&person(false)).await, Some(Response::Unknown));
    let Some(Response::People { people, more }) = ben.ask(&person(true)).await else {
        panic!();
    };
    let claim = people[0].claim.verify().unwrap();
    assert_eq!((claim.node, claim.server), (anna.signer.node(), a.key));
    assert!(people.len() == 1 && !more);
    let taken = ben.ask(&sign_up(&ben.signer, "ANNA", &b)).await;
    assert_eq!(taken, Some(Response::Taken));
    // So says its page.
    for (name, free) in [("anna", false), ("ben", true)] {
        let said = page_says(&b, name);
        assert!(said.contains(&format!(r#"{{"free":{free}}}"#)), "{said}");
    }
    // Her own key may have it there, too; then the server there answers by itself.
    let mut again = Visitor::arrive(1, &b.address).await.unwrap();
    let done = again.ask(&sign_up(&anna.signer, "Anna", &b)).await;
    assert_eq!(done, Some(Response::Done));

    // One hop: who knows the second one alone hears of what was signed up there.
    let mut cleo = Visitor::arrive(3, &c.address).await.unwrap();
    let done = ben.ask(&sign_up(&ben.signer, "Ben", &b)).await;
    assert_eq!(done, Some(Response::Done));
    for (name, known) in [("ben", true), ("nobody", false)] {
        let name = name.to_owned();
        let said = cleo.ask(&Request::Person { name, wide: true }).await;
        assert_eq!(matches!(said, Some(Response::People { .. })), known);
    }
    drop(a);
    // It is said that one did not answer, and sign-ups go on.
    let name = "dan".to_owned();
    let said = ben.ask(&Request::Person { name, wide: true }).await;
    let nobody = Response::People {
        people: Vec::new(),
        more: true,
    };
    assert_eq!(said, Some(nobody));
    let done = ben.ask(&sign_up(&ben.signer, "Dan", &b)).await;
    assert_eq!(done, Some(Response::Done));
}

fn sign_up(signer: &Signer, name: &str, server: &Server) -> Request {
    let claim = Claim {
        name: name.into(),
        node: signer.node(),
        server: server.key,
        swarm: SwarmTag::default(),
        made: 1,
    };
    let claim = SignedClaim::new(&claim, signer);
    Request::SignUp { claim }
}

/// What the page of a server says of a name.
fn page_says(server: &Server, name: &str) -> String {
    let mut seen = server.running.seen.iter();
    let ready = seen
        .find(|line| line.contains(r#""event":"ready""#))
        .unwrap();
    let ready: serde_json::Value = serde_json::from_str(ready).unwrap();
    let page = ready["web"].as_str().unwrap();
    let host = page.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!(
        "GET /api/name?name={name} HTTP/1.1\r\nHost: {host}\r\nX-Sprat: 1\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// How one server is named to another.
fn beside(server: &Server) -> String {
    let address = server.address.to_string();
    let port = address.split('/').nth(4).unwrap();
    format!("127.0.0.1:{port}/{}", server.key)
}

#[test]
fn a_person_is_added_by_way_of_a_server_that_knows_theirs() {
    let a = Server::start(&[]);
    let b = Server::start(&["--peer-server", &beside(&a)]);
    let (servers_a, servers_b) = ([a], [b]);
    let (at_a, at_b) = (named(&servers_a), named(&servers_b));
    let (anna, bob, eve) = (Swarm::new(), Swarm::new(), Swarm::new());
    anna.run("anna", &with(&at_a, &["signup", "Anna"]))
        .succeeds();
    let taken = eve.run("eve", &with(&at_b, &["signup", "anna"]));
    assert_eq!(taken.code(), 4, "{}", taken.err());
    let added = bob.run("bob", &with(&at_b, &["add", "Anna"])).succeeds();
    let shown = anna
        .run("anna", &with(&at_a, &["people", "--json"]))
        .succeeds();
    let key = shown.json()[0]["peer"].as_str().unwrap().to_owned();
    assert!(added.err().contains(&key), "{}", added.err());
    // A whole name is found in a list, too; who is at another server is in no list of all.
    let found = bob.run("bob", &with(&at_b, &["people", "Anna", "--json"]));
    let rows = found.succeeds().json();
    assert_eq!((rows.len(), rows[0]["peer"].as_str()), (1, Some(&*key)));
    let at = rows[0]["server"].as_str().unwrap();
    assert!(at.contains("by way of"), "{at}");
    for pattern in [&["people", "Ann", "--json"][..], &["people", "--json"]] {
        assert!(bob.run("bob", &with(&at_b, pattern)).json().is_empty());
    }
    // Somebody of another swarm is not among those of this one.
    let words = eve.home("eve").join("words.txt");
    std::fs::write(&words, "tulip saxophone quarry velvet lantern 91").unwrap();
    let private = [
        "people",
        "Anna",
        "--json",
        "--passphrase-file",
        words.to_str().unwrap(),
    ];
    assert!(eve.run("eve", &with(&at_b, &private)).json().is_empty());
    assert_eq!(bob.run("bob", &with(&at_b, &["add", "Nobody"])).code(), 5);
}

#[test]
fn a_peer_server_is_named_with_its_key() {
    let home = tempfile::tempdir().unwrap();
    for wrong in ["meet.example.org", "127.0.0.1:12000", "127.0.0.1:12000/KEY"] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sprat"));
        command.arg("--home").arg(home.path());
        command.args(["rendezvous", "--port", "0", "--peer-server", wrong]);
        let ran = Ran::of(command);
        assert_eq!(ran.code(), 2, "{wrong}");
        assert!(ran.err().contains("join with"), "{}", ran.err());
    }
}
