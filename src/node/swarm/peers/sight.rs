//! What the peers have told so far, for those who wait for the rest of it.

use super::{Peers, QUIET};
use crate::{
    core::{Now, patience::Sight},
    node::api::{Gap, Gaps, Missing, Owner},
};

impl Peers {
    /// What they told; without those who are not connected yet.
    #[must_use]
    pub fn sight(&self, now: Now) -> Sight {
        let mut sight = Sight {
            here: self.table.len() as u32,
            quiet: now >= self.last_news + QUIET,
            told: self.told,
            ..Sight::default()
        };
        for peer in self.table.values() {
            if peer.failed {
                sight.failing += 1;
            } else if !peer.catalog.is_told() {
                sight.telling += 1;
            } else if peer.catalog.scan().is_some() {
                sight.reading += 1;
            }
        }
        sight
    }

    /// Who has not told all.
    #[must_use]
    pub fn gaps(&self) -> Gaps {
        let mut gaps = Gaps::default();
        for (node, peer) in &self.table {
            let owner = || Owner {
                node: *node,
                name: peer.name.clone(),
            };
            let why = if peer.failed {
                Some(Missing::Answer)
            } else if peer.catalog.is_cut() {
                Some(Missing::Room)
            } else {
                (!peer.catalog.is_complete()).then_some(Missing::Rest)
            };
            if let Some(why) = why {
                gaps.catalogs.push(Gap {
                    node: owner(),
                    known: peer.catalog.len() as u64,
                    of: peer.catalog.of(),
                    why,
                });
            }
            if let Some(scan) = peer.catalog.scan() {
                gaps.scanning.push((owner(), scan));
            }
        }
        gaps
    }
}
