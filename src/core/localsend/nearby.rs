//! Who is here: those who proved that they have the certificate whose fingerprint they say.
//!
//! An announcement proves nothing, and looking into it costs a handshake; so that has a rate, for
//! each place and for all. Invariants: at most [`MAX_HERE`] are here, [`OF_A_PLACE`] of one place;
//! one who is here stays until nothing was heard of them for [`EXPIRY`], so a flood of new ones
//! takes nobody's place.

use crate::core::{
    Now,
    chance::Chance,
    id::NodeId,
    link::Place,
    rate::{Bucket, Buckets, Rate},
};
use core::net::SocketAddr;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// People who are here at a time: more than any room holds.
pub const MAX_HERE: usize = 256;
/// Of one place: several programs of one machine.
pub const OF_A_PLACE: usize = 16;
/// How long somebody is here after they were heard last: three announcements of this node, which
/// they answer, and a bit.
pub const EXPIRY: Duration = Duration::from_secs(100);
/// Whom one has just heard is not asked again.
const FRESH: Duration = Duration::from_secs(5);
/// Handshakes at a time, and with one place.
const AT_ONCE: usize = 16;
const AT_ONCE_EACH: usize = 4;
/// Handshakes because of announcements, from one place…
const EACH: Rate = Rate {
    per_second: 0.2,
    burst: 8.0,
};
/// …and from all.
const ALL: Rate = Rate {
    per_second: 4.0,
    burst: 64.0,
};
/// Places whose announcements are counted.
const COUNTED: usize = 1024;

/// Somebody who is here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Somebody {
    /// What they call themselves.
    pub name: String,
    /// Where they listen.
    pub at: SocketAddr,
    /// The SHA-256 of their certificate.
    pub key: [u8; 32],
    seen: Now,
}

/// What changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Somebody is here.
    Came(NodeId, String),
    /// Somebody is called so now; and what it was.
    Renamed(NodeId, String, String),
    /// Somebody is not heard any more.
    Left(NodeId, String),
}

/// See the module.
pub struct Nearby {
    own: [u8; 32],
    here: BTreeMap<NodeId, Somebody>,
    /// Handshakes under way.
    asking: BTreeSet<(Place, [u8; 32])>,
    places: Buckets<Place>,
    all: Bucket,
    chance: Chance,
}

impl Nearby {
    /// Nobody. `own` is this node's fingerprint.
    #[must_use]
    pub fn new(own: [u8; 32], seed: u64) -> Self {
        Self {
            own,
            here: BTreeMap::new(),
            asking: BTreeSet::new(),
            places: Buckets::new(EACH, COUNTED),
            all: Bucket::new(ALL, Now::ZERO),
            chance: Chance::new(seed),
        }
    }

    /// Somebody says that they are there. Whether they are to be asked, by a handshake that shows
    /// it; then [`Nearby::asked`] has to follow.
    pub fn heard(&mut self, at: SocketAddr, key: [u8; 32], now: Now) -> bool {
        let place = Place::of(at.ip());
        if key == self.own || at.port() == 0 || self.asking.contains(&(place, key)) {
            return false;
        }
        let known = self.here.get(&NodeId::localsend(&key));
        if known.is_some_and(|known| known.at == at && now < known.seen + FRESH) {
            return false;
        }
        if known.is_none() && !self.has_room(place) {
            return false;
        }
        let theirs = self.asking.iter().filter(|(of, _)| *of == place).count();
        if self.asking.len() >= AT_ONCE || theirs >= AT_ONCE_EACH {
            return false;
        }
        let own = self.places.of(place, now, &mut self.chance);
        let may = own.take(now) && self.all.take_by_chance(now, &mut self.chance);
        if may {
            self.asking.insert((place, key));
        }
        may
    }

    /// They were asked. With a name: they are there, and have that certificate.
    pub fn asked(
        &mut self,
        at: SocketAddr,
        key: [u8; 32],
        name: Option<String>,
        now: Now,
    ) -> Vec<Change> {
        self.asking.remove(&(Place::of(at.ip()), key));
        name.map_or_else(Vec::new, |name| self.shown(at, key, name, now))
    }

