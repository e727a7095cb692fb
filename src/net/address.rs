//! Addresses: libp2p's spelling and the standard library's, which kind of path one is, and what a
//! wildcard stands for.

pub(crate) use crate::core::origin::is_local;
use crate::core::via::Via;
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// The address of a TCP listener. A link-local one keeps the number of its interface, without which
/// it means nothing.
pub(crate) fn tcp(address: SocketAddr) -> Multiaddr {
    let host = match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => {
            let zone = Protocol::Ip6zone(v6.scope_id().to_string().into());
            Multiaddr::from(zone).with(Protocol::Ip6(*v6.ip()))
        }
        _ => Multiaddr::from(address.ip()),
    };
    host.with(Protocol::Tcp(address.port()))
}

/// The interface's number that `address` begins with, if any, and what follows.
fn unzoned(address: &Multiaddr) -> (u32, impl Iterator<Item = Protocol<'_>>) {
    let zone = match address.iter().next() {
        Some(Protocol::Ip6zone(zone)) => zone.parse().unwrap_or(0),
        _ => 0,
    };
    let zoned = |part: &Protocol| matches!(part, Protocol::Ip6zone(_));
    (zone, address.iter().skip_while(zoned))
}

/// The socket of a link-local address of which the interface is known: libp2p's TCP cannot dial it.
pub(crate) fn zoned(address: &Multiaddr) -> Option<SocketAddr> {
    let (zone, _) = unzoned(address);
    tcp_socket(address).filter(|_| zone != 0)
}

/// The address of a QUIC listener.
pub(crate) fn quic(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip())
        .with(Protocol::Udp(address.port()))
        .with(Protocol::QuicV1)
}

/// The IP address that `address` begins with.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match unzoned(address).1.next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    }
}

/// The socket that `address` begins with, whatever runs over it.
pub(crate) fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let (zone, mut parts) = unzoned(address);
    let (Protocol::Tcp(port) | Protocol::Udp(port)) = parts.nth(1)? else {
        return None;
    };
    Some(match ip(address)? {
        IpAddr::V6(ip) if zone != 0 => SocketAddrV6::new(ip, port, 0, zone).into(),
        ip => SocketAddr::new(ip, port),
    })
}

/// The TCP socket that `address` is; `None` for QUIC, relays and anything else.
pub(crate) fn tcp_socket(address: &Multiaddr) -> Option<SocketAddr> {
    let plain = is_tcp(address) && !is_relayed(address);
    plain.then(|| socket(address)).flatten()
}

/// Whether bytes travel over TCP.
pub(crate) fn is_tcp(address: &Multiaddr) -> bool {
    matches!(unzoned(address).1.nth(1), Some(Protocol::Tcp(_)))
}

/// Whether a relay stands between.
pub(crate) fn is_relayed(address: &Multiaddr) -> bool {
    address
        .iter()
        .any(|part| matches!(part, Protocol::P2pCircuit))
}

/// The server over which a circuit goes.
pub(crate) fn relay(address: &Multiaddr) -> Option<PeerId> {
    let mut before = None;
    for part in address {
        match part {
            Protocol::P2p(peer) => before = Some(peer),
            Protocol::P2pCircuit => return before,
            _ => {}
        }
    }
    None
}

/// The socket of a server, with its key, and the way over it to a node.
pub(crate) fn circuit(server: PeerId, at: SocketAddr, node: Option<PeerId>) -> Multiaddr {
    let over = tcp(at)
        .with(Protocol::P2p(server))
        .with(Protocol::P2pCircuit);
    match node {
        Some(node) => over.with(Protocol::P2p(node)),
        None => over,
    }
}

/// Which kind of path leads to `address`.
pub(crate) fn via(address: &Multiaddr) -> Via {
    match ip(address) {
        _ if is_relayed(address) => Via::Relay,
        Some(ip) if is_local(ip) => Via::Lan,
        _ => Via::Direct,
    }
}

/// Whether a stranger's word that someone listens there is worth a dial.
pub(crate) fn is_dialable(address: SocketAddr) -> bool {
    let ip = address.ip();
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

/// Replaces a wildcard by the addresses of this machine's interfaces: those that others can use
/// first, loopback last.
pub(crate) fn expand(bound: &[SocketAddr]) -> Vec<SocketAddr> {
    // Without a list of interfaces a wildcard stands for nothing: better no address than a wrong
    // one.
    let interfaces: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .iter()
        .map(if_addrs::Interface::ip)
        // Of no use without the name of the interface, which is another one on the other side.
        .filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()))
        .collect();
    let mut all = Vec::new();
    for address in bound {
        if address.ip().is_unspecified() {
            let family = interfaces
                .iter()
                .filter(|ip| ip.is_ipv4() == address.is_ipv4());
            all.extend(family.map(|ip| SocketAddr::new(*ip, address.port())));
        } else {
            all.push(*address);
        }
    }
    all.sort_by_key(|address| (address.ip().is_loopback(), address.is_ipv6()));
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        let address: SocketAddr = "[::1]:9".parse().unwrap();
        assert_eq!(tcp_socket(&tcp(address)), Some(address));
        assert_eq!(tcp_socket(&quic(address)), None);
        assert_eq!(socket(&quic(address)), Some(address));
    }

    #[test]
    fn a_link_local_address_keeps_its_interface() {
        let address: SocketAddr = "[fe80::1%3]:9".parse().unwrap();
        let there = tcp(address).with(Protocol::P2p(PeerId::random()));
        assert_eq!(tcp_socket(&there), Some(address));
        assert_eq!(
            (zoned(&there), ip(&there)),
            (Some(address), Some(address.ip()))
        );
        assert!(is_tcp(&there));
        assert_eq!(via(&there), Via::Lan);
        assert_eq!(zoned(&tcp("[fe80::1]:9".parse().unwrap())), None);
        assert_eq!(zoned(&there.with(Protocol::P2pCircuit)), None);
    }

    #[test]
    fn a_path_is_known_by_its_address() {
        for (address, expected) in [
            ("/ip4/127.0.0.1/tcp/1", Via::Lan),
            ("/ip4/192.168.1.4/udp/1/quic-v1", Via::Lan),
            ("/ip6/fd00::1/tcp/1", Via::Lan),
            ("/ip4/8.8.8.8/tcp/1", Via::Direct),
            ("/ip4/10.0.0.1/tcp/1/p2p-circuit", Via::Relay),
        ] {
            assert_eq!(via(&address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_at_least_loopback() {
        let all = expand(&["0.0.0.0:7".parse().unwrap()]);
        assert!(all.contains(&"127.0.0.1:7".parse().unwrap()), "{all:?}");
    }
}
