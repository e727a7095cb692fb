//! A behaviour of libp2p that takes part in some connections only, and hears of our addresses from
//! us alone.
//!
//! Some of libp2p's clients take every peer for a possible server, and every address that anyone
//! claims to see us at for a candidate, in tables without a bound. Here a server's protocols are
//! spoken with servers only, and an address is a candidate when the driver says so. Invariant: the
//! inner behaviour hears of a connection's end exactly if it heard of its beginning.

use super::{address, meeting::Table};
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour,
        NewExternalAddrCandidate, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        behaviour::{ConnectionEstablished, toggle::Toggle},
    },
};
use std::{
    collections::HashMap,
    sync::Arc,
    task::{Context, Poll},
};

/// Where the inner behaviour takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Wherever there is a connection.
    Everywhere,
    /// Wherever no relay stands between.
    Straight,
    /// On our connections to servers.
    Servers,
    /// Also where a server comes to us, which it does to see whether it can.
    ServersBothWays,
}

/// See the module.
pub(super) struct Behaviour<B: NetworkBehaviour> {
    inner: Toggle<B>,
    /// Gives the handlers that do nothing.
    nothing: Toggle<B>,
    scope: Scope,
    table: Arc<Table>,
    on: HashMap<ConnectionId, PeerId>,
}

impl<B: NetworkBehaviour> Behaviour<B> {
    pub(super) fn new(inner: B, scope: Scope, table: Arc<Table>) -> Self {
        Self {
            inner: Some(inner).into(),
            nothing: None.into(),
            scope,
            table,
            on: HashMap::new(),
        }
    }

    /// The behaviour itself.
    pub(super) fn get(&mut self) -> Option<&mut B> {
        self.inner.as_mut()
    }

    /// Others may reach this node at that address.
    pub(super) fn candidate(&mut self, addr: &Multiaddr) {
        let candidate = NewExternalAddrCandidate { addr };
        self.inner
            .on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
    }

    /// Whether it takes part in a connection to that peer.
    pub(super) fn is_on(&self, peer: &PeerId) -> bool {
        self.on.values().any(|on| on == peer)
    }

    fn others(&self, peer: &PeerId, but: ConnectionId) -> usize {
        let others = self.on.iter().filter(|(id, on)| *on == peer && **id != but);
        others.count()
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Behaviour<B> {
    type ConnectionHandler = THandler<Toggle<B>>;
    type ToSwarm = B::ToSwarm;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let part = match self.scope {
            Scope::Everywhere => true,
            Scope::Straight => !address::is_relayed(local),
            Scope::Servers => false,
            Scope::ServersBothWays => !address::is_relayed(local) && self.table.is_server(&peer),
        };
        let chosen = if part {
            self.on.insert(id, peer);
            &mut self.inner
        } else {
            &mut self.nothing
        };
        chosen.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        to: &Multiaddr,
        role: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // By QUIC a server is connected for a moment only: what is asked there would get no answer.
        let part = match self.scope {
            Scope::Everywhere => true,
            Scope::Straight => !address::is_relayed(to),
            Scope::Servers | Scope::ServersBothWays => {
                address::is_tcp(to) && self.table.leads_to_server(to, port_use, role)
            }
        };
        let chosen = if part {
            self.on.insert(id, peer);
            &mut self.inner
        } else {
            &mut self.nothing
        };
        chosen.handle_established_outbound_connection(id, peer, to, role, port_use)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        let event = match event {
            FromSwarm::NewExternalAddrCandidate(_) => return,
            FromSwarm::ConnectionEstablished(begun) => {
                if !self.on.contains_key(&begun.connection_id) {
                    return;
                }
                FromSwarm::ConnectionEstablished(ConnectionEstablished {
                    other_established: self.others(&begun.peer_id, begun.connection_id),
                    ..begun
                })
            }
            FromSwarm::ConnectionClosed(ended) => {
                if self.on.remove(&ended.connection_id).is_none() {
                    return;
                }
                FromSwarm::ConnectionClosed(ConnectionClosed {
                    remaining_established: self.others(&ended.peer_id, ended.connection_id),
                    ..ended
                })
            }
            FromSwarm::AddressChange(change) if !self.on.contains_key(&change.connection_id) => {
                return;
            }
            FromSwarm::DialFailure(failure) => {
                // A behaviour after this one may have refused the connection.
                self.on.remove(&failure.connection_id);
                event
            }
            FromSwarm::ListenFailure(failure) => {
                self.on.remove(&failure.connection_id);
                event
            }
            other => other,
        };
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.inner.on_connection_handler_event(peer, id, event);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx)
    }
}