    /// Somebody proved by a handshake of their own that they have that certificate. Who listened
    /// there before has gone.
    pub fn shown(&mut self, at: SocketAddr, key: [u8; 32], name: String, now: Now) -> Vec<Change> {
        if key == self.own {
            return Vec::new();
        }
        let node = NodeId::localsend(&key);
        let mut changes = self.gone(|of, one| one.at == at && *of != node);
        if let Some(known) = self.here.get_mut(&node) {
            (known.at, known.seen) = (at, known.seen.max(now));
            if known.name != name {
                let before = std::mem::replace(&mut known.name, name.clone());
                changes.push(Change::Renamed(node, name, before));
            }
            return changes;
        }
        if !self.has_room(Place::of(at.ip())) {
            return changes;
        }
        let somebody = Somebody {
            name: name.clone(),
            at,
            key,
            seen: now,
        };
        self.here.insert(node, somebody);
        changes.push(Change::Came(node, name));
        changes
    }

    /// Time passed: who was not heard for long has left.
    pub fn tick(&mut self, now: Now) -> Vec<Change> {
        self.gone(|_, one| one.seen + EXPIRY <= now)
    }

    fn gone(&mut self, gone: impl Fn(&NodeId, &Somebody) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        self.here.retain(|node, one| {
            let goes = gone(node, one);
            if goes {
                changes.push(Change::Left(*node, std::mem::take(&mut one.name)));
            }
            !goes
        });
        changes
    }

    /// Somebody who is here.
    #[must_use]
    pub fn get(&self, node: &NodeId) -> Option<&Somebody> {
        self.here.get(node)
    }

    fn has_room(&self, place: Place) -> bool {
        let theirs = self.here.values();
        let theirs = theirs.filter(|one| Place::of(one.at.ip()) == place);
        self.here.len() < MAX_HERE && theirs.count() < OF_A_PLACE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ip: u32) -> SocketAddr {
        let ip = core::net::Ipv4Addr::from_bits(0x0a00_0000 + ip);
        SocketAddr::from((ip, 53317))
    }

    fn key(n: u32) -> [u8; 32] {
        let mut key = [7; 32];
        key[28..].copy_from_slice(&n.to_be_bytes());
        key
    }

