//! How fast something goes now, and how long the rest of it may take.
//!
//! Owns a few samples of a growing count. Never reads a clock. Invariants: bounded memory; a rate
//! of what stands still falls to 0 within [`WINDOW`].

use super::Now;
use std::{collections::VecDeque, time::Duration};

/// The time that a rate is an average of.
pub const WINDOW: Duration = Duration::from_secs(5);
/// Between two samples that are kept.
const STEP: Duration = Duration::from_millis(250);

/// Measures one count.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    samples: VecDeque<(Now, u64)>,
    latest: u64,
}

impl Meter {
    /// Notes the count at a moment. What was there at the first one is no speed.
    pub fn note(&mut self, total: u64, now: Now) {
        self.latest = total;
        let last = self.samples.back();
        if last.is_none_or(|(at, _)| now.saturating_sub(*at) >= STEP) {
            self.samples.push_back((now, total));
        }
        while self.samples.get(1).is_some_and(|(at, _)| is_old(*at, now)) {
            self.samples.pop_front();
        }
    }

    /// The newest count.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.latest
    }

    /// Units a second over the last [`WINDOW`].
    #[must_use]
    pub fn rate(&self, now: Now) -> u64 {
        let recent = self.samples.iter().find(|(at, _)| !is_old(*at, now));
        let Some((at, total)) = recent else {
            return 0;
        };
        let time = now.saturating_sub(*at).max(STEP);
        (self.latest.saturating_sub(*total) as f64 / time.as_secs_f64()) as u64
    }
}

fn is_old(at: Now, now: Now) -> bool {
    at + WINDOW < now
}

/// How long `left` takes at that rate, in whole seconds, rounded up; `None` when nothing moves.
#[must_use]
pub fn eta(left: u64, rate: u64) -> Option<u64> {
    (rate > 0).then(|| left.div_ceil(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Now {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn what_was_there_at_the_start_is_no_speed() {
        let mut meter = Meter::default();
        assert_eq!(meter.rate(seconds(1.0)), 0);
        meter.note(1_000_000, seconds(1.0));
        assert_eq!(meter.rate(seconds(1.0)), 0);
        meter.note(1_000_500, seconds(2.0));
        assert_eq!(meter.rate(seconds(2.0)), 500);
        assert_eq!(meter.total(), 1_000_500);
    }

    #[test]
    fn a_steady_flow_has_its_rate_and_standing_still_has_none() {
        let mut meter = Meter::default();
        for tenth in 0..=200u32 {
            meter.note(u64::from(tenth) * 100, seconds(f64::from(tenth) / 10.0));
        }
        let rate = meter.rate(seconds(20.0));
        assert!((990..=1010).contains(&rate), "{rate}");
        assert!(meter.rate(seconds(22.0)) < 800);
        assert_eq!(meter.rate(seconds(26.0)), 0);
    }

    #[test]
    fn it_follows_a_change_within_the_window_and_stays_small() {
        let mut meter = Meter::default();
        let mut total = 0;
        for tenth in 0..1000u32 {
            total += if tenth < 500 { 10 } else { 1000 };
            meter.note(total, seconds(f64::from(tenth) / 10.0));
        }
        let rate = meter.rate(seconds(99.9));
        assert!((9_900..=10_100).contains(&rate), "{rate}");
        assert!(meter.samples.len() <= 22, "{}", meter.samples.len());
    }

    #[test]
    fn the_rest_is_known_only_while_something_moves() {
        assert_eq!(eta(1000, 300), Some(4));
        assert_eq!(eta(0, 300), Some(0));
        assert_eq!(eta(1000, 0), None);
    }
}
