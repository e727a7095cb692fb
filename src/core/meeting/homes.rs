//! Of several servers: at which two this node is found, and when it asks at the others.
//!
//! Every server has a *rank* for each node (rendezvous hashing, see
//! [`core::score`](crate::core::score)). A node is found at the first two that answer, its *homes*;
//! the others it only *visits*: asks who is there, meets them, and leaves. So each server has two
//! registrations of S nodes' S, and one visit a minute of each node is shared by all.
//!
//! All of a swarm meet, whatever they think of the ranks: who comes later asks at every server, so
//! also at both homes of whoever is there; and of two lists that differ by one server, one home is
//! on the other list at least. What two missed of each other, a later visit finds.
//!
//! Servers that a person named and those that were found for the swarm are two such lists
//! ([`Pool`]), so nothing that is found takes the place of what was named.
//!
//! Invariants: in a list of at most [`HOMES`] servers all of this does nothing; a home is left only
//! when two that rank before it hold this node; dials for visits are at most [`DIALS`] at a time
//! ([`FOUND_DIALS`] to servers that were found), and a visit ends by itself.

use super::{
    FIRST_WORD, MAX_MET, Meeting, MeetingAction, OTHERS, Stage,
    server::{AT_ONCE, HELD, Pool, ServerEntry},
};
use crate::core::{
    Now,
    chance::Chance,
    id::NodeId,
    score::{Weight, word},
    via::Via,
};
use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

/// Servers at which a node is found.
pub const HOMES: usize = 2;
/// A server without a known key is waited for so long before the homes are chosen without it.
const SETTLE: Duration = Duration::from_secs(1);
/// The pauses after the first visits: two that came at the same time may have missed each other.
const SOON: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(10)];
/// Then so much passes between two visits, whatever the number of servers.
const APART: Duration = Duration::from_secs(60);
/// Dials for visits under way at a time.
const DIALS: usize = 8;
/// Of these to servers that a stranger's word may have put there.
const FOUND_DIALS: usize = 4;
/// One more waits so long.
const NEXT_DIAL: Duration = Duration::from_millis(200);
/// Whoever lets a visitor wait so long for the answer is left.
const PATIENCE: Duration = Duration::from_secs(30);
/// Servers at which a wanted node is looked for at once: its homes, and one more, should the lists
/// differ.
const LIKELY: usize = HOMES + 1;
/// Where it is not among those, it is looked for at all after so long.
const UNLIKELY: Duration = Duration::from_secs(5);
/// A server that does not register this node, so often, is no home.
const REFUSALS: u32 = 2;
/// A found server that came later than others comes after them for so long.
pub(super) const YOUNG: Duration = Duration::from_secs(3600);

/// The servers, those at which `node` is to be found first: the highest weight, and of equal ones
/// the smaller key. One server more or less moves only the nodes that have it in their first
/// places.
#[must_use]
pub fn ranked(
    swarm: &[u8; 32],
    node: &NodeId,
    servers: impl IntoIterator<Item = NodeId>,
) -> Vec<NodeId> {
    let of = Weight::of(*node).score(word(swarm));
    let mut ranked: Vec<NodeId> = servers.into_iter().collect();
    ranked.sort_by_cached_key(|server| (Reverse(Weight::of(*server).score(of)), *server));
    ranked.dedup();
    ranked
}

impl Meeting {
    /// Whether there are more servers of that kind than this node is found at.
    pub(super) fn shares(&self, pool: Pool) -> bool {
        self.others(pool) > 0
    }

    /// How many of them are only visited.
    fn others(&self, pool: Pool) -> usize {
        let entries = self.servers.iter();
        let those = entries.filter(|entry| entry.pool() == Some(pool));
        those.count().saturating_sub(HOMES)
    }

    fn shares_any(&self) -> bool {
        Pool::ALL.iter().any(|pool| self.shares(*pool))
    }

    /// For so long, after the first server said who is there, the others are waited for.
    pub(super) fn patience(&self) -> Duration {
        if self.shares_any() {
            FIRST_WORD
        } else {
            OTHERS
        }
    }

    /// The servers of one kind with a key, each once.
    fn keys(&self, pool: Pool) -> Vec<NodeId> {
        let usable = |entry: &&ServerEntry| {
            entry.pool() == Some(pool) && !matches!(entry.stage, Stage::Double | Stage::Away)
        };
        let entries = self.servers.iter().filter(usable);
        entries.filter_map(|entry| entry.known.key).collect()
    }

