//! Hosts on two networks, and on one without IPv4.

use crate::{
    common::{downloaded, noise, share},
    hosts::{Lab, meets, names},
};

/// Who is seen from a host on network 1 when the middle host, on 0 and 1, is started with `more`.
fn seen_from_the_second_network(lab: &Lab, more: &[&str]) -> Vec<String> {
    let mut first = lab.host(0).serve("first", &[]);
    let _middle = lab.host(1).serve("middle", more);
    meets(&mut first, "middle");
    let peers = lab.host(2).run("second", &["peers", "--json"]);
    match peers.code() {
        5 => Vec::new(),
        _ => names(&peers.succeeds()),
    }
}

const TWO_NETWORKS: [&[u8]; 3] = [&[0], &[0, 1], &[1]];

#[test]
fn a_node_on_two_networks_is_seen_on_both_and_passes_nobody_on() {
    let Some(lab) = Lab::on(&TWO_NETWORKS) else {
        return;
    };
    let bytes = noise(1, 1 << 20);
    share(&lab.host(1).home("middle"), "m.bin", &bytes);
    assert_eq!(seen_from_the_second_network(&lab, &[]), ["middle"]);
    let mut middle = lab.host(1).serve("middle", &[]);
    for (number, name) in [(0, "carol"), (2, "dave")] {
        let asked = ["download", "m.bin", "--wait", "30"];
        lab.host(number).run(name, &asked).succeeds();
        assert!(downloaded(&lab.host(number).home(name), "m.bin") == bytes);
    }
    middle.signal("TERM");
    assert_eq!(middle.end(), 0);
}

#[test]
fn of_two_paths_to_one_peer_the_faster_one_is_used() {
    let both: &[u8] = &[0, 1];
    let Some(lab) = Lab::on(&[both, both]) else {
        return;
    };
    lab.host(0).link(0, 50);
    lab.host(0).link(1, 200);
    let bytes = noise(4, 64 << 20);
    share(&lab.host(0).home("alice"), "a.bin", &bytes);
    let _alice = lab.host(0).serve("alice", &[]);
    let asked = ["download", "a.bin", "--wait", "30", "--json"];
    let done = lab.host(1).run("bob", &asked).succeeds().json();
    assert!(downloaded(&lab.host(1).home("bob"), "a.bin") == bytes);
    // At least 10.7 s over the slow one alone; over the fast one 2.7 s, and 3.6 s where others
    // compile.
    let took = done.last().unwrap()["seconds"].as_f64().unwrap();
    let sent = [0, 1].map(|network| lab.host(0).sent(network) >> 20);
    println!("{took} s, {sent:?} MiB");
    assert!(took < 8.0 && sent[1] > sent[0], "{took} s, {sent:?} MiB");
}

#[test]
fn an_interface_that_is_not_named_hears_nothing_of_the_node() {
    let Some(lab) = Lab::on(&TWO_NETWORKS) else {
        return;
    };
    let seen = seen_from_the_second_network(&lab, &["--interface", "eth0"]);
    assert!(seen.is_empty(), "{seen:?}");
}

#[test]
fn an_address_that_is_not_listened_on_leads_to_nobody() {
    let Some(lab) = Lab::on(&TWO_NETWORKS) else {
        return;
    };
    let ip = lab.host(1).ip(0).to_string();
    let seen = seen_from_the_second_network(&lab, &["--listen", &ip, "-t", "4100"]);
    assert!(seen.is_empty(), "{seen:?}");
    // Nor does asking for it there.
    let address = format!("{}:4100", lab.host(1).ip(1));
    let asked = ["peers", "--wait", "1", "--peer", &address];
    assert_eq!(lab.host(2).run("second", &asked).code(), 5);
}

#[test]
fn a_cable_with_nothing_but_link_local_addresses_is_enough() {
    let Some(lab) = Lab::new(2) else { return };
    for (number, host) in lab.hosts().enumerate() {
        host.ip_command("-4 addr flush dev eth0");
        host.ip_command(&format!("addr add fe80::a{number}/64 dev eth0 nodad"));
    }
    let bytes = noise(3, 1 << 20);
    share(&lab.host(0).home("alice"), "a.bin", &bytes);
    let _alice = lab.host(0).serve("alice", &["-t", "4100"]);
    let asked = ["download", "a.bin", "--no-mdns", "--wait", "30"];
    lab.host(1).run("bob", &asked).succeeds();
    assert!(downloaded(&lab.host(1).home("bob"), "a.bin") == bytes);
    // By hand, where nothing is heard.
    let by_hand = |peer: &str, wait: &str| {
        let alone = ["--discovery-port", "45671", "--no-mdns"];
        let words = ["peers", "--wait", wait, "--peer", peer];
        lab.host(1).run("carol", &[&words[..], &alone].concat())
    };
    by_hand("[fe80::a0%eth0]:4100", "30").succeeds();
    let refused = by_hand("[fe80::a0%eth0]:4101", "2");
    assert!(refused.err().contains("refused"), "{}", refused.err());
    let nowhere = by_hand("[fe80::a0]:4100", "1");
    assert!(nowhere.err().contains("%eth0"), "{}", nowhere.err());
}

#[test]
fn hosts_without_ipv4_find_each_other_and_fetch() {
    let Some(lab) = Lab::new(2) else { return };
    for (number, host) in lab.hosts().enumerate() {
        host.ip_command("-4 addr flush dev eth0");
        host.ip_command(&format!(
            "addr add 2001:db8:5::{}/64 dev eth0 nodad",
            number + 1
        ));
    }
    let bytes = noise(2, 1 << 20);
    share(&lab.host(0).home("alice"), "a.bin", &bytes);
    let _alice = lab.host(0).serve("alice", &[]);
    let peers = lab
        .host(1)
        .run("bob", &["peers", "--json", "--wait", "30"])
        .succeeds()
        .json();
    let address = peers[0]["address"].as_str().unwrap();
    assert!(address.starts_with("[2001:db8:5::1]:"), "{address}");
    // A public address on a network of one's own.
    assert_eq!(peers[0]["via"], "lan");
    lab.host(1).run("bob", &["download", "a.bin"]).succeeds();
    assert!(downloaded(&lab.host(1).home("bob"), "a.bin") == bytes);
}
