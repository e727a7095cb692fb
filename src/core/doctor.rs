//! What is wrong when nobody is found: conclusions from what a node sees of its networks.
//!
//! Pure: somebody else looks, this says what it means. Invariant: a conclusion follows from what was seen, and comes with
//! something to do about it; the likeliest cause comes first.

use core::net::{IpAddr, SocketAddr};

/// Beacons that came in on an interface, by what they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// This node's own: the machine hears itself.
    pub own: u64,
    /// Of this swarm.
    pub ours: u64,
    /// Of another swarm.
    pub other_swarm: u64,
    /// Of another version of the protocol.
    pub other_version: u64,
}

/// One interface with an address.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts that have nothing to do with each other"
)]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Interface {
    /// The system's name of it.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether the system says that it works.
    pub up: bool,
    /// Whether it is the machine talking to itself.
    pub loopback: bool,
    /// Whether it took part in the multicast group of beacons.
    pub multicast: bool,
    /// Whether beacons are sent there.
    pub used: bool,
    /// What was heard on it.
    pub heard: Tally,
    /// Nodes that mDNS told of on it.
    pub mdns: u64,
}

/// What is known of one rendezvous server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Server {
    /// As the person named it, or the end of its key.
    pub name: String,
    /// Whether it answers.
    pub connected: bool,
    /// Why not.
    pub why: Option<String>,
    /// From where it sees this node come: over TCP, and over QUIC.
    pub tcp: Option<SocketAddr>,
    /// See `tcp`.
    pub quic: Option<SocketAddr>,
    /// Whether it could dial this node back at one of its addresses.
    pub reaches: Option<bool>,
    /// Whether it forwards connections to this node; `None` when it did not say.
    pub reserved: Option<bool>,
    /// By how many seconds this clock is ahead of the server's.
    pub ahead: Option<i64>,
}

/// Everything that was seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// The interfaces.
    pub interfaces: Vec<Interface>,
    /// The discovery port.
    pub discovery_port: u16,
    /// The port that others connect to.
    pub port: u16,
    /// Whether the swarm is a private one.
    pub private: bool,
    /// Nodes that are connected.
    pub peers: usize,
    /// What the peers said that were asked to dial this node back.
    pub dialled_back: Vec<(String, bool)>,
    /// Whether a question that needs large packets was answered by those who had answered a small one.
    pub large: Vec<(String, bool)>,
    /// The servers that were named.
    pub servers: Vec<Server>,
}

/// How the router between this node and the servers gives out ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nat {
    /// No server told anything.
    Unknown,
    /// There is none: the server sees an address of this machine.
    None,
    /// It keeps the port: holes can be punched.
    Kept,
    /// It changes the port, the same for all servers as far as is known: holes can be punched.
    Changed,
    /// Each destination sees another port: only a relay helps, if the other side has such a router too.
    Symmetric,
}

/// What is (likely) the matter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Nothing: peers are here.
    None,
    /// No interface but loopback is used.
    NoNetwork,
    /// This machine does not hear its own beacons: something here drops them.
    FirewallHere,
    /// Beacons of this swarm come, but no connection stands.
    ConnectionsBlocked,
    /// Beacons come, of other swarms only.
    OtherSwarm,
    /// Beacons come, of another version only.
    OtherVersion,
    /// mDNS gets through and beacons do not.
    BeaconsDropped,
    /// Nothing comes at all: nobody is there, or the network keeps its guests apart.
    Isolated,
    /// Others cannot begin a connection to this node.
    Unreachable,
    /// Large packets to this peer get lost, and nothing tells of it.
    LargePacketsLost(String),
    /// A server does not answer.
    ServerGone(String),
    /// A server does not forward to this node.
    NotReserved(String),
    /// This clock and the server's differ by so many seconds.
    Clock(i64),
    /// The router gives each destination another port.
    SymmetricNat,
}

/// Seconds that two clocks may differ: far less than any deadline that counts on them.
const CLOCK: i64 = 120;

