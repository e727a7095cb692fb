//! How far connections are with the proof that both ends know the swarm's key, where there is one.

use super::{Connection, Connections};
use crate::core::id::NodeId;
use libp2p::swarm::ConnectionId;
use std::time::{Duration, Instant};

/// How long a connection may stand that is to be proven (see `driver::proof`); with the look every
/// half second that makes under 5 s.
pub(super) const PROOF: Duration = Duration::from_secs(4);

/// How far a connection is with the proof that both ends know the swarm's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Proof {
    /// Nothing is proven yet.
    None,
    /// Nor has the other end begun, which may.
    Awaited,
    /// The other end knows the key. It may not know yet that this one does.
    Theirs,
    /// Both do.
    Both,
}

impl Connections {
    /// How far the proof of a connection is, unless it came to its end.
    pub(in crate::net) fn proof(&mut self, node: NodeId, id: ConnectionId, proof: Proof) {
        if let Some(connection) = self.get(node, id).filter(|known| !known.proven()) {
            connection.proof = proof;
        }
    }

    /// A connection is proven; whether that is new. What has changed is to be asked for.
    pub(in crate::net) fn prove(&mut self, node: NodeId, id: ConnectionId, now: Instant) -> bool {
        let Some(connection) = self.get(node, id).filter(|known| !known.proven()) else {
            return false;
        };
        connection.proof = Proof::Both;
        connection.since = now;
        true
    }

    fn stage(&self, node: NodeId, id: ConnectionId) -> Option<Proof> {
        let mut all = self.nodes.get(&node)?.all.iter();
        let connection = all.find(|connection| connection.id == id)?;
        Some(connection.proof)
    }

    /// Whether the other end of a connection may begin with the proof.
    pub(in crate::net) fn awaits_proof(&self, node: NodeId, id: ConnectionId) -> bool {
        self.stage(node, id) == Some(Proof::Awaited)
    }

    /// Whether nothing is missing but that the other end says that it is convinced.
    pub(in crate::net) fn awaits_welcome(&self, node: NodeId, id: ConnectionId) -> bool {
        self.stage(node, id) == Some(Proof::Theirs)
    }

    /// Whether a connection is proven.
    pub(in crate::net) fn is_proven(&self, node: NodeId, id: ConnectionId) -> bool {
        self.stage(node, id) == Some(Proof::Both)
    }

    /// Whether a connection to a node is not proven yet.
    pub(in crate::net) fn is_proving(&self, node: NodeId) -> bool {
        let known = self.nodes.get(&node);
        known.is_some_and(|known| !known.all.iter().all(Connection::proven))
    }
}
