//! The room that there is for what the peers offer, and how much of it is taken.
//!
//! Invariant: `weight` and `cards_weight` are the sums over all peers; they are kept, since a card
//! comes of each of thousands at once.

use super::{Asking, Peers};
use crate::{
    core::id::NodeId,
    node::swarm::catalog::{Applied, Room},
    wire::control::{Card, CatalogPage},
};

/// Bytes of all cards that are kept to be passed on. Without a place one is only read: others ask
/// its node.
const MAX_CARDS_WEIGHT: usize = 32 << 20;

/// Room for which one catalog is read on that was cut: for less nobody is asked, or a peer that
/// withdraws a name and offers it again could make this node ask all others each time.
const STEP: usize = 64 << 10;

impl Peers {
    /// What there still is for their catalogs.
    #[must_use]
    pub fn room(&self) -> Room {
        Room::among(self.table.len(), self.weight)
    }

    /// Takes in a page of a peer's catalog, as far as there is room.
    pub fn take_in(&mut self, node: &NodeId, page: CatalogPage) -> Option<Applied> {
        let room = self.room();
        let catalog = &mut self.table.get_mut(node)?.catalog;
        let before = catalog.weight();
        let applied = catalog.apply(page, room);
        self.weight = self.weight - before + catalog.weight();
        Some(applied)
    }

    /// Keeps a card of a peer in place of an older one, if there is room.
    pub fn keep_card(&mut self, card: Card) {
        let Some(peer) = self.table.get_mut(&card.node) else {
            return;
        };
        let known = peer.card.as_ref();
        if known.is_some_and(|known| known.version >= card.version) {
            return;
        }
        self.cards_weight -= peer.card.take().map_or(0, |known| known.weight());
        if self.cards_weight + card.weight() <= MAX_CARDS_WEIGHT {
            self.cards_weight += card.weight();
            peer.card = Some(card);
        }
    }

    /// Those whose catalogs were cut and are to be read on, since there is room.
    pub fn going_on(&mut self) -> Vec<NodeId> {
        let mut room = self.room();
        let mut nodes = Vec::new();
        for (node, peer) in &mut self.table {
            if room.all < STEP {
                break;
            }
            if peer.asking == Asking::No && peer.catalog.is_cut() && peer.catalog.goes_on(room) {
                room.all -= STEP;
                nodes.push(*node);
            }
        }
        nodes
    }
}
