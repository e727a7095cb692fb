//! What counts for a while only: of thousands who rest few have anything of it.

use super::{APART, NEWCOMER_DIALS, Peer, Stage};
use crate::core::Now;
use ::core::net::IpAddr;
use std::ops::Deref;

/// The facts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    pub(super) stage: Stage,
    /// In a crowd it is not dialled before, unless somebody vouches for it.
    pub(super) not_before: Now,
    /// It was chosen as a neighbour, and is not dialled before.
    pub(super) settled: Now,
    /// It had no room for a connection, and is no neighbour before.
    pub(super) avoided_until: Now,
    /// How often that was so since it was connected.
    pub(super) refusals: u32,
    /// Dials in vain, one after the other.
    pub(super) failures: u32,
    /// Where it is connected.
    pub(super) here: Option<IpAddr>,
    /// There is another address since the others were told.
    pub(super) moved: bool,
    /// It is dialled to see whether it is there.
    pub(super) looked_at: bool,
    pub(super) redial_failed: bool,
    /// Somebody lost it: it is gone then unless it is heard.
    pub(super) doubted_until: Option<Now>,
    /// It is known by another's word alone, and no longer than until then.
    pub(super) told_until: Option<Now>,
    pub(super) found_until: Now,
    pub(super) joined_at: Option<Now>,
    pub(super) lost_at: Option<Now>,
    pub(super) last_dial: Option<Now>,
}

/// Nothing of it.
const NOTHING: Facts = Facts {
    stage: Stage::Idle,
    not_before: Now::ZERO,
    settled: Now::ZERO,
    avoided_until: Now::ZERO,
    refusals: 0,
    failures: 0,
    here: None,
    moved: false,
    looked_at: false,
    redial_failed: false,
    doubted_until: None,
    told_until: None,
    found_until: Now::ZERO,
    joined_at: None,
    lost_at: None,
    last_dial: None,
};

/// They have a place while there is one.
#[derive(Debug, Default)]
pub(super) struct Lately(Option<Box<Facts>>);

impl Deref for Lately {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl Lately {
    pub(super) fn change<R>(&mut self, change: impl FnOnce(&mut Facts) -> R) -> R {
        let mut facts = **self;
        let done = change(&mut facts);
        if facts == NOTHING {
            self.0 = None;
        } else if let Some(place) = &mut self.0 {
            **place = facts;
        } else {
            self.0 = Some(Box::new(facts));
        }
        done
    }
}

impl Peer {
    /// Forgets what matters no more.
    pub(super) fn calm(&mut self, now: Now) {
        let (rests, here, connected) = (self.resting, self.confirmed, self.is_connected());
        let is_over = |at: Now| at <= now;
        self.lately.change(|it| {
            if here || is_over(it.not_before) {
                it.not_before = Now::ZERO;
            }
            if rests || is_over(it.settled) {
                it.settled = Now::ZERO;
            }
            if is_over(it.avoided_until) {
                it.avoided_until = Now::ZERO;
            }
            if is_over(it.found_until) {
                it.found_until = Now::ZERO;
            }
            let joins = |at: &Now| !rests && now < *at + NEWCOMER_DIALS;
            it.joined_at = it.joined_at.filter(joins);
            it.last_dial = it.last_dial.filter(|at| now < *at + APART);
            if !connected {
                (it.here, it.moved) = (None, false);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_rests_has_nothing_of_it_and_all_of_a_peer_fits_two_lines_of_a_cache() {
        let now = Now::from_secs(9);
        let at = ([10, 0, 0, 1], 4000).into();
        let mut peer = Peer::new([10, 0, 0, 1].into(), None, now);
        peer.told(at, now);
        peer.vouched(now + APART, now);
        peer.confirmed = true;
        assert!(peer.lately.0.is_some());
        peer.rest(true, APART, now);
        assert!(peer.lately.0.is_none());
        assert!(size_of::<Peer>() <= 128, "{}", size_of::<Peer>());
    }
}
