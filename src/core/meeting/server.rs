//! One configured server: in which stage it is, and what is due there.
//!
//! Owns the times of one server. Never decides about nodes, or about other servers.

use super::{Known, MeetingAction};
use crate::core::{Now, chance::Chance, id::NodeId};
use ::core::net::SocketAddr;
use std::time::Duration;

/// Addresses tried at a time.
pub(super) const MAX_ADDRESSES: usize = 8;
/// The shortest and the longest pause before a lost server is tried again.
const PAUSE: Pauses = Pauses::of_seconds(1, 300);
/// A name, or a connection, of which nothing is heard for so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same for an answer.
const ANSWER: Duration = Duration::from_secs(20);
/// A connection that held so long makes up for earlier failures.
pub(super) const HELD: Duration = Duration::from_secs(10);
/// Clients of a server that went away do not come back all in the same instant.
pub(super) const AT_ONCE: Duration = Duration::from_millis(300);
/// For so long after joining (or news) newcomers are asked for often…
const EARLY: Duration = Duration::from_secs(10);
/// …and for so long now and then.
const LATER: Duration = Duration::from_secs(120);
const EARLY_PAUSE: Duration = Duration::from_secs(1);
/// Before the rest is asked for, when an answer was full.
const PAGE_PAUSE: Duration = Duration::from_millis(300);
const LATER_PAUSE: Duration = Duration::from_secs(10);
const QUIET_PAUSE: Duration = Duration::from_secs(30);
/// Full answers that one visit reads: the next one goes on.
const PAGES: u32 = 8;
/// The pauses before something that a server did not do is asked for again.
const REFUSED: Pauses = Pauses::of_seconds(2, 120);
/// A registration is renewed after about this part of its time, at the latest a little before its
/// end.
const RENEW: f64 = 0.6;
/// No registration is renewed more often, whatever the server says.
const SHORTEST: Duration = Duration::from_secs(20);

/// The bounds of a pause.
#[derive(Clone, Copy)]
struct Pauses {
    least: Duration,
    most: Duration,
}

impl Pauses {
    const fn of_seconds(least: u64, most: u64) -> Self {
        Self {
            least: Duration::from_secs(least),
            most: Duration::from_secs(most),
        }
    }
}

/// A pause that doubles with each failure, and differs from node to node.
fn growing(pauses: Pauses, failures: u32, chance: &mut Chance) -> Duration {
    let factor = 1 << failures.saturating_sub(1).min(16);
    let doubled = pauses.least.saturating_mul(factor);
    doubled
        .min(pauses.most)
        .mul_f64(0.75 + 0.25 * chance.fraction())
}

/// Something to be asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Never,
    Due(Now),
    Asked { until: Now },
}

/// Something that is asked of a server, perhaps again and again; once at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Duty {
    next: Next,
    pub(super) failures: u32,
}

impl Duty {
    fn new(next: Next) -> Self {
        Self { next, failures: 0 }
    }

    fn at(&self) -> Option<Now> {
        match self.next {
            Next::Never => None,
            Next::Due(at) | Next::Asked { until: at } => Some(at),
        }
    }

    /// True if it is to be asked now.
    fn ask(&mut self, now: Now, chance: &mut Chance) -> bool {
        match self.next {
            Next::Due(at) if at <= now => {
                let until = now + ANSWER;
                self.next = Next::Asked { until };
                true
            }
            Next::Asked { until } if until <= now => {
                self.failed(now, chance);
                false
            }
            _ => false,
        }
    }

    pub(super) fn failed(&mut self, now: Now, chance: &mut Chance) {
        self.failures = self.failures.saturating_add(1);
        self.next = Next::Due(now + growing(REFUSED, self.failures, chance));
    }

    pub(super) fn done(&mut self, again: Option<Now>) {
        self.failures = 0;
        self.next = again.map_or(Next::Never, Next::Due);
    }

    /// Makes it due, unless it is already, or is being asked.
    pub(super) fn begin(&mut self, now: Now) {
        if self.next == Next::Never {
            self.next = Next::Due(now);
        }
    }

    /// Makes it due, unless it is being asked.
    pub(super) fn hurry(&mut self, now: Now) {
        if !matches!(self.next, Next::Asked { .. }) {
            self.next = Next::Due(now);
        }
    }
}

/// A server that is connected.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) server: NodeId,
    pub(super) since: Now,
    pub(super) enter: Duty,
    pub(super) reserve: Duty,
    pub(super) register: Duty,
    pub(super) discover: Duty,
    /// It said who is there.
    pub(super) discovered: Option<Now>,
    /// When a node was last new there.
    news: Now,
    /// It forwards connections to this node.
    pub(super) reserved: bool,
    /// This node can be found there.
    pub(super) registered: bool,
    /// Most likely there is more to be read.
    more: bool,
    /// Answers so far.
    pages: u32,
}

#[derive(Debug)]
pub(super) enum Stage {
    Idle {
        retry: Now,
    },
    Resolving {
        until: Now,
    },
    Dialing {
        until: Now,
    },
    Joined(Box<Joined>),
    /// Another entry leads to the same server.
    Double,
    /// Left on purpose.
    Away,
}

