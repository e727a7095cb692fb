//! What the swarm reports, and what the node hears of it.

use super::{
    super::{descriptors, mdns::Found, streams, transport::root_cause},
    BehaviourEvent, CONTROL_PROTOCOL, DialError, Driver, NetEvent, NodeId, Question, Request,
    RequestError, Response, SwarmEvent, address, identity,
};
use crate::net::Inbound;
use libp2p::{
    PeerId,
    core::{ConnectedPoint, transport::TransportError},
    identify,
    request_response::{self, Message, OutboundFailure, OutboundRequestId},
    swarm::{ConnectionId, StreamProtocol},
};
use std::{io, time::Instant};

/// `ECONNREFUSED`, as its text names it.
const REFUSED: &str = if cfg!(windows) {
    "(os error 10061)"
} else if cfg!(target_os = "linux") {
    "(os error 111)"
} else {
    "(os error 61)"
};

impl Driver {
    pub(super) fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.protocol_event(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => self.established(peer_id, connection_id, &endpoint),
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                ..
            } => {
                if let Some(node) = identity::node(&peer_id)
                    && !self.server_closed(node, connection_id)
                {
                    self.forget(node, connection_id);
                }
                self.swarm.behaviour_mut().streams.closed(connection_id);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                error,
                ..
            } => self.not_connected(connection_id, &error),
            SwarmEvent::NewListenAddr { address, .. } => {
                self.listening_at(&address);
                if let Some(address) = address::tcp_socket(&address) {
                    self.outbox.push_back(NetEvent::Listening { address });
                }
            }
            SwarmEvent::ListenerClosed {
                listener_id,
                addresses,
                reason,
            } => {
                let circuit = self.unreserved(listener_id, &reason)
                    || addresses.iter().all(address::is_relayed);
                if let (Err(error), false) = (reason, circuit) {
                    self.outbox.push_back(NetEvent::Notice(format!(
                        "no longer listening on one of the addresses: {error}"
                    )));
                }
            }
            SwarmEvent::Dialing {
                peer_id: Some(peer),
                ..
            } => self.punching(&peer),
            SwarmEvent::IncomingConnectionError { error, .. } => {
                descriptors::note(&error);
                tracing::debug!(%error, "an incoming connection failed");
            }
            SwarmEvent::ListenerError { error, .. } => {
                descriptors::note(&error);
                tracing::debug!(%error, "a listener had an error");
            }
            _ => {}
        }
    }

    fn established(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
        let now = Instant::now();
        let dial = self.dials.remove(&id);
        let dialled = dial.is_some();
        // The gate lets no other node through.
        let Some(node) = identity::node(&peer) else {
            return;
        };
        if self.server_established(node, id, endpoint, now) {
            return;
        }
        let Some(path) = self.path(endpoint) else {
            self.swarm.close_connection(id);
            return;
        };
        let news = self.connections.add(node, id, path, now);
        if dial.is_some_and(|(wanted, _)| wanted.is_none()) {
            self.connections.named(node, id);
        }
        self.tell(node, news);
        let small = path.small.then(|| self.segments.news(path.address.ip()));
        let small = small.flatten().map(NetEvent::Notice);
        self.outbox.extend(small);
        if path.proven {
            self.path_begun(node, id, endpoint, dialled, now);
        } else {
            self.prove(node, id);
        }
    }

    fn is_circuit(&self, peer: &PeerId, id: ConnectionId) -> bool {
        let node = identity::node(peer);
        node.is_some_and(|node| self.connections.relayed(node).contains(&id))
    }

    fn not_connected(&mut self, id: ConnectionId, error: &DialError) {
        if !self.join_failed(id, error) {
            self.dial_failed(id, error);
        }
    }

    fn dial_failed(&mut self, id: ConnectionId, error: &DialError) {
        let Some((node, addresses)) = self.dials.remove(&id) else {
            return;
        };
        // The other side may have come to us meanwhile.
        if node.is_none_or(|node| !self.connections.has(node)) {
            self.outbox.push_back(NetEvent::DialFailed {
                node,
                addresses,
                why: why(error),
                full: is_full(error),
                refused: is_refused(error),
            });
        }
        if let Some(node) = node {
            self.let_go(node);
        }
    }

    fn protocol_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Ping(event) => {
                if let Some(node) = identity::node(&event.peer) {
                    let now = Instant::now();
                    self.servers.heard(event.connection, now);
                    self.connections.heard(node, event.connection, now);
                    if let Some(rtt) = event.rtt
                        && self.connections.serves(node, event.connection)
                    {
                        self.outbox.push_back(NetEvent::Rtt { node, rtt });
                    }
                }
            }
            BehaviourEvent::Mdns(Found { node, addresses }) => {
                self.outbox.push_back(NetEvent::Found { node, addresses });
            }
            BehaviourEvent::Identify(identify::Event::Received {
                connection_id,
                peer_id,
                info,
            }) => {
                if self.server_identified(&peer_id, connection_id, &info) {
                    return;
                }
                let ours = info
                    .protocols
                    .contains(&StreamProtocol::new(CONTROL_PROTOCOL));
                // Who refuses relays speaks of nothing on a circuit, until there is a straight
                // path.
                let circuit = self.is_circuit(&peer_id, connection_id);
                if ours {
                    self.introduced(&peer_id, connection_id);
                } else if !circuit {
                    // Something else that speaks libp2p: mDNS finds those too.
                    self.swarm.close_connection(connection_id);
                }
            }
            BehaviourEvent::Streams(streams::Incoming {
                peer,
                connection,
                protocol,
                stream,
            }) => {
                if protocol == streams::MEMBER {
                    if let Some(node) = identity::node(&peer) {
                        self.proof_asked(node, connection, stream);
                    }
                    return;
                }
                let node = self.introduced(&peer, connection);
                if let Some(node) = node {
                    let relayed = self.is_circuit(&peer, connection);
                    let inbound = Inbound {
                        node,
                        relayed,
                        stream,
                    };
                    self.outbox.push_stream(protocol, inbound);
                }
            }
            BehaviourEvent::Control(event) => self.control_event(event),
            BehaviourEvent::Relay(event) => self.relay_event(&event),
            BehaviourEvent::Punch(event) => self.punched(&event),
            BehaviourEvent::Reach(event) => self.reached(&event),
            BehaviourEvent::Rendezvous(event) => self.rendezvous_event(event),
            BehaviourEvent::Directory(event) => self.directory_event(event),
            _ => {}
        }
    }

    fn control_event(&mut self, event: request_response::Event<Request, Response>) {
        match event {
            request_response::Event::Message {
                peer,
                connection_id,
                message,
            } => {
                let node = self.introduced(&peer, connection_id);
                match message {
                    Message::Request {
                        request_id,
                        request,
                        channel,
                    } => {
                        let Some(node) = node else {
                            return;
                        };
                        let reply = self.answer(request_id, node, channel);
                        self.outbox.push_back(NetEvent::Request {
                            node,
                            request,
                            reply,
                        });
                    }
                    Message::Response {
                        request_id,
                        response,
                    } => {
                        if let Some(question) = self.requests.remove(&request_id) {
                            let _ = question.answer.send(Ok(response));
                        }
                    }
                }
            }
            request_response::Event::OutboundFailure {
                request_id, error, ..
            } => {
                if let Some(Question { answer, again }) = self.requests.remove(&request_id) {
                    let gone = matches!(error, OutboundFailure::ConnectionClosed);
                    match again.filter(|_| gone) {
                        Some((node, request)) => self.request(node, request, answer),
                        None => drop(answer.send(Err(blame(error)))),
                    }
                }
            }
            request_response::Event::InboundFailure {
                request_id, error, ..
            } => {
                self.unread.remove(&request_id);
                tracing::debug!(%error, "a request could not be read or answered");
            }
            request_response::Event::ResponseSent { request_id, .. } => {
                self.unread.remove(&request_id);
            }
        }
    }

    /// Who spoke on a connection that may be spoken on. (A server's is none, nor is a circuit that
    /// may not be used, nor what is not proven.)
    fn introduced(&mut self, peer: &PeerId, connection: ConnectionId) -> Option<NodeId> {
        let node = identity::node(peer)?;
        // Who is one of us speaks when it knows that this end is: the word that says so may arrive
        // later.
        if self.connections.awaits_welcome(node, connection) {
            self.proven(node, connection);
        }
        self.connections
            .introduced(node, connection, Instant::now());
        let serves = self.connections.serves(node, connection);
        serves.then_some(node)
    }
}

