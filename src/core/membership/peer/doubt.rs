//! Whether a node is there: how long ago it was heard, who thinks that it is gone, and how to see.

use super::{CatalogVersion, Peer, Stage};
use crate::core::Now;
use ::core::net::SocketAddr;
use std::time::Duration;

impl Peer {
    /// Whether it announces itself and is not here all the same.
    pub(in crate::core::membership) fn is_unreached(&self, now: Now, silence: Duration) -> bool {
        let heard = self.announces() && !self.is_lost() && now < self.heard_last() + silence;
        !self.confirmed && heard && self.lately.failures > 0
    }

    /// Whether a connection with it may come about, though only others told of it.
    pub(in crate::core::membership) fn may_be_met(&self) -> bool {
        self.lately.failures == 0 && self.lately.doubted_until.is_none()
    }

    /// Whether it may be dialled to see whether it is there.
    pub(in crate::core::membership) fn may_be_looked_at(&self) -> bool {
        self.stage() == Stage::Idle && !self.addresses.is_empty() && !self.is_lost()
    }

    /// The same: it is dialled, and gone if that fails.
    pub(in crate::core::membership) fn look_at(&mut self, now: Now) -> Vec<SocketAddr> {
        self.lately.change(|it| it.looked_at = true);
        self.dial(now)
    }

    /// How long ago it was heard last, by this node or by those who told of it.
    pub(in crate::core::membership) fn age(&self, now: Now) -> Duration {
        if self.is_connected() {
            return Duration::ZERO;
        }
        self.quiet_for(now)
    }

    pub(in crate::core::membership) fn quiet_for(&self, now: Now) -> Duration {
        now.saturating_sub(self.heard_last()) + Duration::from_secs(self.unheard.into())
    }

    /// When it was heard, about: no further back than this node's clock goes.
    pub(in crate::core::membership) fn heard_at(&self) -> Now {
        let unheard = Duration::from_secs(self.unheard.into());
        self.heard_last().saturating_sub(unheard)
    }

    /// What it signed is newer than what was heard, if it was heard at all.
    pub(in crate::core::membership) fn signed(&mut self, version: CatalogVersion) {
        let order = |it: CatalogVersion| (it.epoch, it.revision);
        let known = self.catalog();
        if known.is_some_and(|known| order(known) < order(version)) {
            self.offers(version, true);
        }
    }

    /// Nobody is to believe that it is gone.
    pub(in crate::core::membership) fn is_there(&mut self) {
        self.unheard = 0;
        self.lately
            .change(|it| (it.doubted_until, it.looked_at) = (None, false));
    }
}
