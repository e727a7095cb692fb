//! The beacon's sockets: one that hears the discovery port, and one per interface that sends and hears the answers.
//!
//! Owns these sockets and the bytes in them. Never decides whom to answer or dial (`core::membership` does).
//! Addresses come from the datagram's source only. A network that cannot be sent to is ordinary: there are others.
//!
//! An answer goes to the port that a beacon came from, and that is never the discovery port: a unicast datagram to a
//! shared port reaches only one of the processes that share it.

mod filter;
pub(super) mod sockets;
#[cfg(test)]
mod tests;

use super::interfaces::{Link, links, survey};
use crate::{
    core::{
        doctor::{Interface, Tally},
        id::NodeId,
        membership::Beacon,
    },
    wire::{beacon::encode, signer::Signer},
};
use filter::Filter;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, sync::mpsc, task::JoinHandle};
use tracing::debug;

/// The IPv4 group, of those that belong to no one (RFC 2365).
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 67);
/// The IPv6 group, of the link.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x5350);
/// Beacons heard and not yet taken: half a second of the most that are let through.
const HEARD: usize = 256;
/// After a failed receive, so that a broken socket does not use a core.
const PAUSE: Duration = Duration::from_millis(100);

/// What the beacon needs to know.
#[derive(Clone)]
pub struct BeaconConfig {
    /// The UDP port that all nodes near share. 0 takes any free one, which nobody else knows.
    pub discovery_port: u16,
    /// The addresses that this node listens on; empty for all.
    pub listen: Vec<IpAddr>,
    /// The names of the interfaces to use; empty for all.
    pub interfaces: Vec<String>,
    /// The private swarm's key; `None` in the public one.
    pub swarm_key: Option<[u8; 32]>,
    /// The node's Ed25519 secret.
    pub secret: [u8; 32],
}

/// A beacon with a good signature, of another node, not heard before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// What it says.
    pub beacon: Beacon,
    /// Where it came from, and where an answer goes.
    pub from: SocketAddr,
    /// The datagram's length in bytes: the most that an answer may have.
    pub room: usize,
}

