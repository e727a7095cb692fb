//! The datagrams of a pairing: sent on every interface as beacons are, heard on the discovery port
//! and on own ports.
//!
//! Owns these sockets for the time of one pairing. Never decides what to say or whom to trust
//! (`core::pairing` does). Answers go to the port that a datagram came from, which belongs to one
//! process alone; the discovery port is shared. A flood costs a bounded number of decodings a
//! second, and a full queue drops what comes.

use super::{
    beacon::{BeaconError, refused},
    datagrams::{self, Datagrams, GROUPS, Range},
};
use crate::{
    core::{
        chance::Chance,
        pairing::Message,
        rate::{Bucket, Buckets, Rate},
    },
    wire::pairing::{MAX_PAIRING, NONCE, decode, encode, is_pairing},
};
use parking_lot::Mutex;
use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, sync::mpsc};
use tracing::debug;

/// Messages heard and not yet taken: an eighth of a second of the most that are let through.
const HEARD: usize = 256;
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
    swarm_key: Option<[u8; 32]>,
    datagrams: Datagrams<Inbox>,
}

/// What is done with a datagram, whichever socket it came by.
struct Inbox {
    swarm_key: Option<[u8; 32]>,
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
    /// Opens the sockets of the side that announces: it hears what is sent to it alone. Call it
    /// within a tokio runtime. Single interfaces may fail without a word.
    #[must_use]
    pub fn announcing(config: PairingConfig) -> (Self, mpsc::Receiver<(Message, SocketAddr)>) {
        Self::open(config, Vec::new())
    }

    /// Opens the sockets of the side that looks: it hears the discovery port, too. Call it within a
    /// tokio runtime.
    ///
    /// # Errors
    /// [`BeaconError`] if the discovery port cannot be had. IPv6 and single interfaces may fail
    /// without a word.
    pub fn looking(
        config: PairingConfig,
    ) -> Result<(Self, mpsc::Receiver<(Message, SocketAddr)>), BeaconError> {
        let port = config.discovery_port;
        let (sockets, _) = datagrams::discovery(port).map_err(|error| refused(port, error))?;
        Ok(Self::open(config, sockets))
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
        let inbox = Inbox {
            swarm_key: config.swarm_key,
            limits: Mutex::new(Limits {
                chance: Chance::new(u64::from_le_bytes(seed)),
                addresses: Buckets::new(PER_ADDRESS, REMEMBERED),
                all: Bucket::new(IN_ALL, now),
            }),
            heard,
            started: Instant::now(),
        };
        let range = Range {
            port: config.discovery_port,
            listen: config.listen,
            interfaces: config.interfaces,
            groups: GROUPS,
        };
        let sockets = Self {
            swarm_key: config.swarm_key,
            datagrams: Datagrams::open(range, discovery, inbox),
        };
        (sockets, receiver)
    }

    /// Sends to everyone near, on each interface. Looks at the interfaces again first.
    pub async fn announce(&self, message: &Message) {
        self.refresh();
        if let Some(bytes) = self.encode(message) {
            self.datagrams.announce(&bytes).await;
        }
    }

    /// Sends to one address, by the interface that reaches it.
    pub async fn send(&self, message: &Message, to: SocketAddr) {
        if let Some(bytes) = self.encode(message) {
            self.datagrams.send(&bytes, to).await;
        }
    }

    fn encode(&self, message: &Message) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE];
        if self.swarm_key.is_some() {
            getrandom::fill(&mut nonce)
                .inspect_err(|error| debug!(%error, "nothing is sealed without randomness"))
                .ok()?;
        }
        encode(message, self.swarm_key.as_ref(), nonce)
            .inspect_err(|error| debug!(%error, "no pairing message"))
            .ok()
    }

    /// Opens sockets for interfaces that have come and closes those of interfaces that have gone.
    pub fn refresh(&self) {
        self.datagrams.refresh();
    }
}

impl Inbox {
    fn has_time_for(&self, source: IpAddr) -> bool {
        let now = self.started.elapsed();
        let mut limits = self.limits.lock();
        let Limits {
            chance,
            addresses,
            all,
        } = &mut *limits;
        let here = addresses.of(source, now, chance);
        here.take_by_chance(now, chance) && all.take_by_chance(now, chance)
    }
}

impl datagrams::Inbox for Inbox {
    const LONGEST: usize = MAX_PAIRING;

    fn is_worth_a_look(&self, bytes: &[u8]) -> bool {
        // Most of what comes by the discovery port is beacons.
        is_pairing(bytes)
    }

    fn take(&self, bytes: &[u8], from: SocketAddr, _: bool) {
        if !self.has_time_for(from.ip()) {
            return;
        }
        if let Ok(message) = decode(bytes, self.swarm_key.as_ref()) {
            // Full: it is said again.
            let _ = self.heard.try_send((message, from));
        }
    }
}
