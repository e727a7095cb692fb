//! A swarm in virtual time: the real `core::download` machines, with links, servers and
//! have-updates around them.
//!
//! Owns the model, which is seeded and deterministic: no clock, no sockets. What a node does around
//! its machine is as in `node/`: questions are answered in turns among those who ask, a few chunks
//! at a time; what came is told to followers in batches; a node follows some of those who download,
//! not all. A link has a rate each way and a delay; an uplink sends a piece of one chunk after
//! another in turns, a downlink takes them in as they come, and a sender has at most a window on
//! its way.

#[path = "links.rs"]
mod links;

use sprat::core::{
    download::{Download, TransferAction, TransferEvent},
    have::HaveSet,
    id::{ChunkId, NodeId},
    index::Position,
    manifest::Entry,
    picker::distance,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    time::Duration,
};

/// Bytes sent in one turn.
const PIECE: u32 = 32 << 10;
/// Bytes of a chunk that may be under way.
const WINDOW: u32 = 128 << 10;
/// Chunks that a node sends at a time, as in `node/serve`.
const TURNS: usize = 4;
/// Downloaders that a node follows, as in `node/job/transfer/sources`.
const FOLLOWED: usize = 20;
/// Bytes on the wire of a question, and of a have-update without and for each chunk: an estimate,
/// with Noise, Yamux and TCP around it.
const QUESTION: u64 = 37 + 30;
const NEWS: u64 = 450;
const NEWS_CHUNK: u64 = 3;

/// What is simulated.
#[derive(Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub nodes: usize,
    /// Chunks of the file, of 256 KiB on average.
    pub chunks: u32,
    /// Bytes a second, each way.
    pub rate: u64,
    /// One way.
    pub delay: Duration,
    /// Every so many nodes one is ten times slower.
    pub slow: Option<usize>,
    /// Of 100 nodes, so many leave each minute, and as many others come.
    pub churn: u32,
    /// All begin within this time.
    pub spread: Duration,
    /// Between two have-updates to the same followers.
    pub batch: Duration,
    pub seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Of those with an ordinary link that stayed from begin to end: over the time that the file
    /// takes on one link.
    pub last: f64,
    pub median: f64,
    /// The same for the slow ones, on their own links; and for those who came later, from when they
    /// came.
    pub slow: f64,
    pub late: f64,
    /// Bytes that the seed sent, over the file.
    pub seed_sent: f64,
    /// Bytes of questions and news that a node sent, on average, and of news for each chunk and
    /// follower.
    pub control: f64,
    pub news: f64,
    /// Chunks that came twice, of all that came.
    pub twice: f64,
    pub unfinished: usize,
}

struct Turn {
    to: usize,
    chunk: u32,
    left: u32,
    /// Sent and not taken in yet.
    out: u32,
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
    told_at: u64,
    /// Questions, by who asked; and whose turn it is.
    asked: BTreeMap<usize, VecDeque<u32>>,
    next_asker: usize,
    /// How often each chunk went out.
    times: Vec<u16>,
    turns: VecDeque<Turn>,
    sending: bool,
    down_free: u64,
    since: BTreeMap<(usize, u32), u64>,
    sent: u64,
    control: u64,
    news: u64,
    tick_at: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Begin(usize),
    /// The uplink is free again.
    Sent(usize),
    /// Who sent, who took it in, which chunk, how much; whether that was all of it.
    Taken(usize, usize, u32, u32, bool),
    Ask(usize, usize, u32),
    Cancel(usize, usize, u32),
    Tell(usize),
    Told(usize, usize, Vec<u32>),
    Tick(usize),
    Replace,
}

/// The swarm; node 0 is the seed.
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

