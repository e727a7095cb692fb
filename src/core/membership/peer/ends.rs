//! When something becomes of a node's silence, for the table that keeps all of them in order.

use super::{DEAD, Peer, Stage};
use crate::core::{Now, membership::announcing::LONGEST_SILENCE};

/// How it may come to an end that nothing more is heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::core::membership) enum Ends {
    /// With a silence since that time, for that alone.
    Quiet,
    /// With a silence since that time at the earliest.
    Fading,
    /// Then.
    Fixed,
}

impl Peer {
    /// When something becomes of its silence, and of which kind that is. `None` while nothing does.
    pub(in crate::core::membership) fn ends(&self) -> Option<(Ends, Now)> {
        let matters = match self.stage() {
            Stage::Connected { .. } => self.resting,
            Stage::Dialing { .. } => self.confirmed,
            Stage::Idle => true,
        };
        // One that is no peer stays known for as long as it is worth a dial.
        let lately = &self.lately;
        let stays = self.stage() == Stage::Idle && !self.confirmed;
        let least = if stays { lately.found_until } else { Now::ZERO };
        matters.then(|| {
            if let Some(until) = lately.told_until {
                return (Ends::Fixed, until.max(least));
            }
            if let Some(until) = lately.doubted_until.filter(|_| !lately.redial_failed) {
                return (Ends::Fixed, until.max(least));
            }
            match lately.lost_at {
                Some(lost) if lately.redial_failed && self.heard_last() <= lost => {
                    (Ends::Fixed, (lost + DEAD).max(least))
                }
                None if self.confirmed && !self.is_connected() => (Ends::Quiet, self.heard_at()),
                _ => {
                    let silent = least.saturating_sub(LONGEST_SILENCE);
                    (Ends::Fading, self.heard_last().max(silent))
                }
            }
        })
    }
}
