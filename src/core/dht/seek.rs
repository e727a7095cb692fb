//! When a node looks something up in the DHT, and when it publishes where it is.
//!
//! Owns these times. Invariants: one thing at a time; nothing is looked up while everybody who is
//! wanted is here (a swarm's servers, while anybody is); what is published is published once an
//! hour at most; failures are followed by growing pauses.

use crate::core::{Now, chance::Chance, id::NodeId};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Between two times that something is published.
pub const HOUR: Duration = Duration::from_secs(3600);
/// People looked for at a time.
pub const MAX_SOUGHT: usize = 16;
/// Peers remembered to be here; beyond them, others are counted as here, too.
const MAX_HERE: usize = 1024;
/// The network nearby has so long to answer first.
const GRACE: Duration = Duration::from_secs(2);
/// What is to be published settles for so long.
const SETTLE: Duration = Duration::from_secs(3);
/// Found servers have so long to be joined, and lost ones to come back.
const JOINING: Duration = Duration::from_secs(30);
/// A person is looked for so long, and again after so long.
const WANTED: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(30);
/// What takes longer is lost.
const LOST: Duration = Duration::from_secs(120);
/// The pauses after lookups that led to nothing.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
    HOUR,
];

/// What this node wants of the DHT.
#[derive(Clone, Copy, Debug)]
pub struct SeekConfig {
    /// Whether there may be servers of its swarm.
    pub servers: bool,
    /// Whether others are to find it.
    pub published: bool,
    /// For choices.
    pub seed: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Look for servers of the swarm.
    Servers,
    /// Look for a node.
    Node(NodeId),
    /// Publish where this one is.
    Publish,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekInput {
    /// A node is connected.
    Here(NodeId),
    /// It is gone.
    Gone(NodeId),
    /// So many servers are joined.
    Joined(usize),
    /// A person wants to reach this node.
    Wanted(NodeId),
    /// Whether there is something to publish.
    Reachable(bool),
    /// What was to be done is, with success or without.
    Done(Sought, bool),
    /// Something may be due.
    Tick,
}

/// See the module.
#[derive(Debug)]
pub struct Seek {
    config: SeekConfig,
    chance: Chance,
    now: Now,
    here: BTreeSet<NodeId>,
    joined: usize,
    reachable: bool,
    wanted: BTreeMap<NodeId, Wanted>,
    busy: Option<(Sought, Now)>,
    servers: Due,
    publish: Due,
}

#[derive(Debug)]
struct Wanted {
    until: Now,
    next: Now,
}

#[derive(Debug)]
struct Due {
    at: Now,
    failures: usize,
}

impl Due {
    fn failed(&mut self, now: Now, chance: &mut Chance) {
        let pause = PAUSES[self.failures.min(PAUSES.len() - 1)];
        self.failures += 1;
        self.at = now + pause.mul_f64(1.0 + 0.25 * chance.fraction());
    }
}

impl Seek {
    /// Nothing is done before the first input.
    #[must_use]
    pub fn new(config: SeekConfig, now: Now) -> Self {
        let due = |pause| Due {
            at: now + pause,
            failures: 0,
        };
        Self {
            config,
            chance: Chance::new(config.seed),
            now,
            here: BTreeSet::new(),
            joined: 0,
            reachable: false,
            wanted: BTreeMap::new(),
            busy: None,
            servers: due(GRACE),
            publish: due(SETTLE),
        }
    }

    /// Takes in what happened; gives what is to be done now. [`SeekInput::Done`] is to follow.
    pub fn handle(&mut self, input: SeekInput, now: Now) -> Option<Sought> {
        self.now = self.now.max(now);
        let now = self.now;
        match input {
            SeekInput::Here(node) => {
                // When it was looked for is remembered.
                if let Some(wanted) = self.wanted.get_mut(&node) {
                    wanted.until = now;
                }
                if self.here.len() < MAX_HERE {
                    self.here.insert(node);
                }
            }
            SeekInput::Gone(node) => {
                if self.here.remove(&node) && self.here.is_empty() {
                    self.servers.at = self.servers.at.max(now + GRACE);
                }
            }
            SeekInput::Joined(joined) => {
                if joined > 0 {
                    self.servers.failures = 0;
                } else if self.joined > 0 {
                    self.servers.at = now + JOINING;
                }
                self.joined = joined;
            }
            SeekInput::Wanted(node) => self.want(node),
            SeekInput::Reachable(reachable) => {
                if reachable && !self.reachable {
                    self.publish.at = self.publish.at.max(now + SETTLE);
                }
                self.reachable = reachable;
            }
            SeekInput::Done(sought, good) => self.done(sought, good),
            SeekInput::Tick => {}
        }
        if self.busy.is_some_and(|(_, until)| until <= now) {
            self.busy = None;
        }
        self.wanted
            .retain(|_, wanted| wanted.until > now || wanted.next > now);
        self.next()
    }

