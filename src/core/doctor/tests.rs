use super::*;

fn wifi(heard: Tally) -> Interface {
    Interface {
        name: "wlan0".into(),
        addresses: vec!["192.168.1.5".parse().unwrap()],
        up: true,
        multicast: true,
        used: true,
        heard,
        ..Interface::default()
    }
}

fn lo() -> Interface {
    Interface {
        name: "lo".into(),
        addresses: vec!["127.0.0.1".parse().unwrap()],
        loopback: true,
        used: true,
        ..wifi(Tally {
            own: 4,
            ..Tally::default()
        })
    }
}

fn alone(heard: Tally) -> Findings {
    Findings {
        interfaces: vec![lo(), wifi(heard)],
        port: 4001,
        ..Findings::default()
    }
}

fn own(more: Tally) -> Tally {
    Tally { own: 2, ..more }
}

fn first(findings: &Findings) -> Cause {
    findings.conclusions().remove(0)
}

#[test]
fn a_node_that_finds_no_other_is_told_the_likeliest_cause() {
    let none = Tally::default();
    assert_eq!(first(&alone(none)), Cause::FirewallHere);
    assert_eq!(first(&alone(own(none))), Cause::Isolated);
    let ours = Tally { ours: 3, ..none };
    assert_eq!(first(&alone(own(ours))), Cause::ConnectionsBlocked);
    let other = Tally {
        other_swarm: 3,
        other_version: 1,
        ..none
    };
    assert_eq!(first(&alone(own(other))), Cause::OtherSwarm);
    let old = Tally {
        other_version: 3,
        ..none
    };
    assert_eq!(first(&alone(own(old))), Cause::OtherVersion);
    let mut mdns = alone(own(none));
    mdns.interfaces[1].mdns = 1;
    assert_eq!(first(&mdns), Cause::BeaconsDropped);
    let mut offline = alone(none);
    offline.interfaces[1].up = false;
    assert_eq!(first(&offline), Cause::NoNetwork);
}

fn test(name: &str, passed: bool) -> PeerTest {
    let name = name.into();
    PeerTest { name, passed }
}

#[test]
fn with_peers_there_is_nothing_the_matter_but_what_they_say() {
    let mut findings = alone(Tally::default());
    findings.peers = 2;
    assert_eq!(findings.conclusions(), [Cause::None]);
    findings.dialled_back = vec![test("bob", false)];
    assert_eq!(findings.conclusions(), [Cause::Unreachable]);
    findings.dialled_back.push(test("eve", true));
    assert_eq!(findings.conclusions(), [Cause::None]);
    findings.large = vec![test("bob", true), test("eve", false)];
    let lost = Cause::LargePacketsLost("eve".into());
    assert_eq!(findings.conclusions(), [lost]);
}

fn server(tcp: &str) -> Server {
    Server {
        name: "s".into(),
        connected: true,
        tcp: Some(tcp.parse().unwrap()),
        reserved: Some(true),
        ..Server::default()
    }
}

#[test]
fn the_router_is_known_by_the_ports_that_servers_see() {
    let nat = |seen: &[&str]| {
        let mut findings = alone(Tally::default());
        findings.servers = seen.iter().map(|tcp| server(tcp)).collect();
        findings.nat()
    };
    assert_eq!(nat(&[]), Nat::Unknown);
    assert_eq!(nat(&["192.168.1.5:4001"]), Nat::None);
    assert_eq!(nat(&["203.0.113.9:4001"]), Nat::Kept);
    assert_eq!(nat(&["203.0.113.9:4001", "203.0.113.9:4001"]), Nat::Kept);
    assert_eq!(nat(&["203.0.113.9:777"]), Nat::Changed);
    assert_eq!(nat(&["203.0.113.9:777", "203.0.113.9:777"]), Nat::Changed);
    assert_eq!(nat(&["203.0.113.9:777", "203.0.113.9:778"]), Nat::Symmetric);
}

#[test]
fn a_server_that_is_gone_full_or_of_another_time_is_named() {
    let mut findings = alone(Tally::default());
    findings.peers = 1;
    let gone = Server {
        connected: false,
        ..server("203.0.113.9:4001")
    };
    let full = Server {
        reserved: Some(false),
        ..server("203.0.113.9:4001")
    };
    let late = Server {
        ahead: Some(-3600),
        ..server("203.0.113.9:4001")
    };
    findings.servers = vec![gone, full, late];
    assert_eq!(
        findings.conclusions(),
        [
            Cause::ServerGone("s".into()),
            Cause::NotReserved("s".into()),
            Cause::Clock(-3600)
        ]
    );
    // A node that can be reached straight needs no server to forward.
    findings.servers = vec![Server {
        reserved: Some(false),
        reaches: Some(true),
        ahead: Some(3),
        ..server("192.168.1.5:4001")
    }];
    assert_eq!(findings.conclusions(), [Cause::None]);
}

#[test]
fn a_dht_that_does_not_answer_is_named_and_one_that_was_not_asked_is_not() {
    let mut findings = alone(own(Tally::default()));
    findings.peers = 1;
    assert_eq!(findings.conclusions(), [Cause::None]);
    findings.dht = Some(Dht::default());
    assert_eq!(findings.conclusions(), [Cause::None]);
    let why = "nobody of the DHT answers".to_owned();
    findings.dht = Some(Dht {
        answered: Some(1),
        why: Some(why.clone()),
        ..Dht::default()
    });
    assert_eq!(findings.conclusions(), [Cause::DhtSilent(why)]);
}
