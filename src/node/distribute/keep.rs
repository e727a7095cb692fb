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
use std::time::Duration;
use tokio::task::spawn_blocking;

/// What a look at a file shows.
#[derive(Clone, Copy, Debug)]
struct Look {
    verdict: Verdict,
    /// This node shares it, and that was not noted for long.
    touch: Option<NodeId>,
}

impl Look {
    /// At a time in seconds since 1970, when this node runs for so long.
    fn new(
        kept: &ReplicaFile,
        owners: Owners,
        sharing: Option<&NodeId>,
        grace: Duration,
        (now, up): (u64, Duration),
    ) -> Self {
        let verdict = retention::judge(owners, kept.seen, kept.unwanted_since, grace, now, up);
        // The moment matters to the day.
        let stale = now.saturating_sub(kept.seen) > 3600 || now < kept.seen;
        let touch = sharing.filter(|_| stale && verdict == Verdict::Keep);
        Self {
            verdict,
            touch: touch.copied(),
        }
    }

    /// Whether something is to be written.
    fn writes(&self, kept: &ReplicaFile) -> bool {
        match self.verdict {
            Verdict::Keep => self.touch.is_some() || kept.unwanted_since.is_some(),
            Verdict::Unwanted(since) => kept.unwanted_since != Some(since),
            Verdict::Remove => true,
        }
    }

    /// Whether it is offered.
    fn offers(&self, kept: &ReplicaFile) -> bool {
        self.verdict == Verdict::Keep && kept.here > 0
    }
}

/// Room for a few pushes.
const SLACK: u64 = 32 << 20;

impl Distributor {
    /// Looks at everything that is kept and may have run out of time, and at the room. What is as
    /// it was costs a look at what is in memory, and no more.
    pub(super) async fn look_over(&mut self) {
        let now = unix_now();
        let due = self.kept.values().filter(|kept| {
            let look = self.look(kept, now);
            look.writes(kept) || self.shown.contains_key(&kept.file) != look.offers(kept)
        });
        let due: Vec<FileId> = due.map(|kept| kept.file).collect();
        for file in due {
            self.judge(file).await;
        }
        self.tell_shown().await;
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

    /// What a look at a file at `now` shows.
    fn look(&self, kept: &ReplicaFile, now: u64) -> Look {
        let sharing = self.origins.get(&kept.file).and_then(|all| all.first());
        let up = self.started.elapsed();
        Look::new(
            kept,
            self.owners(kept),
            sharing,
            self.parts.grace,
            (now, up),
        )
    }

    /// Decides what becomes of one file, and does it.
    pub(super) async fn judge(&mut self, file: FileId) {
        let Some(replicas) = self.parts.services.replicas.clone() else {
            return;
        };
        let Some(kept) = self.kept.get(&file).cloned() else {
            return;
        };
        let now = unix_now();
        let look = self.look(&kept, now);
        let Look { verdict, touch } = look;
        let again = kept.unwanted_since.is_some();
        let write = move || match verdict {
            Verdict::Keep => {
                if let Some(owner) = touch {
                    replicas.touch(&file, &owner, now)?;
                }
                if again {
                    replicas.set_unwanted(&file, None)?;
                }
                Ok(())
            }
            Verdict::Unwanted(since) => replicas.set_unwanted(&file, Some(since)),
            Verdict::Remove => replicas.remove(&file, None).map(drop),
        };
        if look.writes(&kept)
            && let Ok(Err(error)) = spawn_blocking(write).await
        {
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
        if touch.is_some() {
            entry.seen = now;
        }
        let offered = look.offers(&kept);
        if verdict == Verdict::Remove {
            self.kept.remove(&file);
            self.parts.services.news.files([file]);
        }
        self.show(&kept, offered);
    }

    /// Offers what is kept of a file to everyone, or no longer: as soon as it is
    /// [told](Self::tell_shown).
    fn show(&mut self, kept: &ReplicaFile, offered: bool) {
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
            self.showing.push((old, kept.file, None));
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
        self.showing.push((name, kept.file, offer));
    }

    /// Tells what is offered now, or no longer, in one turn of the actor for all.
    pub(super) async fn tell_shown(&mut self) {
        if !self.showing.is_empty() {
            let offers = Command::OfferReplicas(std::mem::take(&mut self.showing));
            self.parts.services.tell(offers).await;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{core::rights::Rights, store::ReplicaOffer};

    const GRACE: Duration = Duration::from_secs(600);

    fn kept(seen: u64, unwanted_since: Option<u64>) -> ReplicaFile {
        ReplicaFile {
            file: FileId([1; 32]),
            offer: ReplicaOffer {
                name: "a".into(),
                mtime: 0,
                rights: Rights::told(false, None),
                media: "text/plain".into(),
            },
            size: 1,
            origins: vec![NodeId([2; 32])],
            chunks: 1,
            here: 1,
            unwanted_since,
            seen,
        }
    }

    #[test]
    fn while_nothing_changes_a_look_writes_nothing() {
        let owner = NodeId([2; 32]);
        let look = |kept: &ReplicaFile, owners, sharing, now| {
            Look::new(kept, owners, sharing, GRACE, (now, Duration::from_secs(90)))
        };
        let mut file = kept(10_000, None);
        for now in (10_000..13_600).step_by(5) {
            let shared = look(&file, Owners::Sharing, Some(&owner), now);
            assert!(!shared.writes(&file) && shared.offers(&file), "{now}");
            assert!(!look(&file, Owners::Away, None, now).writes(&file));
        }
        // Once an hour it is noted that it is wanted, and then not again.
        let late = look(&file, Owners::Sharing, Some(&owner), 13_605);
        assert!(late.writes(&file) && late.touch == Some(owner));
        file.seen = 13_605;
        assert!(!look(&file, Owners::Sharing, Some(&owner), 13_610).writes(&file));
        // That nobody wants it is noted once.
        let done = look(&file, Owners::Done, None, 13_615);
        assert!(done.writes(&file) && !done.offers(&file));
        file.unwanted_since = Some(13_615);
        assert!(!look(&file, Owners::Done, None, 13_620).writes(&file));
        assert!(look(&file, Owners::Sharing, Some(&owner), 13_620).writes(&file));
    }
}
