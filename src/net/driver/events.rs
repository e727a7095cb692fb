//! What the swarm reports, and what the node hears of it.

use super::{
    super::{streams, transport::root_cause},
    BehaviourEvent, CONTROL_PROTOCOL, DialError, Driver, NetEvent, NodeId, Purpose, RequestError,
    Response, SwarmEvent, address, identity, mdns,
};
use crate::wire::control::Request;
use libp2p::{
    PeerId,
    core::{ConnectedPoint, transport::TransportError},
    identify,
    request_response::{self, Message, OutboundFailure},
    swarm::{ConnectionId, StreamProtocol},
};
use std::{io, net::SocketAddr, time::Instant};

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
                if let Some(node) = identity::node(&peer_id) {
                    self.forget(node, connection_id);
                }
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                error,
                ..
            } => self.dial_failed(connection_id, &error),
            SwarmEvent::NewListenAddr { address, .. } => {
                if let Some(address) = address::tcp_socket(&address) {
                    self.outbox.push_back(NetEvent::Listening { address });
                }
            }
            SwarmEvent::ListenerClosed {
                reason: Err(error), ..
            } => self.outbox.push_back(NetEvent::Notice(format!(
                "no longer listening on one of the addresses: {error}"
            ))),
            SwarmEvent::IncomingConnectionError { error, .. } => {
                tracing::debug!(%error, "an incoming connection failed");
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::debug!(%error, "a listener had an error");
            }
            _ => {}
        }
    }

    fn established(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
        self.dials.remove(&id);
        // The gate lets nobody else through.
        let Some(node) = identity::node(&peer) else {
            return;
        };
        let remote = endpoint.get_remote_address();
        let via = address::via(remote);
        let first = self
            .connections
            .add(node, id, via, address::is_tcp(remote), Instant::now());
        if first {
            let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
            self.outbox.push_back(NetEvent::Connected {
                node,
                address: address::socket(remote).unwrap_or(nowhere),
                via,
            });
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
            });
        }
    }

    fn protocol_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Ping(event) => {
                if let (Some(node), Ok(rtt)) = (identity::node(&event.peer), event.result) {
                    self.connections
                        .heard(node, event.connection, Instant::now());
                    self.outbox.push_back(NetEvent::Rtt { node, rtt });
                }
            }
            BehaviourEvent::Mdns(mdns::Found { node, addresses }) => {
                self.outbox.push_back(NetEvent::Found { node, addresses });
            }
            BehaviourEvent::Identify(identify::Event::Received {
                connection_id,
                peer_id,
                info,
            }) => {
                let ours = info
                    .protocols
                    .contains(&StreamProtocol::new(CONTROL_PROTOCOL));
                if ours {
                    self.introduced(&peer_id, connection_id);
                } else {
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
                let node = self.introduced(&peer, connection);
                if let (Some(node), Some(purpose)) = (node, Purpose::of(&protocol)) {
                    self.outbox.push_back(NetEvent::Stream {
                        node,
                        purpose,
                        stream,
                    });
                }
            }
            BehaviourEvent::Control(event) => self.control_event(event),
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
                let Some(node) = self.introduced(&peer, connection_id) else {
                    return;
                };
                match message {
                    Message::Request {
                        request_id,
                        request,
                        channel,
                    } => {
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
                        if let Some(answer) = self.requests.remove(&request_id) {
                            let _ = answer.send(Ok(response));
                        }
                    }
                }
            }
            request_response::Event::OutboundFailure {
                request_id, error, ..
            } => {
                if let Some(answer) = self.requests.remove(&request_id) {
                    let _ = answer.send(Err(blame(error)));
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

    fn introduced(&mut self, peer: &PeerId, connection: ConnectionId) -> Option<NodeId> {
        let node = identity::node(peer)?;
        self.connections
            .introduced(node, connection, Instant::now());
        Some(node)
    }
}

fn blame(error: OutboundFailure) -> RequestError {
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
