//! The part of [`super::Behaviour`] that lives with one connection.

use super::{
    MAX_INBOUND, MAX_OPENING, Open, Opened, PathId, Stream, StreamError, TIMEOUT, stream::Activity,
};
use futures::future::{Ready, ready};
use libp2p::{
    StreamProtocol,
    core::upgrade::{InboundUpgrade, ReadyUpgrade, UpgradeInfo},
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};
use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::Semaphore;

/// Agrees on one of the protocols and says which.
pub struct AnyOf(Arc<[StreamProtocol]>);

impl UpgradeInfo for AnyOf {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        Vec::from(&*self.0).into_iter()
    }
}

impl InboundUpgrade<libp2p::Stream> for AnyOf {
    type Output = (StreamProtocol, libp2p::Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: libp2p::Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}

type Upgrade = ReadyUpgrade<StreamProtocol>;

/// See the module.
pub struct Handler {
    protocols: Arc<[StreamProtocol]>,
    path: PathId,
    activity: Activity,
    /// The places for streams of the other side.
    places: Arc<Semaphore>,
    /// Came in and not handed over yet; bounded by `places`.
    arrived: VecDeque<(StreamProtocol, Stream)>,
    /// Asked for by us and not requested from the connection yet.
    wanted: VecDeque<Open>,
    /// Requested from the connection and not answered yet.
    opening: usize,
}

impl Handler {
    pub(super) fn new(protocols: Arc<[StreamProtocol]>, path: PathId, activity: Activity) -> Self {
        Self {
            protocols,
            path,
            activity,
            places: Arc::new(Semaphore::new(MAX_INBOUND)),
            arrived: VecDeque::new(),
            wanted: VecDeque::new(),
            opening: 0,
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = (StreamProtocol, Stream);
    type InboundProtocol = AnyOf;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Opened;

    fn listen_protocol(&self) -> SubstreamProtocol<AnyOf> {
        SubstreamProtocol::new(AnyOf(self.protocols.clone()), ()).with_timeout(TIMEOUT)
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Upgrade, Opened, (StreamProtocol, Stream)>> {
        // Nothing here becomes ready by itself: both queues are filled by the calls below, after
        // which the connection polls again.
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(stream));
        }
        while let Some(Open { protocol, opened }) = self.wanted.pop_front() {
            if opened.is_closed() {
                continue;
            }
            self.opening += 1;
            let protocol =
                SubstreamProtocol::new(ReadyUpgrade::new(protocol), opened).with_timeout(TIMEOUT);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, open: Open) {
        if self.wanted.len() + self.opening < MAX_OPENING {
            self.wanted.push_back(open);
        } else {
            let _ = open.opened.send(Err(StreamError::Busy));
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<AnyOf, Upgrade, (), Opened>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (protocol, stream),
                ..
            }) => {
                // Dropping the stream resets it, and that is what the other side sees.
                if let Ok(place) = self.places.clone().try_acquire_owned() {
                    let stream = Stream::new(stream, self.path, self.activity.clone(), Some(place));
                    self.arrived.push_back((protocol, stream));
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: opened,
            }) => {
                self.opening -= 1;
                let _ = opened.send(Ok(Stream::new(
                    stream,
                    self.path,
                    self.activity.clone(),
                    None,
                )));
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
