//! What may come in by chat, and how often: rates, and which message was here before.
//!
//! Pure. Invariants: whatever comes costs its sender's share of the rate first; what is remembered
//! is bounded, a peer's ids and the number of peers alike.

use super::{
    Now,
    chance::Chance,
    id::NodeId,
    rate::{Bucket, Buckets, Rate},
};
use std::collections::{BTreeMap, VecDeque};

/// Messages of one peer: faster than anybody types, with room for something that is pasted.
const OF_ONE: Rate = Rate {
    per_second: 5.0,
    burst: 50.0,
};
/// Messages of all.
const OF_ALL: Rate = Rate {
    per_second: 50.0,
    burst: 300.0,
};
/// Peers whose rate and messages are remembered.
const PEERS: usize = 1024;
/// Messages remembered of each: more than come before an answer that was lost is missed.
const REMEMBERED: usize = 256;
/// A clock that is further off than this is not believed, in seconds.
const DRIFT: u64 = 3600;

/// What to do with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Show it.
    New,
    /// It was shown before: acknowledge it, and nothing more.
    Again,
    /// No more of this for now.
    TooFast,
}

/// The memory of a node that takes messages.
pub struct Inbox {
    of_one: Buckets<NodeId>,
    of_all: Bucket,
    seen: BTreeMap<NodeId, VecDeque<u64>>,
    chance: Chance,
}

impl Inbox {
    /// An empty one.
    #[must_use]
    pub fn new(seed: u64, now: Now) -> Self {
        Self {
            of_one: Buckets::new(OF_ONE, PEERS),
            of_all: Bucket::new(OF_ALL, now),
            seen: BTreeMap::new(),
            chance: Chance::new(seed),
        }
    }

    /// A message with this id came from `node`.
    pub fn take(&mut self, node: NodeId, id: u64, now: Now) -> Verdict {
        // Its own share first, so that one who floods takes nothing from the others.
        let own = self.of_one.of(node, now, &mut self.chance).take(now);
        if !own || !self.of_all.take(now) {
            return Verdict::TooFast;
        }
        if !self.seen.contains_key(&node) && self.seen.len() >= PEERS {
            let nth = self.chance.below(self.seen.len());
            let victim = self.seen.keys().nth(nth).copied();
            victim.map(|victim| self.seen.remove(&victim));
        }
        let seen = self.seen.entry(node).or_default();
        if seen.contains(&id) {
            return Verdict::Again;
        }
        if seen.len() >= REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(id);
        Verdict::New
    }
}

/// When a message was written, by its sender's clock if that can be right; in seconds since 1970.
#[must_use]
pub fn believed(sent: u64, now: u64) -> u64 {
    if sent.abs_diff(now) <= DRIFT {
        sent
    } else {
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u16) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        NodeId(bytes)
    }

    #[test]
    fn a_message_is_new_once() {
        let mut inbox = Inbox::new(1, Now::ZERO);
        assert_eq!(inbox.take(node(1), 7, Now::ZERO), Verdict::New);
        assert_eq!(inbox.take(node(1), 7, Now::ZERO), Verdict::Again);
        assert_eq!(inbox.take(node(2), 7, Now::ZERO), Verdict::New);
        let later = Now::from_secs(3600);
        assert_eq!(inbox.take(node(1), 7, later), Verdict::Again);
    }

    #[test]
    fn a_flood_is_cut_off_and_the_others_are_heard() {
        let mut inbox = Inbox::new(1, Now::ZERO);
        let passed = (0..10_000)
            .filter(|&id| inbox.take(node(1), id, Now::from_micros(id * 100)) != Verdict::TooFast);
        assert!((50..=55).contains(&passed.count()), "a second's worth");
        assert_eq!(inbox.take(node(2), 1, Now::from_secs(1)), Verdict::New);
        // The same one's replays are no way around it.
        let again =
            (0..100).filter(|_| inbox.take(node(2), 1, Now::from_secs(1)) == Verdict::Again);
        assert_eq!(again.count(), 49);
        let after = inbox.take(node(1), 20_000, Now::from_secs(60));
        assert_eq!(after, Verdict::New, "it may go on when it has calmed down");
    }

    #[test]
    fn many_who_flood_together_are_bounded_and_so_is_the_memory() {
        let mut inbox = Inbox::new(1, Now::ZERO);
        let mut passed = 0;
        for n in 0..5000 {
            passed += usize::from(inbox.take(node(n), 1, Now::ZERO) == Verdict::New);
        }
        assert_eq!(passed, 300);
        for second in 1..200u64 {
            for n in 0..50 {
                inbox.take(node(second as u16 * 50 + n), 1, Now::from_secs(second));
            }
        }
        assert!(inbox.seen.len() <= PEERS && inbox.of_one.len() <= PEERS);
        for id in 0..1000 {
            inbox.take(node(1), id, Now::from_secs(1000 + id));
        }
        assert_eq!(inbox.seen[&node(1)].len(), REMEMBERED);
    }

    #[test]
    fn a_wrong_clock_is_not_believed() {
        assert_eq!(believed(1_000_000, 1_000_100), 1_000_000);
        assert_eq!(believed(0, 1_000_100), 1_000_100);
        assert_eq!(believed(u64::MAX, 1_000_100), 1_000_100);
    }
}
