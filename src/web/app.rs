//! What all routes share: the node, who may ask, and what was uploaded and not sent yet.

use super::{error::ApiError, hub::Hub, offers::Offers, session::Sessions, tickets::Tickets};
use crate::node::{Node, Spool};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio_util::sync::CancellationToken;

/// Files that wait to be sent.
const STAGED: usize = 64;

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
    staged: Mutex<Staged>,
}

#[derive(Default)]
struct Staged {
    last: u64,
    files: BTreeMap<String, (Arc<Spool>, PathBuf)>,
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
            staged: Mutex::default(),
        }
    }

    /// Whether there is room for another upload.
    pub fn has_room(&self) -> bool {
        self.staged.lock().files.len() < STAGED
    }

    /// Keeps an upload until a send takes it; gives its name for that.
    pub fn stage(&self, spool: Spool, path: PathBuf) -> Result<String, ApiError> {
        let mut staged = self.staged.lock();
        if staged.files.len() >= STAGED {
            return Err(ApiError::busy("too many uploads wait to be sent"));
        }
        staged.last += 1;
        let id = staged.last.to_string();
        staged.files.insert(id.clone(), (Arc::new(spool), path));
        Ok(id)
    }

    /// Takes uploads for a send: each once.
    pub fn take(&self, ids: &[String]) -> Result<(Vec<Arc<Spool>>, Vec<PathBuf>), ApiError> {
        let mut staged = self.staged.lock();
        if let Some(id) = ids.iter().find(|id| !staged.files.contains_key(*id)) {
            return Err(ApiError::missing(format!("there is no upload `{id}`")));
        }
        let taken = ids.iter().filter_map(|id| staged.files.remove(id));
        Ok(taken.unzip())
    }
}
