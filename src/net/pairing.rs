//! The datagrams of a pairing: sent on every interface as beacons are, heard on the discovery port and on own ports.
//!
//! Owns these sockets for the time of one pairing. Never decides what to say or whom to trust (`core::pairing` does).
//! Answers go to the port that a datagram came from, which belongs to one process alone; the discovery port is shared.
//! A flood costs a bounded number of decodings a second, and a full queue drops what comes.

use super::{
    beacon::{BeaconError, destinations, on_scope, refused, send, sockets},
    interfaces::{Link, links},
};
use crate::{
    core::{
        chance::Chance,
        pairing::Message,
        rate::{Bucket, Buckets, Rate},
    },
    wire::pairing::{MAX_PAIRING, NONCE, decode, encode, is_pairing},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, sync::mpsc, task::JoinHandle};
use tracing::debug;

/// Messages heard and not yet taken: an eighth of a second of the most that are let through.
const HEARD: usize = 256;
/// After a failed receive, so that a broken socket does not use a core.
const PAUSE: Duration = Duration::from_millis(100);
/// A class behind one address that starts together is heard.
const PER_ADDRESS: Rate = Rate {
    per_second: 200.0,
    burst: 400.0,
};
/// About a hundredth of a core.
const IN_ALL: Rate = Rate {
    per_second: 2000.0,
    burst: 2000.0,
};
/// Addresses whose rate is remembered.
const REMEMBERED: usize = 1024;

/// Where pairing is heard and spoken: as for beacons.
#[derive(Clone)]
pub struct PairingConfig {
    /// The UDP port that all nodes near share.
    pub discovery_port: u16,
    /// The addresses that this node listens on; empty for all.
    pub listen: Vec<IpAddr>,
    /// The names of the interfaces to use; empty for all.
    pub interfaces: Vec<String>,
    /// The private swarm's key; `None` in the public one.
    pub swarm_key: Option<[u8; 32]>,
}

/// The sockets of one pairing; they close when it is dropped.
pub struct PairingSockets {
    config: PairingConfig,
    /// On the discovery port; none at the side that announces.
    discovery: Vec<Listener>,
    inbox: Arc<Inbox>,
    outlets: Mutex<Vec<Outlet>>,
}

struct Listener {
    socket: Arc<UdpSocket>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Outlet {
    link: Link,
    listener: Listener,
}

/// What is done with a datagram, whichever socket it came by.
struct Inbox {
    swarm_key: Option<[u8; 32]>,
    /// Networks from which messages are taken; `None`: from anywhere.
    networks: Mutex<Option<Vec<Link>>>,
    limits: Mutex<Limits>,
    heard: mpsc::Sender<(Message, SocketAddr)>,
    started: Instant,
}

struct Limits {
    chance: Chance,
    addresses: Buckets<IpAddr>,
    all: Bucket,
}

impl PairingSockets {
    /// Opens the sockets of the side that announces: it hears what is sent to it alone. Call it within a tokio runtime.
    /// Single interfaces may fail without a word.
    #[must_use]
    pub fn announcing(config: PairingConfig) -> (Self, mpsc::Receiver<(Message, SocketAddr)>) {
        Self::open(config, Vec::new())
    }