    fn want(&mut self, node: NodeId) {
        let (now, until) = (self.now, self.now + WANTED);
        if self.here.contains(&node) {
            return;
        }
        if let Some(wanted) = self.wanted.get_mut(&node) {
            wanted.until = until;
        } else if self.wanted.len() < MAX_SOUGHT {
            let next = now + GRACE;
            self.wanted.insert(node, Wanted { until, next });
            // Where they are themselves is asked before where anybody is.
            self.servers.at = self.servers.at.max(next + GRACE);
        }
    }

    fn done(&mut self, sought: Sought, good: bool) {
        if self.busy.is_some_and(|(busy, _)| busy == sought) {
            self.busy = None;
        }
        match sought {
            Sought::Servers if good => {
                // If it leads nowhere, that is known soon.
                let joining = self.now + JOINING;
                self.servers.failed(self.now, &mut self.chance);
                self.servers.at = self.servers.at.max(joining);
            }
            Sought::Servers => self.servers.failed(self.now, &mut self.chance),
            Sought::Publish if good => {
                self.publish.failures = 0;
                let hour = HOUR.mul_f64(1.0 + 0.1 * self.chance.fraction());
                self.publish.at = self.now + hour;
            }
            Sought::Publish => self.publish.failed(self.now, &mut self.chance),
            Sought::Node(_) => {}
        }
    }

    fn next(&mut self) -> Option<Sought> {
        if self.busy.is_some() {
            return None;
        }
        let now = self.now;
        let person = self.wanted.iter_mut();
        let mut person = person.filter(|(_, one)| one.next <= now && one.until > now);
        let sought = if let Some((node, wanted)) = person.next() {
            wanted.next = now + AGAIN;
            Sought::Node(*node)
        } else if self.seeks_servers() && self.servers.at <= now {
            Sought::Servers
        } else if self.publishes() && self.publish.at <= now {
            Sought::Publish
        } else {
            return None;
        };
        self.busy = Some((sought, now + LOST));
        Some(sought)
    }

    /// A server is of use while nobody is here, or somebody who is wanted is not.
    fn seeks_servers(&self) -> bool {
        let now = self.now;
        let mut wanted = self.wanted.values();
        let alone = self.here.is_empty() || wanted.any(|wanted| wanted.until > now);
        self.config.servers && self.joined == 0 && alone
    }

    fn publishes(&self) -> bool {
        self.config.published && self.reachable
    }

    /// Whether something may come of what is being looked for.
    #[must_use]
    pub fn expects(&self) -> bool {
        let looks = matches!(self.busy, Some((Sought::Servers | Sought::Node(_), _)));
        looks || (self.seeks_servers() && self.servers.failures == 0)
    }

    /// When something is due, if nothing happens.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        if let Some((_, until)) = self.busy {
            return Some(until);
        }
        let now = self.now;
        let people = self.wanted.values();
        // The next question, or the end of the wish.
        let people = people.filter(|wanted| wanted.until > now);
        let people = people.map(|wanted| wanted.next.min(wanted.until));
        let servers = self.seeks_servers().then_some(self.servers.at);
        let publish = self.publishes().then_some(self.publish.at);
        people.chain(servers).chain(publish).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Now = Duration::from_secs(50);

