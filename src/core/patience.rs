//! How long a person who asks what there is waits for nodes that have not said it yet.
//!
//! Decides when to answer, from counts and times alone. Never asks anybody. Invariants: it does not
//! give up while names come in, nor before the wait that was asked for is over; whatever the others
//! do, it gives up [`LONGEST`] after that.

use super::Now;
use std::time::Duration;

/// Names that have to come within [`STALL`] to count as progress: an honest page has more, unless
/// it is the last.
pub const STEP: u64 = 64;
/// How long a catalog may come no further. One request may take 10 s.
pub const STALL: Duration = Duration::from_secs(12);
/// How long beyond the wait a first connection may take while there is nothing else to answer with:
/// a handshake has 10 s.
pub const HANDSHAKE: Duration = Duration::from_secs(15);
/// How long beyond the wait names may come in: 100,000 of them take four minutes at 1 Mbit/s.
pub const LONGEST: Duration = Duration::from_secs(600);

/// What the node sees of the others at a moment.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about what is seen"
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sight {
    /// Peers that are here.
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
    /// No node came for a while.
    pub quiet: bool,
    /// All who answered this node's question who is here did so a while ago, as they go.
    pub answered: bool,
    /// This node has listened for longer than others are silent between two announcements.
    pub listened: bool,
    /// Names that peers told so far, and [`STEP`] for each that came: it only grows.
    pub told: u64,
}

impl Sight {
    /// Whether a node is here and nothing is on its way, as far as is known: enough for a whole
    /// name that its owner shares.
    #[must_use]
    pub fn has_told(&self) -> bool {
        let coming = self.telling + self.failing + self.reading + self.expected;
        self.here > 0 && coming == 0 && !self.hoping
    }

    /// The same, and no further node is likely to come now: enough for what several may have
    /// something of.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.has_told() && (self.quiet || self.answered)
    }

    /// Whether nobody is here, nor on the way, and others would have been heard of.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        let coming = self.reading + self.expected;
        self.here == 0 && coming == 0 && !self.hoping && self.quiet && self.listened
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

/// A person who waits.
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
    pub fn judge(&mut self, sight: &Sight, empty: bool, now: Now) -> Verdict {
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
mod tests;
