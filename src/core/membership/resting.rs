//! With whom a connection stays, and what follows for those with whom none does: they *rest*.
//!
//! Invariant: who rests announces itself. Whoever is known otherwise (named by a person, found by
//! mDNS or a server alone) stays connected, or nobody would notice that it is gone.

use super::{
    MAX_VOUCHED_PER_SOURCE, Membership, MembershipAction,
    peer::{Peer, Stage},
};
use crate::core::{
    id::NodeId,
    neighbours::{Candidate, MESH},
};
use ::core::net::SocketAddr;
use std::collections::BTreeSet;

impl Membership {
    /// Whether so many announce themselves that not all of them are to be connected.
    #[must_use]
    pub fn is_crowd(&self) -> bool {
        self.peers.values().filter(|peer| peer.announces()).count() > MESH
    }

    /// The peers that announce themselves, and where they are.
    pub fn announced(&self) -> impl Iterator<Item = (NodeId, SocketAddr)> + '_ {
        let here = self.peers.iter().filter(|(_, peer)| peer.is_of_crowd());
        here.filter_map(|(node, peer)| Some((*node, peer.address()?)))
    }

    /// All nodes that are known.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.peers.keys().copied()
    }

    /// Nodes that are connected, being dialled, or will be as soon as there is a place for that.
    pub(super) fn under_way(&self) -> usize {
        let known = self.peers.values();
        let soon = |peer: &&Peer| peer.stage != Stage::Idle || peer.is_next();
        known.filter(soon).count()
    }

    /// Where a node may become a peer without having been connected: it announced itself, and not
    /// too many others did from there.
    #[must_use]
    pub fn may_vouch(&self, node: &NodeId) -> Option<SocketAddr> {
        let peer = self
            .peers
            .get(node)
            .filter(|peer| peer.announces() && !peer.confirmed)?;
        let same = |other: &&Peer| other.confirmed && !other.met && other.source == peer.source;
        let there = self.peers.values().filter(same).count();
        let room = there < MAX_VOUCHED_PER_SOURCE || peer.source.is_loopback();
        peer.address().filter(|_| room && !self.hidden)
    }

    /// What it signed was passed on by others.
    pub(super) fn vouched(&mut self, node: NodeId, out: &mut Vec<MembershipAction>) {
        if self.may_vouch(&node).is_some()
            && let Some(peer) = self.peers.get_mut(&node)
        {
            (peer.confirmed, self.unchosen) = (true, true);
            out.push(MembershipAction::Joined { node });
        }
    }

    /// Chooses anew after somebody came or went, and tells of whom that changes.
    pub(super) fn choose_neighbours(&mut self, out: &mut Vec<MembershipAction>) {
        if std::mem::take(&mut self.unchosen) {
            let (now, silence) = (self.now, self.announcing.silence());
            let known = self
                .peers
                .iter()
                .filter(|(_, peer)| peer.may_rest(now, silence));
            let known: Vec<_> = known
                .map(|(node, peer)| Candidate {
                    node: *node,
                    source: peer.source,
                    since: peer.since,
                })
                .collect();
            let crowd = known.len() > MESH;
            let chosen = if crowd {
                self.neighbours.of(&known)
            } else {
                BTreeSet::new()
            };
            for (node, peer) in &mut self.peers {
                let rests = crowd && peer.may_rest(now, silence) && !chosen.contains(node);
                if peer.rest(rests, now) && !rests {
                    out.push(MembershipAction::Stay { node: *node });
                }
            }
        }
        for (node, peer) in &mut self.peers {
            if let Some(addresses) = peer.take_place_of_rest() {
                let node = *node;
                out.push(MembershipAction::Rest { node, addresses });
            }
        }
    }
}
