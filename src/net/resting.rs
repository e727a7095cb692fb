//! Nodes with which no connection is kept, and where they can be reached when something is asked of
//! them.
//!
//! Shared between the handle, which is told by the node, and the driver, which looks. Bounded by
//! what the membership knows: about 3 MB for 12,288 nodes.

use crate::core::{id::NodeId, membership::MAX_PEERS};
use parking_lot::Mutex;
use std::{collections::HashMap, net::SocketAddr};

/// Addresses of each.
const ADDRESSES: usize = 4;

/// See the module.
#[derive(Default)]
pub(super) struct Resting(Mutex<HashMap<NodeId, Vec<SocketAddr>>>);

impl Resting {
    /// It rests, and can be reached there; with no address it does not.
    pub(super) fn set(&self, node: NodeId, mut addresses: Vec<SocketAddr>) {
        let mut nodes = self.0.lock();
        addresses.truncate(ADDRESSES);
        if addresses.is_empty() {
            nodes.remove(&node);
        } else if nodes.len() < MAX_PEERS || nodes.contains_key(&node) {
            nodes.insert(node, addresses);
        }
    }

    /// Whether nobody does: there is no crowd.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Where it can be reached, if it rests.
    pub(super) fn at(&self, node: &NodeId) -> Option<Vec<SocketAddr>> {
        self.0.lock().get(node).cloned()
    }

    /// Those of these that rest.
    pub(super) fn of(&self, nodes: impl Iterator<Item = NodeId>) -> Vec<NodeId> {
        let known = self.0.lock();
        if known.is_empty() {
            return Vec::new();
        }
        nodes.filter(|node| known.contains_key(node)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let resting = Resting::default();
        let at = SocketAddr::from(([10, 0, 0, 1], 1));
        let id = |n: usize| NodeId([(n >> 8) as u8, n as u8].repeat(16).try_into().unwrap());
        for n in 0..2 * MAX_PEERS {
            resting.set(id(n), vec![at; 9]);
        }
        assert_eq!(resting.0.lock().len(), MAX_PEERS);
        for n in [0, 1_500, MAX_PEERS - 1] {
            assert_eq!(resting.at(&id(n)), Some(vec![at; ADDRESSES]));
        }
        assert_eq!(resting.at(&id(MAX_PEERS)), None);
        resting.set(id(0), Vec::new());
        assert_eq!(resting.of([id(0), id(1)].into_iter()), [id(1)]);
    }
}