fn span(bytes: u32, rate: u64) -> u64 {
    u64::from(bytes) * 1_000_000_000 / rate
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
        for chunk in 0..swarm.scenario.chunks {
            let len = (64 << 10) + swarm.below(384 << 10) as u32;
            let id = ChunkId(hash(u64::from(chunk) << 32 | swarm.scenario.seed));
            swarm.entries.push(Entry { id, len });
        }
        for _ in 0..=swarm.scenario.nodes {
            let after = swarm.below(nanos(swarm.scenario.spread).max(1));
            swarm.add(after);
        }
        swarm.nodes[0].have = HaveSet::full(swarm.scenario.chunks);
        swarm.nodes[0].ended = Some(0);
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
        let slow = self
            .scenario
            .slow
            .is_some_and(|each| at > 0 && at.is_multiple_of(each));
        let rate = self.scenario.rate / if slow { 10 } else { 1 };
        let id = NodeId(hash(at as u64 ^ self.scenario.seed << 20));
        let mut job = Download::new(id);
        let none = HaveSet::empty(self.scenario.chunks);
        job.add(&self.entries, &none);
        self.nodes.push(Node {
            id,
            up: rate,
            down: rate,
            alive: at == 0,
            began: self.now + after,
            ended: None,
            job,
            have: none,
            follows: Vec::new(),
            followers: Vec::new(),
            fresh: Vec::new(),
            telling: false,
            told_at: 0,
            asked: BTreeMap::new(),
            next_asker: 0,
            times: vec![0; self.scenario.chunks as usize],
            turns: VecDeque::new(),
            sending: false,
            down_free: 0,
            since: BTreeMap::new(),
            sent: 0,
            control: 0,
            news: 0,
            tick_at: u64::MAX,
        });
        if at > 0 {
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
                    .skip(1)
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
            What::Sent(at) => {
                self.nodes[at].sending = false;
                self.send(at);
            }
            What::Taken(from, to, chunk, bytes, last) => self.taken(from, to, chunk, bytes, last),
            What::Ask(from, to, chunk) => {
                if self.nodes[to].alive {
                    self.nodes[to]
                        .asked
                        .entry(from)
                        .or_default()
                        .push_back(chunk);
                    self.send(to);
                }
            }
            What::Cancel(from, to, chunk) => {
                if let Some(open) = self.nodes[to].asked.get_mut(&from) {
                    open.retain(|&other| other != chunk);
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
                let there: Vec<usize> = (1..self.nodes.len())
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
        self.learn(at, 0);
        self.befriend(at);
        // The others find the newcomer.
        for other in 1..self.nodes.len() {
            if other != at && self.nodes[other].alive && self.nodes[other].ended.is_none() {
                self.befriend(other);
            }
        }
    }

    /// Follows those of the others who are nearest by a hash of both names. Who was followed stays
    /// so.
    fn befriend(&mut self, at: usize) {
        let there = (1..self.nodes.len()).filter(|&other| other != at && self.nodes[other].alive);
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
        self.nodes[other].control += u64::from(self.scenario.chunks) / 8;
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
        node.turns.clear();
        node.asked.clear();
        let peer = node.id;
        for other in 0..self.nodes.len() {
            self.nodes[other].followers.retain(|&at| at != gone);
            self.nodes[other].asked.remove(&gone);
            self.nodes[other].turns.retain(|turn| turn.to != gone);
            if self.nodes[other].follows.contains(&gone) {
                self.nodes[other].follows.retain(|&at| at != gone);
                self.nodes[other].since.retain(|&(from, _), _| from != gone);
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
        let delay = nanos(self.scenario.delay);
        for action in actions {
            match action {
                TransferAction::Fetch { peer, chunk } => {
                    let from = self.find(at, peer);
                    self.nodes[at].since.insert((from, chunk.0), self.now);
                    self.nodes[at].control += QUESTION;
                    self.plan(delay, What::Ask(at, from, chunk.0));
                }
                TransferAction::Cancel { peer, chunk } => {
                    let from = self.find(at, peer);
                    self.nodes[at].since.remove(&(from, chunk.0));
                    self.plan(delay, What::Cancel(at, from, chunk.0));
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
        std::iter::once(0)
            .chain(follows)
            .find(|&other| self.nodes[other].id == id)
            .expect("only those who were introduced are asked")
    }

    fn tell(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.telling = false;
        node.told_at = self.now;
        let chunks = std::mem::take(&mut node.fresh);
        for to in node.followers.clone() {
            if self.nodes[to].ended.is_none() {
                let bytes = NEWS + NEWS_CHUNK * chunks.len() as u64;
                self.nodes[at].control += bytes;
                self.nodes[at].news += bytes;
                self.plan(
                    nanos(self.scenario.delay),
                    What::Told(at, to, chunks.clone()),
                );
            }
        }
    }

    fn report(&self) -> Report {
        let size: u64 = self.entries.iter().map(|entry| u64::from(entry.len)).sum();
        let over = |node: &Node| {
            let took = node
                .ended
                .map_or(f64::INFINITY, |end| (end - node.began) as f64 / 1e9);
            took * node.down as f64 / size as f64
        };
        let fast = |node: &&Node| node.down == self.scenario.rate;
        let all = &self.nodes[1..];
        let first = &all[..self.scenario.nodes];
        let stayed = || first.iter().filter(|node| node.alive);
        let mut times: Vec<f64> = stayed().filter(fast).map(over).collect();
        times.sort_by(f64::total_cmp);
        let most = |times: &mut dyn Iterator<Item = f64>| times.fold(0.0, f64::max);
        let chunks: u64 = all
            .iter()
            .map(|node| u64::from(node.have.count()) * node.followers.len() as u64)
            .sum();
        Report {
            last: times.last().copied().unwrap_or(0.0),
            median: times.get(times.len() / 2).copied().unwrap_or(0.0),
            slow: most(&mut stayed().filter(|node| !fast(node)).map(over)),
            late: most(
                &mut all[self.scenario.nodes..]
                    .iter()
                    .filter(|node| node.ended.is_some())
                    .map(over),
            ),
            seed_sent: self.nodes[0].sent as f64 / size as f64,
            control: all.iter().map(|node| node.control).sum::<u64>() as f64 / all.len() as f64,
            news: all.iter().map(|node| node.news).sum::<u64>() as f64 / chunks.max(1) as f64,
            twice: self.twice as f64 / self.came.max(1) as f64,
            unfinished: stayed().filter(|node| node.ended.is_none()).count(),
        }
    }
}
