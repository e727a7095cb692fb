//! The one task that owns the swarm.
//!
//! Turns commands into swarm calls and swarm events into [`NetEvent`]s. Never waits for the node:
//! what the node has not taken yet stands in `outbox`, and while anything stands there the swarm is
//! not polled (its connections then stop reading, which is what slows the senders down) but
//! commands are still taken in. Invariants: `outbox` and every table here is bounded; each
//! `Connected` is followed by at most one `Disconnected` before the next.

use super::{
    NetConfig, NetError, NetEvent, Reply, RequestError, Router, address,
    behaviour::{Behaviour, BehaviourEvent},
    bulk::{self, Bulk},
    codec,
    command::{Answer, Command, LocalNode},
    connections::{Connections, News, SILENCE},
    identity,
    mdns::Mdns,
    meeting::{Circuits, Servers, Table, Waiting},
    resting::Resting,
    segments::Segments,
    streams,
    timers::calm,
    transport,
    unread::Unread,
};
use crate::{
    core::id::NodeId,
    wire::{
        self, CONTROL_PROTOCOL, chunk,
        control::{Request, Response},
    },
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use libp2p::{
    Swarm,
    identity::Keypair,
    relay,
    request_response::{InboundRequestId, OutboundRequestId, ResponseChannel},
    swarm::{self, ConnectionId, DialError, SwarmEvent},
};
use outbox::{Out, Outbox};
use resting::Wanted;
use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

mod asking;
mod dialling;
mod ending;
mod events;
mod meeting;
mod outbox;
mod paths;
mod proof;
mod registering;
mod resting;

/// How often connections are looked over.
const TICK: Duration = Duration::from_millis(500);
/// The same in a crowd while nothing is under way: what is only kept may be silent for longer.
const CALM_TICK: Duration = Duration::from_secs(2);
/// Events waiting for the node's queue above which no more commands are taken in (a dial may fail
/// at once).
const OUTBOX: usize = 256;
/// Requests without an answer yet, to all nodes together.
const MAX_REQUESTS: usize = 4096;
/// Connections for bulk that wait to be taken, which is at once.
const BULK_SOCKETS: usize = 64;

/// An answer of the node, on its way to the asker.
type Answering = BoxFuture<
    'static,
    Option<(
        InboundRequestId,
        NodeId,
        ResponseChannel<Response>,
        Response,
    )>,
>;

/// A question that has no answer yet.
struct Question {
    answer: Answer<Response>,
    /// What to ask again, and whom, if the connection that it took should go.
    again: Option<(NodeId, Request)>,
}

struct Driver {
    swarm: Swarm<Behaviour>,
    keys: Keypair,
    connections: Connections,
    /// Our own dials that have not come to an end.
    dials: HashMap<ConnectionId, (Option<NodeId>, Vec<SocketAddr>)>,
    requests: HashMap<OutboundRequestId, Question>,
    /// Questions to nodes of which a connection is being proven (see `proof`). Bounded with
    /// `requests`.
    held: Vec<proof::Held>,
    /// What waits for a dial, and to whom. Bounded with `requests`.
    waiting: Vec<(NodeId, resting::Wanted)>,
    resting: Arc<Resting>,
    /// Bounded by the exchanges that connections allow, and by time.
    answers: FuturesUnordered<Answering>,
    unread: Unread<InboundRequestId>,
    outbox: Outbox,
    /// Who takes the streams that come in.
    router: Router,
    /// What the swarm listens on, by TCP and QUIC.
    sockets: Vec<SocketAddr>,
    /// Rendezvous servers, and what the transport knows of them.
    servers: Servers,
    table: Arc<Table>,
    segments: Arc<Segments>,
    circuits: Circuits,
    /// Where else connected nodes may be.
    elsewhere: HashMap<NodeId, Vec<SocketAddr>>,
    /// The IP addresses that are listened on by now.
    listening: HashSet<IpAddr>,
    started: Instant,
    swarm_key: Option<[u8; 32]>,
    /// Proofs under way: one for each connection by QUIC, and no longer than that has to be proven.
    proofs: FuturesUnordered<proof::Proving>,
    relayed: bool,
    /// The swarm was not polled since the last look, so no peer could be heard.
    deaf: bool,
}

/// Opens the sockets and spawns the task.
pub(super) fn start(
    config: NetConfig,
    mut router: Router,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<NetEvent>,
) -> Result<LocalNode, NetError> {
    let keys = identity::keypair(config.secret)
        .ok_or_else(|| NetError::Identity("not an Ed25519 secret".into()))?;
    let local = keys.public().to_peer_id();
    let node =
        identity::node(&local).ok_or_else(|| NetError::Identity("not an Ed25519 key".into()))?;
    let table = Arc::new(Table::default());
    let (circuits, relay) = relay::client::new(local);
    let segments = Arc::new(Segments::default());
    let chunks = router.bulk(chunk::PROTOCOL);
    let offers = chunks
        .is_some()
        .then(|| router.register(wire::bulk::PROTOCOL));
    let (sockets, for_bulk) = mpsc::channel(BULK_SOCKETS);
    let transport = transport::build(
        &keys,
        config.swarm_key,
        circuits,
        table.clone(),
        segments.clone(),
        chunks.is_some().then_some(sockets),
    )
    .map_err(|error| NetError::Identity(error.to_string()))?;
    let sleepers = Arc::<Resting>::default();
    let mut outbox = Outbox::default();
    let beyond_loopback =
        config.listen.is_empty() || config.listen.iter().any(|ip| !ip.is_loopback());
    let mut found = None;
    if config.mdns && beyond_loopback {
        match Mdns::new(local, config.interfaces, config.listen.clone()) {
            Ok(started) => found = Some(started),
            Err(error) => outbox.push_back(NetEvent::Notice(format!(
                "mDNS could not be started ({error}); beacons are used alone"
            ))),
        }
    }
    let settings = swarm::Config::with_tokio_executor()
        // `connections` decides who has been quiet too long: a peer with nothing to say is kept.
        .with_idle_connection_timeout(Duration::MAX)
        // Saves a round trip for each stream.
        .with_substream_upgrade_protocol_override(libp2p::core::upgrade::Version::V1Lazy);
    // A private swarm's members prove the key to one another, too.
    let proof = config.swarm_key.is_some().then_some(streams::MEMBER);
    let spoken = router.protocols().chain(proof).collect();
    let behaviour = Behaviour::new(
        &keys,
        config.agent,
        found,
        relay,
        config.relayed,
        spoken,
        &table,
    );
    let mut swarm = Swarm::new(transport, behaviour, local, settings);
    let bound = transport::listen(&mut swarm, &config.listen, config.transfer_port)?;
    let bulk = chunks.zip(offers).map(|(chunks, offers)| {
        let bulk = Bulk::new(node, bound.port, config.swarm_key, chunks);
        bulk::run(&bulk, offers, for_bulk);
        bulk
    });
    let driver = Driver {
        swarm,
        keys,
        connections: Connections::new(config.relayed),
        dials: HashMap::new(),
        requests: HashMap::new(),
        held: Vec::new(),
        waiting: Vec::new(),
        resting: sleepers.clone(),
        answers: FuturesUnordered::new(),
        unread: Unread::default(),
        outbox,
        router,
        sockets: bound.addresses.clone(),
        servers: Servers::default(),
        table,
        segments,
        circuits: Circuits::default(),
        elsewhere: HashMap::new(),
        listening: HashSet::new(),
        started: Instant::now(),
        swarm_key: config.swarm_key,
        proofs: FuturesUnordered::new(),
        relayed: config.relayed,
        deaf: false,
    };
    tokio::spawn(driver.run(commands, events));
    Ok(LocalNode {
        node,
        port: bound.port,
        bound: bound.addresses,
        resting: sleepers,
        bulk,
    })
}

impl Driver {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>, events: mpsc::Sender<NetEvent>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                permit = events.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => {
                        match self.outbox.pop_front() {
                            Some(Out::Event(event)) => {
                                if let Some(event) = self.router.pass(event) {
                                    permit.send(event);
                                }
                            }
                            // Behind what was told of its node before.
                            Some(Out::Stream(protocol, inbound)) => self.router.route(&protocol, inbound),
                            None => {}
                        }
                    }
                    Err(_) => break None, // No one listens any more.
                },
                command = commands.recv(), if self.outbox.len() < OUTBOX => match command {
                    Some(Command::Shutdown(done)) => break Some(done),
                    Some(command) => self.command(command),
                    None => break None,
                },
                event = self.swarm.select_next_some(), if self.outbox.is_empty() => self.event(event),
                Some(answer) = self.answers.next() => {
                    if let Some((id, node, channel, mut response)) = answer {
                        if !self.unread.add(id, node, response.weight()) {
                            response = Response::Busy;
                        }
                        // Who asked may have gone: nothing to do about it.
                        let control = self.swarm.behaviour_mut().control.get();
                        if control.is_none_or(|on| on.send_response(channel, response).is_err()) {
                            self.unread.remove(&id);
                        }
                    }
                }
                Some((node, id, step)) = self.proofs.next() => self.proof_step(node, id, step),
                _ = tick.tick() => {
                    self.look_over(events.capacity() == 0);
                    let pause = if self.is_calm() { CALM_TICK } else { TICK };
                    tick.reset_at(calm(Instant::now() + pause).into());
                }
                () = events.closed() => break None,
            }
        };
        // A large future, which would make this one as large for all its life.
        Box::pin(self.close()).await;
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Dial(node, addresses) => self.dial(node, addresses),
            #[cfg(test)]
            Command::DialQuic(node, address) => self.dial_quic(node, address),
            #[cfg(test)]
            Command::Count(node, reply) => drop(reply.send(self.connections.count(node))),
            Command::Request(node, request, answer) => self.request(node, request, answer),
            Command::Open(node, protocol, path, opened) => {
                self.open(Waiting {
                    node,
                    protocol,
                    on: path.map(|path| path.0),
                    opened,
                });
            }
            Command::Paths(node, reply) if self.connections.has(node) => {
                let _ = reply.send(self.paths_to(node));
            }
            Command::Paths(node, reply) => self.wake(node, Wanted::Paths(reply)),
            Command::BulkAddress(node, path, reply) => {
                let _ = reply.send(self.connections.bulk_address(node, path.0));
            }
            Command::Elsewhere(node, addresses) => self.learn_elsewhere(node, addresses),
            Command::Disconnect(node) => self.disconnect(node),
            Command::Ban(node) => {
                if let Some(peer) = identity::peer(node) {
                    self.swarm.behaviour_mut().gate.0.ban(peer);
                }
                self.disconnect(node);
            }
            Command::Meeting(command) => self.meeting(command),
            // Taken by `run`.
            Command::Shutdown(_) => {}
        }
    }

    fn request(&mut self, node: NodeId, request: Request, answer: Answer<Response>) {
        let connected = self.connections.has(node);
        let peer = identity::peer(node).filter(|_| connected);
        let control = self.swarm.behaviour_mut().control.get();
        // Asked of the behaviour too, or it would begin to dial.
        let asked = peer.zip(control).filter(|(peer, on)| on.is_connected(peer));
        let Some((peer, control)) = asked else {
            return self.wake(node, Wanted::Ask(request, answer));
        };
        if self.requests.len() + self.held.len() >= MAX_REQUESTS {
            return drop(answer.send(Err(RequestError::Busy)));
        }
        if self.connections.is_proving(node) {
            return self.held.push((node, request, answer));
        }
        // A circuit may go, for a straight path, while a question is on it; so may one of two
        // straight ones, and one that seemed of no use.
        let may_go = self.connections.may_lose_one(node)
            || !self.connections.relayed(node).is_empty()
            || self.resting.at(&node).is_some();
        self.connections.used(node, Instant::now());
        let again = may_go.then(|| (node, request.clone()));
        let id = control.send_request(&peer, request);
        self.requests.insert(id, Question { answer, again });
    }

    /// Whether there is nothing but connections that are only kept, as in a crowd. What begins is
    /// looked over at the next tick.
    fn is_calm(&self) -> bool {
        let idle = self.dials.is_empty() && self.requests.is_empty();
        let idle = idle && self.held.is_empty() && self.waiting.is_empty() && !self.deaf;
        idle && self.servers.len() == 0 && self.connections.are_calm()
    }

    /// Gives up connections that are dead or lead to no node of ours.
    fn look_over(&mut self, blocked: bool) {
        let now = Instant::now();
        if blocked {
            self.deaf = true;
            return;
        }
        if std::mem::take(&mut self.deaf) {
            self.connections.excuse(now);
            self.servers.excuse(now);
        }
        let behaviour = self.swarm.behaviour();
        let streams = &behaviour.streams;
        let crowd = !self.resting.is_empty();
        let calm = self.connections.calm(crowd, now, |id| streams.open_on(id));
        for (id, calm) in calm {
            behaviour.ping.set_calm(id, calm);
        }
        let gone = self.connections.expire(now, |id| streams.received(id));
        for (node, id) in gone {
            // Closing a dead connection well can take the kernel minutes, so it counts as closed
            // from here on. One that is not proven counted for nothing, and questions wait until it
            // is gone indeed.
            if self.connections.is_proven(node, id) {
                self.forget(node, id);
            }
            self.swarm.close_connection(id);
        }
        for id in self.servers.expire(now, SILENCE) {
            self.swarm.close_connection(id);
        }
        self.look_over_paths(now);
        self.look_over_resting(now);
        self.join_early(now);
    }

    fn forget(&mut self, node: NodeId, id: ConnectionId) {
        let streams = &self.swarm.behaviour().streams;
        let (carried, received) = (streams.carried(id), streams.received(id));
        let now = Instant::now();
        let silent = self.connections.fell_silent(node, id, received, now);
        if let Some((ip, since)) = silent {
            tracing::debug!(%node, %ip, "a connection fell silent");
            self.segments.fell_silent(ip, since, now);
        }
        match self.connections.remove(node, id) {
            Some(News::Disconnected) => {
                self.elsewhere.remove(&node);
                let gone = NetEvent::Disconnected { node, carried };
                self.outbox.push_back(gone);
            }
            news => self.tell(node, news),
        }
        self.release(node);
        self.path_ended(node);
    }

    fn tell(&mut self, node: NodeId, news: Option<News>) {
        let connected = matches!(news, Some(News::Connected(..)));
        self.outbox.extend(news.map(|news| match news {
            News::Connected(address, via) => NetEvent::Connected { node, address, via },
            News::Path(address, via) => NetEvent::Path { node, address, via },
            News::Disconnected => NetEvent::Disconnected { node, carried: 0 },
        }));
        if connected {
            self.awake(node);
        }
    }

    /// Takes a request of a stranger to the node, and its answer back.
    fn answer(
        &mut self,
        id: InboundRequestId,
        node: NodeId,
        channel: ResponseChannel<Response>,
    ) -> Reply {
        let (reply, replied) = oneshot::channel();
        let answering = async move {
            // After that time the asker is gone.
            let response = tokio::time::timeout(codec::TIMEOUT, replied).await;
            Some((id, node, channel, response.ok()?.ok()?))
        };
        self.answers.push(answering.boxed());
        Reply(reply)
    }
}
