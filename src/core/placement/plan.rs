//! Who gets what: plans that fill the queues of the targets, and pushes taken from these queues.
//!
//! A plan looks at each chunk of a file once, in order, and costs time for those that lack copies
//! only; it is made in portions, so that no single event takes long. What a queue says is looked at
//! again when its turn comes: others push, too.

use super::{
    Copies, MAX_BATCH, MAX_BATCH_CHUNKS, MAX_OUTSTANDING, MAX_PUSH_BYTES, MAX_PUSH_CHUNKS,
    PATIENCE, Placement, PlacementAction,
    file::{File, Held},
    peer::Outstanding,
};
use crate::core::{
    Now,
    id::{FileId, NodeId},
    score::Weight,
};
use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

/// What one event may spend on plans, in scores (about a nanosecond each, with all around it).
const BUDGET: usize = 150_000;
/// What it costs to begin one.
const BEGIN: usize = 100;

/// Where a plan stands.
#[derive(Debug)]
pub(super) struct Cursor {
    file: FileId,
    at: u32,
    /// There are chunks that others should push.
    waiting: bool,
}

/// A node that can take chunks of the file.
struct Target<'a> {
    weight: Weight,
    held: Option<&'a Held>,
    /// What is on its way to it.
    flying: &'a [u32],
}

impl Target<'_> {
    fn has(&self, at: u32) -> bool {
        self.held.is_some_and(|held| held.has(at))
    }

    fn gets(&self, at: u32) -> bool {
        self.flying.binary_search(&at).is_ok()
    }
}

impl Placement {
    /// Plans the file in `delay`, or when that was going to be anyway, but not while its holders
    /// come and go.
    pub(super) fn schedule(&mut self, id: &FileId, delay: Duration) {
        let Some(file) = self.files.get_mut(id) else {
            return;
        };
        if !file.wants_plans() {
            return;
        }
        let wanted = self.now + delay;
        let at = file.plan_at.map_or(wanted, |old| old.min(wanted));
        let at = at.max(file.quiet_until);
        if let Some(old) = file.plan_at.replace(at) {
            self.due.remove(&(old, *id));
        }
        self.due.insert((at, *id));
    }

    /// Makes the plans that are due, as far as the budget goes.
    pub(super) fn make_plans(&mut self) {
        let mut budget = BUDGET;
        while budget > 0 {
            let cursor = self.cursor.take().or_else(|| self.next_due());
            let Some(mut cursor) = cursor else {
                return;
            };
            budget = budget.saturating_sub(BEGIN);
            if self.scan(&mut cursor, &mut budget) {
                self.finish(&cursor);
            } else {
                self.cursor = Some(cursor);
            }
        }
    }

    fn next_due(&mut self) -> Option<Cursor> {
        let &(at, id) = self.due.first().filter(|(at, _)| *at <= self.now)?;
        self.due.remove(&(at, id));
        self.plans += 1;
        let file = self.files.get_mut(&id)?;
        file.plan_at = None;
        file.plan = self.plans;
        Some(Cursor {
            file: id,
            at: 0,
            waiting: false,
        })
    }

    /// Who waits for others looks again when they had their time.
    fn finish(&mut self, cursor: &Cursor) {
        let now = self.now;
        let Some(file) = self.files.get_mut(&cursor.file) else {
            return;
        };
        if !cursor.waiting {
            file.waiting_since = None;
            return;
        }
        let since = (*file.waiting_since.get_or_insert(now)).max(file.progress);
        let turn = since + PATIENCE * (patience(file, now) + 1);
        self.schedule(&cursor.file, turn.saturating_sub(now));
    }

    /// Goes on with a plan. False when the budget ended before it did.
    fn scan(&mut self, cursor: &mut Cursor, budget: &mut usize) -> bool {
        let Some(file) = self.files.get(&cursor.file) else {
            return true;
        };
        let targets = self.targets(&cursor.file, file);
        if targets.is_empty() || !file.wants_plans() {
            return true;
        }
        let patience = patience(file, self.now);
        let origins = file.holders.values();
        let origins = origins.filter(|one| one.origin && one.held.is_whole());
        if !file.me.origin && origins.count() as u32 > patience {
            cursor.waiting = true;
            return true;
        }
        let cost = targets.len() + file.holders.len();
        let mut scored = Vec::with_capacity(targets.len());
        let mut planned: Vec<(NodeId, u32)> = Vec::new();
        while cursor.at < file.list.len() && *budget > 0 {
            let at = cursor.at;
            cursor.at += 1;
            *budget -= 1;
            let lacking = match file.copies {
                Copies::Some(wanted) => wanted.saturating_sub(file.total(at)) as usize,
                Copies::All => usize::MAX,
            };
            if lacking == 0 || !file.me.held.has(at) || !file.first(at) {
                continue;
            }
            *budget = budget.saturating_sub(cost);
            if file.before_me(at) > patience {
                cursor.waiting = true;
                continue;
            }
            let word = file.list.word(at);
            let flying = targets.iter().filter(|target| target.gets(at)).count();
            let lacking = lacking.saturating_sub(flying);
            scored.clear();
            scored.extend(
                targets
                    .iter()
                    .filter(|target| !target.has(at) && !target.gets(at))
                    .map(|target| Reverse((target.weight.score(word), target.weight.node))),
            );
            if lacking > 0 && lacking < scored.len() {
                scored.select_nth_unstable(lacking - 1);
            }
            planned.extend(scored.iter().take(lacking).map(|one| (one.0.1, at)));
        }
        let (plan, done) = (file.plan, cursor.at >= file.list.len());
        for (node, at) in planned {
            if let Some(peer) = self.peers.get_mut(&node) {
                peer.enqueue(cursor.file, plan, at);
            }
        }
        done
    }

