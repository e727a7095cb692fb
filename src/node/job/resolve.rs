//! From words to files: what a download's names, globs, folders and ids mean, found out as catalogs
//! come in.

use super::Services;
use crate::{
    core::patience::{Patience, Verdict},
    node::{
        api::{DownloadError, DownloadRequest, Gaps, Missing},
        swarm::{Meant, Question, Resolution},
        who,
    },
};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// With every word's meaning known, how much longer catalogs that are on their way are waited for:
/// they may show that a name is ambiguous.
const GRACE: Duration = Duration::from_secs(1);
/// Of the nodes that offer more than has room so many are named.
const NAMED: usize = 4;
/// Between two looks when nothing seems to change.
const LOOK: Duration = Duration::from_millis(10);
/// The longest rest between two looks while something does.
const REST: Duration = Duration::from_millis(50);

/// What was found, and which words failed.
#[derive(Default)]
pub struct Found {
    pub files: Vec<Meant>,
    pub failed: Vec<(String, DownloadError)>,
    /// What is not known, where that could make a difference.
    pub gaps: Gaps,
}

impl Found {
    /// What was not found may be among the names for which there was no room.
    fn doubt(&mut self, gaps: &Gaps) {
        let cut = gaps.catalogs.iter();
        let cut = cut.filter(|gap| gap.why == Missing::Room);
        let whose: Vec<String> = cut.map(|gap| gap.node.name.clone()).take(NAMED).collect();
        if whose.is_empty() {
            return;
        }
        for (_, error) in &mut self.failed {
            if let DownloadError::NotFound(name) = error {
                *error = DownloadError::NotKnown {
                    name: std::mem::take(name),
                    whose: whose.clone(),
                };
            }
        }
    }
}

/// Waits for the swarm to know the words: at most `request.wait`, or while names come in.
pub async fn resolve(services: &mut Services, request: &DownloadRequest) -> Found {
    let start = Instant::now();
    let mut patience = Patience::new(request.wait, Duration::ZERO);
    let mut firm_since: Option<Instant> = None;
    let mut question = Question {
        what: request.what.clone(),
        from: request.from.clone(),
        all_versions: request.all_versions,
        in_full: false,
    };
    if let Some(who) = &request.from {
        who::look_for(services, who);
    }
    loop {
        let asked = Instant::now();
        let ask = question.clone();
        let Some(resolution) = services.swarm.resolve(ask).await else {
            return interrupted(request);
        };
        if resolution.firm {
            let since = *firm_since.get_or_insert(asked);
            if resolution.sight.has_told() || since.elapsed() >= GRACE {
                return split(request, resolution);
            }
        } else {
            firm_since = None;
        }
        let lacking = resolution.found.is_empty() || !resolution.missing.is_empty();
        // What this node has itself says nothing about what others have of a folder.
        let alone = resolution.open && resolution.sight.here == 0;
        match patience.judge(&resolution.sight, lacking || alone, start.elapsed()) {
            // Somebody who is not here yet may have what is missing.
            Verdict::Settled if lacking && start.elapsed() < request.wait => {}
            Verdict::GiveUp if !question.in_full => {
                question.in_full = true;
                continue;
            }
            Verdict::Settled | Verdict::GiveUp => {
                let mut gaps = services.swarm.gaps();
                gaps.alone = alone && !lacking;
                let mut found = split(request, resolution);
                found.doubt(&gaps);
                return Found { gaps, ..found };
            }
            Verdict::Wait => {}
        }
        // What ten thousand names mean takes a while to find out: the catalogs are not kept waiting
        // by it.
        sleep((asked.elapsed() * 4).min(REST)).await;
        // Either something changed, or it is time to look whether things have become quiet.
        let _ = timeout(LOOK, services.changed.changed()).await;
    }
}

/// Nothing was found, since the job or the node is stopping.
pub fn interrupted(request: &DownloadRequest) -> Found {
    let failed = |word: &String| (word.clone(), DownloadError::Interrupted);
    Found {
        failed: request.what.iter().map(failed).collect(),
        ..Found::default()
    }
}

fn split(request: &DownloadRequest, resolution: Resolution) -> Found {
    let mut failed: Vec<(String, DownloadError)> = Vec::new();
    if let (Some(why), Some(from)) = (resolution.who, &request.from) {
        let name = from.clone();
        failed.push((request.what.join(", "), DownloadError::Owner { name, why }));
        return Found {
            failed,
            ..Found::default()
        };
    }
    for word in resolution.missing {
        failed.push((word.clone(), DownloadError::NotFound(word)));
    }
    for (name, versions) in resolution.ambiguous {
        failed.push((name.clone(), DownloadError::Ambiguous { name, versions }));
    }
    Found {
        files: resolution.found,
        failed,
        gaps: Gaps::default(),
    }
}
