//! How much each visitor of a server may ask, by its key and by its address ([`origin`]): keys are
//! free to make, addresses are not.
//!
//! Never reads a clock. Bounded: see [`Buckets`].

use crate::core::{
    Now,
    chance::Chance,
    id::NodeId,
    origin::origin,
    rate::{Buckets, Rate},
};
use core::net::IpAddr;

/// Keys and addresses that are remembered at a time.
const MOST: usize = 8192;

/// See the module.
#[derive(Debug)]
pub struct Visitors {
    nodes: Buckets<NodeId>,
    addresses: Buckets<IpAddr>,
    chance: Chance,
}

impl Visitors {
    /// With these rates for a key and for an address.
    #[must_use]
    pub fn new(node: Rate, address: Rate, seed: u64) -> Self {
        Self {
            nodes: Buckets::new(node, MOST),
            addresses: Buckets::new(address, MOST),
            chance: Chance::new(seed),
        }
    }

    /// Counts a request; false when it is too many.
    pub fn may_ask(&mut self, node: NodeId, address: IpAddr, now: Now) -> bool {
        let chance = &mut self.chance;
        // A key that asks too much does not use up what others at its address have.
        self.nodes.of(node, now, chance).take(now)
            && self.addresses.of(origin(address), now, chance).take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_visitor_whatever_address_it_comes_from() {
        let rate = Rate {
            per_second: 1.0,
            burst: 10.0,
        };
        let mut visitors = Visitors::new(rate, rate, 1);
        let from = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]);
        let asked =
            (0..200u8).filter(|n| visitors.may_ask(NodeId([*n; 32]), from((*n).into()), Now::ZERO));
        assert_eq!(asked.count(), 10);
        let elsewhere = "2001:db8:0:1::1".parse().unwrap();
        assert!(visitors.may_ask(NodeId([201; 32]), elsewhere, Now::ZERO));
    }

    #[test]
    fn many_keys_at_one_address_are_bounded_and_others_are_not_hurt() {
        let rate = |burst| Rate {
            per_second: 1.0,
            burst,
        };
        let mut visitors = Visitors::new(rate(3.0), rate(10.0), 1);
        let flood: IpAddr = "10.0.0.1".parse().unwrap();
        let asked = (0..200u8).filter(|n| visitors.may_ask(NodeId([*n; 32]), flood, Now::ZERO));
        assert_eq!(asked.count(), 10);
        let honest: IpAddr = "10.0.0.2".parse().unwrap();
        let one = NodeId([9; 32]);
        let asked = (0..9).filter(|_| visitors.may_ask(one, honest, Now::ZERO));
        // One was taken by that key in the flood.
        assert!(asked.count() >= 2);
    }
}
