//! What `sprat doctor` tells programs: what was seen of the networks, and what follows from it,
//! with something to do about it.
//!
//! Owns the words for causes and cures. Never concludes anything: `core::doctor` does. What servers
//! and peers are called is escaped in sentences, and as it came elsewhere.

use super::DhtInfo;
use crate::core::{
    doctor::{Cause, Findings, Nat},
    path::printable,
};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// All that a look at the networks gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Diagnosis {
    /// Whether nothing is the matter.
    pub healthy: bool,
    /// The same lines as those of `sprat doctor --json`.
    pub lines: Vec<DoctorLine>,
}

/// One thing that was seen or concluded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum DoctorLine {
    /// A network interface with an address.
    Interface {
        /// The system's name of it.
        name: String,
        /// Its addresses.
        #[cfg_attr(test, schema(value_type = Vec<String>))]
        addresses: Vec<IpAddr>,
        /// Whether the system says that it works.
        up: bool,
        /// Whether beacons are sent there.
        used: bool,
        /// Whether it took part in the multicast group of beacons.
        multicast: bool,
        /// Beacons heard of this node itself.
        own: u64,
        /// Beacons heard of this swarm.
        ours: u64,
        /// Beacons heard of other swarms.
        other_swarm: u64,
        /// Beacons heard of other versions.
        other_version: u64,
        /// Nodes that mDNS told of.
        mdns: u64,
    },
    /// A peer was asked to dial this node back.
    Dialled {
        /// The peer's name.
        name: String,
        /// The port.
        port: u16,
        /// Whether it came through.
        reached: bool,
    },
    /// A rendezvous server.
    Server {
        /// As it was named.
        address: String,
        /// Whether it answers.
        connected: bool,
        /// From where it sees this node come over TCP.
        #[cfg_attr(test, schema(value_type = Option<String>))]
        tcp: Option<SocketAddr>,
        /// The same over QUIC.
        #[cfg_attr(test, schema(value_type = Option<String>))]
        quic: Option<SocketAddr>,
        /// Whether it could dial this node back.
        reached: Option<bool>,
        /// Whether it forwards connections to this node.
        reserved: Option<bool>,
        /// Seconds by which this clock is ahead of the server's.
        ahead: Option<i64>,
        /// Why it does not answer, or forward.
        why: Option<String>,
    },
    /// The DHT.
    Dht {
        /// Whether it is asked at all.
        on: bool,
        /// When it answered last: seconds since 1970.
        answered: Option<u64>,
        /// Servers of the swarm that stood there then.
        servers: u32,
        /// Found servers that answer.
        joined: u32,
        /// Why it did not answer when it was asked last.
        why: Option<String>,
    },
    /// The router.
    Nat {
        /// How it gives out ports.
        kind: NatKind,
        /// Nodes that are connected.
        peers: u64,
    },
    /// What follows, the likeliest first.
    Conclusion {
        /// A word for it.
        cause: String,
        /// What it is.
        what: String,
        /// What to do.
        cure: String,
    },
}

/// How the router between this node and the servers gives out ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NatKind {
    /// No server told anything.
    Unknown,
    /// There is none.
    None,
    /// It keeps them.
    KeepsPorts,
    /// It changes them, the same for all destinations as far as is known.
    ChangesPorts,
    /// Each destination sees another one.
    Symmetric,
}

impl Diagnosis {
    /// What was found, and what follows from it.
    #[must_use]
    pub fn of(findings: &Findings) -> Self {
        let causes = findings.conclusions();
        let interfaces = findings.interfaces.iter().map(|one| DoctorLine::Interface {
            name: one.name.clone(),
            addresses: one.addresses.clone(),
            up: one.up,
            used: one.used,
            multicast: one.multicast,
            own: one.heard.own,
            ours: one.heard.ours,
            other_swarm: one.heard.other_swarm,
            other_version: one.heard.other_version,
            mdns: one.mdns,
        });
        let back = findings
            .dialled_back
            .iter()
            .map(|test| DoctorLine::Dialled {
                name: test.name.clone(),
                port: findings.port,
                reached: test.passed,
            });
        let servers = findings.servers.iter().map(|one| DoctorLine::Server {
            address: one.name.clone(),
            connected: one.connected,
            tcp: one.tcp,
            quic: one.quic,
            reached: one.reaches,
            reserved: one.reserved,
            ahead: one.ahead,
            why: one.why.clone(),
        });
        let nat = DoctorLine::Nat {
            kind: kind(findings.nat()),
            peers: findings.peers as u64,
        };
        let known = findings.dht.clone().map(DhtInfo::from).unwrap_or_default();
        let dht = DoctorLine::Dht {
            on: findings.dht.is_some(),
            answered: known.answered,
            servers: known.servers,
            joined: known.joined,
            why: known.why,
        };
        let concluded = causes.iter().map(|cause| {
            let (word, what, cure) = cause_in_words(cause, findings);
            let cause = word.to_owned();
            DoctorLine::Conclusion { cause, what, cure }
        });
        let seen = interfaces.chain(back).chain(servers).chain([dht, nat]);
        Self {
            healthy: causes == [Cause::None],
            lines: seen.chain(concluded).collect(),
        }
    }
}

