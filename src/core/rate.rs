//! How often a stranger may make us work: token buckets, one for all or one per key, in bounded
//! memory.
//!
//! Owns the counting. Never reads a clock and never decides what is refused.

use super::{Now, chance::Chance};
use std::{collections::BTreeMap, time::Duration};

/// So many per second on average, and so many at once after a pause.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Tokens that come back each second.
    pub per_second: f64,
    /// The most tokens that gather.
    pub burst: f64,
}

/// One bucket. It starts full.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: Rate,
    tokens: f64,
    at: Now,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate, now: Now) -> Self {
        Self {
            rate,
            tokens: rate.burst,
            at: now,
        }
    }

    fn refill(&mut self, now: Now) {
        let gained = now.saturating_sub(self.at).as_secs_f64() * self.rate.per_second;
        self.tokens = (self.tokens + gained).min(self.rate.burst);
        self.at = self.at.max(now);
    }

    /// Takes one token; false when there is none.
    pub fn take(&mut self, now: Now) -> bool {
        self.refill(now);
        let there = self.tokens >= 1.0;
        if there {
            self.tokens -= 1.0;
        }
        there
    }

    /// When there is one to take.
    #[must_use]
    pub fn next(&self) -> Now {
        let lacking = (1.0 - self.tokens).max(0.0);
        self.at + Duration::from_secs_f64(lacking / self.rate.per_second)
    }

    /// Takes one token, but below half the burst only by chance, the less likely the fewer are
    /// left. So the few that pass in a flood are drawn from all of it, not only from what came
    /// first after a refill.
    pub fn take_by_chance(&mut self, now: Now, chance: &mut Chance) -> bool {
        self.refill(now);
        let fullness = self.tokens * 2.0 / self.rate.burst;
        (fullness >= 1.0 || chance.fraction() < fullness) && self.take(now)
    }
}

/// A bucket per key, for at most `most` keys at a time: beyond that a random one is forgotten,
/// which makes it full again. A limit over all keys has to stand beside it.
#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    most: usize,
    keys: BTreeMap<K, Bucket>,
}

impl<K: Ord + Copy> Buckets<K> {
    /// No keys yet.
    #[must_use]
    pub fn new(rate: Rate, most: usize) -> Self {
        Self {
            rate,
            most,
            keys: BTreeMap::new(),
        }
    }

    /// The bucket of `key`.
    pub fn of(&mut self, key: K, now: Now, chance: &mut Chance) -> &mut Bucket {
        if !self.keys.contains_key(&key) && self.keys.len() >= self.most {
            let nth = chance.below(self.keys.len());
            let victim = self.keys.keys().nth(nth).copied();
            victim.map(|victim| self.keys.remove(&victim));
        }
        self.keys
            .entry(key)
            .or_insert_with(|| Bucket::new(self.rate, now))
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 10.0,
        burst: 20.0,
    };

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let mut bucket = Bucket::new(RATE, Now::ZERO);
        assert_eq!((0..50).filter(|_| bucket.take(Now::ZERO)).count(), 20);
        let passed = (1..=1000u64).filter(|ms| bucket.take(Now::from_millis(*ms)));
        assert!((9..=10).contains(&passed.count()));
        // A clock that stands still or goes back gives nothing and breaks nothing.
        assert!(!bucket.take(Now::ZERO));
    }

    #[test]
    fn one_among_many_passes_by_chance() {
        let rate = Rate {
            per_second: 100.0,
            burst: 100.0,
        };
        let (mut bucket, mut chance) = (Bucket::new(rate, Now::ZERO), Chance::new(1));
        // A thousand a second for a minute, ours always the last of each hundred.
        let (mut ours, mut all) = (0, 0);
        for n in 1..=60_000u64 {
            let taken = bucket.take_by_chance(Now::from_millis(n), &mut chance);
            all += u32::from(taken);
            ours += u32::from(taken && n % 100 == 0);
        }
        assert!((6_000..=6_100).contains(&all), "{all}");
        assert!((30..=100).contains(&ours), "{ours}");
    }

    #[test]
    fn keys_are_bounded() {
        let (mut buckets, mut chance) = (Buckets::new(RATE, 8), Chance::new(1));
        for key in 0..1000 {
            assert!(buckets.of(key, Now::ZERO, &mut chance).take(Now::ZERO));
            assert!(buckets.len() <= 8);
        }
    }
}