/// The answer to a question that a server was asked, or why there is none.
pub(super) fn answered<Q, R>(
    event: request_response::Event<Q, R>,
) -> Option<(OutboundRequestId, Result<R, RequestError>)> {
    match event {
        request_response::Event::Message {
            message:
                Message::Response {
                    request_id,
                    response,
                },
            ..
        } => Some((request_id, Ok(response))),
        request_response::Event::OutboundFailure {
            request_id, error, ..
        } => Some((request_id, Err(blame(error)))),
        _ => None,
    }
}

pub(super) fn blame(error: OutboundFailure) -> RequestError {
    match error {
        OutboundFailure::DialFailure => RequestError::NotConnected,
        OutboundFailure::Timeout => RequestError::Timeout,
        OutboundFailure::ConnectionClosed => RequestError::Closed,
        OutboundFailure::UnsupportedProtocols => RequestError::Refused,
        OutboundFailure::Io(error) => match error.kind() {
            io::ErrorKind::InvalidData => RequestError::Malformed(error.to_string()),
            io::ErrorKind::TimedOut => RequestError::Timeout,
            // What libp2p says when all exchanges of a connection are taken.
            io::ErrorKind::Other if error.to_string().contains("sub-streams") => RequestError::Busy,
            _ => RequestError::Refused,
        },
    }
}

