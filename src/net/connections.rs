//! The table of connections: which node has which, which one is best, and which are dead or of no
//! use.
//!
//! Pure: no sockets, and the time is an argument. A connection is dead when it showed no sign of
//! life (an answered ping, bytes on a stream, a message) for [`SILENCE`]. The ping's own verdict is
//! not asked: libp2p hides the first failure, and a ping may wait behind bulk on a connection that
//! is very much alive.

mod idle;
mod life;
mod proof;
#[cfg(test)]
mod tests;

pub(super) use life::SILENCE;
pub(super) use proof::Proof;

use crate::core::{id::NodeId, via::Via};
use libp2p::swarm::ConnectionId;
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// How long a straight connection must have stood before the relayed ones are closed: streams on
/// those may end.
const STANDS: Duration = Duration::from_millis(300);

/// How long two straight connections to one place must have stood before one of them is closed:
/// both ends know of both by then.
const SETTLED: Duration = Duration::from_secs(3);

/// What is known of a connection from its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    /// The other end; of a circuit, the server.
    pub address: SocketAddr,
    /// The kind of path.
    pub via: Via,
    /// Whether it runs over TCP.
    pub tcp: bool,
    /// Whether its handshake alone shows that both ends are of the same swarm.
    pub proven: bool,
    /// Whether it was dialled with small segments (see `segments`).
    pub small: bool,
    /// Where this end connected to; `None` where the other end did.
    pub dialled: Option<SocketAddr>,
}

/// What changed for a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It is connected now.
    Connected(SocketAddr, Via),
    /// It is reached in another way now.
    Path(SocketAddr, Via),
    /// It is not connected any more.
    Disconnected,
}

/// One connection.
#[derive(Debug, Clone)]
struct Connection {
    id: ConnectionId,
    path: Path,
    since: Instant,
    heard: Instant,
    received: u64,
    ours: bool,
    /// A person named where it leads.
    named: bool,
    used: Instant,
    /// It is only kept: the other end is looked after less often.
    calm: bool,
    proof: Proof,
    /// When it must be proven at the latest.
    due: Instant,
}

impl Connection {
    fn straight(&self) -> bool {
        self.path.via != Via::Relay
    }

    fn proven(&self) -> bool {
        self.proof == Proof::Both
    }
}

#[derive(Default)]
struct Node {
    all: Vec<Connection>,
    /// What was last said of it.
    told: Option<Via>,
}

impl Node {
    /// Straight before relayed, TCP before QUIC, of straight ones the newest. Of relayed ones the
    /// oldest: a newer one was made for another try at a straight path, and goes when that fails.
    fn best(&self, relayed: bool) -> Option<&Connection> {
        let usable = self.all.iter().enumerate();
        usable
            .filter(|(_, connection)| connection.proven() && (relayed || connection.straight()))
            .max_by_key(|(at, connection)| {
                let straight = connection.straight();
                let age = if straight { *at } else { usize::MAX - at };
                (straight, connection.path.tcp, age)
            })
            .map(|(_, connection)| connection)
    }
}

/// See the module.
pub(super) struct Connections {
    nodes: HashMap<NodeId, Node>,
    /// Whether a node counts as connected that is reached by relay only.
    relayed: bool,
}

impl Connections {
    /// An empty table.
    pub(super) fn new(relayed: bool) -> Self {
        Self {
            nodes: HashMap::new(),
            relayed,
        }
    }

    /// Takes in a new connection.
    pub(super) fn add(
        &mut self,
        node: NodeId,
        id: ConnectionId,
        path: Path,
        now: Instant,
    ) -> Option<News> {
        self.nodes.entry(node).or_default().all.push(Connection {
            id,
            path,
            since: now,
            heard: now,
            received: 0,
            ours: false,
            named: false,
            used: now,
            calm: false,
            proof: if path.proven {
                Proof::Both
            } else {
                Proof::None
            },
            due: now + proof::PROOF,
        });
        self.news(node)
    }

    /// Forgets a connection, if it was known.
    pub(super) fn remove(&mut self, node: NodeId, id: ConnectionId) -> Option<News> {
        let known = self.nodes.get_mut(&node)?;
        known.all.retain(|connection| connection.id != id);
        let news = self.news(node);
        if self
            .nodes
            .get(&node)
            .is_some_and(|known| known.all.is_empty())
        {
            self.nodes.remove(&node);
        }
        news
    }

    /// What has changed since the last time, of what can be seen.
    pub(super) fn news(&mut self, node: NodeId) -> Option<News> {
        let known = self.nodes.get_mut(&node)?;
        let best = known.best(self.relayed).map(|best| best.path);
        match (known.told, best) {
            (None, Some(path)) => {
                known.told = Some(path.via);
                Some(News::Connected(path.address, path.via))
            }
            (Some(told), Some(path)) if told != path.via => {
                known.told = Some(path.via);
                Some(News::Path(path.address, path.via))
            }
            (Some(_), None) => {
                known.told = None;
                Some(News::Disconnected)
            }
            _ => None,
        }
    }

