//! Who of [`Swarm`] knows of whom, and what becomes of that: whom a node asks and follows, by
//! `core::selection`, and the connections that this takes.
//!
//! In a room of few each hears of each at once. In a crowd it takes a while until a node knows that
//! another one begins, or has all of it: their cards go from neighbour to neighbour. A node has
//! room for so many connections; who finds none tries again later.

use super::{Duration, HaveSet, NEWS, Position, QUESTION, Swarm, TransferEvent, What};
use sprat::core::selection::{Candidate, Standing};
use std::collections::{BTreeMap, BTreeSet};

/// Up to so many are connected each with each, as in `core::neighbours`.
const MESH: usize = 24;
/// How soon a card is known at best, and at worst for each factor of ten in nodes: as
/// `-- membership` says.
const HEARS: u64 = 200_000_000;
const HEARS_TEN: f64 = 500_000_000.0;
/// Between two looks at who is there.
const LOOK: u64 = 500_000_000;
/// Connections that others made to a node, as in `net/behaviour`, and for how long they stay when
/// nobody uses them and there are many.
const INBOUND: usize = 500;
const UNUSED: u64 = 3_000_000_000;
/// Bytes of a dial that is refused, each way.
pub(super) const REFUSAL: u64 = 200;

/// What one node has to do with others.
#[derive(Default)]
pub(super) struct Known {
    hears: u64,
    /// Whom it asks, and how; and whether that one has all of it.
    sources: BTreeMap<usize, (Standing, bool)>,
    inbound: BTreeSet<usize>,
}

impl Known {
    pub(super) fn that_hears_after(hears: u64) -> Self {
        Self {
            hears,
            ..Self::default()
        }
    }
}

impl Swarm {
    /// How long until a node hears what others do.
    pub(super) fn hears(&mut self) -> u64 {
        if self.scenario.nodes <= MESH {
            return 0;
        }
        let most = HEARS_TEN * (self.scenario.nodes as f64).log10();
        HEARS + self.below(most as u64 - HEARS)
    }

    pub(super) fn begin(&mut self, at: usize) {
        self.nodes[at].alive = true;
        self.begun.push((self.now, at));
        self.look(at);
        // Of few, the others find the newcomer at once.
        if self.scenario.nodes <= MESH {
            for other in self.scenario.seeds..self.nodes.len() {
                if other != at && self.begun.iter().any(|&(_, one)| one == other) {
                    self.choose(other);
                }
            }
        }
    }

    /// Looks at who is there, and again later.
    pub(super) fn look(&mut self, at: usize) {
        if self.nodes[at].alive && self.nodes[at].ended.is_none() {
            self.choose(at);
            self.plan(LOOK, What::Look(at));
        }
    }

    fn choose(&mut self, at: usize) {
        if !self.nodes[at].alive || self.nodes[at].ended.is_some() {
            return;
        }
        let horizon = self.now.saturating_sub(self.nodes[at].known.hears);
        let begun = self.begun.partition_point(|&(when, _)| when <= horizon);
        let begun = self.begun[..begun].iter().map(|&(_, other)| other);
        let there = (0..self.scenario.seeds).chain(begun);
        let there: Vec<usize> = there
            .filter(|&other| other != at && self.states[other].alive)
            .collect();
        let sources = &self.nodes[at].known.sources;
        let candidates: Vec<Candidate> = there
            .iter()
            .map(|&other| Candidate {
                node: self.states[other].id,
                downloads: self.states[other].ended > horizon,
                standing: sources
                    .get(&other)
                    .map_or(Standing::New, |&(standing, _)| standing),
            })
            .collect();
        let now = Duration::from_nanos(self.now);
        let chosen = self.nodes[at].selection.choose(&candidates, now);
        let mut left: BTreeSet<usize> = sources_of(self, at);
        self.nodes[at].job.set_askers(chosen.askers);
        for place in chosen.sources {
            let (other, whole) = (there[place], !candidates[place].downloads);
            left.remove(&other);
            self.take_up(at, other, whole);
        }
        for other in left {
            self.give_up(at, other);
        }
        self.feed(at, TransferEvent::Tick);
    }

