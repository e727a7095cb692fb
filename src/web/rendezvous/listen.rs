//! The listener of a server's page, which is open to everybody.
//!
//! Invariants: at most [`AT_ONCE`] connections, [`OF_ONE`] from an address ([`origin`]); a head has
//! the time of every listener to come; no connection lives for longer than [`LIFE`] and [`GRACE`],
//! so that one who never reads holds a place for no longer.

use super::door::From;
use crate::{
    core::origin::origin,
    web::listen::{HEAD, LONGEST_HEAD, PAUSE},
};
use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use parking_lot::Mutex;
use std::{collections::HashMap, net::IpAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at a time.
const AT_ONCE: usize = 256;
/// Those of one address: a browser opens six, and several may be behind one router.
const OF_ONE: usize = 32;
/// How long a connection takes requests.
const LIFE: Duration = Duration::from_secs(60);
/// How long the last answer may take then.
const GRACE: Duration = Duration::from_secs(10);

/// Who is connected.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection's place; given back when dropped.
struct Place(Places, IpAddr);

impl Places {
    fn take(&self, from: IpAddr) -> Option<Place> {
        let from = origin(from);
        let mut taken = self.0.lock();
        let own = taken.get(&from).copied().unwrap_or_default();
        if own >= OF_ONE || taken.values().sum::<usize>() >= AT_ONCE {
            return None;
        }
        taken.insert(from, own + 1);
        Some(Place(self.clone(), from))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.0.lock();
        if let Some(own) = taken.get_mut(&self.1) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.1);
            }
        }
    }
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let (places, connections) = (Places::default(), TaskTracker::new());
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, from)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        // One too many is closed at once, so that the browser hears of it.
        let Some(place) = places.take(from.ip()) else {
            continue;
        };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            let served = connection(stream, from.ip(), router);
            let _ = stop.run_until_cancelled(served).await;
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, from: IpAddr, router: Router) {
    let _ = stream.set_nodelay(true); // Slower without.
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(From(from.to_canonical()));
        hyper::service::Service::call(&router, request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service));
    // What breaks off is the other side's affair.
    if timeout(LIFE, served.as_mut()).await.is_err() {
        served.as_mut().graceful_shutdown();
        let _ = timeout(GRACE, served).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_by_address_and_in_all_and_come_back() {
        let places = Places::default();
        let from = |n: u8| IpAddr::from([10, 0, 0, n]);
        let flood: Vec<_> = (0..100).filter_map(|_| places.take(from(1))).collect();
        assert_eq!(flood.len(), OF_ONE);
        assert!(places.take(from(2)).is_some());
        let many = (2..200).flat_map(|n| (0..9).map(move |_| n));
        let many: Vec<_> = many.filter_map(|n| places.take(from(n))).collect();
        assert_eq!(flood.len() + many.len(), AT_ONCE);
        drop((flood, many));
        assert!(places.0.lock().is_empty());
    }
}
