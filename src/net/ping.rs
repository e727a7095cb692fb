//! Signs of life on a connection: `/ipfs/ping/1.0.0`, as libp2p speaks it, with less of it.
//!
//! libp2p pings from both ends, always. Here an end that was pinged a moment ago leaves it to the
//! other one, which sees the answers; and a connection that is only kept, as those of a crowd are,
//! is *calm*: it is looked after less often. Owns the streams of pings. Never closes a connection:
//! `connections` decides who has been silent too long. Invariants: on a connection that is not calm
//! each end hears of the other at least each [`INTERVAL`] and a quarter, on a calm one each [`CALM`]
//! and a quarter, whatever the other end does; of pings there is one stream each way at most.

#[cfg(test)]
mod tests;

use super::timers;
use futures::{
    AsyncReadExt as _, AsyncWriteExt as _, FutureExt as _, future::BoxFuture, task::AtomicWaker,
};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};
use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep, timeout};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/ipfs/ping/1.0.0");
/// Bytes of a ping, and of its answer.
const SIZE: usize = 32;
/// Often enough that a dead host is noticed within 15 s.
pub(super) const INTERVAL: Duration = Duration::from_secs(4);
/// The same on a calm connection: within a minute.
pub(super) const CALM: Duration = Duration::from_secs(15);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(6);
/// So many pauses old, the round trip is measured again though the other end pings.
const STALE: u32 = 10;

/// A sign of life.
#[derive(Debug)]
pub(super) struct Event {
    pub peer: PeerId,
    pub connection: ConnectionId,
    /// How long the answer took, if it was one.
    pub rtt: Option<Duration>,
}

/// Whether a connection is only kept, and who waits to hear that this changed.
#[derive(Debug, Default)]
struct Calm {
    is: AtomicBool,
    handler: AtomicWaker,
}

/// See the module.
#[derive(Default)]
pub(super) struct Behaviour {
    /// Which connections are calm.
    calm: HashMap<ConnectionId, Arc<Calm>>,
    events: VecDeque<Event>,
}

impl Behaviour {
    /// Whether a connection is only kept.
    pub(super) fn set_calm(&self, connection: ConnectionId, calm: bool) {
        if let Some(known) = self.calm.get(&connection) {
            known.is.store(calm, Ordering::Relaxed);
            known.handler.wake();
        }
    }

    fn handler(&mut self, connection: ConnectionId, dialled: bool) -> Handler {
        Handler::new(self.calm.entry(connection).or_default().clone(), dialled)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection, false))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection, true))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        let gone = match event {
            FromSwarm::ConnectionClosed(closed) => closed.connection_id,
            // A behaviour after this one may still refuse the connection.
            FromSwarm::DialFailure(failure) => failure.connection_id,
            FromSwarm::ListenFailure(failure) => failure.connection_id,
            _ => return,
        };
        self.calm.remove(&gone);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        rtt: THandlerOutEvent<Self>,
    ) {
        self.events.push_back(Event {
            peer,
            connection,
            rtt,
        });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        let event = self.events.pop_front().map(ToSwarm::GenerateEvent);
        event.map_or(Poll::Pending, Poll::Ready)
    }
}

enum Outbound {
    None,
    Opening,
    Idle(Stream),
    Pinging(BoxFuture<'static, io::Result<(Stream, Duration)>>),
    /// The other end does not know pings.
    Unable,
}

/// The part that lives with one connection.
pub(super) struct Handler {
    calm: Arc<Calm>,
    /// What it was at the last look.
    was_calm: bool,
    timer: Pin<Box<Sleep>>,
    pace: Pace,
    outbound: Outbound,
    inbound: Option<BoxFuture<'static, io::Result<Stream>>>,
}

/// When to ping: pure.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// This end made the connection: it pings, unless it is calmer.
    dialled: bool,
    /// The last sign of life, and whether that was a ping of the other end.
    heard: Option<(Instant, bool)>,
    /// The last try.
    tried: Option<Instant>,
    /// The last answer.
    measured: Option<Instant>,
}

impl Pace {
    fn new(dialled: bool) -> Self {
        Self {
            dialled,
            heard: None,
            tried: None,
            measured: None,
        }
    }

    /// The other end was heard, by a ping of its own or an answer.
    fn heard(&mut self, now: Instant, by_ping: bool) {
        self.heard = Some((now, by_ping));
        if !by_ping {
            self.measured = Some(now);
        }
    }

