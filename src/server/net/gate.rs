//! Who may be connected to a server, and whom it dials: nodes with an Ed25519 key, and only back to
//! where they come from.
//!
//! The dials are those that a client asks for, to learn whether it can be reached. Invariant: not
//! one packet goes to an address from which that client is not connected, so no client can have the
//! server knock at a third party, or at its own network.

use crate::net::{address, identity, streamless::Streamless};
use libp2p::{
    Multiaddr, PeerId,
    swarm::{ConnectionDenied, ConnectionId, FromSwarm},
};
use std::{collections::HashMap, convert::Infallible, net::IpAddr};

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Its key is not an Ed25519 key.
    #[error("this peer has another kind of key")]
    Key,
    /// It is not connected from there.
    #[error("this peer does not come from there")]
    Elsewhere,
}

/// See the module.
#[derive(Default)]
pub(in crate::server) struct Gate {
    from: HashMap<PeerId, HashMap<ConnectionId, IpAddr>>,
}

impl Gate {
    /// Whether `peer` is connected from this address.
    fn comes_from(&self, peer: &PeerId, address: &Multiaddr) -> bool {
        let ip = address::ip(address).filter(|_| !address::is_relayed(address));
        let from = self.from.get(peer);
        let mut from = from.into_iter().flat_map(HashMap::values);
        ip.is_some_and(|ip| from.any(|known| *known == ip.to_canonical()))
    }
}

impl Streamless for Gate {
    type Event = Infallible;

    fn arrived(
        &mut self,
        connection: ConnectionId,
        peer: &PeerId,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if identity::node(peer).is_none() {
            return Err(ConnectionDenied::new(Refused::Key));
        }
        if let Some(ip) = address::ip(remote) {
            let from = self.from.entry(*peer).or_default();
            from.insert(connection, ip.to_canonical());
        }
        Ok(())
    }

    fn dialling(
        &mut self,
        peer: Option<&PeerId>,
        addresses: &[Multiaddr],
    ) -> Result<(), ConnectionDenied> {
        match peer {
            Some(peer) if addresses.iter().all(|to| self.comes_from(peer, to)) => Ok(()),
            _ => Err(ConnectionDenied::new(Refused::Elsewhere)),
        }
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        let (peer, id) = match event {
            FromSwarm::ConnectionClosed(closed) => (Some(closed.peer_id), closed.connection_id),
            FromSwarm::ListenFailure(failure) => (failure.peer_id, failure.connection_id),
            _ => return,
        };
        if let Some(peer) = peer
            && let Some(from) = self.from.get_mut(&peer)
        {
            from.remove(&id);
            if from.is_empty() {
                self.from.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_dials_only_back_to_where_they_come_from() {
        let mut gate = Gate::default();
        let peer = |n| identity::keypair([n; 32]).unwrap().public().to_peer_id();
        let id = ConnectionId::new_unchecked(1);
        let from = "/ip4/10.0.0.2/tcp/9".parse().unwrap();
        let arrived = gate.arrived(id, &peer(1), &from);
        assert!(arrived.is_ok());
        let may = |gate: &mut Gate, to: Option<PeerId>, address: &str| {
            let addresses = [address.parse().unwrap()];
            gate.dialling(to.as_ref(), &addresses).is_ok()
        };
        assert!(may(&mut gate, Some(peer(1)), "/ip4/10.0.0.2/tcp/4000"));
        assert!(may(
            &mut gate,
            Some(peer(1)),
            "/ip4/10.0.0.2/udp/4000/quic-v1"
        ));
        assert!(!may(&mut gate, Some(peer(1)), "/ip4/10.0.0.3/tcp/4000"));
        assert!(!may(&mut gate, Some(peer(1)), "/ip4/127.0.0.1/tcp/22"));
        assert!(!may(&mut gate, Some(peer(2)), "/ip4/10.0.0.2/tcp/4000"));
        assert!(!may(&mut gate, None, "/ip4/10.0.0.2/tcp/4000"));
    }
}
