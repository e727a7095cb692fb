//! What touches sockets.
//!
//! Owns the libp2p swarm (one task, `driver`, alone), its protocols and its limits. Everyone else
//! has a [`Net`], a cheap handle, and the queue of [`NetEvent`]s. Never decides whom to dial, what
//! to serve or whom to ban: that is `node`'s. Invariants: every message that comes out was checked,
//! every queue has a bound, and whatever a stranger sends costs its stream or its connection, not
//! this process.

pub(crate) mod address;
pub mod beacon;
mod behaviour;
mod bulk;
pub(crate) mod codec;
mod command;
mod connections;
mod datagrams;
pub mod descriptors;
pub mod dht;
mod driver;
mod event;
mod gate;
mod handle;
pub(crate) mod identity;
mod interfaces;
pub mod localsend;
mod mdns;
mod meeting;
mod member;
pub mod pairing;
pub(crate) mod per_address;
mod pieces;
mod ping;
mod reach;
pub(crate) mod rendezvous;
mod resting;
mod router;
mod scoped;
mod segments;
pub(crate) mod streamless;
mod streams;
pub(crate) mod substreams;
pub mod timers;
pub(crate) mod transport;
mod unread;

#[cfg(test)]
pub(crate) mod tests;

pub use beacon::{BeaconConfig, BeaconError, Beacons, Heard};
pub use bulk::Direction as BulkDirection;
pub use event::{NetEvent, Reply, RequestError};
pub use handle::Net;
pub use interfaces::{links, zoned};
pub use meeting::MeetingEvent;
pub use pairing::{PairingConfig, PairingSockets};
pub use pieces::{Pieces, beside, pieces};
pub use reach::reaches;
pub use router::{Asked, Inbound, Router};
pub use streams::{PathId, Stream, StreamError};

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

/// How a node takes part in the network.
#[derive(Clone)]
pub struct NetConfig {
    /// The Ed25519 secret that makes it the node that it is.
    pub secret: [u8; 32],
    /// The port for TCP and QUIC; 0: any free one.
    pub transfer_port: u16,
    /// The addresses to listen on; none: all there are.
    pub listen: Vec<IpAddr>,
    /// The names of the interfaces on which to announce and find by mDNS; none: all there are.
    pub interfaces: Vec<String>,
    /// Whether to announce and find by mDNS (never done when every listen address is loopback).
    pub mdns: bool,
    /// The key of a private swarm: who has another one, or none, cannot connect.
    pub swarm_key: Option<[u8; 32]>,
    /// Whether a path through a server may carry more than the attempt at a straight one.
    pub relayed: bool,
    /// What this program calls itself to others, such as `sprat/0.1.0`.
    pub agent: String,
}

/// The network cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The port is taken.
    #[error("port {0} is in use: choose another with -t PORT, or 0 for any free one")]
    PortBusy(u16),
    /// The port needs rights.
    #[error("port {0} needs administrator rights: choose one of 1024 or more with -t PORT")]
    PortPrivileged(u16),
    /// No interface has the address.
    #[error(
        "{0} is not an address of this machine: give one that is with --listen, or leave it out for all"
    )]
    AddressNotHere(IpAddr),
    /// Anything else that the system says about a socket.
    #[error(
        "cannot listen on {address}: {source}; choose another address with --listen or another port with -t"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// As many files and sockets are open as may be.
    #[error(
        "no socket could be opened: this process may not open as many files and sockets as it needs. Allow it more, as by `ulimit -n 1024`"
    )]
    Descriptors,
    /// The identity's secret cannot be used.
    #[error(
        "the identity is not a usable key ({0}): move .sprat/identity.key away to make a new one"
    )]
    Identity(String),
}

impl NetError {
    /// Names the reason why `address` cannot be bound.
    pub(crate) fn from_bind(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            _ if descriptors::is_shortage(&source.to_string()) => Self::Descriptors,
            io::ErrorKind::AddrInUse => Self::PortBusy(address.port()),
            io::ErrorKind::PermissionDenied => Self::PortPrivileged(address.port()),
            io::ErrorKind::AddrNotAvailable => Self::AddressNotHere(address.ip()),
            _ => Self::Listen { address, source },
        }
    }
}