#[derive(Debug)]
pub(super) struct ServerEntry {
    pub(super) known: Known,
    pub(super) stage: Stage,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) failures: u32,
    /// It was tried, with or without success.
    pub(super) tried: bool,
    /// That it does not answer was told.
    pub(super) told: bool,
    /// The wrong key that was told.
    pub(super) wrong: Option<NodeId>,
    /// Nobody configured it: it was found, at these addresses.
    pub(super) found: Option<FoundEntry>,
    /// This node is to be found there; otherwise it is only visited now and then.
    pub(super) home: bool,
    /// Visits that ended well.
    pub(super) visits: u32,
    /// Until then those that were found before it come first.
    pub(super) young_until: Now,
}

/// Servers that are ranked with one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    /// A person named them.
    Named,
    /// They were found for the swarm.
    Found,
}

impl Pool {
    pub(super) const ALL: [Self; 2] = [Self::Named, Self::Found];
}

/// What others told of a server.
#[derive(Debug)]
pub(super) struct FoundEntry {
    pub(super) at: Vec<SocketAddr>,
    pub(super) visit: bool,
}

impl ServerEntry {
    pub(super) fn new(known: Known, now: Now) -> Self {
        Self {
            known,
            stage: Stage::Idle { retry: now },
            addresses: Vec::new(),
            failures: 0,
            tried: false,
            told: false,
            wrong: None,
            found: None,
            home: true,
            visits: 0,
            young_until: Now::ZERO,
        }
    }

    /// One that was found. Its key is known, and there is no name to be found out.
    pub(super) fn found(key: NodeId, mut at: Vec<SocketAddr>, visit: bool, now: Now) -> Self {
        at.truncate(MAX_ADDRESSES);
        let known = Known {
            key: Some(key),
            named: true,
        };
        Self {
            found: Some(FoundEntry { at, visit }),
            // Nobody configured it, so nobody is told that it does not answer.
            told: true,
            ..Self::new(known, now)
        }
    }

    pub(super) fn is_visit(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.visit)
    }

    /// With which others it shares the nodes; with none if somebody of the public swarm is asked
    /// for there.
    pub(super) fn pool(&self) -> Option<Pool> {
        match &self.found {
            None => Some(Pool::Named),
            Some(found) => (!found.visit).then_some(Pool::Found),
        }
    }

    /// It was only visited, and is one of the swarm's after all.
    pub(super) fn stay(&mut self, found: bool, now: Now) {
        if let Some(joined) = self.joined_mut() {
            joined.discover.hurry(now);
            joined.discovered = None;
            if found {
                joined.register.hurry(now);
            }
        }
    }

    /// Whether another found one may take its place: it was tried in vain, and is not now.
    pub(super) fn is_spent(&self) -> bool {
        let idle = matches!(self.stage, Stage::Idle { .. } | Stage::Away);
        self.found.is_some() && idle && self.failures > 0
    }

    pub(super) fn joined(&self) -> Option<&Joined> {
        match &self.stage {
            Stage::Joined(joined) => Some(joined),
            _ => None,
        }
    }

    pub(super) fn joined_mut(&mut self) -> Option<&mut Joined> {
        match &mut self.stage {
            Stage::Joined(joined) => Some(joined),
            _ => None,
        }
    }

    pub(super) fn is(&self, server: &NodeId) -> bool {
        self.joined().is_some_and(|joined| joined.server == *server)
    }

    /// When something is due here.
    pub(super) fn next(&self) -> Option<Now> {
        match &self.stage {
            Stage::Idle { retry: at }
            | Stage::Resolving { until: at }
            | Stage::Dialing { until: at } => Some(*at),
            Stage::Joined(joined) => {
                let duties = [
                    joined.enter,
                    joined.reserve,
                    joined.register,
                    joined.discover,
                ];
                duties.iter().filter_map(Duty::at).min()
            }
            Stage::Double | Stage::Away => None,
        }
    }

    /// What is to be done to reach it now: find out what its name means, or dial. What took too
    /// long has failed.
    pub(super) fn begin(
        &mut self,
        place: usize,
        now: Now,
        chance: &mut Chance,
    ) -> Option<MeetingAction> {
        match self.stage {
            Stage::Idle { retry } if retry <= now => {
                if let Some(found) = &self.found {
                    let at = found.at.clone();
                    return Some(self.dial(at, now));
                }
                let until = now + PATIENCE;
                self.stage = Stage::Resolving { until };
                Some(MeetingAction::Resolve { place })
            }
            Stage::Resolving { until } | Stage::Dialing { until } if until <= now => {
                self.failed(now, chance);
                None
            }
            _ => None,
        }
    }

    pub(super) fn dial(&mut self, mut addresses: Vec<SocketAddr>, now: Now) -> MeetingAction {
        addresses.truncate(MAX_ADDRESSES);
        self.addresses.clone_from(&addresses);
        let until = now + PATIENCE;
        self.stage = Stage::Dialing { until };
        // One that was only learned is compared when a server answers, so that a new key can be
        // told.
        let server = self.known.key.filter(|_| self.known.named);
        MeetingAction::Dial { server, addresses }
    }

    pub(super) fn failed(&mut self, now: Now, chance: &mut Chance) {
        self.tried = true;
        self.failures = self.failures.saturating_add(1);
        let retry = now + growing(PAUSE, self.failures, chance);
        self.stage = Stage::Idle { retry };
    }

    /// Tries again at once, if it waits.
    pub(super) fn hurry(&mut self, now: Now, chance: &mut Chance) {
        if matches!(self.stage, Stage::Idle { .. } | Stage::Away) {
            let retry = now + AT_ONCE.mul_f64(chance.fraction());
            self.stage = Stage::Idle { retry };
        }
    }

    pub(super) fn connected(&mut self, server: NodeId, found: bool, now: Now) {
        self.known.key = Some(server);
        let (visit, is_found) = (self.is_visit(), self.found.is_some());
        (self.tried, self.told, self.wrong) = (true, is_found, None);
        self.stage = Stage::Joined(Box::new(Joined {
            server,
            since: now,
            enter: Duty::new(Next::Due(now)),
            // Where no node is to find this one, a node that was told of it may still be sent to
            // it.
            reserve: Duty::new(if self.home {
                Next::Due(now)
            } else {
                Next::Never
            }),
            register: Duty::new(if found && !visit && self.home {
                // Not before it can be reached there.
                Next::Due(now + ANSWER)
            } else {
                Next::Never
            }),
            discover: Duty::new(if visit { Next::Never } else { Next::Due(now) }),
            discovered: visit.then_some(now),
            news: now,
            reserved: false,
            registered: false,
            more: false,
            pages: 0,
        }));
    }

    /// What is due at a joined server.
    pub(super) fn duties(&mut self, now: Now, chance: &mut Chance, out: &mut Vec<MeetingAction>) {
        let Some(joined) = self.joined_mut() else {
            return;
        };
        let server = joined.server;
        if joined.enter.ask(now, chance) {
            out.push(MeetingAction::Enter(server));
        }
        if joined.reserve.ask(now, chance) {
            out.push(MeetingAction::Reserve(server));
        }
        if joined.register.ask(now, chance) {
            out.push(MeetingAction::Register(server));
        }
        if joined.discover.ask(now, chance) {
            out.push(MeetingAction::Discover(server));
        }
    }
}

