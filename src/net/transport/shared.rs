//! One TCP transport in two hands: one that listens and dials, and one that only dials.
//!
//! Dials leave from the listening port only if the transport that dials is the one that listens.

use crate::net::{
    address,
    segments::{Segments, connect},
};
use libp2p::{
    Multiaddr, Transport,
    core::transport::{DialOpts, ListenerId, PortUse, TransportError, TransportEvent},
    tcp::tokio,
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

type Tcp = tokio::Transport;
type One = Arc<Mutex<Tcp>>;

/// The hand that listens.
pub(super) struct Listening(One, Arc<Segments>);
/// The hand that only dials.
pub(super) struct Dialling(One, Arc<Segments>);

pub(super) fn split(tcp: Tcp, segments: Arc<Segments>) -> (Listening, Dialling) {
    let one = Arc::new(Mutex::new(tcp));
    (
        Listening(one.clone(), segments.clone()),
        Dialling(one, segments),
    )
}

/// Both hands belong to one task, so neither ever waits here.
fn lock(one: &One) -> MutexGuard<'_, Tcp> {
    one.lock()
}

/// Dials. What is link-local libp2p would dial without the interface, and the system refuses that;
/// it leaves from a port of its own, since no router stands between that had to be held open. With
/// small segments only what leaves from a port of its own anyway is dialled.
fn dial(
    one: &One,
    segments: &Segments,
    address: Multiaddr,
    options: DialOpts,
) -> Result<<Tcp as Transport>::Dial, TransportError<io::Error>> {
    let alone = options.port_use == PortUse::New;
    let to = address::tcp_socket(&address).filter(|_| alone);
    let small = to.filter(|to| segments.are_small(to.ip(), Instant::now()));
    match address::zoned(&address).or(small) {
        Some(to) => Ok(Box::pin(async move {
            let stream = connect(to, small.is_some()).await?;
            Ok(tokio::TcpStream(stream))
        })),
        None => lock(one).dial(address, options),
    }
}

impl Transport for Listening {
    type Output = <Tcp as Transport>::Output;
    type Error = io::Error;
    type ListenerUpgrade = <Tcp as Transport>::ListenerUpgrade;
    type Dial = <Tcp as Transport>::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        lock(&self.0).listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        lock(&self.0).remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        dial(&self.0, &self.1, address, options)
    }

    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Pin::new(&mut *lock(&self.0)).poll(cx)
    }
}

impl Transport for Dialling {
    type Output = <Tcp as Transport>::Output;
    type Error = io::Error;
    type ListenerUpgrade = <Tcp as Transport>::ListenerUpgrade;
    type Dial = <Tcp as Transport>::Dial;

    fn listen_on(
        &mut self,
        _: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        dial(&self.0, &self.1, address, options)
    }

    fn poll(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Poll::Pending
    }
}
