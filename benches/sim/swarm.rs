//! A swarm in virtual time: the real `core::download` machines, with links, servers and
//! have-updates around them.
//!
//! Owns the model, which is seeded and deterministic: no clock, no sockets. What a node does around
//! its machine is as in `node/`: a few chunks are sent at a time, those first that were sent least
//! often; what came is told to followers in batches; a node follows some of those who download, not
//! all. A link has a rate, a queue each way, and a delay.

#[path = "links.rs"]
mod links;
#[path = "report.rs"]
mod report;

use links::{LANES, Lane};
pub use report::Report;

use sprat::core::{
    download::{Download, TransferAction, TransferEvent},
    have::HaveSet,
    id::{ChunkId, NodeId},
    index::Position,
    manifest::{Entry, FINE},
    picker::distance,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    time::Duration,
};

/// Downloaders that a node follows, as in `node/job/transfer/sources`.
const FOLLOWED: usize = 20;
/// Bytes on the wire of a question, and of news without and for each chunk: an estimate, with what
/// is around it on a bulk connection; news come in a packet of their own, which is acknowledged.
const QUESTION: u64 = 37 + 30;
const NEWS: u64 = 59 + 66 + 33;
const NEWS_CHUNK: u64 = 4;

/// What is simulated.
#[derive(Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub nodes: usize,
    /// The length of the file.
    pub mib: u64,
    /// Bytes a second, each way.
    pub rate: u64,
    /// One way.
    pub delay: Duration,
    /// Every so many nodes one is ten times slower.
    pub slow: Option<usize>,
    /// Nodes that have the whole file: the first ones.
    pub seeds: usize,
    /// Links of another rate, and whose.
    pub links: Vec<(usize, u64)>,
    /// Of 100 nodes, so many leave each minute, and as many others come.
    pub churn: u32,
    /// All begin within this time.
    pub spread: Duration,
    pub seed: u64,
}

impl Scenario {
    /// What `benches/compare/fanout.sh` measures: 32 MiB to nodes with links of so many Mbit/s.
    pub fn lab(name: &'static str, nodes: usize, megabits: u64) -> Self {
        Self {
            name,
            nodes,
            mib: 32,
            rate: megabits * 1_000_000 / 8,
            delay: Duration::from_micros(100),
            slow: None,
            seeds: 1,
            links: Vec::new(),
            churn: 0,
            spread: Duration::from_millis(150),
            seed: 1,
        }
    }
}

struct Node {
    id: NodeId,
    up: u64,
    down: u64,
    alive: bool,
    began: u64,
    ended: Option<u64>,
    job: Download,
    have: HaveSet,
    follows: Vec<usize>,
    followers: Vec<usize>,
    fresh: Vec<u32>,
    telling: bool,
    /// Who asks it, by whom and which.
    lanes: BTreeMap<(usize, usize), Lane>,
    slots: usize,
    /// How long a chunk takes, of late.
    pace: u64,
    /// How often each chunk went out.
    times: Vec<u16>,
    /// When the queues of its link are empty.
    up_free: u64,
    down_free: u64,
    /// What has begun to come, from whom.
    begun: BTreeSet<(usize, u32)>,
    since: BTreeMap<(usize, u32), u64>,
    sent: u64,
    control: u64,
    news: u64,
    tick_at: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Begin(usize),
    /// Bytes came to the queue of a downlink: what is to happen once they are through it.
    Arrive(usize, u64, Box<Self>),
    /// Who sent, over which connection, which chunk, how much; whether that was all of it.
    Taken(usize, (usize, usize), u32, u32, bool),
    Acknowledged(usize, (usize, usize), u32),
    /// A slot was held for long.
    Held(usize, (usize, usize), u64),
    Ask(usize, usize, u32),
    Cancel(usize, usize, u32),
    Tell(usize),
    Told(usize, usize, Vec<u32>),
    Tick(usize),
    Replace,
}

