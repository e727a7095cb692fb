//! A little swarm for the tests: several machines, each of which hears late, in another order or
//! not at all of what the others have.

use super::{ChunkList, Copies, Placement, PlacementAction, PlacementEvent, PlacementRefusal};
use crate::core::{
    Now,
    chance::Chance,
    have::HaveSet,
    id::{ChunkId, FileId, NodeId},
    manifest::{Entry, Manifest},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

pub const FILE: FileId = FileId([7; 32]);

pub fn node(tag: u64) -> NodeId {
    NodeId(*blake3::hash(&tag.to_le_bytes()).as_bytes())
}

/// The chunks of a file in which none repeats.
pub fn list(chunks: u32) -> Arc<ChunkList> {
    let entries = (0..chunks).map(|at| Entry {
        id: ChunkId(*blake3::hash(&at.to_be_bytes()).as_bytes()),
        len: 1000 + at % 100,
    });
    let manifest = Manifest::new(FILE, entries.collect()).unwrap();
    Arc::new(ChunkList::of(&manifest))
}

pub struct Member {
    pub placement: Placement,
    pub holds: HaveSet,
    pub origin: bool,
    /// Chunks that it takes; `None`: it takes no part.
    pub room: Option<u32>,
    pub fault: Option<Fault>,
    pub knows_file: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Pushes to it break off.
    Broken,
    /// It does nothing that its machine asks for.
    Lazy,
}

enum Note {
    /// To whom, an event.
    Event(PlacementEvent),
    /// What this node has now.
    News(NodeId),
    /// Chunks from this node.
    Arrives(NodeId, Vec<u32>),
}

pub struct Simulation {
    pub now: Now,
    pub members: BTreeMap<NodeId, Member>,
    pub copies: Copies,
    pub list: Arc<ChunkList>,
    notes: BTreeMap<(Now, u64), (NodeId, Note)>,
    seq: u64,
    chance: Chance,
    /// Of a hundred pieces of news, so many come five seconds late.
    pub lossy: usize,
    /// Pushed chunks: when, by whom, to whom, which.
    pub pushed: Vec<(Now, NodeId, NodeId, u32)>,
    /// Of these, ones that were there already.
    pub wasted: usize,
    /// Pushes that found no room: by whom, to whom.
    pub refusals: Vec<(NodeId, NodeId)>,
    pub events: usize,
}

impl Simulation {
    pub fn new(seed: u64, chunks: u32, copies: Copies) -> Self {
        Self {
            now: Now::ZERO,
            members: BTreeMap::new(),
            copies,
            list: list(chunks),
            notes: BTreeMap::new(),
            seq: 0,
            chance: Chance::new(seed),
            lossy: 0,
            pushed: Vec::new(),
            wasted: 0,
            refusals: Vec::new(),
            events: 0,
        }
    }

    /// A swarm of which the first `origins` nodes have the file, and all have room.
    pub fn of(seed: u64, nodes: u64, origins: u64, chunks: u32, copies: Copies) -> Self {
        let mut sim = Self::new(seed, chunks, copies);
        for tag in 0..nodes {
            sim.join(node(tag), tag < origins, Some(u32::MAX));
        }
        sim
    }

    fn later(&mut self, most_ms: usize, to: NodeId, note: Note) {
        let delay = Duration::from_millis(1 + self.chance.below(most_ms) as u64);
        self.seq += 1;
        self.notes.insert((self.now + delay, self.seq), (to, note));
    }

    pub fn join(&mut self, who: NodeId, origin: bool, room: Option<u32>) {
        let len = self.list.len();
        let holds = if origin {
            HaveSet::full(len)
        } else {
            HaveSet::empty(len)
        };
        self.come(who, holds, origin, room);
    }

    /// A node comes with what it has.
    pub fn come(&mut self, who: NodeId, holds: HaveSet, origin: bool, room: Option<u32>) {
        let others: Vec<(NodeId, bool)> = self
            .members
            .iter()
            .map(|(id, member)| (*id, member.room.is_some()))
            .collect();
        let member = Member {
            placement: Placement::new(who),
            holds,
            origin,
            room,
            fault: None,
            knows_file: false,
        };
        self.members.insert(who, member);
        for (other, offers_room) in others {
            let peer = |node, offers_room| Note::Event(PlacementEvent::Peer { node, offers_room });
            self.later(1, other, peer(who, room.is_some()));
            self.later(1, who, peer(other, offers_room));
        }
        self.learn(who);
        self.spread_news(who);
    }

    /// A node that has something of the file takes care of it.
    fn learn(&mut self, who: NodeId) {
        let member = self.members.get_mut(&who).unwrap();
        if member.knows_file || member.holds.count() == 0 && !member.holds.is_full() {
            return;
        }
        member.knows_file = true;
        let event = PlacementEvent::File {
            file: FILE,
            origin_here: member.origin,
            copies: self.copies,
            chunks: Arc::clone(&self.list),
            mine: member.holds.clone(),
        };
        self.tell(who, event);
        let others: Vec<NodeId> = self.members.keys().copied().collect();
        for other in others {
            if other != who {
                self.later(100, who, Note::News(other));
            }
        }
    }

    fn spread_news(&mut self, of: NodeId) {
        let others: Vec<NodeId> = self.members.keys().copied().collect();
        for other in others {
            if other != of {
                let late = self.chance.below(100) < self.lossy;
                self.later(if late { 5000 } else { 300 }, other, Note::News(of));
            }
        }
    }

    pub fn leave(&mut self, who: NodeId) -> Member {
        let gone = self.members.remove(&who).unwrap();
        self.notes.retain(|_, (to, note)| {
            *to != who && !matches!(note, Note::News(of) | Note::Arrives(of, _) if *of == who)
        });
        let others: Vec<NodeId> = self.members.keys().copied().collect();
        for other in others {
            self.tell(other, PlacementEvent::Gone { node: who });
        }
        gone
    }

    /// Gives an event to a node, and does what it asks for.
    pub fn tell(&mut self, who: NodeId, event: PlacementEvent) {
        let Some(member) = self.members.get_mut(&who) else {
            return;
        };
        self.events += 1;
        let actions = member.placement.handle(event, self.now);
        let lazy = member.fault == Some(Fault::Lazy);
        let mut busy = BTreeSet::new();
        for PlacementAction::Push { file, node, chunks } in actions {
            assert_eq!(file, FILE);
            assert!(busy.insert(node) && !chunks.is_empty());
            assert!(chunks.is_sorted() && chunks.len() <= super::MAX_PUSH_CHUNKS);
            assert!(chunks.iter().all(|&at| self.members[&who].holds.has(at)));
            if lazy {
                self.later(
                    9000,
                    who,
                    Note::Event(PlacementEvent::Failed { file, node }),
                );
                continue;
            }
            for &at in &chunks {
                self.pushed.push((self.now, who, node, at));
            }
            // To a node that has left; the word of it is on its way.
            if self.members.contains_key(&node) {
                self.later(200, node, Note::Arrives(who, chunks));
            }
        }
    }

    fn arrives(&mut self, at_node: NodeId, from: NodeId, chunks: Vec<u32>) {
        let Some(member) = self.members.get_mut(&at_node) else {
            return;
        };
        let (file, node) = (FILE, at_node);
        let answer = match member.room {
            _ if member.fault == Some(Fault::Broken) => PlacementEvent::Failed { file, node },
            None => PlacementEvent::Refused {
                file,
                node,
                why: PlacementRefusal::Off,
            },
            Some(room) if room < chunks.len() as u32 => {
                self.refusals.push((from, at_node));
                PlacementEvent::Refused {
                    file,
                    node,
                    why: PlacementRefusal::NoRoom,
                }
            }
            Some(room) => {
                for &at in &chunks {
                    self.wasted += usize::from(!member.holds.insert(at));
                }
                member.room = Some(room - chunks.len() as u32);
                PlacementEvent::Kept { file, node, chunks }
            }
        };
        let kept = matches!(answer, PlacementEvent::Kept { .. });
        self.later(20, from, Note::Event(answer));
        if kept {
            self.learn(at_node);
            let have = self.members[&at_node].holds.clone();
            self.tell(at_node, PlacementEvent::Mine { file, have });
            self.spread_news(at_node);
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        for steps in 0.. {
            assert!(steps < 2_000_000, "it never rests");
            let ticks = self.members.iter();
            let tick = ticks
                .filter_map(|(id, member)| Some((member.placement.next_tick()?, *id)))
                .min();
            let note = self.notes.first_key_value().map(|(&(at, _), _)| at);
            let next = note.into_iter().chain(tick.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(next);
            match tick {
                Some((at, who)) if note.is_none_or(|note| at < note) => {
                    self.tell(who, PlacementEvent::Tick);
                }
                _ => {
                    let (_, (to, note)) = self.notes.pop_first().unwrap();
                    match note {
                        Note::Event(event) => self.tell(to, event),
                        Note::Arrives(from, chunks) => self.arrives(to, from, chunks),
                        Note::News(of) => self.news(to, of),
                    }
                }
            }
        }
        self.now = end;
    }

    fn news(&mut self, to: NodeId, of: NodeId) {
        if let Some(other) = self.members.get(&of) {
            let event = PlacementEvent::Holder {
                file: FILE,
                node: of,
                have: other.holds.clone(),
                origin: other.origin,
                lasting: true,
            };
            self.tell(to, event);
        }
    }

    /// How many nodes hold each chunk, in truth.
    pub fn counts(&self) -> Vec<u32> {
        let holds = |at| self.members.values().filter(|m| m.holds.has(at)).count() as u32;
        (0..self.list.len()).map(holds).collect()
    }
}
