//! The life of each file of a download: prepared, filled chunk by chunk, put in place; or given up.
//!
//! Invariants: a file is finished only when all of it counts, and ends exactly once; what was begun
//! in the node's holdings and catalog is ended there.

use super::{ACTIVE, Active, Done, FileStart, State, Transfer, panicked, tally};
use crate::{
    core::{
        chunk::VerifiedChunk,
        download::TransferEvent,
        index::{Position, Span},
    },
    node::{
        api::{DownloadError, DownloadEvent},
        clean,
        job::{
            JobFile, disk_error,
            per_file::FileIndex,
            prepare::{Opened, Patience, Prepared, prepare},
        },
    },
    store::{Partial, SYNC_BATCH, Spot, StoreError},
    wire::control::{Held, Offer},
};
use std::{path::PathBuf, sync::Arc, time::Instant};

impl Transfer {
    pub(super) fn prepare_more(&mut self) {
        if self.paused {
            return;
        }
        let mut open = self.files.len() - self.ended - self.queue.len() - self.smalls.len();
        for _ in 0..self.queue.len() {
            if open >= ACTIVE {
                return;
            }
            let Some(at) = self.queue.pop_front() else {
                return;
            };
            if !self.services.holdings.begin(self.files[at].id) {
                // The same contents are on their way under another name: afterwards they will be
                // found here.
                self.queue.push_back(at);
                continue;
            }
            self.states[at] = State::Preparing;
            let (services, file) = (self.services.clone(), self.files[at].clone());
            let place = (self.into.clone(), self.taken);
            let patience = Patience {
                reports: self.reports.clone(),
                coming: Arc::clone(&self.coming),
            };
            let (id, nearby) = (file.id, Arc::clone(&self.nearby));
            let task = self.tasks.spawn(async move {
                let prepared = prepare(services, file, place, patience, nearby).await;
                Done::Prepared(at, id, prepared)
            });
            self.preparing.insert(at, (task, Instant::now()));
            open += 1;
        }
    }

    pub(super) async fn done(&mut self, done: Done) {
        if !matches!(done, Done::Have(..) | Done::Version(..)) {
            // A step of a file, of which it has only a few.
            let now = self.now();
            self.stall.iter_mut().for_each(|stall| stall.renew(now));
        }
        if !self.is_current(&done) {
            return;
        }
        if let Done::Prepared(at, ..) = &done {
            self.preparing.remove(at);
        }
        match done {
            Done::Prepared(at, ..) | Done::Finished(at, _)
                if matches!(self.states[at], State::Ended) => {}
            Done::Prepared(at, _, Ok(Prepared::Already(path))) => {
                self.done_bytes += self.files[at].size;
                self.finished(at, path, true).await;
            }
            Done::Prepared(at, _, Ok(Prepared::Open(opened))) => self.opened(at, *opened).await,
            Done::Prepared(at, _, Err(error)) => self.failed(at, error).await,
            Done::Synced(at, result) => {
                if let State::Active(active) = &mut self.states[at] {
                    active.syncing = false;
                }
                if let Err(error) = result {
                    self.failed(at, disk_error("what came cannot be made durable", error))
                        .await;
                }
            }
            Done::Copied(position, Ok(())) => self.count(position),
            Done::Copied(position, Err(error)) => {
                self.failed(
                    self.file_of(position),
                    disk_error("a chunk cannot be copied", error),
                )
                .await;
            }
            Done::Finished(at, Ok(finished)) => {
                self.finished(at, finished.path, finished.already).await;
            }
            Done::Finished(at, Err(error)) => {
                self.failed(at, disk_error("the file cannot be put in place", error))
                    .await;
            }
            Done::Have(at, node, answer) => self.have_came(at, node, answer).await,
            Done::Batch(files) => self.readied(files).await,
            Done::Laid(files) => self.laid(files).await,
            Done::Placed(files) => self.placed(files).await,
            Done::Version(at, source, have) => self.version_came(at, source, have).await,
            Done::Lost(files, error) => self.lost(files, error).await,
        }
    }

    /// A file's chunks can be fetched from now on.
    pub(super) async fn opened(&mut self, at: FileIndex, opened: Opened) {
        let have = opened.partial.have();
        if self.full && !have.is_full() {
            return self.failed(at, self.no_space()).await;
        }
        let (id, partial) = (self.files[at].id, opened.partial.clone());
        self.services.holdings.opened(id, partial);
        let tally = &mut self.tallies[at];
        (tally.resumed, tally.reused) = (opened.resumed, opened.reused);
        let counted = opened.resumed + opened.reused;
        self.done_bytes += counted;
        self.begin().await;
        if have.is_full() {
            return self.finish(at, opened.partial);
        }
        let span = self.machine.add(opened.manifest.entries(), &have);
        let first = span.start;
        self.starts.push(FileStart { first, file: at });
        self.states[at] = State::Active(Box::new(Active {
            opened,
            span,
            left: have.len() - have.count(),
            counted,
            syncing: false,
        }));
        // Others may fetch from here what has come so far.
        let offer = Offer {
            held: Held::Partial,
            ..self.files[at].offer.clone()
        };
        let JobFile { name, id, .. } = self.files[at].clone();
        self.offers.push((name, id, Some(offer)));
        self.urge().await;
        self.refresh().await;
        self.feed(TransferEvent::Tick).await;
    }

