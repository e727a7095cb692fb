//! What the driver does about rendezvous servers: joining and leaving them, and asking them.

use super::{
    super::{
        NetEvent, RequestError, identity,
        meeting::{Asked, Command, Dial, MAX_ASKED, MAX_SERVERS, MeetingEvent, Server},
    },
    DialError, Driver, NodeId, address, events,
};
use crate::wire::DIRECTORY_PROTOCOL;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{ConnectedPoint, transport::ListenerId},
    identify, relay,
    swarm::{
        ConnectionId,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// How long a join waits for a socket to leave from: interfaces are told of one after the other.
const SETTLED: Duration = Duration::from_secs(1);

impl Driver {
    pub(super) fn meeting(&mut self, command: Command) {
        match command {
            Command::Join(server, addresses) => self.join(server, addresses),
            Command::Leave(server) => {
                if let Some(known) = self.servers.all.get(&server) {
                    self.swarm.close_connection(known.connection);
                }
            }
            Command::EndVisit(server) => {
                if let Some(known) = self.servers.all.get_mut(&server) {
                    known.visited = true;
                    self.swarm.close_connection(known.connection);
                }
            }
            Command::Reserve(server) => self.reserve(server),
            Command::Register(server, namespace) => self.register(server, namespace),
            Command::Unregister(server, namespace) => self.unregister(server, namespace),
            Command::Discover(server, namespace) => self.discover(server, namespace),
            Command::Ask(server, request, answer) => {
                if self.servers.asked.len() >= MAX_ASKED {
                    drop(answer.send(Err(RequestError::Busy)));
                } else if let Err(Asked::Node(answer)) =
                    self.ask(server, request, Asked::Node(answer))
                {
                    drop(answer.send(Err(RequestError::NotConnected)));
                }
            }
            Command::Meet(node, servers) => self.meet(node, &servers),
        }
    }

    pub(super) fn say(&mut self, event: MeetingEvent) {
        self.outbox.push_back(NetEvent::Meeting(event));
    }

    /// Tells the transport which sockets are servers'.
    fn share_servers(&mut self) {
        let sockets = self.servers.sockets();
        self.table
            .set_servers(sockets, self.servers.all.keys().copied());
    }

    fn join(&mut self, server: Option<NodeId>, addresses: Vec<SocketAddr>) {
        if addresses.is_empty() || self.servers.busy(server, &addresses) {
            return;
        }
        if self.servers.len() >= MAX_SERVERS {
            return self.say(MeetingEvent::Failed {
                server,
                addresses,
                why: format!("no more than {MAX_SERVERS} servers at once"),
            });
        }
        let dial = Dial {
            expected: server,
            rest: addresses.clone().into(),
            addresses,
        };
        self.servers.early.push(dial);
        self.join_early(Instant::now());
    }

    pub(super) fn listening_at(&mut self, address: &Multiaddr) {
        if let Some(at) = address::tcp_socket(address) {
            // Bounded by the interfaces of this machine; one of each kind would do.
            self.listening.insert(at.ip());
            self.join_early(Instant::now());
        }
    }

    /// Begins the dials to servers that can leave from the listening port by now.
    pub(super) fn join_early(&mut self, now: Instant) {
        let settled = now.duration_since(self.started) >= SETTLED;
        for dial in std::mem::take(&mut self.servers.early) {
            let fits = |to: &SocketAddr, from: &IpAddr| {
                to.is_ipv4() == from.is_ipv4() && to.ip().is_loopback() == from.is_loopback()
            };
            let from_here = dial
                .addresses
                .iter()
                .all(|to| self.listening.iter().any(|from| fits(to, from)));
            if settled || from_here {
                self.dial_server(dial);
            } else {
                self.servers.early.push(dial);
            }
        }
    }

    fn dial_server(&mut self, mut dial: Dial) {
        let options = match dial.expected.and_then(identity::peer) {
            Some(peer) => DialOpts::peer_id(peer)
                .condition(PeerCondition::Always)
                .addresses(dial.rest.drain(..).map(address::tcp).collect())
                .build(),
            None => match dial.rest.pop_front() {
                Some(next) => DialOpts::unknown_peer_id()
                    .address(address::tcp(next))
                    .build(),
                None => return,
            },
        };
        let id = options.connection_id();
        self.servers.dials.insert(id, dial);
        self.share_servers();
        if let Err(error) = self.swarm.dial(options) {
            self.join_failed(id, &error);
        }
    }

    /// Whether it was a dial to a server that failed.
    pub(super) fn join_failed(&mut self, id: ConnectionId, error: &DialError) -> bool {
        let Some(dial) = self.servers.dials.remove(&id) else {
            // Not to see how QUIC looks from outside is no loss.
            let mut all = self.servers.all.values_mut();
            return all.any(|server| server.quic.take_if(|quic| *quic == id).is_some());
        };
        if dial.expected.is_none() && !dial.rest.is_empty() {
            self.dial_server(dial);
            return true;
        }
        let why = match (error, dial.expected) {
            (DialError::WrongPeerId { obtained, .. }, Some(expected)) => {
                format!("expected the server {expected}, but {obtained} answers there")
            }
            _ => events::why(error),
        };
        self.share_servers();
        self.say(MeetingEvent::Failed {
            server: dial.expected,
            addresses: dial.addresses,
            why,
        });
        true
    }

    /// Whether a new connection is a server's.
    pub(super) fn server_established(
        &mut self,
        node: NodeId,
        id: ConnectionId,
        endpoint: &ConnectedPoint,
        now: Instant,
    ) -> bool {
        if let Some(dial) = self.servers.dials.remove(&id) {
            let at = address::socket(endpoint.get_remote_address());
            let at = at.or(dial.addresses.first().copied());
            let twice = self.servers.all.contains_key(&node);
            if let (Some(at), false) = (at, twice) {
                let server = Server::new(id, at, dial.addresses, now);
                self.servers.enter(node, server);
            } else {
                self.swarm.close_connection(id);
            }
            self.share_servers();
            return true;
        }
        // A server comes to us to see whether it can; dcutr may have been made to dial one.
        let to_server = match endpoint {
            ConnectedPoint::Dialer {
                address,
                role_override,
                port_use,
            } => self
                .table
                .leads_to_server(address, *port_use, *role_override),
            ConnectedPoint::Listener { .. } => false,
        };
        let known = self.servers.all.get(&node);
        if to_server && known.is_none_or(|server| server.quic != Some(id)) {
            self.swarm.close_connection(id);
        }
        to_server || known.is_some()
    }

    /// Whether a connection that is gone was a server's.
    pub(super) fn server_closed(&mut self, node: NodeId, id: ConnectionId) -> bool {
        let Some(server) = self.servers.all.get_mut(&node) else {
            return false;
        };
        server.quic.take_if(|quic| *quic == id);
        if server.connection != id {
            return true;
        }
        let Some(server) = self.servers.all.remove(&node) else {
            return true;
        };
        self.share_servers();
        let event = if server.known {
            self.servers.visited(node, server);
            MeetingEvent::Lost { server: node }
        } else {
            MeetingEvent::Failed {
                server: Some(node),
                addresses: server.addresses,
                why: "the connection ended before it was clear who answers there".into(),
            }
        };
        self.say(event);
        true
    }

    /// Whether it was on a server's connection that a node introduced itself.
    pub(super) fn server_identified(
        &mut self,
        peer: &PeerId,
        id: ConnectionId,
        info: &identify::Info,
    ) -> bool {
        let Some(node) = identity::node(peer) else {
            return false;
        };
        let Some(server) = self.servers.all.get_mut(&node) else {
            return false;
        };
        if server.quic == Some(id) {
            self.swarm.close_connection(id);
            self.observed(node, &info.observed_addr);
            return true;
        }
        if server.connection != id {
            return true;
        }
        let speaks = StreamProtocol::new(DIRECTORY_PROTOCOL);
        if !server.known && !info.protocols.contains(&speaks) {
            let addresses = std::mem::take(&mut server.addresses);
            self.servers.all.remove(&node);
            self.swarm.close_connection(id);
            self.share_servers();
            self.say(MeetingEvent::Failed {
                server: Some(node),
                addresses,
                why: "who answers there is no rendezvous server".into(),
            });
            return true;
        }
        let (first, look, at) = (!server.known, !server.seen_before, server.address);
        server.known = true;
        if first {
            self.say(MeetingEvent::Connected {
                server: node,
                address: at,
            });
            if look {
                self.look_by_quic(node, *peer, at);
            }
        }
        self.observed(node, &info.observed_addr);
        true
    }

    /// Connects by QUIC for a moment: the server then says how that looks from outside.
    fn look_by_quic(&mut self, node: NodeId, peer: PeerId, at: SocketAddr) {
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::Always)
            .addresses(vec![address::quic(at)])
            .build();
        let id = options.connection_id();
        if self.swarm.dial(options).is_ok()
            && let Some(server) = self.servers.all.get_mut(&node)
        {
            server.quic = Some(id);
        }
    }

    /// A server says how this node looks to it: that is where others may find a hole.
    fn observed(&mut self, server: NodeId, seen: &Multiaddr) {
        let quic = !address::is_tcp(seen);
        let Some(at) = address::socket(seen).filter(|at| address::is_dialable(*at)) else {
            return;
        };
        if address::is_relayed(seen) {
            return;
        }
        let spelled = if quic { address::quic } else { address::tcp };
        // Where nothing is translated, or ports are kept, the listening port is the right one even
        // if the dial left from another.
        let port = self.sockets.first().map_or(0, SocketAddr::port);
        for port in [port, at.port()] {
            let candidate = spelled(SocketAddr::new(at.ip(), port));
            let behaviour = self.swarm.behaviour_mut();
            behaviour.punch.candidate(&candidate);
            // A server knows no swarm key, so over TCP it could not come in.
            if (quic || self.swarm_key.is_none()) && self.servers.tested(&candidate) {
                behaviour.reach.candidate(&candidate);
            }
        }
        self.say(MeetingEvent::Observed {
            server,
            address: at,
            quic,
        });
    }

    fn reserve(&mut self, server: NodeId) {
        let Some(peer) = identity::peer(server) else {
            return;
        };
        let Some(known) = self.servers.known(server) else {
            return self.say(MeetingEvent::Unreserved {
                server,
                why: "not connected".into(),
            });
        };
        if known.reservation.is_some() {
            return;
        }
        match self
            .swarm
            .listen_on(address::circuit(peer, known.address, None))
        {
            Ok(listener) => known.reservation = Some((listener, false)),
            Err(error) => {
                let why = error.to_string();
                self.say(MeetingEvent::Unreserved { server, why });
            }
        }
    }

    pub(super) fn relay_event(&mut self, event: &relay::client::Event) {
        if let relay::client::Event::ReservationReqAccepted { relay_peer_id, .. } = event
            && let Some(server) = identity::node(relay_peer_id)
            && let Some(known) = self.servers.known(server)
            && let Some((_, agreed)) = &mut known.reservation
            && !std::mem::replace(agreed, true)
        {
            self.say(MeetingEvent::Reserved { server });
        }
    }

    /// Whether it was a circuit listener that ended.
    pub(super) fn unreserved(&mut self, id: ListenerId, reason: &io::Result<()>) -> bool {
        let Some((server, known)) = self.servers.listening(id) else {
            return false;
        };
        known.reservation = None;
        let why = match reason {
            Ok(()) => "the server ended it".into(),
            Err(error) => super::transport::root_cause(error),
        };
        self.say(MeetingEvent::Unreserved { server, why });
        true
    }
}
