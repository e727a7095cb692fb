//! The other servers that this one knows: asks them whose a name is.
//!
//! Owns a small swarm that only dials, with the server's own key, and one task. Decides nothing
//! that [`PeerServers`] can decide. Invariants: it asks what any node may ask of a server, about
//! that server's own names alone, so nothing goes round in circles; it believes a server nothing
//! but what the owner of a name signed for that server; it connects to nobody but those whom this
//! server's owner named, by their keys, when there is something to ask.

use crate::{
    core::{
        Now,
        id::NodeId,
        peer_servers::{MAX_PEER_SERVERS, PeerServers, Said},
        people::fold,
    },
    net::{NetError, address, codec, identity},
    wire::directory::{Entry, Request, Response},
};
use futures::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, noise,
    request_response::{Event, Message, OutboundRequestId},
    swarm::SwarmEvent,
    tcp, yamux,
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep_until, timeout},
};

/// Questions that wait for the task.
const WAITING: usize = 64;
/// An idle connection is kept so long for the next question.
const IDLE: Duration = Duration::from_secs(60);
/// How long a name may take to be found out.
const RESOLVE: Duration = Duration::from_secs(10);
/// Addresses of one server.
const MAX_ADDRESSES: usize = 8;

/// Another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerServer {
    /// Its key: nobody else is believed to be it.
    pub key: NodeId,
    /// `host:port`.
    pub host: String,
}

struct Ask {
    name: String,
    reply: oneshot::Sender<Said<Entry>>,
}

/// A handle to the task. It ends with the last one.
#[derive(Clone, Debug)]
pub struct Peers {
    asks: mpsc::Sender<Ask>,
}

impl Peers {
    /// Nobody is connected before there is something to ask.
    ///
    /// # Errors
    /// [`NetError::Identity`] when the secret is none.
    pub fn start(secret: [u8; 32], mut servers: Vec<PeerServer>) -> Result<Self, NetError> {
        servers.truncate(MAX_PEER_SERVERS);
        let keys = identity::keypair(secret)
            .ok_or_else(|| NetError::Identity("not an Ed25519 secret".into()))?;
        let swarm = SwarmBuilder::with_existing_identity(keys)
            .with_tokio()
            .with_tcp(
                tcp::Config::new().nodelay(true),
                noise::Config::new,
                yamux::Config::default,
            )
            .map_err(|error| NetError::Identity(error.to_string()))?
            .with_behaviour(|_| codec::directory_client())
            .map_err(|error| NetError::Identity(error.to_string()))?
            .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
            .build();
        let (asks, asked) = mpsc::channel(WAITING);
        let task = Task {
            machine: PeerServers::new(servers.iter().map(|server| server.key)),
            swarm,
            begun: Instant::now(),
            servers: servers.into_iter().map(Place::new).collect(),
            replies: HashMap::new(),
            asked: HashMap::new(),
            resolving: FuturesUnordered::new(),
        };
        tokio::spawn(task.run(asked));
        Ok(Self { asks })
    }

    /// Who has this name at the others.
    pub async fn who_has(&self, name: String) -> Said<Entry> {
        let (reply, replied) = oneshot::channel();
        let asked = self.asks.try_send(Ask { name, reply });
        let said = async { replied.await.ok() };
        let said = match asked {
            Ok(()) => said.await,
            Err(_) => None,
        };
        said.unwrap_or(Said {
            found: Vec::new(),
            complete: false,
        })
    }
}

/// Where a server is.
struct Place {
    server: PeerServer,
    addresses: Vec<Multiaddr>,
    resolving: bool,
}

impl Place {
    fn new(server: PeerServer) -> Self {
        // An address is not looked up.
        let at = server.host.parse::<SocketAddr>();
        Self {
            server,
            addresses: at.into_iter().map(address::tcp).collect(),
            resolving: false,
        }
    }
}

struct Task {
    swarm: Swarm<codec::Behaviour<codec::Directory>>,
    machine: PeerServers<Entry>,
    begun: Instant,
    servers: Vec<Place>,
    /// What is asked, and who wants to know.
    replies: HashMap<u64, Ask>,
    asked: HashMap<OutboundRequestId, (u64, NodeId)>,
    resolving: FuturesUnordered<BoxFuture<'static, (NodeId, Vec<SocketAddr>)>>,
}