/// The swarm; the first nodes are the seeds.
pub struct Swarm {
    scenario: Scenario,
    entries: Vec<Entry>,
    nodes: Vec<Node>,
    queue: BinaryHeap<Reverse<(u64, u64, What)>>,
    serial: u64,
    now: u64,
    random: u64,
    came: u64,
    twice: u64,
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

fn span(bytes: u64, rate: u64) -> u64 {
    bytes * 1_000_000_000 / rate
}

fn hash(tag: u64) -> [u8; 32] {
    *blake3::hash(&tag.to_le_bytes()).as_bytes()
}

impl Swarm {
    pub fn new(scenario: Scenario) -> Self {
        let mut swarm = Self {
            entries: Vec::new(),
            nodes: Vec::new(),
            queue: BinaryHeap::new(),
            serial: 0,
            now: 0,
            random: scenario.seed,
            came: 0,
            twice: 0,
            scenario,
        };
        let mut left = swarm.scenario.mib << 20;
        // As the chunker cuts random bytes: 98, 24 or 295 KiB on average.
        let (least, more) = if left <= FINE.0 {
            (64 << 10, 68 << 10)
        } else if left <= FINE.1 {
            (16 << 10, 17 << 10)
        } else {
            (192 << 10, 206 << 10)
        };
        while left > 0 {
            let len = left.min(least + swarm.below(more)) as u32;
            let number = swarm.entries.len() as u64;
            let id = ChunkId(hash(number << 32 | swarm.scenario.seed));
            swarm.entries.push(Entry { id, len });
            left -= u64::from(len);
        }
        for _ in 0..swarm.scenario.seeds + swarm.scenario.nodes {
            let after = swarm.below(nanos(swarm.scenario.spread).max(1));
            swarm.add(after);
        }
        if swarm.scenario.churn > 0 {
            let pause = swarm.churn_pause();
            swarm.plan(pause, What::Replace);
        }
        swarm
    }

    fn below(&mut self, most: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.random;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % most
    }

    fn churn_pause(&self) -> u64 {
        60_000_000_000 * 100 / (self.scenario.nodes as u64 * u64::from(self.scenario.churn))
    }

    fn plan(&mut self, after: u64, what: What) {
        self.serial += 1;
        self.queue
            .push(Reverse((self.now + after, self.serial, what)));
    }

    fn add(&mut self, after: u64) {
        let at = self.nodes.len();
        let seed = at < self.scenario.seeds;
        let slow = self
            .scenario
            .slow
            .is_some_and(|each| !seed && at.is_multiple_of(each));
        let own = self.scenario.links.iter().find(|&&(whose, _)| whose == at);
        let usual = self.scenario.rate / if slow { 10 } else { 1 };
        let rate = own.map_or(usual, |&(_, rate)| rate);
        let chunks = self.entries.len() as u32;
        let id = NodeId(hash(at as u64 ^ self.scenario.seed << 20));
        let mut job = Download::new(id);
        let have = if seed { HaveSet::full } else { HaveSet::empty }(chunks);
        job.add(&self.entries, &HaveSet::empty(chunks));
        self.nodes.push(Node {
            id,
            up: rate,
            down: rate,
            alive: seed,
            began: self.now + after,
            ended: seed.then_some(0),
            job,
            have,
            follows: Vec::new(),
            followers: Vec::new(),
            fresh: Vec::new(),
            telling: false,
            lanes: BTreeMap::new(),
            slots: 0,
            pace: 250_000_000,
            times: vec![0; self.entries.len()],
            up_free: 0,
            down_free: 0,
            begun: BTreeSet::new(),
            since: BTreeMap::new(),
            sent: 0,
            control: 0,
            news: 0,
            tick_at: u64::MAX,
        });
        if !seed {
            self.plan(after, What::Begin(at));
        }
    }

    /// Until all have it, or `limit`.
    pub fn run(mut self, limit: Duration) -> Report {
        while let Some(Reverse((when, _, what))) = self.queue.pop() {
            if when > nanos(limit)
                || self
                    .nodes
                    .iter()
                    .skip(self.scenario.seeds)
                    .take(self.scenario.nodes)
                    .all(|n| n.ended.is_some() || (!n.alive && n.began < when))
            {
                break;
            }
            self.now = when;
            self.happen(what);
        }
        self.report()
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Begin(at) => self.begin(at),
            What::Arrive(to, bytes, what) => self.arrive(to, bytes, *what),
            What::Taken(from, key, chunk, bytes, last) => self.taken(from, key, chunk, bytes, last),
            What::Acknowledged(at, key, bytes) => self.acknowledged(at, key, bytes),
            What::Held(at, key, serial) => self.held(at, key, serial),
            What::Ask(from, to, chunk) => self.asked(from, to, chunk),
            What::Cancel(from, to, chunk) => {
                for lane in 0..LANES {
                    if let Some(lane) = self.nodes[to].lanes.get_mut(&(from, lane)) {
                        lane.open.retain(|&other| other != chunk);
                    }
                }
            }
            What::Tell(at) => self.tell(at),
            What::Told(from, to, chunks) => {
                if self.nodes[from].alive {
                    let peer = self.nodes[from].id;
                    let chunks = chunks.into_iter().map(Position).collect();
                    self.feed(to, TransferEvent::Has { peer, chunks });
                }
            }
            What::Tick(at) => {
                if self.nodes[at].tick_at <= self.now {
                    self.nodes[at].tick_at = u64::MAX;
                    self.feed(at, TransferEvent::Tick);
                }
            }
            What::Replace => {
                let there: Vec<usize> = (self.scenario.seeds..self.nodes.len())
                    .filter(|&at| self.nodes[at].alive)
                    .collect();
                if !there.is_empty() {
                    let at = there[self.below(there.len() as u64) as usize];
                    self.leave(at);
                }
                self.add(0);
                let pause = self.churn_pause();
                self.plan(pause, What::Replace);
            }
        }
    }

