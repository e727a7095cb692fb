//! Files whose source was replaced or deleted in mid-download: going on with the owner's new
//! version, or an end.
//!
//! `core::succession` decides. Invariants: only files that nobody offers, or that nobody has the
//! rest of, are looked at; a name that a person gave may come to mean other contents, an id never
//! does; of a version that is left nothing stays in the machine, and its partial file stays where
//! it is, made durable, so that the new one copies from it.

use super::{Done, JobFile, State, Transfer};
use crate::{
    core::{
        id::{FileId, NodeId},
        index::Span,
        succession::{Standing, Succession, Verdict},
    },
    node::{
        api::{DownloadError, DownloadEvent},
        job::per_file::FileIndex,
        swarm::Owned,
    },
    wire::control::{Held, Offer},
};
use std::time::{Duration, Instant};

/// Between two looks at what the owners have now.
const LOOK: Duration = Duration::from_secs(1);

/// The new version of a file, and whose it is.
struct Heir {
    owner: String,
    id: FileId,
    offer: Offer,
}

impl Transfer {
    /// Notes who offers the files as its own, before anything changes.
    pub(super) fn note_owners(&mut self) {
        if self.services.circle.is_some() {
            return; // What one person sends is what was asked for, or nothing.
        }
        let ids: Vec<FileId> = self.files.iter().map(|file| file.id).collect();
        let sources = self.services.sources(&ids);
        for (at, sources) in self.files.indices().zip(sources) {
            let shared = sources.iter().filter(|source| source.held == Held::Shared);
            shared.for_each(|source| self.owners[at].owner(source.node));
        }
    }

    /// Looks what became of the files that nobody has all of, if there are any and it is time.
    pub(super) async fn look_for_heirs(&mut self) {
        if self.services.circle.is_some() || self.looked_for_heirs.elapsed() < LOOK {
            return;
        }
        self.looked_for_heirs = Instant::now();
        let stuck = |at: &FileIndex| match &self.states[*at] {
            State::Active(_) => self.sourceless.is_some() || self.orphans.contains(at),
            State::Small(..) => self.sourceless.is_some(),
            State::Preparing => self
                .preparing
                .get(at)
                .is_some_and(|(_, since)| since.elapsed() >= LOOK),
            _ => false,
        };
        let stuck: Vec<FileIndex> = self.files.indices().filter(stuck).collect();
        if stuck.is_empty() {
            return;
        }
        let files = stuck.iter().map(|&at| &self.files[at]);
        let files = files
            .map(|file| (file.offered().to_owned(), file.id))
            .collect();
        let current = self.services.swarm.owned(files);
        let Some(current) = current.await else { return };
        for (nth, at) in stuck.into_iter().enumerate() {
            self.judge(at, nth, &current).await;
        }
    }

    async fn judge(&mut self, at: FileIndex, nth: usize, current: &Owned) {
        if current.whole[nth] {
            return; // Somebody has it: it is not the contents that are missing.
        }
        let (file, now) = (&self.files[at], self.started.elapsed());
        let of = |node: NodeId| current.shared[nth].iter().filter(move |(n, ..)| *n == node);
        let of_here = |node: NodeId| current.here.iter().find(|(here, ..)| *here == node);
        let standing = |node| match of(node).next() {
            Some(_) if of(node).any(|(_, id, _)| *id == file.id) => Standing::Same,
            Some(_) => Standing::Other,
            // What has no room here may be offered all the same.
            None if of_here(node).is_some_and(|(.., all)| *all) => Standing::Nothing,
            None => Standing::Away,
        };
        let called =
            |node: NodeId| of_here(node).map_or_else(|| node.short(), |(_, name, _)| name.clone());
        match self.owners[at].judge(file.size, standing, now) {
            Verdict::Wait => {}
            Verdict::Replaced(node) => {
                let newest = of(node).max_by_key(|(.., offer)| offer.mtime);
                let Some((_, id, offer)) = newest else { return };
                let heir = Heir {
                    owner: called(node),
                    id: *id,
                    offer: offer.clone(),
                };
                self.replaced(at, node, heir).await;
            }
            Verdict::Gone(node) => {
                let (name, owner) = (file.name.as_str().to_owned(), called(node));
                self.keep_what_came(at).await;
                self.failed(at, DownloadError::Withdrawn { name, owner })
                    .await;
            }
        }
    }

    async fn keep_what_came(&self, at: FileIndex) {
        if let State::Active(active) = &self.states[at] {
            let partial = active.opened.partial.clone();
            let _ = tokio::task::spawn_blocking(move || partial.sync()).await; // A failure costs a copy, no more.
        }
    }

    async fn replaced(&mut self, at: FileIndex, node: NodeId, heir: Heir) {
        self.keep_what_came(at).await;
        let JobFile { name, id, size, .. } = self.files[at].clone();
        // Who gave an id wants these bytes and no others.
        if self.exact.iter().any(|word| id.starts_with(word)) {
            let (name, owner) = (name.as_str().to_owned(), heir.owner);
            return self
                .failed(at, DownloadError::Replaced { name, owner })
                .await;
        }
        let (span, counted) = match std::mem::replace(&mut self.states[at], State::Waiting) {
            State::Active(active) => (Some(active.span), active.counted),
            State::Small(start, _) => {
                self.unwant_small(at, start);
                (Some(Span { start, len: 1 }), 0)
            }
            _ => (None, 0),
        };
        if let Some((task, _)) = self.preparing.remove(&at) {
            task.abort();
        }
        if !self.smalls.remove(at, size) {
            self.offers.push((name.clone(), id, None));
            self.services.holdings.end(id);
        }
        self.known.retain(|(_, file), _| *file != at);
        self.orphans.remove(&at);
        self.done_bytes -= counted;
        self.left_behind += counted;
        self.tallies[at] = super::tally();
        let unwanted = span.map(|span| self.machine.remove(span, self.started.elapsed()));
        let file = &mut self.files[at];
        (file.id, file.size, file.offer) = (heir.id, heir.offer.size, heir.offer);
        self.owners[at] = Succession::default();
        self.owners[at].owner(node);
        self.queue.push_back(at);
        let (id, size) = (file.id, file.size);
        self.services.reader.grants().show(&id);
        // Boxed: what it does may fail another file.
        Box::pin(self.act(unwanted.unwrap_or_default())).await;
        self.send(DownloadEvent::Replaced {
            name: name.as_str().to_owned(),
            owner: heir.owner,
            id,
            size,
        })
        .await;
    }

    /// Whether what a task brings is of the version that is wanted now.
    pub(super) fn is_current(&self, done: &Done) -> bool {
        match done {
            Done::Prepared(at, id, _) => self.files[*at].id == *id,
            _ => true,
        }
    }
}
