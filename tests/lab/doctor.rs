//! What `sprat doctor` says in networks of which the fault is known.

use crate::{
    common::Ran,
    hosts::{Lab, meets},
    routers::{Nat, Wan},
};
use serde_json::Value;

/// The causes that it names, the likeliest first.
#[track_caller]
fn causes(ran: &Ran) -> Vec<String> {
    let rows = ran.json();
    let named = rows.iter().filter(|row| row["event"] == "conclusion");
    let causes: Vec<String> = named
        .map(|row| row["cause"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        ran.code() == 0,
        causes == ["none"],
        "{}\n{}",
        ran.out(),
        ran.err()
    );
    causes
}

#[track_caller]
fn row(ran: &Ran, event: &str) -> Value {
    let mut rows = ran.json().into_iter();
    let found = rows.rfind(|row| row["event"] == event);
    found.unwrap_or_else(|| panic!("no {event}: {}", ran.out()))
}

#[test]
fn with_a_peer_nothing_is_the_matter_and_it_dials_back() {
    let Some(lab) = Lab::new(2) else { return };
    let _alice = lab.host(0).serve("alice", &[]);
    let ran = lab.host(1).run("bob", &["doctor", "--json"]);
    assert_eq!(causes(&ran), ["none"], "{}", ran.out());
    let back = row(&ran, "dialled");
    assert_eq!(
        (&back["name"], &back["reached"]),
        (&"alice".into(), &true.into())
    );
    let heard = ran
        .json()
        .into_iter()
        .find(|row| row["name"] == "eth0")
        .unwrap();
    assert!(
        heard["ours"].as_u64() > Some(0) && heard["own"].as_u64() > Some(0),
        "{heard}"
    );
    // For people.
    let ran = lab.host(1).run("bob", &["doctor"]).succeeds();
    assert!(ran.out().contains("No problem was found"), "{}", ran.out());
}

#[test]
fn a_firewall_here_an_empty_network_and_none_at_all_are_told_apart() {
    let Some(lab) = Lab::on(&[&[0], &[0], &[]]) else {
        return;
    };
    let ran = lab.host(0).run("alice", &["doctor", "--json"]);
    assert_eq!(causes(&ran), ["isolated"], "{}", ran.out());
    lab.host(1).drop_incoming(&["udp dport { 45670, 5353 }"]);
    let ran = lab.host(1).run("bob", &["doctor", "--json"]);
    assert_eq!(causes(&ran), ["firewall"], "{}", ran.out());
    let ran = lab.host(2).run("carol", &["doctor", "--json"]);
    assert_eq!(causes(&ran), ["no-network"], "{}", ran.out());
}

#[test]
fn other_words_and_a_firewall_before_tcp_are_named() {
    let Some(lab) = Lab::new(3) else { return };
    let words = lab.host(0).home("alice").join("words");
    std::fs::write(&words, "plum moss walnut river").unwrap();
    let private = ["--passphrase-file", words.to_str().unwrap(), "--no-mdns"];
    let _alice = lab.host(0).serve("alice", &private);
    let ran = lab.host(1).run("bob", &["doctor", "--json", "--no-mdns"]);
    assert_eq!(causes(&ran), ["other-swarm"], "{}", ran.out());
    // Bob hears of Carol, who drops every connection, as he does.
    for host in [1, 2] {
        lab.host(host).drop_incoming(&["meta l4proto tcp"]);
    }
    let _carol = lab.host(2).serve("carol", &["--no-mdns"]);
    let ran = lab.host(1).run("bob", &["doctor", "--json", "--no-mdns"]);
    assert_eq!(causes(&ran)[0], "connections-blocked", "{}", ran.out());
}

#[test]
fn who_cannot_be_connected_to_is_told_so_by_a_peer() {
    let Some(lab) = Lab::new(2) else { return };
    let mut alice = lab.host(0).serve("alice", &[]);
    // Bob begins connections, and nobody begins one to him.
    lab.host(1)
        .drop_incoming(&["tcp flags & (syn | ack) == syn"]);
    let ran = lab.host(1).run("bob", &["doctor", "--json"]);
    meets(&mut alice, "bob");
    assert_eq!(causes(&ran), ["unreachable"], "{}", ran.out());
    assert_eq!(row(&ran, "dialled")["reached"], false);
}

#[test]
fn the_router_and_the_server_are_looked_at() {
    let Some(wan) = Wan::new(&[Nat::Cone, Nat::Symmetric], &[0, 1]) else {
        return;
    };
    let server = wan.rendezvous(&[]);
    for (client, kind) in [(0, "keeps-ports"), (1, "changes-ports")] {
        let ran = wan.client(client).run("someone", &["doctor", "--json"]);
        let seen = row(&ran, "server");
        assert_eq!(row(&ran, "nat")["kind"], kind, "{}", ran.out());
        assert_eq!(
            (&seen["connected"], &seen["reserved"]),
            (&true.into(), &true.into()),
            "{seen}"
        );
        assert_eq!(seen["ahead"], 0, "{seen}");
        let at = seen["tcp"].as_str().unwrap();
        assert!(
            at.starts_with(&format!("203.0.113.{}:", 11 + client)),
            "{seen}"
        );
    }
    drop(server);
    let ran = wan.client(0).run("someone", &["doctor", "--json"]);
    assert!(
        causes(&ran).contains(&"server-gone".to_owned()),
        "{}",
        ran.out()
    );
}