    /// Whether a node counts as connected.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|known| known.told.is_some())
    }

    /// Whether a connection was made to that socket.
    pub(super) fn leads_to(&self, address: SocketAddr) -> bool {
        let mut all = self.nodes.values().flat_map(|known| &known.all);
        all.any(|connection| connection.straight() && connection.path.address == address)
    }

    /// Whether there is any connection to a node, even one that may not be used.
    pub(super) fn has_any(&self, node: NodeId) -> bool {
        self.nodes.contains_key(&node)
    }

    /// Whether there is a proven connection to a node without a relay.
    pub(super) fn has_straight(&self, node: NodeId) -> bool {
        let straight = |connection: &Connection| connection.straight() && connection.proven();
        let known = self.nodes.get(&node);
        known.is_some_and(|known| known.all.iter().any(straight))
    }

    /// Whether a connection may carry more than its proof and the attempt at a straight path.
    pub(super) fn serves(&self, node: NodeId, id: ConnectionId) -> bool {
        let Some(known) = self.nodes.get(&node) else {
            return false;
        };
        let mut usable = known.all.iter().filter(|known| known.proven());
        usable.any(|connection| connection.id == id && (self.relayed || connection.straight()))
    }

    /// The relayed connections to a node.
    pub(super) fn relayed(&self, node: NodeId) -> Vec<ConnectionId> {
        let all = self.nodes.get(&node).map(|known| &known.all);
        all.into_iter()
            .flatten()
            .filter(|connection| !connection.straight())
            .map(|connection| connection.id)
            .collect()
    }

    /// The relayed connections that are of no use any more, because a straight one stands.
    pub(super) fn spare(&self, now: Instant) -> Vec<(NodeId, ConnectionId)> {
        let mut spare = Vec::new();
        for (node, known) in &self.nodes {
            let stands = known.all.iter().any(|connection| {
                let stood = now.duration_since(connection.since) >= STANDS;
                connection.straight() && connection.proven() && stood
            });
            let relayed = known
                .all
                .iter()
                .filter(|connection| stands && !connection.straight());
            spare.extend(relayed.map(|connection| (*node, connection.id)));
        }
        spare
    }

    /// Straight connections beside another one to the same place, on which nothing happens: both
    /// ends dialled at once. The node of the smaller id decides which one stays, or each end would
    /// close another. Not beyond a LAN: there bulk needs one that this end made. `open` gives the
    /// streams of a connection.
    pub(super) fn surplus(
        &self,
        me: NodeId,
        now: Instant,
        open: impl Fn(ConnectionId) -> usize,
    ) -> Vec<ConnectionId> {
        let mut surplus = Vec::new();
        for (node, known) in &self.nodes {
            if me > *node || known.all.len() < 2 {
                continue;
            }
            let lan = |one: &&Connection| one.path.via == Via::Lan && one.path.tcp && one.proven();
            let lan: Vec<&Connection> = known.all.iter().filter(lan).collect();
            for (at, one) in lan.iter().enumerate() {
                let ip = one.path.address.ip();
                let twins = lan.iter().enumerate();
                let mut twins = twins.filter(|(_, twin)| twin.path.address.ip() == ip);
                // The newest stays, for new streams are on that.
                let better = twins
                    .any(|(other, twin)| other > at && now.duration_since(twin.since) >= SETTLED);
                if better && open(one.id) == 0 {
                    surplus.push(one.id);
                }
            }
        }
        surplus
    }

    /// Whether one of several connections to a node may be closed while others stand.
    pub(super) fn may_lose_one(&self, node: NodeId) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|known| known.all.len() > 1)
    }

    /// How many connections there are to a node.
    #[cfg(test)]
    pub(super) fn count(&self, node: NodeId) -> usize {
        self.nodes.get(&node).map_or(0, |known| known.all.len())
    }

    /// Whether there is no connection at all.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every node that is connected.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    /// The connection for bulk: straight before relayed, TCP before QUIC, the newest of those.
    pub(super) fn best(&self, node: NodeId) -> Option<ConnectionId> {
        let known = self.nodes.get(&node)?;
        known.best(self.relayed).map(|best| best.id)
    }

    /// The straight connections over TCP, the newest to each address; without any, the best one.
    pub(super) fn paths(&self, node: NodeId) -> Vec<ConnectionId> {
        let mut newest: Vec<&Connection> = Vec::new();
        for one in self.bulk(node) {
            newest.retain(|known| known.path.address.ip() != one.path.address.ip());
            newest.push(one);
        }
        if newest.is_empty() {
            return self.best(node).into_iter().collect();
        }
        newest.iter().map(|one| one.id).collect()
    }

    /// Where a bulk connection beside that one would lead: with port 0 where only the other end
    /// knows its port. `None` where there can be none, or hardly: over a server, by QUIC, with
    /// small segments, or back through a router.
    pub(super) fn bulk_address(&self, node: NodeId, id: ConnectionId) -> Option<SocketAddr> {
        let path = self.bulk(node).find(|one| one.id == id)?.path;
        let near = (path.via == Via::Lan).then(|| {
            let mut at = path.address; // An interface's own part of it has to stay.
            at.set_port(0);
            at
        });
        path.dialled.or(near).filter(|_| !path.small)
    }

    /// Where those lead.
    pub(super) fn straight_ips(&self, node: NodeId) -> Vec<IpAddr> {
        let all = self.bulk(node);
        all.map(|one| one.path.address.ip()).collect()
    }

    fn bulk(&self, node: NodeId) -> impl Iterator<Item = &Connection> {
        let all = self
            .nodes
            .get(&node)
            .into_iter()
            .flat_map(|known| &known.all);
        all.filter(|one| one.proven() && one.straight() && one.path.tcp)
    }

    fn get(&mut self, node: NodeId, id: ConnectionId) -> Option<&mut Connection> {
        let known = self.nodes.get_mut(&node)?;
        known.all.iter_mut().find(|connection| connection.id == id)
    }
}
