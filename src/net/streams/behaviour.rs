//! The part of the streams that lives with the swarm.

use super::{Open, PathId, Stream, handler::Handler, stream::Activity};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm,
    },
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

/// A stream that the other side opened.
#[derive(Debug)]
pub struct Incoming {
    /// By whom.
    pub peer: PeerId,
    /// On which connection.
    pub connection: ConnectionId,
    /// What it carries.
    pub protocol: StreamProtocol,
    /// The stream.
    pub stream: Stream,
}

/// See [`super`].
pub struct Behaviour {
    protocols: Arc<[StreamProtocol]>,
    activity: HashMap<ConnectionId, Activity>,
    /// Emptied at each poll, before another connection event is taken in.
    pending: VecDeque<ToSwarm<Incoming, Open>>,
}

impl Behaviour {
    /// Streams of these protocols.
    pub(crate) fn new(protocols: Arc<[StreamProtocol]>) -> Self {
        Self {
            protocols,
            activity: HashMap::new(),
            pending: VecDeque::new(),
        }
    }

    /// Opens a stream on one connection; `opened` gets the stream, or the reason, or is dropped
    /// with the connection.
    pub(crate) fn open(&mut self, peer_id: PeerId, connection: ConnectionId, open: Open) {
        self.pending.push_back(ToSwarm::NotifyHandler {
            peer_id,
            handler: NotifyHandler::One(connection),
            event: open,
        });
    }

    /// Bytes that came in on the streams of a connection so far.
    pub(crate) fn received(&self, connection: ConnectionId) -> u64 {
        self.activity
            .get(&connection)
            .map_or(0, |counts| counts.received.load(Ordering::Relaxed))
    }

    /// Bytes on the streams of a connection so far, both ways together.
    pub(crate) fn carried(&self, connection: ConnectionId) -> u64 {
        let counts = self.activity.get(&connection);
        let sent = counts.map_or(0, |counts| counts.sent.load(Ordering::Relaxed));
        sent + self.received(connection)
    }

    /// Streams that are open on a connection, bulk that was agreed on over it included.
    pub(crate) fn open_on(&self, connection: ConnectionId) -> usize {
        // Beside them the handler and this table hold the counts.
        let counts = self.activity.get(&connection);
        counts.map_or(0, |counts| Arc::strong_count(counts).saturating_sub(2))
    }

    /// Forgets a connection that is closed: until then it tells what that carried.
    pub(crate) fn closed(&mut self, connection: ConnectionId) {
        if let Some(counts) = self.activity.remove(&connection) {
            counts.gone.cancel();
        }
    }

    fn handler(&mut self, connection: ConnectionId) -> Handler {
        let activity = self.activity.entry(connection).or_default().clone();
        Handler::new(self.protocols.clone(), PathId(connection), activity)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Incoming;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        // A behaviour after this one may still refuse the connection. What is closed the driver
        // takes out.
        let gone = match event {
            FromSwarm::DialFailure(failure) => failure.connection_id,
            FromSwarm::ListenFailure(failure) => failure.connection_id,
            _ => return,
        };
        self.activity.remove(&gone);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        (protocol, stream): THandlerOutEvent<Self>,
    ) {
        self.pending.push_back(ToSwarm::GenerateEvent(Incoming {
            peer,
            connection,
            protocol,
            stream,
        }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Incoming, THandlerInEvent<Self>>> {
        // `open` is called by the swarm's owner, who polls the swarm right after.
        self.pending.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
