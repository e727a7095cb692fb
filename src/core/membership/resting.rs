//! With whom a connection stays, and what follows for those with whom none does: they *rest*.
//!
//! Invariant: who rests announces itself. Whoever is known otherwise (named by a person, found by
//! mDNS or a server alone) stays connected, or nobody would notice that it is gone.

use super::{
    ANSWERERS, MAX_PEERS, MAX_VOUCHED_PER_SOURCE, Membership, MembershipAction,
    dials::ENOUGH,
    peer::{CatalogVersion, Peer},
};
use crate::core::{
    Now,
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
/// Among more than so many who are here…
const FEW: usize = 160;
/// …two choices of neighbours are so long apart for each of them.
const CHOICE_EACH: Duration = Duration::from_micros(500);
/// Who was heard by another one so long after it was taken for gone here is not gone.
const GONE: Duration = Duration::from_secs(2);
/// Who was not heard for so long is not here, whoever says so: more than the silence of as many as
/// may be known.
const LONGEST_AGE: Duration = Duration::from_secs(7_200);

impl Membership {
    /// Whether so many announce themselves that not all of them are to be connected.
    #[must_use]
    pub fn is_crowd(&self) -> bool {
        self.peers.announcing() > MESH
    }

    /// The peers that announce themselves, and where they are. (None of whom only others told, or
    /// who is gone would be told of for ever; nor one that broke off, which a newcomer would wait
    /// for.)
    pub fn announced(&self) -> impl Iterator<Item = (NodeId, SocketAddr)> + '_ {
        self.announced_after(None)
    }

    /// The same of those with greater ids than that one, in the order of these.
    pub fn announced_after(
        &self,
        node: Option<NodeId>,
    ) -> impl Iterator<Item = (NodeId, SocketAddr)> + '_ {
        self.tellable(self.peers.after(node))
    }

    fn tellable<'a>(
        &'a self,
        here: impl Iterator<Item = (&'a NodeId, &'a Peer)> + 'a,
    ) -> impl Iterator<Item = (NodeId, SocketAddr)> + 'a {
        let (far, now, silence) = (self.is_far(), self.now, self.announcing.silence());
        let here = here.filter(move |(_, peer)| {
            let known = !peer.hearsay || far && peer.age(now) < silence;
            let doubted = peer.doubted_until().is_some() || peer.is_lost();
            peer.is_of_crowd() && known && !doubted
        });
        here.filter_map(|(node, peer)| Some((*node, peer.address()?)))
    }

    /// Whether so many are here that who is gone is told by others, and not by silence.
    #[must_use]
    pub fn is_far(&self) -> bool {
        self.announcing.is_far()
    }

    /// How long ago a node was heard, by this node or by those who told of it; told to others where
    /// that may be long ago.
    #[must_use]
    pub fn age_of(&self, node: &NodeId) -> Option<Duration> {
        let peer = self.peers.get(node).filter(|_| self.is_far())?;
        Some(peer.age(self.now))
    }

    /// Where a node that announces itself can be reached, if it may be told of.
    #[must_use]
    pub fn address_of(&self, node: &NodeId) -> Option<SocketAddr> {
        let known = self.peers.get(node).map(|peer| (node, peer));
        let told = self.tellable(known.into_iter()).next();
        told.map(|(_, at)| at)
    }

    /// All nodes that are here or expected: not those of whom others told, nothing more.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes_after(None)
    }

    /// The same of those with greater ids than that one, in the order of these.
    pub fn nodes_after(
        &self,
        node: impl Into<Option<NodeId>>,
    ) -> impl Iterator<Item = NodeId> + '_ {
        let (crowd, now) = (self.is_crowd(), self.now);
        let known = self.peers.after(node.into());
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
        let strangers = self.peers.strangers();
        let unreached = strangers.filter(move |(_, peer)| {
            peer.is_unreached(now, silence) && !peer.is_expected(crowd, now)
        });
        unreached.map(|(node, peer)| (*node, peer.name()))
    }

    /// Whether it is for this node to answer a newcomer. In a crowd a few do: those that rank first
    /// for it, whoever looks (rendezvous hashing), of those whom this node knows. Those that it has
    /// only heard count, too, where many begin at once; but not all, or who forges many would keep
    /// it from answering.
    pub(super) fn is_to_answer(&self, newcomer: &NodeId) -> bool {
        let it = self.peers.get(newcomer).filter(|peer| peer.announces());
        let it_is_here = it.is_some_and(|peer| peer.confirmed);
        let here = self.peers.crowd() - usize::from(it_is_here);
        let heard = self.peers.announcing() - self.peers.crowd();
        let heard = heard - usize::from(it.is_some() && !it_is_here);
        let believed = heard.min(2 * here + MESH);
        if here + believed <= MESH {
            return true;
        }
        let key = score::word(newcomer.as_bytes());
        let me = Weight::of(self.me);
        let others = self.peers.iter().filter(|(node, _)| *node != newcomer);
        let others = others.filter(|(_, peer)| peer.announces());
        let mut strangers = 0;
        let counts = others.filter(|(_, peer)| {
            strangers += usize::from(!peer.confirmed);
            peer.confirmed || strangers <= believed
        });
        // For most nodes, some that rank before them are found soon.
        let before = counts.filter(|(node, _)| Weight::of(**node).before(&me, key));
        before.take(ANSWERERS).count() < ANSWERERS
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
        self.peers.unmet_at(source) < MAX_VOUCHED_PER_SOURCE || source.is_loopback()
    }

    /// Whether a node of which nothing is known may become a peer by another's word and a card of
    /// that life. What was heard of it counts more.
    #[must_use]
    pub fn may_introduce(
        &self,
        node: &NodeId,
        (address, age): (SocketAddr, Duration),
        epoch: u64,
    ) -> bool {
        let known = self.accounts_for(node) || *node == self.me || self.banned.contains(node);
        let last = self.replays.last_here(node, self.now);
        let gone = last.is_some_and(|(last, at)| {
            // Heard by another one since it was taken for gone here, it is not.
            let since = self.is_far() && age + GONE < self.now.saturating_sub(at);
            last.epoch >= epoch && !since
        });
        let gone = gone || age >= LONGEST_AGE;
        let room = self.peers.peers() < MAX_PEERS;
        !self.hidden && !known && !gone && room && self.has_room_at(address.ip())
    }

    /// A peer told of it, with what it signed.
    pub(super) fn introduced(
        &mut self,
        node: NodeId,
        (address, age): (SocketAddr, Duration),
        version: CatalogVersion,
        out: &mut Vec<MembershipAction>,
    ) {
        if !self.may_introduce(&node, (address, age), version.epoch) {
            return;
        }
        if !self.knows(&node) {
            let peer = Peer::new(address.ip(), self.replays.take(&node, self.now), self.now);
            self.peers.insert(node, peer);
        }
        let now = self.now;
        self.peers
            .change(&node, |peer| peer.introduced((address, age), version, now));
        // Being no neighbour it changes nobody's choice, and a hundred may come at once.
        let here = self.peers.crowd();
        if here > MESH {
            self.peers
                .change(&node, |peer| peer.rest(true, Duration::ZERO, now));
        }
        self.unchosen |= here <= MESH + 1;
        self.vouched = now;
        out.push(MembershipAction::Joined { node });
    }

    /// A node has no room for a connection, or this one has none: it is dialled less often, and
    /// another one is chosen.
    pub(super) fn full(&mut self, node: &NodeId) {
        let now = self.now;
        let full = self.peers.change(node, |peer| {
            peer.full(now);
            (peer.is_of_crowd(), peer.avoided_until())
        });
        if let Some((crowd, until)) = full {
            self.unchosen |= crowd;
            self.choose_at.get_or_insert(until);
        }
    }

    fn settling(&self) -> Duration {
        if !self.is_crowd() {
            // All are dialled: there is nothing to choose.
            Duration::ZERO
        } else if self.peers.connected().len() >= ENOUGH {
            SETTLING
        } else {
            SETTLING_FEW
        }
    }

    /// What it signed was passed on by others.
    pub(super) fn vouched(&mut self, node: NodeId, out: &mut Vec<MembershipAction>) {
        let (settling, now) = (self.settling(), self.now);
        let source = self.peers.get(&node).map(|peer| peer.source);
        let Some(source) = source.filter(|_| self.may_vouch(&node).is_some()) else {
            return;
        };
        if !self.find_place(source, out) {
            return;
        }
        let rests = self.next_choice_at() > now;
        self.peers.change(&node, |peer| {
            peer.confirmed = true;
            peer.vouched(now + settling, now);
            if rests {
                // Until there is a choice, which few are chosen by.
                peer.rest(true, Duration::ZERO, now);
            }
        });
        (self.unchosen, self.vouched) = (true, now);
        out.push(MembershipAction::Joined { node });
    }

    /// A choice goes through all, so among many it is made for several who came and went.
    fn next_choice_at(&self) -> Now {
        let crowd = self.peers.crowd();
        let many = if crowd > FEW { crowd as u32 } else { 0 };
        self.chosen + CHOICE_EACH * many
    }

    /// When neighbours are to be chosen.
    pub(super) fn next_choice(&self) -> Option<Now> {
        self.unchosen.then(|| self.next_choice_at())
    }

    /// Chooses anew after somebody came or went, and tells of whom that changes.
    pub(super) fn choose_neighbours(&mut self, out: &mut Vec<MembershipAction>) {
        let again = self.choose_at.take_if(|at| *at <= self.now).is_some();
        self.unchosen |= again && self.peers.connected().len() < ENOUGH;
        if self.unchosen && self.next_choice_at() <= self.now {
            self.unchosen = false;
            let (now, silence) = (self.now, self.announcing.silence());
            self.chosen = now;
            let far = self.is_far();
            let known = self
                .peers
                .iter()
                .filter(|(_, peer)| peer.may_rest(now, silence));
            let crowd = known.clone().count() > MESH;
            // Of whom only others told, nobody knows whether a connection comes about; with who has
            // no room none does.
            let known: Vec<_> = known
                .filter(|(_, peer)| !peer.hearsay || far && peer.may_be_met())
                .filter(|(_, peer)| peer.is_connected() || peer.avoided_until() <= now)
                .map(|(node, peer)| Candidate {
                    node: *node,
                    source: peer.source,
                    since: peer.since(),
                })
                .collect();
            let chosen = if crowd {
                self.neighbours.of(&known)
            } else {
                BTreeSet::new()
            };
            let settling = self.settling();
            let rests = |node: &NodeId, peer: &Peer| {
                crowd && peer.may_rest(now, silence) && !chosen.contains(node)
            };
            let changed = self.peers.iter();
            let changed = changed.map(|(node, peer)| (*node, peer.resting, rests(node, peer)));
            let changed: Vec<_> = changed.filter(|(_, did, does)| did != does).collect();
            for (node, _, rests) in changed {
                self.peers
                    .change(&node, |peer| peer.rest(rests, settling, now));
                if !rests {
                    out.push(MembershipAction::Stay { node });
                }
            }
        }
        let untold: Vec<NodeId> = self.peers.untold().iter().copied().collect();
        for node in untold {
            let addresses = self.peers.change(&node, Peer::take_place_of_rest);
            if let Some(addresses) = addresses.flatten() {
                out.push(MembershipAction::Rest { node, addresses });
            }
        }
    }
}
