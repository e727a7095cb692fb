//! The listener of guests, for http and https on one port: what a connection begins with tells
//! which.
//!
//! Invariants: at most [`AT_ONCE`] connections and [`EACH`] from one place, one too many is closed
//! at once; a handshake and a head have [`HEAD`] to come; a write may stall for a minute.

use super::stall::Stalling;
use crate::node::Place;
use axum::Router;
use hyper::service::{Service as _, service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections in all, and from one place: a browser opens six.
pub const AT_ONCE: usize = 128;
pub const EACH: usize = 32;
/// How long a handshake, the head of a request, and silence between two may take.
#[cfg(not(test))]
const HEAD: Duration = Duration::from_secs(20);
#[cfg(test)]
const HEAD: Duration = Duration::from_secs(2);
/// Bytes of a head.
const LONGEST_HEAD: usize = 16 << 10;
/// After a failure to accept (no descriptors), so that it does not spin.
const PAUSE: Duration = Duration::from_millis(100);
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// From where a request came, and how.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// The address.
    pub ip: IpAddr,
    /// What counts as one place.
    pub place: Place,
    /// Whether it is encrypted.
    pub tls: bool,
    /// The whole address, with the port and, of a link, its interface.
    pub from: SocketAddr,
    /// The SHA-256 of the certificate that was shown, where one may be.
    pub certificate: Option<[u8; 32]>,
}

/// Listens at all of these, on one port.
pub async fn bind(addresses: &[SocketAddr]) -> io::Result<(u16, Vec<TcpListener>)> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut port = None;
    for at in addresses {
        let at = SocketAddr::new(at.ip(), port.unwrap_or(at.port()));
        let mut bound = TcpListener::bind(at).await;
        if bound.is_err() && port.is_none() && at.port() != 0 {
            bound = TcpListener::bind((at.ip(), 0)).await; // Another node has it.
        }
        if bound.is_err() && at.ip().is_unspecified() {
            // A machine without IPv6.
            bound = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await;
        }
        let listener = bound?;
        port = Some(listener.local_addr()?.port());
        listeners.push(listener);
    }
    let port = port.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    Ok((port, listeners))
}

/// Who is connected.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<HashMap<Place, usize>>>);

/// Room for one connection; given back when dropped.
struct Room(Places, Place);

impl Places {
    fn enter(&self, place: Place) -> Option<Room> {
        let mut places = self.0.lock();
        let all: usize = places.values().sum();
        let own = places.entry(place).or_default();
        if all >= AT_ONCE || *own >= EACH {
            if *own == 0 {
                places.remove(&place);
            }
            return None;
        }
        *own += 1;
        drop(places);
        Some(Room(self.clone(), place))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut places = self.0.0.lock();
        if let Some(own) = places.get_mut(&self.1) {
            *own -= 1;
            if *own == 0 {
                places.remove(&self.1);
            }
        }
    }
}

/// Serves until `stop`.
pub async fn serve(
    listeners: Vec<TcpListener>,
    tls: TlsAcceptor,
    router: Router,
    stop: CancellationToken,
) {
    let (places, connections) = (Places::default(), TaskTracker::new());
    for listener in listeners {
        let (places, tls, router) = (places.clone(), tls.clone(), router.clone());
        let (stop, tracker) = (stop.clone(), connections.clone());
        connections.spawn(async move {
            while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
                let Ok((stream, from)) = accepted else {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let Some(room) = places.enter(Place::of(from.ip())) else {
                    continue;
                };
                let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
                tracker.spawn(async move {
                    let served = connection(stream, from, &tls, router);
                    // What breaks off is the other side's affair.
                    let _ = stop.run_until_cancelled(served).await;
                    drop(room);
                });
            }
        });
    }
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, from: SocketAddr, tls: &TlsAcceptor, router: Router) {
    let ip = from.ip().to_canonical();
    let _ = stream.set_nodelay(true); // Slower without.
    let mut first = [0];
    let peeked = timeout(HEAD, stream.peek(&mut first)).await;
    if !matches!(peeked, Ok(Ok(1))) {
        return;
    }
    let mut visit = Visit {
        ip,
        place: Place::of(ip),
        tls: false,
        from: match ip {
            IpAddr::V4(_) => SocketAddr::new(ip, from.port()),
            IpAddr::V6(_) => from,
        },
        certificate: None,
    };
    if first[0] != HANDSHAKE {
        return http(Stalling::new(stream), visit, router).await;
    }
    visit.tls = true;
    let shaken = timeout(HEAD, tls.accept(stream)).await;
    if let Ok(Ok(stream)) = shaken {
        let shown = stream.get_ref().1.peer_certificates();
        let shown = shown.and_then(<[_]>::first);
        visit.certificate = shown.map(|shown| Sha256::digest(shown).into());
        http(Stalling::new(stream), visit, router).await;
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin + Send, visit: Visit, router: Router) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(visit);
        router.call(request)
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD);
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_bounded_in_all_and_each_and_come_back() {
        let places = Places::default();
        let one: Vec<Room> = (0..EACH).map_while(|_| places.enter(Place(1))).collect();
        assert_eq!(one.len(), EACH);
        assert!(places.enter(Place(1)).is_none());
        let others = (2..).map_while(|n| places.enter(Place(n)));
        let others: Vec<Room> = others.collect();
        assert_eq!(others.len(), AT_ONCE - EACH);
        drop(one);
        assert!(places.enter(Place(9_999)).is_some());
        drop(others);
        assert!(places.0.lock().is_empty());
    }
}
