//! The copies that `list` shows: whole ones are counted by the swarm, and here the parts that nodes
//! keep for the swarm.

use super::{api::Listing, services::Services};
use crate::core::{copies::fewest, have::HaveSet, id::FileId};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Who lists does not wait longer for those who keep parts.
const PATIENCE: Duration = Duration::from_secs(1);

/// Adds what nodes keep in parts to the copies of `rows`.
pub async fn count(services: &Services, rows: &mut [Listing]) {
    let files: Vec<FileId> = rows
        .iter()
        .filter(|row| row.keepers > 0)
        .map(|row| row.id)
        .collect();
    if files.is_empty() {
        return;
    }
    let keepers = services.swarm.keepers(&files);
    let learned = tokio::time::timeout(PATIENCE, services.known.learn(&services.net, keepers));
    let mut sets: HashMap<FileId, Vec<Arc<HaveSet>>> = HashMap::new();
    for (replica, have) in learned.await.unwrap_or_default() {
        sets.entry(replica.file).or_default().push(have);
    }
    if let Some(replicas) = services.replicas.clone() {
        let own = tokio::task::spawn_blocking(move || {
            // All of it counts as a whole copy already.
            let part = |have: &HaveSet| !have.is_full();
            let own = |file: FileId| Some((file, replicas.have(&file).ok()?.filter(part)?));
            files.into_iter().filter_map(own).collect::<Vec<_>>()
        });
        for (file, have) in own.await.unwrap_or_default() {
            sets.entry(file).or_default().push(Arc::new(have));
        }
    }
    for row in rows {
        if let Some(sets) = sets.get(&row.id)
            && let Some(chunks) = sets.first().map(|set| set.len())
        {
            row.copies = fewest(chunks, row.copies, sets.iter().map(AsRef::as_ref));
        }
    }
}
