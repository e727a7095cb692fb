//! The last beacon numbers of nodes that are no longer in the table, so that an old beacon of
//! theirs does nothing.
//!
//! Owns a bounded memory of ten minutes. Nodes that were once connected are forgotten last.

use super::BeaconNumber;
use crate::core::{Now, chance::Chance, id::NodeId};
use std::{collections::BTreeMap, time::Duration};

/// Nodes remembered: half a minute of those that go where a third of ten thousand does each minute.
pub(super) const MAX: usize = 2048;
const KEPT: Duration = Duration::from_secs(600);
/// How often the old ones are looked for while the memory is full.
const SWEEP: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Old {
    seen: BeaconNumber,
    confirmed: bool,
    /// It said goodbye.
    left: bool,
    at: Now,
}

#[derive(Debug, Default)]
pub(super) struct Replays {
    nodes: BTreeMap<NodeId, Old>,
    /// How many of them were never connected.
    strangers: usize,
    swept: Now,
}

impl Replays {
    pub(super) fn last(&self, node: &NodeId, now: Now) -> Option<BeaconNumber> {
        let old = self.nodes.get(node)?;
        (now <= old.at + KEPT).then_some(old.seen)
    }

    /// The same of a node that was here, and when it was taken for gone.
    pub(super) fn last_here(&self, node: &NodeId, now: Now) -> Option<(BeaconNumber, Now)> {
        let old = self.nodes.get(node).filter(|old| old.confirmed)?;
        Some((self.last(node, now)?, old.at))
    }

    /// Those that were here and are gone, from this id on, in the order of these, and in which life
    /// that was.
    pub(super) fn gone_from(&self, node: NodeId, now: Now) -> impl Iterator<Item = (&NodeId, u64)> {
        let gone = self.nodes.range(node..);
        let gone = gone.filter(move |(_, old)| old.confirmed && now <= old.at + KEPT);
        gone.map(|(node, old)| (node, old.seen.epoch))
    }

    /// Whether it said goodbye, and was not heard since.
    pub(super) fn has_left(&self, node: &NodeId, now: Now) -> bool {
        let left = self.nodes.get(node).is_some_and(|old| old.left);
        left && self.last(node, now).is_some()
    }

    /// The last number, when the node enters the table again.
    pub(super) fn take(&mut self, node: &NodeId, now: Now) -> Option<BeaconNumber> {
        let seen = self.last(node, now);
        self.forget(node);
        seen
    }

    pub(super) fn remember(
        &mut self,
        (node, seen, confirmed, left): (NodeId, BeaconNumber, bool, bool),
        now: Now,
        chance: &mut Chance,
    ) {
        self.forget(&node);
        if self.nodes.len() >= MAX && now >= self.swept + SWEEP {
            self.swept = now;
            self.nodes.retain(|_, old| now <= old.at + KEPT);
            self.strangers = self.nodes.values().filter(|old| !old.confirmed).count();
        }
        if self.nodes.len() >= MAX {
            let any = self.strangers == 0;
            let pool = if any { MAX } else { self.strangers };
            let mut candidates = self.nodes.iter().filter(|(_, old)| any || !old.confirmed);
            let victim = candidates.nth(chance.below(pool)).map(|(node, _)| *node);
            if let Some(victim) = victim {
                self.forget(&victim);
            }
        }
        let at = now;
        self.strangers += usize::from(!confirmed);
        self.nodes.insert(
            node,
            Old {
                seen,
                confirmed,
                left,
                at,
            },
        );
    }

    fn forget(&mut self, node: &NodeId) {
        if let Some(old) = self.nodes.remove(node) {
            self.strangers -= usize::from(!old.confirmed);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}
