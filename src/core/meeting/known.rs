//! The nodes that servers told of, and when to meet each.
//!
//! Owns that table. Invariants: at most [`MAX_PER_SERVER`] nodes that one server alone told of; at
//! most [`MAX_MET`] are met (or being met) at a time, and who is, chance decides; what a person
//! wants comes first.

use crate::core::{Now, chance::Chance, id::NodeId};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Nodes that are met through servers at a time.
pub const MAX_MET: usize = 64;
/// Nodes remembered that one server alone told of.
pub const MAX_PER_SERVER: usize = 256;
/// With many servers, found ones included, these are fewer: at most so many in all.
const MAX_KNOWN: usize = 2048;
/// Nodes that a person wants at a time.
pub const MAX_WANTED: usize = 32;
/// Meetings under way at a time.
pub const MAX_UNDER_WAY: usize = 16;
/// A meeting of which nothing is heard has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// A node that comes later meets those that are there; they give it so long before they try, too.
const NEWCOMER_MEETS: Duration = Duration::from_secs(2);
/// The shortest time between two attempts, however often a node registers.
const APART: Duration = Duration::from_secs(5);
/// How long a node is tried for a person.
const WANTED: Duration = Duration::from_secs(60);
/// The pauses after failures. A node that fails more often is forgotten until it registers again.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(300),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Meeting { until: Now },
    Here,
}

#[derive(Debug)]
struct Node {
    servers: BTreeSet<NodeId>,
    stage: Stage,
    failures: usize,
    retry: Now,
    last: Option<Now>,
    wanted: Option<Now>,
    /// It was tried.
    tried: bool,
}

/// The table.
#[derive(Debug)]
pub(super) struct Nodes {
    all: BTreeMap<NodeId, Node>,
    /// Of one server alone so many are remembered.
    most: usize,
}

impl Nodes {
    /// None yet, of so many servers.
    pub(super) fn new(servers: usize) -> Self {
        let mut nodes = Self {
            all: BTreeMap::new(),
            most: 0,
        };
        nodes.set_servers(servers);
        nodes
    }

    /// There are so many servers now. What is remembered already stays until others come.
    pub(super) fn set_servers(&mut self, servers: usize) {
        self.most = MAX_PER_SERVER.min(MAX_KNOWN / servers.max(1));
    }

    /// A server told of a node. True if that is news.
    pub(super) fn found(
        &mut self,
        (node, server): (NodeId, NodeId),
        wait: bool,
        here: bool,
        now: Now,
        chance: &mut Chance,
    ) -> bool {
        if let Some(known) = self.all.get_mut(&node) {
            let fresh = known.servers.insert(server);
            // It registered again: it is there.
            known.failures = 0;
            if known.stage == Stage::Waiting {
                let soonest = known.last.map_or(now, |last| (last + APART).max(now));
                known.retry = known.retry.min(soonest);
            }
            return fresh;
        }
        let only = |known: &Node| known.servers.len() == 1 && known.servers.contains(&server);
        let theirs: Vec<NodeId> = self
            .all
            .iter()
            .filter(|(_, known)| only(known))
            .map(|(node, _)| *node)
            .collect();
        if theirs.len() >= self.most {
            // By chance, so that one who floods a server does not decide which nodes are met.
            let victim = theirs[chance.below(theirs.len())];
            let waits = |known: &Node| known.stage == Stage::Waiting && known.wanted.is_none();
            if chance.below(2) == 0 || !self.all.get(&victim).is_some_and(waits) {
                return false;
            }
            self.all.remove(&victim);
        }
        let pause = if wait { NEWCOMER_MEETS } else { Duration::ZERO };
        let fresh = Node {
            servers: BTreeSet::from([server]),
            stage: if here { Stage::Here } else { Stage::Waiting },
            failures: 0,
            retry: now + pause,
            last: None,
            wanted: None,
            tried: false,
        };
        self.all.insert(node, fresh);
        true
    }

    /// A person wants to reach it.
    pub(super) fn wanted(&mut self, node: NodeId, now: Now) {
        let until = Some(now + WANTED);
        let wanted = self.all.values().filter(|known| known.wanted.is_some());
        if wanted.count() >= MAX_WANTED && !self.all.contains_key(&node) {
            return;
        }
        let known = self.all.entry(node).or_insert(Node {
            servers: BTreeSet::new(),
            stage: Stage::Waiting,
            failures: 0,
            retry: now,
            last: None,
            wanted: until,
            tried: false,
        });
        known.wanted = until;
        if known.stage == Stage::Waiting {
            (known.retry, known.failures) = (now, 0);
        }
    }

