//! One known node: where it may be, in which stage it is, and when to try again.
//!
//! Owns the times of one node. Never decides about others (who is evicted, who may be dialled now).

mod addresses;
mod doubt;
mod ends;
mod facts;
mod lately;
mod moment;

use super::{Beacon, BeaconNumber, Kind, NEWCOMER_DIALS, announcing::LONGEST_SILENCE};
use crate::core::Now;
use ::core::net::{IpAddr, SocketAddr};
use addresses::{Addresses, MAX_ADDRESSES};
pub(super) use ends::Ends;
use lately::Lately;
pub(super) use moment::Moment;
use std::time::Duration;

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
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct CatalogVersion {
    pub(super) epoch: u64,
    pub(super) revision: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Stage {
    #[default]
    Idle,
    Dialing {
        since: Now,
    },
    Connected {
        since: Now,
    },
}

/// A node. Of ten thousand each is kept, so what counts for a while only has a place elsewhere.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the node"
)]
pub(super) struct Peer {
    name: Option<Box<str>>,
    addresses: Addresses,
    lately: Lately,
    /// Since when it is known.
    since: Moment,
    /// The last beacon, or since when the node is known.
    heard: Moment,
    retry: Option<Moment>,
    /// The last beacon, if it announces itself.
    last: BeaconNumber,
    /// What it offers, if that is known.
    offers: CatalogVersion,
    /// For so many seconds it had not been heard then, by the word of another one.
    unheard: u32,
    /// The address that it counts against: of the first datagram, or where it was found.
    pub(super) source: IpAddr,
    announces: bool,
    has_offers: bool,
    /// What it offers was told of.
    hinted: bool,
    /// It is a peer: `Joined` was said and `Left` was not.
    pub(super) confirmed: bool,
    /// It was connected.
    pub(super) met: bool,
    /// It is here by another's word, with what it signed, and was not heard itself.
    pub(super) hearsay: bool,
    /// No connection is kept with it.
    pub(super) resting: bool,
    /// Where it can be reached is to be told, since it rests.
    untold: bool,
}

impl Peer {
    pub(super) fn new(source: IpAddr, seen: Option<BeaconNumber>, now: Now) -> Self {
        Self {
            name: None,
            addresses: Addresses::None,
            lately: Lately::default(),
            since: now.into(),
            heard: now.into(),
            retry: None,
            last: seen.unwrap_or_default(),
            offers: CatalogVersion::default(),
            unheard: 0,
            source,
            announces: seen.is_some(),
            has_offers: false,
            hinted: true,
            confirmed: false,
            met: false,
            hearsay: false,
            resting: false,
            untold: false,
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
        let lost = self.lately.lost_at;
        !self.is_connected() && lost.is_some_and(|lost| self.heard_last() <= lost)
    }

    /// Whether it was heard by a beacon.
    pub(super) fn announces(&self) -> bool {
        self.announces
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
        if changed && !rests && self.stage() == Stage::Idle && self.confirmed {
            self.retry_now(now);
            self.lately.change(|it| it.settled = now + settling);
        }
        self.calm(now);
        changed
    }

    /// Whether it rests, and where it can be reached is news.
    pub(super) fn has_place_of_rest(&self) -> bool {
        self.resting && self.untold
    }

    /// Where it can be reached, if it rests and that is news.
    pub(super) fn take_place_of_rest(&mut self) -> Option<Vec<SocketAddr>> {
        let news = self.resting && std::mem::take(&mut self.untold);
        news.then(|| self.addresses.to_vec())
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.stage(), Stage::Connected { .. })
    }

    /// Whether its first dial is under way, and it has not announced itself.
    pub(super) fn is_new(&self) -> bool {
        let dialing = matches!(self.stage(), Stage::Dialing { .. });
        !self.confirmed && !self.announces && self.lately.failures == 0 && dialing
    }

    /// Whether it announced itself and its connection is under way or due. A first failure is
    /// forgiven: on a machine with much to do a handshake may take longer than it has. In a `crowd`
    /// more are: others may vouch for one that has no room for a connection.
    pub(super) fn is_expected(&self, crowd: bool, now: Now) -> bool {
        let coming = matches!(self.stage(), Stage::Dialing { .. }) || self.retry_at().is_some();
        let forgiven = self.lately.failures < 2 || crowd && now < self.since() + VOUCHED_WITHIN;
        !self.confirmed && self.announces && forgiven && coming
    }

    /// When to dial next, if ever.
    pub(super) fn retry_at(&self) -> Option<Now> {
        let at = Now::from(self.retry?);
        let idle = self.stage() == Stage::Idle && !self.addresses.is_empty() && !self.resting;
        idle.then(|| at.max(self.lately.settled))
    }

