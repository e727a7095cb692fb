//! The fate of the replicas here: offered while somebody wants them, kept for a while after,
//! removed then, or when room is short.

use super::Distributor;
use crate::{
    core::{
        id::{FileId, NodeId},
        path::RelPath,
        retention::{self, Owners, Verdict},
    },
    node::command::Command,
    store::{ReplicaFile, StoreError, clock::unix_now},
    wire::control::{Held, Offer, ReplicaParts},
};
use tokio::task::spawn_blocking;

/// Room for a few pushes.
const SLACK: u64 = 32 << 20;

impl Distributor {
    /// Looks at everything that is kept and may have run out of time, and at the room.
    pub(super) async fn look_over(&mut self) {
        let files: Vec<FileId> = self.kept.keys().copied().collect();
        for file in files {
            self.judge(file).await;
        }
        if let Some(replicas) = self.parts.services.replicas.clone() {
            let me = self.parts.services.me;
            // Not even nothing fits when the disk is fuller than it may be.
            let tight = spawn_blocking(move || !replicas.room_for(&me, 0)).await;
            if tight.unwrap_or(false) {
                self.make_room().await;
            }
        }
    }

    fn owners(&self, kept: &ReplicaFile) -> Owners {
        let sharing = self
            .origins
            .get(&kept.file)
            .is_some_and(|all| !all.is_empty());
        let me = self.parts.services.me;
        let away = |node: &NodeId| *node != me && !self.peers.contains_key(node);
        if sharing || self.files.get(&kept.file) == Some(&true) {
            Owners::Sharing
        } else if kept.origins.iter().any(away) {
            Owners::Away
        } else {
            Owners::Done
        }
    }

    /// Decides what becomes of one file, and does it.
    pub(super) async fn judge(&mut self, file: FileId) {
        let Some(replicas) = self.parts.services.replicas.clone() else {
            return;
        };
        let Some(kept) = self.kept.get(&file).cloned() else {
            return;
        };
        let owners = self.owners(&kept);
        let now = unix_now();
        let (grace, up) = (self.parts.grace, self.started.elapsed());
        let verdict = retention::judge(owners, kept.seen, kept.unwanted_since, grace, now, up);
        let sharing = self.origins.get(&file).and_then(|all| all.first()).copied();
        let fresh = kept.clone();
        let done = spawn_blocking(move || match verdict {
            Verdict::Keep => {
                // The moment matters to the day.
                let stale = now.saturating_sub(fresh.seen) > 3600 || now < fresh.seen;
                if let Some(owner) = sharing.filter(|_| stale) {
                    replicas.touch(&file, &owner, now)?;
                }
                if fresh.unwanted_since.is_some() {
                    replicas.set_unwanted(&file, None)?;
                }
                Ok(())
            }
            Verdict::Unwanted(since) if fresh.unwanted_since == Some(since) => Ok(()),
            Verdict::Unwanted(since) => replicas.set_unwanted(&file, Some(since)),
            Verdict::Remove => replicas.remove(&file, None).map(drop),
        });
        if let Ok(Err(error)) = done.await {
            tracing::warn!(%error, "the replicas cannot be looked after");
            return;
        }
        let Some(entry) = self.kept.get_mut(&file) else {
            return;
        };
        entry.unwanted_since = match verdict {
            Verdict::Unwanted(since) => Some(since),
            Verdict::Keep | Verdict::Remove => None,
        };
        let offered = verdict == Verdict::Keep && kept.here > 0;
        if verdict == Verdict::Remove {
            self.kept.remove(&file);
            self.parts.services.news.files([file]);
        }
        self.show(&kept, offered).await;
    }

    /// Offers what is kept of a file to everyone, or no longer.
    async fn show(&mut self, kept: &ReplicaFile, offered: bool) {
        let parts = ReplicaParts {
            here: kept.here,
            of: kept.chunks,
        };
        let shown = offered.then_some((kept.offer.name.clone(), parts));
        if self.shown.get(&kept.file) == shown.as_ref() {
            return;
        }
        let Ok(name) = RelPath::parse(&kept.offer.name) else {
            return; // It was looked at when it came.
        };
        let before = match shown.clone() {
            Some(shown) => self.shown.insert(kept.file, shown),
            None => self.shown.remove(&kept.file),
        };
        if let Some((old, _)) = before.filter(|(old, _)| *old != kept.offer.name)
            && let Ok(old) = RelPath::parse(&old)
        {
            let gone = Command::OfferReplica(old, kept.file, None);
            self.parts.services.tell(gone).await;
        }
        let offer = offered.then(|| Offer {
            size: kept.size,
            mtime: kept.offer.mtime,
            executable: kept.offer.rights.executable(),
            mode: kept.offer.rights.mode(),
            media: kept.offer.media.clone(),
            held: Held::Replica,
            parts: Some(parts),
        });
        let command = Command::OfferReplica(name, kept.file, offer);
        self.parts.services.tell(command).await;
    }

    /// Removes what nobody wants, then what has copies enough elsewhere, until there is room for a
    /// few more pushes.
    pub(super) async fn make_room(&mut self) {
        let Some(replicas) = self.parts.services.replicas.clone() else {
            return;
        };
        let mut files: Vec<(FileId, bool)> = self
            .kept
            .values()
            .map(|kept| (kept.file, kept.unwanted_since.is_some()))
            .collect();
        files.sort_by_key(|(_, unwanted)| !unwanted);
        let mut removed = Vec::new();
        let mut enough = false;
        for (file, unwanted) in files {
            let surplus = self.placement.surplus(&file, unwanted);
            if !unwanted && surplus.is_empty() {
                continue;
            }
            let (replicas, me) = (replicas.clone(), self.parts.services.me);
            let done = spawn_blocking(move || {
                let freed = replicas.remove(&file, (!unwanted).then_some(&surplus[..]))?;
                Ok::<_, StoreError>((freed, replicas.room_for(&me, SLACK)))
            });
            let Ok(Ok((_, slack))) = done.await else {
                break;
            };
            removed.push(file);
            enough = slack;
            if slack {
                break;
            }
        }
        if !enough {
            // What nobody is known to want goes last: it may be all that is left of something.
            let _ = spawn_blocking(move || replicas.evict_strays(SLACK)).await;
        }
        self.parts.services.news.files(removed);
    }
}
