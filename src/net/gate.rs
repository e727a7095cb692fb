//! Who may be connected at all: nodes with an Ed25519 key that were not banned.

use super::identity;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};
use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
    task::{Context, Poll},
};

/// Bans that are remembered; identities are free to make, memory is not. The oldest is forgotten first.
const MAX_BANS: usize = 16_384;

/// Why someone is turned away.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It was banned.
    #[error("this peer was banned")]
    Banned,
    /// Its key is not an Ed25519 key.
    #[error("this peer has another kind of key")]
    Key,
}

/// See the module.
#[derive(Default)]
pub struct Behaviour {
    banned: HashSet<PeerId>,
    order: VecDeque<PeerId>,
}

impl Behaviour {
    /// Refuses `peer` from now on. Its present connections are the caller's to close.
    pub(crate) fn ban(&mut self, peer: PeerId) {
        if self.banned.insert(peer) {
            self.order.push_back(peer);
        }
        while self.order.len() > MAX_BANS {
            if let Some(oldest) = self.order.pop_front() {
                self.banned.remove(&oldest);
            }
        }
    }

    fn check(&self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        if self.banned.contains(peer) {
            return Err(ConnectionDenied::new(Refused::Banned));
        }
        if identity::node(peer).is_none() {
            return Err(ConnectionDenied::new(Refused::Key));
        }
        Ok(())
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(&peer).map(|()| dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        peer.map_or(Ok(()), |peer| self.check(&peer))
            .map(|()| Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(&peer).map(|()| dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_are_bounded_and_the_newest_hold() {
        let mut gate = Behaviour::default();
        let (first, last) = (PeerId::random(), PeerId::random());
        gate.ban(first);
        for _ in 0..MAX_BANS - 1 {
            gate.ban(PeerId::random());
        }
        assert!(gate.check(&first).is_err());
        gate.ban(last);
        assert_eq!(gate.banned.len(), MAX_BANS);
        assert!(gate.banned.contains(&last) && !gate.banned.contains(&first));
    }
}
