//! Which sockets bytes come in by: bound all or none, under one number, and free again afterwards.

use super::root_cause;
use crate::net::{NetError, address};
use libp2p::{Swarm, core::transport::ListenerId, swarm::NetworkBehaviour};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// Tries to find a number that is free for TCP and UDP alike.
const TRIES: usize = 32;

/// The sockets that a swarm listens on.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The number that all of them have.
    pub port: u16,
    /// As they were bound: wildcards are not expanded.
    pub addresses: Vec<SocketAddr>,
}

/// Listens on `port` of each of `ips` (none: every IPv4 address, and every IPv6 address where there
/// is IPv6).
///
/// # Errors
/// The first address that cannot be had. With port 0 other numbers are tried before that.
pub(crate) fn listen<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    ips: &[IpAddr],
    port: u16,
) -> Result<Bound, NetError> {
    let wildcards = [
        (IpAddr::from(Ipv4Addr::UNSPECIFIED), true),
        (IpAddr::from(Ipv6Addr::UNSPECIFIED), false),
    ];
    let named: Vec<_> = ips.iter().map(|ip| (*ip, true)).collect();
    let ips = if named.is_empty() {
        &wildcards[..]
    } else {
        &named
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let number = match port {
            0 => free_port(ips[0].0)?,
            port => port,
        };
        match listen_all(swarm, ips, number) {
            // Another process was faster.
            Err(NetError::PortBusy(_) | NetError::Listen { .. }) if port == 0 && tries < TRIES => {}
            other => return other,
        }
    }
}

fn listen_all<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    ips: &[(IpAddr, bool)],
    port: u16,
) -> Result<Bound, NetError> {
    let mut addresses = Vec::new();
    let mut listeners = Vec::new();
    for (ip, required) in ips {
        let address = SocketAddr::new(*ip, port);
        match listen_one(swarm, address, &mut listeners) {
            Ok(()) => addresses.push(address),
            // Another program may have the IPv6 side of the number: half a port would be found by
            // some peers only.
            Err(error) if *required || matches!(error, NetError::PortBusy(_)) => {
                for id in listeners {
                    swarm.remove_listener(id);
                }
                return Err(error);
            }
            Err(_) => {}
        }
    }
    Ok(Bound { port, addresses })
}

fn listen_one<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    address: SocketAddr,
    listeners: &mut Vec<ListenerId>,
) -> Result<(), NetError> {
    // libp2p listens with `SO_REUSEPORT`, with which a second node would take half of the first
    // one's connections instead of failing, and it wraps the errors so that their kind is lost. So
    // look first.
    let refused = |error| NetError::from_bind(address, error);
    socket(address, Type::STREAM).map_err(refused)?;
    socket(address, Type::DGRAM).map_err(refused)?;
    // libp2p's own error says nothing, but what is below it does; and if another process was faster
    // since the look, another look tells.
    let mut listen = |multiaddr, kind| {
        let listening = swarm.listen_on(multiaddr);
        listening.map_err(|error| {
            let again = socket(address, kind).err();
            refused(again.unwrap_or_else(|| io::Error::other(root_cause(&error))))
        })
    };
    listeners.push(listen(address::tcp(address), Type::STREAM)?);
    listeners.push(listen(address::quic(address), Type::DGRAM)?);
    Ok(())
}

/// A number that TCP has free on `ip` now.
fn free_port(ip: IpAddr) -> Result<u16, NetError> {
    let address = SocketAddr::new(ip, 0);
    let port = socket(address, Type::STREAM)
        .and_then(|socket| socket.local_addr())
        .map_err(|error| NetError::from_bind(address, error))?;
    Ok(port.as_socket().map_or(0, |address| address.port()))
}

/// Binds a socket that shares its port with no other listener.
fn socket(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let protocol = if kind == Type::STREAM {
        Protocol::TCP
    } else {
        Protocol::UDP
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A port whose last connections still linger is free. (Elsewhere than on Unix this option means
    // stealing.)
    #[cfg(unix)]
    if kind == Type::STREAM && address.port() != 0 {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Returns when all of these can be bound again: QUIC lets go of its sockets in a task of its own,
/// some time after the swarm is gone.
pub(crate) async fn released(addresses: &[SocketAddr]) {
    let taken = |address: &SocketAddr| {
        socket(*address, Type::STREAM).is_err() || socket(*address, Type::DGRAM).is_err()
    };
    while addresses.iter().any(taken) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_someone_listens_on_is_busy_even_with_reuse_port() {
        let first = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        #[cfg(unix)]
        first.set_reuse_port(true).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        first.bind(&any.into()).unwrap();
        first.listen(1).unwrap();
        let taken = first.local_addr().unwrap().as_socket().unwrap();
        let error = socket(taken, Type::STREAM).unwrap_err();
        assert!(matches!(
            NetError::from_bind(taken, error),
            NetError::PortBusy(port) if port == taken.port()
        ));
    }
}
