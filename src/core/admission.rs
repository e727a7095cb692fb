//! At most so much at a time in all, and so much for one node: of streams, of rounds, of bytes.
//!
//! Never waits: what is too much is refused, and the caller says so. Invariants: the counts are the
//! sums of the permits that live, so nothing is kept for a node without one; no sum exceeds its
//! limit.

use super::id::NodeId;
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};

/// See the module. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Admission {
    most: usize,
    most_each: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    each: HashMap<NodeId, usize>,
}

/// A share that a node has until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    node: NodeId,
    amount: usize,
    taken: Arc<Mutex<Taken>>,
}

impl Admission {
    /// At most `most` in all, and `most_each` for one node.
    #[must_use]
    pub fn new(most: usize, most_each: usize) -> Self {
        let taken = Arc::default();
        Self {
            most,
            most_each,
            taken,
        }
    }

    /// One for `node`; `None` where that is too much.
    #[must_use]
    pub fn admit(&self, node: NodeId) -> Option<Permit> {
        self.admit_many(node, 1)
    }

    /// So many for `node`; `None` where that is too much.
    #[must_use]
    pub fn admit_many(&self, node: NodeId, amount: usize) -> Option<Permit> {
        let mut taken = self.taken.lock();
        let each = taken.each.get(&node).copied().unwrap_or_default();
        if amount > self.most_each.saturating_sub(each)
            || amount > self.most.saturating_sub(taken.all)
        {
            return None;
        }
        taken.all += amount;
        taken.each.insert(node, each + amount);
        let taken = self.taken.clone();
        Some(Permit {
            node,
            amount,
            taken,
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        taken.all -= self.amount;
        if let Some(each) = taken.each.get_mut(&self.node) {
            *each -= self.amount;
            if *each == 0 {
                taken.each.remove(&self.node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    #[test]
    fn one_node_has_its_share_and_all_together_theirs() {
        let admission = Admission::new(5, 2);
        let mut permits: Vec<_> = (0..2).map(|_| admission.admit(node(1)).unwrap()).collect();
        assert!(admission.admit(node(1)).is_none());
        permits.push(admission.admit_many(node(2), 2).unwrap());
        assert!(admission.admit_many(node(3), 2).is_none());
        assert!(admission.admit_many(node(3), usize::MAX).is_none());
        permits.push(admission.admit(node(3)).unwrap());
        assert!(admission.admit(node(4)).is_none());
        drop(permits.remove(0));
        assert!(admission.admit(node(1)).is_some());
    }

    #[test]
    fn nothing_is_kept_of_nodes_without_a_permit() {
        let admission = Admission::new(1000, 3);
        let permits: Vec<_> = (0..200).map(|n| admission.admit(node(n))).collect();
        drop(permits);
        let taken = admission.taken.lock();
        assert!(taken.all == 0 && taken.each.is_empty());
    }
}
