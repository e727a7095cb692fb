//! The protocols that one swarm speaks, and its limits.

use super::{
    codec,
    gate::Gate,
    identity,
    mdns::Mdns,
    meeting::Table,
    per_address::PerAddress,
    ping, rendezvous,
    scoped::{self, Scope},
    streamless, streams,
};
use libp2p::{
    StreamProtocol, autonat,
    connection_limits::{self, ConnectionLimits},
    dcutr, identify,
    identity::Keypair,
    relay,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};
use std::sync::Arc;

/// Connections in all: well under the 1,024 open files that a process commonly has.
const ESTABLISHED: u32 = 600;
/// Of those, how many others may have opened: the rest is kept for our own dials.
const ESTABLISHED_INBOUND: u32 = 500;
/// Handshakes under way. More than one address may have, so that no single machine fills them.
const PENDING_INBOUND: u32 = 400;
const PENDING_OUTBOUND: u32 = 256;
/// Both sides dialling at once gives two, and a direct path beside a relayed one gives more.
const PER_PEER: u32 = 4;

/// What the swarm does. The order matters: the first ones refuse before the others take notice.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub gate: streamless::Behaviour<Gate>,
    pub per_address: streamless::Behaviour<PerAddress>,
    pub limits: connection_limits::Behaviour,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub mdns: Toggle<streamless::Behaviour<Mdns>>,
    pub control: scoped::Behaviour<codec::Behaviour<codec::Control>>,
    pub streams: streams::Behaviour,
    pub relay: relay::client::Behaviour,
    pub punch: scoped::Behaviour<dcutr::Behaviour>,
    pub reach: scoped::Behaviour<autonat::v2::client::Behaviour>,
    pub rendezvous: scoped::Behaviour<rendezvous::Behaviour>,
    pub directory: scoped::Behaviour<codec::Behaviour<codec::Directory>>,
}

impl Behaviour {
    pub(super) fn new(
        keys: &Keypair,
        agent: String,
        mdns: Option<Mdns>,
        relay: relay::client::Behaviour,
        relayed: bool,
        streams: Arc<[StreamProtocol]>,
        table: &Arc<Table>,
    ) -> Self {
        // Who refuses relays neither asks nor answers over one.
        let spoken = if relayed {
            Scope::Everywhere
        } else {
            Scope::Straight
        };
        let local = keys.public().to_peer_id();
        debug_assert!(identity::node(&local).is_some());
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
        Self {
            gate: streamless::Behaviour::default(),
            per_address: streamless::Behaviour::default(),
            limits: connection_limits::Behaviour::new(limits),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::default(),
            mdns: mdns.map(streamless::Behaviour).into(),
            control: scoped(codec::control(), spoken, table),
            streams: streams::Behaviour::new(streams),
            relay,
            punch: scoped(dcutr::Behaviour::new(local), Scope::Everywhere, table),
            reach: scoped(
                autonat::v2::client::Behaviour::default(),
                Scope::ServersBothWays,
                table,
            ),
            rendezvous: scoped(rendezvous::client(), Scope::Servers, table),
            directory: scoped(codec::directory_client(), Scope::Servers, table),
        }
    }
}

fn scoped<B: NetworkBehaviour>(inner: B, scope: Scope, table: &Arc<Table>) -> scoped::Behaviour<B> {
    scoped::Behaviour::new(inner, scope, table.clone())
}
