//! The part of [`super::Behaviour`] that lives with one connection.

use super::{MAX_INBOUND, MAX_OPENING, Opened, Stream, StreamError, TIMEOUT, stream::Activity};
use libp2p::{
    StreamProtocol,
    core::upgrade::ReadyUpgrade,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};
use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::Semaphore;

type Upgrade = ReadyUpgrade<StreamProtocol>;

/// See the module.
pub struct Handler {
    protocol: StreamProtocol,
    activity: Activity,
    /// The places for streams of the other side.
    places: Arc<Semaphore>,
    /// Came in and not handed over yet; bounded by `places`.
    arrived: VecDeque<Stream>,
    /// Asked for by us and not requested from the connection yet.
    wanted: VecDeque<Opened>,
    /// Requested from the connection and not answered yet.
    opening: usize,
}

impl Handler {
    pub(super) fn new(protocol: StreamProtocol, activity: Activity) -> Self {
        Self {
            protocol,
            activity,
            places: Arc::new(Semaphore::new(MAX_INBOUND)),
            arrived: VecDeque::new(),
            wanted: VecDeque::new(),
            opening: 0,
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Opened;
    type ToBehaviour = Stream;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Opened;

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ()).with_timeout(TIMEOUT)
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Upgrade, Opened, Stream>> {
        // Nothing here becomes ready by itself: both queues are filled by the calls below, after which the connection
        // polls again.
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(stream));
        }
        while let Some(opened) = self.wanted.pop_front() {
            if opened.is_closed() {
                continue;
            }
            self.opening += 1;
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), opened)
                .with_timeout(TIMEOUT);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, opened: Opened) {
        if self.wanted.len() + self.opening < MAX_OPENING {
            self.wanted.push_back(opened);
        } else {
            let _ = opened.send(Err(StreamError::Busy));
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Upgrade, Upgrade, (), Opened>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: stream,
                ..
            }) => {
                // Dropping the stream resets it, and that is what the other side sees.
                if let Ok(place) = self.places.clone().try_acquire_owned() {
                    self.arrived
                        .push_back(Stream::new(stream, self.activity.clone(), Some(place)));
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: opened,
            }) => {
                self.opening -= 1;
                let _ = opened.send(Ok(Stream::new(stream, self.activity.clone(), None)));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError {
                info: opened,
                error,
            }) => {
                self.opening -= 1;
                let _ = opened.send(Err(match error {
                    StreamUpgradeError::Timeout => StreamError::Timeout,
                    StreamUpgradeError::NegotiationFailed => StreamError::Refused,
                    StreamUpgradeError::Io(_) => StreamError::Closed,
                    StreamUpgradeError::Apply(never) => match never {},
                }));
            }
            _ => {}
        }
    }
}