/// Why beacons cannot be heard. The machine's set-up is to blame.
#[derive(Debug, thiserror::Error)]
pub enum BeaconError {
    /// Something else holds the discovery port for itself alone.
    #[error(
        "UDP port {0} is held by another program that does not share it: end that program, or choose another port with --discovery-port on every node"
    )]
    PortBusy(u16),
    /// The port needs rights.
    #[error(
        "UDP port {0} needs administrator rights: choose one of 1024 or more with --discovery-port"
    )]
    PortPrivileged(u16),
    /// The system refuses for another reason.
    #[error("UDP port {port} cannot be opened for discovery: {source}")]
    Io {
        /// Which port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The secret is no Ed25519 key.
    #[error("the node's key cannot sign beacons: {0}")]
    Key(#[from] crate::wire::cbor::Malformed),
}

/// The handle to send beacons with; cheap to clone. The sockets close with the last one.
#[derive(Clone)]
pub struct Beacons(Arc<Shared>);

struct Shared {
    config: BeaconConfig,
    port: u16,
    signer: Signer,
    /// The sockets on the discovery port, IPv4 first.
    discovery: Vec<Listener>,
    inbox: Arc<Inbox>,
    outlets: Mutex<Vec<Outlet>>,
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
    link: Link,
    listener: Listener,
}

/// What is done with a datagram, whichever socket it came by.
struct Inbox {
    filter: Filter,
    /// Networks from which beacons are taken; `None`: from anywhere.
    networks: Mutex<Option<Vec<Link>>>,
    /// What was heard by each link, and whether that is in the groups.
    tallies: Mutex<Vec<(Link, bool, Tally)>>,
    heard: mpsc::Sender<Heard>,
    started: Instant,
}

impl Beacons {
    /// Opens the sockets and begins to hear. Call it within a tokio runtime.
    ///
    /// # Errors
    /// [`BeaconError`] if the discovery port cannot be had. IPv6 and single interfaces may fail without a word.
    pub fn start(config: BeaconConfig) -> Result<(Self, mpsc::Receiver<Heard>), BeaconError> {
        let signer = Signer::new(config.secret)?;
        let port = config.discovery_port;
        let v4 = sockets::discovery(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            .map_err(|source| refused(port, source))?;
        let port = v4.local_addr().map_or(port, |address| address.port());
        let mut sockets = vec![v4];
        match sockets::discovery(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
            Ok(v6) => sockets.push(v6),
            Err(error) => debug!(%error, "no beacons over IPv6"),
        }
        let (heard, receiver) = mpsc::channel(HEARD);
        let seed = blake3::derive_key("sprat 2026 beacon chance v1", &config.secret);
        let seed = seed
            .iter()
            .take(8)
            .fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        let inbox = Arc::new(Inbox {
            filter: Filter::new(signer.node(), config.swarm_key, seed),
            networks: Mutex::new(None),
            tallies: Mutex::new(Vec::new()),
            heard,
            started: Instant::now(),
        });
        let discovery = sockets
            .into_iter()
            .map(|socket| listen(socket, &inbox))
            .collect();
        let beacons = Self(Arc::new(Shared {
            config,
            port,
            signer,
            discovery,
            inbox,
            outlets: Mutex::new(Vec::new()),
        }));
        beacons.refresh();
        Ok((beacons, receiver))
    }

    /// Whose beacons these are.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.0.signer.node()
    }

    /// The machine's interfaces, and what was heard on them.
    #[must_use]
    pub fn interfaces(&self) -> Vec<Interface> {
        let tallies = &self.0.inbox.tallies;
        let tallies = tallies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        survey(&tallies)
    }

    /// The discovery port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Sends a beacon to everyone near: on each interface to its broadcast address and to the groups. Looks at the
    /// interfaces again first. The node in it is ours, whatever it says.
    pub async fn announce(&self, beacon: Beacon) {
        self.refresh();
        let Some(bytes) = self.encode(&beacon) else {
            return;
        };
        let outlets: Vec<(Link, Arc<UdpSocket>)> = self
            .outlets()
            .iter()
            .map(|outlet| (outlet.link.clone(), Arc::clone(&outlet.listener.socket)))
            .collect();
        for (link, socket) in outlets {
            for to in destinations(&link, self.0.port) {
                send(&socket, &bytes, to).await;
            }
        }
    }

    /// Sends a beacon to one address, by the interface that reaches it, unless it is longer than `room`.
    pub async fn answer(&self, beacon: Beacon, to: SocketAddr, room: usize) {
        let Some(bytes) = self.encode(&beacon) else {
            return;
        };
        if bytes.len() > room {
            return;
        }
        let socket = {
            let outlets = self.outlets();
            let same_family = |outlet: &&Outlet| outlet.link.ip.is_ipv4() == to.is_ipv4();
            let near =
                |outlet: &&Outlet| outlet.link.reaches(to.ip()) && on_scope(&outlet.link, to);
            let far = |outlet: &&Outlet| same_family(outlet) && !outlet.link.ip.is_loopback();
            let outlet = outlets
                .iter()
                .find(near)
                .or_else(|| outlets.iter().find(far));
            outlet.map(|outlet| Arc::clone(&outlet.listener.socket))
        };
        if let Some(socket) = socket {
            send(&socket, &bytes, to).await;
        }
    }

    fn encode(&self, beacon: &Beacon) -> Option<Vec<u8>> {
        encode(beacon, &self.0.signer, self.0.config.swarm_key.as_ref())
            .inspect_err(|error| debug!(%error, "no beacon"))
            .ok()
    }

    fn outlets(&self) -> MutexGuard<'_, Vec<Outlet>> {
        self.0
            .outlets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens sockets for interfaces that have come and closes those of interfaces that have gone.
    fn refresh(&self) {
        let config = &self.0.config;
        let found = match links(&config.interfaces, &config.listen) {
            Ok(found) => found,
            Err(error) => {
                debug!(%error, "the interfaces cannot be listed");
                return;
            }
        };
        let mut outlets = self.outlets();
        outlets.retain(|outlet| found.contains(&outlet.link));
        let mut tallies = self
            .0
            .inbox
            .tallies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        tallies.retain(|(link, ..)| outlets.iter().any(|outlet| outlet.link == *link));
        for link in found {
            if outlets.iter().any(|outlet| outlet.link == link) {
                continue;
            }
            let mut joined = false;
            for discovery in &self.0.discovery {
                match sockets::join(&discovery.socket, &link) {
                    Ok(()) => joined = true,
                    Err(error) => {
                        debug!(%error, interface = link.name, "not in the multicast group");
                    }
                }
            }
            tallies.push((link.clone(), joined, Tally::default()));
            match sockets::outlet(&link) {
                Ok(socket) => {
                    let listener = listen(socket, &self.0.inbox);
                    outlets.push(Outlet { link, listener });
                }
                Err(error) => debug!(%error, interface = link.name, "no beacons there"),
            }
        }
        drop(tallies);
        if !(config.interfaces.is_empty() && config.listen.iter().all(IpAddr::is_unspecified)) {
            let links = outlets.iter().map(|outlet| outlet.link.clone()).collect();
            let networks = &self.0.inbox.networks;
            *networks.lock().unwrap_or_else(PoisonError::into_inner) = Some(links);
        }
    }
}

pub(super) fn refused(port: u16, source: io::Error) -> BeaconError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BeaconError::PortBusy(port),
        io::ErrorKind::PermissionDenied => BeaconError::PortPrivileged(port),
        _ => BeaconError::Io { port, source },
    }
}

