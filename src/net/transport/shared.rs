//! One TCP transport in two hands: one that listens and dials, and one that only dials.
//!
//! Dials leave from the listening port only if the transport that dials is the one that listens.

use crate::net::address;
use ::tokio::net::TcpStream;
use libp2p::{
    Multiaddr, Transport,
    core::transport::{DialOpts, ListenerId, TransportError, TransportEvent},
    tcp::tokio,
};
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

type Tcp = tokio::Transport;
type One = Arc<Mutex<Tcp>>;

/// The hand that listens.
pub(super) struct Listening(One);
/// The hand that only dials.
pub(super) struct Dialling(One);

pub(super) fn split(tcp: Tcp) -> (Listening, Dialling) {
    let one = Arc::new(Mutex::new(tcp));
    (Listening(one.clone()), Dialling(one))
}

/// Both hands belong to one task, so nobody ever waits here.
fn lock(one: &One) -> MutexGuard<'_, Tcp> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Dials. What is link-local libp2p would dial without the interface, and the system refuses that; it leaves from a port of
/// its own, since no router stands between that had to be held open.
fn dial(
    one: &One,
    address: Multiaddr,
    options: DialOpts,
) -> Result<<Tcp as Transport>::Dial, TransportError<io::Error>> {
    match address::zoned(&address) {
        Some(to) => Ok(Box::pin(async move {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
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
        dial(&self.0, address, options)
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
        dial(&self.0, address, options)
    }

    fn poll(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Poll::Pending
    }
}
