//! What came of a simulated room.

use super::{Answer, Part, Question, Room};
use sprat::core::{
    Now,
    patience::{Patience, Verdict},
};
use std::time::Duration;

/// Bytes on the wire, with headers: of one datagram…
pub(super) const BEACON: u64 = 230 + 42;
/// …three times of one that it suspects…
pub(super) const SUSPECT: u64 = 3 * 50;
/// …and of a connection's begin: TCP, Noise, identify, the first questions.
pub(super) const CONNECTION: u64 = 3_000;
/// Of any question or answer: a stream of its own.
const MESSAGE: u64 = 150;
/// Of one node in a question, and of its address.
const NAMED: u64 = 60;
/// Of one range that is compared, and of a fingerprint.
const RANGE: u64 = 22;
const PRINT: u64 = 9;
/// Of one card with a file or two.
const CARD: u64 = 350;

/// Bytes that all sent, by what for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytes {
    pub beacons: u64,
    pub connections: u64,
    /// Of these, questions and answers: for single cards…
    pub cards: u64,
    /// …those of everybody to newcomers…
    pub everybody: u64,
    /// …what differs, and introductions for that…
    pub compare: u64,
    /// …and hints and whole catalogs.
    pub catalogs: u64,
}

impl Bytes {
    /// For a question, and the answer to one.
    pub(super) fn of(&mut self, question: &Question) -> &mut u64 {
        match question {
            Question::Cards(_) => &mut self.cards,
            Question::Everybody(..) => &mut self.everybody,
            Question::Compare(..) | Question::Introduce(_) => &mut self.compare,
            Question::Catalog | Question::Hint(_) => &mut self.catalogs,
        }
    }

    fn each(&self) -> [u64; 6] {
        [
            self.beacons,
            self.connections,
            self.cards,
            self.everybody,
            self.compare,
            self.catalogs,
        ]
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub bytes: Bytes,
    pub dials: u64,
    /// What went over the network by broadcast and multicast, and answers to one.
    pub datagrams: u64,
    /// Datagrams for which a socket had no room.
    pub dropped: u64,
    /// Nodes that somebody took for gone though they were not.
    pub lost: u64,
}

/// What a newcomer saw.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    pub took: Duration,
    /// Of how many nodes it knew what they offer.
    pub rows: usize,
    /// Whether it believed that to be all, and says so.
    pub settled: bool,
}

pub(super) fn question(question: &Question) -> u64 {
    match question {
        Question::Cards(of) => MESSAGE + NAMED * of.len() as u64,
        Question::Everybody(named, _) => MESSAGE + NAMED * named.len() as u64,
        Question::Compare(_, of) => MESSAGE + RANGE * of.len() as u64,
        Question::Introduce(of) => MESSAGE + NAMED * of.len() as u64,
        _ => MESSAGE,
    }
}

fn part(part: &Part) -> u64 {
    let it = &part.difference;
    RANGE + PRINT * it.prints.len() as u64 + NAMED * (it.here.len() + part.gone.len()) as u64
}

pub(super) fn answer(answer: &Answer) -> u64 {
    match answer {
        Answer::Cards(cards) => MESSAGE + CARD * cards.len() as u64,
        Answer::Everybody(cards, others, _) => {
            MESSAGE + CARD * cards.len() as u64 + NAMED * others.len() as u64
        }
        Answer::Compared(parts) => MESSAGE + parts.iter().map(part).sum::<u64>(),
        Answer::Catalog(_) => MESSAGE + CARD,
        Answer::Done => MESSAGE,
    }
}

impl Room {
    /// The nodes that are here.
    pub fn alive(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(|n| self.nodes[*n].alive)
    }

    /// Whether each knows what all others offer.
    #[must_use]
    pub fn all_know_all(&self) -> bool {
        let alive = self.alive().count();
        alive >= self.scenario.nodes && self.least_known() >= alive
    }

    /// How long it takes, of `most`, until each knows what so many of a hundred offer.
    pub fn until_known(&mut self, percent: usize, most: Duration) -> Duration {
        let begun = self.now;
        let each =
            Duration::from_millis(20).max(Duration::from_micros(300) * self.nodes.len() as u32);
        while self.now < begun + most {
            self.run(self.now + each, |_| false);
            let here = self.alive().count();
            let enough = here >= self.scenario.nodes;
            if enough && self.least_known() * 100 >= here * percent {
                break;
            }
        }
        self.now.saturating_sub(begun)
    }

    /// Of all others, how many each lacks on average.
    #[must_use]
    pub fn lacks(&self) -> f64 {
        let here = self.alive().count();
        let lacks = self.alive().map(|n| here - self.knows(n) - 1);
        lacks.sum::<usize>() as f64 / here.max(1) as f64
    }

    /// Of how many of those who are here a node knows what they offer.
    fn knows(&self, n: usize) -> usize {
        let known = self.nodes[n].known.iter();
        let known = known.filter(|(n, it)| it.catalog() > (0, 0) && self.nodes[*n].alive);
        known.count()
    }

    /// The least that anybody knows.
    #[must_use]
    pub fn least_known(&self) -> usize {
        let knows = self.alive().map(|n| self.knows(n) + 1);
        knows.min().unwrap_or(0)
    }