    fn secs(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    fn nearby() -> Nearby {
        Nearby::new([1; 32], 5)
    }

    #[test]
    fn who_is_heard_is_asked_and_is_here_once_they_showed_their_certificate() {
        let mut nearby = nearby();
        assert!(!nearby.heard(at(1), [1; 32], secs(0)), "that is this node");
        assert!(nearby.heard(at(1), key(1), secs(0)));
        assert!(!nearby.heard(at(1), key(1), secs(1)), "it is being asked");
        assert!(nearby.get(&NodeId::localsend(&key(1))).is_none());
        let came = nearby.asked(at(1), key(1), Some("Nice Orange".into()), secs(1));
        let node = NodeId::localsend(&key(1));
        assert_eq!(came, [Change::Came(node, "Nice Orange".into())]);
        assert_eq!(nearby.get(&node).map(|one| one.at), Some(at(1)));
        assert!(!nearby.heard(at(1), key(1), secs(2)), "just heard");
        let renamed = nearby.shown(at(1), key(1), "Kiwi".into(), secs(3));
        let change = Change::Renamed(node, "Kiwi".into(), "Nice Orange".into());
        assert_eq!(renamed, [change]);
        assert!(
            nearby.heard(at(1), key(1), secs(9)),
            "to see that it is there"
        );
        assert_eq!(nearby.asked(at(1), key(1), None, secs(9)), []);
        assert_eq!(nearby.tick(secs(2) + EXPIRY), []);
        let left = nearby.tick(secs(3) + EXPIRY);
        assert_eq!(left, [Change::Left(node, "Kiwi".into())]);
    }

    #[test]
    fn who_listens_where_another_did_takes_their_place() {
        let mut nearby = nearby();
        nearby.shown(at(1), key(1), "Kiwi".into(), secs(0));
        nearby.shown(at(2), key(2), "Fig".into(), secs(0));
        let changes = nearby.shown(at(1), key(3), "Kiwi".into(), secs(1));
        let of = |n| NodeId::localsend(&key(n));
        let left = Change::Left(of(1), "Kiwi".into());
        assert_eq!(changes, [left, Change::Came(of(3), "Kiwi".into())]);
        let changes = nearby.shown(at(2), key(3), "Kiwi".into(), secs(2));
        assert_eq!(changes, [Change::Left(of(2), "Fig".into())], "and moved");
        assert_eq!(nearby.here.len(), 1);
    }

    #[test]
    fn a_flood_of_one_place_costs_few_handshakes_and_takes_nobody_s_place() {
        let mut nearby = nearby();
        nearby.shown(at(9), key(9), "friend".into(), secs(0));
        let mut asked = 0;
        for n in 0..100_000 {
            if nearby.heard(at(1), key(100 + n), secs(0)) {
                asked += 1;
                nearby.asked(at(1), key(100 + n), Some("x".into()), secs(0));
            }
        }
        assert!((1..=8).contains(&asked), "{asked}");
        assert!(nearby.heard(at(2), key(2), secs(0)), "another one is heard");
        for n in 0..1000 {
            let mut there = at(3);
            there.set_port(1 + n as u16);
            nearby.shown(there, key(1000 + n), "x".into(), secs(0));
        }
        let of = |nearby: &Nearby, ip| {
            let theirs = nearby.here.values();
            theirs.filter(|one| one.at.ip() == at(ip).ip()).count()
        };
        assert_eq!(of(&nearby, 3), OF_A_PLACE);
        assert_eq!(of(&nearby, 9), 1);
    }

    #[test]
    fn a_flood_of_many_places_is_bounded_in_all() {
        let mut nearby = nearby();
        let mut asked = 0;
        for n in 0..100_000 {
            asked += u32::from(nearby.heard(at(n), key(n), secs(0)));
        }
        assert_eq!(asked as usize, AT_ONCE, "until those have been answered");
        for n in 0..100_000 {
            nearby.asked(at(n), key(n), None, secs(0));
        }
        for second in 0..10 {
            for n in 0..10_000 {
                if nearby.heard(at(n), key(n), secs(second)) {
                    asked += 1;
                    nearby.asked(at(n), key(n), None, secs(second));
                }
            }
        }
        assert!(asked < 64 + 40 + 16, "{asked}");
        for n in 0..10_000 {
            nearby.shown(at(n), key(n), "x".into(), secs(0));
        }
        assert_eq!(nearby.here.len(), MAX_HERE);
        assert_eq!(nearby.tick(EXPIRY).len(), MAX_HERE);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_bounded_and_ends(
            events in proptest::collection::vec((0..5_u8, 0..40_u32, 0..90_u32, 0..30_u64), 0..400)
        ) {
            let (mut nearby, mut now) = (nearby(), 0);
            let mut here = BTreeSet::new();
            for (kind, place, who, wait) in events {
                now += wait * u64::from(kind == 4);
                let name = format!("n{}", who % 3);
                let changes = match kind {
                    0 => {
                        nearby.heard(at(place), key(who), secs(now));
                        Vec::new()
                    }
                    1 => nearby.asked(at(place), key(who), None, secs(now)),
                    2 => nearby.asked(at(place), key(who), Some(name), secs(now)),
                    3 => nearby.shown(at(place), key(who), name, secs(now)),
                    _ => nearby.tick(secs(now)),
                };
                for change in changes {
                    match change {
                        Change::Came(node, _) => prop_assert!(here.insert(node)),
                        Change::Renamed(node, ..) => prop_assert!(here.contains(&node)),
                        Change::Left(node, _) => prop_assert!(here.remove(&node)),
                    }
                }
                prop_assert!(nearby.here.len() <= MAX_HERE && nearby.asking.len() <= AT_ONCE);
                prop_assert_eq!(here.len(), nearby.here.len());
            }
            nearby.tick(secs(now) + EXPIRY);
            prop_assert!(nearby.here.is_empty());
        }
    }
}
