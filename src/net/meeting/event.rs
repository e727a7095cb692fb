//! What the network tells of rendezvous servers.

use crate::core::id::NodeId;
use std::{net::SocketAddr, time::Duration};

/// Something happened at, or with, a rendezvous server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeetingEvent {
    /// A server answers there.
    Connected {
        /// Its key.
        server: NodeId,
        /// Where it was dialled.
        address: SocketAddr,
    },
    /// A dial led to no server.
    Failed {
        /// Who was expected, if that was known.
        server: Option<NodeId>,
        /// Where.
        addresses: Vec<SocketAddr>,
        /// The reason, for people.
        why: String,
    },
    /// The last connection to a server is gone.
    Lost {
        /// Which.
        server: NodeId,
    },
    /// From where the server sees this node come.
    Observed {
        /// Which server.
        server: NodeId,
        /// This node's address in its eyes.
        address: SocketAddr,
        /// Whether that is QUIC's.
        quic: bool,
    },
    /// The server (does not) reach this node at an address that it dialled back.
    Reachable {
        /// Which server.
        server: NodeId,
        /// The address.
        address: SocketAddr,
        /// Whether that is QUIC's.
        quic: bool,
        /// Whether it got through.
        yes: bool,
    },
    /// The server forwards connections to this node from now on.
    Reserved {
        /// Which.
        server: NodeId,
    },
    /// The server does not, or no longer, forward connections to this node.
    Unreserved {
        /// Which.
        server: NodeId,
        /// The reason, for people.
        why: String,
    },
    /// This node can be found at the server.
    Registered {
        /// Which.
        server: NodeId,
        /// Under which name.
        namespace: String,
        /// For how long: it has to be said again before.
        ttl: Duration,
    },
    /// The server does not take the registration.
    NotRegistered {
        /// Which.
        server: NodeId,
        /// Under which name.
        namespace: String,
        /// The reason, for people.
        why: String,
    },
    /// Who registered there since the last answer for this namespace (all of them, in the first
    /// one).
    Discovered {
        /// Which server.
        server: NodeId,
        /// Under which name.
        namespace: String,
        /// Who: foreign words, checked for a signature only. Never this node.
        nodes: Vec<NodeId>,
    },
    /// The server does not say who is there.
    NotDiscovered {
        /// Which server.
        server: NodeId,
        /// Under which name.
        namespace: String,
        /// The reason, for people.
        why: String,
    },
    /// A straight path to a node was tried, with both ends at once.
    Punched {
        /// To whom.
        node: NodeId,
        /// Whether it stands.
        yes: bool,
    },
}
