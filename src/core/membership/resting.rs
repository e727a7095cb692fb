//! With whom a connection stays, and what follows for those with whom none does: they *rest*.
//!
//! Invariant: who rests announces itself. Whoever is known otherwise (named by a person, found by
//! mDNS or a server alone) stays connected, or nobody would notice that it is gone.

use super::{
    ANSWERERS, MAX_KNOWN, MAX_VOUCHED_PER_SOURCE, Membership, MembershipAction,
    dials::ENOUGH,
    peer::{CatalogVersion, Peer},
};
use crate::core::{
    id::NodeId,
    neighbours::{Candidate, MESH},
    score::{self, Weight},
};
use ::core::net::{IpAddr, SocketAddr};
use std::{collections::BTreeSet, time::Duration};

/// A node that is chosen as a neighbour is dialled after so long: while many come the choice
/// changes with each of them.
const SETTLING: Duration = Duration::from_secs(5);
/// The same at a node that has few.
const SETTLING_FEW: Duration = Duration::from_millis(800);

impl Membership {
    /// Whether so many announce themselves that not all of them are to be connected.
    #[must_use]
    pub fn is_crowd(&self) -> bool {
        self.peers.values().filter(|peer| peer.announces()).count() > MESH
    }

    /// The peers that announce themselves, and where they are. (None of whom only others told, or
    /// who is gone would be told of for ever; nor one that broke off, which a newcomer would wait
    /// for.)
    pub fn announced(&self) -> impl Iterator<Item = (NodeId, SocketAddr)> + '_ {
        let here = self.peers.iter();
        let here = here.filter(|(_, peer)| peer.is_of_crowd() && !peer.hearsay && !peer.is_lost());
        here.filter_map(|(node, peer)| Some((*node, peer.address()?)))
    }

    /// All nodes that are here or expected: not those of whom others told, nothing more.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        let (crowd, now) = (self.is_crowd(), self.now);
        let known = self.peers.iter();
        let known = known.filter(move |(_, peer)| peer.confirmed || peer.is_expected(crowd, now));
        known.map(|(node, _)| *node)
    }

    /// Whether a node is among those.
    #[must_use]
    pub fn accounts_for(&self, node: &NodeId) -> bool {
        let peer = self.peers.get(node);
        let expected = |peer: &Peer| peer.is_expected(self.is_crowd(), self.now);
        peer.is_some_and(|peer| peer.confirmed || expected(peer))
    }

    /// Nodes that announce themselves, that cannot be connected and for which nobody vouches any
    /// more, with the names that they gave themselves: what they offer is not known.
    pub fn unreached(&self) -> impl Iterator<Item = (NodeId, &str)> {
        let (crowd, now, silence) = (self.is_crowd(), self.now, self.announcing.silence());
        let unreached = self.peers.iter().filter(move |(_, peer)| {
            peer.is_unreached(now, silence) && !peer.is_expected(crowd, now)
        });
        unreached.map(|(node, peer)| (*node, peer.name.as_str()))
    }

    /// Whether it is for this node to answer a newcomer. In a crowd a few do: those that rank first
    /// for it, whoever looks (rendezvous hashing), of those whom this node knows. Those that it has
    /// only heard count, too, where many begin at once; but not all, or who forges many would keep
    /// it from answering.
    pub(super) fn is_to_answer(&self, newcomer: &NodeId) -> bool {
        let others = self.peers.iter().filter(|(node, _)| *node != newcomer);
        let (here, heard): (Vec<_>, Vec<_>) = others
            .filter(|(_, peer)| peer.announces())
            .partition(|(_, peer)| peer.confirmed);
        let believed = heard.iter().take(2 * here.len() + MESH);
        let key = score::word(newcomer.as_bytes());
        let me = Weight::of(self.me);
        let ranks: Vec<bool> = here
            .iter()
            .chain(believed)
            .map(|(node, _)| Weight::of(**node).before(&me, key))
            .collect();
        let before = ranks.iter().filter(|before| **before).count();
        ranks.len() <= MESH || before < ANSWERERS
    }

    /// Where a node may become a peer without having been connected: it announced itself, and not
    /// too many others did from there.
    #[must_use]
    pub fn may_vouch(&self, node: &NodeId) -> Option<SocketAddr> {
        let peer = self
            .peers
            .get(node)
            .filter(|peer| peer.announces() && !peer.confirmed)?;
        let room = self.has_room_at(peer.source);
        peer.address().filter(|_| room && !self.hidden)
    }

    /// Whether one more at that address may become a peer by the word of others.
    fn has_room_at(&self, source: IpAddr) -> bool {
        let same = |other: &&Peer| other.confirmed && !other.met && other.source == source;
        let there = self.peers.values().filter(same).count();
        there < MAX_VOUCHED_PER_SOURCE || source.is_loopback()
    }

    /// Whether a node of which nothing is known may become a peer by another's word and a card of
    /// that life. What was heard of it counts more.
    #[must_use]
    pub fn may_introduce(&self, node: &NodeId, address: SocketAddr, epoch: u64) -> bool {
        let known = self.accounts_for(node) || *node == self.me || self.banned.contains(node);
        let last = self.replays.last_here(node, self.now);
        let gone = last.is_some_and(|last| last.epoch >= epoch);
        let room = self.peers.len() < MAX_KNOWN || self.knows(node);
        !self.hidden && !known && !gone && room && self.has_room_at(address.ip())
    }

    /// A peer told of it, with what it signed.
    pub(super) fn introduced(
        &mut self,
        node: NodeId,
        address: SocketAddr,
        version: CatalogVersion,
        out: &mut Vec<MembershipAction>,
    ) {
        if !self.may_introduce(&node, address, version.epoch) {
            return;
        }
        if !self.knows(&node) {
            let peer = Peer::new(address.ip(), self.replays.take(&node, self.now), self.now);
            self.peers.insert(node, peer);
        }
        if let Some(peer) = self.peers.get_mut(&node) {
            let (now, silence) = (self.now, self.announcing.silence());
            peer.introduced(address, version, now);
            // Being no neighbour it changes nobody's choice, and a hundred may come at once.
            let here = self.peers.values();
            let here = here.filter(|peer| peer.may_rest(now, silence)).count();
            if let Some(peer) = self.peers.get_mut(&node).filter(|_| here > MESH) {
                peer.rest(true, Duration::ZERO, now);
            }
            self.unchosen |= here <= MESH + 1;
            self.vouched = now;
            out.push(MembershipAction::Joined { node });
        }
    }

    /// A node has no room for a connection, or this one has none: it is dialled less often, and
    /// another one is chosen.
    pub(super) fn full(&mut self, node: &NodeId) {
        if let Some(peer) = self.peers.get_mut(node) {
            peer.full(self.now);
            self.unchosen |= peer.is_of_crowd();
            self.choose_at.get_or_insert(peer.avoided_until);
        }
    }

    fn settling(&self) -> Duration {
        if !self.is_crowd() {
            // All are dialled: there is nothing to choose.
            Duration::ZERO
        } else if self.connected().count() >= ENOUGH {
            SETTLING
        } else {
            SETTLING_FEW
        }
    }

    /// What it signed was passed on by others.
    pub(super) fn vouched(&mut self, node: NodeId, out: &mut Vec<MembershipAction>) {
        let settling = self.settling();
        if self.may_vouch(&node).is_some()
            && let Some(peer) = self.peers.get_mut(&node)
        {
            (peer.confirmed, self.unchosen) = (true, true);
            peer.vouched(self.now + settling, self.now);
            self.vouched = self.now;
            out.push(MembershipAction::Joined { node });
        }
    }

    /// Chooses anew after somebody came or went, and tells of whom that changes.
    pub(super) fn choose_neighbours(&mut self, out: &mut Vec<MembershipAction>) {
        let again = self.choose_at.take_if(|at| *at <= self.now).is_some();
        let lonely = again && self.connected().count() < ENOUGH;
        if std::mem::take(&mut self.unchosen) || lonely {
            let (now, silence) = (self.now, self.announcing.silence());
            let known = self
                .peers
                .iter()
                .filter(|(_, peer)| peer.may_rest(now, silence));
            let crowd = known.clone().count() > MESH;
            // Of whom only others told, nobody knows whether a connection comes about; with who has
            // no room none does.
            let known: Vec<_> = known
                .filter(|(_, peer)| !peer.hearsay)
                .filter(|(_, peer)| peer.is_connected() || peer.avoided_until <= now)
                .map(|(node, peer)| Candidate {
                    node: *node,
                    source: peer.source,
                    since: peer.since,
                })
                .collect();
            let chosen = if crowd {
                self.neighbours.of(&known)
            } else {
                BTreeSet::new()
            };
            let settling = self.settling();
            for (node, peer) in &mut self.peers {
                let rests = crowd && peer.may_rest(now, silence) && !chosen.contains(node);
                if peer.rest(rests, settling, now) && !rests {
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
