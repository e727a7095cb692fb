//! Whom to dial next.
//!
//! In a crowd others vouch for most of those who are heard, so that few have to be dialled: as many
//! as make a beginning, and by and by those for whom nobody vouched.
//!
//! Invariants: at most [`MAX_DIALS`] are under way, and [`MAX_DIALS_PER_SOURCE`] of them to nodes that
//! one address announced and that were never connected; who announces many has smaller odds for each.

use super::{MAX_DIALS, MAX_DIALS_PER_SOURCE, Membership, MembershipAction, peer::Peer};
use crate::core::{Now, id::NodeId, neighbours::MESH, rate::Rate};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// With so many connected or being dialled, others of a crowd are not dialled at once.
pub(super) const ENOUGH: usize = 8;
/// So long later they are, unless somebody vouched for them…
const VOUCHING: Duration = Duration::from_millis(3_500);
/// …and for each that is known up to so much later, by chance, or a crowd that hears of one another
/// late would dial one another all at once.
const VOUCHING_EACH: Duration = Duration::from_millis(50);
/// So many of them are dialled, and of those of whom others only told while this node has many.
pub(super) const LATE: Rate = Rate {
    per_second: 8.0,
    burst: 4.0,
};
/// While others are vouched for, those of whom nobody told yet wait on for so long after the last
/// one…
const VOUCHED: Duration = Duration::from_secs(2);
/// …but no longer than so long in all.
const LONGEST: Duration = Duration::from_secs(20);

impl Membership {
    /// How long a node that was heard now waits for somebody to vouch for it.
    pub(super) fn vouching(&mut self) -> Duration {
        let jitter = VOUCHING_EACH * self.peers.len() as u32;
        VOUCHING + jitter.mul_f64(self.chance.fraction())
    }

    /// When a node for which nobody vouched is dialled all the same, in a crowd.
    pub(super) fn dialled_late(&self, peer: &Peer) -> Now {
        let others = (self.vouched + VOUCHED).min(peer.since + LONGEST);
        peer.not_before.max(others)
    }

    pub(super) fn dial_the_due(&mut self, out: &mut Vec<MembershipAction>) {
        for node in self.due() {
            if let Some(peer) = self.peers.get_mut(&node) {
                let addresses = peer.dial(self.now);
                out.push(MembershipAction::Dial { node, addresses });
            }
        }
    }

    /// Those to dial now.
    fn due(&mut self) -> Vec<NodeId> {
        let now = self.now;
        let is_due = |peer: &Peer| peer.retry_at().is_some_and(|at| at <= now);
        // The usual case, and under a flood it is asked at each datagram.
        if !self.peers.values().any(is_due) {
            return Vec::new();
        }
        let crowd = self.is_crowd();
        let mut strangers = BTreeMap::<IpAddr, u64>::new();
        for stranger in self.peers.values().filter(|peer| !peer.confirmed) {
            *strangers.entry(stranger.source).or_default() += 1;
        }
        let (mut under_way, mut busy) = (0, 0);
        let mut per_source = BTreeMap::<IpAddr, usize>::new();
        let mut due = Vec::new();
        for (node, peer) in &self.peers {
            busy += usize::from(peer.is_connected());
            if peer.dial_ends().is_some() {
                under_way += 1;
                *per_source.entry(peer.source).or_default() += usize::from(!peer.confirmed);
            } else if is_due(peer) {
                // Peers that were lost come first. Among the others chance decides, with odds that
                // shrink with the number of nodes that the same address announces.
                let odds = strangers.get(&peer.source).copied().unwrap_or(1);
                let odds = if peer.confirmed { 0 } else { odds };
                due.push(((self.chance.bits() >> 32) * odds, *node, peer));
            }
        }
        due.sort_unstable_by_key(|(draw, node, _)| (*draw, *node));
        let mut chosen = Vec::new();
        for (_, node, peer) in due {
            if under_way >= MAX_DIALS {
                break;
            }
            let here = per_source.entry(peer.source).or_default();
            if !peer.confirmed && *here >= MAX_DIALS_PER_SOURCE {
                continue;
            }
            let begun = busy + under_way;
            let vouching = crowd && begun >= ENOUGH && peer.waits_for_vouching();
            let told = begun >= MESH && peer.is_told();
            let wait_ends = if vouching {
                self.dialled_late(peer)
            } else {
                now
            };
            // One after the other: where all are busy each takes long, and the next one waits.
            let late = under_way == 0 && wait_ends <= now;
            if (vouching || told) && !(late && self.late_dials.take(now)) {
                continue;
            }
            *here += usize::from(!peer.confirmed);
            under_way += 1;
            chosen.push(node);
        }
        chosen
    }
}
