//! What the driver does about the kinds of path: circuits, the straight paths that replace them,
//! and what waits for those.

use super::{
    super::{
        NetEvent, PathId, StreamError,
        connections::Path,
        interfaces,
        meeting::{MeetingEvent, Waiting},
        streams,
    },
    Driver, NodeId, address, identity,
    resting::Wanted,
};
use crate::{core::via::Via, wire::protocol::Route};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{ConnectedPoint, transport::PortUse},
    dcutr,
    swarm::{
        ConnectionId,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

/// Other addresses of one node that are remembered.
const MAX_ELSEWHERE: usize = 3;

/// The address of the way that a connection took: of an inbound circuit libp2p tells it as the
/// local one.
fn way(endpoint: &ConnectedPoint) -> &Multiaddr {
    match endpoint {
        ConnectedPoint::Dialer { address, .. } => address,
        ConnectedPoint::Listener {
            local_addr,
            send_back_addr,
        } => {
            if address::is_relayed(local_addr) {
                local_addr
            } else {
                send_back_addr
            }
        }
    }
}

impl Driver {
    /// How a new connection runs; `None` for a circuit over a server that this node did not join.
    pub(super) fn path(&mut self, endpoint: &ConnectedPoint) -> Option<Path> {
        let way = way(endpoint);
        if endpoint.is_relayed() {
            let server = self.relay_of(endpoint)?;
            self.servers.known(server)?;
        }
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let address = address::socket(way).unwrap_or(nowhere);
        let dialled = matches!(
            endpoint,
            ConnectedPoint::Dialer {
                port_use: PortUse::New,
                ..
            }
        );
        let small = dialled && address::is_tcp(way) && !endpoint.is_relayed();
        Some(Path {
            address,
            via: match address::via(way) {
                Via::Direct if interfaces::is_near(address.ip()) => Via::Lan,
                via => via,
            },
            tcp: address::is_tcp(way),
            dialled: endpoint.is_dialer().then_some(address),
            small: small && self.segments.are_small(address.ip(), Instant::now()),
            // TCP and circuits have the prologue.
            proven: self.swarm_key.is_none() || address::is_tcp(way) || endpoint.is_relayed(),
        })
    }

    fn relay_of(&self, endpoint: &ConnectedPoint) -> Option<NodeId> {
        let way = way(endpoint);
        match address::relay(way) {
            Some(peer) => identity::node(&peer),
            // Of a server that was dialled without its key, libp2p tells a circuit's way as it was
            // dialled.
            None => self.servers.at(address::socket(way)?),
        }
    }

    pub(super) fn path_begun(
        &mut self,
        node: NodeId,
        id: ConnectionId,
        endpoint: &ConnectedPoint,
        dialled: bool,
        now: Instant,
    ) {
        if !endpoint.is_relayed() {
            return self.straight(node, now);
        }
        if let Some(server) = self.relay_of(endpoint) {
            if !self.connections.has_straight(node) {
                self.circuits.stands(node, id, server, dialled, now);
            }
            self.ask_whence(server, node, false);
        }
        self.open_waiting(now);
    }

    /// A straight path to a node stands.
    pub(super) fn straight(&mut self, node: NodeId, now: Instant) {
        self.circuits.straight(node);
        self.open_waiting(now);
    }

    /// A connection to a node is gone.
    pub(super) fn path_ended(&mut self, node: NodeId) {
        if self.connections.relayed(node).is_empty() {
            let dialled = self.circuits.end(node, Instant::now());
            if dialled && !self.relayed && !self.connections.has_straight(node) {
                self.outbox.push_back(NetEvent::DialFailed {
                    node: Some(node),
                    addresses: Vec::new(),
                    why: "no straight path could be made, and --no-relay refuses another".into(),
                    full: false,
                    refused: false,
                });
            }
        }
        self.open_waiting(Instant::now());
    }

    /// Opens a stream, now or when it is known whether there is a straight path.
    pub(super) fn open(&mut self, wanted: Waiting) {
        let node = wanted.node;
        // A few lines of text need no better path.
        let patient = wanted.protocol.route != Route::AtOnce;
        if patient && self.circuits.hopeful(node, Instant::now()) {
            if let Err(wanted) = self.circuits.wait(wanted) {
                let _ = wanted.opened.send(Err(StreamError::Busy));
            }
            return;
        }
        let on = wanted.on.filter(|id| self.connections.serves(node, *id));
        // Copies that no person asked for are not worth what a server's owner pays for them.
        let straight_only = wanted.protocol.route == Route::Straight;
        let best = on.or_else(|| self.connections.best(node));
        let best = best.filter(|_| !straight_only || self.connections.has_straight(node));
        let peer = identity::peer(node);
        self.connections.used(node, Instant::now());
        if let (Some(peer), Some(id)) = (peer, best) {
            let streams = &mut self.swarm.behaviour_mut().streams;
            let protocol = StreamProtocol::new(wanted.protocol.name);
            let opened = wanted.opened;
            streams.open(peer, id, streams::Open { protocol, opened });
            return;
        }
        if self.connections.relayed(node).is_empty() {
            self.wake(node, Wanted::Open(wanted));
        } else {
            let _ = wanted.opened.send(Err(StreamError::OnlyRelayed));
        }
    }

    /// A node may be at these addresses, too: remembered while it is connected.
    pub(super) fn learn_elsewhere(&mut self, node: NodeId, mut addresses: Vec<SocketAddr>) {
        if self.connections.has(node) {
            addresses.retain(|at| address::is_dialable(*at) && !at.ip().is_loopback());
            let known = self.elsewhere.entry(node).or_default();
            addresses.retain(|at| !known.contains(at));
            known.extend(addresses);
            known.truncate(MAX_ELSEWHERE);
        }
    }

    /// The ways that bulk may take. Each other address of the node is dialled once while it is
    /// connected.
    pub(super) fn paths_to(&mut self, node: NodeId) -> Vec<PathId> {
        let ips = self.connections.straight_ips(node);
        // On one machine all ways are one.
        let worth = !ips.is_empty() && !ips.iter().any(IpAddr::is_loopback);
        let untried = self.elsewhere.get_mut(&node).filter(|_| worth);
        let untried = untried.map(std::mem::take).unwrap_or_default();
        let v4 = ips.iter().any(IpAddr::is_ipv4);
        for at in untried {
            // Of the other family it is most likely the same cable.
            if !ips.contains(&at.ip()) && at.is_ipv4() == v4 {
                self.dial_also(node, at, address::tcp(at));
            }
        }
        let all = self.connections.paths(node).into_iter();
        all.map(PathId).collect()
    }

    fn open_waiting(&mut self, now: Instant) {
        for waiting in self.circuits.ready(now) {
            self.open(waiting);
        }
    }

    /// A behaviour dials: dcutr, because the other end of a circuit says so.
    pub(super) fn punching(&mut self, peer: &PeerId) {
        let Some(node) = identity::node(peer) else {
            return;
        };
        if self.circuits.is_too_much(node, Instant::now()) {
            tracing::debug!(%node, "too many attempts at a straight path");
            for id in self.connections.relayed(node) {
                self.swarm.close_connection(id);
            }
        }
    }

    /// An attempt at a straight path came to an end.
    pub(super) fn punched(&mut self, event: &dcutr::Event) {
        let Some(node) = identity::node(&event.remote_peer_id) else {
            return;
        };
        let yes = event.result.is_ok();
        if let Err(error) = &event.result {
            tracing::debug!(%node, %error, "no hole was punched");
            // Both ends may have dialled, and the other's dial come through.
            if self.connections.has_straight(node) || self.connections.is_proving(node) {
                return;
            }
            if let Some(id) = self.circuits.failed(node) {
                self.swarm.close_connection(id);
            }
            self.open_waiting(Instant::now());
        }
        let punched = MeetingEvent::Punched { node, yes };
        self.outbox.push_back(NetEvent::Meeting(punched));
    }

    /// Closes connections that are of no use any more, and tries again for straight paths.
    pub(super) fn look_over_paths(&mut self, now: Instant) {
        for (_, id) in self.connections.spare(now) {
            self.swarm.close_connection(id);
        }
        for id in self.circuits.stale(now) {
            self.swarm.close_connection(id);
        }
        if let Some(me) = identity::node(self.swarm.local_peer_id()) {
            let streams = &self.swarm.behaviour().streams;
            let surplus = self.connections.surplus(me, now, |id| streams.open_on(id));
            for id in surplus {
                self.swarm.close_connection(id);
            }
        }
        if self.relayed {
            for (node, server) in self.circuits.retries(now) {
                self.dial_circuit(node, server);
            }
        } else {
            for node in self.circuits.given_up(now) {
                for id in self.connections.relayed(node) {
                    self.swarm.close_connection(id);
                }
            }
        }
        self.open_waiting(now);
    }

    /// Dials a node over a server, and straight where it registered an address at which the server
    /// sees it.
    pub(super) fn dial_circuit(&mut self, node: NodeId, server: NodeId) {
        let table = self.table.clone();
        let (Some(peer), Some(relay)) = (identity::peer(node), identity::peer(server)) else {
            return;
        };
        let Some(known) = self.servers.known(server) else {
            return;
        };
        if self.dials.values().any(|dial| dial.0 == Some(node)) {
            return; // That one's end is told.
        }
        let now = Instant::now();
        let mut to = vec![address::circuit(relay, known.address, Some(peer))];
        let seen = known.addresses_of(&node).iter();
        let straight = seen.filter(|at| table.sees(peer, at.ip(), now));
        to.extend(straight.map(|at| address::tcp(*at)));
        let at = known.address;
        // Also while dcutr dials: of its dials, left from the last circuit, no one hears.
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::Always)
            .addresses(to)
            .allocate_new_port()
            .build();
        self.start_dial(Some(node), vec![at], options);
    }

    /// Dials a node, connected or not.
    fn dial_also(&mut self, node: NodeId, at: SocketAddr, way: Multiaddr) {
        if let Some(peer) = identity::peer(node) {
            let options = DialOpts::peer_id(peer)
                .condition(PeerCondition::Always)
                .addresses(vec![way])
                .allocate_new_port()
                .build();
            self.start_dial(Some(node), vec![at], options);
        }
    }

    #[cfg(test)]
    pub(super) fn dial_quic(&mut self, node: NodeId, at: SocketAddr) {
        self.dial_also(node, at, address::quic(at));
    }
}