fn kind(nat: Nat) -> NatKind {
    match nat {
        Nat::Unknown => NatKind::Unknown,
        Nat::None => NatKind::None,
        Nat::Kept => NatKind::KeepsPorts,
        Nat::Changed => NatKind::ChangesPorts,
        Nat::Symmetric => NatKind::Symmetric,
    }
}

/// The word for a cause in JSON, what it is, and what to do.
#[must_use]
pub fn cause_in_words(cause: &Cause, findings: &Findings) -> (&'static str, String, String) {
    let (udp, tcp) = (findings.discovery_port, findings.port);
    let (word, what, cure) = match cause {
        Cause::None => ("none", "No problem was found.".into(), String::new()),
        Cause::NoNetwork => (
            "no-network",
            "This machine has no network, or was told to use none (--listen, --interface).".into(),
            "Connect it to one (cable, Wi-Fi), and look again.".into(),
        ),
        Cause::FirewallHere => (
            "firewall",
            "This machine does not even hear its own beacons: its firewall drops them.".into(),
            format!("Allow UDP port {udp}, and the port that you give with -t (TCP and UDP), in this machine's firewall."),
        ),
        Cause::ConnectionsBlocked => (
            "connections-blocked",
            "Beacons of this swarm come in, but no connection stands: a firewall, here or there, drops TCP.".into(),
            "Start both nodes with a fixed port (-t 4001), and allow it for TCP and UDP in both firewalls.".into(),
        ),
        Cause::OtherSwarm if findings.private => (
            "other-swarm",
            "There are nodes, but none with this passphrase.".into(),
            "Compare the words in --passphrase-file on both machines, letter by letter; or start this one without.".into(),
        ),
        Cause::OtherSwarm => (
            "other-swarm",
            "There are nodes, but in a private swarm.".into(),
            "Ask for their words, and give them with --passphrase-file.".into(),
        ),
        Cause::OtherVersion => (
            "other-version",
            "There are nodes, but of another version that this one does not understand.".into(),
            "Install the same version of sprat on both machines.".into(),
        ),
        Cause::BeaconsDropped => (
            "beacons-dropped",
            "mDNS comes through, beacons do not: the network drops broadcasts, or a firewall drops their port.".into(),
            format!("Allow UDP port {udp} on both machines; or name one node by hand with --peer HOST:PORT."),
        ),
        Cause::Isolated => (
            "isolated",
            "Nothing is heard: nobody is near, or this network keeps its guests apart (as guest Wi-Fi does), or drops broadcasts."
                .into(),
            "Try another network (a phone's hotspot, a cable), name a node by hand with --peer HOST:PORT, or meet through a \
             server with --rendezvous HOST."
                .into(),
        ),
        Cause::Unreachable => (
            "unreachable",
            format!("Others cannot begin a connection to this node (TCP port {tcp}); it works as long as it begins them itself."),
            "Start it with a fixed port (-t 4001), and allow that port in this machine's firewall.".into(),
        ),
        Cause::LargePacketsLost(name) => (
            "large-packets-lost",
            format!(
                "Small packets reach {} and large ones get lost on the way, and nothing says so: a network between carries less \
                 than these machines think.",
                printable(name)
            ),
            "Set the MTU of the network interface to 1280 on both machines, or let ICMP (and ICMPv6) through every firewall \
             between. Downloads go on by themselves with small packets, after half a minute."
                .into(),
        ),
        Cause::ServerGone(name) => (
            "server-gone",
            format!("The rendezvous server {} does not answer.", printable(name)),
            "Check its address and whether it runs; TCP and UDP must reach its port (12000 unless told otherwise).".into(),
        ),
        Cause::DhtSilent(why) => (
            "dht-silent",
            format!("The DHT does not answer: {}.", printable(why)),
            "Let UDP out to the internet, on this machine and in the router; or name another entry with --dht-bootstrap HOST:PORT.".into(),
        ),
        Cause::NotReserved(name) => (
            "not-reserved",
            format!("The rendezvous server {} does not forward connections to this node.", printable(name)),
            "It may be full: try again later, or name another server as well.".into(),
        ),
        Cause::Clock(ahead) => (
            "clock",
            format!(
                "This machine's clock is {} s {} the server's.",
                ahead.unsigned_abs(),
                if *ahead > 0 { "ahead of" } else { "behind" }
            ),
            "Set the clock (switch on network time): names that are signed up carry its date.".into(),
        ),
        Cause::SymmetricNat => (
            "symmetric-nat",
            "This network's router gives each destination another port, so most connections to other networks go through the server."
                .into(),
            "Forward a port to this machine in the router (and start with -t that port), or use another network.".into(),
        ),
    };
    (word, what, cure)
}
