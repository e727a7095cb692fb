//! When a node announces itself, and how long others may be silent.
//!
//! A beacon is up to three datagrams on a network, and each node sends one in [`LATER_PING`]. Where
//! many are heard the pauses grow, so that all together send [`DATAGRAMS`] a second at most, up to
//! the pause by which a death is noticed within a minute though two beacons in a row may be lost. Of
//! more than [`FAR`] silence says little, since others tell of a death
//! ([`suspicion`](super::suspicion)), and of more than [`MANY`] all send [`DATAGRAMS_OF_MANY`]: each
//! beacon wakes all others, and that was half of what an idle node cost.

use super::{Kind, Membership, MembershipAction, SILENCE, answers::Answers};
use crate::core::{Now, neighbours::MESH};
use std::time::Duration;

/// How long a node is loud after its start.
const FIRST_SECONDS: Duration = Duration::from_secs(5);
/// Between two of its beacons then…
const EARLY_PING: Duration = Duration::from_secs(1);
/// …and later.
const LATER_PING: Duration = Duration::from_secs(5);
/// Datagrams a second that all nodes of a network send for their beacons, about…
const DATAGRAMS: u32 = 25;
/// …and in a room of many, where each wakes all others.
const DATAGRAMS_OF_MANY: u32 = 12;
/// Of one beacon: to the broadcast address, and to the groups of IPv4 and IPv6.
const EACH: u32 = 3;
/// The longest pause, up to so many others…
const MANY: usize = 110;
const LONGEST: Duration = Duration::from_millis(17_500);
/// …and beyond so many silence is told by the pauses that they would have without it: who knows fewer
/// than another one does not take that one for gone.
const FAR: usize = 54;
/// What changed is said again so soon, for who missed it once.
const AGAIN: Duration = Duration::from_millis(600);
/// So many pauses without a beacon are silence: one may be lost, and in a crowd, where each waits
/// for the beacons of all, so may two…
const PAUSES: f64 = 2.2;
const PAUSES_OF_MANY: f64 = 3.3;
/// …as long as a death is known within a minute by silence alone.
pub(super) const LONGEST_SILENCE: Duration = Duration::from_secs(58);

/// No pause is longer than so many times what it should be.
const LATEST: f64 = 1.1;
/// So many times as many were here before when many have gone.
const FEWER: f64 = 1.25;

/// The times of it.
#[derive(Debug)]
pub(super) struct Announcing {
    pub(super) started: Now,
    pub(super) next: Now,
    last: Now,
    /// What changed is said once more.
    again: bool,
    /// When a change was said last.
    changed: Option<Now>,
    pub(super) answers: Answers,
    /// Others that are here and heard by their beacons.
    pub(super) crowd: usize,
    /// The same with those that are not here yet.
    pub(super) all: usize,
    /// The longest silence that was borne lately.
    borne: Duration,
    /// The first long pause was drawn: of those who begin in the same moment each speaks at a time
    /// of its own.
    apart: bool,
    /// Many went: nobody counts as silent before.
    pub(super) patient_until: Now,
}

impl Announcing {
    pub(super) fn new(now: Now) -> Self {
        Self {
            started: now,
            next: now,
            last: now,
            again: false,
            changed: None,
            answers: Answers::default(),
            crowd: 0,
            all: 0,
            borne: Duration::ZERO,
            apart: false,
            patient_until: Now::ZERO,
        }
    }

    /// Between two beacons of one node, about.
    fn pause(&self) -> Duration {
        pause_among(self.crowd)
    }

    /// The same in the first seconds, and at the least. It is shorter than any silence that others
    /// bear, so whoever is heard may count.
    fn short_pause(&self) -> Duration {
        let times = LATER_PING.as_secs_f64() / EARLY_PING.as_secs_f64();
        pause_among(self.all).min(LONGEST).div_f64(times)
    }

    /// Whether so many are here that silence says little.
    pub(super) fn is_far(&self) -> bool {
        self.crowd > FAR
    }

    /// Says that this node is here at that time, and with `again` once more soon.
    pub(super) fn say(&mut self, at: Now, again: bool) {
        self.next = self.next.min(at);
        self.again |= again;
    }

    /// A node that is not connected and silent for this long is gone.
    pub(super) fn silence(&self) -> Duration {
        if self.is_far() {
            return pause_of_many(self.crowd).mul_f64(PAUSES_OF_MANY);
        }
        let pause = self.pause();
        let longer = if self.crowd > MESH {
            pause.mul_f64(PAUSES_OF_MANY).min(LONGEST_SILENCE)
        } else {
            SILENCE
        };
        SILENCE.max(pause.mul_f64(PAUSES)).max(longer)
    }
}

