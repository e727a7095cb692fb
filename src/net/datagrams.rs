//! The sockets of what is said to everyone near: on the discovery port, and one for each interface
//! that sends and hears the answers.
//!
//! Owns these sockets and the tasks that read them. Never knows what a datagram means (the
//! [`Inbox`] does). Interfaces come and go; a network that cannot be sent to is ordinary: there are
//! others.
//!
//! An answer goes to the port that a datagram came from, and that is never the discovery port: a
//! unicast datagram to a shared port reaches only one of the processes that share it.

mod sockets;

use super::{
    descriptors,
    interfaces::{InterfaceAddr, links},
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    sync::Arc,
    time::Duration,
};
use tokio::{net::UdpSocket, task::JoinHandle};
use tracing::debug;

/// Where all near are reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Groups {
    /// By IPv4.
    pub v4: Ipv4Addr,
    /// By IPv6.
    pub v6: Ipv6Addr,
    /// Whether broadcasts go out, too.
    pub broadcast: bool,
}

/// Those of sprat: in IPv4 of those that belong to no one (RFC 2365), in IPv6 of the link.
pub(super) const GROUPS: Groups = Groups {
    v4: Ipv4Addr::new(239, 255, 77, 67),
    v6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x5350),
    broadcast: true,
};
/// After a failed receive, so that a broken socket does not use a core.
const PAUSE: Duration = Duration::from_millis(100);

/// Where datagrams are sent and taken.
pub(super) struct Range {
    /// The UDP port that all nodes near share.
    pub port: u16,
    /// The addresses to listen on; empty for all.
    pub listen: Vec<IpAddr>,
    /// The names of the interfaces to use; empty for all.
    pub interfaces: Vec<String>,
    /// Who is meant by all.
    pub groups: Groups,
}

/// What is done with a datagram, whichever socket it came by.
pub(super) trait Inbox: Send + Sync + 'static {
    /// Bytes of the longest one; of one that is longer, one byte more is given.
    const LONGEST: usize;

    /// Whether it could be one at all: asked before anything that costs more.
    fn is_worth_a_look(&self, _: &[u8]) -> bool {
        true
    }

    /// Takes one from where it may come from; `shared` tells whether it came by the port that all
    /// processes share.
    fn take(&self, bytes: &[u8], from: SocketAddr, shared: bool);

    /// The interfaces were looked at: those that are used now, and whether a socket of the
    /// discovery port is in the groups there.
    fn looked(&self, _: &[(InterfaceAddr, bool)]) {}
}

/// The sockets; they close when it is dropped.
pub(super) struct Datagrams<I> {
    range: Range,
    discovery: Vec<Listener>,
    outlets: Mutex<Vec<Outlet>>,
    desk: Arc<Desk<I>>,
}

