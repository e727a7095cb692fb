//! Who may be heard: sockets that sent true beacons, strangers, and those that sent forged ones.
//!
//! Owns a table of fixed size, in which each sender has one place by a hash that nobody outside can foretell. Never looks
//! into a datagram. Invariants: a sender that is known keeps its place while it is; two that share one otherwise take it
//! from one another, which makes the other a stranger again and nothing worse.

use crate::core::{
    Now,
    chance::Chance,
    rate::{Bucket, Rate},
};
use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    time::Duration,
};

/// A node sends a few beacons a second at most; thirty homes may start behind one port of a forwarder.
const PER_SENDER: Rate = Rate {
    per_second: 50.0,
    burst: 100.0,
};
/// Places: some hundred kilobytes.
const PLACES: usize = 4096;
/// How long a true beacon speaks for its sender: a dozen of its pauses.
const KNOWN: Duration = Duration::from_secs(60);
/// How long a sender is not heard after its first forged datagram; twice as long after each further one…
const PENALTY: Duration = Duration::from_millis(250);
/// …so many times.
const DOUBLINGS: u32 = 6;

/// What is known of a sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Its last beacon was true, a moment ago.
    Known,
    /// Nothing.
    Stranger,
}

#[derive(Clone, Debug)]
struct Sender {
    at: SocketAddr,
    bucket: Bucket,
    known_until: Now,
    mute_until: Now,
    failures: u32,
}

impl Sender {
    fn new(at: SocketAddr, now: Now) -> Self {
        Self {
            at,
            bucket: Bucket::new(PER_SENDER, now),
            known_until: Now::ZERO,
            mute_until: Now::ZERO,
            failures: 0,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Senders {
    places: Vec<Option<Sender>>,
    hash: RandomState,
}

impl Default for Senders {
    fn default() -> Self {
        Self {
            places: vec![None; PLACES],
            hash: RandomState::new(),
        }
    }
}

impl Senders {
    /// Whether a sender may be heard now, and what is known of it. Asked once for each datagram: it counts.
    pub(super) fn hear(
        &mut self,
        from: SocketAddr,
        now: Now,
        chance: &mut Chance,
    ) -> Option<Standing> {
        let Some(sender) = self.at(from, now) else {
            return Some(Standing::Stranger); // Limited with all others.
        };
        if now < sender.mute_until || !sender.bucket.take_by_chance(now, chance) {
            return None;
        }
        let known = now < sender.known_until;
        Some(if known {
            Standing::Known
        } else {
            Standing::Stranger
        })
    }

    /// It sent a true beacon.
    pub(super) fn was_true(&mut self, from: SocketAddr, now: Now) {
        if let Some(sender) = self.at(from, now) {
            sender.known_until = now + KNOWN;
            sender.failures = 0;
        }
    }

    /// It sent what is no beacon, or a forged one. Of a known sender somebody else may have done so in its name.
    pub(super) fn failed(&mut self, from: SocketAddr, now: Now) {
        if let Some(sender) = self.at(from, now)
            && now >= sender.known_until
        {
            sender.mute_until = now + PENALTY * 2u32.pow(sender.failures.min(DOUBLINGS));
            sender.failures = sender.failures.saturating_add(1);
        }
    }

    /// The place of a sender; `None` when one that is known has it.
    fn at(&mut self, from: SocketAddr, now: Now) -> Option<&mut Sender> {
        let place = self.hash.hash_one(from) as usize % PLACES;
        let place = &mut self.places[place];
        match place {
            Some(other) if other.at != from && now < other.known_until => return None,
            Some(same) if same.at == from => {}
            _ => *place = Some(Sender::new(from, now)),
        }
        place.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn who_forges_is_not_heard_for_longer_each_time_and_who_was_true_is() {
        let (mut senders, mut chance) = (Senders::default(), Chance::new(1));
        let mut now = Now::ZERO;
        let mut heard = 0;
        for _ in 0..60_000 {
            now += Duration::from_millis(1);
            if senders.hear(from(1), now, &mut chance).is_some() {
                heard += 1;
                senders.failed(from(1), now);
            }
        }
        assert!((8..=10).contains(&heard), "{heard}");
        // One whose beacon was true a moment ago is not muted by what others send in its name.
        senders.was_true(from(2), now);
        senders.failed(from(2), now);
        let standing = senders.hear(from(2), now, &mut chance);
        assert_eq!(standing, Some(Standing::Known));
        let later = now + KNOWN;
        let standing = senders.hear(from(2), later, &mut chance);
        assert_eq!(standing, Some(Standing::Stranger));
    }

    #[test]
    fn in_a_crowd_who_is_known_stays_so_and_nobody_is_refused_for_want_of_a_place() {
        let (mut senders, mut chance) = (Senders::default(), Chance::new(1));
        senders.was_true(from(1), Now::ZERO);
        for port in 2..40_000 {
            let heard = senders.hear(from(port), Now::ZERO, &mut chance);
            assert_eq!(heard, Some(Standing::Stranger));
            senders.failed(from(port), Now::ZERO);
        }
        let standing = senders.hear(from(1), Now::ZERO, &mut chance);
        assert_eq!(standing, Some(Standing::Known));
    }
}
