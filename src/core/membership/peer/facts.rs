//! What is kept of a node, as others see it and set it.

use super::{BeaconNumber, CatalogVersion, Peer, Stage};
use crate::core::Now;

/// A node's name is kept to this many bytes.
const MAX_NAME: usize = 64;

impl Peer {
    /// The name that it gave itself, or nothing.
    pub(in crate::core::membership) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub(in crate::core::membership) fn stage(&self) -> Stage {
        self.lately.stage
    }

    /// Since when it is known.
    pub(in crate::core::membership) fn since(&self) -> Now {
        self.since.into()
    }

    /// When it was heard last, or came to be known.
    pub(super) fn heard_last(&self) -> Now {
        self.heard.into()
    }

    /// In a crowd it is not dialled before, unless somebody vouches for it.
    pub(in crate::core::membership) fn not_before(&self) -> Now {
        self.lately.not_before
    }

    pub(in crate::core::membership) fn wait_until(&mut self, at: Now) {
        self.lately.change(|it| it.not_before = at);
    }

    /// It had no room for a connection, and is no neighbour before.
    pub(in crate::core::membership) fn avoided_until(&self) -> Now {
        self.lately.avoided_until
    }

    /// Somebody lost it: it is gone then unless it is heard.
    pub(in crate::core::membership) fn doubted_until(&self) -> Option<Now> {
        self.lately.doubted_until
    }

    pub(in crate::core::membership) fn doubt_until(&mut self, at: Now) {
        self.lately.change(|it| it.doubted_until = Some(at));
    }

    /// The last beacon.
    pub(in crate::core::membership) fn seen(&self) -> Option<BeaconNumber> {
        self.announces.then_some(self.last)
    }

    pub(in crate::core::membership) fn see(&mut self, beacon: BeaconNumber) {
        (self.last, self.announces) = (beacon, true);
    }

    /// The state of its catalog, as far as it is known.
    pub(in crate::core::membership) fn catalog(&self) -> Option<CatalogVersion> {
        self.has_offers.then_some(self.offers)
    }

    pub(super) fn offers(&mut self, version: CatalogVersion, told: bool) {
        let news = self.catalog() != Some(version);
        self.hinted = told || self.hinted && !news;
        (self.offers, self.has_offers) = (version, true);
    }

    /// It gave itself that name.
    pub(super) fn call(&mut self, mut name: String) {
        let mut end = name.len().min(MAX_NAME);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        if self.name() != name {
            self.name = (!name.is_empty()).then(|| name.into());
        }
    }
}
