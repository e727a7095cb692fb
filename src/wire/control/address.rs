//! Where a node is, by the word of another one, as it travels.

use crate::{core::id::NodeId, wire::cbor::Malformed};
use core::net::{IpAddr, SocketAddr};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Where a peer can be dialled, by the word of another one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PeerAddress {
    /// Who.
    pub node: NodeId,
    /// The IP address, 4 or 16 bytes; zeros: that of the node that says it.
    pub ip: ByteBuf,
    /// The TCP port, not 0.
    pub port: u16,
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
        }
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
