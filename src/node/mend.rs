//! The index while the node runs: when it fails, it is opened again as soon as the disk lets it.
//!
//! Owns that one task. A write that failed is the end of a sled, whatever comes after; so without
//! this a node whose disk was full for a moment would find nothing until somebody starts it again.
//! Tells of the failure once, and once that it is over.

use super::{NodeEvent, Shared};
use crate::{net::timers::calm, store::StoreError};
use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};
use tokio::task::spawn_blocking;

/// Between two looks, and two tries.
const LOOK: Duration = Duration::from_secs(1);

/// Watches until the node is gone.
pub async fn watch(node: Weak<Shared>) {
    let mut told = false;
    loop {
        tokio::time::sleep_until(calm(Instant::now() + LOOK).into()).await;
        let Some(shared) = node.upgrade() else { return };
        if shared.stop.is_cancelled() {
            return;
        }
        let Some(why) = shared.services.index.broken() else {
            continue;
        };
        let events = shared.events.clone();
        let tell = |text: String| {
            let _ = events.send(NodeEvent::Notice(text)); // Nobody watches.
        };
        if !std::mem::replace(&mut told, true) {
            tell(format!(
                "the index failed ({why}): nothing is found or recorded here until it can be opened again, which is tried each second"
            ));
        }
        match spawn_blocking(move || mend(&shared)).await {
            Ok(Ok(notice)) => {
                told = false;
                notice.into_iter().for_each(&tell);
                tell("the index works again".to_owned());
            }
            Ok(Err(error)) => tracing::debug!(%error, "the index cannot be opened yet"),
            Err(error) => tracing::error!(%error, "the index cannot be opened"),
        }
    }
}

/// Opens it, and has everyone look again who relied on it.
fn mend(shared: &Arc<Shared>) -> Result<Option<String>, StoreError> {
    let services = &shared.services;
    let notice = services.index.reopen()?;
    if let Some(replicas) = &services.replicas
        && notice.is_some()
    {
        // What they knew was in the one that was moved aside.
        let before = replicas.reload(&services.home)?;
        services.news.files(before);
    }
    let share = shared.share.lock();
    if let Some(share) = &*share {
        share.0.recheck();
    }
    Ok(notice)
}
