//! What is wrong when no node is found: conclusions from what a node sees of its networks.
//!
//! Pure: `node::doctor` looks, this says what it means. Invariant: a conclusion follows from what
//! was seen, and comes with something to do about it; the likeliest cause comes first.

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

/// What is known of the DHT, if it is asked at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dht {
    /// When it answered last: seconds since 1970.
    pub answered: Option<u64>,
    /// Why it did not, when it was asked after that.
    pub why: Option<String>,
    /// Servers of the swarm that stood there.
    pub servers: usize,
    /// Found servers that answer.
    pub joined: usize,
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
    pub dialled_back: Vec<PeerTest>,
    /// Whether a question that needs large packets was answered by those who had answered a small
    /// one.
    pub large: Vec<PeerTest>,
    /// The servers that were named.
    pub servers: Vec<Server>,
    /// The DHT, with `--dht`.
    pub dht: Option<Dht>,
}

/// What was tried with the help of a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerTest {
    /// The peer's name.
    pub name: String,
    /// Whether it went well.
    pub passed: bool,
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
    /// Each destination sees another port: only a relay helps, if the other side has such a router
    /// too.
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
    /// Nothing comes at all: no node is there, or the network keeps its guests apart.
    Isolated,
    /// Others cannot begin a connection to this node.
    Unreachable,
    /// Large packets to this peer get lost, and nothing tells of it.
    LargePacketsLost(String),
    /// A server does not answer.
    ServerGone(String),
    /// The DHT was asked and does not answer.
    DhtSilent(String),
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
        let lost = self.large.iter().filter(|test| !test.passed);
        causes.extend(lost.map(|test| Cause::LargePacketsLost(test.name.clone())));
        for server in &self.servers {
            if !server.connected {
                causes.push(Cause::ServerGone(server.name.clone()));
            } else if server.reserved == Some(false) && server.reaches != Some(true) {
                causes.push(Cause::NotReserved(server.name.clone()));
            }
        }
        let silent = self.dht.as_ref().and_then(|dht| dht.why.clone());
        causes.extend(silent.map(Cause::DhtSilent));
        let clock = self.servers.iter().filter_map(|server| server.ahead);
        if let Some(worst) = clock.max_by_key(|ahead| ahead.unsigned_abs())
            && worst.unsigned_abs() > CLOCK.unsigned_abs()
        {
            causes.push(Cause::Clock(worst));
        }
        if self.nat() == Nat::Symmetric {
            causes.push(Cause::SymmetricNat);
        }
        if !self.dialled_back.is_empty() && self.dialled_back.iter().all(|test| !test.passed) {
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
            None // No other node is there: nothing to mend.
        } else {
            Some(Cause::Isolated)
        }
    }
}

#[cfg(test)]
mod tests;