    /// The nodes that take replicas now and do not have the whole file.
    fn targets<'a>(&'a self, id: &FileId, file: &'a File) -> Vec<Target<'a>> {
        let peers = self.peers.iter().filter(|(_, peer)| peer.is_target());
        peers
            .map(|(node, peer)| Target {
                weight: peer.weight,
                held: file.holders.get(node).map(|holder| &holder.held),
                flying: peer.flying(id),
            })
            .filter(|target| !target.held.is_some_and(Held::is_whole))
            .collect()
    }

    /// Takes what can be sent now from the queues.
    pub(super) fn push(&mut self) -> Vec<PlacementAction> {
        let mut actions = Vec::new();
        let mut free = MAX_OUTSTANDING.saturating_sub(self.outstanding());
        while free > 0 {
            let ready = self
                .peers
                .iter()
                .filter(|(_, peer)| peer.is_ready(self.now));
            let Some(node) = ready.min_by_key(|(_, peer)| peer.served).map(|(id, _)| *id) else {
                break;
            };
            let batch = self.take_batch(&node);
            let Some(peer) = self.peers.get_mut(&node) else {
                break;
            };
            if !batch.is_empty() {
                actions.extend(batch.iter().map(|out| PlacementAction::Push {
                    file: out.file,
                    node,
                    chunks: out.chunks.clone(),
                }));
                self.pushes += 1;
                peer.served = self.pushes;
                peer.sent(batch);
                free -= 1;
            }
            for file in peer.take_overflow() {
                self.schedule(&file, Duration::ZERO);
            }
        }
        actions
    }

    /// The next chunks for this node that it still needs: of one file, or of several small ones.
    fn take_batch(&mut self, node: &NodeId) -> Vec<Outstanding> {
        let mut batch: Vec<Outstanding> = Vec::new();
        let mut names = BTreeSet::new();
        let (mut together, mut left) = (0, MAX_PUSH_BYTES);
        while batch.len() < MAX_BATCH {
            let Some(run) = self.peers.get(node).and_then(|peer| peer.queue.front()) else {
                break;
            };
            let (id, plan) = (run.file, run.plan);
            let (mut take, mut chunks, mut full) = (0, Vec::new(), false);
            if let Some(file) = self.files.get(&id).filter(|file| file.plan == plan) {
                let of = file.list.len();
                if !batch.is_empty() && (together + of > MAX_BATCH_CHUNKS || names.contains(&id)) {
                    break;
                }
                let targets = self.targets(&id, file);
                for &at in &run.chunks {
                    if still_lacks(file, &targets, node, at) {
                        let len = u64::from(file.list.bytes(at));
                        full = chunks.len() >= MAX_PUSH_CHUNKS || len > left;
                        if full {
                            break;
                        }
                        left -= len;
                        chunks.push(at);
                    }
                    take += 1;
                }
                together += if chunks.is_empty() { 0 } else { of };
            }
            let Some(peer) = self.peers.get_mut(node) else {
                break;
            };
            if full {
                for _ in 0..take {
                    peer.pop();
                }
            } else {
                // Nothing that was left in it is still needed.
                peer.drop_run();
            }
            if !chunks.is_empty() {
                names.insert(id);
                let file = id;
                batch.push(Outstanding { file, plan, chunks });
            }
            if full {
                break;
            }
        }
        batch
    }
}

/// How many of those who should push before this node have had their time.
fn patience(file: &File, now: Now) -> u32 {
    let since = file.waiting_since.map(|since| since.max(file.progress));
    let waited = since.map_or(Now::ZERO, |since| now.saturating_sub(since));
    (waited.as_millis() / PATIENCE.as_millis()).min(1 << 16) as u32
}

/// Whether the chunk at `at` still has to go to this node.
fn still_lacks(file: &File, targets: &[Target<'_>], node: &NodeId, at: u32) -> bool {
    let has = |node: &NodeId| file.holders.get(node).is_some_and(|one| one.held.has(at));
    if !file.me.held.has(at) || has(node) {
        return false;
    }
    let flying = || targets.iter().filter(|target| target.gets(at)).count() as u32;
    match file.copies {
        Copies::Some(wanted) => {
            let total = file.total(at);
            total < wanted && total + flying() < wanted
        }
        Copies::All => true,
    }
}
