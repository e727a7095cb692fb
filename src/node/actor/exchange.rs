//! Peers tell one another of further peers: the questions and answers of `core::exchange`.

use super::{Actor, Note};
use crate::{
    core::{id::NodeId, membership::MembershipEvent, via::Via},
    net::{Reply, RequestError},
    node::swarm::State,
    wire::control::{PeerAddress, Request, Response},
};

impl Actor {
    /// A peer is here by that path, and may know others. (A hidden node does not ask, since one that
    /// asks is told of.)
    pub(super) fn may_know_others(&mut self, swarm: &mut State, node: NodeId, via: Via) {
        let now = swarm.now();
        let asks = via != Via::Relay && !swarm.membership.is_hidden();
        if asks && swarm.exchange.connected(node, now) {
            self.ask_peers(node);
        }
    }

    /// Asks whose turn it is.
    pub(super) fn ask_by_turns(&mut self, swarm: &mut State) {
        let now = swarm.now();
        let membership = &swarm.membership;
        let asked = |node: &NodeId| membership.is_connected(node);
        if let Some(node) = swarm.exchange.due(asked, now) {
            self.ask_peers(node);
        }
    }

    fn ask_peers(&self, node: NodeId) {
        let (net, notes) = (self.parts.services.net.clone(), self.notes.clone());
        tokio::spawn(async move {
            let port = net.port();
            let answer = net.request(node, Request::Peers { port }).await;
            let _ = notes.send(Note::Peers(node, answer)).await;
        });
    }

    /// A peer asks who else is here.
    pub(super) fn peers_asked(swarm: &mut State, asker: NodeId, port: u16, reply: Reply) {
        let now = swarm.now();
        let at = swarm.peers.at(&asker);
        let told = at.and_then(|ip| {
            let here = swarm.peers.addresses();
            swarm.exchange.asked((asker, ip), port, here, now)
        });
        reply.send(match told {
            Some(told) => {
                let named = told.into_iter();
                Response::Peers(named.map(|(node, at)| PeerAddress::new(node, at)).collect())
            }
            None => Response::Busy,
        });
    }

    /// A peer answered. (One of an earlier version does not.)
    pub(super) fn peers_told(
        &mut self,
        swarm: &mut State,
        teller: NodeId,
        answer: Result<Response, RequestError>,
    ) {
        let named = match answer {
            Ok(Response::Peers(named)) => named,
            _ => Vec::new(),
        };
        self.try_others(swarm, teller, &named);
    }

    /// Tries some of those of whom a peer tells.
    pub(super) fn try_others(&mut self, swarm: &mut State, teller: NodeId, named: &[PeerAddress]) {
        let Some(at) = swarm.peers.at(&teller) else {
            return;
        };
        let named: Vec<_> = named
            .iter()
            .filter_map(|one| Some((one.node, one.address()?)))
            .collect();
        let now = swarm.now();
        let known = |node: &NodeId| swarm.membership.knows(node);
        let tried = swarm.exchange.told((teller, at), &named, known, now);
        for (node, address) in tried {
            self.member(swarm, MembershipEvent::Told { node, address });
        }
    }
}