impl Joined {
    /// Whether this node is to be found there.
    pub(super) fn is_found(&self) -> bool {
        self.register.next != Next::Never
    }

    pub(super) fn reserved(&mut self, yes: bool, now: Now, chance: &mut Chance) {
        let (found, first) = (self.is_found(), self.reserve.next != Next::Never);
        self.reserved = yes;
        if yes {
            self.reserve.done(None);
        } else {
            self.reserve.failed(now, chance);
        }
        // Its addresses are others now; without a reservation it may be reachable all the same.
        if found && (first || !yes) {
            self.register.hurry(now);
        }
    }

    pub(super) fn registered(&mut self, ttl: Option<Duration>, now: Now, chance: &mut Chance) {
        match ttl {
            Some(ttl) if self.is_found() => {
                self.registered = true;
                let part = ttl.mul_f64(RENEW * (0.8 + 0.4 * chance.fraction()));
                self.register.done(Some(now + part.max(SHORTEST)));
            }
            None if self.is_found() => self.register.failed(now, chance),
            // It was taken back meanwhile.
            _ => {}
        }
    }

    /// It was only visited, and this node is to be found there from now on.
    pub(super) fn stay(&mut self, found: bool, now: Now) {
        if found {
            let soon = if self.reserved { now } else { now + ANSWER };
            self.register.done(Some(soon));
        }
        if !self.reserved {
            self.reserve.begin(now);
        }
        self.discover.hurry(now);
    }

    /// Whether what a visit is for is not answered yet.
    pub(super) fn is_asking(&self) -> bool {
        let entering = self.enter.next != Next::Never && self.enter.failures == 0;
        entering || self.discovered.is_none() || self.more
    }

    /// An answer came: when to ask again. `more`, there is most likely more of it.
    pub(super) fn discovered(&mut self, news: bool, more: bool, now: Now, chance: &mut Chance) {
        if news {
            self.news = now;
        }
        self.discovered.get_or_insert(now);
        self.pages = self.pages.saturating_add(1);
        self.more = more && self.pages < PAGES;
        let quiet = now.saturating_sub(self.news.max(self.since));
        let pause = if news && more {
            PAGE_PAUSE
        } else if now.saturating_sub(self.since) < EARLY {
            EARLY_PAUSE
        } else if quiet < LATER {
            LATER_PAUSE
        } else {
            QUIET_PAUSE
        };
        let pause = pause.mul_f64(0.8 + 0.4 * chance.fraction());
        self.discover.done(Some(now + pause));
    }
}
