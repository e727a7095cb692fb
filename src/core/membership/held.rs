//! Who is here, as two nodes compare it; see [`reconcile`](crate::core::reconcile).

use super::{Membership, peer::Peer};
use crate::core::{
    id::NodeId,
    reconcile::{Held, Item, Range},
};

/// Those who announce themselves and are not in doubt, with what was heard of their catalogs, but
/// for one: the node that this one compares with.
pub struct Here<'a> {
    membership: &'a Membership,
    but: Option<NodeId>,
}

impl Held for Here<'_> {
    fn from(&self, node: NodeId) -> impl Iterator<Item = Item> {
        let (now, silence) = (self.membership.now, self.membership.announcing.silence());
        let here = self.membership.peers.from(node);
        let here = here.filter(move |(_, peer)| peer.may_be_told_of(now, silence));
        let here = here.filter(|(node, _)| Some(**node) != self.but);
        here.filter_map(|(node, peer)| {
            let version = peer.catalog()?;
            Some((*node, (version.epoch, version.revision)))
        })
    }
}

impl Peer {
    /// Whether it is here beyond doubt.
    fn may_be_told_of(&self, now: super::Now, silence: super::Duration) -> bool {
        let doubted = self.doubted_until().is_some() || self.is_lost();
        self.is_of_crowd() && !doubted && self.age(now) < silence
    }
}

impl Membership {
    /// What is compared with another node.
    #[must_use]
    pub fn held(&self, but: Option<NodeId>) -> Here<'_> {
        let membership = self;
        Here { membership, but }
    }

    /// Those of a range that were here and are gone, with their lives.
    pub fn gone_within(&self, range: Range) -> impl Iterator<Item = (NodeId, u64)> {
        let gone = self.replays.gone_from(range.first(), self.now);
        let gone = gone.take_while(move |(node, _)| range.holds(node));
        gone.map(|(node, epoch)| (*node, epoch))
    }
}