    /// Of those who are here, which part knows the newest of what a node offers.
    #[must_use]
    pub fn spread_of(&self, n: usize) -> f64 {
        let newest = self.nodes[n].version;
        let knows = |other: &usize| {
            let known = self.nodes[*other].known.get(n);
            known.is_some_and(|it| it.catalog() >= newest)
        };
        let others: Vec<usize> = self.alive().filter(|other| *other != n).collect();
        others.iter().filter(|other| knows(other)).count() as f64 / others.len().max(1) as f64
    }

    /// Connections that stand.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.alive()
            .map(|n| self.nodes[n].connections.len())
            .sum::<usize>()
            / 2
    }

    /// The most that one node has.
    #[must_use]
    pub fn most_connections(&self) -> usize {
        let each = self.alive().map(|n| self.nodes[n].connections.len());
        each.max().unwrap_or(0)
    }

    /// Somebody comes, looks at what there is for `wait` at the most, and leaves.
    pub fn look(&mut self, wait: Duration) -> Looked {
        let begun = self.now;
        let n = self.begin(Duration::ZERO);
        let mut patience: Option<Patience> = None;
        let mut verdict = Verdict::Wait;
        let judge = |room: &Self| {
            let node = &room.nodes[n];
            if !node.alive {
                return false;
            }
            let patience = patience.get_or_insert_with(|| Patience::new(wait, room.now));
            let sight = node.sight(room.now);
            verdict = patience.judge(&sight, sight.here == 0, room.now);
            verdict != Verdict::Wait
        };
        self.run(begun + wait + Duration::from_secs(30), judge);
        let known = &self.nodes[n].known;
        let rows = known
            .iter()
            .filter(|(other, it)| it.catalog() > (0, 0) && self.nodes[*other].alive);
        let gaps = self.nodes[n].gaps(self.now);
        let looked = Looked {
            took: self.now.saturating_sub(begun),
            rows: rows.count(),
            settled: verdict == Verdict::Settled && gaps == 0,
        };
        self.end(n, true);
        looked
    }

    /// How long it takes until 99 of 100 know of a new file at a node; `most` if they do not.
    pub fn news(&mut self, n: usize, most: Duration) -> Duration {
        let begun = self.now;
        let before = self.nodes[n].version;
        self.change(n);
        self.run(begun + most, |room| {
            room.nodes[n].version > before && room.spread_of(n) >= 0.99
        });
        self.now.saturating_sub(begun)
    }

    /// How long it takes until nobody takes so many nodes for here that just died, every other one of
    /// them by losing its power; `most` if somebody still does. Not the first one. Others take their
    /// places then.
    pub fn deaths(&mut self, count: usize, most: Duration) -> Duration {
        let begun = self.now;
        let mut dead = Vec::new();
        for _ in 0..count {
            let alive: Vec<usize> = self.alive().skip(1).collect();
            let victim = alive[self.below(alive.len())];
            if dead.len() % 2 == 0 {
                self.end(victim, false);
            } else {
                self.lose(victim);
            }
            dead.push(victim);
        }
        self.run(begun + most, |room| {
            let known = |n: usize| dead.iter().any(|it| room.nodes[n].known.get(*it).is_some());
            !room.alive().any(known)
        });
        let took = self.now.saturating_sub(begun);
        for _ in 0..count {
            self.begin(Duration::ZERO);
        }
        took
    }

    /// For so long such a part of all is replaced each minute: every other one says goodbye. Gives
    /// one that stayed.
    pub fn churn(&mut self, part: f64, time: Duration) -> usize {
        let count = self.alive().count();
        let each = Duration::from_secs(60).div_f64(part * count as f64);
        let end = self.now + time;
        let stays = self.alive().next().unwrap_or(0);
        let mut polite = false;
        while self.now + each < end {
            let alive: Vec<usize> = self.alive().filter(|n| *n != stays).collect();
            let victim = alive[self.below(alive.len())];
            polite = !polite;
            self.end(victim, polite);
            self.begin(Duration::ZERO);
            self.run(self.now + each, |_| false);
        }
        stays
    }

    /// Datagrams on the network in a second, since `then`.
    #[must_use]
    pub fn datagrams_since(&self, then: (Now, Totals)) -> f64 {
        let time = self.now.saturating_sub(then.0).as_secs_f64();
        (self.totals.datagrams - then.1.datagrams) as f64 / time
    }

    /// Bytes that a node sent in a second, on average, since `then`.
    #[must_use]
    pub fn bytes_since(&self, then: (Now, Totals)) -> f64 {
        self.kinds_since(then).iter().sum()
    }

    /// The same by what for, as in [`Bytes`].
    #[must_use]
    pub fn kinds_since(&self, then: (Now, Totals)) -> [f64; 6] {
        let (is, was) = (self.totals.bytes.each(), then.1.bytes.each());
        let time = self.now.saturating_sub(then.0).as_secs_f64();
        let all = time * self.alive().count().max(1) as f64;
        std::array::from_fn(|kind| (is[kind] - was[kind]) as f64 / all)
    }
}
