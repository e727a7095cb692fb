//! Who fell silent, and who is gone for it.
//!
//! A node that is too busy to take in what others say does not take them for gone: a look that
//! comes late is done again a while later.

use super::{
    Membership, MembershipAction, SILENCE,
    peer::{Peer, Stage},
};
use crate::core::id::NodeId;
use std::time::Duration;

/// A look so late says that this node is busy, and not that others are silent.
const LATE: Duration = Duration::from_millis(300);
/// It takes in what came before it looks again: for so long at least.
const PAUSE: Duration = Duration::from_secs(1);

impl Membership {
    pub(super) fn forget_the_silent(&mut self, out: &mut Vec<MembershipAction>) {
        let (now, silence) = (self.now, self.announcing.silence());
        for peer in self.peers.values_mut() {
            if peer.dial_ends().is_some_and(|at| at <= now) {
                peer.dial_failed(now);
            }
        }
        let over = |peer: &Peer| peer.gone_at(silence) <= now;
        let mut gone: Vec<NodeId> = Vec::new();
        let mut late = Duration::ZERO;
        for (node, peer) in self.peers.iter().filter(|(_, peer)| over(peer)) {
            let Some(at) = peer.silent_at(silence) else {
                gone.push(*node);
                continue;
            };
            late = late.max(now.saturating_sub(at.max(self.excused)));
            if now >= self.excused {
                gone.push(*node);
            }
        }
        if late > LATE {
            self.excused = now + late.clamp(PAUSE, SILENCE);
            gone.retain(|node| {
                let peer = self.peers.get(node);
                peer.is_some_and(|peer| peer.silent_at(silence).is_none())
            });
        }
        for node in gone {
            let Some(peer) = self.peers.get_mut(&node) else {
                continue;
            };
            match peer.stage {
                // Without its beacons it does not rest.
                Stage::Connected { .. } => self.unchosen |= peer.resting,
                Stage::Idle if peer.wanted_until(silence) <= now => self.remove(&node, false, out),
                // Gone for everyone else, though a dial is under way or worth another try.
                Stage::Idle | Stage::Dialing { .. } => {
                    if std::mem::replace(&mut peer.confirmed, false) {
                        self.unchosen = true;
                        let announced = false;
                        out.push(MembershipAction::Left { node, announced });
                    }
                }
            }
        }
    }
}