    pub(super) fn here(&mut self, node: &NodeId) {
        if let Some(known) = self.all.get_mut(node) {
            (known.stage, known.wanted, known.tried) = (Stage::Here, None, true);
        }
    }

    /// It was here, and is not. The one with the smaller id tries first.
    pub(super) fn gone(&mut self, node: &NodeId, wait: bool, now: Now, chance: &mut Chance) {
        if let Some(known) = self.all.get_mut(node) {
            (known.stage, known.failures) = (Stage::Waiting, 0);
            let pause = if wait { NEWCOMER_MEETS } else { Duration::ZERO };
            let jitter = Duration::from_secs(1).mul_f64(0.2 + 0.8 * chance.fraction());
            known.retry = now + pause + jitter;
        }
    }

    /// It was here by relay only, and not for long: as good as not met, but it is there.
    pub(super) fn broke(&mut self, node: &NodeId, now: Now, chance: &mut Chance) {
        if let Some(known) = self.all.get_mut(node) {
            let pause = PAUSES[known.failures.min(PAUSES.len() - 1)];
            known.stage = Stage::Waiting;
            known.failures = (known.failures + 1).min(PAUSES.len() - 1);
            known.retry = now + pause.mul_f64(0.75 + 0.5 * chance.fraction());
        }
    }

    pub(super) fn failed(&mut self, node: &NodeId, now: Now, chance: &mut Chance) {
        let Some(known) = self.all.get_mut(node) else {
            return;
        };
        if !matches!(known.stage, Stage::Meeting { .. }) {
            return;
        }
        known.stage = Stage::Waiting;
        let wanted = known.wanted.is_some_and(|until| until > now);
        let at = known.failures.min(if wanted { 0 } else { PAUSES.len() });
        known.failures += 1;
        match PAUSES.get(at) {
            Some(pause) => known.retry = now + pause.mul_f64(0.75 + 0.5 * chance.fraction()),
            None => drop(self.all.remove(node)),
        }
    }

    /// What took too long, and what is not wanted any more.
    pub(super) fn expire(&mut self, now: Now, chance: &mut Chance) {
        let late: Vec<NodeId> = self
            .all
            .iter()
            .filter(|(_, known)| matches!(known.stage, Stage::Meeting { until } if until <= now))
            .map(|(node, _)| *node)
            .collect();
        for node in late {
            self.failed(&node, now, chance);
        }
        for known in self.all.values_mut() {
            known.wanted = known.wanted.filter(|until| *until > now);
        }
        self.all.retain(|_, known| {
            !known.servers.is_empty() || known.wanted.is_some() || known.stage != Stage::Waiting
        });
    }

    /// Whom to meet now, and through which of the servers that are `joined`.
    pub(super) fn meet(
        &mut self,
        joined: &[NodeId],
        relayed_or_direct: usize,
        now: Now,
        chance: &mut Chance,
    ) -> Vec<(NodeId, Vec<NodeId>)> {
        let mut under_way = self.under_way();
        let mut met = relayed_or_direct + under_way;
        let mut due: Vec<(bool, u64, NodeId)> = self
            .all
            .iter()
            .filter(|(_, known)| known.retry_at(joined).is_some_and(|at| at <= now))
            .map(|(node, known)| (known.wanted.is_none(), chance.bits(), *node))
            .collect();
        due.sort_unstable();
        let mut chosen = Vec::new();
        for (unwanted, _, node) in due {
            if under_way >= MAX_UNDER_WAY || (unwanted && met >= MAX_MET) {
                break;
            }
            if let Some(known) = self.all.get_mut(&node) {
                let servers = known.through(joined);
                let until = now + PATIENCE;
                known.stage = Stage::Meeting { until };
                (known.last, known.tried) = (Some(now), true);
                (under_way, met) = (under_way + 1, met + 1);
                chosen.push((node, servers));
            }
        }
        chosen
    }

