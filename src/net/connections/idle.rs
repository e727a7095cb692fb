//! Which connections nobody needs: to nodes with which none is kept, on which nothing happened for
//! a while.
//!
//! The end that dialled decides, for it knows what for; the other one may want it as well, and then
//! dials itself when it is gone.

use super::Connections;
use crate::core::{id::NodeId, via::Via};
use libp2p::swarm::ConnectionId;
use std::time::{Duration, Instant};

/// How long such a connection stays without use: what is asked next is often asked of the same.
pub(in crate::net) const IDLE: Duration = Duration::from_secs(20);
/// The same while there are more than [`MANY`] of them.
pub(in crate::net) const BRIEF: Duration = Duration::from_secs(3);
/// See [`BRIEF`].
const MANY: usize = 32;

impl Connections {
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
