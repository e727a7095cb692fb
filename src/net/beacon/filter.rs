//! Which datagrams are worth a signature check.
//!
//! Owns the memory of what was checked and the limits on checking. Never touches a socket, never trusts what is not
//! checked: a beacon is remembered only once its signature was good, so a forged one cannot hide a real one.
//!
//! The order is that of the cost, since in a flood most datagrams get no further than the first steps: six bytes of header;
//! whether that sender may be heard now; taking the datagram apart; whether it is news; whether there is time for a check.

mod senders;

use crate::{
    core::{
        Now,
        chance::Chance,
        doctor::Tally,
        id::NodeId,
        membership::Beacon,
        rate::{Bucket, Buckets, Rate},
    },
    wire::beacon::{Foreign, Unverified, foreign, is_ours, peek},
};
use senders::{Senders, Standing};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
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
/// The same for senders whose last beacon was true: whatever strangers send, there is time for these.
const KNOWN: Rate = Rate {
    per_second: 500.0,
    burst: 500.0,
};
/// Beacons under this node's own key, of which there should be none.
const DOUBLES: Rate = Rate {
    per_second: 10.0,
    burst: 20.0,
};
/// Addresses and nodes remembered: twice what the membership keeps.
const REMEMBERED: usize = 1024;

/// How much checking there is time for.
#[derive(Debug)]
struct Budget {
    addresses: Buckets<IpAddr>,
    all: Bucket,
}

impl Budget {
    fn new() -> Self {
        Self {
            addresses: Buckets::new(PER_ADDRESS, REMEMBERED),
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
    /// For strangers on the port that everybody knows…
    everyone: Budget,
    /// …and on this process' own ports, so that a flood of the first leaves time for answers.
    answers: Budget,
    known: Bucket,
    doubles: Bucket,
    /// The greatest `(epoch, seq)` with a good signature.
    verified: BTreeMap<NodeId, (u64, u64)>,
}

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
                doubles: Bucket::new(DOUBLES, Now::ZERO),
                verified: BTreeMap::new(),
            }),
        }
    }

    /// The beacon in a datagram, or `None` if it is foreign, our own, known already, one too many, or forged. And as what
    /// it is to be counted. `shared` is whether it came by the port that all processes share.
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
        let Ok(unverified) = peek(bytes, self.swarm_key.as_ref()) else {
            self.count_foreign(bytes, &mut tally);
            self.limits().senders.failed(from, now);
            return (None, tally);
        };
        let (node, epoch, _) = unverified.id();
        if (node, epoch) == (self.me, self.epoch) {
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
        (self.is_news(&beacon, from, now).then_some(beacon), tally)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (node, epoch, seq) = unverified.id();
        let mut limits = self.limits();
        let Limits {
            chance,
            everyone,
            answers,
            known,
            doubles,
            verified,
            ..
        } = &mut *limits;
        if verified
            .get(&node)
            .is_some_and(|last| (epoch, seq) <= *last)
        {
            return false;
        }
        if node == self.me && !doubles.take_by_chance(now, chance) {
            return false;
        }
        let budget = if shared { everyone } else { answers };
        (standing == Standing::Known && known.take_by_chance(now, chance))
            || budget.take(from.ip(), now, chance)
    }

    /// Remembers a true beacon; false if another copy of it was faster.
    fn is_news(&self, beacon: &Beacon, from: SocketAddr, now: Now) -> bool {
        let mut limits = self.limits();
        limits.senders.was_true(from, now);
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

    /// Entries in the tables that grow.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        let limits = self.limits();
        let addresses = [&limits.everyone, &limits.answers].map(|budget| budget.addresses.len());
        addresses
            .into_iter()
            .max()
            .unwrap()
            .max(limits.verified.len())
    }
}

