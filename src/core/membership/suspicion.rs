//! Who is gone from a room in which silence says little: suspicion, and its refutation.
//!
//! Among many the pauses between beacons are so long that a death would be known after minutes by
//! silence alone. So who is a neighbour of a node, and loses it, says so to all; and who does not
//! hear of the suspected one within [`WAIT`] takes it for gone (SWIM: A. Das, I. Gupta, A. Motivala,
//! 2002). A node that hears itself suspected says that it is here.
//!
//! Invariants: a suspicion counts only of a peer, of one that is no neighbour of this node, and as
//! often as [`BELIEVED`] says of one address; whoever is suspected is asked to speak once in
//! [`REFUTED`] at most, so what a liar can have each say is less than each said of itself anyway.

use super::{Beacon, BeaconNumber, Membership, MembershipAction, Suspect, peer::Peer};
use crate::core::{
    Now,
    id::NodeId,
    origin::origin,
    rate::{Bucket, Buckets, Rate},
};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};

/// Nodes that one message suspects.
pub const MAX_SUSPECTS: usize = 16;
/// Who is suspected and not heard for so long is gone.
pub(super) const WAIT: Duration = Duration::from_secs(15);
/// Between two beacons by which a node says that it is here after all: its second one comes before
/// those who did not hear the first have waited.
const REFUTED: Duration = Duration::from_secs(10);
/// The first refutation in so long is said twice.
const AGAIN: Duration = Duration::from_secs(60);
/// They are up to so much apart, where many are suspected at once.
const SPREAD: Duration = Duration::from_secs(2);
/// A lost neighbour may come back, or its connection be made anew, for so long…
const GRACE: Duration = Duration::from_secs(3);
/// …and those who lost it look whether another one has said so for up to so long.
const TURNS: Duration = Duration::from_millis(1_500);
/// Once so many have said it nobody else does: where one of twenty misses each of them, all but one
/// in thousands hear one. The others learn it by comparing, a minute later.
pub(super) fn enough(others: usize) -> u8 {
    match others {
        0..=150 => 2,
        151..=600 => 3,
        _ => 4,
    }
}

/// Lost neighbours of which is to be told.
const MAX_REPORTS: usize = 256;
/// What is believed of the reporters at one address…
const BELIEVED: Rate = Rate {
    per_second: 0.5,
    burst: 48.0,
};
/// …and in all: as many as go where a third is replaced each minute, and many at once where the
/// network is cut in two.
const IN_ALL: Rate = Rate {
    per_second: 100.0,
    burst: 4_000.0,
};
/// What a node itself answers of one address: more, since others believe more who came later.
const ANSWERED: Rate = Rate {
    per_second: 1.0,
    burst: 96.0,
};
/// Addresses whose reports are counted.
const MAX_SOURCES: usize = 1024;
/// Nodes that others say are gone, and that are dialled to see.
const LOOKED_AT: Rate = Rate {
    per_second: 0.5,
    burst: 8.0,
};

/// A neighbour that was lost.
#[derive(Debug)]
struct Report {
    last: BeaconNumber,
    due: Now,
    /// How often others said so.
    heard: u8,
}

/// What is known of suspicions.
#[derive(Debug)]
pub(super) struct Suspicions {
    reports: BTreeMap<NodeId, Report>,
    believed: Buckets<IpAddr>,
    in_all: Bucket,
    answered: Buckets<IpAddr>,
    looked_at: Bucket,
    /// When this node said that it is here after all.
    refuted: Option<Now>,
}

impl Suspicions {
    pub(super) fn new(now: Now) -> Self {
        Self {
            reports: BTreeMap::new(),
            believed: Buckets::new(BELIEVED, MAX_SOURCES),
            in_all: Bucket::new(IN_ALL, now),
            answered: Buckets::new(ANSWERED, MAX_SOURCES),
            looked_at: Bucket::new(LOOKED_AT, now),
            refuted: None,
        }
    }

    /// When a report is due.
    pub(super) fn next(&self) -> Option<Now> {
        self.reports.values().map(|report| report.due).min()
    }

    /// It said itself that it goes.
    pub(super) fn left(&mut self, node: &NodeId) {
        self.reports.remove(node);
    }
}

impl Membership {
    /// A connection broke off, or a dial failed: if nothing more is heard, others are told.
    pub(super) fn may_report(&mut self, node: &NodeId) {
        if self.hidden || !self.announcing.is_far() {
            return;
        }
        let known = self.peers.get(node);
        let known = known.filter(|peer| peer.is_of_crowd() && !peer.hearsay && peer.is_lost());
        let Some(last) = known.and_then(Peer::seen) else {
            return;
        };
        let reports = &mut self.suspicions.reports;
        if reports.len() < MAX_REPORTS && !reports.contains_key(node) {
            let due = self.now + GRACE + TURNS.mul_f64(self.chance.fraction());
            let report = Report {
                last,
                due,
                heard: 0,
            };
            reports.insert(*node, report);
        }
    }

