//! How much of what we answered lies unread.
//!
//! A stranger may ask and not read: each answer then stays in memory until its time is up. Pure. Invariant: the sums are
//! those of `open`, and within [`OF_ONE`] and [`OF_ALL`].

use crate::core::id::NodeId;
use std::{collections::HashMap, hash::Hash};

/// Bytes of answers that one node may leave unread: some of the longest.
const OF_ONE: usize = 4 << 20;
/// The same for all nodes together: one machine (64 connections) cannot take all of it.
const OF_ALL: usize = 512 << 20;

/// See the module; `Id` names an answer.
pub(super) struct Unread<Id> {
    open: HashMap<Id, (NodeId, usize)>,
    of: HashMap<NodeId, usize>,
    all: usize,
}

impl<Id> Default for Unread<Id> {
    fn default() -> Self {
        let (open, of) = (HashMap::new(), HashMap::new());
        Self { open, of, all: 0 }
    }
}

impl<Id: Eq + Hash> Unread<Id> {
    /// Notes an answer of `weight` bytes; false, and nothing is noted, when it would be too much.
    pub(super) fn add(&mut self, id: Id, node: NodeId, weight: usize) -> bool {
        let of = self.of.get(&node).copied().unwrap_or_default() + weight;
        if weight == 0 || of > OF_ONE || self.all + weight > OF_ALL {
            return weight == 0;
        }
        self.open.insert(id, (node, weight));
        self.of.insert(node, of);
        self.all += weight;
        true
    }

    /// It was read, or never will be.
    pub(super) fn remove(&mut self, id: &Id) {
        let Some((node, weight)) = self.open.remove(id) else {
            return;
        };
        self.all -= weight;
        if let Some(of) = self.of.get_mut(&node) {
            *of -= weight;
            if *of == 0 {
                self.of.remove(&node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NodeId = NodeId([1; 32]);
    const TWO: NodeId = NodeId([2; 32]);

    #[test]
    fn who_does_not_read_hears_that_it_is_too_much_and_others_are_answered() {
        let mut unread = Unread::default();
        assert!((0..8).all(|id| unread.add(id, ONE, OF_ONE / 8)));
        assert!(!unread.add(8, ONE, 1));
        assert!(unread.add(9, ONE, 0), "a short word is always possible");
        assert!(unread.add(10, TWO, OF_ONE));
        unread.remove(&3);
        unread.remove(&3);
        assert!(unread.add(11, ONE, OF_ONE / 8));
    }

    #[test]
    fn all_together_are_bounded_and_nothing_is_kept_of_those_who_read() {
        let mut unread = Unread::default();
        let nodes = 0..=(OF_ALL / OF_ONE) as u8;
        let taken = nodes
            .clone()
            .filter(|&n| unread.add(n, NodeId([n; 32]), OF_ONE));
        assert_eq!(taken.count(), OF_ALL / OF_ONE);
        nodes.for_each(|n| unread.remove(&n));
        assert!(unread.all == 0 && unread.open.is_empty() && unread.of.is_empty());
    }
}
