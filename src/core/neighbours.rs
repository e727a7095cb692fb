//! With which of many nodes a node stays connected.
//!
//! Decides from who is known alone. Up to [`MESH`] others it is all of them. Beyond, each node
//! chooses about 4 + ½ log₂ N, which with those that choose it makes 8 + log₂ N connections:
//!
//! - the next [`SUCCESSORS`] on a ring of hashed ids, which are the same whoever looks: where all
//!   know one another, every node is joined to every other one through the ring;
//! - some at random (the same ones while they are here: rendezvous hashing under a number that no
//!   other node knows), which hold together those whose views differ, and that in a few steps: a
//!   random graph of that degree is connected, and an expander (B. Bollobás, *Random Graphs*, 2001,
//!   chapter 7);
//! - [`OLD`] of them from the half that has been here longest.
//!
//! Invariants: a node that comes or goes changes few of the choices of the others; identities cost
//! nothing, so that chance draws an address first and then a node there, and whoever comes in
//! numbers displaces none of the old ones.

#[cfg(test)]
mod tests;

use super::{Now, id::NodeId, origin::origin, score};
use ::core::net::IpAddr;
use std::collections::BTreeSet;

/// So many others are all neighbours.
pub const MESH: usize = 24;
/// Neighbours by the ring.
pub const SUCCESSORS: usize = 2;
/// Neighbours from among those that have been here longest.
pub const OLD: usize = 2;

/// One of those to choose from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Who.
    pub node: NodeId,
    /// Where it was heard first.
    pub source: IpAddr,
    /// Since when it is known.
    pub since: Now,
}

/// What a node chooses by.
#[derive(Clone, Copy, Debug)]
pub struct Neighbours {
    here: u64,
    secret: u64,
}

impl Neighbours {
    /// For this node. `secret` is not known to others, or they could make themselves chosen.
    #[must_use]
    pub fn new(me: &NodeId, secret: u64) -> Self {
        Self {
            here: ring(me),
            secret,
        }
    }

    /// With whom of these to stay connected; without this node itself.
    #[must_use]
    pub fn of(&self, known: &[Candidate]) -> BTreeSet<NodeId> {
        if known.len() <= MESH {
            return known.iter().map(|one| one.node).collect();
        }
        let mut chosen = self.successors(known);
        let mut by_age: Vec<&Candidate> = known.iter().collect();
        let half = known.len() / 2;
        by_age.select_nth_unstable_by_key(half, |one| (one.since, one.node));
        self.draw(&by_age[..half], OLD, &mut chosen);
        self.draw(&by_age, random(known.len()), &mut chosen);
        chosen
    }

    /// The next ones on the ring.
    fn successors(&self, known: &[Candidate]) -> BTreeSet<NodeId> {
        let mut next = Vec::with_capacity(SUCCESSORS + 1);
        for one in known {
            let place = (ring(&one.node).wrapping_sub(self.here), one.node);
            keep_least(&mut next, place, SUCCESSORS);
        }
        next.into_iter().map(|(_, node)| node).collect()
    }

    /// So many more: a node of each address before the second of any. Of thousands that are gone
    /// through a few are kept: the addresses that come first, and of each those that do.
    fn draw(&self, from: &[&Candidate], count: usize, chosen: &mut BTreeSet<NodeId>) {
        let mut places = Vec::<(u64, Vec<(u64, NodeId)>)>::with_capacity(count + 1);
        for one in from {
            let address = mix(self.secret.rotate_left(32), bits(origin(one.source)));
            let last = places.last().filter(|_| places.len() >= count);
            if last.is_some_and(|(last, _)| *last < address) || chosen.contains(&one.node) {
                continue;
            }
            let rank = mix(self.secret, score::word(one.node.as_bytes()));
            let at = places.binary_search_by_key(&address, |(address, _)| *address);
            let at = at.unwrap_or_else(|at| {
                places.insert(at, (address, Vec::new()));
                places.truncate(count);
                at
            });
            if let Some((_, nodes)) = places.get_mut(at) {
                keep_least(nodes, (rank, one.node), count);
            }
        }
        let order = places.into_iter().flat_map(|(address, nodes)| {
            let nodes = nodes.into_iter().enumerate();
            nodes.map(move |(round, (_, node))| (round, address, node))
        });
        let mut order: Vec<_> = order.collect();
        order.sort_unstable();
        chosen.extend(order.into_iter().take(count).map(|(.., node)| node));
    }
}

/// Puts one among so many at the most that are the least, in order.
fn keep_least<T: Ord>(least: &mut Vec<T>, one: T, most: usize) {
    if least.len() < most || least.last().is_some_and(|last| one < *last) {
        let at = least.partition_point(|it| *it < one);
        least.insert(at, one);
        least.truncate(most);
    }
}

/// How many to draw by chance among so many: half of log₂ N.
fn random(known: usize) -> usize {
    let log = usize::BITS - (known - 1).leading_zeros();
    log as usize / 2
}

/// The place of a node on the ring.
fn ring(node: &NodeId) -> u64 {
    mix(0x7370_7261_7420_7231, score::word(node.as_bytes()))
}

fn bits(ip: IpAddr) -> u64 {
    let bits = match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    (bits >> 64) as u64 ^ bits as u64
}

/// `SplitMix64`'s finish, twice, since addresses are not uniform as ids are.
fn mix(key: u64, word: u64) -> u64 {
    let finish = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    };
    finish(key ^ finish(word.wrapping_add(0x9E37_79B9_7F4A_7C15)))
}
