//! A swarm in virtual time: the real `core::download` machines, with links, servers and
//! have-updates around them.
//!
//! Owns the model, which is seeded and deterministic: no clock, no sockets. What a node does around
//! its machine is as in `node/`: a few chunks are sent at a time, those first that were sent least
//! often; what came is told to followers in batches; a node follows some of those who download, not
//! all. A link has a rate, a queue each way, and a delay.

#[path = "knowing.rs"]
mod knowing;
#[path = "links.rs"]
mod links;
#[path = "report.rs"]
mod report;

use links::{LANES, Lane};
pub use report::Report;

use knowing::{Known, State};
use sprat::core::{
    download::{Download, TransferAction, TransferEvent},
    have::HaveSet,
    id::{ChunkId, NodeId},
    index::Position,
    manifest::{Entry, FINE},
    selection::Selection,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
    sync::Arc,
    time::Duration,
};

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
    /// Bytes that are sent as one: several packets.
    pub piece: u32,
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
            piece: 16 << 10,
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
    /// Whom it asks or follows, of all it knows.
    selection: Selection,
    known: Known,
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
    Told(usize, usize, Arc<[Position]>),
    Tick(usize),
    /// A node looks again at who is there.
    Look(usize),
    /// A connection could not be made: the other end has no room.
    Refused(usize, usize, u32),
    /// Streams were closed, and later perhaps the connection.
    Ended(usize, usize),
    Close(usize, usize),
    Replace,
}

/// The swarm; the first nodes are the seeds.
pub struct Swarm {
    scenario: Scenario,
    entries: Vec<Entry>,
    nodes: Vec<Node>,
    states: Vec<State>,
    places: HashMap<NodeId, usize>,
    /// Who began, and when.
    begun: Vec<(u64, usize)>,
    /// How many of those who begin are not done.
    open: usize,
    /// When what happens, by its place in `coming`: time, a serial number and the place in one.
    queue: BinaryHeap<Reverse<u128>>,
    coming: Vec<Option<What>>,
    free: Vec<u32>,
    serial: u64,
    now: u64,
    random: u64,
    came: u64,
    twice: u64,
    refusals: u64,
    told: u64,
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
            states: Vec::new(),
            places: HashMap::new(),
            begun: Vec::new(),
            open: scenario.nodes,
            queue: BinaryHeap::new(),
            coming: Vec::new(),
            free: Vec::new(),
            serial: 0,
            now: 0,
            random: scenario.seed,
            came: 0,
            twice: 0,
            refusals: 0,
            told: 0,
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
        let place = self.free.pop().unwrap_or_else(|| {
            self.coming.push(None);
            self.coming.len() as u32 - 1
        });
        self.coming[place as usize] = Some(what);
        let when = u128::from(self.now + after) << 80;
        self.queue.push(Reverse(
            when | u128::from(self.serial) << 32 | u128::from(place),
        ));
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
        self.places.insert(id, at);
        let hears = self.hears();
        self.states.push(State {
            id,
            alive: true,
            ended: if seed { 0 } else { u64::MAX },
        });
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
            selection: Selection::new(id, Duration::from_nanos(self.now + after)),
            known: Known::that_hears_after(hears),
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
        while let Some(Reverse(next)) = self.queue.pop() {
            let (when, place) = ((next >> 80) as u64, next as u32);
            self.free.push(place);
            let Some(what) = self.coming[place as usize].take() else {
                continue;
            };
            if when > nanos(limit) || self.open == 0 {
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
                    let chunks = chunks.to_vec();
                    self.feed(to, TransferEvent::Has { peer, chunks });
                }
            }
            What::Look(at) => self.look(at),
            What::Refused(at, by, chunk) => self.refused(at, by, chunk),
            What::Ended(at, by) => self.hang_up(by, at),
            What::Close(at, by) => self.close(at, by),
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

    fn feed(&mut self, at: usize, event: TransferEvent) {
        if !self.nodes[at].alive || self.nodes[at].ended.is_some() {
            return;
        }
        let now = Duration::from_nanos(self.now);
        let actions = self.nodes[at].job.handle(event, now);
        for action in actions {
            match action {
                TransferAction::Fetch { peer, chunk } => {
                    let from = self.places[&peer];
                    self.nodes[at].since.insert((from, chunk.0), self.now);
                    self.nodes[at].control += QUESTION;
                    self.post(at, from, QUESTION, What::Ask(at, from, chunk.0));
                }
                TransferAction::Cancel { peer, chunk } => {
                    let from = self.places[&peer];
                    self.nodes[at].since.remove(&(from, chunk.0));
                    self.post(at, from, QUESTION, What::Cancel(at, from, chunk.0));
                }
                TransferAction::Complete => self.complete(at),
                TransferAction::Drop { .. } | TransferAction::Waiting | TransferAction::Resumed => {
                }
            }
        }
        if self.nodes[at].ended.is_none()
            && let Some(tick) = self.nodes[at].job.next_tick()
        {
            let tick = nanos(tick).max(self.now + 1_000_000);
            if tick < self.nodes[at].tick_at {
                self.nodes[at].tick_at = tick;
                self.plan(tick - self.now, What::Tick(at));
            }
        }
    }

    fn tell(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.telling = false;
        let chunks: Arc<[Position]> = std::mem::take(&mut node.fresh)
            .into_iter()
            .map(Position)
            .collect();
        for to in node.followers.clone() {
            if self.nodes[to].ended.is_none() {
                let bytes = NEWS + NEWS_CHUNK * chunks.len() as u64;
                self.nodes[at].control += bytes;
                self.nodes[at].news += bytes;
                self.told += chunks.len() as u64;
                self.post(at, to, bytes, What::Told(at, to, chunks.clone()));
            }
        }
    }
}
