//! A behaviour of libp2p that opens no streams: it decides who may be connected, or looks around,
//! and that is all.
//!
//! Owns what libp2p asks of each behaviour and such a one has nothing to say to. Where
//! [`Streamless`] has nothing to add, everyone is let through and nothing happens.

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};
use std::task::{Context, Poll};

/// What such a behaviour may have to say. An error of the first four refuses the connection.
pub(crate) trait Streamless: 'static {
    /// What it reports.
    type Event: Send + 'static;

    /// A node connects to us; which, is not known yet.
    fn arriving(
        &mut self,
        _: ConnectionId,
        _local: &Multiaddr,
        _remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        Ok(())
    }

    /// A node connected to us.
    fn arrived(
        &mut self,
        _: ConnectionId,
        _: &PeerId,
        _remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        Ok(())
    }

    /// We are about to dial these addresses.
    fn dialling(&mut self, _: Option<&PeerId>, _to: &[Multiaddr]) -> Result<(), ConnectionDenied> {
        Ok(())
    }

    /// We connected to a node.
    fn dialled(&mut self, _: &PeerId) -> Result<(), ConnectionDenied> {
        Ok(())
    }

    /// What happens in the swarm.
    fn on_swarm_event(&mut self, _: FromSwarm) {}

    /// The next report.
    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Self::Event> {
        Poll::Pending
    }
}

/// Makes a behaviour of it.
#[derive(Default)]
pub(crate) struct Behaviour<T>(pub(crate) T);

impl<T: Streamless> NetworkBehaviour for Behaviour<T> {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = T::Event;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.0.arriving(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0
            .arrived(id, &peer, remote)
            .map(|()| dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.0
            .dialling(peer.as_ref(), addresses)
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
        self.0.dialled(&peer).map(|()| dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        self.0.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<T::Event, THandlerInEvent<Self>>> {
        self.0.poll(cx).map(ToSwarm::GenerateEvent)
    }
}
