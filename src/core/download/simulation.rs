//! Simulated time, and peers of every kind in it, for the tests.

use super::*;
use crate::core::id::ChunkId;

pub(super) const ME: NodeId = NodeId([99; 32]);
pub(super) const KIB: u32 = 1 << 10;
pub(super) const CHUNK: u32 = 256 * KIB;

pub(super) fn node(at: usize) -> NodeId {
    NodeId([at as u8 + 1; 32])
}

pub(super) fn entry(tag: u32) -> Entry {
    Entry {
        id: ChunkId(*blake3::hash(&tag.to_le_bytes()).as_bytes()),
        len: CHUNK,
    }
}

pub(super) fn file(chunks: u32) -> Vec<Entry> {
    (0..chunks).map(entry).collect()
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How a simulated peer behaves. Odds are of 100.
#[derive(Clone, Debug)]
pub(super) struct Manners {
    pub(super) bytes_per_second: u64,
    pub(super) rtt: Duration,
    /// Says nothing at all.
    pub(super) silent: bool,
    pub(super) misses: u8,
    pub(super) fails: u8,
    pub(super) corrupts: u8,
    /// Is gone for a while after so many answers.
    pub(super) vanishes: Option<u32>,
    /// Of 100 chunks, how many it has at first; it gets one more each 50 ms.
    pub(super) has: u8,
}

pub(super) const HONEST: Manners = Manners {
    bytes_per_second: 50 << 20,
    rtt: Duration::from_millis(1),
    silent: false,
    misses: 0,
    fails: 0,
    corrupts: 0,
    vanishes: None,
    has: 100,
};

pub(super) const SILENT: Manners = Manners {
    silent: true,
    ..HONEST
};

#[derive(Debug)]
pub(super) enum What {
    Answer {
        peer: usize,
        chunk: UniqueChunk,
        ticket: u64,
    },
    Return {
        peer: usize,
    },
    Learn {
        peer: usize,
    },
}

/// A job, its peers, and a queue of what will happen.
pub(super) struct Simulation {
    pub(super) job: Download,
    pub(super) entries: Vec<Entry>,
    pub(super) peers: Vec<Manners>,
    pub(super) claims: Vec<HaveSet>,
    pub(super) busy_until: Vec<Now>,
    pub(super) answers: Vec<u32>,
    pub(super) tickets: HashMap<(usize, UniqueChunk), (u64, Now)>,
    pub(super) queue: BTreeSet<(Now, u64)>,
    pub(super) what: HashMap<u64, What>,
    pub(super) serial: u64,
    pub(super) random: u64,
    pub(super) now: Now,
    pub(super) fetches: Vec<(usize, UniqueChunk)>,
    pub(super) fetch_count: u64,
    pub(super) excuses: u64,
    pub(super) cancels: u64,
    pub(super) completed_at: Option<Now>,
}

impl Simulation {
    pub(super) fn new(entries: Vec<Entry>, peers: Vec<Manners>, seed: u64) -> Self {
        let mut job = Download::new(ME);
        let len = entries.len() as u32;
        job.add(&entries, &HaveSet::empty(len));
        let mut sim = Self {
            job,
            claims: vec![HaveSet::empty(len); peers.len()],
            busy_until: vec![Duration::ZERO; peers.len()],
            answers: vec![0; peers.len()],
            entries,
            peers,
            tickets: HashMap::new(),
            queue: BTreeSet::new(),
            what: HashMap::new(),
            serial: 0,
            random: seed,
            now: Duration::ZERO,
            fetches: Vec::new(),
            fetch_count: 0,
            excuses: 0,
            cancels: 0,
            completed_at: None,
        };
        for peer in 0..sim.peers.len() {
            let has = sim.peers[peer].has;
            for chunk in 0..len {
                if sim.odds(has) {
                    sim.claims[peer].insert(chunk);
                }
            }
            if has < 100 {
                sim.plan(ms(50), What::Learn { peer });
            }
            sim.greet(peer);
        }
        sim
    }

    fn odds(&mut self, of_100: u8) -> bool {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.random;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x >> 32) % 100 < u64::from(of_100)
    }

    fn plan(&mut self, after: Duration, what: What) {
        self.serial += 1;
        self.queue.insert((self.now + after, self.serial));
        self.what.insert(self.serial, what);
    }

    fn greet(&mut self, peer: usize) {
        let manners = self.peers[peer].clone();
        self.feed(TransferEvent::Source {
            peer: node(peer),
            rtt: manners.rtt,
            at: Position(0),
            have: self.claims[peer].clone(),
            downloading: manners.has < 100,
        });
    }

    pub(super) fn feed(&mut self, event: TransferEvent) {
        let actions = self.job.handle(event, self.now);
        self.job.check();
        self.carry_out(actions);
    }

    pub(super) fn carry_out(&mut self, actions: Vec<TransferAction>) {
        for action in actions {
            match action {
                TransferAction::Fetch { peer, chunk } => {
                    let peer = (0..self.peers.len()).find(|&at| node(at) == peer).unwrap();
                    let id = self.entries[chunk.0 as usize].id;
                    let claimed = self.claims[peer]
                        .iter()
                        .any(|at| self.entries[at as usize].id == id);
                    assert!(claimed);
                    self.fetches.push((peer, chunk));
                    self.fetch_count += 1;
                    self.serial += 1;
                    let ticket = self.serial;
                    let before = self.tickets.insert((peer, chunk), (ticket, self.now));
                    assert!(before.is_none(), "asked twice at once");
                    let manners = &self.peers[peer];
                    if !manners.silent {
                        let line = Duration::from_secs_f64(
                            f64::from(CHUNK) / manners.bytes_per_second as f64,
                        );
                        let arrives = self.busy_until[peer].max(self.now + manners.rtt) + line;
                        self.busy_until[peer] = arrives;
                        self.plan(
                            arrives.saturating_sub(self.now),
                            What::Answer {
                                peer,
                                chunk,
                                ticket,
                            },
                        );
                    }
                }
                TransferAction::Cancel { peer, chunk } => {
                    let peer = (0..self.peers.len()).find(|&at| node(at) == peer).unwrap();
                    self.cancels += 1;
                    assert!(self.tickets.remove(&(peer, chunk)).is_some());
                }
                TransferAction::Drop { peer } => {
                    let peer = (0..self.peers.len()).find(|&at| node(at) == peer).unwrap();
                    assert!(self.peers[peer].corrupts > 0, "only liars are dropped");
                    self.excuses += self.tickets.len() as u64;
                    self.tickets.retain(|&(at, _), _| at != peer);
                }
                TransferAction::Complete => {
                    assert!(self.completed_at.replace(self.now).is_none());
                }
                TransferAction::Waiting | TransferAction::Resumed => {}
            }
        }
        let mut asked = HashMap::new();
        for &(_, chunk) in self.tickets.keys() {
            *asked.entry(chunk).or_insert(0) += 1;
        }
        assert!(asked.values().all(|&peers| peers <= 2));
    }

    fn answer(&mut self, peer: usize, chunk: UniqueChunk, ticket: u64) {
        let node = node(peer);
        let manners = self.peers[peer].clone();
        let current = self.tickets.get(&(peer, chunk)).copied();
        let Some((_, since)) = current.filter(|&(current, _)| current == ticket) else {
            // Cancelled, but some were on their way and arrive.
            if current.is_none() && manners.corrupts == 0 && self.odds(50) {
                let (bytes, elapsed) = (CHUNK, ms(1));
                self.feed(TransferEvent::Stored {
                    peer: node,
                    chunk,
                    bytes,
                    elapsed,
                });
            }
            return;
        };
        self.tickets.remove(&(peer, chunk));
        self.answers[peer] += 1;
        self.excuses += 1;
        if self.odds(manners.misses) {
            self.feed(TransferEvent::Missing { peer: node, chunk });
        } else if self.odds(manners.fails) {
            let mut chunks: Vec<UniqueChunk> = self
                .tickets
                .keys()
                .filter(|&&(at, _)| at == peer)
                .map(|&(_, chunk)| chunk)
                .collect();
            self.tickets.retain(|&(at, _), _| at != peer);
            self.excuses += chunks.len() as u64;
            chunks.push(chunk);
            self.feed(TransferEvent::Failed { peer: node, chunks });
        } else if self.odds(manners.corrupts) {
            self.feed(TransferEvent::Corrupt { peer: node, chunk });
        } else {
            self.excuses -= 1;
            let elapsed = self.now.saturating_sub(since);
            self.feed(TransferEvent::Stored {
                peer: node,
                chunk,
                bytes: CHUNK,
                elapsed,
            });
        }
        if manners
            .vanishes
            .is_some_and(|after| self.answers[peer].is_multiple_of(after))
        {
            self.excuses += self.tickets.len() as u64;
            self.tickets.retain(|&(at, _), _| at != peer);
            self.feed(TransferEvent::Gone { peer: node });
            self.plan(ms(300), What::Return { peer });
        }
    }

    /// Until it is complete, or nothing can happen any more, or `limit`.
    pub(super) fn run(&mut self, limit: Duration) {
        self.feed(TransferEvent::Tick);
        while self.completed_at.is_none() && self.now < limit {
            let event = self.queue.first().map(|&(when, _)| when);
            let tick = self.job.next_tick();
            let Some(next) = event.into_iter().chain(tick).min() else {
                break;
            };
            self.now = self.now.max(next);
            if event == Some(next) {
                let (_, serial) = self.queue.pop_first().unwrap();
                match self.what.remove(&serial).unwrap() {
                    What::Answer {
                        peer,
                        chunk,
                        ticket,
                    } => self.answer(peer, chunk, ticket),
                    What::Return { peer } => self.greet(peer),
                    What::Learn { peer } => {
                        let missing =
                            (0..self.entries.len() as u32).find(|&at| !self.claims[peer].has(at));
                        if let Some(chunk) = missing {
                            self.claims[peer].insert(chunk);
                            self.feed(TransferEvent::Has {
                                peer: node(peer),
                                chunks: vec![Position(chunk)],
                            });
                            self.plan(ms(50), What::Learn { peer });
                        }
                    }
                }
            } else {
                self.feed(TransferEvent::Tick);
            }
        }
    }
}
