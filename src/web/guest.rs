//! People with only a browser: a listener and a router of their own, on which there is nothing but
//! what the owner's links lead to.
//!
//! Never knows the owner's API, its sessions or its cookies. Invariants: a path that does not begin
//! with the secret of a link leads to the files of the page or to nothing; no path of a request
//! is one on a disk; connections, heads, bodies, stalls and answers have bounds; where it does not
//! run (no link), nothing listens.

#![allow(
    clippy::result_large_err,
    reason = "an answer instead of a link is made once a request"
)]

mod answer;
mod door;
pub(super) mod file;
pub(super) mod listen;
mod page;
mod routes;
mod seed;
mod stall;
mod tls;
mod upload;
mod words;
mod zip;

use crate::node::{Entrance, Node};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two looks for links whose time is over.
const TEND: Duration = Duration::from_secs(20);

/// Serves guests while there are links, until `stop`.
pub async fn run(node: Node, stop: CancellationToken) {
    let guests = node.guests();
    let mut wanted = guests.wanted();
    loop {
        let is_wanted = stop.run_until_cancelled(wanted.wait_for(|wanted| *wanted));
        if !matches!(is_wanted.await, Some(Ok(_))) {
            return;
        }
        let opened = async {
            let tls = tokio::task::spawn_blocking(tls::Identity::new).await;
            let tls = tls.map_err(|error| error.to_string())??;
            let listeners = listen::bind(&guests.addresses()).await;
            let listeners = listeners.map_err(|error| error.to_string())?;
            Ok::<_, String>((tls, listeners))
        };
        let closing = stop.child_token();
        let serving = match opened.await {
            Ok((tls, (port, listeners))) => {
                let fingerprint = tls.fingerprint.clone();
                let router = routes::router(&node);
                let serving = listen::serve(listeners, tls.acceptor, router, closing.clone());
                guests.opened(Entrance::Open { port, fingerprint });
                Some(tokio::spawn(serving))
            }
            Err(why) => {
                guests.opened(Entrance::Failed(why));
                None
            }
        };
        let ended = async {
            loop {
                tokio::select! {
                    changed = wanted.wait_for(|wanted| !*wanted) => return changed.is_ok(),
                    () = tokio::time::sleep(TEND) => guests.tend(),
                }
            }
        };
        let _ = stop.run_until_cancelled(ended).await;
        guests.opened(Entrance::Closed);
        closing.cancel();
        if let Some(serving) = serving {
            let _ = serving.await;
        }
    }
}
