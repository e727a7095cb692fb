//! One known node: where it may be, in which stage it is, and when to try again.
//!
//! Owns the times of one node. Never decides about others (who is evicted, who may be dialled now).

mod doubt;
mod ends;

use super::{Beacon, BeaconNumber, Kind, NEWCOMER_DIALS, announcing::LONGEST_SILENCE};
use crate::core::Now;
use ::core::net::{IpAddr, SocketAddr};
pub(super) use ends::Ends;
use std::time::Duration;

/// Addresses kept of one node.
const MAX_ADDRESSES: usize = 4;
/// A node's name is kept to this many bytes.
const MAX_NAME: usize = 64;
/// A lost connection may be made again for this long. If the redial fails, with no beacon since,
/// the process has died.
const DEAD: Duration = Duration::from_secs(2);
/// A node that mDNS or a person named is tried for this long without a beacon.
const FOUND: Duration = Duration::from_secs(300);
/// A node that another one told of is tried for this long.
const TOLD: Duration = Duration::from_secs(1);
/// A dial of which nothing is heard has failed.
const DIAL: Duration = Duration::from_secs(15);
/// A connection that held this long makes up for earlier failures.
const HELD: Duration = Duration::from_secs(5);
/// A node of a crowd that cannot be connected is expected for so long by the word of others.
const VOUCHED_WITHIN: Duration = Duration::from_secs(15);
/// A node that had no room for a connection is chosen as a neighbour no more for so long; twice as
/// long each time, up to half an hour.
const AVOIDED: Duration = Duration::from_secs(120);
/// The shortest time between two dials of one node, even if it announces a new address each time.
const APART: Duration = Duration::from_millis(500);
const LOST: [Duration; 6] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(30),
];

/// Which state of a node's catalog is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CatalogVersion {
    pub(super) epoch: u64,
    pub(super) revision: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Idle,
    Dialing { since: Now },
    Connected { since: Now },
}

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the node"
)]
pub(super) struct Peer {
    pub(super) name: String,
    /// The address that it counts against: of the first datagram, or where it was found.
    pub(super) source: IpAddr,
    pub(super) stage: Stage,
    /// It is a peer: `Joined` was said and `Left` was not.
    pub(super) confirmed: bool,
    /// Since when it is known.
    pub(super) since: Now,
    /// It was connected.
    pub(super) met: bool,
    /// It is here by another's word, with what it signed, and was not heard itself.
    pub(super) hearsay: bool,
    /// In a crowd it is not dialled before, unless somebody vouches for it.
    pub(super) not_before: Now,
    /// It was chosen as a neighbour, and is not dialled before.
    settled: Now,
    /// It had no room for a connection, and is no neighbour before.
    pub(super) avoided_until: Now,
    /// How often that was so since it was connected.
    refusals: u32,
    /// No connection is kept with it.
    pub(super) resting: bool,
    /// Where it can be reached is to be told, since it rests.
    untold: bool,
    /// The last beacon.
    pub(super) seen: Option<BeaconNumber>,
    addresses: Vec<SocketAddr>,
    /// Where it is connected.
    here: Option<IpAddr>,
    /// There is another address since the others were told.
    moved: bool,
    /// The last beacon, or since when the node is known.
    heard: Now,
    /// For so many seconds it had not been heard then, by the word of another one.
    unheard: u32,
    /// Somebody lost it: it is gone then unless it is heard.
    pub(super) doubted_until: Option<Now>,
    /// It is dialled to see whether it is there.
    looked_at: bool,
    /// It is known by another's word alone, and no longer than until then.
    told_until: Option<Now>,
    found_until: Now,
    joined_at: Option<Now>,
    lost_at: Option<Now>,
    redial_failed: bool,
    failures: usize,
    retry: Option<Now>,
    last_dial: Option<Now>,
    pub(super) catalog: Option<CatalogVersion>,
    hinted: Option<CatalogVersion>,
}

