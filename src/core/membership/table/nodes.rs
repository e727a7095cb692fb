//! The nodes, each at a place that it keeps while it is known, and their places in the order of ids.
//!
//! A tree of ids and nodes would be a third empty, and everything that is kept in order besides would
//! hold ids of 32 bytes; a place has four. Invariants: `order` holds each node once, in the order of
//! ids; a place that is free is in `free`.

use super::Peer;
use crate::core::{id::NodeId, score::word};
use std::cmp::Ordering;

/// Where a node is kept.
pub(super) type Place = u32;

/// Nodes of one block: more are allotted together, and none is moved.
const BLOCK: usize = 64;

#[derive(Debug)]
struct Node {
    id: NodeId,
    peer: Peer,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    blocks: Vec<Vec<Option<Node>>>,
    free: Vec<Place>,
    /// The first bits of each id, and where it is.
    order: Vec<(u32, Place)>,
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    fn at(&self, place: Place) -> Option<&Node> {
        let place = place as usize;
        self.blocks.get(place / BLOCK)?.get(place % BLOCK)?.as_ref()
    }

    fn slot(&mut self, place: Place) -> Option<&mut Option<Node>> {
        let place = place as usize;
        self.blocks.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }

    /// Where in the order a node is, or would be.
    fn search(&self, id: &NodeId) -> Result<usize, usize> {
        let first = bits(id);
        self.order.binary_search_by(|(bits, place)| {
            bits.cmp(&first).then_with(|| {
                let node = self.at(*place);
                node.map_or(Ordering::Less, |node| node.id.cmp(id))
            })
        })
    }

    pub(super) fn find(&self, id: &NodeId) -> Option<Place> {
        let at = self.search(id).ok()?;
        Some(self.order[at].1)
    }

    pub(super) fn get(&self, place: Place) -> Option<(&NodeId, &Peer)> {
        self.at(place).map(|node| (&node.id, &node.peer))
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Peer> {
        let node = self.slot(place)?.as_mut()?;
        Some(&mut node.peer)
    }

    /// One that is not known yet. Where it is now.
    pub(super) fn insert(&mut self, id: NodeId, peer: Peer) -> Place {
        let place = self.free.pop().unwrap_or_else(|| self.grow());
        if let Some(slot) = self.slot(place) {
            *slot = Some(Node { id, peer });
        }
        let at = self.search(&id).unwrap_or_else(|at| at);
        if self.order.len() == self.order.capacity() {
            // Not twice as many: each is one of ten thousand.
            self.order.reserve_exact(self.order.len() / 8 + 16);
        }
        self.order.insert(at, (bits(&id), place));
        place
    }

    fn grow(&mut self) -> Place {
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let before = (self.blocks.len() - 1) * BLOCK;
        let Some(block) = self.blocks.last_mut() else {
            return 0; // One was just put there.
        };
        block.push(None);
        (before + block.len() - 1) as Place
    }

    pub(super) fn remove(&mut self, id: &NodeId) -> Option<(Place, Peer)> {
        let at = self.search(id).ok()?;
        let (_, place) = self.order.remove(at);
        let node = self.slot(place)?.take()?;
        self.free.push(place);
        Some((place, node.peer))
    }

    /// How many places there are, also free ones.
    #[cfg(test)]
    pub(super) fn places(&self) -> Place {
        self.blocks.iter().map(|block| block.len() as Place).sum()
    }

    #[cfg(test)]
    pub(super) fn is_in_order(&self) -> bool {
        let kept = (0..self.places()).filter(|place| self.at(*place).is_some());
        let all =
            kept.count() == self.len() && self.places() as usize == self.len() + self.free.len();
        let ids = self.range(NodeId([0; 32]), false).map(|(id, _)| id);
        all && ids.is_sorted_by(|a, b| a < b)
    }

    /// All, in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Peer)> + Clone {
        let nodes = self.blocks.iter().flatten().flatten();
        nodes.map(|node| (&node.id, &node.peer))
    }

    /// Those from that id on, or after it.
    pub(super) fn range(&self, id: NodeId, after: bool) -> impl Iterator<Item = (&NodeId, &Peer)> {
        let begin = match self.search(&id) {
            Ok(at) => at + usize::from(after),
            Err(at) => at,
        };
        let places = self.order[begin..].iter();
        places.filter_map(|(_, place)| self.get(*place))
    }
}

/// The first bits of an id.
fn bits(id: &NodeId) -> u32 {
    (word(id.as_bytes()) >> 32) as u32
}
