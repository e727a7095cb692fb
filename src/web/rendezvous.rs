//! The page of a rendezvous server, for the people who are to join by it: how to join, whether a
//! name is free, and for its owner how much goes on.
//!
//! Holds a [`Desk`] and nothing else of the server; has no node. Never signs anybody up (a node
//! does, by its own page or command, since only it has the key) and never lists or searches names:
//! only a node proves of which swarm it is, so only nodes search. Invariants: nothing here changes
//! anything; every connection, head and rate of asking has a bound by address; the owner's figures
//! need the token of the home.

mod door;
mod files;
mod listen;
mod routes;
#[cfg(test)]
mod tests;

use super::{
    WebError, headers,
    session::{self, Sessions},
};
use crate::{
    core::server_address::ServerAddress,
    server::{Desk, Quotas},
};
use axum::{Router, middleware};
use door::Door;
use std::{io, net::SocketAddr, sync::Arc, time::Instant};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// What a page is told.
#[derive(Clone, Debug)]
pub struct PageSettings {
    /// Where to listen: any address, for it is for others.
    pub at: SocketAddr,
    /// Names by which people reach it, besides its addresses.
    pub hosts: Vec<String>,
    /// What the server gives, for its owner to see.
    pub quotas: Quotas,
}

/// A page that is served; ends with [`ServerPage::close`].
#[derive(Debug)]
pub struct ServerPage {
    at: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What the routes share.
struct State {
    desk: Desk,
    hosts: Vec<String>,
    quotas: Quotas,
    keys: Sessions,
    begun: Instant,
}

impl State {
    /// The server as somebody reaches it who reached this page at `host`.
    fn address(&self, host: &str) -> Option<ServerAddress> {
        let addresses = self.desk.addresses();
        let first = addresses.first()?;
        let ip = host.trim_matches(['[', ']']).parse().ok();
        let ip = ip.filter(|ip: &std::net::IpAddr| !ip.is_loopback());
        let same = addresses.iter().find(|at| Some(at.ip()) == ip);
        let named = self.hosts.iter().find(|name| *name == host);
        Some(ServerAddress {
            host: named
                .cloned()
                .unwrap_or_else(|| same.unwrap_or(first).ip().to_string()),
            port: first.port(),
            key: Some(self.desk.id()),
        })
    }
}

impl ServerPage {
    /// Serves the page of the server at `desk`.
    ///
    /// # Errors
    /// [`WebError`], when the address cannot be had or the token cannot be kept.
    pub async fn open(desk: Desk, settings: PageSettings) -> Result<Self, WebError> {
        let PageSettings { at, hosts, quotas } = settings;
        let home = desk.home().to_owned();
        let token = tokio::task::spawn_blocking(move || session::token(&home)).await;
        let token = token.map_err(io::Error::other).flatten();
        let listener = TcpListener::bind(at).await;
        let listener = listener.map_err(|why| WebError::Listen { at, why })?;
        let at = listener.local_addr();
        let at = at.map_err(|why| WebError::Listen {
            at: settings.at,
            why,
        })?;
        let state = State {
            hosts: hosts.iter().map(|host| host.to_lowercase()).collect(),
            quotas,
            keys: Sessions::new(&desk.id(), token.map_err(WebError::Token)?),
            desk,
            begun: Instant::now(),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(listen::serve(listener, router(state), stop.clone()));
        Ok(Self { at, stop, task })
    }

    /// Where it is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    /// Ends every connection.
    pub async fn close(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

fn router(state: State) -> Router {
    let state = Arc::new(state);
    let door = Arc::new(Door::new(state.hosts.clone()));
    let guard = move |request, next| door::guard(door.clone(), request, next);
    routes::router(state)
        .merge(files::router())
        .layer(middleware::from_fn(guard))
        .layer(middleware::map_response(headers::strict))
}