impl Peer {
    pub(super) fn new(source: IpAddr, seen: Option<BeaconNumber>, now: Now) -> Self {
        Self {
            name: String::new(),
            source,
            stage: Stage::Idle,
            confirmed: false,
            since: now,
            met: false,
            hearsay: false,
            not_before: Now::ZERO,
            settled: Now::ZERO,
            avoided_until: Now::ZERO,
            refusals: 0,
            resting: false,
            untold: false,
            seen,
            addresses: Vec::new(),
            here: None,
            moved: false,
            heard: now,
            unheard: 0,
            doubted_until: None,
            looked_at: false,
            told_until: None,
            found_until: Now::ZERO,
            joined_at: None,
            lost_at: None,
            redial_failed: false,
            failures: 0,
            retry: None,
            last_dial: None,
            catalog: None,
            hinted: None,
        }
    }

    /// Whether it is one of those that make a crowd: connected once, and heard by beacons.
    pub(super) fn is_of_crowd(&self) -> bool {
        self.confirmed && self.announces()
    }

    /// Whether what it offers can be asked for.
    fn is_here(&self) -> bool {
        self.is_connected() || self.resting
    }

    /// Whether its connection broke and nothing was heard of it since.
    pub(super) fn is_lost(&self) -> bool {
        !self.is_connected() && self.lost_at.is_some_and(|lost| self.heard <= lost)
    }

    /// Whether it was heard by a beacon.
    pub(super) fn announces(&self) -> bool {
        self.seen.is_some()
    }

    /// Whether its beacons alone are enough to know that it is here.
    pub(super) fn may_rest(&self, now: Now, silence: Duration) -> bool {
        self.is_of_crowd() && self.quiet_for(now) < silence
    }

    /// Lets it rest or not; true if that is new. One that is to be connected is dialled after
    /// `settling`.
    pub(super) fn rest(&mut self, rests: bool, settling: Duration, now: Now) -> bool {
        let changed = std::mem::replace(&mut self.resting, rests) != rests;
        self.untold |= changed && rests;
        if changed && !rests && self.stage == Stage::Idle && self.confirmed {
            self.retry_now(now);
            self.settled = now + settling;
        }
        changed
    }

    /// Whether it rests, and where it can be reached is news.
    pub(super) fn has_place_of_rest(&self) -> bool {
        self.resting && self.untold
    }