/// A link-local IPv6 address means something on one interface only.
pub(super) fn on_scope(link: &Link, address: SocketAddr) -> bool {
    match address {
        SocketAddr::V6(v6) => v6.scope_id() == 0 || v6.scope_id() == link.index,
        SocketAddr::V4(_) => true,
    }
}

pub(super) fn destinations(link: &Link, port: u16) -> Vec<SocketAddr> {
    match link.ip {
        IpAddr::V4(_) => {
            let broadcast = link.broadcast.map(|ip| SocketAddr::from((ip, port)));
            broadcast
                .into_iter()
                .chain([SocketAddr::from((GROUP_V4, port))])
                .collect()
        }
        IpAddr::V6(_) => {
            let group = std::net::SocketAddrV6::new(GROUP_V6, port, 0, link.index);
            vec![group.into()]
        }
    }
}

/// No route, no rights, a full buffer: all ordinary.
pub(super) async fn send(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
    if let Err(error) = socket.send_to(bytes, to).await {
        debug!(%error, %to, "a beacon was not sent");
    }
}

fn listen(socket: UdpSocket, inbox: &Arc<Inbox>) -> Listener {
    let socket = Arc::new(socket);
    let (reader, inbox) = (Arc::clone(&socket), Arc::clone(inbox));
    let task = tokio::spawn(async move {
        // One byte more than the longest beacon, to see that a datagram is longer.
        let mut buffer = [0; crate::wire::MAX_BEACON + 1];
        loop {
            match reader.recv_from(&mut buffer).await {
                Ok((length, from)) => inbox.take(&buffer[..length], from),
                Err(error) => {
                    debug!(%error, "a beacon socket failed to receive");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    });
    Listener { socket, task }
}

impl Inbox {
    fn take(&self, bytes: &[u8], from: SocketAddr) {
        if !self.serves(from) {
            return;
        }
        let (beacon, tally) = self.filter.pass(bytes, from, self.started.elapsed());
        self.count(from, tally);
        let Some(beacon) = beacon else {
            return;
        };
        let room = bytes.len();
        // Full: whoever sent it sends another one soon.
        let _ = self.heard.try_send(Heard { beacon, from, room });
    }

    fn count(&self, from: SocketAddr, more: Tally) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let near =
            |(link, ..): &&mut (Link, bool, Tally)| link.reaches(from.ip()) && on_scope(link, from);
        if let Some((_, _, tally)) = tallies.iter_mut().find(near) {
            tally.own = tally.own.saturating_add(more.own);
            tally.ours = tally.ours.saturating_add(more.ours);
            tally.other_swarm = tally.other_swarm.saturating_add(more.other_swarm);
            tally.other_version = tally.other_version.saturating_add(more.other_version);
        }
    }

    /// The discovery port is open on all interfaces, also on those that we were told to leave alone.
    fn serves(&self, from: SocketAddr) -> bool {
        let networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let near = |link: &Link| link.reaches(from.ip()) && on_scope(link, from);
        from.port() != 0 && networks.as_ref().is_none_or(|links| links.iter().any(near))
    }
}
