//! A cap on inbound connections from one IP address, handshakes under way included. A public IPv6
//! address counts by its /64, for a node that has one of these has all.
//!
//! Refuses before the handshake, so a flood from one machine costs this one no cryptography, and
//! leaves places for others. Invariant: `counts` has exactly the addresses that `open` has, so it
//! is empty when no node is connected.

use super::{address, streamless::Streamless};
use crate::core::origin::origin;
use libp2p::{
    Multiaddr,
    swarm::{ConnectionDenied, ConnectionId, FromSwarm},
};
use std::{collections::HashMap, convert::Infallible, net::IpAddr};

/// Inbound connections that one address may have: a house behind one NAT, not one machine's flood.
pub(crate) const PER_ADDRESS: usize = 64;
/// The same for loopback, where many homes on one machine share the address.
pub(crate) const PER_LOOPBACK: usize = 256;

/// The circuits that may come in over one server: they last for seconds where a straight path is
/// found.
const PER_SERVER: usize = 128;

/// What a connection counts against: an address, and whether that is a server's that relays.
type Origin = (IpAddr, bool);

/// One address has too many connections.
#[derive(Debug, thiserror::Error)]
#[error("too many connections from {0}")]
pub struct TooMany(IpAddr);

/// See the module.
pub(crate) struct PerAddress {
    most: usize,
    most_of_loopback: usize,
    open: HashMap<ConnectionId, Origin>,
    counts: HashMap<Origin, usize>,
}

impl Default for PerAddress {
    fn default() -> Self {
        Self::new(PER_ADDRESS, PER_LOOPBACK)
    }
}

impl PerAddress {
    /// Allows so many connections from an address, and so many from this machine itself.
    pub(crate) fn new(most: usize, most_of_loopback: usize) -> Self {
        Self {
            most,
            most_of_loopback,
            open: HashMap::new(),
            counts: HashMap::new(),
        }
    }

    fn close(&mut self, connection: ConnectionId) {
        let Some(origin) = self.open.remove(&connection) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&origin) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&origin);
            }
        }
    }
}

impl Streamless for PerAddress {
    type Event = Infallible;

    fn arriving(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        // Of a circuit only the server is known, which here is part of the local address.
        let relayed = address::is_relayed(local);
        let Some(ip) = address::ip(if relayed { local } else { remote }) else {
            return Ok(());
        };
        let ip = origin(ip);
        let most = match ip {
            _ if relayed => PER_SERVER,
            ip if ip.is_loopback() => self.most_of_loopback,
            _ => self.most,
        };
        let key = (ip, relayed);
        let count = self.counts.entry(key).or_default();
        if *count >= most {
            return Err(ConnectionDenied::new(TooMany(ip)));
        }
        *count += 1;
        self.open.insert(connection, key);
        Ok(())
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.close(closed.connection_id),
            FromSwarm::ListenFailure(failure) => self.close(failure.connection_id),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
