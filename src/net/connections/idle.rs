//! Which connections nobody needs: to nodes with which none is kept, on which nothing happened for
//! a while. And which are only kept, as those with the neighbours in a crowd are.
//!
//! The end that dialled decides, for it knows what for; the other one may want it as well, and then
//! dials itself when it is gone.

use super::{Connection, Connections, SILENCE};
use crate::{
    core::{id::NodeId, via::Via},
    net::ping::INTERVAL,
};
use libp2p::swarm::ConnectionId;
use std::time::{Duration, Instant};

/// How long such a connection stays without use: what is asked next is often asked of the same.
pub(in crate::net) const IDLE: Duration = Duration::from_secs(20);
/// The same while there are more than [`MANY`] of them.
pub(in crate::net) const BRIEF: Duration = Duration::from_secs(3);
/// See [`BRIEF`].
const MANY: usize = 32;

/// See [`SILENCE`]: the same of one that is only kept, on which there are fewer pings.
pub(in crate::net) const SILENCE_OF_CALM: Duration = Duration::from_secs(40);

impl Connection {
    /// How long it may be without a sign of life.
    pub(super) fn silence(&self) -> Duration {
        if self.calm { SILENCE_OF_CALM } else { SILENCE }
    }
}

impl Connections {
    /// Looks which connections are only kept, in a crowd, and tells of which that changed. Beyond a
    /// LAN pings keep the way through routers open.
    pub(in crate::net) fn calm(
        &mut self,
        crowd: bool,
        now: Instant,
        open: impl Fn(ConnectionId) -> usize,
    ) -> Vec<(ConnectionId, bool)> {
        let mut changed = Vec::new();
        let all = self.nodes.values_mut().flat_map(|known| &mut known.all);
        for one in all.filter(|one| crowd || one.calm) {
            if open(one.id) > 0 {
                one.used = now;
            }
            let lan = one.path.via == Via::Lan && !one.named;
            let calm = crowd && lan && now.duration_since(one.used) >= IDLE;
            if calm == one.calm {
                continue;
            }
            one.calm = calm;
            if !calm {
                // The next ping is not due at once.
                let heard = now.checked_sub(INTERVAL).unwrap_or(now);
                one.heard = one.heard.max(heard);
            }
            changed.push((one.id, calm));
        }
        changed
    }

    /// Whether there are some, and all are only kept.
    pub(in crate::net) fn are_calm(&self) -> bool {
        let mut all = self.nodes.values().flat_map(|known| &known.all);
        !self.nodes.is_empty() && all.all(|one| one.calm)
    }

    /// A person named the address that this connection leads to: it stays.
    pub(in crate::net) fn named(&mut self, node: NodeId, id: ConnectionId) {
        if let Some(connection) = self.get(node, id) {
            connection.named = true;
        }
    }

    /// Something is asked of a node.
    pub(in crate::net) fn used(&mut self, node: NodeId, now: Instant) {
        let known = self.nodes.get_mut(&node);
        for connection in known.into_iter().flat_map(|known| &mut known.all) {
            connection.used = now;
        }
    }

    /// Those to close. `resting` are the nodes with which none is kept, `open` gives the streams of
    /// a connection.
    pub(in crate::net) fn idle(
        &mut self,
        resting: &[NodeId],
        now: Instant,
        open: impl Fn(ConnectionId) -> usize,
    ) -> Vec<ConnectionId> {
        let pause = if resting.len() > MANY { BRIEF } else { IDLE };
        let mut idle = Vec::new();
        for node in resting {
            let known = self.nodes.get_mut(node);
            for one in known.into_iter().flat_map(|known| &mut known.all) {
                if open(one.id) > 0 {
                    one.used = now;
                }
                let ours = one.path.dialled.is_some() && !one.named && one.path.via != Via::Relay;
                if ours && now.duration_since(one.used) >= pause {
                    idle.push(one.id);
                }
            }
        }
        idle
    }
}
