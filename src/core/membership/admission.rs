//! Who has a place in the table of nodes, and who has to make room.
//!
//! Invariant: see [`super`].

use super::{
    MAX_PEERS, MAX_UNCONFIRMED, MAX_UNCONFIRMED_PER_SOURCE, Membership, MembershipAction,
    peer::{Peer, Stage},
};
use crate::core::{id::NodeId, origin::origin};
use ::core::net::IpAddr;
use std::collections::BTreeMap;

/// So many are drawn before all are looked through for one that may go.
const DRAWS: usize = 8;

impl Membership {
    /// Makes sure that a node has a place in the table: false when there is none.
    pub(super) fn admit(
        &mut self,
        node: NodeId,
        source: IpAddr,
        out: &mut Vec<MembershipAction>,
    ) -> bool {
        if self.peers.contains_key(&node) {
            return true;
        }
        // A random one goes, so that a real newcomer stays long enough to be dialled, sooner or
        // later.
        let room = if self.peers.count_strangers_at(source) >= MAX_UNCONFIRMED_PER_SOURCE {
            let here = self.peers.strangers_at(source);
            let idle = here.filter(|(_, peer)| peer.stage() == Stage::Idle);
            let idle: Vec<NodeId> = idle.map(|(node, _)| *node).collect();
            self.evict_one_of(&idle, out)
        } else {
            self.has_room_for_a_stranger(out)
        };
        if room {
            let seen = self.replays.take(&node, self.now);
            self.peers.insert(node, Peer::new(source, seen, self.now));
        }
        room
    }

    /// Makes room for one more that is no peer, if need be.
    pub(super) fn has_room_for_a_stranger(&mut self, out: &mut Vec<MembershipAction>) -> bool {
        let count = self.peers.count_strangers();
        if count < MAX_UNCONFIRMED {
            return true;
        }
        let idle = |(_, peer): &(&NodeId, &Peer)| peer.stage() == Stage::Idle;
        for _ in 0..DRAWS {
            let drawn = self.peers.strangers().nth(self.chance.below(count));
            let victim = drawn.filter(idle).map(|(node, _)| *node);
            if let Some(victim) = victim {
                self.remove(&victim, false, out);
                return true;
            }
        }
        let all = self.peers.strangers();
        let idle: Vec<NodeId> = all.filter(idle).map(|(node, _)| *node).collect();
        self.evict_one_of(&idle, out)
    }

    /// Makes room for one more peer at `source`, if need be: of those of whom only others told one
    /// goes by chance; else one of the address that has the most, if that has more than this one,
    /// and of these who came last. So many identities of few addresses leave room for whoever is at
    /// another one, and whoever comes in numbers displaces none that was here before.
    pub(super) fn find_place(&mut self, source: IpAddr, out: &mut Vec<MembershipAction>) -> bool {
        if self.peers.peers() < MAX_PEERS {
            return true;
        }
        let idle = |(_, peer): &(&NodeId, &Peer)| peer.confirmed && peer.stage() == Stage::Idle;
        let hearsay = self.peers.iter().filter(idle);
        let hearsay = hearsay.filter(|(_, peer)| peer.hearsay);
        let hearsay: Vec<NodeId> = hearsay.map(|(node, _)| *node).collect();
        if self.evict_one_of(&hearsay, out) {
            return true;
        }
        let mut places = BTreeMap::<IpAddr, usize>::new();
        for (_, peer) in self.peers.iter().filter(|(_, peer)| peer.confirmed) {
            *places.entry(origin(peer.source)).or_default() += 1;
        }
        let here = places.get(&origin(source)).copied().unwrap_or(0);
        let fullest = places.into_iter().max_by_key(|(_, count)| *count);
        let Some((crowded, _)) = fullest.filter(|(_, count)| *count > here + 1) else {
            return false;
        };
        let there = self.peers.iter().filter(idle);
        let there = there.filter(|(_, peer)| origin(peer.source) == crowded);
        let youngest = there.max_by_key(|(_, peer)| peer.since());
        let youngest: Vec<NodeId> = youngest.map(|(node, _)| *node).into_iter().collect();
        self.evict_one_of(&youngest, out)
    }

    /// Forgets one of these, by chance; false if there is none.
    fn evict_one_of(&mut self, nodes: &[NodeId], out: &mut Vec<MembershipAction>) -> bool {
        let victim = nodes.get(self.chance.below(nodes.len())).copied();
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
        if let Some(seen) = peer.seen() {
            let kept = (*node, seen, peer.confirmed, announced);
            self.replays.remember(kept, self.now, &mut self.chance);
        }
    }
}