    /// Opens the sockets of the side that looks: it hears the discovery port, too. Call it within a tokio runtime.
    ///
    /// # Errors
    /// [`BeaconError`] if the discovery port cannot be had. IPv6 and single interfaces may fail without a word.
    pub fn looking(
        config: PairingConfig,
    ) -> Result<(Self, mpsc::Receiver<(Message, SocketAddr)>), BeaconError> {
        let port = config.discovery_port;
        let v4 = sockets::discovery(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            .map_err(|source| refused(port, source))?;
        let mut discovery = vec![v4];
        match sockets::discovery(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
            Ok(v6) => discovery.push(v6),
            Err(error) => debug!(%error, "no pairing over IPv6"),
        }
        Ok(Self::open(config, discovery))
    }

    fn open(
        config: PairingConfig,
        discovery: Vec<UdpSocket>,
    ) -> (Self, mpsc::Receiver<(Message, SocketAddr)>) {
        let (heard, receiver) = mpsc::channel(HEARD);
        let mut seed = [0; 8];
        // Without randomness the choice of what to drop in a flood can be foretold, nothing else.
        let _ = getrandom::fill(&mut seed);
        let now = Duration::ZERO;
        let inbox = Arc::new(Inbox {
            swarm_key: config.swarm_key,
            networks: Mutex::new(None),
            limits: Mutex::new(Limits {
                chance: Chance::new(u64::from_le_bytes(seed)),
                addresses: Buckets::new(PER_ADDRESS, REMEMBERED),
                all: Bucket::new(IN_ALL, now),
            }),
            heard,
            started: Instant::now(),
        });
        let discovery = discovery.into_iter();
        let sockets = Self {
            config,
            discovery: discovery.map(|socket| listen(socket, &inbox)).collect(),
            inbox,
            outlets: Mutex::new(Vec::new()),
        };
        sockets.refresh();
        (sockets, receiver)
    }

    /// Sends to everyone near, on each interface. Looks at the interfaces again first.
    pub async fn announce(&self, message: &Message) {
        self.refresh();
        let Some(bytes) = self.encode(message) else {
            return;
        };
        let outlets: Vec<(Link, Arc<UdpSocket>)> = self
            .outlets()
            .iter()
            .map(|outlet| (outlet.link.clone(), Arc::clone(&outlet.listener.socket)))
            .collect();
        for (link, socket) in outlets {
            for to in destinations(&link, self.config.discovery_port) {
                send(&socket, &bytes, to).await;
            }
        }
    }

    /// Sends to one address, by the interface that reaches it.
    pub async fn send(&self, message: &Message, to: SocketAddr) {
        let Some(bytes) = self.encode(message) else {
            return;
        };
        let socket = {
            let outlets = self.outlets();
            let near =
                |outlet: &&Outlet| outlet.link.reaches(to.ip()) && on_scope(&outlet.link, to);
            let far = |outlet: &&Outlet| {
                outlet.link.ip.is_ipv4() == to.is_ipv4() && !outlet.link.ip.is_loopback()
            };
            let outlet = outlets.iter().find(near);
            let outlet = outlet.or_else(|| outlets.iter().find(far));
            outlet.map(|outlet| Arc::clone(&outlet.listener.socket))
        };
        if let Some(socket) = socket {
            send(&socket, &bytes, to).await;
        }
    }

    fn encode(&self, message: &Message) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE];
        if self.config.swarm_key.is_some() {
            getrandom::fill(&mut nonce)
                .inspect_err(|error| debug!(%error, "nothing is sealed without randomness"))
                .ok()?;
        }
        encode(message, self.config.swarm_key.as_ref(), nonce)
            .inspect_err(|error| debug!(%error, "no pairing message"))
            .ok()
    }

    fn outlets(&self) -> MutexGuard<'_, Vec<Outlet>> {
        self.outlets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens sockets for interfaces that have come and closes those of interfaces that have gone.
    pub fn refresh(&self) {
        let found = match links(&self.config.interfaces, &self.config.listen) {
            Ok(found) => found,
            Err(error) => {
                debug!(%error, "the interfaces cannot be listed");
                return;
            }
        };
        let mut outlets = self.outlets();
        outlets.retain(|outlet| found.contains(&outlet.link));
        for link in found {
            if outlets.iter().any(|outlet| outlet.link == link) {
                continue;
            }
            for discovery in &self.discovery {
                if let Err(error) = sockets::join(&discovery.socket, &link) {
                    debug!(%error, interface = link.name, "not in the multicast group");
                }
            }
            match sockets::outlet(&link) {
                Ok(socket) => {
                    let listener = listen(socket, &self.inbox);
                    outlets.push(Outlet { link, listener });
                }
                Err(error) => debug!(%error, interface = link.name, "no pairing there"),
            }
        }
        let everywhere = self.config.interfaces.is_empty()
            && self.config.listen.iter().all(IpAddr::is_unspecified);
        if !everywhere {
            let links = outlets.iter().map(|outlet| outlet.link.clone()).collect();
            let networks = &self.inbox.networks;
            *networks.lock().unwrap_or_else(PoisonError::into_inner) = Some(links);
        }
    }
}

fn listen(socket: UdpSocket, inbox: &Arc<Inbox>) -> Listener {
    let socket = Arc::new(socket);
    let (reader, inbox) = (Arc::clone(&socket), Arc::clone(inbox));
    let task = tokio::spawn(async move {
        // One byte more than the longest message, to see that a datagram is longer.
        let mut buffer = [0; MAX_PAIRING + 1];
        loop {
            match reader.recv_from(&mut buffer).await {
                Ok((length, from)) => inbox.take(&buffer[..length], from),
                Err(error) => {
                    debug!(%error, "a pairing socket failed to receive");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    });
    Listener { socket, task }
}

impl Inbox {
    fn take(&self, bytes: &[u8], from: SocketAddr) {
        // Most of what comes by the discovery port is beacons.
        if !is_pairing(bytes) || !self.serves(from) || !self.has_time_for(from.ip()) {
            return;
        }
        if let Ok(message) = decode(bytes, self.swarm_key.as_ref()) {
            // Full: it is said again.
            let _ = self.heard.try_send((message, from));
        }
    }

    fn has_time_for(&self, source: IpAddr) -> bool {
        let now = self.started.elapsed();
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let Limits {
            chance,
            addresses,
            all,
        } = &mut *limits;
        let here = addresses.of(source, now, chance);
        here.take_by_chance(now, chance) && all.take_by_chance(now, chance)
    }

    /// The discovery port is open on all interfaces, also on those that we were told to leave alone.
    fn serves(&self, from: SocketAddr) -> bool {
        let networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let near = |link: &Link| link.reaches(from.ip()) && on_scope(link, from);
        from.port() != 0 && networks.as_ref().is_none_or(|links| links.iter().any(near))
    }
}
