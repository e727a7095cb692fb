//! One file: who holds which of its chunks, and how many copies each has.
//!
//! Owns the counts. Invariants: `whole` is the number of live nodes, this one among them, that hold
//! everything; `counts` has, for each chunk, how many hold it besides; `tally` says how many chunks
//! have each count. So most questions about copies cost nothing, and news cost what changed. Only
//! the first position of a repeated chunk is counted.

use super::event::{ChunkList, Copies};
use crate::core::{Now, have::HaveSet, id::NodeId, score::Weight};
use std::{collections::BTreeMap, sync::Arc};

/// Of many who have all of a file, so many are asked whether that is still so.
const FEW: usize = 4;

/// What a change did to the copies of a file.
#[derive(Clone, Copy, Debug)]
pub struct CopyChange {
    /// A chunk has one more.
    pub gained: bool,
    /// A chunk has one less.
    pub lost: bool,
}

/// What one node holds.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Whole,
    Part(HaveSet),
}

impl Held {
    pub fn of(have: HaveSet) -> Self {
        if have.is_full() {
            Self::Whole
        } else {
            Self::Part(have)
        }
    }

    pub fn has(&self, at: u32) -> bool {
        match self {
            Self::Whole => true,
            Self::Part(have) => have.has(at),
        }
    }

    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }

    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Part(have) if have.count() == 0)
    }
}

#[derive(Debug)]
pub(super) struct Holder {
    pub held: Held,
    pub origin: bool,
    /// Not only a download.
    pub lasting: bool,
    pub weight: Weight,
}

#[derive(Debug)]
pub(super) struct File {
    pub list: Arc<ChunkList>,
    pub copies: Copies,
    pub me: Holder,
    pub holders: BTreeMap<NodeId, Holder>,
    whole: u32,
    /// Empty as long as no node holds a part.
    counts: Vec<u16>,
    tally: Vec<u32>,
    /// The last plan: what was queued by an older one is void.
    pub plan: u64,
    /// When it is to be planned (again).
    pub plan_at: Option<Now>,
    /// No plan before this: a holder left a moment ago.
    pub quiet_until: Now,
    pub quiet_since: Now,
    /// When a chunk last gained a copy, or lost one.
    pub progress: Now,
    /// Since when this node leaves chunks that lack copies to others.
    pub waiting_since: Option<Now>,
}

impl File {
    pub fn new(me: Weight, list: Arc<ChunkList>, copies: Copies, now: Now) -> Self {
        let nothing = Held::Part(HaveSet::empty(list.len()));
        Self {
            list,
            copies,
            me: Holder {
                held: nothing,
                origin: false,
                lasting: true,
                weight: me,
            },
            holders: BTreeMap::new(),
            whole: 0,
            counts: Vec::new(),
            tally: Vec::new(),
            plan: 0,
            plan_at: None,
            quiet_until: Now::ZERO,
            quiet_since: Now::ZERO,
            progress: now,
            waiting_since: None,
        }
    }

    /// Copies of the chunk at `at`.
    pub fn total(&self, at: u32) -> u32 {
        self.whole + self.counts.get(at as usize).map_or(0, |&n| u32::from(n))
    }

    /// The fewest copies that any chunk has.
    pub fn fewest(&self) -> u32 {
        let least = self.tally.iter().position(|&chunks| chunks > 0);
        self.whole + least.unwrap_or(0) as u32
    }

    /// Whether more copies are wanted, as far as can be said without looking at each chunk.
    pub fn may_lack(&self) -> bool {
        match self.copies {
            Copies::Some(wanted) => self.fewest() < wanted,
            Copies::All => true,
        }
    }

    /// Whether a plan may find something to push here.
    pub fn wants_plans(&self) -> bool {
        self.may_lack() && !self.me.held.is_nothing() && !self.list.is_empty()
    }

    pub fn first(&self, at: u32) -> bool {
        !self.list.repeats(at)
    }

    /// Changes what this node has.
    pub fn set_mine(&mut self, have: HaveSet) -> CopyChange {
        let new = Held::of(have);
        let old = std::mem::replace(&mut self.me.held, Held::Whole);
        let change = self.replace(Some(&old), Some(&new));
        self.me.held = new;
        change
    }

    /// Changes what a node has.
    pub fn set_holder(
        &mut self,
        node: NodeId,
        held: Held,
        origin: bool,
        lasting: bool,
    ) -> CopyChange {
        let old = self.holders.remove(&node);
        let change = self.replace(old.as_ref().map(|old| &old.held), Some(&held));
        let weight = old.map_or_else(|| Weight::of(node), |old| old.weight);
        let holder = Holder {
            held,
            origin,
            lasting,
            weight,
        };
        self.holders.insert(node, holder);
        change
    }

    /// A node has nothing any more. False when it had nothing before.
    pub fn remove_holder(&mut self, node: &NodeId) -> bool {
        let Some(old) = self.holders.remove(node) else {
            return false;
        };
        self.replace(Some(&old.held), None);
        !old.held.is_nothing()
    }

