//! Who fell silent, and who is gone for it.
//!
//! A node that is too busy to take in what others say does not take them for gone: a look that
//! comes late is done again a while later.

use super::{
    Membership, MembershipAction, SILENCE,
    peer::{Ends, Peer, Stage},
};
use crate::core::{Now, id::NodeId};
use std::time::Duration;

/// A look so late says that this node is busy, and not that others are silent.
const LATE: Duration = Duration::from_millis(300);
/// It takes in what came before it looks again: for so long at least.
const PAUSE: Duration = Duration::from_secs(1);

impl Membership {
    pub(super) fn forget_the_silent(&mut self, out: &mut Vec<MembershipAction>) {
        let (now, silence) = (self.now, self.announcing.silence());
        let dialing = self.peers.those(self.peers.dialing());
        let failed = dialing.filter(|(_, peer)| peer.dial_ends().is_some_and(|at| at <= now));
        let failed: Vec<NodeId> = failed.map(|(node, _)| *node).collect();
        for node in failed {
            self.peers.change(&node, |peer| peer.dial_failed(now));
        }
        let silent = |how: Ends| {
            let longest = self.peers.silent(how);
            let longest = longest.take_while(|(since, _)| *since + silence <= now);
            longest.map(|(_, node)| *node)
        };
        let mut gone: Vec<NodeId> = self.peers.ended_by(now).collect();
        gone.extend(silent(Ends::Fading));
        // The first of them is silent for the longest time.
        let first = self.peers.silent(Ends::Quiet).next();
        let since = first.map_or(now, |(since, _)| since + silence);
        let excused = self.excused.max(self.announcing.patient_until);
        if now >= excused && since <= now {
            let late = now.saturating_sub(since.max(excused));
            if late > LATE {
                self.excused = now + late.clamp(PAUSE, SILENCE);
            } else {
                gone.extend(silent(Ends::Quiet));
            }
        }
        gone.sort_unstable();
        for node in gone {
            let Some(peer) = self.peers.get(&node) else {
                continue;
            };
            if peer.gone_at(silence) > now {
                continue;
            }
            match peer.stage() {
                // Without its beacons it does not rest.
                Stage::Connected { .. } => self.unchosen |= peer.resting,
                Stage::Idle if peer.wanted_until(silence) <= now => self.remove(&node, false, out),
                // Gone for everyone else, though a dial is under way or worth another try.
                Stage::Idle | Stage::Dialing { .. } => {
                    if !self.has_room_for_a_stranger(out) {
                        continue;
                    }
                    let left = |peer: &mut Peer| std::mem::replace(&mut peer.confirmed, false);
                    if self.peers.change(&node, left) == Some(true) {
                        self.unchosen = true;
                        let announced = false;
                        out.push(MembershipAction::Left { node, announced });
                    }
                }
            }
        }
    }

    /// When somebody may be gone next.
    pub(super) fn next_silence(&self) -> Option<Now> {
        let silence = self.announcing.silence();
        let excused = self.excused.max(self.announcing.patient_until);
        let later = |at: &Now| *at > self.now;
        let quiet = self.peers.silent(Ends::Quiet);
        let mut quiet = quiet.map(|(since, _)| (since + silence).max(excused));
        let mut next = self.peers.next_end(self.now);
        next = next.into_iter().chain(quiet.find(later)).min();
        for (since, node) in self.peers.silent(Ends::Fading) {
            if next.is_some_and(|next| next <= since + silence) {
                break;
            }
            let peer = self.peers.get(node);
            let ends = peer.map(|peer| [peer.gone_at(silence), peer.wanted_until(silence)]);
            let ends = ends.into_iter().flatten().filter(later);
            next = next.into_iter().chain(ends).min();
        }
        next
    }
}
