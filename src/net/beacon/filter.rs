//! Which datagrams are worth a signature check.
//!
//! Owns the memory of what was checked and the limits on checking. Never touches a socket, never trusts what is not
//! checked: a beacon is remembered only once its signature was good, so a forged one cannot hide a real one.

use crate::{
    core::{
        Now,
        chance::Chance,
        id::NodeId,
        membership::Beacon,
        rate::{Bucket, Buckets, Rate},
    },
    wire::beacon::{Unverified, peek},
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
};

/// A node sends a few beacons a second at most; thirty homes may start behind one port of a forwarder.
const PER_SENDER: Rate = Rate {
    per_second: 50.0,
    burst: 100.0,
};
const PER_ADDRESS: Rate = Rate {
    per_second: 200.0,
    burst: 200.0,
};
/// About a twentieth of one core at 100 µs each.
const IN_ALL: Rate = Rate {
    per_second: 500.0,
    burst: 500.0,
};
/// Senders and nodes remembered: twice what the membership keeps.
const REMEMBERED: usize = 1024;

#[derive(Debug)]
struct Limits {
    chance: Chance,
    senders: Buckets<SocketAddr>,
    addresses: Buckets<IpAddr>,
    all: Bucket,
    /// The greatest `(epoch, seq)` with a good signature.
    verified: BTreeMap<NodeId, (u64, u64)>,
}

/// From datagrams to beacons that are true and new.
#[derive(Debug)]
pub(super) struct Filter {
    me: NodeId,
    swarm_key: Option<[u8; 32]>,
    limits: Mutex<Limits>,
}

impl Filter {
    pub(super) fn new(me: NodeId, swarm_key: Option<[u8; 32]>, seed: u64) -> Self {
        Self {
            me,
            swarm_key,
            limits: Mutex::new(Limits {
                chance: Chance::new(seed),
                senders: Buckets::new(PER_SENDER, REMEMBERED),
                addresses: Buckets::new(PER_ADDRESS, REMEMBERED),
                all: Bucket::new(IN_ALL, Now::ZERO),
                verified: BTreeMap::new(),
            }),
        }
    }

    /// The beacon in a datagram, or `None` if it is foreign, our own, known already, one too many, or forged.
    pub(super) fn pass(&self, bytes: &[u8], from: SocketAddr, now: Now) -> Option<Beacon> {
        let unverified = peek(bytes, self.swarm_key.as_ref()).ok()?;
        if !self.worth_checking(&unverified, from, now) {
            return None;
        }
        let beacon = unverified.verify().ok()?;
        self.is_news(&beacon).then_some(beacon)
    }

    fn worth_checking(&self, unverified: &Unverified, from: SocketAddr, now: Now) -> bool {
        let (node, epoch, seq) = unverified.id();
        if node == self.me {
            return false;
        }
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let Limits {
            chance,
            senders,
            addresses,
            all,
            verified,
        } = &mut *limits;
        if verified
            .get(&node)
            .is_some_and(|last| (epoch, seq) <= *last)
        {
            return false;
        }
        senders.of(from, now, chance).take_by_chance(now, chance)
            && addresses
                .of(from.ip(), now, chance)
                .take_by_chance(now, chance)
            && all.take_by_chance(now, chance)
    }

    /// Remembers a true beacon; false if another copy of it was faster.
    fn is_news(&self, beacon: &Beacon) -> bool {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (beacon.epoch, beacon.seq);
        let last = limits.verified.get(&beacon.node);
        if last.is_some_and(|last| at <= *last) {
            return false;
        }
        if last.is_none() && limits.verified.len() >= REMEMBERED {
            let nth = limits.chance.below(REMEMBERED);
            let victim = limits.verified.keys().nth(nth).copied();
            victim.map(|victim| limits.verified.remove(&victim));
        }
        limits.verified.insert(beacon.node, at);
        true
    }

    /// Entries in all tables.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        let limits = self.limits.lock().unwrap();
        limits
            .verified
            .len()
            .max(limits.senders.len())
            .max(limits.addresses.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::membership::Kind,
        wire::beacon::{Signer, encode},
    };

    fn signer(n: u32) -> Signer {
        let mut secret = [1; 32];
        secret[..4].copy_from_slice(&n.to_be_bytes());
        Signer::new(secret).unwrap()
    }

    fn bytes(signer: &Signer, seq: u64) -> Vec<u8> {
        let beacon = Beacon {
            kind: Kind::Ping,
            node: signer.node(),
            name: "n".into(),
            tcp: 1,
            udp: 1,
            epoch: 1,
            revision: 1,
            seq,
        };
        encode(&beacon, signer, None).unwrap()
    }

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_replay_is_dropped_and_a_forgery_hides_nothing() {
        let filter = Filter::new(signer(0).node(), None, 1);
        let good = bytes(&signer(1), 5);
        let mut forged = good.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(filter.pass(&forged, from(1), Now::ZERO).is_none());
        assert!(filter.pass(&good, from(1), Now::ZERO).is_some());
        assert!(filter.pass(&good, from(2), Now::ZERO).is_none());
        let older = bytes(&signer(1), 4);
        assert!(filter.pass(&older, from(1), Now::ZERO).is_none());
        let own = bytes(&signer(0), 1);
        assert!(filter.pass(&own, from(1), Now::ZERO).is_none());
    }

    #[test]
    fn a_flood_costs_few_checks_and_the_real_one_is_heard() {
        let filter = Filter::new(signer(0).node(), None, 1);
        let real = signer(1);
        // Two thousand identities in two seconds from two thousand ports, and five thousand datagrams of garbage.
        let garbage: Vec<u8> = (0..300u16).map(|n| n as u8).collect();
        let (mut passed, mut heard) = (0, 0);
        for n in 0..2_000u32 {
            let now = Now::from_millis(u64::from(n));
            let flood = bytes(&signer(n + 2), 1);
            passed += u32::from(filter.pass(&flood, from(1_000 + n as u16), now).is_some());
            for _ in 0..3 {
                assert!(filter.pass(&garbage, from(1), now).is_none());
            }
            if n % 100 == 0 {
                let mine = bytes(&real, u64::from(n) + 1);
                heard += u32::from(filter.pass(&mine, from(9), now).is_some());
            }
            assert!(filter.remembered() <= REMEMBERED);
        }
        assert!(passed <= 200 + 2 * 200, "{passed}");
        assert!(heard > 0, "the real one was not heard");
        // One sender alone does not use up what there is for others at its address.
        let filter = Filter::new(signer(0).node(), None, 1);
        for n in 0..2_000u32 {
            filter.pass(&bytes(&signer(n + 2), 1), from(1), Now::ZERO);
        }
        assert!(filter.pass(&bytes(&real, 1), from(2), Now::ZERO).is_some());
    }
}
