//! What a rendezvous server says and hears: a swarm of its own, beside that of a node.
//!
//! Owns the server's sockets, its protocols and their limits: who may be connected, be met, and be
//! relayed, and how fast. Everyone else has a [`Server`] and the queue of [`ServerEvent`]s. Never
//! decides about names: that is `node`'s. Invariants: it holds no swarm's key and sees no contents;
//! an idle client costs it no buffers; it dials only those that are connected, at the addresses
//! that they come from; every table here is bounded.

mod behaviour;
mod carrier;
mod circuits;
mod config;
mod crowd;
mod driver;
mod gate;
mod peers;
mod points;
mod reader;
mod reservations;
mod throttle;
mod transport;

#[cfg(test)]
mod tests;

pub use config::{Quotas, ServerConfig};
pub use peers::{PeerServer, Peers};

use crate::{
    core::id::NodeId,
    net::{NetError, address},
    wire::directory::{Request, Response},
};
use std::net::{IpAddr, SocketAddr};
use tokio::sync::{mpsc, oneshot};

/// Events that wait for the server's task.
const EVENTS: usize = 256;

/// How much goes on at the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Nodes that are connected.
    pub nodes: usize,
    /// Those of them that wait to be reached through the server.
    pub reachable: usize,
    /// Places in namespaces at which nodes can be met.
    pub registrations: usize,
    /// Circuits that carry now.
    pub circuits: usize,
    /// Circuits so far: each brought two nodes together.
    pub introduced: u64,
    /// Bytes that went through circuits so far, both ways together.
    pub relayed: u64,
}

/// Something happened at the server.
#[derive(Debug)]
pub enum ServerEvent {
    /// A connection stands.
    Connected {
        /// With whom.
        node: NodeId,
        /// A number of its own.
        connection: u64,
        /// From where.
        address: IpAddr,
    },
    /// It is gone.
    Closed {
        /// With whom.
        node: NodeId,
        /// Its number.
        connection: u64,
    },
    /// A node asks the directory.
    Asked {
        /// Who.
        node: NodeId,
        /// From where.
        address: IpAddr,
        /// What, within its bounds.
        request: Request,
        /// Where the answer goes. Dropped, the asker hears nothing.
        reply: oneshot::Sender<Response>,
    },
    /// More or less goes on than before.
    Load(Load),
    /// Others see the server there: some of them agree.
    Seen(SocketAddr),
}

/// A running server's network. Dropped, it ends.
#[derive(Debug)]
pub struct Server {
    stop: mpsc::Sender<oneshot::Sender<()>>,
    node: NodeId,
    #[cfg(test)]
    port: u16,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// Opens the sockets.
    ///
    /// # Errors
    /// [`NetError`] says what to do.
    pub fn start(config: ServerConfig) -> Result<(Self, mpsc::Receiver<ServerEvent>), NetError> {
        let (events, heard) = mpsc::channel(EVENTS);
        let (stop, stopped) = mpsc::channel(1);
        let (node, bound) = driver::start(config, stopped, events)?;
        let server = Self {
            stop,
            node,
            #[cfg(test)]
            port: bound.port,
            addresses: address::expand(&bound.addresses),
        };
        Ok((server, heard))
    }

    /// Its key.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The port that it listens on, by TCP and UDP.
    #[cfg(test)]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens: those that others can use first.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Closes every connection and the sockets.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.stop.send(done).await.is_ok() {
            let _ = stopped.await;
        }
    }
}
