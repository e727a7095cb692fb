//! How long the turns of a task take: a histogram.
//!
//! Owns counts. Never reads a clock. Invariants: its size does not depend on what it counts; each
//! turn is in one bucket, so the buckets' sum is their number.

use std::time::Duration;

/// Buckets end here, in microseconds, their ends included; the last one has no end.
pub const ENDS: [u64; 10] = [
    100, 300, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000,
];
/// A turn that takes longer is a pause that somebody may notice.
pub const PAUSE: Duration = Duration::from_millis(20);

/// How long they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    count: u64,
    total: Duration,
    longest: Duration,
    pauses: u64,
    buckets: [u64; ENDS.len() + 1],
}

impl Turns {
    /// Counts a turn that took so long.
    pub fn note(&mut self, took: Duration) {
        self.count += 1;
        self.total += took;
        self.longest = self.longest.max(took);
        self.pauses += u64::from(took > PAUSE);
        let fits = |end: &u64| took <= Duration::from_micros(*end);
        let bucket = ENDS.iter().position(fits).unwrap_or(ENDS.len());
        self.buckets[bucket] += 1;
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How long they took together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.total
    }

    /// How long the longest took.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// How many took longer than [`PAUSE`].
    #[must_use]
    pub fn pauses(&self) -> u64 {
        self.pauses
    }

    /// How many ended in each bucket.
    #[must_use]
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn an_end_belongs_to_its_bucket_and_what_is_longer_to_the_next() {
        let mut turns = Turns::default();
        for end in ENDS {
            turns.note(micros(end));
        }
        let expected: Vec<u64> = ENDS.iter().map(|_| 1).chain([0]).collect();
        assert_eq!(turns.buckets(), expected);
        for end in ENDS {
            turns.note(micros(end) + Duration::from_nanos(1));
        }
        let expected: Vec<u64> = [1].into_iter().chain([2; 9]).chain([1]).collect();
        assert_eq!(turns.buckets(), expected);
    }

    #[test]
    fn exactly_a_pause_is_none_yet() {
        let mut turns = Turns::default();
        turns.note(PAUSE);
        assert_eq!(turns.pauses(), 0);
        turns.note(PAUSE + Duration::from_nanos(1));
        assert_eq!((turns.pauses(), turns.count()), (1, 2));
        assert_eq!(turns.longest(), PAUSE + Duration::from_nanos(1));
    }

    proptest! {
        #[test]
        fn nothing_is_counted_twice_or_not_at_all(all in proptest::collection::vec(0u64..3_000_000, 0..200)) {
            let mut turns = Turns::default();
            for took in &all {
                turns.note(micros(*took));
            }
            prop_assert_eq!(turns.buckets().iter().sum::<u64>(), all.len() as u64);
            prop_assert_eq!(turns.count(), all.len() as u64);
            prop_assert_eq!(turns.total(), micros(all.iter().sum()));
            prop_assert_eq!(turns.longest(), micros(all.iter().max().copied().unwrap_or(0)));
            prop_assert_eq!(turns.pauses(), all.iter().filter(|took| **took > 20_000).count() as u64);
        }
    }
}
