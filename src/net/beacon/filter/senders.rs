//! Who may be heard: sockets that sent true beacons, strangers, and those that sent forged ones.
//!
//! Owns a table of at most [`PLACES`] senders. Never looks into a datagram. Invariants: who is
//! known keeps its place while it is; who finds no place is heard with the rest, as one that says
//! much.

use crate::core::{
    Now,
    chance::Chance,
    rate::{Bucket, Rate},
};
use std::{collections::HashMap, net::SocketAddr, time::Duration};

/// A node sends a few beacons a second at most; thirty homes may start behind one port of a
/// forwarder.
const PER_SENDER: Rate = Rate {
    per_second: 50.0,
    burst: 100.0,
};
/// What one node needs checked: a `JOIN` and some `PING`s, then one in five seconds.
const LITTLE: Rate = Rate {
    per_second: 0.5,
    burst: 4.0,
};
/// Senders remembered: three megabytes, in a flood only.
const PLACES: usize = 8192;
/// How often room is made in a full table.
const CLEARED: Duration = Duration::from_millis(500);
/// How long a stranger that says nothing is remembered when there is no room.
const IDLE: Duration = Duration::from_secs(4);
/// How long a true beacon speaks for its sender: a dozen of its pauses.
const KNOWN: Duration = Duration::from_secs(60);
/// How long a sender is not heard after its first forged datagram; twice as long after each further
/// one…
const PENALTY: Duration = Duration::from_secs(2);
/// …so many times.
const DOUBLINGS: u32 = 4;

/// What is known of a sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Its last beacon was true, a moment ago.
    Known,
    /// Nothing.
    Stranger,
}

#[derive(Debug)]
struct Sender {
    bucket: Bucket,
    little: Bucket,
    known_until: Now,
    mute_until: Now,
    failures: u32,
    last: Now,
}

impl Sender {
    fn new(now: Now) -> Self {
        Self {
            bucket: Bucket::new(PER_SENDER, now),
            little: Bucket::new(LITTLE, now),
            known_until: Now::ZERO,
            mute_until: Now::ZERO,
            failures: 0,
            last: now,
        }
    }

    fn stays(&self, now: Now) -> bool {
        now < self.known_until || now < self.mute_until || now < self.last + IDLE
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Senders {
    senders: HashMap<SocketAddr, Sender>,
    cleared: Now,
}

impl Senders {
    /// Whether a sender may be heard now, and what is known of it. Asked once for each datagram: it
    /// counts.
    pub(super) fn hear(
        &mut self,
        from: SocketAddr,
        now: Now,
        chance: &mut Chance,
    ) -> Option<Standing> {
        let Some(sender) = self.at(from, now) else {
            return Some(Standing::Stranger); // Limited with all others.
        };
        sender.last = now;
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

    /// Whether it had little checked so far. Asked once for each check: it counts.
    pub(super) fn says_little(&mut self, from: SocketAddr, now: Now) -> bool {
        let sender = self.at(from, now);
        sender.is_some_and(|sender| sender.little.take(now))
    }

    /// It sent a true beacon.
    pub(super) fn was_true(&mut self, from: SocketAddr, now: Now) {
        if let Some(sender) = self.at(from, now) {
            sender.known_until = now + KNOWN;
            sender.failures = 0;
        }
    }

    /// It sent what is no beacon, or a forged one. Of a known sender another host may have done so
    /// in its name.
    pub(super) fn failed(&mut self, from: SocketAddr, now: Now) {
        if let Some(sender) = self.at(from, now)
            && now >= sender.known_until
        {
            sender.mute_until = now + PENALTY * 2u32.pow(sender.failures.min(DOUBLINGS));
            sender.failures = sender.failures.saturating_add(1);
        }
    }

    /// The place of a sender; `None` when there is none left.
    fn at(&mut self, from: SocketAddr, now: Now) -> Option<&mut Sender> {
        if self.senders.len() >= PLACES && !self.senders.contains_key(&from) {
            if now < self.cleared + CLEARED {
                return None;
            }
            self.cleared = now;
            self.senders.retain(|_, sender| sender.stays(now));
            if self.senders.len() >= PLACES {
                return None;
            }
        }
        let sender = self.senders.entry(from);
        Some(sender.or_insert_with(|| Sender::new(now)))
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
        assert!((4..=6).contains(&heard), "{heard}");
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

    #[test]
    fn who_says_little_is_told_from_who_says_much() {
        let mut senders = Senders::default();
        let mut said = |port, seconds: u64| {
            let now = Now::from_secs(seconds);
            senders.says_little(from(port), now)
        };
        // One beacon a second at first, then one in five.
        for second in [0, 1, 2, 3, 4, 9, 14, 19] {
            assert!(said(1, second), "{second}");
        }
        assert_eq!((0..100).filter(|_| said(2, 20)).count(), 4);
        // A full table makes room for newcomers once those that fell silent can go.
        let many = (0..PLACES as u16 + 100).filter(|port| said(10_000 + port, 30));
        assert!(many.count() < PLACES + 1);
        assert!(said(9_000, 36));
    }
}
