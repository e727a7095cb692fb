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
/// But no more than for so many.
const MANY: usize = 512;
/// So many who wait are gone through for a beginning.
const FEW: usize = 64;
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
        let jitter = VOUCHING_EACH * self.peers.len().min(MANY) as u32;
        VOUCHING + jitter.mul_f64(self.chance.fraction())
    }

    /// When a node for which nobody vouched is dialled all the same, in a crowd.
    pub(super) fn dialled_late(&self, peer: &Peer) -> Now {
        let others = (self.vouched + VOUCHED).min(peer.since() + LONGEST);
        peer.not_before().max(others)
    }

    pub(super) fn dial_the_due(&mut self, out: &mut Vec<MembershipAction>) {
        let now = self.now;
        for node in self.due() {
            if let Some(addresses) = self.peers.change(&node, |peer| peer.dial(now)) {
                out.push(MembershipAction::Dial { node, addresses });
            }
        }
    }

    /// Whether those for whom somebody may vouch wait for that.
    fn dials_late(&self) -> bool {
        let begun = self.peers.connected().len() + self.peers.dialing().len();
        self.is_crowd() && begun >= ENOUGH
    }

    /// When one of those may be dialled next.
    pub(super) fn next_late_dial(&self) -> Option<Now> {
        let waits = self.is_crowd() && self.peers.waiting() > 0;
        waits.then(|| self.peers.late_at.max(self.late_dials.next()))
    }

    /// Those to dial now.
    fn due(&mut self) -> Vec<NodeId> {
        let now = self.now;
        let (busy, mut under_way) = (self.peers.connected().len(), self.peers.dialing().len());
        let (crowd, dials_late) = (self.is_crowd(), self.dials_late());
        // Those who wait are many, and are looked at when it may be the turn of one of them.
        let token = self.late_dials.next() <= now;
        let turn = !dials_late || under_way == 0 && token && self.peers.late_at <= now;
        let mut due: Vec<NodeId> = self.peers.due_by(now).collect();
        if turn && (dials_late || self.peers.waiting() <= FEW) {
            due.extend(self.peers.waiting_by(now));
        } else if turn {
            // A beginning is made with any of them, by the same odds; a flood makes it anew at each
            // datagram.
            let drawn = (0..2 * ENOUGH).filter_map(|_| self.peers.draw_stranger(&mut self.chance));
            let ready = |peer: &Peer| {
                peer.waits_for_vouching() && peer.retry_at().is_some_and(|at| at <= now)
            };
            let drawn: Vec<NodeId> = drawn.collect();
            let drawn = self.peers.those(&drawn).filter(|(_, peer)| ready(peer));
            due.extend(drawn.map(|(node, _)| *node));
        }
        if under_way >= MAX_DIALS || due.is_empty() && !(turn && dials_late) {
            return Vec::new();
        }
        due.sort_unstable();
        due.dedup();
        let mut per_source = BTreeMap::<IpAddr, usize>::new();
        for (_, peer) in self.peers.those(self.peers.dialing()) {
            *per_source.entry(peer.source).or_default() += usize::from(!peer.confirmed);
        }
        let chance = &mut self.chance;
        let mut drawn: Vec<(u64, NodeId, &Peer)> = self
            .peers
            .those(&due)
            .map(|(node, peer)| {
                // Peers that were lost come first. Among the others chance decides, with odds that
                // shrink with the number of nodes that the same address announces.
                let odds = self.peers.count_strangers_at(peer.source) as u64;
                let odds = if peer.confirmed { 0 } else { odds };
                ((chance.bits() >> 32) * odds, *node, peer)
            })
            .collect();
        drawn.sort_unstable_by_key(|(draw, node, _)| (*draw, *node));
        let mut chosen = Vec::new();
        // When there is somebody to dial late, as far as is seen here.
        let mut late_at = self.peers.next_waiting(now).unwrap_or(Now::MAX);
        for (_, node, peer) in drawn {
            if under_way >= MAX_DIALS {
                late_at = now;
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
                late_at = late_at.min(wait_ends);
                continue;
            }
            *here += usize::from(!peer.confirmed);
            under_way += 1;
            chosen.push(node);
        }
        if turn && dials_late {
            self.peers.late_at = late_at;
        }
        chosen
    }
}