    fn take_up(&mut self, at: usize, other: usize, whole: bool) {
        let known = self.nodes[at].known.sources.get(&other).copied();
        match (known, whole) {
            (Some((_, true)), _) | (Some((_, false)), false) => return,
            (Some((standing, false)), true) => {
                self.nodes[at].known.sources.insert(other, (standing, true));
            }
            (None, true) => {
                let source = (Standing::Asked, true);
                self.nodes[at].known.sources.insert(other, source);
            }
            (None, false) => {
                if !self.connected(at, other) {
                    return;
                }
                let source = (Standing::Followed, false);
                self.nodes[at].known.sources.insert(other, source);
                self.nodes[other].followers.push(at);
                self.nodes[at].control += NEWS;
                self.nodes[other].control += self.entries.len() as u64 / 8;
            }
        }
        let (peer, have) = (self.nodes[other].id, self.nodes[other].have.clone());
        let have = if whole {
            HaveSet::full(have.len())
        } else {
            have
        };
        let rtt = self.scenario.delay * 2;
        self.feed(
            at,
            TransferEvent::Source {
                peer,
                rtt,
                at: Position(0),
                have,
                downloading: !whole,
            },
        );
    }

    /// Has no more to do with another one: streams are closed at once, the connection when nobody
    /// used it for a while.
    fn give_up(&mut self, at: usize, other: usize) {
        self.forget(at, other);
        self.nodes[at].control += QUESTION;
        self.post(at, other, QUESTION, What::Ended(at, other));
        self.plan(UNUSED, What::Close(at, other));
    }

    fn forget(&mut self, at: usize, other: usize) {
        self.nodes[at].known.sources.remove(&other);
        self.nodes[other].followers.retain(|&one| one != at);
        self.nodes[at].since.retain(|&(from, _), _| from != other);
        self.nodes[at].begun.retain(|&(from, _)| from != other);
        let peer = self.nodes[other].id;
        self.feed(at, TransferEvent::Gone { peer });
    }

    /// Whether one is connected with another, or finds room.
    pub(super) fn connected(&mut self, at: usize, with: usize) -> bool {
        let inbound = &mut self.nodes[with].known.inbound;
        inbound.contains(&at) || (inbound.len() < INBOUND && inbound.insert(at))
    }

    pub(super) fn close(&mut self, at: usize, with: usize) {
        if self.nodes[at].ended.is_some() || !self.nodes[at].known.sources.contains_key(&with) {
            self.nodes[with].known.inbound.remove(&at);
        }
    }

    pub(super) fn refused(&mut self, at: usize, by: usize, chunk: u32) {
        self.nodes[at].control += REFUSAL;
        self.refusals += 1;
        if self.nodes[at].since.remove(&(by, chunk)).is_some() {
            let peer = self.nodes[by].id;
            let chunks = vec![sprat::core::index::UniqueChunk(chunk)];
            self.feed(at, TransferEvent::Failed { peer, chunks });
        }
    }

    /// It has all of it.
    pub(super) fn complete(&mut self, at: usize) {
        self.nodes[at].ended = Some(self.now);
        self.states[at].ended = self.now;
        self.count_out(at);
        for other in sources_of(self, at) {
            self.post(at, other, QUESTION, What::Ended(at, other));
            self.plan(UNUSED, What::Close(at, other));
            self.nodes[other].followers.retain(|&one| one != at);
        }
        let node = &mut self.nodes[at];
        node.job = sprat::core::download::Download::new(node.id);
        node.since = BTreeMap::new();
        node.begun = BTreeSet::new();
    }

    /// One less is waited for.
    fn count_out(&mut self, at: usize) {
        if (self.scenario.seeds..self.scenario.seeds + self.scenario.nodes).contains(&at) {
            self.open -= 1;
        }
    }

    pub(super) fn leave(&mut self, gone: usize) {
        let node = &mut self.nodes[gone];
        node.alive = false;
        node.lanes.clear();
        node.slots = 0;
        self.states[gone].alive = false;
        if self.nodes[gone].ended.is_none() {
            self.count_out(gone);
        }
        for other in 0..self.nodes.len() {
            self.nodes[other].followers.retain(|&at| at != gone);
            self.nodes[other].known.inbound.remove(&gone);
            self.hang_up(other, gone);
            if self.nodes[other].known.sources.contains_key(&gone) {
                self.forget(other, gone);
                self.choose(other);
            }
        }
    }
}

fn sources_of(swarm: &Swarm, at: usize) -> BTreeSet<usize> {
    swarm.nodes[at].known.sources.keys().copied().collect()
}

/// What is looked at of all nodes, close together.
pub(super) struct State {
    pub(super) id: sprat::core::id::NodeId,
    pub(super) alive: bool,
    pub(super) ended: u64,
}
