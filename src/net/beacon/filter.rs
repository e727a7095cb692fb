//! Which datagrams are worth a signature check.
//!
//! Owns the memory of what was checked and the limits on checking. Never touches a socket, never
//! trusts what is not checked: a beacon is remembered only once its signature was good, so a forged
//! one cannot hide a real one.
//!
//! The order is that of the cost, since in a flood most datagrams get no further than the first
//! steps: six bytes of header; whether that sender may be heard now; taking the datagram apart;
//! whether it is news; whether there is time for a check.

mod senders;
#[cfg(test)]
mod tests;

use crate::{
    core::{
        Now,
        chance::Chance,
        doctor::Tally,
        id::NodeId,
        membership::{Beacon, BeaconNumber, MAX_KNOWN},
        rate::{Bucket, Buckets, Rate},
    },
    wire::beacon::{Foreign, Unverified, foreign, is_ours, peek},
};
use parking_lot::{Mutex, MutexGuard};
use senders::{Senders, Standing};
use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
};

const PER_ADDRESS: Rate = Rate {
    per_second: 200.0,
    burst: 200.0,
};
/// These three together are about a tenth of one core at 100 µs each.
const IN_ALL: Rate = Rate {
    per_second: 300.0,
    burst: 300.0,
};
/// Time of its own for senders of which little was checked lately, as is so of every honest one: in
/// a flood from some hundred ports each of those has its share, and it is small.
const LITTLE: Rate = Rate {
    per_second: 400.0,
    burst: 400.0,
};
/// The same for those of them whose last beacon was true.
const KNOWN: Rate = Rate {
    per_second: 400.0,
    burst: 400.0,
};
/// Beacons under this node's own key, of which there should be none.
const DOUBLES: Rate = Rate {
    per_second: 10.0,
    burst: 20.0,
};
/// Nodes whose last number is remembered: as many as the membership knows, some 1.5 MB.
const REMEMBERED: usize = MAX_KNOWN;
/// Addresses that are counted. One that is forgotten has all its time again, within that of all.
const ADDRESSES: usize = 1024;
/// Datagrams whose copies are known by their last bytes: each comes by broadcast and by multicast,
/// one after the other.
const COPIES: usize = 32;

/// How much checking there is time for.
#[derive(Debug)]
struct Budget {
    addresses: Buckets<IpAddr>,
    all: Bucket,
}

impl Budget {
    fn new() -> Self {
        Self {
            addresses: Buckets::new(PER_ADDRESS, ADDRESSES),
            all: Bucket::new(IN_ALL, Now::ZERO),
        }
    }

    fn take(&mut self, from: IpAddr, now: Now, chance: &mut Chance) -> bool {
        let here = self.addresses.of(from, now, chance);
        here.take_by_chance(now, chance) && self.all.take_by_chance(now, chance)
    }
}

#[derive(Debug)]
struct Limits {
    chance: Chance,
    senders: Senders,
    /// For strangers on the port that everyone knows…
    everyone: Budget,
    /// …and on this process' own ports, so that a flood of the first leaves time for answers.
    answers: Budget,
    known: Bucket,
    little: Bucket,
    doubles: Bucket,
    /// The greatest with a good signature.
    verified: BTreeMap<NodeId, BeaconNumber>,
    /// How the last of these end, with their signatures.
    last: VecDeque<[u8; ENDING]>,
}

/// Bytes of a signature by which it is known again.
const ENDING: usize = 16;

/// From datagrams to beacons that are true and new.
#[derive(Debug)]
pub(super) struct Filter {
    me: NodeId,
    epoch: u64,
    swarm_key: Option<[u8; 32]>,
    limits: Mutex<Limits>,
}

impl Filter {
    /// For the node with this id, in this life of it.
    pub(super) fn new((me, epoch): (NodeId, u64), swarm_key: Option<[u8; 32]>, seed: u64) -> Self {
        Self {
            me,
            epoch,
            swarm_key,
            limits: Mutex::new(Limits {
                chance: Chance::new(seed),
                senders: Senders::default(),
                everyone: Budget::new(),
                answers: Budget::new(),
                known: Bucket::new(KNOWN, Now::ZERO),
                little: Bucket::new(LITTLE, Now::ZERO),
                doubles: Bucket::new(DOUBLES, Now::ZERO),
                verified: BTreeMap::new(),
                last: VecDeque::with_capacity(COPIES),
            }),
        }
    }

