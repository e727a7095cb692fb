//! When a node looks something up in the DHT, and when it publishes where it is.
//!
//! Owns these times. Invariants: one thing at a time; nothing is looked up while everybody who is
//! wanted is here (a swarm's servers, while anybody is), but the swarm's servers each three hours
//! by a node that is found at such ones; what is published is published once an hour at most;
//! failures are followed by growing pauses.

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
/// A node that is at servers that were found looks again so often who writes there: others may have
/// come, and what stands there counts no longer than that.
const AFRESH: Duration = Duration::from_secs(3 * 3600);
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
    /// See whether anybody answers.
    Look,
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
    /// So many of them nobody named.
    Found(usize),
    /// A person wants to reach this node.
    Wanted(NodeId),
    /// Whether there is something to publish.
    Reachable(bool),
    /// A person asks whether the DHT answers.
    Asked,
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
    /// How many found servers are joined, and when to look for others.
    found: usize,
    afresh: Now,
    reachable: bool,
    /// A person waits for an answer.
    asked: bool,
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
            found: 0,
            afresh: now,
            reachable: false,
            asked: false,
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
            SeekInput::Found(found) => {
                if found > 0 && self.found == 0 {
                    self.afresh = now + self.until_afresh();
                }
                self.found = found;
            }
            SeekInput::Wanted(node) => self.want(node),
            SeekInput::Reachable(reachable) => {
                if reachable && !self.reachable {
                    self.publish.at = self.publish.at.max(now + SETTLE);
                }
                self.reachable = reachable;
            }
            SeekInput::Asked => self.asked = true,
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
        if sought == Sought::Servers {
            self.afresh = self.now + self.until_afresh();
        }
        match sought {
            // Looked for afresh: those that are joined go on.
            Sought::Servers if self.joined > 0 => {}
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
            Sought::Node(_) | Sought::Look => {}
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
        } else if self.servers_due().is_some_and(|at| at <= now) {
            Sought::Servers
        } else if self.publishes() && self.publish.at <= now {
            Sought::Publish
        } else if self.asked {
            Sought::Look
        } else {
            return None;
        };
        // Whatever is asked there, an answer is an answer.
        self.asked = false;
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

    /// When they are looked for, if nothing happens.
    fn servers_due(&self) -> Option<Now> {
        let afresh = self.config.servers && self.config.published && self.found > 0;
        let afresh = afresh.then_some(self.afresh);
        let seeks = self.seeks_servers().then_some(self.servers.at);
        afresh.into_iter().chain(seeks).min()
    }

    fn until_afresh(&mut self) -> Duration {
        AFRESH.mul_f64(1.0 + 0.25 * self.chance.fraction())
    }

    fn publishes(&self) -> bool {
        self.config.published && self.reachable
    }

    /// Whether something may come of what is being looked for.
    #[must_use]
    pub fn expects(&self) -> bool {
        let looks = match self.busy {
            Some((Sought::Servers, _)) => self.joined == 0,
            Some((Sought::Node(_), _)) => true,
            _ => false,
        };
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
        let servers = self.servers_due();
        let publish = self.publishes().then_some(self.publish.at);
        people.chain(servers).chain(publish).min()
    }
}

#[cfg(test)]
mod tests;