    /// Decides anew where this node is found.
    pub(super) fn choose_homes(&mut self, out: &mut Vec<MeetingAction>) {
        let now = self.now;
        let unknown = |entry: &ServerEntry| entry.known.key.is_none() && !entry.tried;
        let named = self.shares(Pool::Named)
            && (self.chosen || now >= self.begun + SETTLE || !self.servers.iter().any(unknown));
        if named {
            self.chosen = true;
            self.revive_doubles();
            self.choose(Pool::Named, out);
        }
        if self.shares(Pool::Found) {
            self.choose(Pool::Found, out);
        }
    }

    fn choose(&mut self, pool: Pool, out: &mut Vec<MeetingAction>) {
        let (now, found) = (self.now, self.config.found);
        let of_pool = |entry: &&mut ServerEntry| entry.pool() == Some(pool);
        for entry in self.servers.iter_mut().filter(of_pool) {
            if entry.proves_itself_at(found).is_some_and(|at| at <= now) {
                entry.failures = 0;
            }
        }
        let entry = |key: &NodeId| {
            let mut entries = self.servers.iter();
            entries.find(|entry| entry.pool() == Some(pool) && entry.known.key == Some(*key))
        };
        let mut order = ranked(&self.config.swarm, &self.config.me, self.keys(pool));
        // The sort is stable: by rank among those of one age.
        order.sort_by_key(|key| entry(key).is_some_and(|entry| now < entry.young_until));
        let (mut homes, mut good) = (BTreeSet::new(), 0);
        for key in order {
            let mut entries = self.servers.iter();
            let holds = |entry: &ServerEntry| entry.known.key == Some(key) && entry.holds();
            if good < HOMES {
                homes.insert(key);
                good += usize::from(entries.any(holds));
            }
        }
        let chance = &mut self.chance;
        for entry in self.servers.iter_mut().filter(of_pool) {
            let of = |key| homes.contains(&key);
            let home = entry.known.key.is_some_and(of);
            if home == entry.home || matches!(entry.stage, Stage::Double | Stage::Away) {
                continue;
            }
            entry.home = home;
            if home {
                entry.move_in(found, now, chance);
            } else if let Some(server) = entry.move_out() {
                out.push(MeetingAction::Unregister(server));
            }
        }
    }

    /// Another name of a server is of use once the first one is not.
    fn revive_doubles(&mut self) {
        let good = |entry: &&ServerEntry| {
            entry.joined().is_some() || entry.failures == 0 && !matches!(entry.stage, Stage::Double)
        };
        let good = self.servers.iter().filter(good);
        let good: BTreeSet<NodeId> = good.filter_map(|entry| entry.known.key).collect();
        for entry in &mut self.servers {
            let alone = !entry.known.key.is_some_and(|key| good.contains(&key));
            if matches!(entry.stage, Stage::Double) && alone {
                entry.stage = Stage::Idle { retry: self.now };
            }
        }
    }

    /// Begins the visits that somebody waits for, and ends those that are over.
    pub(super) fn tend_visits(&mut self, out: &mut Vec<MeetingAction>) {
        if !self.shares_any() {
            return;
        }
        let (now, needed) = (self.now, self.now < self.needed);
        let full = self.met() >= MAX_MET;
        let wanted = self.where_wanted();
        let joined = self.joined();
        let lacking = if full {
            BTreeSet::new()
        } else {
            self.nodes.lacking(&joined, now)
        };
        let relayed = self.here.iter().filter(|(_, here)| here.via == Via::Relay);
        let relayed: Vec<NodeId> = relayed.map(|(node, _)| *node).collect();
        let others = Pool::ALL.map(|pool| (pool, self.others(pool) as u32));
        for entry in &mut self.servers {
            let pool = entry.pool();
            let others = others.iter().find(|(one, _)| Some(*one) == pool);
            let visited = others.filter(|_| !entry.home).zip(entry.known.key);
            let Some(((_, others), key)) = visited else {
                continue;
            };
            let asked = needed || wanted.contains(&key);
            let failed = entry.failures > 0;
            match &mut entry.stage {
                Stage::Joined(joined) => {
                    if needed && !joined.reserved {
                        joined.reserve.begin(now);
                    }
                    let late = joined.discovered.is_none() && now >= joined.since + PATIENCE;
                    // By whom a relayed node came that this one did not look for is not known.
                    let relays = relayed
                        .iter()
                        .any(|node| joined.reserved || self.nodes.told_by(node, &key));
                    let busy = asked
                        || (pool == Some(Pool::Named) && !self.chosen)
                        || joined.is_asking()
                        || relays
                        || self.nodes.busy_at(&key, full, now);
                    if late {
                        entry.failed(now, &mut self.chance);
                        out.push(MeetingAction::EndVisit(key));
                    } else if !busy {
                        entry.end_visit(*others, now, &mut self.chance);
                        out.push(MeetingAction::EndVisit(key));
                    }
                }
                Stage::Idle { retry }
                    if *retry > now + AT_ONCE && !failed && (asked || lacking.contains(&key)) =>
                {
                    entry.hurry(now, &mut self.chance);
                }
                _ => {}
            }
        }
        self.pace_visits();
    }

