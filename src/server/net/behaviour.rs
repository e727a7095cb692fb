//! The protocols that a server speaks, and their limits.

use super::{
    circuits::Circuits, config::Quotas, crowd::Crowd, gate::Gate, reservations::Reservations,
};
use crate::{
    core::rate::Rate,
    net::{address, codec as exchange, identity, per_address::PerAddress, rendezvous, streamless},
    server::visitors::Visitors,
};
use libp2p::{
    Multiaddr, PeerId,
    autonat::v2::server as autonat,
    connection_limits::{self, ConnectionLimits},
    identify,
    identity::Keypair,
    ping, relay,
    swarm::NetworkBehaviour,
};
use std::time::{Duration, Instant};

/// Handshakes under way.
const PENDING_INBOUND: u32 = 1024;
/// Connections beyond the quota: those that make room are not gone in the same instant.
const SPARE: u32 = 64;
/// Dials back, which clients ask for.
const OUTBOUND: u32 = 64;
/// TCP and QUIC, before and after a change of network.
const PER_PEER: u32 = 6;
/// The ping, which finds those who went without a word. Clients ping more often.
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Reservations of one client: one on each connection.
const RESERVATIONS_PER_PEER: usize = 4;
/// How long one counts; clients renew them.
const RESERVATION: Duration = Duration::from_secs(3600);
/// The library's own count of circuits has those that are only asked for, and those that are on
/// their way out: `circuits` decides. This bounds what the former can cost.
const ASKED: usize = 16;

/// How often a client, and an address, may ask for a reservation: a house has several nodes.
const RESERVING: [Rate; 2] = [
    Rate {
        per_second: 0.1,
        burst: 30.0,
    },
    Rate {
        per_second: 1.0,
        burst: 1024.0,
    },
];
/// The same for circuits: a node that meets a hundred others opens as many at once.
const CONNECTING: [Rate; 2] = [
    Rate {
        per_second: 0.2,
        burst: 128.0,
    },
    Rate {
        per_second: 2.0,
        burst: 1024.0,
    },
];

/// What the swarm does. The order matters: the first ones refuse before the others take notice.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub per_address: streamless::Behaviour<PerAddress>,
    pub crowd: streamless::Behaviour<Crowd>,
    pub limits: connection_limits::Behaviour,
    pub gate: streamless::Behaviour<Gate>,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub autonat: autonat::Behaviour,
    pub relay: relay::Behaviour,
    pub rendezvous: rendezvous::Behaviour,
    pub directory: exchange::Behaviour<exchange::Directory>,
}

impl Behaviour {
    pub(super) fn new(
        keys: &Keypair,
        agent: String,
        quotas: &Quotas,
        circuits: &Circuits,
        reservations: &Reservations,
    ) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING_INBOUND))
            .with_max_pending_outgoing(Some(OUTBOUND))
            .with_max_established_outgoing(Some(OUTBOUND))
            .with_max_established_incoming(Some(quotas.connections.saturating_add(SPARE)))
            .with_max_established_per_peer(Some(PER_PEER));
        let identify = identify::Config::new("/sprat/1".into(), keys.public())
            .with_agent_version(agent)
            .with_hide_listen_addrs(true)
            .with_cache_size(0);
        let ping = ping::Config::new()
            .with_interval(PING_INTERVAL)
            .with_timeout(PING_TIMEOUT);
        let relaying = relaying(quotas, circuits, reservations);
        let mut relay = relay::Behaviour::new(keys.public().to_peer_id(), relaying);
        // Also where no address of its own is known: clients know the one by which they came.
        relay.set_status(Some(relay::Status::Enable));
        Self {
            per_address: streamless::Behaviour(PerAddress::new(
                quotas.per_address,
                quotas.per_address,
            )),
            crowd: streamless::Behaviour(Crowd::new(
                quotas.connections as usize,
                PENDING_INBOUND as usize,
            )),
            limits: connection_limits::Behaviour::new(limits),
            gate: streamless::Behaviour::default(),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping),
            autonat: autonat::Behaviour::default(),
            relay,
            rendezvous: rendezvous::server(),
            directory: exchange::directory_server(),
        }
    }
}

/// The relay's limits. Those by address are ours: the library counts by client and in all.
fn relaying(quotas: &Quotas, circuits: &Circuits, reservations: &Reservations) -> relay::Config {
    let (circuits, reservations) = (circuits.clone(), reservations.clone());
    let (mut reserving, mut connecting) = (rated(RESERVING), rated(CONNECTING));
    relay::Config {
        max_reservations: quotas.reservations.saturating_mul(RESERVATIONS_PER_PEER),
        max_reservations_per_peer: RESERVATIONS_PER_PEER,
        reservation_duration: RESERVATION,
        reservation_rate_limiters: vec![Box::new(move |peer: PeerId, from: &Multiaddr, at| {
            reserving(&peer, from, at) && reservations.admit(peer, from)
        })],
        max_circuits: quotas.circuits.saturating_mul(ASKED),
        // The library allows one more than it is told.
        max_circuits_per_peer: quotas.circuits_per_peer.saturating_sub(1),
        max_circuit_duration: quotas.circuit_time,
        max_circuit_bytes: quotas.circuit_bytes,
        circuit_src_rate_limiters: vec![Box::new(move |peer: PeerId, from: &Multiaddr, at| {
            connecting(&peer, from, at) && circuits.admit(from)
        })],
    }
}

/// Whether a client may ask once more, by these rates for it and for its address.
fn rated([client, address]: [Rate; 2]) -> impl FnMut(&PeerId, &Multiaddr, Instant) -> bool + Send {
    let begun = Instant::now();
    let mut visitors = Visitors::new(client, address, 0);
    move |peer, from, at| {
        let who = identity::node(peer).zip(address::ip(from));
        who.is_some_and(|(node, ip)| visitors.may_ask(node, ip, at.duration_since(begun)))
    }
}
