//! So many bytes a second, and whose turn it is: the arithmetic of a rate limit.
//!
//! Owns one line of turns. A task that asks books the next one, so turns come in the order of
//! asking and no queue is needed. Never waits and never reads a clock. Invariant: in any span, what
//! moves is at most the rate × the span, plus `CREDIT`, plus one turn.

use super::Now;
use std::time::Duration;

/// What an idle pause leaves over: covers timers and schedulers that are late. A fiftieth of the 5
/// s over which a limit is to hold.
const CREDIT: Duration = Duration::from_millis(100);
/// One turn takes so long, so that many streams have theirs within a second or two, however low the
/// limit is…
const TURN: Duration = Duration::from_millis(20);
/// …but not less: below, the work that a turn makes outweighs it.
const MIN_PIECE: u64 = 512;
/// …nor more: streams give no more at once anyway.
const MAX_PIECE: u64 = 16 << 10;

/// A limit, and how far it is used up.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Bytes a second.
    rate: u64,
    /// When everything booked so far has moved.
    free_at: Now,
}

impl Pace {
    /// At most so many bytes a second, at least one.
    #[must_use]
    pub fn new(rate: u64) -> Self {
        Self {
            rate: rate.max(1),
            free_at: Now::ZERO,
        }
    }

    /// Bytes a second.
    #[must_use]
    pub fn rate(&self) -> u64 {
        self.rate
    }

    /// The most bytes of one turn.
    #[must_use]
    pub fn piece(&self) -> usize {
        let turn = u128::from(self.rate) * TURN.as_millis() / 1000;
        (turn as u64).clamp(MIN_PIECE, MAX_PIECE) as usize
    }

    fn time(&self, bytes: usize) -> Duration {
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Books a turn of so many bytes: they may move at the moment that is given, which may be past.
    pub fn book(&mut self, bytes: usize, now: Now) -> Now {
        let at = self.free_at.max(now.saturating_sub(CREDIT));
        self.free_at = at.saturating_add(self.time(bytes));
        at
    }

    /// So many of the bytes booked will not move: the next one to ask gets their time.
    pub fn give_back(&mut self, bytes: usize) {
        self.free_at = self.free_at.saturating_sub(self.time(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Now = Duration::from_secs(1000);

    fn moved_within(rate: u64, lanes: usize, span: Duration) -> u64 {
        let mut pace = Pace::new(rate);
        let piece = pace.piece();
        let mut turns: Vec<Now> = (0..lanes).map(|_| pace.book(piece, START)).collect();
        let mut moved = 0;
        loop {
            let (at, lane) = turns.iter().copied().zip(0..).min().expect("a lane");
            if at >= START + span {
                return moved;
            }
            moved += piece as u64;
            turns[lane] = pace.book(piece, at.max(START));
        }
    }

    #[test]
    fn any_limit_holds_over_five_seconds_however_many_share_it() {
        for rate in [30 << 10, 300 << 10, 1 << 20, 20 << 20, 1 << 30] {
            for lanes in [1, 2, 40] {
                let moved = moved_within(rate, lanes, Duration::from_secs(5));
                let share = moved as f64 / (5 * rate) as f64;
                assert!((0.99..1.03).contains(&share), "{rate} {lanes}: {share}");
            }
        }
    }

    #[test]
    fn turns_come_in_the_order_of_asking() {
        let mut pace = Pace::new(1000);
        assert_eq!(pace.book(100, START) + CREDIT, START);
        let turns: Vec<Now> = (0..5).map(|_| pace.book(500, START)).collect();
        let half = Duration::from_millis(500);
        assert_eq!(turns[0], START);
        assert!(turns.windows(2).all(|pair| pair[1] == pair[0] + half));
        // Half of the last turn is not needed.
        pace.give_back(250);
        assert_eq!(pace.book(1, START), turns[4] + half / 2);
    }

    #[test]
    fn a_pause_leaves_little_over() {
        let mut pace = Pace::new(1 << 20);
        pace.book(1 << 20, START);
        let later = START + Duration::from_secs(3600);
        let at_once = (0..).take_while(|_| pace.book(1024, later) <= later);
        assert!((100..=104).contains(&at_once.count()));
    }

    #[test]
    fn the_lowest_limit_gives_every_stream_its_turn_in_time() {
        // 16 streams at the lowest limit that can be asked for: each moves before its other end
        // calls that a stall.
        let mut pace = Pace::new(1024);
        let piece = pace.piece();
        let turns = (0..16).map(|_| pace.book(piece, START));
        assert!(turns.last().expect("16") < START + Duration::from_secs(10));
    }

    proptest! {
        #[test]
        fn nothing_overflows_and_the_line_never_goes_back(
            rate in any::<u64>(), steps in proptest::collection::vec((any::<u32>(), any::<u64>()), 1..50)
        ) {
            let mut pace = Pace::new(rate);
            let mut last = Now::ZERO;
            for (bytes, now) in steps {
                let at = pace.book(bytes as usize, Duration::from_millis(now));
                prop_assert!(at >= last);
                last = at;
            }
            prop_assert!((512..=16 << 10).contains(&pace.piece()));
        }
    }
}