    /// A node has these chunks too. Says whether any of them gained a copy.
    pub fn add(&mut self, node: NodeId, chunks: &[u32]) -> bool {
        let len = self.list.len();
        let holder = self.holders.entry(node).or_insert_with(|| Holder {
            held: Held::Part(HaveSet::empty(len)),
            origin: false,
            lasting: true,
            weight: Weight::of(node),
        });
        let Held::Part(have) = &mut holder.held else {
            return false;
        };
        let gained: Vec<u32> = chunks
            .iter()
            .copied()
            .filter(|&at| have.insert(at))
            .collect();
        for &at in &gained {
            self.count(at, true);
        }
        !gained.is_empty()
    }

    fn replace(&mut self, old: Option<&Held>, new: Option<&Held>) -> CopyChange {
        let nothing = HaveSet::empty(self.list.len());
        let parts = |held: Option<&'_ Held>| match held {
            Some(Held::Part(have)) => (false, Some(have.clone())),
            Some(Held::Whole) => (true, None),
            None => (false, None),
        };
        // Copies of bits: small beside the counts, and the borrow stays simple.
        let ((was_whole, before), (is_whole, after)) = (parts(old), parts(new));
        let before = before.as_ref().unwrap_or(&nothing);
        let after = after.as_ref().unwrap_or(&nothing);
        let mut change = CopyChange {
            gained: is_whole && !was_whole,
            lost: was_whole && !is_whole,
        };
        self.whole += u32::from(is_whole);
        self.whole -= u32::from(was_whole);
        for at in after.minus(before) {
            self.count(at, true);
            change.gained |= !was_whole;
        }
        for at in before.minus(after) {
            self.count(at, false);
            change.lost |= !is_whole;
        }
        change
    }

    fn count(&mut self, at: u32, more: bool) {
        if !self.first(at) {
            return;
        }
        if self.counts.is_empty() {
            self.counts = vec![0; self.list.len() as usize];
            self.tally = vec![self.list.distinct()];
        }
        let count = &mut self.counts[at as usize];
        self.tally[usize::from(*count)] -= 1;
        *count = if more { *count + 1 } else { *count - 1 };
        let now = usize::from(*count);
        if self.tally.len() <= now {
            self.tally.resize(now + 1, 0);
        }
        self.tally[now] += 1;
    }

    /// How many live holders of a chunk come before this node in the order of pushers: origins
    /// first, then by weight.
    pub fn before_me(&self, at: u32) -> u32 {
        let word = self.list.word(at);
        let before = |other: &&Holder| {
            other.held.has(at)
                && match (other.origin, self.me.origin) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => other.weight.before(&self.me.weight, word),
                }
        };
        self.holders.values().filter(before).count() as u32
    }

    /// Whether every chunk is held by another node.
    pub fn safe(&self) -> bool {
        if self.list.is_empty() || self.whole > u32::from(self.me.held.is_whole()) {
            return true;
        }
        match &self.me.held {
            Held::Whole => self.fewest() > 1,
            Held::Part(mine) => {
                let others = |at| self.total(at) > u32::from(mine.has(at));
                self.fewest() > 1 || (0..self.list.len()).all(|at| !self.first(at) || others(at))
            }
        }
    }

    /// See [`super::Placement::rests_on`].
    pub fn rests_on(&self) -> Vec<NodeId> {
        let whole = || self.holders.iter().filter(|(_, one)| one.held.is_whole());
        let parts = self
            .tally
            .iter()
            .position(|&chunks| chunks > 0)
            .unwrap_or(0);
        let mine = u32::from(!self.me.held.is_whole());
        // Parts are replicas; this node's own count among them when it has no more.
        if self.list.is_empty() || parts as u32 > mine || whole().any(|(_, one)| one.lasting) {
            return Vec::new();
        }
        whole().map(|(node, _)| *node).collect()
    }

    /// See [`super::Placement::leans_on`].
    pub fn leans_on(&self) -> Vec<(NodeId, bool)> {
        let mut whole: Vec<_> = self.holders.iter().collect();
        whole.retain(|(_, one)| one.held.is_whole());
        if whole.is_empty() {
            return self.holders.keys().map(|node| (*node, false)).collect();
        }
        whole.sort_by_key(|(_, one)| !one.lasting);
        let few = whole.into_iter().take(FEW);
        few.map(|(node, _)| (*node, true)).collect()
    }

    /// See [`super::Placement::surplus`].
    pub fn surplus(&self, unwanted: bool) -> Vec<u32> {
        let enough = |at: u32, elsewhere: u32| match self.copies {
            _ if unwanted => true,
            Copies::Some(wanted) => elsewhere >= wanted && self.before_me(at) >= wanted,
            Copies::All => false,
        };
        let mine = (0..self.list.len()).filter(|&at| self.me.held.has(at) && self.first(at));
        let mut found: Vec<(u32, u32)> = mine
            .map(|at| (self.total(at) - 1, at))
            .filter(|&(elsewhere, at)| enough(at, elsewhere))
            .collect();
        found.sort_unstable_by_key(|&(elsewhere, at)| (std::cmp::Reverse(elsewhere), at));
        found.into_iter().map(|(_, at)| at).collect()
    }
}