    /// The beacon in a datagram, or `None` if it is foreign, our own, known already, one too many,
    /// or forged. And as what it is to be counted. `shared` is whether it came by the port that all
    /// processes share.
    pub(super) fn pass(
        &self,
        bytes: &[u8],
        from: SocketAddr,
        shared: bool,
        now: Now,
    ) -> (Option<Beacon>, Tally) {
        let mut tally = Tally::default();
        if !is_ours(bytes, self.swarm_key.as_ref()) {
            self.count_foreign(bytes, &mut tally);
            return (None, tally);
        }
        let Some(standing) = self.limits().hear(from, now) else {
            return (None, tally);
        };
        let ending = bytes.last_chunk::<ENDING>();
        if ending.is_some_and(|ending| self.limits().last.contains(ending)) {
            return (None, tally);
        }
        let Ok(unverified) = peek(bytes, self.swarm_key.as_ref()) else {
            self.count_foreign(bytes, &mut tally);
            self.limits().senders.failed(from, now);
            return (None, tally);
        };
        let (node, number) = unverified.id();
        if (node, number.epoch) == (self.me, self.epoch) {
            tally.own = 1;
            return (None, tally);
        }
        if !self.worth_checking(&unverified, (from, standing), shared, now) {
            return (None, tally);
        }
        let Ok(beacon) = unverified.verify() else {
            self.limits().senders.failed(from, now);
            return (None, tally);
        };
        tally.ours = 1;
        if let Some(ending) = ending {
            self.limits().remember(*ending);
        }
        (self.is_news(&beacon, from, now).then_some(beacon), tally)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock()
    }

    fn count_foreign(&self, bytes: &[u8], tally: &mut Tally) {
        match foreign(bytes, self.swarm_key.as_ref()) {
            Some(Foreign::Version) => tally.other_version = 1,
            Some(Foreign::Swarm) => tally.other_swarm = 1,
            None => {}
        }
    }

    fn worth_checking(
        &self,
        unverified: &Unverified,
        (from, standing): (SocketAddr, Standing),
        shared: bool,
        now: Now,
    ) -> bool {
        let (node, number) = unverified.id();
        let mut limits = self.limits();
        let Limits {
            chance,
            everyone,
            answers,
            known,
            little,
            doubles,
            verified,
            senders,
            ..
        } = &mut *limits;
        if verified.get(&node).is_some_and(|last| number <= *last) {
            return false;
        }
        if node == self.me && !doubles.take_by_chance(now, chance) {
            return false;
        }
        let budget = if shared { everyone } else { answers };
        let says_little = senders.says_little(from, now);
        (says_little && standing == Standing::Known && known.take_by_chance(now, chance))
            || (says_little && little.take_by_chance(now, chance))
            || budget.take(from.ip(), now, chance)
    }

    /// Remembers a true beacon; false if another copy of it was faster.
    fn is_news(&self, beacon: &Beacon, from: SocketAddr, now: Now) -> bool {
        let mut limits = self.limits();
        limits.senders.was_true(from, now);
        let at = BeaconNumber::of(beacon);
        let last = limits.verified.get(&beacon.node);
        if last.is_some_and(|last| at <= *last) {
            return false;
        }
        if last.is_none() && limits.verified.len() >= REMEMBERED {
            limits.forget_one();
        }
        limits.verified.insert(beacon.node, at);
        true
    }

    /// Entries in the tables that grow: nodes, and addresses.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, usize) {
        let limits = self.limits();
        let addresses = [&limits.everyone, &limits.answers].map(|budget| budget.addresses.len());
        (limits.verified.len(), addresses.into_iter().max().unwrap())
    }
}

impl Limits {
    /// Forgets the number of any node: the first after a place that chance names, since counting to
    /// one among thousands would cost a flood's victim too much.
    fn forget_one(&mut self) {
        let mut place = [0; 32];
        for part in place.chunks_exact_mut(8) {
            part.copy_from_slice(&self.chance.bits().to_be_bytes());
        }
        let mut from = self.verified.range(NodeId(place)..);
        let victim = from.next().or_else(|| self.verified.first_key_value());
        if let Some(victim) = victim.map(|(node, _)| *node) {
            self.verified.remove(&victim);
        }
    }

    fn remember(&mut self, ending: [u8; ENDING]) {
        self.last.truncate(COPIES - 1);
        self.last.push_front(ending);
    }

    fn hear(&mut self, from: SocketAddr, now: Now) -> Option<Standing> {
        self.senders.hear(from, now, &mut self.chance)
    }
}
