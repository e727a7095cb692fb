//! Beacons on the sockets for what is said to everyone near.
//!
//! Owns what is signed, checked and counted. Never decides whom to answer or dial
//! (`core::membership` does). Addresses come from the datagram's source only.

mod filter;
#[cfg(test)]
mod tests;

use super::{
    NetError,
    datagrams::{self, Datagrams, GROUPS, Range, comes_by},
    descriptors::is_shortage,
    interfaces::{InterfaceAddr, survey},
};
use crate::{
    core::{
        doctor::{Interface, Tally},
        id::NodeId,
        membership::Beacon,
    },
    wire::{
        MAX_BEACON,
        beacon::{encode, is_beacon},
        signer::Signer,
    },
};
use filter::Filter;
use parking_lot::{Mutex, MutexGuard};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};
use tokio::sync::mpsc;
use tracing::debug;

/// Beacons heard and not yet taken: half a second of the most that are let through.
const HEARD: usize = 256;
/// What the beacon needs to know.
#[derive(Clone)]
pub struct BeaconConfig {
    /// The UDP port that all nodes near share. 0 takes any free one, which no other node knows.
    pub discovery_port: u16,
    /// The addresses that this node listens on; empty for all.
    pub listen: Vec<IpAddr>,
    /// The names of the interfaces to use; empty for all.
    pub interfaces: Vec<String>,
    /// The private swarm's key; `None` in the public one.
    pub swarm_key: Option<[u8; 32]>,
    /// The node's Ed25519 secret.
    pub secret: [u8; 32],
    /// This life of the node: what says another one under the same key is another node's.
    pub epoch: u64,
}

/// A beacon with a good signature, of another node, not heard before. If it is signed with this
/// node's own key, another node has the same one (or an old datagram is played back).
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
    /// As many files and sockets are open as may be.
    #[error(transparent)]
    Descriptors(NetError),
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
    swarm_key: Option<[u8; 32]>,
    signer: Signer,
    datagrams: Datagrams<Inbox>,
}

/// What is done with a datagram, whichever socket it came by.
struct Inbox {
    filter: Filter,
    /// What was heard by each link, and whether that is in the groups.
    tallies: Mutex<Vec<(InterfaceAddr, bool, Tally)>>,
    heard: mpsc::Sender<Heard>,
    started: Instant,
}

impl Beacons {
    /// Opens the sockets and begins to hear. Call it within a tokio runtime.
    ///
    /// # Errors
    /// [`BeaconError`] if the discovery port cannot be had. IPv6 and single interfaces may fail
    /// without a word.
    pub fn start(config: BeaconConfig) -> Result<(Self, mpsc::Receiver<Heard>), BeaconError> {
        let signer = Signer::new(config.secret)?;
        let port = config.discovery_port;
        let (sockets, port) = datagrams::discovery(port).map_err(|error| refused(port, error))?;
        let (heard, receiver) = mpsc::channel(HEARD);
        let seed = blake3::derive_key("sprat 2026 beacon chance v1", &config.secret);
        let seed = seed
            .iter()
            .take(8)
            .fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        let inbox = Inbox {
            filter: Filter::new((signer.node(), config.epoch), config.swarm_key, seed),
            tallies: Mutex::new(Vec::new()),
            heard,
            started: Instant::now(),
        };
        let range = Range {
            port,
            listen: config.listen,
            interfaces: config.interfaces,
            groups: GROUPS,
        };
        let beacons = Self(Arc::new(Shared {
            swarm_key: config.swarm_key,
            signer,
            datagrams: Datagrams::open(range, sockets, inbox),
        }));
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
        let tallies = self.0.datagrams.inbox().tallies().clone();
        survey(&tallies)
    }

    /// The discovery port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.datagrams.port()
    }

    /// Sends a beacon to everyone near: on each interface to its broadcast address and to the
    /// groups. Looks at the interfaces again first. The node in it is ours, whatever it says.
    pub async fn announce(&self, beacon: Beacon) {
        self.0.datagrams.refresh();
        if let Some(bytes) = self.encode(&beacon) {
            self.0.datagrams.announce(&bytes).await;
        }
    }

    /// Sends a beacon to one address, by the interface that reaches it, unless it is longer than
    /// `room`.
    pub async fn answer(&self, beacon: Beacon, to: SocketAddr, room: usize) {
        if let Some(bytes) = self.encode(&beacon).filter(|bytes| bytes.len() <= room) {
            self.0.datagrams.send(&bytes, to).await;
        }
    }

    fn encode(&self, beacon: &Beacon) -> Option<Vec<u8>> {
        encode(beacon, &self.0.signer, self.0.swarm_key.as_ref())
            .inspect_err(|error| debug!(%error, "no beacon"))
            .ok()
    }
}

pub(super) fn refused(port: u16, source: io::Error) -> BeaconError {
    match source.kind() {
        _ if is_shortage(&source.to_string()) => BeaconError::Descriptors(NetError::Descriptors),
        io::ErrorKind::AddrInUse => BeaconError::PortBusy(port),
        io::ErrorKind::PermissionDenied => BeaconError::PortPrivileged(port),
        _ => BeaconError::Io { port, source },
    }
}

impl Inbox {
    fn tallies(&self) -> MutexGuard<'_, Vec<(InterfaceAddr, bool, Tally)>> {
        self.tallies.lock()
    }

    fn count(&self, from: SocketAddr, more: Tally) {
        let mut tallies = self.tallies();
        let near = |(link, ..): &&mut (InterfaceAddr, bool, Tally)| comes_by(link, from);
        if let Some((_, _, tally)) = tallies.iter_mut().find(near) {
            tally.own = tally.own.saturating_add(more.own);
            tally.ours = tally.ours.saturating_add(more.ours);
            tally.other_swarm = tally.other_swarm.saturating_add(more.other_swarm);
            tally.other_version = tally.other_version.saturating_add(more.other_version);
        }
    }
}

impl datagrams::Inbox for Inbox {
    const LONGEST: usize = MAX_BEACON;

    fn is_worth_a_look(&self, bytes: &[u8]) -> bool {
        is_beacon(bytes)
    }

    fn take(&self, bytes: &[u8], from: SocketAddr, shared: bool) {
        let now = self.started.elapsed();
        let (beacon, tally) = self.filter.pass(bytes, from, shared, now);
        if tally != Tally::default() {
            self.count(from, tally);
        }
        let Some(beacon) = beacon else {
            return;
        };
        let room = bytes.len();
        // Full: its sender sends another one soon.
        let _ = self.heard.try_send(Heard { beacon, from, room });
    }

    fn looked(&self, links: &[(InterfaceAddr, bool)]) {
        let mut tallies = self.tallies();
        let before = std::mem::take(&mut *tallies);
        *tallies = links
            .iter()
            .map(|(link, joined)| {
                let known = before.iter().find(|(known, ..)| known == link);
                (
                    link.clone(),
                    *joined,
                    known.map_or_else(Tally::default, |known| known.2),
                )
            })
            .collect();
    }
}
