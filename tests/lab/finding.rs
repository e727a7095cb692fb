//! How nodes find each other where each way is the only one.

use crate::{
    common::{Ran, Running, downloaded, noise, share},
    hosts::{DISCOVERY_PORT, Lab, meets, names},
};

/// Two hosts share a file; the third lists it and gets parts of it from both.
fn two_give_to_a_third(lab: &Lab, more: &[&str]) {
    let bytes = noise(1, 12 << 20);
    let [alice, bob, carol] = [0, 1, 2].map(|number| lab.host(number));
    share(&alice.home("alice"), "big.bin", &bytes);
    share(&bob.home("bob"), "big.bin", &bytes);
    let mut running = [alice.serve("alice", more), bob.serve("bob", more)];
    meets(&mut running[0], "bob");
    meets(&mut running[1], "alice");
    // Slow enough that one does not give everything before the other is asked.
    alice.rate(0, 100);
    bob.rate(0, 100);
    let arguments = |words: &[&'static str]| [words, &["--json", "--wait", "30"], more].concat();
    let listed = carol.run("carol", &arguments(&["list"])).succeeds().json();
    assert_eq!(
        (&listed[0]["name"], &listed[0]["holders"]),
        (&"big.bin".into(), &2.into())
    );
    let events = carol
        .run("carol", &arguments(&["download", "big.bin"]))
        .succeeds()
        .json();
    assert!(downloaded(&carol.home("carol"), "big.bin") == bytes);
    let done = events.iter().find(|event| event["event"] == "done");
    let sources = done.unwrap()["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2, "{sources:?}");
}

#[test]
fn three_hosts_find_each_other_by_beacon_alone() {
    let Some(lab) = Lab::new(3) else { return };
    two_give_to_a_third(&lab, &["--no-mdns"]);
}

#[test]
fn three_hosts_find_each_other_by_mdns_alone() {
    let Some(lab) = Lab::new(3) else { return };
    for host in lab.hosts() {
        host.drop_incoming(&[&format!("udp dport {DISCOVERY_PORT}")]);
    }
    two_give_to_a_third(&lab, &[]);
}

#[test]
fn five_lost_packets_of_a_hundred_keep_nobody_from_finding_and_fetching() {
    let Some(lab) = Lab::new(3) else { return };
    for host in lab.hosts() {
        host.drop_incoming(&["meta l4proto { tcp, udp } numgen random mod 100 < 5"]);
    }
    two_give_to_a_third(&lab, &[]);
}

#[test]
fn three_homes_find_each_other_on_a_host_with_nothing_but_loopback() {
    let Some(lab) = Lab::on(&[&[]]) else { return };
    let host = lab.host(0);
    let bytes = noise(2, 1 << 20);
    share(&host.home("alice"), "a.bin", &bytes);
    let mut alice = host.serve("alice", &[]);
    let mut bob = host.serve("bob", &[]);
    meets(&mut alice, "bob");
    meets(&mut bob, "alice");
    let peers = host.run("carol", &["peers", "--json"]).succeeds();
    assert_eq!(names(&peers), ["alice", "bob"]);
    host.run("carol", &["download", "a.bin"]).succeeds();
    assert!(downloaded(&host.home("carol"), "a.bin") == bytes);
}

#[test]
fn a_node_named_by_hand_is_reached_where_broadcasts_are_dropped_even_if_it_starts_later() {
    let Some(lab) = Lab::new(2) else { return };
    for host in lab.hosts() {
        host.drop_broadcasts();
    }
    let (alice, bob) = (lab.host(0), lab.host(1));
    let bytes = noise(3, 1 << 20);
    share(&bob.home("bob"), "b.bin", &bytes);
    // Its port is known beforehand: the namespace has no others that could have it.
    let address = format!("{}:4100", bob.ip(0));
    let multiaddress = format!("/ip4/{}/tcp/4100", bob.ip(0));
    let mut waiting = alice.serve("alice", &["--peer", &address]);
    let asked = ["download", "b.bin", "--wait", "30", "--peer", &multiaddress];
    let mut download = alice.start("carol", &asked);
    let mut later = bob.serve("bob", &["-t", "4100"]);
    meets(&mut waiting, "bob");
    meets(&mut later, "alice");
    assert_eq!(download.end(), 0, "{:?}", download.seen);
    assert!(downloaded(&alice.home("carol"), "b.bin") == bytes);
    // And without being told where he is, nobody is found: the network is as closed as this test
    // says.
    let nobody = alice.run("dave", &["peers", "--json", "--listen", "10.0.0.1"]);
    assert_eq!(nobody.code(), 5, "{}", nobody.out());
}

#[test]
fn two_nodes_of_the_same_name_are_both_shown() {
    let Some(lab) = Lab::new(3) else { return };
    let mut first = lab.host(0).serve("one", &["--name", "anna"]);
    let _second = lab.host(1).serve("two", &["--name", "anna"]);
    meets(&mut first, "anna");
    let peers = lab.host(2).run("carol", &["peers", "--json"]).succeeds();
    assert_eq!(names(&peers), ["anna", "anna"]);
    let rows = peers.json();
    assert_ne!(rows[0]["peer"], rows[1]["peer"]);
    assert_ne!(rows[0]["address"], rows[1]["address"]);
}

#[test]
fn a_private_swarm_is_seen_by_its_members_only() {
    let Some(lab) = Lab::new(3) else { return };
    let bytes = noise(4, 1 << 20);
    let as_member = |number: usize, name: &str, words: &str, arguments: &[&str]| {
        let mut command = lab.host(number).command(name, arguments);
        command.env("SPRAT_PASSPHRASE", words);
        command
    };
    share(&lab.host(0).home("alice"), "secret.bin", &bytes);
    share(&lab.host(2).home("public"), "open.bin", b"open");
    let serve = ["serve", "--json", "-t", "4100"];
    let mut alice = Running::of(as_member(
        0,
        "alice",
        "correct horse battery walnut",
        &serve,
    ));
    alice.wait("scanned", |line| line.contains(r#""event":"scanned""#));
    let _public = lab.host(2).serve("public", &[]);

    let member = |arguments: &[&str]| {
        Ran::of(as_member(
            1,
            "bob",
            "correct horse battery walnut",
            arguments,
        ))
    };
    let listed = member(&["list", "--json"]).succeeds();
    assert_eq!(names(&listed), ["secret.bin"]);
    member(&["download", "secret.bin"]).succeeds();
    assert!(downloaded(&lab.host(1).home("bob"), "secret.bin") == bytes);

    // Not even by her address.
    let address = format!("{}:4100", lab.host(0).ip(0));
    let asked = ["peers", "--json", "--wait", "2", "--peer", &address];
    let stranger = Ran::of(as_member(
        1,
        "eve",
        "another phrase of walnut and moss",
        &asked,
    ));
    assert_eq!((stranger.code(), stranger.out().as_str()), (5, ""));
    let outside = lab.host(1).run("dave", &asked).succeeds();
    assert_eq!(names(&outside), ["public"]);
    alice.signal("TERM");
    assert_eq!(alice.end(), 0);
    let came = |line: &&String| line.contains(r#""event":"joined""#);
    for line in alice.seen.iter().filter(came) {
        assert!(line.contains(r#""name":"bob""#), "{line}");
    }
}
