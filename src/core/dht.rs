//! Nodes and servers that are found by the BitTorrent DHT: when to look there, whom to ask, what to
//! publish, and what to believe.
//!
//! Owns these decisions. Never opens a socket, signs or reads a clock. What comes from the DHT is a
//! stranger's word: [`Lookup`] bounds whom it has asked, [`believed`] what is taken of what stands
//! there, and [`Seek`] how often any of it happens.

mod lookup;
mod reach;
mod seek;
mod servers;

pub use lookup::{K, Lookup, MAX_ASKED, MAX_CANDIDATES};
pub use reach::Reach;
pub use seek::{HOUR, MAX_SOUGHT, Seek, SeekConfig, SeekInput, Sought};
pub use servers::{believed, merged};

use super::id::NodeId;
use ::core::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

/// A place in the DHT: a node's id there, or what is looked for.
pub type Key160 = [u8; 20];

/// The shortest time between two datagrams to the DHT: 18 a second.
pub const PACE: Duration = Duration::from_millis(55);
/// Contacts read of one answer.
pub const MAX_CONTACTS: usize = 20;
/// Servers in one record.
pub const MAX_SERVERS: usize = 12;
/// Addresses of one server.
pub const MAX_AT: usize = 2;
/// Addresses of the node itself in its record.
pub const MAX_ADDRESSES: usize = 4;

/// A node of the DHT, as another one tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its place.
    pub id: Key160,
    /// Where it is.
    pub at: SocketAddrV4,
}

/// A rendezvous server, as it stands in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAt {
    /// Its key.
    pub key: NodeId,
    /// When it said so: seconds since 1970.
    pub made: u64,
    /// Where it is: at most [`MAX_AT`].
    pub at: Vec<SocketAddr>,
}

/// What stands in an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// When it was written: seconds since 1970.
    pub made: u64,
    /// Servers: at most [`MAX_SERVERS`].
    pub servers: Vec<ServerAt>,
    /// Where the node itself is reached: at most [`MAX_ADDRESSES`].
    pub at: Vec<SocketAddr>,
}