    fn begin(&mut self, at: usize) {
        self.nodes[at].alive = true;
        for seed in 0..self.scenario.seeds {
            self.learn(at, seed);
        }
        self.befriend(at);
        // The others find the newcomer.
        for other in self.scenario.seeds..self.nodes.len() {
            if other != at && self.nodes[other].alive && self.nodes[other].ended.is_none() {
                self.befriend(other);
            }
        }
    }

    /// Follows those of the others who are nearest by a hash of both names. Who was followed stays
    /// so.
    fn befriend(&mut self, at: usize) {
        let all = self.scenario.seeds..self.nodes.len();
        let there = all.filter(|&other| other != at && self.nodes[other].alive);
        let mut near: Vec<usize> = there.collect();
        let me = self.nodes[at].id;
        near.sort_by_cached_key(|&other| distance(&me, &self.nodes[other].id));
        near.truncate(FOLLOWED);
        for other in near {
            if !self.nodes[at].follows.contains(&other) {
                self.follow(at, other);
            }
        }
    }

    fn follow(&mut self, at: usize, other: usize) {
        self.nodes[at].follows.push(other);
        self.nodes[other].followers.push(at);
        self.nodes[at].control += NEWS;
        self.nodes[other].control += self.entries.len() as u64 / 8;
        self.learn(at, other);
    }

    fn learn(&mut self, at: usize, other: usize) {
        let (peer, have) = (self.nodes[other].id, self.nodes[other].have.clone());
        let downloading = !have.is_full();
        let rtt = self.scenario.delay * 2;
        self.feed(
            at,
            TransferEvent::Source {
                peer,
                rtt,
                at: Position(0),
                have,
                downloading,
            },
        );
    }

    fn leave(&mut self, gone: usize) {
        let node = &mut self.nodes[gone];
        node.alive = false;
        node.lanes.clear();
        node.slots = 0;
        let peer = node.id;
        for other in 0..self.nodes.len() {
            self.nodes[other].followers.retain(|&at| at != gone);
            self.hang_up(other, gone);
            if self.nodes[other].follows.contains(&gone) {
                self.nodes[other].follows.retain(|&at| at != gone);
                self.nodes[other].since.retain(|&(from, _), _| from != gone);
                self.nodes[other].begun.retain(|&(from, _)| from != gone);
                self.feed(other, TransferEvent::Gone { peer });
                self.befriend(other);
            }
        }
    }

    fn feed(&mut self, at: usize, event: TransferEvent) {
        if !self.nodes[at].alive || self.nodes[at].ended.is_some() {
            return;
        }
        let now = Duration::from_nanos(self.now);
        let actions = self.nodes[at].job.handle(event, now);
        for action in actions {
            match action {
                TransferAction::Fetch { peer, chunk } => {
                    let from = self.find(at, peer);
                    self.nodes[at].since.insert((from, chunk.0), self.now);
                    self.nodes[at].control += QUESTION;
                    self.post(at, from, QUESTION, What::Ask(at, from, chunk.0));
                }
                TransferAction::Cancel { peer, chunk } => {
                    let from = self.find(at, peer);
                    self.nodes[at].since.remove(&(from, chunk.0));
                    self.post(at, from, QUESTION, What::Cancel(at, from, chunk.0));
                }
                TransferAction::Complete => self.nodes[at].ended = Some(self.now),
                TransferAction::Drop { .. } | TransferAction::Waiting | TransferAction::Resumed => {
                }
            }
        }
        if let Some(tick) = self.nodes[at].job.next_tick() {
            let tick = nanos(tick).max(self.now + 1_000_000);
            if tick < self.nodes[at].tick_at {
                self.nodes[at].tick_at = tick;
                self.plan(tick - self.now, What::Tick(at));
            }
        }
    }

    fn find(&self, at: usize, id: NodeId) -> usize {
        let follows = self.nodes[at].follows.iter().copied();
        (0..self.scenario.seeds)
            .chain(follows)
            .find(|&other| self.nodes[other].id == id)
            .expect("only those who were introduced are asked")
    }

    fn tell(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.telling = false;
        let chunks = std::mem::take(&mut node.fresh);
        for to in node.followers.clone() {
            if self.nodes[to].ended.is_none() {
                let bytes = NEWS + NEWS_CHUNK * chunks.len() as u64;
                self.nodes[at].control += bytes;
                self.nodes[at].news += bytes;
                self.post(at, to, bytes, What::Told(at, to, chunks.clone()));
            }
        }
    }
}