    /// No more dials than that begin at a time.
    fn pace_visits(&mut self) {
        let now = self.now;
        let under_way = |entry: &&ServerEntry| {
            !entry.home && matches!(entry.stage, Stage::Resolving { .. } | Stage::Dialing { .. })
        };
        let dialled = self.servers.iter().filter(under_way);
        let found = dialled.clone().filter(|entry| entry.found.is_some());
        let mut free = DIALS.saturating_sub(dialled.count());
        let mut free_found = FOUND_DIALS.saturating_sub(found.count());
        for entry in self.servers.iter_mut().filter(|entry| !entry.home) {
            let found = entry.found.is_some();
            match entry.stage {
                Stage::Idle { retry }
                    if retry <= now && (free == 0 || found && free_found == 0) =>
                {
                    let retry = now + NEXT_DIAL;
                    entry.stage = Stage::Idle { retry };
                }
                Stage::Idle { retry } if retry <= now => {
                    free -= 1;
                    free_found -= usize::from(found);
                }
                _ => {}
            }
        }
    }

    /// Servers at which nodes that a person wants are looked for.
    fn where_wanted(&self) -> BTreeSet<NodeId> {
        let mut servers = BTreeSet::new();
        for (node, since) in self.nodes.those_wanted() {
            for pool in Pool::ALL {
                let ranked = ranked(&self.config.swarm, &node, self.keys(pool));
                let likely = if self.now < since + UNLIKELY {
                    LIKELY
                } else {
                    ranked.len()
                };
                servers.extend(ranked.into_iter().take(likely));
            }
        }
        servers
    }

    /// When time alone changes something of that.
    pub(super) fn next_visit(&self) -> Option<Now> {
        if !self.shares_any() {
            return None;
        }
        let found = self.config.found;
        let settle = !self.chosen && self.shares(Pool::Named);
        let settle = settle.then_some(self.begun + SETTLE);
        let wanted = self.nodes.those_wanted();
        let wanted = wanted.map(|(_, since)| since + UNLIKELY);
        let lacking = self.nodes.lacking_at(&self.joined());
        let entries = self.servers.iter().flat_map(|entry| {
            let joined = entry.joined().filter(|_| !entry.home);
            let late = joined.filter(|joined| joined.discovered.is_none());
            [
                entry.proves_itself_at(found),
                late.map(|joined| joined.since + PATIENCE),
                joined.map(|_| self.needed),
                Some(entry.young_until),
            ]
        });
        let each = entries.flatten().chain(settle).chain(wanted).chain(lacking);
        each.filter(|at| *at > self.now).min()
    }
}

impl ServerEntry {
    /// Whether this node can be found there, as far as that is known.
    fn holds(&self) -> bool {
        let refused = |joined: &super::server::Joined| joined.register.failures >= REFUSALS;
        self.failures == 0 && !self.joined().is_some_and(refused)
    }

    /// When one that had failed is as good as the others again, if it goes on like this.
    fn proves_itself_at(&self, found: bool) -> Option<Now> {
        let joined = self.joined().filter(|_| self.home && self.failures > 0)?;
        (joined.registered || !found).then_some(joined.since + HELD)
    }

    fn move_in(&mut self, found: bool, now: Now, chance: &mut Chance) {
        match &mut self.stage {
            Stage::Joined(joined) => joined.stay(found, now),
            Stage::Idle { .. } if self.failures == 0 => self.hurry(now, chance),
            _ => {}
        }
    }

    /// Where it is registered, if it is.
    fn move_out(&mut self) -> Option<NodeId> {
        let joined = self.joined_mut()?;
        let was = joined.is_found();
        joined.register.done(None);
        joined.registered = false;
        was.then_some(joined.server)
    }

    fn end_visit(&mut self, others: u32, now: Now, chance: &mut Chance) {
        let (visits, chance) = (self.visits as usize, chance.fraction());
        let pause = match SOON.get(visits) {
            Some(soon) => soon.mul_f64(0.8 + 0.4 * chance),
            // All began at once: from here on one comes after the other.
            None if visits == SOON.len() => (APART * others).mul_f64(chance),
            None => (APART * others).mul_f64(0.8 + 0.4 * chance),
        };
        self.visits = self.visits.saturating_add(1);
        self.failures = 0;
        let retry = now + pause;
        self.stage = Stage::Idle { retry };
    }
}
