//! People of LocalSend come and go: told as for nodes.

use super::Actor;
use crate::{
    core::id::NodeId,
    node::{
        api::NodeEvent,
        swarm::{Arrival, State},
    },
};
use std::net::SocketAddr;

impl Actor {
    /// Somebody of them is here.
    pub(super) fn neighbour(
        &mut self,
        swarm: &mut State,
        node: NodeId,
        name: &str,
        at: SocketAddr,
    ) {
        let arrival = swarm.neighbour_here(node, name, at);
        let name = swarm.neighbour(&node).unwrap_or_default().to_owned();
        let key_changed = swarm.people.changed(&name, &node, false).is_some();
        match arrival {
            Arrival::Known => return,
            Arrival::New(before) => self.tell(NodeEvent::PeerJoined {
                node,
                name,
                before,
                key_changed,
                visiting: false,
            }),
            Arrival::Renamed(before) => self.tell(NodeEvent::PeerRenamed {
                node,
                name,
                before,
                key_changed,
            }),
        }
        self.wake_jobs();
    }

    /// They are not heard any more.
    pub(super) fn neighbour_gone(&mut self, swarm: &mut State, node: NodeId) {
        if let Some(name) = swarm.neighbour_gone(&node) {
            self.tell(NodeEvent::PeerLeft {
                node,
                name,
                announced: false,
                visiting: false,
            });
            self.wake_jobs();
        }
    }
}
