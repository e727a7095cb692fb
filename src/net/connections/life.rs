//! Which connections live: a sign of life in time, a protocol of ours, and the proof where one is
//! needed. The others are closed.

use super::{Connections, proof::PROOF};
use crate::{
    core::id::NodeId,
    net::segments::{BULK, QUIET},
};
use libp2p::swarm::ConnectionId;
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

/// After this long without a sign of life a connection is given up: more than two pings, and early
/// enough that a dead host is no peer any more after 15 s.
pub(in crate::net) const SILENCE: Duration = Duration::from_secs(10);
/// A connection on which none of our protocols was spoken or named by then is closed.
pub(super) const INTRODUCTION: Duration = Duration::from_secs(60);

impl Connections {
    /// The other end of a connection with ordinary segments that gave no sign of life of late and
    /// never carried bulk, and since when it stood.
    pub(in crate::net) fn fell_silent(
        &self,
        node: NodeId,
        id: ConnectionId,
        received: u64,
        now: Instant,
    ) -> Option<(IpAddr, Instant)> {
        let known = self.nodes.get(&node)?;
        let connection = known.all.iter().find(|known| known.id == id)?;
        let path = connection.path;
        let ordinary = path.tcp && connection.straight() && connection.proven() && !path.small;
        let silent = received == connection.received
            && received < BULK
            && now.duration_since(connection.heard) >= QUIET;
        (ordinary && silent && !connection.calm).then(|| (path.address.ip(), connection.since))
    }

    /// The other side pinged, or answered a ping.
    pub(in crate::net) fn heard(&mut self, node: NodeId, id: ConnectionId, now: Instant) {
        if let Some(connection) = self.get(node, id) {
            connection.heard = now;
        }
    }

    /// The other side spoke, or named, a protocol of ours.
    pub(in crate::net) fn introduced(&mut self, node: NodeId, id: ConnectionId, now: Instant) {
        if let Some(connection) = self.get(node, id) {
            (connection.heard, connection.used) = (now, now);
            connection.ours = true;
        }
    }

    /// No peer could be heard until now, because this side did not listen.
    pub(in crate::net) fn excuse(&mut self, now: Instant) {
        for known in self.nodes.values_mut() {
            for connection in &mut known.all {
                connection.heard = now;
                connection.due = now + PROOF;
            }
        }
    }

    /// The connections to close now. `received` gives the bytes that came in on one so far.
    pub(in crate::net) fn expire(
        &mut self,
        now: Instant,
        received: impl Fn(ConnectionId) -> u64,
    ) -> Vec<(NodeId, ConnectionId)> {
        let mut gone = Vec::new();
        for (node, known) in &mut self.nodes {
            for connection in &mut known.all {
                let count = received(connection.id);
                if count != connection.received {
                    connection.received = count;
                    connection.heard = now;
                }
                let silent = now.duration_since(connection.heard) >= connection.silence();
                let stranger =
                    !connection.ours && now.duration_since(connection.since) >= INTRODUCTION;
                let unproven = !connection.proven() && now >= connection.due;
                if silent || stranger || unproven {
                    gone.push((*node, connection.id));
                }
            }
        }
        gone
    }
}
