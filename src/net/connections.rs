//! The table of connections: which node has which, which one is best, and which are dead or of no use.
//!
//! Pure: no sockets, and the time is an argument. A connection is dead when it showed no sign of life (an answered ping,
//! bytes on a stream, a message) for [`SILENCE`]. The ping's own verdict is not asked: libp2p hides the first failure,
//! and a ping may wait behind bulk on a connection that is very much alive.

use crate::core::{id::NodeId, via::Via};
use libp2p::swarm::ConnectionId;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// After this long without a sign of life a connection is given up: more than two pings, and early enough that a dead
/// host is no peer any more after 15 s.
pub(super) const SILENCE: Duration = Duration::from_secs(10);
/// A connection on which none of our protocols was spoken or named by then is closed.
pub(super) const INTRODUCTION: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug, Clone)]
struct Connection {
    id: ConnectionId,
    via: Via,
    tcp: bool,
    since: Instant,
    heard: Instant,
    received: u64,
    ours: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Connections {
    nodes: HashMap<NodeId, Vec<Connection>>,
}

impl Connections {
    /// Takes in a new connection; whether it is the node's first.
    pub(super) fn add(
        &mut self,
        node: NodeId,
        id: ConnectionId,
        via: Via,
        tcp: bool,
        now: Instant,
    ) -> bool {
        let all = self.nodes.entry(node).or_default();
        all.push(Connection {
            id,
            via,
            tcp,
            since: now,
            heard: now,
            received: 0,
            ours: false,
        });
        all.len() == 1
    }

    /// Forgets a connection; whether it was known and the node's last.
    pub(super) fn remove(&mut self, node: NodeId, id: ConnectionId) -> bool {
        let Some(all) = self.nodes.get_mut(&node) else {
            return false;
        };
        all.retain(|connection| connection.id != id);
        let last = all.is_empty();
        if last {
            self.nodes.remove(&node);
        }
        last
    }

    /// Whether there is any connection to a node.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.nodes.contains_key(&node)
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
        let all = self.nodes.get(&node)?;
        // `max_by_key` takes the last of equals, and the newest is last.
        all.iter()
            .max_by_key(|connection| (connection.via != Via::Relay, connection.tcp))
            .map(|connection| connection.id)
    }

    fn get(&mut self, node: NodeId, id: ConnectionId) -> Option<&mut Connection> {
        let all = self.nodes.get_mut(&node)?;
        all.iter_mut().find(|connection| connection.id == id)
    }

    /// The other side answered a ping.
    pub(super) fn heard(&mut self, node: NodeId, id: ConnectionId, now: Instant) {
        if let Some(connection) = self.get(node, id) {
            connection.heard = now;
        }
    }

    /// The other side spoke, or named, a protocol of ours.
    pub(super) fn introduced(&mut self, node: NodeId, id: ConnectionId, now: Instant) {
        if let Some(connection) = self.get(node, id) {
            connection.heard = now;
            connection.ours = true;
        }
    }

    /// Nobody could be heard until now, because this side did not listen.
    pub(super) fn excuse(&mut self, now: Instant) {
        for connection in self.nodes.values_mut().flatten() {
            connection.heard = now;
        }
    }

    /// The connections to close now. `received` gives the bytes that came in on one so far.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        received: impl Fn(ConnectionId) -> u64,
    ) -> Vec<(NodeId, ConnectionId)> {
        let mut gone = Vec::new();
        for (node, all) in &mut self.nodes {
            for connection in all {
                let count = received(connection.id);
                if count != connection.received {
                    connection.received = count;
                    connection.heard = now;
                }
                let silent = now.duration_since(connection.heard) >= SILENCE;
                let stranger =
                    !connection.ours && now.duration_since(connection.since) >= INTRODUCTION;
                if silent || stranger {
                    gone.push((*node, connection.id));
                }
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId([1; 32]);

    fn id(number: usize) -> ConnectionId {
        ConnectionId::new_unchecked(number)
    }

    #[test]
    fn bulk_goes_over_the_newest_straight_tcp_connection() {
        let now = Instant::now();
        let mut table = Connections::default();
        assert_eq!(table.best(NODE), None);
        assert!(table.add(NODE, id(1), Via::Relay, true, now));
        assert_eq!(table.best(NODE), Some(id(1)));
        assert!(!table.add(NODE, id(2), Via::Direct, false, now));
        assert_eq!(table.best(NODE), Some(id(2)));
        table.add(NODE, id(3), Via::Lan, true, now);
        table.add(NODE, id(4), Via::Lan, true, now);
        table.add(NODE, id(5), Via::Lan, false, now);
        assert_eq!(table.best(NODE), Some(id(4)));
    }

    #[test]
    fn a_node_is_gone_with_its_last_connection_and_only_once() {
        let now = Instant::now();
        let mut table = Connections::default();
        table.add(NODE, id(1), Via::Lan, true, now);
        table.add(NODE, id(2), Via::Lan, true, now);
        assert!(!table.remove(NODE, id(1)));
        assert!(table.remove(NODE, id(2)));
        assert!(!table.remove(NODE, id(2)));
        assert!(table.is_empty());
    }

    #[test]
    fn silence_ends_a_connection_and_bytes_keep_it() {
        let start = Instant::now();
        let mut table = Connections::default();
        table.add(NODE, id(1), Via::Lan, true, start);
        table.add(NODE, id(2), Via::Lan, true, start);
        let half = start + SILENCE / 2;
        let bytes = |connection| u64::from(connection == id(2));
        assert!(table.expire(half, bytes).is_empty());
        assert_eq!(table.expire(start + SILENCE, bytes), [(NODE, id(1))]);
        // No further bytes: the second one's time is up too.
        assert_eq!(table.expire(half + SILENCE, bytes).len(), 2);
        table.excuse(half + SILENCE);
        assert!(table.expire(half + SILENCE, bytes).is_empty());
    }

    #[test]
    fn who_never_speaks_our_protocols_is_closed_after_a_minute() {
        let start = Instant::now();
        let mut table = Connections::default();
        table.add(NODE, id(1), Via::Lan, true, start);
        table.add(NODE, id(2), Via::Lan, true, start);
        table.introduced(NODE, id(2), start);
        table.excuse(start + INTRODUCTION);
        assert_eq!(table.expire(start + INTRODUCTION, |_| 0), [(NODE, id(1))]);
    }
}