impl Task {
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        for at in 0..self.servers.len() {
            self.resolve(at);
        }
        loop {
            let due = self.machine.next_tick().map(|at| self.begun + at);
            tokio::select! {
                ask = asks.recv(), if self.machine.has_room() => match ask {
                    Some(ask) => self.ask(ask),
                    None => return,
                },
                event = self.swarm.select_next_some() => self.event(event),
                Some((key, addresses)) = self.resolving.next() => {
                    let mut servers = self.servers.iter_mut();
                    if let Some(place) = servers.find(|place| place.server.key == key) {
                        place.resolving = false;
                        place.addresses = addresses.into_iter().map(address::tcp).collect();
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {}
            }
            for (number, said) in self.machine.over(self.now()) {
                if let Some(ask) = self.replies.remove(&number) {
                    let _ = ask.reply.send(said); // Who asked may have gone.
                }
            }
        }
    }

    fn now(&self) -> Now {
        self.begun.elapsed()
    }

    /// Finds out where a server is, unless that is an address or being found out.
    fn resolve(&mut self, at: usize) {
        let place = &mut self.servers[at];
        if place.resolving || place.server.host.parse::<SocketAddr>().is_ok() {
            return;
        }
        place.resolving = true;
        let PeerServer { key, host } = place.server.clone();
        let found = async move {
            let found = timeout(RESOLVE, tokio::net::lookup_host(&host)).await;
            let usable = |at: &SocketAddr| !at.ip().is_unspecified() && !at.ip().is_multicast();
            let found = found.ok().and_then(Result::ok).into_iter().flatten();
            (key, found.filter(usable).take(MAX_ADDRESSES).collect())
        };
        self.resolving.push(found.boxed());
    }

    fn ask(&mut self, ask: Ask) {
        let now = self.now();
        let (number, servers) = self.machine.ask(now);
        for key in servers {
            let Some(at) = self
                .servers
                .iter()
                .position(|place| place.server.key == key)
            else {
                continue;
            };
            let addresses = self.servers[at].addresses.clone();
            let Some(peer) = identity::peer(key).filter(|_| !addresses.is_empty()) else {
                self.resolve(at);
                self.machine.silent(number, key, false, now);
                continue;
            };
            let request = Request::Person {
                name: ask.name.clone(),
                wide: false,
            };
            let client = self.swarm.behaviour_mut();
            let id = client.send_request_with_addresses(&peer, request, addresses);
            self.asked.insert(id, (number, key));
        }
        self.replies.insert(number, ask);
    }

    fn event(&mut self, event: SwarmEvent<Event<Request, Response>>) {
        let now = self.now();
        match event {
            SwarmEvent::Behaviour(Event::Message {
                message:
                    Message::Response {
                        request_id,
                        response,
                    },
                ..
            }) => {
                let Some((number, server)) = self.asked.remove(&request_id) else {
                    return;
                };
                let name = self.replies.get(&number).map(|ask| ask.name.as_str());
                match said(response, server, name.unwrap_or_default()) {
                    Ok(found) => self.machine.answered(number, server, found),
                    Err(why) => {
                        tracing::info!(server = %server.short(), "a peer server: {why}");
                        self.machine.silent(number, server, false, now);
                    }
                }
            }
            SwarmEvent::Behaviour(Event::OutboundFailure {
                request_id, error, ..
            }) => {
                if let Some((number, server)) = self.asked.remove(&request_id) {
                    tracing::debug!(server = %server.short(), %error, "a peer server is silent");
                    self.machine.silent(number, server, true, now);
                    let at = |place: &Place| place.server.key == server;
                    if let Some(at) = self.servers.iter().position(at) {
                        self.resolve(at);
                    }
                }
            }
            _ => {}
        }
    }
}

/// What a server's answer says of a name.
fn said(response: Response, server: NodeId, name: &str) -> Result<Option<Entry>, &'static str> {
    let people = match response {
        Response::Unknown => return Ok(None),
        Response::People { people, .. } => people,
        _ => return Err("it does not say whose the name is"),
    };
    let Some(entry) = people.into_iter().next() else {
        return Ok(None);
    };
    let claim = entry.claim.verify();
    let right = |claim: &crate::wire::directory::Claim| {
        claim.server == server && fold(&claim.name) == fold(name)
    };
    match claim {
        Ok(claim) if right(&claim) => Ok(Some(entry)),
        _ => Err("it says what the owner of the name did not sign for it"),
    }
}

#[cfg(test)]
mod tests;
