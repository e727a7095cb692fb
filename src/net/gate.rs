//! Who may be connected at all: nodes with an Ed25519 key that were not banned.

use super::{identity, streamless::Streamless};
use libp2p::{
    Multiaddr, PeerId,
    swarm::{ConnectionDenied, ConnectionId},
};
use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
};

/// Bans that are remembered; identities are free to make, memory is not. The oldest is forgotten
/// first.
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
pub(super) struct Gate {
    banned: HashSet<PeerId>,
    order: VecDeque<PeerId>,
}

impl Gate {
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

impl Streamless for Gate {
    type Event = Infallible;

    fn arrived(
        &mut self,
        _: ConnectionId,
        peer: &PeerId,
        _: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.check(peer)
    }

    fn dialling(&mut self, peer: Option<&PeerId>, _: &[Multiaddr]) -> Result<(), ConnectionDenied> {
        peer.map_or(Ok(()), |peer| self.check(peer))
    }

    fn dialled(&mut self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        self.check(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_are_bounded_and_the_newest_hold() {
        let mut gate = Gate::default();
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
