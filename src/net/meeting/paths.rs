//! Circuits under way to straight paths: until when bulk waits, when to try again, and when to give
//! one up.
//!
//! Pure: no sockets, and the time is an argument. Invariant: an entry stands as long as a node is
//! connected by relay and not straight.

use super::super::streams::Opened;
use crate::core::id::NodeId;
use crate::wire::protocol::Protocol;
use libp2p::swarm::ConnectionId;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How long bulk waits for a straight path.
const HOPE: Duration = Duration::from_secs(3);
/// How long a circuit stands that serves for nothing but the attempt.
pub(in crate::net) const ATTEMPT: Duration = Duration::from_secs(10);
/// When a straight path is tried again, at first and at most.
const PAUSE: Duration = Duration::from_secs(60);
const MAX_PAUSE: Duration = Duration::from_secs(600);
/// Dials for straight paths that one node may have made within [`PAUSE`]: an attempt is three, and
/// both ends may begin one. libp2p remembers each of them for good.
const MAX_DIALS: u32 = 12;
/// Nodes of which it is remembered that the last attempt failed.
const MAX_BARREN: usize = 256;
/// Streams that wait.
const MAX_WAITING: usize = 256;

/// A stream that waits for a straight path.
pub(in crate::net) struct Waiting {
    pub node: NodeId,
    pub protocol: Protocol,
    /// Where it is to be opened, if that still stands.
    pub on: Option<ConnectionId>,
    pub opened: Opened,
}

/// A node that is connected by relay.
#[derive(Debug)]
struct Circuit {
    /// Over which server.
    server: NodeId,
    since: Instant,
    /// The attempt ended without a straight path.
    failed: bool,
    /// This end dialled, so this end tries again.
    ours: bool,
    retry: Instant,
    pause: Duration,
    /// A circuit made for another attempt, and since when.
    fresh: Option<(ConnectionId, Instant)>,
    /// Dials for a straight path since a moment.
    dials: u32,
    dials_since: Instant,
}

/// See the module.
#[derive(Default)]
pub(in crate::net) struct Circuits {
    all: HashMap<NodeId, Circuit>,
    waiting: Vec<Waiting>,
    /// To whom no straight path was found while the last circuit stood, and when that ended. (A
    /// server ends it after some bytes, and bulk is not to wait again for what was tried a moment
    /// ago.)
    barren: HashMap<NodeId, Instant>,
}

impl Circuits {
    /// A circuit to a node stands.
    pub(in crate::net) fn stands(
        &mut self,
        node: NodeId,
        id: ConnectionId,
        server: NodeId,
        ours: bool,
        now: Instant,
    ) {
        if let Some(circuit) = self.all.get_mut(&node) {
            if ours {
                circuit.fresh = Some((id, now));
            }
            return;
        }
        let circuit = Circuit {
            server,
            since: now,
            failed: self.barren.remove(&node).is_some_and(|at| now < at + PAUSE),
            ours,
            retry: now + PAUSE,
            pause: PAUSE,
            fresh: None,
            dials: 0,
            dials_since: now,
        };
        self.all.insert(node, circuit);
    }

    /// The node is connected straight.
    pub(in crate::net) fn straight(&mut self, node: NodeId) {
        self.all.remove(&node);
        self.barren.remove(&node);
    }

    /// The node is connected by relay no more; whether it was this end that had dialled the
    /// circuit.
    pub(in crate::net) fn end(&mut self, node: NodeId, now: Instant) -> bool {
        let Some(circuit) = self.all.remove(&node) else {
            return false;
        };
        if circuit.failed || now.duration_since(circuit.since) >= HOPE {
            if self.barren.len() >= MAX_BARREN {
                self.barren.retain(|_, at| now < *at + PAUSE);
            }
            if self.barren.len() < MAX_BARREN {
                self.barren.insert(node, now);
            }
        }
        circuit.ours
    }

    /// The attempt at a straight path failed. A circuit that was made for it alone is to be closed.
    pub(in crate::net) fn failed(&mut self, node: NodeId) -> Option<ConnectionId> {
        let circuit = self.all.get_mut(&node)?;
        circuit.failed = true;
        circuit.fresh.take().map(|(id, _)| id)
    }

    /// The node had a straight path dialled; whether that is more than it may.
    pub(in crate::net) fn is_too_much(&mut self, node: NodeId, now: Instant) -> bool {
        let Some(circuit) = self.all.get_mut(&node) else {
            return false;
        };
        if now.duration_since(circuit.dials_since) >= PAUSE {
            (circuit.dials, circuit.dials_since) = (0, now);
        }
        circuit.dials += 1;
        circuit.dials > MAX_DIALS
    }

    /// Whether bulk had better wait.
    pub(in crate::net) fn hopeful(&self, node: NodeId, now: Instant) -> bool {
        self.all
            .get(&node)
            .is_some_and(|circuit| !circuit.failed && now.duration_since(circuit.since) < HOPE)
    }

    /// The nodes whose circuits have had their chance, for those who want no relay.
    pub(in crate::net) fn given_up(&self, now: Instant) -> Vec<NodeId> {
        let over =
            |circuit: &Circuit| circuit.failed || now.duration_since(circuit.since) >= ATTEMPT;
        self.all
            .iter()
            .filter(|(_, circuit)| over(circuit))
            .map(|(node, _)| *node)
            .collect()
    }

    /// Circuits that were made for an attempt that did not end.
    pub(in crate::net) fn stale(&mut self, now: Instant) -> Vec<ConnectionId> {
        let mut stale = Vec::new();
        for circuit in self.all.values_mut() {
            let old = circuit
                .fresh
                .take_if(|(_, since)| now.duration_since(*since) >= ATTEMPT);
            stale.extend(old.map(|(id, _)| id));
        }
        stale
    }

    /// The nodes to which a straight path is to be tried again now, with the server to do it over.
    pub(in crate::net) fn retries(&mut self, now: Instant) -> Vec<(NodeId, NodeId)> {
        let mut due = Vec::new();
        for (node, circuit) in &mut self.all {
            if circuit.ours && now >= circuit.retry {
                circuit.pause = (circuit.pause * 2).min(MAX_PAUSE);
                circuit.retry = now + circuit.pause;
                due.push((*node, circuit.server));
            }
        }
        due
    }

    /// Lets a stream wait; gives it back when too many do.
    pub(in crate::net) fn wait(&mut self, waiting: Waiting) -> Result<(), Waiting> {
        if self.waiting.len() >= MAX_WAITING {
            return Err(waiting);
        }
        self.waiting.push(waiting);
        Ok(())
    }

    /// The streams that need not wait any longer.
    pub(in crate::net) fn ready(&mut self, now: Instant) -> Vec<Waiting> {
        let all = std::mem::take(&mut self.waiting);
        let (waiting, ready) = all
            .into_iter()
            .filter(|waiting| !waiting.opened.is_closed())
            .partition(|waiting| self.hopeful(waiting.node, now));
        self.waiting = waiting;
        ready
    }
}

#[cfg(test)]
mod tests;