    /// Where it can be reached, if it rests and that is news.
    pub(super) fn take_place_of_rest(&mut self) -> Option<Vec<SocketAddr>> {
        let news = self.resting && std::mem::take(&mut self.untold);
        news.then(|| self.addresses.clone())
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.stage, Stage::Connected { .. })
    }

    /// Whether its first dial is under way, and it has not announced itself.
    pub(super) fn is_new(&self) -> bool {
        let dialing = matches!(self.stage, Stage::Dialing { .. });
        !self.confirmed && self.seen.is_none() && self.failures == 0 && dialing
    }

    /// Whether it announced itself and its connection is under way or due. A first failure is
    /// forgiven: on a machine with much to do a handshake may take longer than it has. In a `crowd`
    /// more are: others may vouch for one that has no room for a connection.
    pub(super) fn is_expected(&self, crowd: bool, now: Now) -> bool {
        let coming = matches!(self.stage, Stage::Dialing { .. }) || self.retry_at().is_some();
        let forgiven = self.failures < 2 || crowd && now < self.since + VOUCHED_WITHIN;
        !self.confirmed && self.seen.is_some() && forgiven && coming
    }

    /// When to dial next, if ever.
    pub(super) fn retry_at(&self) -> Option<Now> {
        let idle = self.stage == Stage::Idle && !self.addresses.is_empty() && !self.resting;
        let at = self.retry.filter(|_| idle)?;
        Some(at.max(self.settled))
    }

    /// Whether it is to be dialled, and in a crowd somebody else may vouch for it.
    pub(super) fn waits_for_vouching(&self) -> bool {
        !self.confirmed && self.announces() && self.retry_at().is_some()
    }

    /// Whether it is known by another's word alone, without anything that it signed.
    pub(super) fn is_told(&self) -> bool {
        self.told_until.is_some()
    }

    /// Where it may be, if that is known.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.addresses.first().copied()
    }

    /// When a dial under way counts as failed.
    pub(super) fn dial_ends(&self) -> Option<Now> {
        match self.stage {
            Stage::Dialing { since } => Some(since + DIAL),
            _ => None,
        }
    }

    /// When it is gone if nothing more is heard. Does not hold while it is connected.
    pub(super) fn gone_at(&self, silence: Duration) -> Now {
        if let Some(until) = self.told_until {
            return until;
        }
        // One that is no peer is known no longer than it would be among few.
        let longest = if self.confirmed {
            silence
        } else {
            LONGEST_SILENCE
        };
        let silent = (self.heard + silence.min(longest))
            .saturating_sub(Duration::from_secs(self.unheard.into()));
        let gone = match self.lost_at {
            Some(lost) if self.redial_failed && self.heard <= lost => lost + DEAD,
            // A connection that fell silent took most of that time already.
            Some(lost) => silent.max(lost + DEAD),
            None => silent,
        };
        self.doubted_until.map_or(gone, |until| gone.min(until))
    }

    /// Until when it is worth a dial: what mDNS found is not told anew when its network comes back.
    pub(super) fn wanted_until(&self, silence: Duration) -> Now {
        self.gone_at(silence).max(self.found_until)
    }

    /// Whether its `JOIN` is so recent that it should dial, not we.
    pub(super) fn joins_now(&self, now: Now) -> bool {
        self.joined_at.is_some_and(|at| now < at + NEWCOMER_DIALS)
    }

    pub(super) fn heard(&mut self, beacon: Beacon, address: SocketAddr, it_dials: bool, now: Now) {
        (self.told_until, self.hearsay) = (None, false);
        self.is_there();
        let another_life = self.seen.is_some_and(|seen| seen.epoch < beacon.epoch);
        self.seen = Some(BeaconNumber::of(&beacon));
        self.heard = now;
        self.name = cut(beacon.name);
        self.catalog = Some(CatalogVersion {
            epoch: beacon.epoch,
            revision: beacon.revision,
        });
        if another_life || self.resting {
            self.failures = 0;
        }
        if beacon.kind == Kind::Join {
            self.joined_at = Some(now);
        }
        let fresh = self.add(address);
        if it_dials {
            self.retry = Some(self.joined_at.unwrap_or(now) + NEWCOMER_DIALS);
        } else if fresh || self.failures == 0 || self.retry.is_none() {
            self.retry_now(now);
        }
    }

    /// It was heard once, and somebody vouches for it: if it was only told of since, that is more.
    pub(super) fn vouched(&mut self, settled: Now, now: Now) {
        self.settled = settled;
        if self.told_until.take().is_some() {
            self.heard = now;
        }
    }

    /// It is here by another's word.
    pub(super) fn introduced(
        &mut self,
        (address, age): (SocketAddr, Duration),
        version: CatalogVersion,
        now: Now,
    ) {
        let epoch = version.epoch;
        self.seen = self.seen.max(Some(BeaconNumber { epoch, seq: 0 }));
        (self.told_until, self.heard) = (None, now);
        self.unheard = age.as_secs().try_into().unwrap_or(u32::MAX);
        // What it offers came with that word.
        (self.catalog, self.hinted) = (Some(version), Some(version));
        (self.confirmed, self.hearsay) = (true, true);
        self.add(address);
        self.retry_now(now + NEWCOMER_DIALS);
    }

    pub(super) fn told(&mut self, address: SocketAddr, now: Now) {
        self.told_until = Some(now + TOLD);
        self.add(address);
        self.retry_now(now);
    }

    pub(super) fn found(&mut self, addresses: &[SocketAddr], now: Now) {
        self.told_until = None;
        let mut fresh = false;
        for address in addresses.iter().take(MAX_ADDRESSES).rev() {
            fresh |= self.add(*address);
        }
        self.found_until = now + FOUND;
        if fresh || self.retry.is_none() {
            self.retry_now(now);
        }
    }

    fn retry_now(&mut self, now: Now) {
        let soonest = self.last_dial.map_or(now, |at| (at + APART).max(now));
        self.retry = Some(self.retry.map_or(soonest, |at| at.min(soonest)));
    }

    /// Addresses at which it may be besides the one at which it is connected, if that is news.
    pub(super) fn take_elsewhere(&mut self) -> Vec<SocketAddr> {
        let Some(here) = self.here.filter(|_| self.is_connected() && self.moved) else {
            return Vec::new();
        };
        self.moved = false;
        let others = self.addresses.iter().filter(|at| at.ip() != here);
        others.copied().collect()
    }

    /// Puts an address first; true if it was not known.
    fn add(&mut self, address: SocketAddr) -> bool {
        let known = self.addresses.iter().position(|known| *known == address);
        if let Some(at) = known {
            self.addresses.remove(at);
        }
        self.addresses.insert(0, address);
        self.addresses.truncate(MAX_ADDRESSES);
        self.moved |= known.is_none();
        self.untold |= self.resting && known.is_none();
        known.is_none()
    }

    pub(super) fn dial(&mut self, now: Now) -> Vec<SocketAddr> {
        self.stage = Stage::Dialing { since: now };
        self.last_dial = Some(now);
        self.retry = None;
        self.addresses.clone()
    }

    /// True if this makes it a peer. Where beacons are `far` apart it is as good as one. An address that we did not dial is not kept: its port is the
    /// caller's end.
    pub(super) fn connected(&mut self, address: SocketAddr, far: bool, now: Now) -> bool {
        if !self.is_connected() {
            self.stage = Stage::Connected { since: now };
        }
        if self.addresses.contains(&address) {
            self.add(address);
        }
        (self.told_until, self.met, self.hearsay) = (None, true, false);
        self.is_there();
        if far {
            self.heard = now;
        }
        (self.here, self.moved) = (Some(address.ip()), true);
        self.retry = None;
        self.lost_at = None;
        self.redial_failed = false;
        self.refusals = 0;
        !std::mem::replace(&mut self.confirmed, true)
    }

    /// In a `crowd` who came to us and hangs up is likely at rest there. Where it listens its
    /// beacon will say.
    pub(super) fn disconnected(&mut self, crowd: bool, now: Now) {
        let Stage::Connected { since } = self.stage else {
            return;
        };
        if crowd && self.addresses.is_empty() {
            (self.stage, self.heard) = (Stage::Idle, now);
            return;
        }
        if self.resting {
            // Most likely it was of no use to either end. Its beacons say how it is.
            self.stage = Stage::Idle;
            return;
        }
        // One that always hangs up at once is not dialled five times a second.
        self.failures = if now.saturating_sub(since) >= HELD {
            0
        } else {
            self.failures.saturating_add(1)
        };
        self.stage = Stage::Idle;
        self.lost_at = Some(now);
        self.retry = Some(now + self.pause());
    }

    pub(super) fn dial_failed(&mut self, now: Now) {
        if self.resting && self.stage == Stage::Idle {
            // Something was to be asked. Twice in vain, and not a beacon between: it has died.
            self.failures += 1;
            if self.failures > 1 {
                (self.lost_at, self.redial_failed) = (Some(now), true);
            }
            return;
        }
        if self.dial_ends().is_none() {
            return;
        }
        self.stage = Stage::Idle;
        if std::mem::take(&mut self.looked_at) {
            // Others said that it is gone.
            self.lost_at = self.lost_at.or(Some(now));
        }
        self.redial_failed = self.lost_at.is_some();
        self.failures = self.failures.saturating_add(1);
        self.retry = Some(now + self.pause());
    }

    /// It is there, or something else at its address, and took no connection: its beacons say how it
    /// is.
    pub(super) fn full(&mut self, now: Now) {
        self.avoided_until = now + AVOIDED * (1 << self.refusals.min(4));
        self.refusals = self.refusals.saturating_add(1);
        self.looked_at = false;
        if self.dial_ends().is_some() {
            self.dial_failed(now);
            self.redial_failed = false;
        }
    }

    fn pause(&self) -> Duration {
        if self.lost_at.is_some() {
            LOST[self.failures.min(LOST.len() - 1)]
        } else {
            let doublings = self.failures.saturating_sub(1).min(6) as u32;
            (APART * 2u32.pow(doublings)).min(Duration::from_secs(30))
        }
    }

    /// The version of the catalog if it is a peer and they are news.
    pub(super) fn take_hint(&mut self) -> Option<CatalogVersion> {
        if !self.is_here() || self.hinted == self.catalog {
            return None;
        }
        self.hinted = self.catalog;
        self.catalog
    }
}

fn cut(mut name: String) -> String {
    let mut end = name.len().min(MAX_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name
}