    pub(super) fn finish(&mut self, at: FileIndex, partial: Partial) {
        self.states[at] = State::Finishing;
        let (into, file) = (self.into.clone(), self.files[at].clone());
        let (id, taken) = (file.id, self.taken);
        let services = self.services.clone();
        self.tasks.spawn(async move {
            let work = move || {
                let (name, at, offer) = (&file.name, file.place(), &file.offer);
                let spot = Spot { name, at, taken };
                let finished = partial.finish(&into, spot, offer.mtime, offer.rights())?;
                clean::remove_older(&services, file.name.as_str(), &file.id);
                Ok(finished)
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(result) => Done::Finished(at, result),
                Err(error) => Done::Prepared(at, id, Err(panicked(&error))),
            }
        });
    }

    pub(super) async fn finished(&mut self, at: FileIndex, path: PathBuf, already: bool) {
        let tally = std::mem::replace(&mut self.tallies[at], tally());
        let file = self.files[at].clone();
        let fetched = tally.into_fetched(&file, path, already, self.started, &self.names);
        self.files_done += 1;
        self.whole[at] = true;
        let offer = Offer {
            held: Held::Fetched,
            ..file.offer
        };
        self.end(at, Some(offer));
        if self.ended == self.files.len() {
            self.show(true); // The whole, before the word that ends it.
        }
        self.send(DownloadEvent::FileDone(Box::new(fetched))).await;
    }

    pub(super) async fn failed(&mut self, at: FileIndex, error: DownloadError) {
        if matches!(self.states[at], State::Ended) {
            return;
        }
        let unwanted = match &self.states[at] {
            State::Active(active) => self.machine.remove(active.span, self.started.elapsed()),
            State::Small(start, _) => {
                let start = *start;
                self.unwant_small(at, start);
                self.machine
                    .remove(Span { start, len: 1 }, self.started.elapsed())
            }
            _ => Vec::new(),
        };
        self.end(at, None);
        // Boxed: what it does may fail another file.
        Box::pin(self.act(unwanted)).await;
        let first_full = matches!(error, DownloadError::NoSpace { .. })
            && !std::mem::replace(&mut self.full, true);
        self.send(DownloadEvent::FileFailed {
            name: self.files[at].name.as_str().to_owned(),
            error,
        })
        .await;
        if first_full {
            Box::pin(self.stop_small()).await;
        }
    }

    /// What becomes of the rest once the disk is full.
    pub(super) fn no_space(&self) -> DownloadError {
        DownloadError::NoSpace {
            needed: 0,
            at: self.into.clone(),
        }
    }

    fn end(&mut self, at: FileIndex, offer: Option<Offer>) {
        let begun = !matches!(self.states[at], State::Waiting);
        self.states[at] = State::Ended;
        self.ended += 1;
        let JobFile { name, id, size, .. } = self.files[at].clone();
        // A small one is offered when it is whole, and not before.
        if self.smalls.remove(at, size) {
            self.offers
                .extend(offer.map(|offer| (name, id, Some(offer))));
            return;
        }
        self.known.retain(|(_, file), _| *file != at);
        self.selections.remove(&at);
        if begun {
            self.offers.push((name, id, offer));
            self.services.holdings.end(id);
        }
    }

    /// Stops in good order: what is here is made durable.
    pub(super) async fn interrupt(&mut self) {
        self.pumps.clear();
        self.finish_small().await;
        self.tasks.abort_all();
        for at in self.files.indices() {
            if let State::Active(active) = &self.states[at] {
                let partial = active.opened.partial.clone();
                let _ = tokio::task::spawn_blocking(move || partial.sync()).await;
            }
            self.failed(at, DownloadError::Interrupted).await;
        }
    }

    /// A chunk that was fetched for file `from`, and only then found to be wanted at `to`, too: it
    /// is here, so it is copied.
    pub(super) fn copy(&mut self, from: FileIndex, to: Position) {
        let at = self.file_of(to);
        let Some((entry, sink)) = self.sink(at, to) else {
            return;
        };
        self.tallies[at].reused += u64::from(entry.len);
        let kept = self.smalls.pile.get(from.number());
        let id = self.files[at].id;
        let reader = self.services.reader.clone();
        self.tasks.spawn(async move {
            let work = move || {
                let mut bytes = Vec::new();
                let bytes = match &kept {
                    Some(kept) => &kept[..],
                    None if reader.read(&entry.id, &mut bytes)? => &bytes,
                    None => &[],
                };
                match VerifiedChunk::check(entry.id, bytes) {
                    Ok(chunk) if bytes.len() == entry.len as usize => sink.write(&chunk),
                    _ => Err(StoreError::Corrupt(format!(
                        "chunk {} is no longer here",
                        entry.id
                    ))),
                }
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(result) => Done::Copied(to, result),
                Err(error) => Done::Prepared(at, id, Err(panicked(&error))),
            }
        });
    }

    /// Counts a chunk for its file, once; the last one finishes it.
    pub(super) fn count(&mut self, position: Position) {
        let at = self.file_of(position);
        let State::Active(active) = &mut self.states[at] else {
            return self.arrived(at);
        };
        let Some((chunk, entry)) = active.entry_at(position) else {
            return; // Of a version that was replaced.
        };
        let bytes = u64::from(entry.len);
        active.left = active.left.saturating_sub(1);
        active.counted += bytes;
        self.done_bytes += bytes;
        self.services.holdings.wrote(self.files[at].id, chunk);
        let partial = active.opened.partial.clone();
        if active.left == 0 {
            self.finish(at, partial);
        } else if partial.unsynced() >= SYNC_BATCH && !active.syncing {
            active.syncing = true;
            let id = self.files[at].id;
            self.tasks.spawn(async move {
                match tokio::task::spawn_blocking(move || partial.sync()).await {
                    Ok(result) => Done::Synced(at, result),
                    Err(error) => Done::Prepared(at, id, Err(panicked(&error))),
                }
            });
        }
    }
}
