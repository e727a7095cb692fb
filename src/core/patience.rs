//! How long somebody who asks what there is waits for those who have not said it yet.
//!
//! Decides when to answer, from counts and times alone. Never asks anybody. Invariants: it does not give up while names
//! come in, nor before the wait that was asked for is over; whatever the others do, it gives up [`LONGEST`] after that.

use super::Now;
use std::time::Duration;

/// Names that have to come within [`STALL`] to count as progress: an honest page has more, unless it is the last.
pub const STEP: u64 = 64;
/// How long a catalog may come no further. One request may take 10 s.
pub const STALL: Duration = Duration::from_secs(12);
/// How long beyond the wait a first connection may take while there is nothing else to answer with: a handshake has 10 s.
pub const HANDSHAKE: Duration = Duration::from_secs(15);
/// How long beyond the wait names may come in: 100,000 of them take four minutes at 1 Mbit/s.
pub const LONGEST: Duration = Duration::from_secs(600);

/// What the node sees of the others at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sight {
    /// Peers that are connected.
    pub here: u32,
    /// Of these, those whose catalog is on its way.
    pub telling: u32,
    /// Those that did not give it when they were asked.
    pub failing: u32,
    /// Those that still read their shared folder.
    pub reading: u32,
    /// Nodes that announced themselves and are not connected yet.
    pub expected: u32,
    /// Others may be on their way, of whom no more is known.
    pub hoping: bool,
    /// Nobody came for a while.
    pub quiet: bool,
    /// Names that peers told so far, and [`STEP`] for each that came: it only grows.
    pub told: u64,
}

impl Sight {
    /// Whether somebody is here and nothing is on its way, as far as is known: enough for a whole name that its owner shares.
    #[must_use]
    pub fn has_told(&self) -> bool {
        let coming = self.telling + self.failing + self.reading + self.expected;
        self.here > 0 && coming == 0 && !self.hoping
    }

    /// The same, and nobody came for a while: enough for what several may have something of.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.has_told() && self.quiet
    }
}

/// Whether to wait on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Look again in a moment.
    Wait,
    /// All that can be known is known.
    Settled,
    /// It is not, and waiting longer does not help.
    GiveUp,
}

/// Somebody who waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    until: Now,
    moved: Now,
    told: u64,
}

impl Patience {
    /// Begins to wait, for `wait` at least.
    #[must_use]
    pub fn new(wait: Duration, now: Now) -> Self {
        Self {
            until: now.saturating_add(wait),
            moved: now,
            told: 0,
        }
    }

    /// Looks at what there is. `empty`: there is nothing to answer with so far.
    pub fn look(&mut self, sight: &Sight, empty: bool, now: Now) -> Verdict {
        if sight.told >= self.told.saturating_add(STEP) {
            (self.told, self.moved) = (sight.told, now);
        }
        if sight.is_settled() {
            return Verdict::Settled;
        }
        let beyond = |time: Duration| now >= self.until.saturating_add(time);
        let telling = sight.telling > 0 && now < self.moved.saturating_add(STALL);
        let shaking_hands = sight.expected > 0 && empty && !beyond(HANDSHAKE);
        if !beyond(Duration::ZERO) || (!beyond(LONGEST) && (telling || shaking_hands)) {
            Verdict::Wait
        } else {
            Verdict::GiveUp
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(3);

    /// One peer, whose catalog is on its way.
    const TELLING: Sight = Sight {
        here: 1,
        telling: 1,
        failing: 0,
        reading: 0,
        expected: 0,
        hoping: false,
        quiet: true,
        told: 0,
    };

    /// When it stops waiting for what `sight` shows at each moment, in seconds, and how.
    fn ends(empty: bool, sight: impl Fn(u64) -> Sight) -> (u64, Verdict) {
        let mut patience = Patience::new(WAIT, Now::ZERO);
        let mut look = |second| patience.look(&sight(second), empty, Duration::from_secs(second));
        let mut looks = (0..100_000).map(|second| (second, look(second)));
        let end = looks.find(|(_, verdict)| *verdict != Verdict::Wait);
        end.expect("an end")
    }

    #[test]
    fn whoever_tells_all_it_has_is_waited_for_however_long_that_takes() {
        // A page each eight seconds, for a minute.
        let sight = |second| Sight {
            telling: u32::from(second < 60),
            told: second / 8 * 512,
            ..TELLING
        };
        assert_eq!(ends(false, sight), (60, Verdict::Settled));
    }

    #[test]
    fn whoever_falls_silent_is_given_up() {
        let sight = |second: u64| Sight {
            told: second.min(20) * STEP,
            ..TELLING
        };
        assert_eq!(ends(false, sight), (20 + STALL.as_secs(), Verdict::GiveUp));
        assert_eq!(ends(false, |_| TELLING).0, STALL.as_secs());
    }

    #[test]
    fn whoever_drips_names_holds_nobody_up() {
        // One name each second is slower than any network.
        let drip = |second| Sight {
            told: second,
            ..TELLING
        };
        assert_eq!(ends(false, drip), (STALL.as_secs(), Verdict::GiveUp));
        let flood = |second| Sight {
            told: second * 1000,
            ..TELLING
        };
        assert_eq!(ends(false, flood).0, (WAIT + LONGEST).as_secs());
    }

    #[test]
    fn a_folder_that_is_read_is_waited_for_as_long_as_was_asked() {
        let reading = |until: u64| {
            move |second| Sight {
                telling: 0,
                reading: u32::from(second < until),
                ..TELLING
            }
        };
        assert_eq!(ends(true, reading(2)), (2, Verdict::Settled));
        assert_eq!(ends(true, reading(50)), (3, Verdict::GiveUp));
    }

    #[test]
    fn a_handshake_under_way_is_waited_for_beyond_that_when_there_is_nothing_else() {
        let alone = |second| Sight {
            here: u32::from(second >= 9),
            telling: 0,
            expected: u32::from(second < 9),
            ..TELLING
        };
        assert_eq!(ends(true, alone), (9, Verdict::Settled));
        let never = Sight {
            here: 0,
            telling: 0,
            expected: 1,
            ..TELLING
        };
        assert_eq!(ends(true, |_| never).0, (WAIT + HANDSHAKE).as_secs());
        // With something to answer, somebody behind a firewall costs the wait and no more.
        let other = Sight { here: 1, ..never };
        assert_eq!(ends(false, |_| other).0, WAIT.as_secs());
    }

    #[test]
    fn one_whole_name_does_not_wait_for_newcomers_nobody_knows_of() {
        let told = Sight {
            telling: 0,
            quiet: false,
            ..TELLING
        };
        assert!(told.has_told() && !told.is_settled());
        let expected = Sight {
            expected: 1,
            ..told
        };
        let reading = Sight { reading: 1, ..told };
        for coming in [TELLING, expected, reading] {
            assert!(!coming.has_told());
        }
    }

    #[test]
    fn nobody_at_all_is_waited_for_as_long_as_was_asked() {
        let nobody = Sight {
            here: 0,
            telling: 0,
            ..TELLING
        };
        assert_eq!(ends(true, |_| nobody), (3, Verdict::GiveUp));
    }
}