/// One socket and the task that reads it, ended with its owner.
struct Listener {
    socket: Arc<UdpSocket>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One interface's sending socket.
struct Outlet {
    link: InterfaceAddr,
    /// Whether the discovery port is in the groups there.
    joined: bool,
    listener: Listener,
}

/// Where all that is heard comes together.
struct Desk<I> {
    inbox: I,
    /// Networks from which datagrams are taken; `None`: from anywhere.
    networks: Mutex<Option<Vec<InterfaceAddr>>>,
}

/// Opens the discovery port (0: any free one; the one it is comes back), for IPv4 and, where there
/// is any, IPv6. Call it within a tokio runtime.
///
/// # Errors
/// When the system does not give the port.
pub(super) fn discovery(port: u16) -> io::Result<(Vec<UdpSocket>, u16)> {
    let v4 = sockets::discovery(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
    let port = v4.local_addr().map_or(port, |address| address.port());
    let mut both = vec![v4];
    match sockets::discovery(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Ok(v6) => both.push(v6),
        Err(error) => debug!(%error, "no discovery over IPv6"),
    }
    Ok((both, port))
}

impl<I: Inbox> Datagrams<I> {
    /// Begins to hear, with these sockets of the discovery port (none: only what is sent to this
    /// process alone). Call it within a tokio runtime. Single interfaces may fail without a word.
    pub(super) fn open(range: Range, discovery: Vec<UdpSocket>, inbox: I) -> Self {
        let networks = Mutex::new(None);
        let desk = Arc::new(Desk { inbox, networks });
        let discovery = discovery.into_iter();
        let datagrams = Self {
            range,
            discovery: discovery
                .map(|socket| listen(socket, true, &desk))
                .collect(),
            outlets: Mutex::new(Vec::new()),
            desk,
        };
        datagrams.refresh();
        datagrams
    }

    /// Who takes them.
    pub(super) fn inbox(&self) -> &I {
        &self.desk.inbox
    }

    /// The discovery port.
    pub(super) fn port(&self) -> u16 {
        self.range.port
    }

    /// Sends to everyone near: on each interface to its broadcast address and to the groups.
    pub(super) async fn announce(&self, bytes: &[u8]) {
        let outlets: Vec<(InterfaceAddr, Arc<UdpSocket>)> = self
            .outlets()
            .iter()
            .map(|outlet| (outlet.link.clone(), Arc::clone(&outlet.listener.socket)))
            .collect();
        for (link, socket) in outlets {
            for to in destinations(&link, &self.range) {
                send(&socket, bytes, to).await;
            }
        }
    }

    /// Sends to one address, by the interface that reaches it.
    pub(super) async fn send(&self, bytes: &[u8], to: SocketAddr) {
        let socket = {
            let outlets = self.outlets();
            let near = |outlet: &&Outlet| comes_by(&outlet.link, to);
            let far = |outlet: &&Outlet| {
                outlet.link.ip.is_ipv4() == to.is_ipv4() && !outlet.link.ip.is_loopback()
            };
            let outlet = outlets.iter().find(near);
            let outlet = outlet.or_else(|| outlets.iter().find(far));
            outlet.map(|outlet| Arc::clone(&outlet.listener.socket))
        };
        if let Some(socket) = socket {
            send(&socket, bytes, to).await;
        }
    }

    fn outlets(&self) -> MutexGuard<'_, Vec<Outlet>> {
        self.outlets.lock()
    }

    /// Opens sockets for interfaces that have come and closes those of interfaces that have gone.
    pub(super) fn refresh(&self) {
        let Range {
            listen: listened,
            interfaces,
            ..
        } = &self.range;
        let found = match links(interfaces, listened) {
            Ok(found) => found,
            Err(error) => {
                descriptors::note(&error);
                debug!(%error, "the interfaces cannot be listed");
                return;
            }
        };
        let mut outlets = self.outlets();
        outlets.retain(|outlet| found.contains(&outlet.link));
        let mut mute = Vec::new();
        for link in found {
            if outlets.iter().any(|outlet| outlet.link == link) {
                continue;
            }
            let joined = self.join(&link);
            match sockets::outlet(&link) {
                Ok(socket) => outlets.push(Outlet {
                    link,
                    joined,
                    listener: listen(socket, false, &self.desk),
                }),
                Err(error) => {
                    descriptors::note(&error);
                    debug!(%error, interface = link.name, "nothing is sent there");
                    mute.push((link, joined));
                }
            }
        }
        let used = outlets.iter().map(|outlet| &outlet.link);
        if !(interfaces.is_empty() && listened.iter().all(IpAddr::is_unspecified)) {
            let networks = &self.desk.networks;
            *networks.lock() = Some(used.cloned().collect());
        }
        let sending = outlets.iter();
        let sending = sending.map(|outlet| (outlet.link.clone(), outlet.joined));
        self.desk
            .inbox
            .looked(&sending.chain(mute).collect::<Vec<_>>());
    }

    /// Whether a socket of the discovery port is in the groups of that link now.
    fn join(&self, link: &InterfaceAddr) -> bool {
        let mut joined = false;
        for discovery in &self.discovery {
            match sockets::join(&discovery.socket, link, &self.range.groups) {
                Ok(()) => joined = true,
                Err(error) => {
                    debug!(%error, interface = link.name, "not in the multicast group");
                }
            }
        }
        joined
    }
}

impl<I> Desk<I> {
    /// The discovery port is open on all interfaces, also on those that we were told to leave
    /// alone.
    fn serves(&self, from: SocketAddr) -> bool {
        let networks = self.networks.lock();
        let near = |link: &InterfaceAddr| comes_by(link, from);
        from.port() != 0 && networks.as_ref().is_none_or(|links| links.iter().any(near))
    }
}

/// Whether that address is on the link's network. A link-local IPv6 address means something on one
/// interface only.
pub(super) fn comes_by(link: &InterfaceAddr, address: SocketAddr) -> bool {
    let on_scope = match address {
        SocketAddr::V6(v6) => v6.scope_id() == 0 || v6.scope_id() == link.index,
        SocketAddr::V4(_) => true,
    };
    on_scope && link.reaches(address.ip())
}

fn destinations(link: &InterfaceAddr, range: &Range) -> Vec<SocketAddr> {
    let (port, groups) = (range.port, &range.groups);
    match link.ip {
        IpAddr::V4(_) => {
            let broadcast = link.broadcast.filter(|_| groups.broadcast);
            // On Linux' loopback both reach the same sockets, one after the other.
            let enough = cfg!(target_os = "linux") && link.ip.is_loopback() && broadcast.is_some();
            let group = (!enough).then_some(groups.v4);
            let to = broadcast.into_iter().chain(group);
            to.map(|ip| SocketAddr::from((ip, port))).collect()
        }
        IpAddr::V6(_) => {
            let group = SocketAddrV6::new(groups.v6, port, 0, link.index);
            vec![group.into()]
        }
    }
}

/// No route, no rights, a full buffer: all ordinary.
async fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
    if let Err(error) = socket.send_to(bytes, to).await {
        debug!(%error, %to, "a datagram was not sent");
    }
}

