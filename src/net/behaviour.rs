//! The protocols that one swarm speaks, and its limits.

use super::{control, gate, identity, mdns, per_address, streams};
use libp2p::{
    connection_limits::{self, ConnectionLimits},
    identify,
    identity::Keypair,
    ping, request_response,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};
use std::time::Duration;

/// Connections in all: well under the 1,024 open files that a process commonly has.
const ESTABLISHED: u32 = 600;
/// Of those, how many others may have opened: the rest is kept for our own dials.
const ESTABLISHED_INBOUND: u32 = 500;
/// Handshakes under way. More than one address may have, so that no single machine fills them.
const PENDING_INBOUND: u32 = 400;
const PENDING_OUTBOUND: u32 = 256;
/// Both sides dialling at once gives two, and a direct path beside a relayed one gives more.
const PER_PEER: u32 = 4;

/// The ping: often enough that a dead host is noticed within 15 s (see `connections`).
const PING_INTERVAL: Duration = Duration::from_secs(4);
const PING_TIMEOUT: Duration = Duration::from_secs(6);

/// What the swarm does. The order matters: the first ones refuse before the others take notice.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub gate: gate::Behaviour,
    pub per_address: per_address::Behaviour,
    pub limits: connection_limits::Behaviour,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub mdns: Toggle<mdns::Behaviour>,
    pub control: request_response::Behaviour<control::ControlCodec>,
    pub streams: streams::Behaviour,
}

impl Behaviour {
    pub(super) fn new(keys: &Keypair, agent: String, mdns: Option<mdns::Behaviour>) -> Self {
        debug_assert!(identity::node(&keys.public().to_peer_id()).is_some());
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING_INBOUND))
            .with_max_pending_outgoing(Some(PENDING_OUTBOUND))
            .with_max_established_incoming(Some(ESTABLISHED_INBOUND))
            .with_max_established(Some(ESTABLISHED))
            .with_max_established_per_peer(Some(PER_PEER));
        let identify = identify::Config::new("/sprat/1".into(), keys.public())
            .with_agent_version(agent)
            .with_hide_listen_addrs(true)
            .with_cache_size(0);
        let ping = ping::Config::new()
            .with_interval(PING_INTERVAL)
            .with_timeout(PING_TIMEOUT);
        Self {
            gate: gate::Behaviour::default(),
            per_address: per_address::Behaviour::default(),
            limits: connection_limits::Behaviour::new(limits),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping),
            mdns: mdns.into(),
            control: control::behaviour(),
            streams: streams::Behaviour::new(streams::PROTOCOLS),
        }
    }
}
