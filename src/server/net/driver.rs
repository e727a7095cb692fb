//! The one task that owns a server's swarm.
//!
//! Answers at the rendezvous points by itself, and takes to the server's task what concerns names.
//! Never waits for it: what it has not taken yet stands in `outbox`, and while anything stands
//! there the swarm is not polled.

use super::{
    Load, ServerConfig, ServerEvent,
    behaviour::{Behaviour, BehaviourEvent},
    circuits::Circuits,
    points::Points,
    reservations::Reservations,
    throttle::Rate,
    transport,
};
use crate::{
    core::{id::NodeId, origin::origin},
    net::{
        NetError, address, codec, identity,
        rendezvous::Answer,
        transport::{self as sockets, Bound},
    },
    wire::directory::Response,
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use libp2p::{
    PeerId, Swarm, identify, relay,
    request_response::{Event, Message, ResponseChannel},
    swarm::{self, ConnectionId, SwarmEvent},
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// How often what is over is forgotten.
const TICK: Duration = Duration::from_secs(2);
/// How long closing everything may take.
const GOODBYE: Duration = Duration::from_millis(500);
/// How many networks must see the server at an address that it does not know.
const WITNESSES: usize = 2;
/// Addresses that are learned so, and those that are considered.
const LEARNED: usize = 4;
const CONSIDERED: usize = 64;

type Answering = BoxFuture<'static, Option<(ResponseChannel<Response>, Response)>>;

struct Driver {
    swarm: Swarm<Behaviour>,
    begun: Instant,
    points: Points,
    reservations: Reservations,
    circuits: Circuits,
    introduced: u64,
    /// What was told of last.
    load: Load,
    /// Bounded by the connections.
    connected: HashMap<NodeId, HashMap<ConnectionId, IpAddr>>,
    answers: FuturesUnordered<Answering>,
    outbox: VecDeque<ServerEvent>,
    port: u16,
    bound: Vec<SocketAddr>,
    known: BTreeSet<SocketAddr>,
    /// Where others say that the server is, and from which networks they say so.
    seen: HashMap<SocketAddr, BTreeSet<IpAddr>>,
    learned: usize,
}

pub(super) fn start(
    config: ServerConfig,
    stop: mpsc::Receiver<oneshot::Sender<()>>,
    events: mpsc::Sender<ServerEvent>,
) -> Result<(NodeId, Bound), NetError> {
    let keys = identity::keypair(config.secret)
        .ok_or_else(|| NetError::Identity("not an Ed25519 secret".into()))?;
    let local = keys.public().to_peer_id();
    let node =
        identity::node(&local).ok_or_else(|| NetError::Identity("not an Ed25519 key".into()))?;
    let rate = Rate::new(config.quotas.relay_rate);
    let circuits = Circuits::new(config.quotas.circuits);
    let reservations = Reservations::new(config.quotas.reservations);
    let transport = transport::build(&keys, &rate, &circuits, config.quotas.circuits)
        .map_err(|error| NetError::Identity(error.to_string()))?;
    let settings = swarm::Config::with_tokio_executor()
        // A client that waits to be found has nothing to say: pings tell who is gone.
        .with_idle_connection_timeout(Duration::MAX)
        .with_max_negotiating_inbound_streams(32);
    let (quotas, agent) = (&config.quotas, config.agent);
    let behaviour = Behaviour::new(&keys, agent, quotas, &circuits, &reservations);
    let mut swarm = Swarm::new(transport, behaviour, local, settings);
    let bound = sockets::listen(&mut swarm, &config.listen, config.port)?;
    let mut known = BTreeSet::new();
    for address in config
        .external
        .iter()
        .copied()
        .chain(address::expand(&bound.addresses))
    {
        swarm.add_external_address(address::tcp(address));
        swarm.add_external_address(address::quic(address));
        known.insert(address);
    }
    // Not the secret itself: nothing is to depend on it but signatures and handshakes.
    let seed = blake3::derive_key("sprat 2026-11 server chance v1", &config.secret);
    let seed = u64::from_le_bytes(std::array::from_fn(|at| seed[at]));
    let driver = Driver {
        swarm,
        begun: Instant::now(),
        points: Points::new(config.quotas.registrations, seed),
        reservations,
        circuits,
        introduced: 0,
        load: Load::default(),
        connected: HashMap::new(),
        answers: FuturesUnordered::new(),
        outbox: VecDeque::new(),
        port: bound.port,
        bound: bound.addresses.clone(),
        known,
        seen: HashMap::new(),
        learned: 0,
    };
    tokio::spawn(driver.run(stop, events));
    Ok((node, bound))
}

impl Driver {
    async fn run(
        mut self,
        mut stop: mpsc::Receiver<oneshot::Sender<()>>,
        events: mpsc::Sender<ServerEvent>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                permit = events.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.outbox.pop_front() {
                            permit.send(event);
                        }
                    }
                    Err(_) => break None,
                },
                done = stop.recv() => break done,
                event = self.swarm.select_next_some(), if self.outbox.is_empty() => self.event(event),
                Some(answer) = self.answers.next() => {
                    if let Some((channel, response)) = answer {
                        // Who asked may have gone: nothing to do about it.
                        let _ = self.swarm.behaviour_mut().directory.send_response(channel, response);
                    }
                }
                _ = tick.tick() => {
                    self.points.expire(self.begun.elapsed());
                    self.tell_load();
                }
                () = events.closed() => break None,
            }
        };
        self.close().await;
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                let from = address::ip(endpoint.get_remote_address());
                // What the server dials are looks at a client's address, which end by themselves.
                if let (true, Some(node), Some(ip)) =
                    (endpoint.is_listener(), identity::node(&peer_id), from)
                {
                    let address = ip.to_canonical();
                    let of = self.connected.entry(node).or_default();
                    of.insert(connection_id, address);
                    self.outbox.push_back(ServerEvent::Connected {
                        node,
                        connection: number(connection_id),
                        address,
                    });
                }
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                ..
            } => self.closed(&peer_id, connection_id),
            SwarmEvent::Behaviour(event) => self.behaviour_event(event),
            SwarmEvent::IncomingConnectionError { error, .. } => {
                tracing::debug!(%error, "a connection was refused");
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a socket cannot take connections now");
            }
            SwarmEvent::ListenerClosed { addresses, .. } => {
                tracing::warn!(?addresses, "a listening socket was closed");
            }
            _ => {}
        }
    }

    fn closed(&mut self, peer: &PeerId, connection: ConnectionId) {
        let Some(node) = identity::node(peer) else {
            return;
        };
        let Some(of) = self.connected.get_mut(&node) else {
            return;
        };
        if of.remove(&connection).is_none() {
            return;
        }
        if of.is_empty() {
            self.connected.remove(&node);
            self.points.left(node);
            self.reservations.left(peer);
        }
        let connection = number(connection);
        self.outbox
            .push_back(ServerEvent::Closed { node, connection });
    }

    fn behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Rendezvous(Event::Message {
                peer,
                connection_id,
                message:
                    Message::Request {
                        request, channel, ..
                    },
            }) => {
                if let Some((node, address)) = self.who(&peer, connection_id) {
                    let now = self.begun.elapsed();
                    let response = self.points.handle(node, address, request, now);
                    let nodes = Vec::new();
                    let points = &mut self.swarm.behaviour_mut().rendezvous;
                    // Who asked may have gone.
                    let _ = points.send_response(channel, Answer { response, nodes });
                }
            }
            BehaviourEvent::Directory(Event::Message {
                peer,
                connection_id,
                message:
                    Message::Request {
                        request, channel, ..
                    },
            }) => {
                if let Some((node, address)) = self.who(&peer, connection_id) {
                    let (reply, replied) = oneshot::channel();
                    let answering = async move {
                        // After that time the asker is gone.
                        let response = tokio::time::timeout(codec::TIMEOUT, replied).await;
                        Some((channel, response.ok()?.ok()?))
                    };
                    self.answers.push(answering.boxed());
                    self.outbox.push_back(ServerEvent::Asked {
                        node,
                        address,
                        request,
                        reply,
                    });
                }
            }
            BehaviourEvent::Identify(identify::Event::Received {
                connection_id,
                peer_id,
                info,
            }) => {
                let seen = address::socket(&info.observed_addr);
                if let (Some(seen), Some((_, from))) = (seen, self.who(&peer_id, connection_id)) {
                    self.seen_at(seen, from);
                }
            }
            BehaviourEvent::Crowd(connection) => drop(self.swarm.close_connection(connection)),
            BehaviourEvent::Relay(event) => self.relay_event(&event),
            _ => {}
        }
    }

    fn relay_event(&mut self, event: &relay::Event) {
        tracing::debug!(?event, "relay");
        match event {
            relay::Event::ReservationTimedOut { src_peer_id } => {
                self.reservations.left(src_peer_id);
            }
            relay::Event::CircuitReqAccepted { .. } => self.introduced += 1,
            _ => {}
        }
        for peer in self.reservations.going() {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    fn tell_load(&mut self) {
        let load = Load {
            nodes: self.connected.len(),
            reachable: self.reservations.count(),
            registrations: self.points.count(),
            circuits: self.circuits.open(),
            introduced: self.introduced,
            relayed: self.circuits.carried(),
        };
        if load != self.load {
            self.load = load;
            self.outbox.push_back(ServerEvent::Load(load));
        }
    }

    fn who(&self, peer: &PeerId, connection: ConnectionId) -> Option<(NodeId, IpAddr)> {
        let node = identity::node(peer)?;
        let address = self.connected.get(&node)?.get(&connection)?;
        Some((node, *address))
    }

    /// A client sees the server at `seen`: a router stands between, if others see it there too.
    fn seen_at(&mut self, seen: SocketAddr, by: IpAddr) {
        let plausible = seen.port() == self.port
            && !address::is_local(seen.ip())
            && address::is_dialable(seen)
            && !address::is_local(by);
        if !plausible || self.known.contains(&seen) || self.learned >= LEARNED {
            return;
        }
        if !self.seen.contains_key(&seen) && self.seen.len() >= CONSIDERED {
            self.seen.clear(); // Liars: begin anew.
        }
        let witnesses = self.seen.entry(seen).or_default();
        witnesses.insert(origin(by));
        if witnesses.len() >= WITNESSES {
            self.seen.remove(&seen);
            self.known.insert(seen);
            self.learned += 1;
            self.swarm.add_external_address(address::tcp(seen));
            self.swarm.add_external_address(address::quic(seen));
            self.outbox.push_back(ServerEvent::Seen(seen));
        }
    }

    async fn close(mut self) {
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closing = async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, closing).await;
        drop(self.swarm);
        let released = sockets::released(&self.bound);
        let _ = tokio::time::timeout(GOODBYE, released).await;
    }
}

/// The number in an id, which libp2p shows only as text.
fn number(id: ConnectionId) -> u64 {
    id.to_string().parse().unwrap_or_default()
}
