//! The room that there is for the peers' catalogs.

use super::{Asking, Peers};
use crate::{core::id::NodeId, node::swarm::catalog::MAX_CATALOGS};

/// Room for which one catalog is read on that was cut: for less nobody is asked, or a peer that
/// withdraws a name and offers it again could make this node ask all others each time.
const STEP: usize = 64 << 10;

impl Peers {
    /// Bytes, about, that there still are for their catalogs.
    #[must_use]
    pub fn room(&self) -> usize {
        let taken: usize = self.table.values().map(|peer| peer.catalog.weight()).sum();
        MAX_CATALOGS.saturating_sub(taken)
    }

    /// Those whose catalogs were cut and are to be read on, since there is room.
    pub fn going_on(&mut self) -> Vec<NodeId> {
        let mut room = self.room();
        let mut nodes = Vec::new();
        for (node, peer) in &mut self.table {
            if room < STEP {
                break;
            }
            if peer.asking == Asking::No && peer.catalog.is_cut() && peer.catalog.goes_on(room) {
                room -= STEP;
                nodes.push(*node);
            }
        }
        nodes
    }
}
