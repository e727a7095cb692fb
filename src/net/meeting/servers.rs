//! The driver's table of rendezvous servers: those being dialled, those connected, and what is
//! asked of them.
//!
//! Pure: no sockets, and the time is an argument. Invariants: every table here has a bound; an
//! entry of `all` stands as long as its connection does.

use super::super::command::Answer;
use crate::{core::id::NodeId, wire::directory::Response};
use libp2p::{
    Multiaddr, core::transport::ListenerId, request_response::OutboundRequestId,
    swarm::ConnectionId,
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Servers that are connected or being dialled: 32 that were named, 12 that were found.
pub(in crate::net) const MAX_SERVERS: usize = 48;
/// Addresses of a node that one answer may name.
pub(in crate::net) const MAX_ADDRESSES: usize = 8;
/// Nodes at one server whose addresses are kept.
const MAX_FOUND: usize = 2048;
/// Of a server that was only visited so many are kept until the next visit.
const MAX_FOUND_THERE: usize = 256;
/// Namespaces of one server of which it is known how far it was read.
const MAX_COOKIES: usize = 64;
/// Questions without an answer yet.
pub(in crate::net) const MAX_ASKED: usize = 256;
/// Nodes being looked for.
pub(in crate::net) const MAX_MEETS: usize = 128;
/// Addresses of this node that servers were asked to try, in all its life.
const MAX_TESTED: usize = 64;
/// How long a node that answers may take to say which it is.
const INTRODUCTION: Duration = Duration::from_secs(10);

/// A dial to a server.
#[derive(Debug)]
pub(in crate::net) struct Dial {
    /// Who is expected, if that is known.
    pub expected: Option<NodeId>,
    /// All the addresses.
    pub addresses: Vec<SocketAddr>,
    /// Those still to be tried: without a key only one can be dialled at a time.
    pub rest: VecDeque<SocketAddr>,
}

/// A server that answered.
pub(in crate::net) struct Server {
    /// The connection that is kept.
    pub connection: ConnectionId,
    /// Where it was dialled.
    pub address: SocketAddr,
    /// All the addresses that the dial had.
    pub addresses: Vec<SocketAddr>,
    /// Whether it said that it is a server.
    pub known: bool,
    /// Another connection, made to see what QUIC looks like from outside.
    pub quic: Option<ConnectionId>,
    /// The circuit listener, and whether the server agreed.
    pub reservation: Option<(ListenerId, bool)>,
    since: Instant,
    heard: Instant,
    cookies: HashMap<String, Vec<u8>>,
    found: HashMap<NodeId, Vec<SocketAddr>>,
    /// It is left for now, and visited again.
    pub visited: bool,
    /// It was visited before.
    pub seen_before: bool,
}

/// What is kept of a server between two visits.
#[derive(Default)]
struct Visited {
    cookies: HashMap<String, Vec<u8>>,
    found: HashMap<NodeId, Vec<SocketAddr>>,
}

impl Server {
    pub(in crate::net) fn new(
        connection: ConnectionId,
        address: SocketAddr,
        addresses: Vec<SocketAddr>,
        now: Instant,
    ) -> Self {
        Self {
            connection,
            address,
            addresses,
            known: false,
            quic: None,
            reservation: None,
            since: now,
            heard: now,
            cookies: HashMap::new(),
            found: HashMap::new(),
            visited: false,
            seen_before: false,
        }
    }

    /// How far a namespace was read.
    pub(in crate::net) fn cookie(&self, namespace: &str) -> Option<Vec<u8>> {
        self.cookies.get(namespace).cloned()
    }

    /// Remembers how far a namespace was read, or that it has to be read from the beginning.
    pub(in crate::net) fn set_cookie(&mut self, namespace: &str, cookie: Option<Vec<u8>>) -> bool {
        let Some(cookie) = cookie else {
            return self.cookies.remove(namespace).is_some();
        };
        let room = self.cookies.len() < MAX_COOKIES || self.cookies.contains_key(namespace);
        if room {
            self.cookies.insert(namespace.to_owned(), cookie);
        }
        room
    }

    /// Remembers where a node says that it is.
    pub(in crate::net) fn found(&mut self, node: NodeId, addresses: Vec<SocketAddr>) {
        if addresses.is_empty() {
            self.found.remove(&node);
            return;
        }
        if self.found.len() >= MAX_FOUND
            && !self.found.contains_key(&node)
            && let Some(any) = self.found.keys().next().copied()
        {
            self.found.remove(&any);
        }
        self.found.insert(node, addresses);
    }

    /// Where a node said that it is.
    pub(in crate::net) fn addresses_of(&self, node: &NodeId) -> &[SocketAddr] {
        self.found.get(node).map_or(&[], Vec::as_slice)
    }
}

/// What an answer of a directory is for.
pub(in crate::net) enum Asked {
    /// The node asked.
    Node(Answer<Response>),
    /// From where the server sees a node, and whether that node is to be dialled then.
    Whence {
        /// Which server.
        server: NodeId,
        /// Which node.
        node: NodeId,
        /// Whether a task waits for it.
        meet: bool,
    },
}

/// What an answer of a rendezvous point is for.
pub(in crate::net) enum Pending {
    /// To be found under this name.
    Register(String),
    /// Nothing comes of it.
    Unregister,
    /// Who is to be found under this name.
    Discover(String),
}

/// A node that servers are asked about before it is dialled.
#[derive(Debug, Default)]
pub(in crate::net) struct Meet {
    /// Servers that have not answered.
    pub open: usize,
}

/// See the module.
#[derive(Default)]
pub(in crate::net) struct Servers {
    pub dials: HashMap<ConnectionId, Dial>,
    pub all: HashMap<NodeId, Server>,
    pub asked: HashMap<OutboundRequestId, Asked>,
    pub pending: HashMap<OutboundRequestId, (NodeId, Pending)>,
    pub meets: HashMap<NodeId, Meet>,
    /// Addresses that servers were asked to try: libp2p never forgets one.
    tested: HashSet<Multiaddr>,
    /// Joins that wait for the listening port to be known.
    pub early: Vec<Dial>,
    /// At most [`MAX_SERVERS`], any of which makes room for a new one.
    visited: HashMap<NodeId, Visited>,
}

impl Servers {
    /// Whether a server is connected or being dialled under this key or at one of these addresses.
    pub(in crate::net) fn busy(&self, server: Option<NodeId>, addresses: &[SocketAddr]) -> bool {
        let dials = self.dials.values().chain(&self.early);
        let dialled = |dial: &Dial| {
            (server.is_some() && dial.expected == server)
                || dial.addresses.iter().any(|at| addresses.contains(at))
        };
        server.is_some_and(|server| self.all.contains_key(&server))
            || self
                .all
                .values()
                .any(|server| addresses.contains(&server.address))
            || dials.into_iter().any(dialled)
    }

    /// A server answers. It is read on from where it was, if that is known.
    pub(in crate::net) fn enter(&mut self, node: NodeId, mut server: Server) {
        if let Some(visited) = self.visited.remove(&node) {
            (server.cookies, server.found) = (visited.cookies, visited.found);
            server.seen_before = true;
        }
        self.all.insert(node, server);
    }

    /// The connection to a server is gone. Of one that is visited again it is kept how far it was
    /// read.
    pub(in crate::net) fn visited(&mut self, node: NodeId, mut server: Server) {
        if !server.visited {
            return;
        }
        if self.visited.len() >= MAX_SERVERS
            && let Some(any) = self.visited.keys().next().copied()
        {
            self.visited.remove(&any);
        }
        while server.found.len() > MAX_FOUND_THERE
            && let Some(any) = server.found.keys().next().copied()
        {
            server.found.remove(&any);
        }
        let visited = Visited {
            cookies: server.cookies,
            found: server.found,
        };
        self.visited.insert(node, visited);
    }

    /// Whether a server may be asked to try that address.
    pub(in crate::net) fn tested(&mut self, address: &Multiaddr) -> bool {
        if self.tested.len() < MAX_TESTED {
            self.tested.insert(address.clone());
        }
        self.tested.contains(address)
    }

    /// How many there are, dials included.
    pub(in crate::net) fn len(&self) -> usize {
        self.dials.len() + self.early.len() + self.all.len()
    }

    /// The server that was dialled at this socket.
    pub(in crate::net) fn at(&self, socket: SocketAddr) -> Option<NodeId> {
        let mut all = self.all.iter();
        all.find(|(_, server)| server.address == socket)
            .map(|(node, _)| *node)
    }

    /// All sockets that are theirs.
    pub(in crate::net) fn sockets(&self) -> HashSet<SocketAddr> {
        let dials = self.dials.values().flat_map(|dial| &dial.addresses);
        let connected = self.all.values().map(|server| &server.address);
        dials.chain(connected).copied().collect()
    }

    /// A connected server that said that it is one.
    pub(in crate::net) fn known(&mut self, server: NodeId) -> Option<&mut Server> {
        self.all.get_mut(&server).filter(|server| server.known)
    }

    /// The server of a circuit listener.
    pub(in crate::net) fn listening(&mut self, id: ListenerId) -> Option<(NodeId, &mut Server)> {
        self.all
            .iter_mut()
            .find(|(_, server)| {
                server
                    .reservation
                    .is_some_and(|(listener, _)| listener == id)
            })
            .map(|(node, server)| (*node, server))
    }

    /// A server showed a sign of life.
    pub(in crate::net) fn heard(&mut self, id: ConnectionId, now: Instant) {
        for server in self.all.values_mut() {
            if server.connection == id {
                server.heard = now;
            }
        }
    }

    /// No peer could be heard until now.
    pub(in crate::net) fn excuse(&mut self, now: Instant) {
        for server in self.all.values_mut() {
            server.heard = now;
        }
    }

    /// The connections to close: silent for too long, or not introduced.
    pub(in crate::net) fn expire(&self, now: Instant, silence: Duration) -> Vec<ConnectionId> {
        self.all
            .values()
            .filter(|server| {
                now.duration_since(server.heard) >= silence
                    || (!server.known && now.duration_since(server.since) >= INTRODUCTION)
            })
            .map(|server| server.connection)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(visited: bool) -> Server {
        let at = SocketAddr::from(([10, 0, 0, 1], 12000));
        let id = ConnectionId::new_unchecked(1);
        let mut server = Server::new(id, at, vec![at], Instant::now());
        server.visited = visited;
        server
    }

    fn key(n: usize) -> NodeId {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        NodeId(key)
    }

    #[test]
    fn a_visited_server_is_read_on_from_where_it_was_and_another_one_anew() {
        let mut servers = Servers::default();
        for (n, visited) in [(1, true), (2, false)] {
            let mut left = server(visited);
            left.set_cookie("sprat", Some(vec![7]));
            left.found(key(100), vec![left.address]);
            servers.visited(key(n), left);
            servers.enter(key(n), server(false));
            let again = &servers.all[&key(n)];
            assert_eq!(again.seen_before, visited);
            assert_eq!(again.cookie("sprat").is_some(), visited);
            assert_eq!(again.addresses_of(&key(100)).len(), usize::from(visited));
        }
    }

    #[test]
    fn what_is_kept_between_visits_is_bounded_by_servers_and_by_nodes() {
        let mut servers = Servers::default();
        for n in 0..200 {
            let mut left = server(true);
            for node in 0..MAX_FOUND + 10 {
                left.found(key(node), vec![left.address]);
            }
            servers.visited(key(n), left);
        }
        assert_eq!(servers.visited.len(), MAX_SERVERS);
        let kept = |visited: &Visited| visited.found.len() == MAX_FOUND_THERE;
        assert!(servers.visited.values().all(kept));
    }
}
