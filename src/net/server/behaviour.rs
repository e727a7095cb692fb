//! The protocols that a server speaks, and their limits.

use super::{
    codec::{self, RendezvousCodec},
    config::Quotas,
    gate::Gate,
};
use crate::net::{codec as exchange, per_address::PerAddress, streamless};
use libp2p::{
    autonat::v2::server as autonat,
    connection_limits::{self, ConnectionLimits},
    identify,
    identity::Keypair,
    ping, relay, request_response,
    swarm::NetworkBehaviour,
};
use std::{num::NonZeroU32, time::Duration};

/// Handshakes under way.
const PENDING_INBOUND: u32 = 1024;
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

/// What the swarm does. The order matters: the first ones refuse before the others take notice.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub per_address: streamless::Behaviour<PerAddress>,
    pub limits: connection_limits::Behaviour,
    pub gate: streamless::Behaviour<Gate>,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub autonat: autonat::Behaviour,
    pub relay: relay::Behaviour,
    pub rendezvous: request_response::Behaviour<RendezvousCodec>,
    pub directory: exchange::Behaviour<exchange::Directory>,
}

impl Behaviour {
    pub(super) fn new(keys: &Keypair, agent: String, quotas: &Quotas) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING_INBOUND))
            .with_max_pending_outgoing(Some(OUTBOUND))
            .with_max_established_outgoing(Some(OUTBOUND))
            .with_max_established_incoming(Some(quotas.connections))
            .with_max_established_per_peer(Some(PER_PEER));
        let identify = identify::Config::new("/sprat/1".into(), keys.public())
            .with_agent_version(agent)
            .with_hide_listen_addrs(true)
            .with_cache_size(0);
        let ping = ping::Config::new()
            .with_interval(PING_INTERVAL)
            .with_timeout(PING_TIMEOUT);
        let mut relay = relay::Behaviour::new(keys.public().to_peer_id(), relaying(quotas));
        // Also where no address of its own is known: clients know the one by which they came.
        relay.set_status(Some(relay::Status::Enable));
        Self {
            per_address: streamless::Behaviour(PerAddress::new(
                quotas.per_address,
                quotas.per_address,
            )),
            limits: connection_limits::Behaviour::new(limits),
            gate: streamless::Behaviour::default(),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping),
            autonat: autonat::Behaviour::default(),
            relay,
            rendezvous: codec::behaviour(),
            directory: exchange::directory_server(),
        }
    }
}

/// The relay's limits. Each rate is a burst and the time in which one comes back.
fn relaying(quotas: &Quotas) -> relay::Config {
    let burst = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    let mut config = relay::Config {
        max_reservations: quotas.reservations,
        max_reservations_per_peer: RESERVATIONS_PER_PEER,
        reservation_duration: RESERVATION,
        reservation_rate_limiters: Vec::new(),
        max_circuits: quotas.circuits,
        // The library allows one more than it is told.
        max_circuits_per_peer: quotas.circuits_per_peer.saturating_sub(1),
        max_circuit_duration: quotas.circuit_time,
        max_circuit_bytes: quotas.circuit_bytes,
        circuit_src_rate_limiters: Vec::new(),
    };
    // A node that meets hundred others opens as many circuits at once, and a house has several nodes.
    config = config
        .reservation_rate_per_peer(burst(30), Duration::from_secs(10))
        .reservation_rate_per_ip(burst(1024), Duration::from_secs(1))
        .circuit_src_per_peer(burst(128), Duration::from_secs(5))
        .circuit_src_per_ip(burst(1024), Duration::from_millis(500));
    config
}