fn listen<I: Inbox>(socket: UdpSocket, shared: bool, desk: &Arc<Desk<I>>) -> Listener {
    let socket = Arc::new(socket);
    let (reader, desk) = (Arc::clone(&socket), Arc::clone(desk));
    let task = tokio::spawn(async move {
        // One byte more than the longest, to see that a datagram is longer.
        let mut buffer = vec![0; I::LONGEST + 1];
        loop {
            match reader.recv_from(&mut buffer).await {
                Ok((length, from)) => {
                    let bytes = &buffer[..length];
                    if desk.inbox.is_worth_a_look(bytes) && desk.serves(from) {
                        desk.inbox.take(bytes, from, shared);
                    }
                }
                Err(error) => {
                    debug!(%error, "a socket failed to receive");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    });
    Listener { socket, task }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Inbox for Nobody {
        const LONGEST: usize = 1;

        fn take(&self, _: &[u8], _: SocketAddr, _: bool) {}
    }

    #[tokio::test]
    async fn one_that_listens_on_loopback_alone_is_deaf_and_mute_elsewhere() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (sockets, port) = discovery(0).unwrap();
        let range = Range {
            port,
            listen: vec![loopback],
            interfaces: vec![],
            groups: GROUPS,
        };
        let datagrams = Datagrams::open(range, sockets, Nobody);
        let serves = |from: &str| datagrams.desk.serves(from.parse().unwrap());
        assert!(serves("127.0.0.1:9") && serves("127.3.2.1:9"));
        for foreign in [
            "10.0.0.1:9",
            "[fe80::1%2]:9",
            "[::1]:9",
            "0.0.0.0:9",
            "127.0.0.1:0",
        ] {
            assert!(!serves(foreign), "{foreign}");
        }
        let outlets = datagrams.outlets();
        assert!(outlets.iter().all(|outlet| outlet.link.ip == loopback));
    }
}