    /// Tells of those that are lost, unless they came back or others have told of them. Who has no
    /// connection left may be the one that is cut off.
    pub(super) fn report_the_lost(&mut self, out: &mut Vec<MembershipAction>) {
        let now = self.now;
        while self.suspicions.next().is_some_and(|at| at <= now) {
            let mut of = Vec::new();
            let cut_off = self.hidden || self.peers.connected().is_empty();
            let (peers, enough) = (&self.peers, enough(self.peers.crowd()));
            self.suspicions.reports.retain(|node, report| {
                let back = peers.get(node).is_some_and(|it| !it.is_lost());
                let stale = back || cut_off || report.heard >= enough;
                // Those that are due soon share a message.
                let due = report.due <= now + TURNS && of.len() < MAX_SUSPECTS;
                if due && !stale {
                    let (node, last) = (*node, report.last);
                    of.push(Suspect { node, last });
                }
                !due && !stale
            });
            if !of.is_empty() {
                out.push(MembershipAction::Suspect { of });
            }
        }
    }

    /// A peer says that these may be gone.
    pub(super) fn suspected(&mut self, beacon: &Beacon, source: IpAddr) {
        let reporter = self.peers.get(&beacon.node);
        if self.hidden || !reporter.is_some_and(Peer::is_of_crowd) {
            return;
        }
        for suspect in beacon.suspects.iter().take(MAX_SUSPECTS) {
            if suspect.node == self.me {
                self.refute(source);
            } else if suspect.node != beacon.node {
                self.doubt(suspect, source);
            }
        }
    }

    /// So many of one address: on one machine all are of one.
    fn is_within(&mut self, of: fn(&mut Suspicions) -> &mut Buckets<IpAddr>, at: IpAddr) -> bool {
        let (now, buckets) = (self.now, of(&mut self.suspicions));
        let bucket = buckets.of(origin(at), now, &mut self.chance);
        at.is_loopback() || bucket.take(now)
    }

    fn doubt(&mut self, suspect: &Suspect, source: IpAddr) {
        let (node, now) = (suspect.node, self.now);
        if self.suspicions.reports.contains_key(&node) {
            let believed = self.is_within(|it| &mut it.believed, source);
            let report = self.suspicions.reports.get_mut(&node);
            if let Some(report) = report.filter(|_| believed) {
                report.heard = report.heard.saturating_add(1);
            }
        }
        let doubted = |peer: &Peer| {
            let this_life = peer.seen().is_some_and(|it| it.epoch <= suspect.last.epoch);
            peer.confirmed && this_life && !peer.is_connected() && peer.doubted_until().is_none()
        };
        if self.announcing.is_far()
            && self.peers.get(&node).is_some_and(doubted)
            && self.is_within(|it| &mut it.believed, source)
            && self.suspicions.in_all.take(now)
        {
            self.peers
                .change(&node, |peer| peer.doubt_until(now + WAIT));
        }
    }

    /// Somebody thinks that this node is gone.
    fn refute(&mut self, source: IpAddr) {
        if !self.is_within(|it| &mut it.answered, source) {
            return;
        }
        let last = self.suspicions.refuted;
        let soonest = last.map_or(Now::ZERO, |at| at + REFUTED);
        let soon = self.now + SPREAD.mul_f64(self.chance.fraction());
        let at = soon.max(soonest);
        if at < self.announcing.next {
            self.suspicions.refuted = Some(at);
            let again = last.is_none_or(|last| at >= last + AGAIN);
            self.announcing.say(at, again);
        }
    }

    /// One that was asked says that this node is gone, in that life. It may have missed what was
    /// heard here, so whoever has no connection with it looks for itself.
    pub(super) fn said_gone(&mut self, node: NodeId, epoch: u64, out: &mut Vec<MembershipAction>) {
        let now = self.now;
        let doubted = self.peers.get(&node).is_some_and(|peer| {
            let this_life = peer.seen().is_some_and(|it| it.epoch <= epoch);
            let quiet = peer.age(now) >= WAIT && peer.doubted_until().is_none();
            peer.is_of_crowd() && this_life && quiet && peer.may_be_looked_at()
        });
        if doubted && self.announcing.is_far() && self.suspicions.looked_at.take(now) {
            let addresses = self.peers.change(&node, |peer| peer.look_at(now));
            let addresses = addresses.unwrap_or_default();
            out.push(MembershipAction::Dial { node, addresses });
        }
    }
}