    fn node(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    fn seek(servers: bool, published: bool) -> Seek {
        let seed = 7;
        let config = SeekConfig {
            servers,
            published,
            seed,
        };
        Seek::new(config, START)
    }

    /// Everything that is done from `now` on for so long, with what comes of it.
    fn run(seek: &mut Seek, mut now: Now, time: Duration, good: bool) -> Vec<(Now, Sought)> {
        let (end, mut done) = (now + time, Vec::new());
        let mut input = SeekInput::Tick;
        for _ in 0..10_000 {
            if let Some(sought) = seek.handle(input, now) {
                done.push((now, sought));
                now += Duration::from_secs(3);
                input = SeekInput::Done(sought, good);
                continue;
            }
            input = SeekInput::Tick;
            match seek.next_tick() {
                Some(at) if at < end => now = now.max(at),
                _ => return done,
            }
        }
        panic!("it never rests");
    }

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn nothing_is_looked_up_while_the_network_nearby_suffices() {
        let mut seek = seek(true, false);
        seek.handle(SeekInput::Here(node(1)), START);
        seek.handle(SeekInput::Wanted(node(1)), START);
        assert_eq!(run(&mut seek, START, DAY, true), []);
        assert_eq!(seek.next_tick(), None);
        // Somebody who is not here is looked for, and then their servers.
        seek.handle(SeekInput::Wanted(node(2)), START + DAY);
        let sought = run(&mut seek, START + DAY, DAY, false);
        assert_eq!(sought[0], (START + DAY + GRACE, Sought::Node(node(2))));
        assert_eq!(sought[1].1, Sought::Servers);
        let people = sought.iter().filter(|(_, one)| *one != Sought::Servers);
        assert!(people.count() <= 3, "{sought:?}");
        let last = sought.last().unwrap().0;
        assert!(last < START + DAY + 2 * WANTED, "not for ever: {sought:?}");
    }

    #[test]
    fn who_comes_in_the_grace_is_not_looked_for() {
        let mut seek = seek(true, true);
        assert_eq!(seek.handle(SeekInput::Wanted(node(1)), START), None);
        let soon = START + GRACE / 2;
        assert_eq!(seek.handle(SeekInput::Here(node(1)), soon), None);
        assert_eq!(run(&mut seek, soon, DAY, true), []);
    }

    #[test]
    fn servers_are_looked_for_when_nobody_is_here_with_growing_pauses() {
        let mut seek = seek(true, false);
        let sought = run(&mut seek, START, DAY, false);
        assert_eq!(sought[0], (START + GRACE, Sought::Servers));
        assert!((20..40).contains(&sought.len()), "{}", sought.len());
        let apart = |pair: &[(Now, Sought)]| pair[1].0.saturating_sub(pair[0].0);
        let apart: Vec<Duration> = sought.windows(2).map(apart).collect();
        assert!(apart[0] >= Duration::from_secs(15) && apart[10] >= HOUR);
        // With a server, no more; without it again, once it had time to come back.
        let later = START + DAY;
        seek.handle(SeekInput::Joined(1), later);
        assert_eq!(run(&mut seek, later, DAY, true), []);
        let lost = later + DAY;
        seek.handle(SeekInput::Joined(0), lost);
        let sought = run(&mut seek, lost, 2 * JOINING, true);
        assert_eq!(sought, [(lost + JOINING, Sought::Servers)]);
    }

    #[test]
    fn found_servers_have_time_to_be_joined() {
        let mut seek = seek(true, false);
        let sought = run(&mut seek, START, Duration::from_secs(40), true);
        let [(first, _), (second, _)] = sought[..] else {
            panic!("{sought:?}");
        };
        assert!(second >= first + JOINING);
    }

    #[test]
    fn a_node_publishes_once_an_hour_and_not_before_there_is_something() {
        let mut seek = seek(false, true);
        assert_eq!(run(&mut seek, START, HOUR, true), []);
        let later = START + HOUR;
        seek.handle(SeekInput::Reachable(true), later);
        let done = run(&mut seek, later, DAY, true);
        assert_eq!(done[0], (later + SETTLE, Sought::Publish));
        assert!((20..=24).contains(&done.len()), "{}", done.len());
        // Whatever comes and goes, it is not more.
        let mut now = later + DAY;
        let mut published = Vec::new();
        for step in 0..2000 {
            let input = SeekInput::Reachable(step % 4 != 0);
            if let Some(sought) = seek.handle(input, now) {
                published.push(now);
                seek.handle(SeekInput::Done(sought, true), now);
            }
            now += Duration::from_secs(10);
        }
        assert!(published.windows(2).all(|pair| pair[1] >= pair[0] + HOUR));
        assert!(published.len() >= 4);
    }

    #[test]
    fn a_command_that_only_looks_publishes_nothing() {
        let mut seek = seek(false, false);
        seek.handle(SeekInput::Reachable(true), START);
        assert_eq!(run(&mut seek, START, DAY, true), []);
    }

    #[test]
    fn what_is_lost_holds_up_nothing_for_ever() {
        let mut seek = seek(true, false);
        let now = START + GRACE;
        assert_eq!(seek.handle(SeekInput::Tick, now), Some(Sought::Servers));
        assert!(seek.expects());
        assert_eq!(seek.handle(SeekInput::Wanted(node(1)), now), None);
        let later = seek.next_tick().unwrap();
        assert_eq!(later, now + LOST);
        let before = now + LOST.saturating_sub(GRACE);
        seek.handle(SeekInput::Wanted(node(1)), before);
        assert_eq!(
            seek.handle(SeekInput::Tick, later),
            Some(Sought::Node(node(1)))
        );
    }

    proptest! {
        /// Whatever happens: one thing at a time, no more than a few a minute, and a bounded memory.
        #[test]
        fn it_stays_seldom(steps in proptest::collection::vec((0..6u8, any::<u8>(), 0..30_000u64), 1..300)) {
            let mut seek = seek(true, true);
            let mut now = START;
            let mut begun = Vec::new();
            let mut under_way = None;
            for (kind, which, pause) in steps {
                now += Duration::from_millis(pause);
                let input = match kind {
                    0 => SeekInput::Here(node(which)),
                    1 => SeekInput::Gone(node(which)),
                    2 => SeekInput::Joined(usize::from(which % 3)),
                    3 => SeekInput::Wanted(node(which)),
                    4 => SeekInput::Reachable(which % 2 == 0),
                    _ => under_way.take().map_or(SeekInput::Tick, |sought| {
                        SeekInput::Done(sought, which % 2 == 0)
                    }),
                };
                if let Some(sought) = seek.handle(input, now) {
                    begun.push((now, sought));
                    under_way = Some(sought);
                }
                prop_assert!(seek.wanted.len() <= MAX_SOUGHT);
            }
            for (at, sought) in &begun {
                let apart = match sought {
                    Sought::Node(_) => AGAIN,
                    Sought::Servers | Sought::Publish => PAUSES[0],
                };
                let again = begun.iter().filter(|(other, one)| {
                    one == sought && *other > *at && *other < *at + apart
                });
                prop_assert_eq!(again.count(), 0);
            }
        }
    }
}
