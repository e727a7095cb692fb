//! Which addresses are asked when a person wants all of them asked. Pure.
//!
//! Invariants: never an address of a public network; at most [`MAX_NETWORKS`] of 254.

use core::net::Ipv4Addr;
use std::collections::BTreeSet;

/// Networks that are asked: more than a machine has, but for one of containers.
pub const MAX_NETWORKS: usize = 8;
/// The largest network, as bits that its addresses have in common.
const LARGEST: u8 = 24;

/// The addresses of the networks of these own ones (each with the bits that are its network's): of
/// a large network those nearest, without the own ones.
#[must_use]
pub fn around(own: &[(Ipv4Addr, u8)]) -> Vec<Ipv4Addr> {
    let private = |ip: &Ipv4Addr| ip.is_private() || ip.is_link_local();
    let mut near: Vec<_> = own.iter().filter(|(ip, _)| private(ip)).collect();
    if near.is_empty() {
        near = own.iter().filter(|(ip, _)| ip.is_loopback()).collect();
    }
    let mut networks: Vec<(u32, u32)> = Vec::new();
    for (ip, prefix) in near {
        let hosts = u32::MAX.checked_shr(u32::from((*prefix).max(LARGEST)));
        let hosts = hosts.unwrap_or(0);
        let network = (ip.to_bits() & !hosts, hosts);
        if !networks.contains(&network) && networks.len() < MAX_NETWORKS {
            networks.push(network);
        }
    }
    let known: BTreeSet<u32> = own.iter().map(|(ip, _)| ip.to_bits()).collect();
    let all = networks.into_iter().flat_map(|(first, hosts)| {
        // Neither the network's own address nor that of all.
        (1..hosts).map(move |host| first + host)
    });
    let all: BTreeSet<u32> = all.filter(|ip| !known.contains(ip)).collect();
    all.into_iter().map(Ipv4Addr::from_bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(own: &[(&str, u8)]) -> Vec<String> {
        let own = own
            .iter()
            .map(|(ip, prefix)| (ip.parse().unwrap(), *prefix));
        let all = around(&own.collect::<Vec<_>>());
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_network_is_asked_but_for_this_node() {
        let all = of(&[("192.168.1.7", 24)]);
        assert_eq!(
            (all.len(), &*all[0], &*all[252]),
            (253, "192.168.1.1", "192.168.1.254")
        );
        assert!(!all.contains(&"192.168.1.7".to_owned()));
        assert_eq!(
            of(&[("10.1.2.3", 8)]).len(),
            253,
            "the nearest of a large one"
        );
        assert_eq!(of(&[("10.1.2.2", 30)]), ["10.1.2.1"]);
        assert_eq!(
            of(&[("10.1.2.3", 32)]).len() + of(&[("10.1.2.3", 31)]).len(),
            0
        );
        assert_eq!(of(&[("10.1.2.3", 24), ("10.1.2.4", 24)]).len(), 252, "once");
    }

    #[test]
    fn what_is_public_is_left_alone_and_this_machine_where_there_is_more() {
        assert_eq!(of(&[("203.0.113.5", 24)]).len(), 0);
        assert_eq!(of(&[("127.0.0.1", 8)]).len(), 253);
        let both = of(&[("127.0.0.1", 8), ("192.168.1.7", 24)]);
        assert!(both.iter().all(|ip| ip.starts_with("192.168.1.")));
    }

    proptest! {
        #[test]
        fn there_are_never_more(own in proptest::collection::vec((any::<u32>(), 0..=32_u8), 0..40)) {
            // Half of them of a private network.
            let own: Vec<_> = own.into_iter().map(|(ip, prefix)| {
                let ip = if ip % 2 == 0 { 0x0a00_0000 | ip >> 8 } else { ip };
                (Ipv4Addr::from_bits(ip), prefix)
            }).collect();
            let all = around(&own);
            prop_assert!(all.len() <= MAX_NETWORKS * 254);
            let fine = |ip: &Ipv4Addr| ip.is_private() || ip.is_link_local() || ip.is_loopback();
            prop_assert!(all.iter().all(fine));
        }
    }
}
