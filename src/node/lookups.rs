//! How many requests may read the index at once.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Look-ups of one node at a time; more are told to come back.
const MAX_LOOKUPS: usize = 64;

/// The places for look-ups of one node. Clones share them.
#[derive(Clone)]
pub struct Lookups(pub(super) Arc<Semaphore>);

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LOOKUPS)))
    }
}