    /// When the next ping is due.
    fn due(&self, calm: bool, now: Instant) -> Instant {
        let pause = if calm { CALM } else { INTERVAL };
        let (Some(tried), Some((heard, by_them))) = (self.tried, self.heard) else {
            // One that is not answered is tried again all the same.
            return self.tried.map_or(now, |tried| tried + pause);
        };
        let stale = self.measured.map_or(tried + pause, |at| at + pause * STALE);
        let leaves = by_them || !self.dialled;
        let later = if leaves { pause / 4 } else { Duration::ZERO };
        (heard + pause + later).min(stale).max(tried + pause)
    }
}

impl Handler {
    fn new(calm: Arc<Calm>, dialled: bool) -> Self {
        Self {
            calm,
            was_calm: false,
            timer: Box::pin(sleep(Duration::ZERO)),
            pace: Pace::new(dialled),
            outbound: Outbound::None,
            inbound: None,
        }
    }

    fn poll_inbound(&mut self, cx: &mut Context<'_>) -> bool {
        let answered = self.inbound.as_mut().map(|fut| fut.poll_unpin(cx));
        match answered {
            Some(Poll::Ready(Ok(stream))) => {
                self.inbound = Some(answer(stream).boxed());
                self.pace.heard(Instant::now(), true);
                true
            }
            Some(Poll::Ready(Err(_))) => {
                self.inbound = None;
                false
            }
            Some(Poll::Pending) | None => false,
        }
    }

    fn poll_outbound(&mut self, cx: &mut Context<'_>) -> Option<Duration> {
        let Outbound::Pinging(ping) = &mut self.outbound else {
            return None;
        };
        match ping.poll_unpin(cx) {
            Poll::Ready(Ok((stream, rtt))) => {
                self.outbound = Outbound::Idle(stream);
                self.pace.heard(Instant::now(), false);
                Some(rtt)
            }
            Poll::Ready(Err(_)) => {
                self.outbound = Outbound::None;
                None
            }
            Poll::Pending => None,
        }
    }
}

/// Asks for an answer.
async fn ping(mut stream: Stream) -> io::Result<(Stream, Duration)> {
    let mut sent = [0; SIZE];
    getrandom::fill(&mut sent).map_err(io::Error::other)?;
    let begun = Instant::now();
    let mut came = [0; SIZE];
    let asked = async {
        stream.write_all(&sent).await?;
        stream.flush().await?;
        stream.read_exact(&mut came).await
    };
    timeout(TIMEOUT, asked).await??;
    if sent == came {
        Ok((stream, begun.elapsed()))
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// Answers a ping, whenever it comes.
async fn answer(mut stream: Stream) -> io::Result<Stream> {
    let mut came = [0; SIZE];
    stream.read_exact(&mut came).await?;
    stream.write_all(&came).await?;
    stream.flush().await?;
    Ok(stream)
}

type Upgrade = ReadyUpgrade<StreamProtocol>;

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Option<Duration>;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Upgrade, (), Option<Duration>>> {
        if self.poll_inbound(cx) {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(None));
        }
        if let Some(rtt) = self.poll_outbound(cx) {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Some(rtt)));
        }
        self.calm.handler.register(cx.waker());
        let calm = self.calm.is.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.was_calm, calm) != calm {
            self.timer.as_mut().reset(Instant::now());
        }
        while self.timer.poll_unpin(cx).is_ready() {
            let now = Instant::now();
            let due = self.pace.due(calm, now);
            let next = due.max(now + Duration::from_millis(1));
            self.timer.as_mut().reset(timers::calm(next.into()).into());
            if due > now {
                continue;
            }
            match std::mem::replace(&mut self.outbound, Outbound::None) {
                Outbound::None => {
                    self.pace.tried = Some(now);
                    self.outbound = Outbound::Opening;
                    let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
                    return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                        protocol,
                    });
                }
                Outbound::Idle(stream) => {
                    self.pace.tried = Some(now);
                    self.outbound = Outbound::Pinging(ping(stream).boxed());
                    if let Some(rtt) = self.poll_outbound(cx) {
                        return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Some(rtt)));
                    }
                }
                busy => {
                    self.pace.tried = Some(now);
                    self.outbound = busy;
                }
            }
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Upgrade, Upgrade>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: mut stream,
                ..
            }) => {
                stream.ignore_for_keep_alive();
                self.inbound = Some(answer(stream).boxed());
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: mut stream,
                ..
            }) => {
                stream.ignore_for_keep_alive();
                self.outbound = Outbound::Pinging(ping(stream).boxed());
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.outbound = match error {
                    StreamUpgradeError::NegotiationFailed => Outbound::Unable,
                    _ => Outbound::None,
                };
            }
            _ => {}
        }
    }
}