impl Limits {
    fn hear(&mut self, from: SocketAddr, now: Now) -> Option<Standing> {
        self.senders.hear(from, now, &mut self.chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::membership::Kind,
        wire::{beacon::encode, signer::Signer},
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

    fn through(filter: &Filter, bytes: &[u8], from: SocketAddr, now: Now) -> Option<Beacon> {
        filter.pass(bytes, from, true, now).0
    }

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_replay_is_dropped_and_a_forgery_hides_nothing() {
        let filter = Filter::new((signer(0).node(), 1), None, 1);
        let good = bytes(&signer(1), 5);
        let mut forged = good.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(through(&filter, &forged, from(3), Now::ZERO).is_none());
        assert!(through(&filter, &good, from(1), Now::ZERO).is_some());
        assert!(through(&filter, &good, from(2), Now::ZERO).is_none());
        let older = bytes(&signer(1), 4);
        assert!(through(&filter, &older, from(1), Now::ZERO).is_none());
        let own = bytes(&signer(0), 1);
        assert!(through(&filter, &own, from(1), Now::ZERO).is_none());
    }

    #[test]
    fn another_life_under_the_own_key_is_heard_once_each_and_not_often() {
        let filter = Filter::new((signer(0).node(), 2), None, 1);
        let mut forged = bytes(&signer(0), 1);
        *forged.last_mut().unwrap() ^= 1;
        assert!(through(&filter, &forged, from(2), Now::ZERO).is_none());
        let other = bytes(&signer(0), 1);
        assert!(through(&filter, &other, from(1), Now::ZERO).is_some());
        assert!(through(&filter, &other, from(1), Now::ZERO).is_none());
        let many = (2..1_000).filter(|seq| {
            let more = bytes(&signer(0), *seq);
            through(&filter, &more, from(*seq as u16), Now::ZERO).is_some()
        });
        assert!(many.count() < 20);
        // What others say is heard all the same.
        assert!(through(&filter, &bytes(&signer(1), 1), from(9), Now::ZERO).is_some());
    }

    #[test]
    fn a_flood_costs_few_checks_and_the_real_one_is_heard() {
        let filter = Filter::new((signer(0).node(), 1), None, 1);
        let real = signer(1);
        // Two thousand identities in two seconds from two thousand ports, and five thousand datagrams of garbage.
        let garbage: Vec<u8> = (0..300u16).map(|n| n as u8).collect();
        let (mut passed, mut heard) = (0, 0);
        for n in 0..2_000u32 {
            let now = Now::from_millis(u64::from(n));
            let flood = bytes(&signer(n + 2), 1);
            passed += u32::from(through(&filter, &flood, from(1_000 + n as u16), now).is_some());
            for _ in 0..3 {
                assert!(through(&filter, &garbage, from(1), now).is_none());
            }
            if n % 100 == 0 {
                let mine = bytes(&real, u64::from(n) + 1);
                heard += u32::from(through(&filter, &mine, from(9), now).is_some());
            }
            assert!(filter.remembered() <= REMEMBERED);
        }
        assert!(passed <= 200 + 2 * 200, "{passed}");
        assert!(heard > 0, "the real one was not heard");
        // One sender alone does not use up what there is for others at its address.
        let filter = Filter::new((signer(0).node(), 1), None, 1);
        for n in 0..2_000u32 {
            through(&filter, &bytes(&signer(n + 2), 1), from(1), Now::ZERO);
        }
        assert!(through(&filter, &bytes(&real, 1), from(2), Now::ZERO).is_some());
    }

    #[test]
    fn what_is_heard_is_counted_by_what_it_is() {
        let sealed = |seq| {
            let beacon = Beacon {
                kind: Kind::Ping,
                node: signer(1).node(),
                name: "n".into(),
                tcp: 1,
                udp: 1,
                epoch: 1,
                revision: 1,
                seq,
            };
            encode(&beacon, &signer(1), Some(&[7; 32])).unwrap()
        };
        let mut newer = bytes(&signer(1), 1);
        newer[4] += 1;
        let count = |key: Option<[u8; 32]>, bytes: &[u8]| {
            let tally = Filter::new((signer(0).node(), 1), key, 1)
                .pass(bytes, from(1), true, Now::ZERO)
                .1;
            [
                tally.own,
                tally.ours,
                tally.other_swarm,
                tally.other_version,
            ]
        };
        assert_eq!(count(None, &bytes(&signer(0), 1)), [1, 0, 0, 0]);
        assert_eq!(count(None, &bytes(&signer(1), 1)), [0, 1, 0, 0]);
        assert_eq!(count(None, &sealed(1)), [0, 0, 1, 0]);
        assert_eq!(count(Some([7; 32]), &sealed(1)), [0, 1, 0, 0]);
        assert_eq!(count(Some([8; 32]), &sealed(1)), [0, 0, 1, 0]);
        assert_eq!(count(Some([8; 32]), &bytes(&signer(1), 1)), [0, 0, 1, 0]);
        assert_eq!(count(None, &newer), [0, 0, 0, 1]);
        assert_eq!(count(None, b"something else entirely"), [0; 4]);
    }

    /// What a newcomer says goes through within ten seconds of a flood of forgeries: the first second that it does.
    fn first_heard(filter: &Filter, ports: u16, a_second: u64, known: bool) -> Option<u64> {
        let real = signer(1);
        let forged: Vec<Vec<u8>> = (0..50)
            .map(|n| {
                let mut forged = bytes(&signer(n + 2), 1);
                *forged.last_mut().unwrap() ^= 1;
                forged
            })
            .collect();
        if known {
            let greeting = bytes(&real, 1);
            assert!(through(filter, &greeting, from(9), Now::ZERO).is_some());
        }
        for n in 0..10 * a_second {
            let now = Now::from_micros(n * 1_000_000 / a_second);
            let port = 1_000 + (n % u64::from(ports)) as u16;
            let bad = &forged[n as usize % forged.len()];
            assert!(through(filter, bad, from(port), now).is_none());
            if n % a_second == a_second / 2 {
                let mine = bytes(&real, 2 + n);
                if through(filter, &mine, from(9), now).is_some() {
                    return Some(n / a_second);
                }
            }
        }
        None
    }

    #[test]
    fn forgeries_from_one_address_do_not_keep_a_newcomer_there_from_being_heard() {
        for ports in [1, 50, 500] {
            let filter = Filter::new((signer(0).node(), 1), None, 1);
            let heard = first_heard(&filter, ports, 2_000, false);
            assert!(
                heard.is_some_and(|second| second < 8),
                "{ports} ports: {heard:?}"
            );
            let filter = Filter::new((signer(0).node(), 1), None, 1);
            let heard = first_heard(&filter, ports, 2_000, true);
            assert_eq!(heard, Some(0), "one that is known, {ports} ports");
        }
    }

    #[test]
    fn answers_are_heard_whatever_the_shared_port_is_flooded_with() {
        let filter = Filter::new((signer(0).node(), 1), None, 1);
        for n in 0..1_000u32 {
            let flood = bytes(&signer(n + 2), 1);
            filter.pass(&flood, from(1_000 + n as u16), true, Now::ZERO);
        }
        let mine = bytes(&signer(1), 1);
        let (heard, _) = filter.pass(&mine, from(9), false, Now::ZERO);
        assert!(heard.is_some());
    }
}
