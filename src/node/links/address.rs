//! Where guests are served, and by which address they come.

use super::Settings;
use crate::{net::links, node::api::DISCOVERY_PORT};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The port, unless it is taken. A node with a discovery port of its own takes any free one.
const PORT: u16 = 45681;

/// What a person chose.
pub struct Chosen {
    listen: Vec<IpAddr>,
    interfaces: Vec<String>,
    port: u16,
}

impl Chosen {
    pub fn new(settings: &Settings) -> Self {
        let usual = settings.discovery_port == DISCOVERY_PORT;
        Self {
            listen: settings.listen.clone(),
            interfaces: settings.interfaces.clone(),
            port: if usual { PORT } else { 0 },
        }
    }

    /// Where to listen.
    pub fn listen(&self) -> Vec<SocketAddr> {
        let all = [IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        let chosen = match &self.listen[..] {
            [] => &all[..],
            chosen => chosen,
        };
        let at = |ip: &IpAddr| SocketAddr::new(*ip, self.port);
        chosen.iter().map(at).collect()
    }

    /// The address that others on this network open.
    pub fn shown(&self, port: u16) -> SocketAddr {
        let links = links(&self.interfaces, &self.listen).unwrap_or_default();
        let addresses: Vec<IpAddr> = links.into_iter().map(|link| link.ip).collect();
        SocketAddr::new(best(&addresses), port)
    }
}

/// An IPv4 address of a network before an IPv6 one, and this machine's own last: phones and
/// cameras read the short ones best.
fn best(addresses: &[IpAddr]) -> IpAddr {
    let rank = |ip: &&IpAddr| match ip {
        ip if ip.is_loopback() => 4,
        IpAddr::V4(ip) if ip.is_link_local() => 2,
        IpAddr::V4(_) => 0,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 3,
        IpAddr::V6(_) => 1,
    };
    let best = addresses.iter().filter(|ip| rank(ip) != 3).min_by_key(rank);
    best.copied().unwrap_or(Ipv4Addr::LOCALHOST.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_one_that_others_can_open() {
        let of = |list: &[&str]| {
            let list: Vec<IpAddr> = list.iter().map(|ip| ip.parse().unwrap()).collect();
            best(&list).to_string()
        };
        let all = [
            "127.0.0.1",
            "fe80::1",
            "2001:db8::7",
            "169.254.1.1",
            "192.0.2.7",
        ];
        assert_eq!(of(&all), "192.0.2.7");
        assert_eq!(of(&all[..4]), "2001:db8::7");
        assert_eq!(of(&["fe80::1", "127.0.0.1"]), "127.0.0.1");
        assert_eq!(of(&[]), "127.0.0.1");
    }
}
