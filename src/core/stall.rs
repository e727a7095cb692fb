//! Whether a download still gets anywhere: how long nothing useful may come before it is given up.
//!
//! Owns the counting of progress against time. Never reads a clock, and never decides whom to ask.
//! Invariants: bytes count once, however often a transfer of the same chunk begins anew; with less
//! than the floor for as long as the patience lasts, it is over, and with more it never is.

use super::Now;
use std::time::Duration;

/// Bytes a second that are progress, however long the whole takes: the other end may have set
/// itself a limit, and share it among many.
pub const FLOOR: u64 = 256;
/// A quarter of what this node allows itself is progress: the rest may go to copies, and to what is
/// asked for twice.
const SHARE: u64 = 4;

/// The patience with one download.
#[derive(Clone, Debug)]
pub struct Stall {
    patience: Duration,
    /// Bytes a second that this node allows itself.
    limit: Option<u64>,
    left: Duration,
    /// The most bytes that ever had come.
    most: u64,
    at: Now,
}

impl Stall {
    /// It may be without progress for so long, on a node that allows itself `limit` bytes a second.
    #[must_use]
    pub fn new(patience: Duration, limit: Option<u64>, now: Now) -> Self {
        Self {
            patience,
            limit,
            left: patience,
            most: 0,
            at: now,
        }
    }

    /// Something was done that is progress whatever it weighs, or no other node is waited for: the
    /// patience is whole again.
    pub fn renew(&mut self, now: Now) {
        self.left = self.patience;
        self.at = self.at.max(now);
    }

    /// Takes notice that `bytes` have come in all, those of unfinished chunks included, and that
    /// `sharers` downloads share the limit. Gives whether the patience is at its end.
    pub fn is_over(&mut self, bytes: u64, sharers: usize, now: Now) -> bool {
        let gained = bytes.saturating_sub(self.most);
        self.most = self.most.max(bytes);
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let earned = gained as f64 / self.floor(sharers) as f64;
        let earned = Duration::from_secs_f64(earned.min(self.patience.as_secs_f64()));
        self.left = (self.left + earned)
            .min(self.patience.saturating_add(passed))
            .saturating_sub(passed)
            .min(self.patience);
        self.left.is_zero()
    }

    fn floor(&self, sharers: usize) -> u64 {
        let own = self
            .limit
            .map_or(FLOOR, |limit| limit / SHARE / (sharers as u64).max(1));
        own.clamp(1, FLOOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// When it is over, if it is within an hour, with so many bytes come by each tenth of a second.
    fn over(stall: &mut Stall, sharers: usize, come: impl Fn(u64) -> u64) -> Option<Duration> {
        (0..36_000u64).find_map(|tick| {
            let now = Duration::from_millis(tick * 100);
            stall.is_over(come(tick), sharers, now).then_some(now)
        })
    }

    #[test]
    fn a_byte_a_second_is_over_when_the_patience_is() {
        let mut stall = Stall::new(MINUTE, None, Now::ZERO);
        let end = over(&mut stall, 1, |tick| tick / 10).expect("an end");
        assert!((60..=61).contains(&end.as_secs()), "{end:?}");
        // With nothing at all it ends at once then.
        let mut stall = Stall::new(MINUTE, None, Now::ZERO);
        assert_eq!(over(&mut stall, 1, |_| 0), Some(MINUTE));
        let mut none = Stall::new(Duration::ZERO, None, Now::ZERO);
        assert!(none.is_over(1 << 40, 1, Now::ZERO));
    }

    #[test]
    fn a_slow_source_is_waited_for() {
        for rate in [FLOOR + 1, 20 << 10, 1 << 30] {
            let mut stall = Stall::new(Duration::from_secs(5), None, Now::ZERO);
            assert_eq!(over(&mut stall, 1, |tick| tick * rate / 10), None, "{rate}");
        }
        // A chunk each four seconds, and nothing between.
        let mut stall = Stall::new(Duration::from_secs(5), None, Now::ZERO);
        assert_eq!(over(&mut stall, 1, |tick| (tick / 40) << 18), None);
    }

    #[test]
    fn what_comes_again_and_again_is_no_progress() {
        // A megabyte at a good pace, then it breaks off, for ever.
        let mut stall = Stall::new(MINUTE, None, Now::ZERO);
        let end = over(&mut stall, 1, |tick| (tick % 50) << 15).expect("an end");
        assert!((60..=70).contains(&end.as_secs()), "{end:?}");
        // It breaks off once, and more is had afterwards.
        let mut stall = Stall::new(MINUTE, None, Now::ZERO);
        let once = |tick: u64| {
            if tick < 300 {
                tick << 10
            } else {
                (tick - 300) << 10
            }
        };
        assert_eq!(over(&mut stall, 1, once), None);
    }

    #[test]
    fn the_own_limit_explains_what_is_below_the_floor() {
        // Three downloads share a limit of 512 bytes a second.
        let mut stall = Stall::new(MINUTE, Some(512), Now::ZERO);
        assert_eq!(over(&mut stall, 3, |tick| tick * 170 / 10), None);
        let mut stall = Stall::new(MINUTE, Some(512), Now::ZERO);
        assert!(over(&mut stall, 1, |tick| tick * 20 / 10).is_some());
        // A high one explains nothing, and the lowest ones still want a byte a second.
        let mut stall = Stall::new(MINUTE, Some(1 << 30), Now::ZERO);
        assert!(over(&mut stall, 1, |tick| tick * (FLOOR / 2) / 10).is_some());
        let mut stall = Stall::new(MINUTE, Some(1), Now::ZERO);
        assert!(over(&mut stall, 100, |_| 0).is_some());
    }

    #[test]
    fn what_is_renewed_is_whole_again() {
        let mut stall = Stall::new(MINUTE, None, Now::ZERO);
        assert!(!stall.is_over(0, 1, Duration::from_secs(59)));
        stall.renew(MINUTE);
        assert!(!stall.is_over(0, 1, Duration::from_secs(119)));
        assert!(stall.is_over(0, 1, MINUTE * 2));
        // A clock that goes back breaks nothing.
        assert!(stall.is_over(0, 1, Now::ZERO));
    }
}
