//! Where a node is, by the word of another one, as it travels.

use crate::{core::id::NodeId, wire::cbor::Malformed};
use core::net::{IpAddr, SocketAddr};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::time::Duration;

/// Where a peer can be dialled, by the word of another one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PeerAddress {
    /// Who.
    pub node: NodeId,
    /// The IP address, 4 or 16 bytes; zeros: that of the node that says it.
    pub ip: ByteBuf,
    /// The TCP port, not 0.
    pub port: u16,
    /// How many seconds ago it was heard, where that may be long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<u32>,
}

impl PeerAddress {
    /// The same from an address.
    #[must_use]
    pub fn new(node: NodeId, address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        Self {
            node,
            ip: ByteBuf::from(ip),
            port: address.port(),
            heard: None,
        }
    }

    /// The same of one that was heard so long ago.
    #[must_use]
    pub fn heard(node: NodeId, address: SocketAddr, age: Option<Duration>) -> Self {
        let seconds = |age: Duration| age.as_secs().try_into().unwrap_or(u32::MAX);
        Self {
            heard: age.map(seconds),
            ..Self::new(node, address)
        }
    }

    /// How long ago it was heard; just now, unless something else is said.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_secs(self.heard.unwrap_or(0).into())
    }

    /// The address; `None` if it is none.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let ip = if let Ok(four) = <[u8; 4]>::try_from(&self.ip[..]) {
            IpAddr::from(four)
        } else {
            IpAddr::from(<[u8; 16]>::try_from(&self.ip[..]).ok()?)
        };
        (self.port != 0).then(|| SocketAddr::new(ip, self.port))
    }
}

pub(super) fn check(named: &[PeerAddress], most: usize) -> Result<(), Malformed> {
    if named.len() > most {
        return Err(Malformed(format!("peers: {} is over {most}", named.len())));
    }
    if named.iter().any(|one| one.address().is_none()) {
        return Err(Malformed("an address that is none".into()));
    }
    Ok(())
}
