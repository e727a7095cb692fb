//! How much of what we answered lies unread.
//!
//! A stranger may ask and not read: each answer then stays in memory until its time is up. Pure.
//! Invariant: what is open is within [`OF_ONE`] and [`OF_ALL`].

use crate::core::{
    admission::{Admission, Permit},
    id::NodeId,
};
use std::{collections::HashMap, hash::Hash};

/// Bytes of answers that one node may leave unread: some of the longest.
const OF_ONE: usize = 4 << 20;
/// The same for all nodes together: one machine (64 connections) cannot take all of it.
const OF_ALL: usize = 512 << 20;

/// See the module; `Id` names an answer.
pub(super) struct Unread<Id> {
    admission: Admission,
    open: HashMap<Id, Permit>,
}

impl<Id> Default for Unread<Id> {
    fn default() -> Self {
        Self {
            admission: Admission::new(OF_ALL, OF_ONE),
            open: HashMap::new(),
        }
    }
}

impl<Id: Eq + Hash> Unread<Id> {
    /// Notes an answer of `weight` bytes; false, and nothing is noted, when it would be too much.
    pub(super) fn add(&mut self, id: Id, node: NodeId, weight: usize) -> bool {
        if weight == 0 {
            return true;
        }
        let permit = self.admission.admit_many(node, weight);
        permit.is_some_and(|permit| {
            self.open.insert(id, permit);
            true
        })
    }

    /// It was read, or never will be.
    pub(super) fn remove(&mut self, id: &Id) {
        self.open.remove(id);
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
    fn all_together_are_bounded_and_nothing_is_kept_of_nodes_that_read() {
        let mut unread = Unread::default();
        let nodes = 0..=(OF_ALL / OF_ONE) as u8;
        let taken = nodes
            .clone()
            .filter(|&n| unread.add(n, NodeId([n; 32]), OF_ONE));
        assert_eq!(taken.count(), OF_ALL / OF_ONE);
        nodes.for_each(|n| unread.remove(&n));
        assert!(unread.open.is_empty());
    }
}