fn pause_among(others: usize) -> Duration {
    if others > MANY {
        pause_of_many(others)
    } else {
        shared(others, DATAGRAMS).clamp(LATER_PING, LONGEST)
    }
}

fn pause_of_many(others: usize) -> Duration {
    shared(others, DATAGRAMS_OF_MANY)
}

/// The pause with which all together send so many datagrams a second.
fn shared(others: usize, datagrams: u32) -> Duration {
    Duration::from_secs(1) * EACH * (others as u32 + 1) / datagrams
}

impl Membership {
    pub(super) fn appear(&mut self, out: &mut Vec<MembershipAction>) {
        if std::mem::take(&mut self.hidden) {
            (self.announcing.started, self.announcing.next) = (self.now, self.now);
            self.announce_if_due(out);
        }
    }

    pub(super) fn announce_if_due(&mut self, out: &mut Vec<MembershipAction>) {
        let it = &mut self.announcing;
        if self.hidden || self.now < it.next {
            return;
        }
        let kind = if it.answers.is_asked() {
            Kind::Ping
        } else {
            it.answers.asked(self.now);
            Kind::Join
        };
        let since = self.now.saturating_sub(it.started);
        let pause = if std::mem::take(&mut it.again) {
            let begun = it.changed.map_or(Now::ZERO, |at| at + it.short_pause());
            if self.now >= begun {
                it.changed = Some(self.now);
                it.short_pause().min(AGAIN)
            } else {
                // It changed again between the two.
                it.again = true;
                begun.saturating_sub(self.now)
            }
        } else if since >= FIRST_SECONDS {
            let all_began_at_once = it.crowd > MANY && !std::mem::replace(&mut it.apart, true);
            let share = if all_began_at_once {
                self.chance.fraction()
            } else {
                1.0
            };
            it.pause().mul_f64(share)
        } else if it.all > MESH {
            // Each is heard by many, who tell one another.
            it.short_pause().max(since)
        } else {
            it.short_pause()
        };
        it.last = self.now;
        it.next = self.now + pause.mul_f64(LATEST - 0.2 + 0.2 * self.chance.fraction());
        out.push(MembershipAction::Announce(kind));
    }

    /// Takes in how many are here. When many go, who was to be heard in minutes by those that were
    /// here is to be heard soon by those that are left, and none of these is silent before.
    pub(super) fn count_the_crowd(&mut self) {
        let now = self.now;
        let (crowd, all) = (self.peers.crowd(), self.peers.announcing());
        let it = &mut self.announcing;
        (it.crowd, it.all) = (crowd, all);
        let latest = it.last + it.pause().mul_f64(LATEST);
        let soon = now + LATER_PING;
        if it.next > (it.last + LONGEST.mul_f64(LATEST)).max(latest).max(soon) {
            let spread = LATER_PING.mul_f64(self.chance.fraction());
            it.next = latest.max(now + spread);
        }
        let silence = it.silence();
        if silence.mul_f64(FEWER) < it.borne && it.borne > LONGEST_SILENCE {
            (it.borne, it.patient_until) = (silence, now + silence);
        }
        it.borne = it.borne.max(silence);
    }

    /// Those who are not connected hear of a change by a beacon, or, if that is lost, by one more
    /// soon. The first change in a while is said at once.
    pub(super) fn announce_soon(&mut self) {
        if self.peers.resting() > 0 {
            let it = &mut self.announcing;
            it.again = true;
            // While all begin each has something to say.
            let begins = self.now < it.started + FIRST_SECONDS;
            let last = it.changed.or(begins.then_some(it.last));
            let soonest = last.map_or(self.now, |last| last + it.short_pause());
            it.next = it.next.min(soonest.max(self.now));
        }
    }

    /// Whether this node has announced itself for longer than others are silent between two
    /// beacons: each that can hear it has answered, and each that it can hear was heard.
    #[must_use]
    pub fn has_listened(&self, now: Now) -> bool {
        let begun = self.announcing.started;
        !self.hidden && now.saturating_sub(begun) >= FIRST_SECONDS + LATER_PING
    }

    /// Whether all who answer this node's `JOIN` have done so, by the time that the answers took.
    #[must_use]
    pub fn has_heard_answers(&self, now: Now) -> bool {
        self.announcing.answers.are_in(now)
    }
}
