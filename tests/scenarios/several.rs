//! Several rendezvous servers that share a swarm: each node is found at two of them, and everybody
//! finds everybody. Nobody hears anybody's beacons.

use crate::{
    common::{Ran, Running, Swarm, share},
    server::Server,
};
use std::{
    collections::BTreeSet,
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
