//! How the two kinds of sockets are opened. Where systems differ, they differ here.

use super::Groups;
use crate::net::interfaces::InterfaceAddr;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV6},
};
use tokio::net::UdpSocket;

/// Room for a burst of beacons while the runtime is busy, and in a flood for some milliseconds of
/// it.
const RECEIVE_BUFFER: usize = 4 << 20;

fn open(like: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(like), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The system may cut it; any size works.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    if like.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn finish(socket: Socket, address: SocketAddr) -> io::Result<UdpSocket> {
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Each process of a machine that shares the port gets its own copy of each broadcast and multicast
/// datagram.
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    socket.set_reuse_port(true)?;
    Ok(())
}

/// A socket that hears the discovery port on all interfaces, together with other processes.
pub(in crate::net) fn discovery(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address)?;
    if address.port() != 0 {
        share_port(&socket)?;
    }
    finish(socket, address)
}

/// Makes a discovery socket hear the group on this link, if it is of the same family.
pub(in crate::net) fn join(
    socket: &UdpSocket,
    link: &InterfaceAddr,
    groups: &Groups,
) -> io::Result<()> {
    let v4 = socket.local_addr()?.is_ipv4();
    let joined = match link.ip {
        IpAddr::V4(ip) if v4 => socket.join_multicast_v4(groups.v4, ip),
        IpAddr::V6(_) if !v4 => socket.join_multicast_v6(&groups.v6, link.index),
        _ => Ok(()),
    };
    // Joined before, by another address of the same interface.
    match joined {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
        other => other,
    }
}

/// A socket of this link's own address, on a port of its own, that may broadcast.
pub(in crate::net) fn outlet(link: &InterfaceAddr) -> io::Result<UdpSocket> {
    let address = match link.ip {
        IpAddr::V4(_) => SocketAddr::new(link.ip, 0),
        IpAddr::V6(ip) => {
            let scope = if ip.is_unicast_link_local() {
                link.index
            } else {
                0
            };
            SocketAddrV6::new(ip, 0, 0, scope).into()
        }
    };
    let socket = open(address)?;
    match link.ip {
        IpAddr::V4(ip) => {
            socket.set_broadcast(true)?;
            socket.set_multicast_if_v4(&ip)?;
            socket.set_multicast_loop_v4(true)?;
            socket.set_multicast_ttl_v4(1)?;
        }
        IpAddr::V6(_) => {
            socket.set_multicast_if_v6(link.index)?;
            socket.set_multicast_loop_v6(true)?;
            socket.set_multicast_hops_v6(1)?;
        }
    }
    finish(socket, address)
}
