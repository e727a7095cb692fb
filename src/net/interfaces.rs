//! The machine's interfaces, as far as beacons go out on them.
//!
//! Owns the choice of one address per interface and family. Never opens a socket. Interfaces come
//! and go: what is returned is true for a moment only.

use crate::core::doctor::{Interface, Tally};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
};

/// One interface by one of its addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceAddr {
    /// The system's name of it.
    pub name: String,
    /// The system's number of it, 0 if it has none.
    pub index: u32,
    /// Our address there.
    pub ip: IpAddr,
    /// How many bits of it are the network's.
    pub prefix: u8,
    /// Where all on that network hear us (IPv4 only).
    pub broadcast: Option<Ipv4Addr>,
}

impl InterfaceAddr {
    /// Whether an address belongs to this link's network. A link-local IPv6 one belongs to each
    /// interface.
    #[must_use]
    pub fn reaches(&self, other: IpAddr) -> bool {
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 32),
            IpAddr::V6(ip) => (ip.to_bits(), 128),
        };
        let ((ours, width), (theirs, other_width)) = (bits(self.ip), bits(other.to_canonical()));
        if width != other_width {
            return false;
        }
        if let IpAddr::V6(other) = other
            && other.is_unicast_link_local()
        {
            return !self.ip.is_loopback();
        }
        let prefix = u32::from(self.prefix);
        prefix == 0 || (ours ^ theirs).leading_zeros() >= prefix.min(width)
    }
}

/// Interfaces with nothing but a link-local address that are used, in the system's order: a host of
/// containers has one for each of these, after its own.
const LINK_LOCAL_ALONE: usize = 8;

/// The links to send beacons on: all that are up, or those of the `names` given, or those with an
/// address that is listened on. An unspecified address (`0.0.0.0`, `::`) stands for all of its
/// family.
///
/// # Errors
/// When the system does not tell.
pub fn links(names: &[String], listen: &[IpAddr]) -> io::Result<Vec<InterfaceAddr>> {
    let all = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(is_up)
        .map(link)
        .collect();
    Ok(choose(all, names, listen))
}

/// Whether the address is one of this machine's, or of a machine on one of its networks: many have
/// public addresses, most of all with IPv6.
#[must_use]
pub fn is_near(ip: IpAddr) -> bool {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.into_iter()
        .filter(is_up)
        .map(link)
        .any(|link| link.prefix > 0 && link.reaches(ip))
}

/// Reads `[fe80::1%eth0]:4001`, an address that means something on one interface only; `None` if it
/// has none.
///
/// # Errors
/// A sentence, when there is no such interface, or it is no address.
#[must_use]
pub fn zoned(text: &str) -> Option<Result<SocketAddr, String>> {
    let (host, port) = text.strip_prefix('[')?.split_once("]:")?;
    let (ip, zone) = host.split_once('%')?;
    let (Ok(ip), Ok(port)) = (ip.parse::<Ipv6Addr>(), port.parse()) else {
        return Some(Err(format!("`{text}` is no address")));
    };
    let known = if_addrs::get_if_addrs().unwrap_or_default();
    let named = known.iter().find(|known| known.name == zone);
    let index = named.and_then(|known| known.index).or(zone.parse().ok());
    Some(match index {
        Some(index) => Ok(SocketAddrV6::new(ip, port, 0, index).into()),
        None => Err(format!(
            "this machine has no interface `{zone}` with an address"
        )),
    })
}

/// All interfaces with an address, up or not, with what was heard by the links.
pub fn survey(heard: &[(InterfaceAddr, bool, Tally)]) -> Vec<Interface> {
    let mut found: Vec<Interface> = Vec::new();
    for one in if_addrs::get_if_addrs().unwrap_or_default() {
        let address = one.ip();
        if let Some(known) = found.iter_mut().find(|known| known.name == one.name) {
            known.addresses.push(address);
            continue;
        }
        let mut interface = Interface {
            up: is_up(&one),
            loopback: one.is_loopback(),
            name: one.name,
            addresses: vec![address],
            ..Interface::default()
        };
        for (_, joined, tally) in heard
            .iter()
            .filter(|(link, ..)| link.name == interface.name)
        {
            interface.used = true;
            interface.multicast |= joined;
            interface.heard.own += tally.own;
            interface.heard.ours += tally.ours;
            interface.heard.other_swarm += tally.other_swarm;
            interface.heard.other_version += tally.other_version;
        }
        found.push(interface);
    }
    found
}

fn link(interface: if_addrs::Interface) -> InterfaceAddr {
    let ip = interface.ip();
    let (prefix, broadcast) = match interface.addr {
        if_addrs::IfAddr::V4(v4) => (v4.prefixlen, broadcast(v4.ip, v4.prefixlen, v4.broadcast)),
        if_addrs::IfAddr::V6(v6) => (v6.prefixlen, None),
    };
    InterfaceAddr {
        name: interface.name,
        index: interface.index.unwrap_or(0),
        ip,
        prefix,
        broadcast,
    }
}

/// Loopback has a broadcast address that works, though systems do not say so.
fn broadcast(ip: Ipv4Addr, prefix: u8, told: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
    if !ip.is_loopback() {
        return told;
    }
    let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    (hosts > 0).then(|| Ipv4Addr::from_bits(ip.to_bits() | hosts))
}

/// Some virtual interfaces never say that they are up.
fn is_up(interface: &if_addrs::Interface) -> bool {
    use if_addrs::IfOperStatus::{Down, LowerLayerDown, NotPresent};
    interface.is_loopback() || !matches!(interface.oper_status, Down | LowerLayerDown | NotPresent)
}

fn is_link_local(link: &InterfaceAddr) -> bool {
    matches!(link.ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn choose(all: Vec<InterfaceAddr>, names: &[String], listen: &[IpAddr]) -> Vec<InterfaceAddr> {
    let listened = |ip: IpAddr| {
        listen.is_empty()
            || listen
                .iter()
                .any(|one| *one == ip || one.is_unspecified() && one.is_ipv4() == ip.is_ipv4())
    };
    let wanted: Vec<InterfaceAddr> = all
        .into_iter()
        .filter(|link| names.is_empty() || names.contains(&link.name))
        .filter(|link| listened(link.ip))
        .collect();
    let mut chosen: Vec<InterfaceAddr> =
        wanted.iter().filter(|l| l.ip.is_ipv4()).cloned().collect();
    // One IPv6 address per interface, best one that needs no scope to be dialled. A link-local one
    // alone is used only where there is no IPv4: peers would dial it first and fail. Multicast does
    // not reach the IPv6 loopback.
    for link in &wanted {
        let IpAddr::V6(ip) = link.ip else { continue };
        let served = |v4: bool| {
            chosen
                .iter()
                .any(|other| other.name == link.name && other.ip.is_ipv4() == v4)
        };
        let second_best = is_link_local(link)
            && wanted
                .iter()
                .any(|other| other.name == link.name && !is_link_local(other));
        let alone = chosen.iter().filter(|other| is_link_local(other)).count();
        let too_many = is_link_local(link) && alone >= LINK_LOCAL_ALONE;
        if ip != Ipv6Addr::LOCALHOST && !second_best && !served(false) && !too_many {
            chosen.push(link.clone());
        }
    }
    chosen
}

#[cfg(test)]
mod tests;
