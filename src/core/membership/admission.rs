//! Who has a place in the table of nodes, and who has to make room.
//!
//! Invariant: see [`super`].

use super::{
    MAX_KNOWN, MAX_UNCONFIRMED, MAX_UNCONFIRMED_PER_SOURCE, Membership, MembershipAction,
    peer::{Peer, Stage},
};
use crate::core::id::NodeId;
use ::core::net::IpAddr;

impl Membership {
    /// Makes sure that a node has a place in the table: false when there is none. One that was
    /// `heard`, and not only told of, may take the place of one that others tell of.
    pub(super) fn admit(
        &mut self,
        node: NodeId,
        source: IpAddr,
        heard: bool,
        out: &mut Vec<MembershipAction>,
    ) -> bool {
        if self.peers.contains_key(&node) {
            return true;
        }
        let unconfirmed = self.peers.values().filter(|peer| !peer.confirmed);
        let (mut all, mut here) = (0, 0);
        for peer in unconfirmed {
            all += 1;
            here += usize::from(peer.source == source);
        }
        // A random one goes, so that a real newcomer stays long enough to be dialled, sooner or
        // later.
        let free = |peer: &Peer| !peer.confirmed && peer.stage == Stage::Idle;
        let hearsay = |peer: &Peer| heard && peer.hearsay && peer.stage == Stage::Idle;
        if here >= MAX_UNCONFIRMED_PER_SOURCE {
            if !self.evict(|peer| free(peer) && peer.source == source, out) {
                return false;
            }
        } else if (all >= MAX_UNCONFIRMED || self.peers.len() >= MAX_KNOWN)
            && !self.evict(|peer| free(peer) || hearsay(peer), out)
        {
            return false;
        }
        let seen = self.replays.take(&node, self.now);
        self.peers.insert(node, Peer::new(source, seen, self.now));
        true
    }

    /// Forgets one of those that `may_go`, by chance, but one that was never connected if there is
    /// any.
    pub(super) fn evict(
        &mut self,
        may_go: impl Fn(&Peer) -> bool,
        out: &mut Vec<MembershipAction>,
    ) -> bool {
        let of = |confirmed: bool| {
            let fits = move |peer: &&Peer| peer.confirmed == confirmed;
            self.peers
                .iter()
                .filter(|(_, peer)| may_go(peer) && fits(peer))
                .map(|(node, _)| *node)
                .collect::<Vec<_>>()
        };
        let mut candidates = of(false);
        if candidates.is_empty() {
            candidates = of(true);
        }
        let victim = candidates.get(self.chance.below(candidates.len())).copied();
        if let Some(victim) = victim {
            self.remove(&victim, false, out);
        }
        victim.is_some()
    }

    pub(super) fn remove(
        &mut self,
        node: &NodeId,
        announced: bool,
        out: &mut Vec<MembershipAction>,
    ) {
        let Some(peer) = self.peers.remove(node) else {
            return;
        };
        if peer.resting {
            out.push(MembershipAction::Stay { node: *node });
        }
        if peer.confirmed {
            self.unchosen = true;
            out.push(MembershipAction::Left {
                node: *node,
                announced,
            });
        }
        if let Some(seen) = peer.seen {
            let kept = (*node, seen, peer.confirmed);
            self.replays.remember(kept, self.now, &mut self.chance);
        }
    }
}
