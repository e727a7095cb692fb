//! Connections that are wanted, or wanted no more.

use super::{DialError, Driver, NetEvent, NodeId, address, events, identity};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use std::net::SocketAddr;

impl Driver {
    pub(super) fn disconnect(&mut self, node: NodeId) {
        if let Some(peer) = identity::peer(node) {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    pub(super) fn dial(&mut self, node: Option<NodeId>, mut addresses: Vec<SocketAddr>) {
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return;
        }
        match node {
            Some(node) => {
                let busy = self.connections.has(node)
                    || self.dials.values().any(|dial| dial.0 == Some(node));
                if let Some(peer) = identity::peer(node).filter(|_| !busy) {
                    // A port of its own: dialling from the listening port, both sides at once make
                    // one socket pair of two dials, in which neither end answers. (Hole punching
                    // needs the listening port; that is dcutr's.)
                    let options = DialOpts::peer_id(peer)
                        .condition(PeerCondition::NotDialing)
                        .addresses(
                            addresses
                                .iter()
                                .map(|address| address::tcp(*address))
                                .collect(),
                        )
                        .allocate_new_port()
                        .build();
                    self.start_dial(Some(node), addresses, options);
                }
            }
            None => {
                for address in addresses {
                    let same = |dial: &(Option<NodeId>, Vec<SocketAddr>)| dial.1 == [address];
                    let known = self.connections.leads_to(address);
                    if !known && !self.dials.values().any(same) {
                        let options = DialOpts::unknown_peer_id()
                            .address(address::tcp(address))
                            .allocate_new_port()
                            .build();
                        self.start_dial(None, vec![address], options);
                    }
                }
            }
        }
    }

    pub(super) fn start_dial(
        &mut self,
        node: Option<NodeId>,
        addresses: Vec<SocketAddr>,
        options: DialOpts,
    ) {
        let id = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => drop(self.dials.insert(id, (node, addresses))),
            Err(DialError::DialPeerConditionFalse(_)) => {}
            Err(error) => self.outbox.push_back(NetEvent::DialFailed {
                node,
                addresses,
                why: events::why(&error),
                full: events::is_full(&error),
                refused: events::is_refused(&error),
            }),
        }
    }
}
