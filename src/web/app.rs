//! What all routes share: the node, who may ask, and what was uploaded and not sent yet.

use super::{hub::Hub, offers::Offers, session::Sessions, staged::Staged, tickets::Tickets};
use crate::node::Node;
use parking_lot::Mutex;
use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio_util::sync::CancellationToken;

/// A handle that routes share.
pub type App = Arc<State>;

/// See the module.
pub struct State {
    pub node: Node,
    pub hub: Hub,
    pub sessions: Sessions,
    /// When it began, in milliseconds since 1970: no two runs have the same.
    pub started: u128,
    /// The same, for measuring how long that is.
    pub since: Instant,
    pub offers: Offers,
    pub tickets: Tickets,
    /// The address of the page, when it is served.
    pub page: Mutex<Option<std::net::SocketAddr>>,
    /// Somebody wants the node to end.
    pub leave: CancellationToken,
    /// The node ends.
    pub stop: CancellationToken,
    /// Held by who looks at the networks: one at a time.
    pub doctor: tokio::sync::Mutex<()>,
    pub staged: Staged,
}

impl State {
    pub fn new(node: Node, sessions: Sessions, stop: CancellationToken) -> Self {
        Self {
            node,
            hub: Hub::default(),
            started: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_millis(),
            since: Instant::now(),
            sessions,
            offers: Offers::default(),
            tickets: Tickets::default(),
            page: Mutex::default(),
            leave: CancellationToken::new(),
            stop,
            doctor: tokio::sync::Mutex::default(),
            staged: Staged::default(),
        }
    }
}