/// Why a dial failed, for people: short, and without what they cannot act on.
pub(super) fn why(error: &DialError) -> String {
    let why = sentence(error);
    descriptors::note(&why);
    why
}

/// Whether the other end was there and closed at once, as one that has no room for a connection
/// does; or this node has none.
pub(super) fn is_full(error: &DialError) -> bool {
    match error {
        DialError::Denied { .. } => true,
        DialError::Transport(errors) => errors.iter().any(|(_, error)| match error {
            TransportError::Other(error) => is_hang_up(error),
            TransportError::MultiaddrNotSupported(_) => false,
        }),
        _ => false,
    }
}

/// Whether nobody listens at any of the addresses.
pub(super) fn is_refused(error: &DialError) -> bool {
    let DialError::Transport(errors) = error else {
        return false;
    };
    // The transports' own errors hide what they wrap from those who ask for its kind.
    let refused = |error: &TransportError<io::Error>| match error {
        TransportError::Other(error) => error.to_string().contains(REFUSED),
        TransportError::MultiaddrNotSupported(_) => false,
    };
    !errors.is_empty() && errors.iter().all(|(_, error)| refused(error))
}

/// Whether a connection was made, and closed by the other end.
fn is_hang_up(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(
            kind,
            Some(
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            )
        )
    })
}

fn sentence(error: &DialError) -> String {
    match error {
        // The swarm takes out the addresses that it listens on itself.
        DialError::LocalPeerId { .. } | DialError::NoAddresses => "that is this node itself".into(),
        DialError::Aborted => "given up".into(),
        DialError::DialPeerConditionFalse(_) => "already being dialled".into(),
        DialError::WrongPeerId { obtained, .. } => {
            format!("another node, {obtained}, answers there")
        }
        DialError::Denied { cause } => root_cause(cause),
        DialError::Transport(errors) => {
            let mut reasons: Vec<String> = errors
                .iter()
                .map(|(_, error)| match error {
                    TransportError::MultiaddrNotSupported(_) => "not an address to dial".into(),
                    TransportError::Other(error) => root_cause(error),
                })
                .collect();
            reasons.sort();
            reasons.dedup();
            reasons.join("; ")
        }
    }
}
