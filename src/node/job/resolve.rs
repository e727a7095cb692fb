//! From words to files: what a download's names, globs, folders and ids mean, found out as catalogs come in.

use super::Context;
use crate::node::{
    api::{DownloadError, DownloadRequest, Listing},
    context::Command,
    peers::Resolution,
};
use crate::wire::control::Offer;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// With everything found, how much longer catalogs that are on their way are waited for: they may show that a name is
/// ambiguous, or that a folder has more in it.
const GRACE: Duration = Duration::from_secs(1);
/// Between two looks when nothing seems to change.
const LOOK: Duration = Duration::from_millis(50);

/// What was found, and which words failed.
pub struct Found {
    pub files: Vec<(Listing, Offer)>,
    pub failed: Vec<(String, DownloadError)>,
}

/// Waits for the swarm to know the words, at most `request.wait`.
pub async fn resolve(context: &mut Context, request: &DownloadRequest) -> Found {
    let start = Instant::now();
    let mut complete_since: Option<Instant> = None;
    loop {
        let (words, asked) = (request.what.clone(), Instant::now());
        let Some(resolution) = context.ask(|reply| Command::Resolve(words, reply)).await else {
            let failed = request
                .what
                .iter()
                .map(|word| (word.clone(), DownloadError::Interrupted))
                .collect();
            return Found {
                files: Vec::new(),
                failed,
            };
        };
        let complete = resolution.missing.is_empty();
        let since = if complete {
            Some(*complete_since.get_or_insert_with(Instant::now))
        } else {
            None
        };
        let waited_enough =
            start.elapsed() >= request.wait || since.is_some_and(|since| since.elapsed() >= GRACE);
        if (complete && !resolution.unsettled) || waited_enough {
            return split(resolution);
        }
        // What ten thousand names mean takes a while to find out: the catalogs are not kept waiting by it.
        sleep((asked.elapsed() * 4).min(LOOK)).await;
        // Either something changed, or it is time to look whether things have become quiet.
        let _ = timeout(LOOK, context.changed.changed()).await;
    }
}

fn split(resolution: Resolution) -> Found {
    let mut failed: Vec<(String, DownloadError)> = Vec::new();
    for word in resolution.missing {
        failed.push((word.clone(), DownloadError::NotFound(word)));
    }
    for (name, ids) in resolution.ambiguous {
        failed.push((name.clone(), DownloadError::Ambiguous { name, ids }));
    }
    Found {
        files: resolution.found,
        failed,
    }
}
