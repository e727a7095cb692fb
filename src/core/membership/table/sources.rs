//! Nodes by the address that each counts against.

use super::nodes::Place;
use crate::core::chance::Chance;
use ::core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{collections::BTreeMap, iter};

/// How many there are of each address. Nearly each node of a crowd has one of its own, and most are
/// of IPv4: eight bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    v4: Vec<(Ipv4Addr, u32)>,
    v6: Vec<(Ipv6Addr, u32)>,
}

impl Counts {
    pub(super) fn of(&self, address: IpAddr) -> usize {
        match address {
            IpAddr::V4(ip) => count(&self.v4, &ip),
            IpAddr::V6(ip) => count(&self.v6, &ip),
        }
    }

    /// One more, or one less.
    pub(super) fn change(&mut self, address: IpAddr, more: bool) {
        match address {
            IpAddr::V4(ip) => change(&mut self.v4, ip, more),
            IpAddr::V6(ip) => change(&mut self.v6, ip, more),
        }
    }
}

fn count<K: Ord>(counts: &[(K, u32)], key: &K) -> usize {
    let at = counts.binary_search_by(|(known, _)| known.cmp(key));
    at.map_or(0, |at| counts[at].1 as usize)
}

fn change<K: Ord + Copy>(counts: &mut Vec<(K, u32)>, key: K, more: bool) {
    match counts.binary_search_by(|(known, _)| known.cmp(&key)) {
        Ok(at) if more => counts[at].1 += 1,
        Ok(at) => {
            counts[at].1 -= 1;
            if counts[at].1 == 0 {
                counts.remove(at);
            }
        }
        Err(at) if more => {
            if counts.len() == counts.capacity() {
                counts.reserve_exact(counts.len() / 8 + 16);
            }
            counts.insert(at, (key, 1));
        }
        Err(_) => {}
    }
}

/// The nodes of each address, such that an address can be drawn.
#[derive(Debug, Default)]
pub(super) struct Sources {
    places: Vec<Source>,
    /// Where in these each address is.
    at: BTreeMap<IpAddr, u32>,
}

#[derive(Debug)]
struct Source {
    address: IpAddr,
    first: Place,
    others: Vec<Place>,
}

impl Sources {
    pub(super) fn count_at(&self, address: IpAddr) -> usize {
        let source = self.get(address);
        source.map_or(0, |source| 1 + source.others.len())
    }

    fn get(&self, address: IpAddr) -> Option<&Source> {
        self.places.get(*self.at.get(&address)? as usize)
    }

    pub(super) fn of(&self, address: IpAddr) -> impl Iterator<Item = Place> + '_ {
        self.get(address).into_iter().flat_map(Source::all)
    }

    /// One by chance: each address is as likely as any other.
    pub(super) fn draw(&self, chance: &mut Chance) -> Option<Place> {
        let source = self.places.get(chance.below(self.places.len()))?;
        source.all().nth(chance.below(1 + source.others.len()))
    }

    pub(super) fn insert(&mut self, address: IpAddr, place: Place) {
        let fresh = self.places.len() as u32;
        let at = *self.at.entry(address).or_insert(fresh);
        match self.places.get_mut(at as usize) {
            Some(source) => source.others.push(place),
            None => self.places.push(Source {
                address,
                first: place,
                others: Vec::new(),
            }),
        }
    }

    pub(super) fn remove(&mut self, address: IpAddr, place: Place) {
        let Some(&at) = self.at.get(&address) else {
            return;
        };
        let source = &mut self.places[at as usize];
        if let Some(other) = source.others.iter().position(|it| *it == place) {
            source.others.swap_remove(other);
        } else if source.first == place {
            if let Some(next) = source.others.pop() {
                source.first = next;
                return;
            }
            self.at.remove(&address);
            self.places.swap_remove(at as usize);
            if let Some(moved) = self.places.get(at as usize) {
                self.at.insert(moved.address, at);
            }
        }
    }
}

#[cfg(test)]
impl Sources {
    /// What is in them, in order.
    pub(super) fn sorted(&self) -> Vec<(IpAddr, Vec<Place>)> {
        let all = self.at.keys().map(|address| {
            let mut here: Vec<Place> = self.of(*address).collect();
            here.sort_unstable();
            (*address, here)
        });
        all.collect()
    }
}

impl Source {
    fn all(&self) -> impl Iterator<Item = Place> + '_ {
        iter::once(self.first).chain(self.others.iter().copied())
    }
}