impl Findings {
    /// The kind of router, from what the servers see.
    #[must_use]
    pub fn nat(&self) -> Nat {
        let here = |address: &SocketAddr| {
            self.interfaces
                .iter()
                .any(|interface| interface.addresses.contains(&address.ip()))
        };
        let seen = |which: fn(&Server) -> Option<SocketAddr>| -> Vec<SocketAddr> {
            self.servers.iter().filter_map(which).collect()
        };
        let (tcp, quic) = (seen(|server| server.tcp), seen(|server| server.quic));
        let ports = |seen: &[SocketAddr]| {
            let mut ports: Vec<u16> = seen.iter().map(SocketAddr::port).collect();
            ports.sort_unstable();
            ports.dedup();
            ports
        };
        if tcp.is_empty() && quic.is_empty() {
            Nat::Unknown
        } else if tcp.iter().chain(&quic).all(here) {
            Nat::None
        } else if ports(&tcp).len() > 1 || ports(&quic).len() > 1 {
            Nat::Symmetric
        } else if tcp.iter().chain(&quic).all(|at| at.port() == self.port) {
            Nat::Kept
        } else {
            Nat::Changed
        }
    }

    /// What is the matter, the likeliest first. Never empty.
    #[must_use]
    pub fn conclusions(&self) -> Vec<Cause> {
        let mut causes = Vec::new();
        if self.peers == 0 {
            causes.extend(self.why_nobody());
        }
        let lost = self.large.iter().filter(|(_, arrived)| !arrived);
        causes.extend(lost.map(|(name, _)| Cause::LargePacketsLost(name.clone())));
        for server in &self.servers {
            if !server.connected {
                causes.push(Cause::ServerGone(server.name.clone()));
            } else if server.reserved == Some(false) && server.reaches != Some(true) {
                causes.push(Cause::NotReserved(server.name.clone()));
            }
        }
        let clock = self.servers.iter().filter_map(|server| server.ahead);
        if let Some(worst) = clock.max_by_key(|ahead| ahead.unsigned_abs())
            && worst.unsigned_abs() > CLOCK.unsigned_abs()
        {
            causes.push(Cause::Clock(worst));
        }
        if self.nat() == Nat::Symmetric {
            causes.push(Cause::SymmetricNat);
        }
        if !self.dialled_back.is_empty() && self.dialled_back.iter().all(|(_, yes)| !yes) {
            causes.push(Cause::Unreachable);
        }
        if causes.is_empty() {
            causes.push(Cause::None);
        }
        causes
    }

    fn why_nobody(&self) -> Option<Cause> {
        let outward: Vec<&Interface> = self
            .interfaces
            .iter()
            .filter(|interface| interface.up && interface.used && !interface.loopback)
            .collect();
        let heard = |which: fn(&Tally) -> u64| -> u64 {
            let counts = self.interfaces.iter().map(|one| which(&one.heard));
            counts.fold(0, u64::saturating_add)
        };
        let mdns = self.interfaces.iter().any(|one| one.mdns > 0);
        let through_a_server = self.servers.iter().any(|server| server.connected);
        if heard(|tally| tally.ours) > 0 {
            Some(Cause::ConnectionsBlocked)
        } else if heard(|tally| tally.other_swarm) > 0 {
            Some(Cause::OtherSwarm)
        } else if heard(|tally| tally.other_version) > 0 {
            Some(Cause::OtherVersion)
        } else if outward.is_empty() {
            Some(Cause::NoNetwork)
        } else if mdns {
            Some(Cause::BeaconsDropped)
        } else if outward.iter().all(|one| one.heard.own == 0) {
            Some(Cause::FirewallHere)
        } else if through_a_server {
            None // Nobody else is there: nothing to mend.
        } else {
            Some(Cause::Isolated)
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn whoever_finds_nobody_is_told_the_likeliest_cause() {
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

    #[test]
    fn with_peers_there_is_nothing_the_matter_but_what_they_say() {
        let mut findings = alone(Tally::default());
        findings.peers = 2;
        assert_eq!(findings.conclusions(), [Cause::None]);
        findings.dialled_back = vec![("bob".into(), false)];
        assert_eq!(findings.conclusions(), [Cause::Unreachable]);
        findings.dialled_back.push(("eve".into(), true));
        assert_eq!(findings.conclusions(), [Cause::None]);
        findings.large = vec![("bob".into(), true), ("eve".into(), false)];
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
        // Whoever can be reached straight needs nobody to forward.
        findings.servers = vec![Server {
            reserved: Some(false),
            reaches: Some(true),
            ahead: Some(3),
            ..server("192.168.1.5:4001")
        }];
        assert_eq!(findings.conclusions(), [Cause::None]);
    }
}
