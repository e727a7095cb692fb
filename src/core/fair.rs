//! Fair shares of the room that a node gives to others: who makes room when it is short.
//!
//! Identities cost nothing, addresses do, and acquaintances are earned. So the sums are kept by
//! address, and what a node the user dealt with keeps here counts for a quarter. When room is
//! short, the fullest share gives way to one that stays smaller than it. Arithmetic only.
//! Invariant: at most `MAX` nodes are remembered; of the others each has a share of its own.

use super::{id::NodeId, origin::origin};
use core::net::IpAddr;
use std::collections::HashMap;

/// Nodes whose address is remembered.
const MAX: usize = 4096;
/// What a node the user dealt with keeps here counts for so many times less.
const FRIEND: u64 = 4;

/// Who uses a share.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Share {
    /// Everyone at an address whom the user never dealt with.
    Strangers(IpAddr),
    /// One whom the user dealt with.
    Friend(NodeId),
    /// One whose address is not known (yet).
    Unknown(NodeId),
}

/// Which node uses which share.
#[derive(Debug, Default)]
pub struct Shares {
    of: HashMap<NodeId, Share>,
}

impl Shares {
    /// A node is here, at this address; the user dealt with it or not.
    pub fn meet(&mut self, node: NodeId, address: IpAddr, friend: bool) {
        let share = if friend {
            Share::Friend(node)
        } else {
            Share::Strangers(origin(address))
        };
        if self.of.len() < MAX || self.of.contains_key(&node) {
            self.of.insert(node, share);
        }
    }

    /// The share that a node uses.
    #[must_use]
    pub fn of(&self, node: &NodeId) -> Share {
        self.of.get(node).copied().unwrap_or(Share::Unknown(*node))
    }

    /// Whether no further node would be remembered.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.of.len() >= MAX
    }

    /// Forgets the nodes that use nothing.
    pub fn retain(&mut self, uses: impl Fn(&NodeId) -> bool) {
        self.of.retain(|node, _| uses(node));
    }

    /// Whose bytes make room for `bytes` more of `node`: the fullest share, unless that of `node`
    /// would be as full. `used` has the bytes of each node.
    pub fn gives_way<'a>(
        &self,
        used: impl Iterator<Item = (&'a NodeId, &'a u64)>,
        node: &NodeId,
        bytes: u64,
    ) -> Option<Share> {
        let mut sums: HashMap<Share, u64> = HashMap::new();
        for (node, bytes) in used {
            *sums.entry(self.of(node)).or_default() += bytes;
        }
        let counts = |share: &Share, sum: u64| match share {
            Share::Friend(_) => sum / FRIEND,
            Share::Strangers(_) | Share::Unknown(_) => sum,
        };
        let own = self.of(node);
        let after = counts(&own, sums.get(&own).copied().unwrap_or(0) + bytes);
        let fullest = sums.iter().filter(|(share, _)| **share != own);
        let fullest = fullest.max_by_key(|(share, sum)| (counts(share, **sum), **share));
        // What it would give up must leave it the larger one, or the two would push each other out
        // in turn.
        fullest
            .filter(|(share, sum)| counts(share, sum.saturating_sub(bytes)) >= after)
            .map(|(share, _)| *share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    fn at(n: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, n])
    }

    #[test]
    fn many_identities_at_one_address_have_one_share() {
        let mut shares = Shares::default();
        for n in 0..50 {
            shares.meet(node(n), at(1), false);
        }
        shares.meet(node(99), at(2), false);
        let used: HashMap<NodeId, u64> = (0..50).map(|n| (node(n), 2)).collect();
        // The honest one finds room until both have half.
        assert_eq!(
            shares.gives_way(used.iter(), &node(99), 50),
            Some(Share::Strangers(at(1)))
        );
        assert_eq!(shares.gives_way(used.iter(), &node(99), 51), None);
        // None of the fifty pushes another of them out.
        assert_eq!(shares.gives_way(used.iter(), &node(7), 1), None);
    }

    #[test]
    fn a_friend_has_four_times_as_much_as_a_stranger() {
        let mut shares = Shares::default();
        shares.meet(node(1), at(1), false);
        shares.meet(node(2), at(1), true);
        let used = HashMap::from([(node(1), 100)]);
        assert_eq!(
            shares.gives_way(used.iter(), &node(2), 80),
            Some(Share::Strangers(at(1)))
        );
        assert_eq!(shares.gives_way(used.iter(), &node(2), 81), None);
        let used = HashMap::from([(node(1), 20), (node(2), 80)]);
        assert_eq!(shares.gives_way(used.iter(), &node(1), 1), None);
    }

    proptest! {
        #[test]
        fn one_that_took_room_is_not_pushed_out_for_it_in_turn(
            held in prop::collection::vec((0u8..6, 0u8..3, 1u64..1000), 1..12),
            by in 0u8..6,
            bytes in 1u64..1000,
        ) {
            let mut shares = Shares::default();
            let mut used: HashMap<NodeId, u64> = HashMap::new();
            for (n, address, sum) in held {
                shares.meet(node(n), at(address), n == 5);
                *used.entry(node(n)).or_default() += sum;
            }
            if let Some(loser) = shares.gives_way(used.iter(), &node(by), bytes) {
                let losers: Vec<NodeId> =
                    used.keys().filter(|node| shares.of(node) == loser).copied().collect();
                let mut left = bytes;
                for node in &losers {
                    let sum = used.get_mut(node).unwrap();
                    let taken = left.min(*sum);
                    *sum -= taken;
                    left -= taken;
                }
                *used.entry(node(by)).or_default() += bytes;
                let back = shares.gives_way(used.iter(), &losers[0], bytes);
                prop_assert_ne!(back, Some(shares.of(&node(by))));
            }
        }
    }
}
