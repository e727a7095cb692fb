//! Many nodes in virtual time: the real machines of who is here and what they offer, with a network
//! and processors around them. Seeded and deterministic.
//!
//! What a node does around its machines is as in `node/actor` and `net/driver`: see [`node`]. A
//! processor does one thing at a time, each at a cost that was measured; a network delays, loses,
//! and may be cut in two. Used by tests and by `benches/sim`.

#[path = "room/known.rs"]
mod known;
#[path = "room/node.rs"]
mod node;
#[path = "room/report.rs"]
mod report;

pub use known::Version;
pub use node::Node;
pub use report::Totals;
use sprat::core::{
    Now,
    cards::Walk,
    chance::Chance,
    id::NodeId,
    membership::{Beacon, Kind},
    reconcile::{Difference, Range},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

/// Datagrams that wait in a socket: with the usual buffer of 208 KiB.
const DATAGRAMS: usize = 300;
/// A request without an answer by then has failed, and so has a dial.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be dead before that is noticed: one that is only kept.
const DEAD: Duration = Duration::from_secs(40);
/// Nodes that an answer tells of.
const PAGE: usize = 256;
/// How often connections are looked over.
const LOOK: Duration = Duration::from_millis(500);

/// What things cost a processor.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// A process begins.
    pub start: Duration,
    /// A beacon whose signature is checked, with the turn that takes it in.
    pub beacon: Duration,
    /// A copy of one, by another socket or group.
    pub copy: Duration,
    /// Sending one, for each node that hears it.
    pub sending: Duration,
    /// One end of a connection: handshake, and what is asked at once.
    pub connection: Duration,
    /// A question or an answer.
    pub question: Duration,
    /// A card that comes: its signature.
    pub card: Duration,
    /// A node in a question.
    pub named: Duration,
    /// A node that is compared.
    pub compared: Duration,
}

impl Default for Costs {
    /// As seen of an optimised build.
    fn default() -> Self {
        Self {
            start: Duration::from_millis(60),
            beacon: Duration::from_micros(110),
            copy: Duration::from_micros(15),
            sending: Duration::from_micros(6),
            connection: Duration::from_millis(3),
            question: Duration::from_micros(300),
            card: Duration::from_micros(80),
            named: Duration::from_micros(3),
            compared: Duration::from_nanos(100),
        }
    }
}

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Nodes at the beginning.
    pub nodes: usize,
    /// They begin within this time.
    pub spread: Duration,
    /// Processors that all share; `None`: each has its own.
    pub processors: Option<usize>,
    /// All are on one machine.
    pub one_address: bool,
    /// Of so many datagrams that are lost.
    pub loss: f64,
    /// One way.
    pub delay: Duration,
    /// Connections that a node may have, and how many of them others made.
    pub caps: Option<(usize, usize)>,
    /// See there.
    pub costs: Costs,
    /// For all that chance decides.
    pub seed: u64,
}

impl Scenario {
    /// A room of machines: each its own processor and address.
    pub fn room(nodes: usize) -> Self {
        Self {
            nodes,
            spread: Duration::from_secs(2),
            processors: None,
            one_address: false,
            loss: 0.0,
            delay: Duration::from_micros(300),
            caps: None,
            costs: Costs::default(),
            seed: 1,
        }
    }

    /// What `benches/compare/crowd.sh` does: all on one machine with two cores.
    pub fn lab(nodes: usize) -> Self {
        Self {
            spread: Duration::from_millis(nodes as u64 * 5),
            processors: Some(2),
            one_address: true,
            delay: Duration::from_micros(20),
            ..Self::room(nodes)
        }
    }
}

/// What comes to a node, and costs its processor something.
#[derive(Clone, Debug)]
pub enum Work {
    Start,
    Tick,
    Datagram(Rc<Beacon>, SocketAddr, u32),
    /// Somebody dials it.
    Dialled(usize),
    Connected(usize),
    /// With whether it has no room for one.
    DialFailed(usize, bool),
    Disconnected(usize),
    /// A question of somebody, its number there, and what is asked.
    Asked(usize, u64, Question),
    /// What became of a question of its own.
    Answered(u64, Option<Answer>),
    /// Its own catalog changes.
    Changes,
    /// The time to tell others of that has come.
    Publish,
}

/// A question to a node with which a connection stands.
#[derive(Clone, Debug)]
pub enum Question {
    Catalog,
    Hint(Version),
    /// Of whom, with what is known.
    Cards(Rc<Vec<(usize, Version)>>),
    /// All that it knows in a range, but these.
    Everybody(Rc<BTreeSet<usize>>, Walk),
    /// What differs in these ranges.
    Compare(u64, Rc<Vec<(Range, u64)>>),
    /// Cards of these, and where they are.
    Introduce(Vec<usize>),
}

