//! How bytes get on and off the wire, and which sockets they come in by.
//!
//! TCP with Noise and Yamux carries the bulk; QUIC stands beside it on the same port number. A private swarm mixes its
//! key into the Noise prologue and has no QUIC: QUIC has no prologue, so a stranger could complete its handshake.

use super::{NetError, address};
use libp2p::{
    PeerId, Swarm, Transport,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, ListenerId},
        upgrade::Version,
    },
    futures::{future::Either, io::BufReader},
    identity::Keypair,
    noise, quic,
    swarm::NetworkBehaviour,
    tcp, yamux,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// How long a connection may take from the first packet to the last step of its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Bytes read from a socket at a time. Noise asks for 8 KiB, which would be two system calls for each of its frames.
const READ_AHEAD: usize = 64 << 10;
/// How long sent bytes may stay unacknowledged. Pings see to it that there are some, so a dead host is noticed, and
/// the sockets that wait for it fail, within 15 s.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(11);
/// Bytes that wait in a socket for their turn on the line. More would only put what is urgent behind what is not, and
/// chunks on their way to those who no longer want them.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 << 10;
/// Tries to find a number that is free for TCP and UDP alike.
const TRIES: usize = 32;

/// What the swarm speaks through.
pub(super) fn build(
    keys: &Keypair,
    swarm_key: Option<[u8; 32]>,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let mut noise = noise::Config::new(keys)?;
    if let Some(key) = swarm_key {
        noise = noise.with_prologue(key.to_vec());
    }
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .map(|stream, _| {
            tune(&stream);
            BufReader::with_capacity(READ_AHEAD, stream)
        })
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux::Config::default())
        .timeout(HANDSHAKE)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    if swarm_key.is_some() {
        return Ok(tcp.boxed());
    }
    let quic = quic::tokio::Transport::new(quic::Config::new(keys))
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)));
    Ok(tcp
        .or_transport(quic)
        .map(|either, _| match either {
            Either::Left(output) | Either::Right(output) => output,
        })
        .boxed())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn tune(stream: &tcp::tokio::TcpStream) {
    let socket = socket2::SockRef::from(&stream.0);
    // Only precautions: without the first the kernel waits a quarter of an hour, without the second it queues megabytes.
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn tune(_: &tcp::tokio::TcpStream) {}

/// The sockets that a swarm listens on.
#[derive(Debug)]
pub(super) struct Bound {
    /// The number that all of them have.
    pub port: u16,
    /// As they were bound: wildcards are not expanded.
    pub addresses: Vec<SocketAddr>,
}

/// Listens on `port` of each of `ips` (none: every IPv4 address, and every IPv6 address where there is IPv6).
///
/// # Errors
/// The first address that cannot be had. With port 0 other numbers are tried before that.
pub(super) fn listen<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    ips: &[IpAddr],
    port: u16,
    quic: bool,
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
        match listen_all(swarm, ips, number, quic) {
            Err(NetError::PortBusy(_)) if port == 0 && tries < TRIES => {}
            other => return other,
        }
    }
}

fn listen_all<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    ips: &[(IpAddr, bool)],
    port: u16,
    quic: bool,
) -> Result<Bound, NetError> {
    let mut addresses = Vec::new();
    let mut listeners = Vec::new();
    for (ip, required) in ips {
        let address = SocketAddr::new(*ip, port);
        match listen_one(swarm, address, quic, &mut listeners) {
            Ok(()) => addresses.push(address),
            // Another program may have the IPv6 side of the number: half a port would be found by some peers only.
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
    quic: bool,
    listeners: &mut Vec<ListenerId>,
) -> Result<(), NetError> {
    // libp2p listens with `SO_REUSEPORT`, with which a second node would take half of the first one's connections
    // instead of failing, and it wraps the errors so that their kind is lost. So look first.
    let refused = |error| NetError::from_bind(address, error);
    socket(address, Type::STREAM).map_err(refused)?;
    if quic {
        socket(address, Type::DGRAM).map_err(refused)?;
    }
    let mut listen = |multiaddr| swarm.listen_on(multiaddr).map_err(io::Error::other);
    listeners.push(listen(address::tcp(address)).map_err(refused)?);
    if quic {
        listeners.push(listen(address::quic(address)).map_err(refused)?);
    }
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
    // A port whose last connections still linger is free. (Elsewhere than on Unix this option means stealing.)
    #[cfg(unix)]
    if kind == Type::STREAM && address.port() != 0 {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Returns when all of these can be bound again: QUIC lets go of its sockets in a task of its own, some time after the
/// swarm is gone.
pub(super) async fn released(addresses: &[SocketAddr], quic: bool) {
    let taken = |address: &SocketAddr| {
        socket(*address, Type::STREAM).is_err() || (quic && socket(*address, Type::DGRAM).is_err())
    };
    while addresses.iter().any(taken) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The innermost reason of an error: libp2p wraps each in half a dozen others.
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
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
