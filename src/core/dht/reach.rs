//! From where an address can be reached, so that a DHT of the whole internet sends nobody into
//! their own network.

use ::core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far addresses reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// Everywhere.
    Global,
}

impl Reach {
    /// Of an address; `None` if it is nobody's alone, or means something on one link only.
    #[must_use]
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Option<Self> {
        let [a, b, ..] = ip.octets();
        if a == 0 || a >= 224 || ip.is_link_local() {
            None
        } else if ip.is_loopback() {
            Some(Self::Loopback)
        } else if ip.is_private() || (a == 100 && b & 0xc0 == 64) || (a == 198 && b & 0xfe == 18) {
            // Also those of carriers' routers, and of benchmarks.
            Some(Self::Private)
        } else {
            Some(Self::Global)
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Option<Self> {
        if ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() {
            None
        } else if ip.is_loopback() {
            Some(Self::Loopback)
        } else if ip.is_unique_local() {
            Some(Self::Private)
        } else {
            Some(Self::Global)
        }
    }

    /// Of a DHT that is entered at these addresses: the widest of them. `None` without any.
    #[must_use]
    pub fn of_dht(entries: impl IntoIterator<Item = IpAddr>) -> Option<Self> {
        entries.into_iter().filter_map(Self::of).max()
    }

    /// Whether a DHT that reaches so far may name this address. One of the internet names public
    /// addresses alone; one on this machine (a test's) any.
    #[must_use]
    pub fn takes(self, ip: IpAddr) -> bool {
        Self::of(ip).is_some_and(|reach| reach >= self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_dht_sends_nobody_into_private_networks() {
        let reach = |text: &str| Reach::of(text.parse().unwrap());
        for ip in ["8.8.8.8", "203.0.113.5", "2001:db8::1", "100.128.0.1"] {
            assert_eq!(reach(ip), Some(Reach::Global), "{ip}");
        }
        for ip in [
            "10.0.0.1",
            "192.168.1.1",
            "172.31.0.1",
            "100.64.0.1",
            "198.19.0.1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(reach(ip), Some(Reach::Private), "{ip}");
            assert!(!Reach::Global.takes(ip.parse().unwrap()));
            assert!(Reach::Private.takes(ip.parse().unwrap()));
        }
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(reach(ip), Some(Reach::Loopback), "{ip}");
            assert!(!Reach::Private.takes(ip.parse().unwrap()));
        }
        for ip in [
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "169.254.1.1",
            "fe80::1",
            "ff02::1",
            "::",
        ] {
            assert_eq!(reach(ip), None, "{ip}");
            assert!(!Reach::Loopback.takes(ip.parse().unwrap()));
        }
    }

    #[test]
    fn a_dht_reaches_as_far_as_the_widest_of_its_entries() {
        let of = |ips: &[&str]| Reach::of_dht(ips.iter().map(|ip| ip.parse().unwrap()));
        assert_eq!(of(&["127.0.0.1", "127.0.0.2"]), Some(Reach::Loopback));
        assert_eq!(of(&["127.0.0.1", "10.0.0.1"]), Some(Reach::Private));
        assert_eq!(of(&["10.0.0.1", "8.8.8.8"]), Some(Reach::Global));
        assert_eq!(of(&["0.0.0.0"]), None);
        assert!(Reach::Loopback.takes("8.8.8.8".parse().unwrap()));
    }
}