    pub(super) fn under_way(&self) -> usize {
        let meeting = |known: &&Node| matches!(known.stage, Stage::Meeting { .. });
        self.all.values().filter(meeting).count()
    }

    /// Whether a node may be here in a moment: being met for the first time, or about to be.
    pub(super) fn expects(&self, joined: &[NodeId], full: bool) -> bool {
        self.all.values().any(|known| {
            let wanted = known.wanted.is_some() && known.stage != Stage::Here;
            let first = known.failures == 0
                && match known.stage {
                    Stage::Meeting { .. } => true,
                    Stage::Waiting => !known.tried && !full && known.retry_at(joined).is_some(),
                    Stage::Here => false,
                };
            wanted && !joined.is_empty() || first
        })
    }

    pub(super) fn wants(&self) -> bool {
        self.all.values().any(|known| known.wanted.is_some())
    }

    /// When something is due. What waits only for a free place waits for another event.
    pub(super) fn next(&self, joined: &[NodeId], now: Now) -> Option<Now> {
        let of = |known: &Node| {
            let until = match known.stage {
                Stage::Meeting { until } => Some(until),
                _ => None,
            };
            [until, known.retry_at(joined), known.wanted]
                .into_iter()
                .flatten()
                .filter(|at| *at > now)
                .min()
        };
        self.all.values().filter_map(of).min()
    }

    /// How many of those that a server told of are here.
    pub(super) fn met_through(&self, server: &NodeId) -> usize {
        let met = |known: &&Node| known.stage == Stage::Here && known.servers.contains(server);
        self.all.values().filter(met).count()
    }

    pub(super) fn knows(&self, node: &NodeId) -> bool {
        self.all.contains_key(node)
    }

    /// Whether that server told of a node.
    pub(super) fn told_by(&self, node: &NodeId, server: &NodeId) -> bool {
        let known = self.all.get(node);
        known.is_some_and(|known| known.servers.contains(server))
    }

    /// Whether somebody is being met whom that server told of, or is about to be.
    pub(super) fn busy_at(&self, server: &NodeId, full: bool, now: Now) -> bool {
        let mut theirs = self
            .all
            .values()
            .filter(|known| known.servers.contains(server));
        theirs.any(|known| match known.stage {
            Stage::Meeting { .. } => true,
            Stage::Waiting => !full && known.retry <= now + NEWCOMER_MEETS,
            Stage::Here => false,
        })
    }

    fn lacks(known: &Node, joined: &[NodeId]) -> bool {
        known.stage == Stage::Waiting
            && !known.servers.is_empty()
            && !joined.iter().any(|server| known.servers.contains(server))
    }

    /// The servers of those who are to be met now, and whom none that is joined told of.
    pub(super) fn lacking(&self, joined: &[NodeId], now: Now) -> BTreeSet<NodeId> {
        let due = |known: &&Node| known.retry <= now && Self::lacks(known, joined);
        let due = self.all.values().filter(due);
        due.flat_map(|known| known.servers.iter().copied())
            .collect()
    }

    /// When such a node is to be met.
    pub(super) fn lacking_at(&self, joined: &[NodeId]) -> Vec<Now> {
        let lacks = |known: &&Node| Self::lacks(known, joined);
        let lacking = self.all.values().filter(lacks);
        lacking.map(|known| known.retry).collect()
    }

    /// Those that a person wants, and since when.
    pub(super) fn those_wanted(&self) -> impl Iterator<Item = (NodeId, Now)> {
        let wanted = |(node, known): (&NodeId, &Node)| {
            let until = known.wanted.filter(|_| known.stage != Stage::Here)?;
            Some((*node, until.saturating_sub(WANTED)))
        };
        self.all.iter().filter_map(wanted)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

impl Node {
    fn through(&self, joined: &[NodeId]) -> Vec<NodeId> {
        let told = joined.iter().filter(|server| self.servers.contains(server));
        let told: Vec<NodeId> = told.copied().collect();
        // Of a node that no server told of, any server may know.
        if told.is_empty() && self.wanted.is_some() {
            joined.to_vec()
        } else {
            told
        }
    }

    fn retry_at(&self, joined: &[NodeId]) -> Option<Now> {
        let possible = self.stage == Stage::Waiting && !self.through(joined).is_empty();
        possible.then_some(self.retry)
    }
}