    /// Whether it is to be dialled, and in a crowd somebody else may vouch for it.
    pub(super) fn waits_for_vouching(&self) -> bool {
        !self.confirmed && self.announces() && self.retry_at().is_some()
    }

    /// Whether it is known by another's word alone, without anything that it signed.
    pub(super) fn is_told(&self) -> bool {
        self.lately.told_until.is_some()
    }

    /// Where it may be, if that is known.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.addresses.first()
    }

    /// When a dial under way counts as failed.
    pub(super) fn dial_ends(&self) -> Option<Now> {
        match self.stage() {
            Stage::Dialing { since } => Some(since + DIAL),
            _ => None,
        }
    }

    /// When it is gone if nothing more is heard. Does not hold while it is connected.
    pub(super) fn gone_at(&self, silence: Duration) -> Now {
        let lately = &self.lately;
        if let Some(until) = lately.told_until {
            return until;
        }
        // One that is no peer is known no longer than it would be among few.
        let longest = if self.confirmed {
            silence
        } else {
            LONGEST_SILENCE
        };
        let heard = self.heard_last();
        let silent =
            (heard + silence.min(longest)).saturating_sub(Duration::from_secs(self.unheard.into()));
        let gone = match lately.lost_at {
            Some(lost) if lately.redial_failed && heard <= lost => lost + DEAD,
            // A connection that fell silent took most of that time already.
            Some(lost) => silent.max(lost + DEAD),
            None => silent,
        };
        lately.doubted_until.map_or(gone, |until| gone.min(until))
    }

    /// Until when it is worth a dial: what mDNS found is not told anew when its network comes back.
    pub(super) fn wanted_until(&self, silence: Duration) -> Now {
        self.gone_at(silence).max(self.lately.found_until)
    }

    /// Whether its `JOIN` is so recent that it should dial, not we.
    pub(super) fn joins_now(&self, now: Now) -> bool {
        let joined = self.lately.joined_at;
        joined.is_some_and(|at| now < at + NEWCOMER_DIALS)
    }

    pub(super) fn heard(&mut self, beacon: Beacon, address: SocketAddr, it_dials: bool, now: Now) {
        self.hearsay = false;
        self.is_there();
        let another_life = self.announces && self.last.epoch < beacon.epoch;
        self.see(BeaconNumber::of(&beacon));
        self.heard = now.into();
        self.call(beacon.name);
        let (epoch, revision) = (beacon.epoch, beacon.revision);
        self.offers(CatalogVersion { epoch, revision }, false);
        let joins = beacon.kind == Kind::Join;
        let alive = another_life || self.resting;
        self.lately.change(|it| {
            it.told_until = None;
            if alive {
                it.failures = 0;
            }
            if joins {
                it.joined_at = Some(now);
            }
        });
        let fresh = self.add(address);
        if it_dials {
            let joined = self.lately.joined_at.unwrap_or(now);
            self.retry = Some((joined + NEWCOMER_DIALS).into());
        } else if fresh || self.lately.failures == 0 || self.retry.is_none() {
            self.retry_now(now);
        }
        self.calm(now);
    }

    /// It was heard once, and somebody vouches for it: if it was only told of since, that is more.
    pub(super) fn vouched(&mut self, settled: Now, now: Now) {
        let told = self.lately.change(|it| {
            it.settled = settled;
            it.told_until.take()
        });
        if told.is_some() {
            self.heard = now.into();
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
        let word = BeaconNumber { epoch, seq: 0 };
        self.see(self.seen().map_or(word, |last| last.max(word)));
        self.lately.change(|it| it.told_until = None);
        self.heard = now.into();
        self.unheard = age.as_secs().try_into().unwrap_or(u32::MAX);
        // What it offers came with that word.
        self.offers(version, true);
        (self.confirmed, self.hearsay) = (true, true);
        self.add(address);
        self.retry_now(now + NEWCOMER_DIALS);
    }

    pub(super) fn told(&mut self, address: SocketAddr, now: Now) {
        self.lately.change(|it| it.told_until = Some(now + TOLD));
        self.add(address);
        self.retry_now(now);
    }

    pub(super) fn found(&mut self, addresses: &[SocketAddr], now: Now) {
        let mut fresh = false;
        for address in addresses.iter().take(MAX_ADDRESSES).rev() {
            fresh |= self.add(*address);
        }
        self.lately.change(|it| {
            it.told_until = None;
            it.found_until = now + FOUND;
        });
        if fresh || self.retry.is_none() {
            self.retry_now(now);
        }
    }

    fn retry_now(&mut self, now: Now) {
        let last = self.lately.last_dial;
        let soonest = last.map_or(now, |at| (at + APART).max(now)).into();
        self.retry = Some(self.retry.map_or(soonest, |at| at.min(soonest)));
    }

    /// Addresses at which it may be besides the one at which it is connected, if that is news.
    pub(super) fn take_elsewhere(&mut self) -> Vec<SocketAddr> {
        let here = self.lately.here.filter(|_| self.lately.moved);
        let Some(here) = here.filter(|_| self.is_connected()) else {
            return Vec::new();
        };
        self.lately.change(|it| it.moved = false);
        let others = self.addresses.iter().filter(|at| at.ip() != here);
        others.collect()
    }

    /// Puts an address first; true if it was not known.
    fn add(&mut self, address: SocketAddr) -> bool {
        let fresh = self.addresses.put_first(address);
        let connected = self.is_connected();
        self.lately.change(|it| it.moved |= fresh && connected);
        self.untold |= self.resting && fresh;
        fresh
    }

    pub(super) fn dial(&mut self, now: Now) -> Vec<SocketAddr> {
        self.lately.change(|it| {
            it.stage = Stage::Dialing { since: now };
            it.last_dial = Some(now);
        });
        self.retry = None;
        self.addresses.to_vec()
    }

    /// True if this makes it a peer. Where beacons are `far` apart it is as good as one. An address
    /// that we did not dial is not kept: its port is the caller's end.
    pub(super) fn connected(&mut self, address: SocketAddr, far: bool, now: Now) -> bool {
        if self.addresses.contains(&address) {
            self.add(address);
        }
        (self.met, self.hearsay) = (true, false);
        self.is_there();
        if far {
            self.heard = now.into();
        }
        self.retry = None;
        self.lately.change(|it| {
            if !matches!(it.stage, Stage::Connected { .. }) {
                it.stage = Stage::Connected { since: now };
            }
            (it.here, it.moved) = (Some(address.ip()), true);
            (it.told_until, it.lost_at) = (None, None);
            (it.redial_failed, it.refusals) = (false, 0);
        });
        !std::mem::replace(&mut self.confirmed, true)
    }

    /// In a `crowd` who came to us and hangs up is likely at rest there. Where it listens its
    /// beacon will say.
    pub(super) fn disconnected(&mut self, crowd: bool, now: Now) {
        let Stage::Connected { since } = self.stage() else {
            return;
        };
        self.lately.change(|it| it.stage = Stage::Idle);
        if crowd && self.addresses.is_empty() {
            self.heard = now.into();
        } else if !self.resting {
            // One that always hangs up at once is not dialled five times a second.
            let held = now.saturating_sub(since) >= HELD;
            self.lately.change(|it| {
                it.failures = if held {
                    0
                } else {
                    it.failures.saturating_add(1)
                };
                it.lost_at = Some(now);
            });
            self.retry = Some((now + self.pause()).into());
        }
        // If it rests: most likely it was of no use to either end. Its beacons say how it is.
        self.calm(now);
    }

    pub(super) fn dial_failed(&mut self, now: Now) {
        if self.resting && self.stage() == Stage::Idle {
            // Something was to be asked. Twice in vain, and not a beacon between: it has died.
            self.lately.change(|it| {
                it.failures = it.failures.saturating_add(1);
                if it.failures > 1 {
                    (it.lost_at, it.redial_failed) = (Some(now), true);
                }
            });
            return;
        }
        if self.dial_ends().is_none() {
            return;
        }
        self.lately.change(|it| {
            it.stage = Stage::Idle;
            if std::mem::take(&mut it.looked_at) {
                // Others said that it is gone.
                it.lost_at = it.lost_at.or(Some(now));
            }
            it.redial_failed = it.lost_at.is_some();
            it.failures = it.failures.saturating_add(1);
        });
        self.retry = Some((now + self.pause()).into());
    }

    /// It is there, or something else at its address, and took no connection: its beacons say how it
    /// is.
    pub(super) fn full(&mut self, now: Now) {
        self.lately.change(|it| {
            it.avoided_until = now + AVOIDED * (1 << it.refusals.min(4));
            it.refusals = it.refusals.saturating_add(1);
            it.looked_at = false;
        });
        if self.dial_ends().is_some() {
            self.dial_failed(now);
            self.lately.change(|it| it.redial_failed = false);
        }
    }

    fn pause(&self) -> Duration {
        let failures = self.lately.failures;
        if self.lately.lost_at.is_some() {
            LOST[(failures as usize).min(LOST.len() - 1)]
        } else {
            let doublings = failures.saturating_sub(1).min(6);
            (APART * 2u32.pow(doublings)).min(Duration::from_secs(30))
        }
    }

    /// The version of the catalog if it is a peer and they are news.
    pub(super) fn take_hint(&mut self) -> Option<CatalogVersion> {
        let news = self.is_here() && !self.hinted;
        self.hinted |= news;
        self.catalog().filter(|_| news)
    }
}