/// Where a node is, and how long ago it was heard.
pub type Place = (SocketAddr, Duration);

/// What is said of one range of a question.
#[derive(Clone, Debug)]
pub struct Part {
    pub at: usize,
    pub difference: Difference,
    pub gone: Vec<(NodeId, u64)>,
}

/// Its answer.
#[derive(Clone, Debug)]
pub enum Answer {
    Done,
    Catalog(Version),
    Cards(Vec<(usize, Version)>),
    Compared(Vec<Part>),
    Everybody(Vec<(usize, Version)>, Vec<(usize, Place)>, Option<NodeId>),
}

/// What a node does.
#[derive(Debug)]
pub enum Out {
    Say(Beacon),
    Answer(Beacon, SocketAddr),
    Dial(usize),
    Hang(usize),
    Ask(usize, u64, Question),
    Reply(usize, u64, Answer),
    Later(Duration, Work),
}

enum What {
    Arrive(usize, Work),
    Finish(usize, Work),
    /// The time for which a node set its clock.
    Due(usize, Now),
    Look(usize),
    /// A dial of the first to the second that has not come about.
    Expire(usize, usize, Now),
    Timeout(usize, u64),
}

/// The room.
pub struct Room {
    pub scenario: Scenario,
    pub nodes: Vec<Node>,
    index: BTreeMap<NodeId, usize>,
    /// In which part of a cut network each is.
    parts: Vec<u8>,
    queue: BTreeMap<(Now, u64), What>,
    serial: u64,
    pub now: Now,
    chance: Chance,
    idle: usize,
    ready: VecDeque<usize>,
    pub totals: Totals,
}

