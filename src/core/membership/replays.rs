//! The last beacon numbers of nodes that are no longer in the table, so that an old beacon of theirs does nothing.
//!
//! Owns a bounded memory of ten minutes. Nodes that were once connected are forgotten last.

use super::peer::BeaconNumber;
use crate::core::{Now, chance::Chance, id::NodeId};
use std::{collections::BTreeMap, time::Duration};

/// Nodes remembered.
pub(super) const MAX: usize = 1024;
const KEPT: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Old {
    seen: BeaconNumber,
    confirmed: bool,
    at: Now,
}

#[derive(Debug, Default)]
pub(super) struct Replays(BTreeMap<NodeId, Old>);

impl Replays {
    pub(super) fn last(&self, node: &NodeId, now: Now) -> Option<BeaconNumber> {
        let old = self.0.get(node)?;
        (now <= old.at + KEPT).then_some(old.seen)
    }

    /// The same, when the node enters the table again.
    pub(super) fn take(&mut self, node: &NodeId, now: Now) -> Option<BeaconNumber> {
        let seen = self.last(node, now);
        self.0.remove(node);
        seen
    }

    pub(super) fn remember(
        &mut self,
        (node, seen, confirmed): (NodeId, BeaconNumber, bool),
        now: Now,
        chance: &mut Chance,
    ) {
        if self.0.len() >= MAX {
            self.0.retain(|_, old| now <= old.at + KEPT);
        }
        if self.0.len() >= MAX {
            let strangers = self.0.values().filter(|old| !old.confirmed).count();
            let pool = if strangers > 0 { strangers } else { MAX };
            let nth = chance.below(pool);
            let victim = self
                .0
                .iter()
                .filter(|(_, old)| strangers == 0 || !old.confirmed)
                .nth(nth)
                .map(|(node, _)| *node);
            victim.map(|victim| self.0.remove(&victim));
        }
        let at = now;
        self.0.insert(
            node,
            Old {
                seen,
                confirmed,
                at,
            },
        );
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
