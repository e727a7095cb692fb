//! What happens to a swarm: its origin leaves, its network splits and loses packets, its members
//! die and look alike.

use crate::{
    common::{downloaded, noise, share, until},
    hosts::{Host, Lab, meets, names},
};
use serde_json::Value;

/// What `list` shows of `name` on this host; `Null` when it is not there.
fn listed(host: Host, name: &str) -> Value {
    let rows = host.run("watcher", &["list", "--json"]).json();
    let row = rows.into_iter().find(|row| row["name"] == name);
    row.unwrap_or_default()
}

#[test]
fn a_download_goes_on_from_copies_when_the_origin_leaves() {
    let Some(lab) = Lab::new(5) else { return };
    let bytes = noise(1, 16 << 20);
    let (origin, newcomer) = (lab.host(0), lab.host(4));
    share(&origin.home("origin"), "film.mkv", &bytes);
    let spread = ["--replicas", "3"];
    let _keepers: Vec<_> = (1..4)
        .map(|at| lab.host(at).serve(&format!("keeper{at}"), &spread))
        .collect();
    let serving = origin.serve("origin", &spread);
    until("three copies", || {
        listed(newcomer, "film.mkv")["copies"].as_u64() >= Some(3)
    });
    for host in lab.hosts() {
        host.rate(0, 40);
    }
    let mut download = newcomer.start("newcomer", &["download", "film.mkv", "--json"]);
    download.has(1 << 20);
    serving.leave();
    let done = download.event("done");
    assert_eq!(download.end(), 0);
    assert!(downloaded(&newcomer.home("newcomer"), "film.mkv") == bytes);
    assert!(done["sources"].as_array().unwrap().len() >= 3, "{done}");
    assert_eq!(listed(newcomer, "film.mkv")["replica"], true);
}

#[test]
fn both_sides_of_a_partition_go_on_and_know_everything_when_it_heals() {
    let Some(lab) = Lab::new(4) else { return };
    let left = [lab.host(0), lab.host(1)];
    let right = [lab.host(2), lab.host(3)];
    let mut nodes = Vec::new();
    for (at, host) in lab.hosts().enumerate() {
        nodes.push(host.serve(&format!("n{at}"), &[]));
    }
    for at in 1..4 {
        meets(&mut nodes[0], &format!("n{at}"));
    }
    for host in left {
        let rules = right.map(|other| format!("ip saddr {}", other.ip(0)));
        host.drop_incoming(&rules.each_ref().map(String::as_str));
        host.ip_command("-6 addr flush dev eth0 scope link");
    }
    until("the other side to be gone", || {
        names(&left[0].run("watcher", &["peers", "--json"])) == ["n0", "n1"]
    });
    // Life goes on at both sides.
    share(&left[0].home("n0"), "left.bin", &noise(2, 2 << 20));
    share(&right[0].home("n2"), "right.bin", &noise(3, 2 << 20));
    until("its own side", || !listed(left[1], "left.bin").is_null());
    until("its own side", || !listed(right[1], "right.bin").is_null());
    assert!(listed(left[1], "right.bin").is_null());
    for host in left {
        host.drop_nothing();
    }
    for (host, name, seed) in [(right[1], "left.bin", 2), (left[1], "right.bin", 3)] {
        until("the other side", || !listed(host, name).is_null());
        let fetcher = format!("fetcher{seed}");
        let ran = host.run(&fetcher, &["download", name]);
        assert_eq!(ran.code(), 0, "{}", ran.err());
        assert!(downloaded(&host.home(&fetcher), name) == noise(seed, 2 << 20));
    }
    for at in 1..4 {
        meets(&mut nodes[0], &format!("n{at}"));
    }
}

#[test]
fn a_network_that_loses_packets_only_slows_it_down() {
    let Some(lab) = Lab::new(3) else { return };
    for host in lab.hosts() {
        host.drop_incoming(&["numgen random mod 100 < 5"]);
    }
    let bytes = noise(4, 12 << 20);
    for at in 0..2 {
        share(&lab.host(at).home(&format!("seed{at}")), "a.bin", &bytes);
    }
    let _seeds: Vec<_> = (0..2)
        .map(|at| lab.host(at).serve(&format!("seed{at}"), &[]))
        .collect();
    let fetcher = lab.host(2);
    let asked = ["download", "a.bin", "--json", "--wait", "30"];
    let mut download = fetcher.start("fetcher", &asked);
    download.event("done");
    assert_eq!(download.end(), 0);
    assert!(downloaded(&fetcher.home("fetcher"), "a.bin") == bytes);
}

#[test]
fn a_downloader_that_is_killed_and_started_again_goes_on_where_it_was() {
    let Some(lab) = Lab::new(3) else { return };
    let bytes = noise(5, 16 << 20);
    for at in 0..2 {
        let host = lab.host(at);
        share(&host.home(&format!("seed{at}")), "a.bin", &bytes);
        host.rate(0, 40);
    }
    let _seeds: Vec<_> = (0..2)
        .map(|at| lab.host(at).serve(&format!("seed{at}"), &[]))
        .collect();
    let fetcher = lab.host(2);
    let asked = ["download", "a.bin", "--json", "--wait", "30"];
    let mut download = fetcher.start("fetcher", &asked);
    let had = download.has(4 << 20);
    download.signal("KILL");
    download.end();
    let mut download = fetcher.start("fetcher", &asked);
    let done = download.event("done");
    assert_eq!(download.end(), 0);
    assert!(done["resumed"].as_u64().unwrap() >= had, "{had} {done}");
    assert!(downloaded(&fetcher.home("fetcher"), "a.bin") == bytes);
}

#[test]
fn two_nodes_of_one_name_are_two_nodes() {
    let Some(lab) = Lab::new(3) else { return };
    let bytes = noise(6, 8 << 20);
    let mut nodes = Vec::new();
    for at in 0..2 {
        let host = lab.host(at);
        let home = format!("twin{at}");
        share(&host.home(&home), "a.bin", &bytes);
        host.rate(0, 100);
        nodes.push(host.serve(&home, &["--name", "twin"]));
    }
    let other = lab.host(2);
    let mut peers = Vec::new();
    until("both", || {
        peers = other.run("watcher", &["peers", "--json"]).json();
        peers.len() == 2
    });
    assert!(peers.iter().all(|peer| peer["name"] == "twin"), "{peers:?}");
    assert_ne!(peers[0]["peer"], peers[1]["peer"]);
    let ran = other.run("fetcher", &["download", "a.bin", "--json"]);
    let done = ran.succeeds().done();
    assert_eq!(done["sources"].as_array().unwrap().len(), 2, "{done}");
    assert!(downloaded(&other.home("fetcher"), "a.bin") == bytes);
}