impl Room {
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        let mut room = Self {
            nodes: Vec::new(),
            index: BTreeMap::new(),
            parts: Vec::new(),
            queue: BTreeMap::new(),
            serial: 0,
            now: Now::ZERO,
            chance: Chance::new(scenario.seed),
            idle: scenario.processors.unwrap_or(0),
            ready: VecDeque::new(),
            totals: Totals::default(),
            scenario,
        };
        for n in 0..room.scenario.nodes {
            let share = n as f64 / room.scenario.nodes as f64;
            room.begin(room.scenario.spread.mul_f64(share));
        }
        room
    }

    /// A node begins after that time. Which.
    pub fn begin(&mut self, after: Duration) -> usize {
        let n = self.nodes.len();
        let seed = self.chance.bits();
        let address = if self.scenario.one_address {
            SocketAddr::from(([127, 0, 0, 1], 1024 + n as u16))
        } else {
            let ip = Ipv4Addr::from_bits(0x0A00_0001 + n as u32);
            SocketAddr::from((ip, 4000))
        };
        let node = Node::new(n, address, seed);
        self.index.insert(node.id, n);
        self.nodes.push(node);
        self.parts.push(0);
        self.plan(after, What::Arrive(n, Work::Start));
        self.plan(after + LOOK, What::Look(n));
        n
    }

    /// A node ends, with a word to the others or without.
    pub fn end(&mut self, n: usize, politely: bool) {
        if politely {
            let leave = self.nodes[n].beacon(Kind::Leave);
            self.say(n, &Rc::new(leave));
        }
        self.vanish(n, self.scenario.delay);
    }

    /// A machine loses its power: nothing says so.
    pub fn lose(&mut self, n: usize) {
        self.nodes[n].unplugged = true;
        self.vanish(n, DEAD);
    }

    fn vanish(&mut self, n: usize, noticed: Duration) {
        self.nodes[n].alive = false;
        let connected: Vec<usize> = self.nodes[n].connections.keys().copied().collect();
        for other in connected {
            self.plan(noticed, What::Arrive(other, Work::Disconnected(n)));
        }
    }

    /// Cuts the network in two, or joins it again.
    pub fn cut(&mut self, part: impl Fn(usize) -> u8) {
        for n in 0..self.nodes.len() {
            self.parts[n] = part(n);
        }
        for n in 0..self.nodes.len() {
            let connected: Vec<usize> = self.nodes[n].connections.keys().copied().collect();
            for other in connected {
                if self.parts[n] != self.parts[other] {
                    self.plan(DEAD, What::Arrive(n, Work::Disconnected(other)));
                }
            }
        }
    }

    /// A file appears at a node.
    pub fn change(&mut self, n: usize) {
        self.plan(Duration::ZERO, What::Arrive(n, Work::Changes));
    }

    /// Until then, or until `done` says so; whether it did.
    pub fn run(&mut self, until: Now, mut done: impl FnMut(&Self) -> bool) -> bool {
        let mut look = self.now;
        while let Some((&(at, _), _)) = self.queue.first_key_value() {
            if at > until {
                break;
            }
            if at >= look {
                if done(self) {
                    return true;
                }
                look = at + Duration::from_millis(20);
            }
            if let Some((_, what)) = self.queue.pop_first() {
                self.now = at;
                self.step(what);
            }
        }
        self.now = self.now.max(until);
        done(self)
    }

    /// Who is at an address; see [`Self::begin`].
    fn at(&self, address: SocketAddr) -> usize {
        match address.ip() {
            IpAddr::V4(ip) if !self.scenario.one_address => (ip.to_bits() - 0x0A00_0001) as usize,
            _ => usize::from(address.port() - 1024),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.chance.below(end)
    }

    fn plan(&mut self, after: Duration, what: What) {
        self.serial += 1;
        self.queue.insert((self.now + after, self.serial), what);
    }

    fn step(&mut self, what: What) {
        match what {
            What::Arrive(n, work) => self.arrive(n, work),
            What::Finish(n, work) => self.finish(n, work),
            What::Due(n, at) => {
                if self.nodes[n].due == Some(at) {
                    self.arrive(n, Work::Tick);
                }
            }
            What::Look(n) => {
                if self.nodes[n].alive || !self.nodes[n].begun {
                    let outs = self.nodes[n].look_over(self.now);
                    self.carry_out(n, outs);
                    self.plan(LOOK, What::Look(n));
                }
            }
            What::Expire(n, to, since) => {
                if self.nodes[n].dialing.get(&to) == Some(&since) {
                    self.arrive(n, Work::DialFailed(to, false));
                }
            }
            What::Timeout(n, number) => {
                if self.nodes[n].asked.contains_key(&number) {
                    self.arrive(n, Work::Answered(number, None));
                }
            }
        }
    }

    fn arrive(&mut self, n: usize, work: Work) {
        let node = &mut self.nodes[n];
        if !node.alive && !matches!(work, Work::Start) {
            return;
        }
        if matches!(work, Work::Datagram(..)) {
            if node.datagrams >= DATAGRAMS {
                self.totals.dropped += 1;
                return;
            }
            node.datagrams += 1;
        }
        node.inbox.push_back(work);
        if !node.queued {
            node.queued = true;
            self.ready.push_back(n);
        }
        self.dispatch();
    }

    fn dispatch(&mut self) {
        while self.scenario.processors.is_none() || self.idle > 0 {
            let Some(n) = self.ready.pop_front() else {
                return;
            };
            let Some(work) = self.nodes[n].inbox.pop_front() else {
                self.nodes[n].queued = false;
                continue;
            };
            self.idle = self.idle.saturating_sub(1);
            let costs = &self.scenario.costs;
            let cost = match &work {
                Work::Start => costs.start,
                Work::Datagram(.., copies) => costs.beacon + costs.copy * *copies,
                Work::Dialled(_) | Work::Connected(_) => costs.connection,
                Work::Answered(_, Some(Answer::Cards(cards) | Answer::Everybody(cards, ..))) => {
                    costs.question + costs.card * cards.len() as u32
                }
                Work::Asked(.., Question::Cards(of)) => {
                    costs.question + costs.named * of.len() as u32
                }
                Work::Asked(.., Question::Everybody(named, _)) => {
                    costs.question + costs.named * (named.len() + PAGE) as u32
                }
                // It goes through all.
                Work::Asked(.., Question::Compare(..)) => {
                    costs.question + costs.compared * self.index.len() as u32
                }
                Work::Tick => Duration::from_micros(20),
                _ => costs.question,
            };
            let cost = cost + std::mem::take(&mut self.nodes[n].debt);
            self.nodes[n].spent += cost;
            self.plan(cost, What::Finish(n, work));
        }
    }

    fn finish(&mut self, n: usize, work: Work) {
        self.idle += usize::from(self.scenario.processors.is_some());
        if matches!(work, Work::Datagram(..)) {
            self.nodes[n].datagrams -= 1;
        }
        if matches!(work, Work::Start) {
            (self.nodes[n].alive, self.nodes[n].begun) = (true, true);
        }
        if self.nodes[n].alive {
            let now = self.now;
            let asked = match &work {
                Work::Asked(.., question) => Some(question.clone()),
                _ => None,
            };
            let outs = self.nodes[n].take(work, &self.index, now);
            if let Some(question) = asked {
                let answers = outs.iter().map(|out| match out {
                    Out::Reply(.., answer) => report::answer(answer),
                    _ => 0,
                });
                *self.totals.bytes.of(&question) += answers.sum::<u64>();
            }
            self.carry_out(n, outs);
            if let Some(at) = self.nodes[n].next_due(now) {
                self.plan(at.saturating_sub(now), What::Due(n, at));
            }
        }
        let node = &mut self.nodes[n];
        node.queued = !node.inbox.is_empty();
        if node.queued {
            self.ready.push_back(n);
        }
        self.dispatch();
    }

    fn carry_out(&mut self, n: usize, outs: Vec<Out>) {
        let delay = self.scenario.delay;
        for out in outs {
            match out {
                Out::Say(beacon) => self.say(n, &Rc::new(beacon)),
                Out::Answer(beacon, to) => {
                    self.totals.bytes.beacons += report::BEACON;
                    self.totals.datagrams += 1;
                    let whom = self.at(to);
                    self.send(n, whom, &Rc::new(beacon), 0);
                }
                Out::Dial(to) => {
                    self.totals.dials += 1;
                    self.totals.bytes.connections += report::CONNECTION;
                    if self.parts[n] == self.parts[to] && !self.nodes[to].unplugged {
                        let work = if !self.nodes[to].alive {
                            What::Arrive(n, Work::DialFailed(to, false))
                        } else if self.has_room(n, to) {
                            What::Arrive(to, Work::Dialled(n))
                        } else {
                            What::Arrive(n, Work::DialFailed(to, true))
                        };
                        self.plan(delay * 2, work);
                    }
                    self.plan(TIMEOUT, What::Expire(n, to, self.now));
                }
                Out::Hang(other) => {
                    self.nodes[n].connections.remove(&other);
                    self.plan(Duration::ZERO, What::Arrive(n, Work::Disconnected(other)));
                    self.plan(delay, What::Arrive(other, Work::Disconnected(n)));
                }
                Out::Ask(to, number, question) => {
                    *self.totals.bytes.of(&question) += report::question(&question);
                    if self.parts[n] == self.parts[to] {
                        let asked = Work::Asked(n, number, question);
                        self.plan(delay, What::Arrive(to, asked));
                    }
                    self.plan(TIMEOUT, What::Timeout(n, number));
                }
                Out::Reply(to, number, answer) => {
                    if self.parts[n] == self.parts[to] {
                        let answered = Work::Answered(number, Some(answer));
                        self.plan(delay, What::Arrive(to, answered));
                    }
                }
                Out::Later(after, work) => self.plan(after, What::Arrive(n, work)),
            }
        }
        // The other end of a connection that came about.
        for other in std::mem::take(&mut self.nodes[n].accepted) {
            self.plan(delay, What::Arrive(other, Work::Connected(n)));
        }
        self.totals.lost += std::mem::take(&mut self.nodes[n].lost)
            .into_iter()
            .filter(|other| self.nodes[*other].alive)
            .count() as u64;
    }

    /// Whether a connection of the first to the second is within what both may have. It is refused
    /// before the handshake.
    fn has_room(&self, n: usize, to: usize) -> bool {
        let Some((all, inbound)) = self.scenario.caps else {
            return true;
        };
        let full = |n: usize| self.nodes[n].connections.len() >= all;
        let there = self.nodes[to].connections.values();
        !full(n) && !full(to) && there.filter(|it| !it.dialled).count() < inbound
    }

    fn say(&mut self, n: usize, beacon: &Rc<Beacon>) {
        self.totals.bytes.beacons +=
            3 * report::BEACON + report::SUSPECT * beacon.suspects.len() as u64;
        self.totals.datagrams += 3;
        let hearing = self.nodes.iter().filter(|node| node.alive).count() as u32;
        if self.scenario.processors.is_some() {
            self.nodes[n].debt += self.scenario.costs.sending * hearing * 3;
        }
        for other in 0..self.nodes.len() {
            if other != n && self.nodes[other].alive && self.parts[n] == self.parts[other] {
                self.send(n, other, beacon, 2);
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, beacon: &Rc<Beacon>, copies: u32) {
        if self.chance.fraction() >= self.scenario.loss {
            let at = self.nodes[from].address;
            let work = Work::Datagram(beacon.clone(), at, copies);
            self.plan(self.scenario.delay, What::Arrive(to, work));
        }
    }
}
