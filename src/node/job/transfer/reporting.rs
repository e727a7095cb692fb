//! What others are told of a download: who waits for it, and the actor.

use super::Transfer;
use crate::{
    core::id::{FileId, NodeId},
    node::{
        api::{DownloadEvent, Progress},
        command::Command,
    },
};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// How long the start may wait for knowing what is here already.
pub(super) const BEGIN: Duration = Duration::from_millis(300);
/// Between two progress events.
pub(super) const PROGRESS: Duration = Duration::from_millis(100);

impl Transfer {
    /// Tells the caller; the first event is the start.
    pub(super) async fn send(&mut self, event: DownloadEvent) {
        self.begin().await;
        self.reports.send(event).await;
    }

    /// Tells the start: once it is known how much of the first file is here already, or [`BEGIN`]
    /// passed.
    pub(super) async fn begin(&mut self) {
        if self.begin_by.take().is_none() {
            return;
        }
        let (name, id) = match self.files.as_slice() {
            [one] => (one.name.as_str().to_owned(), Some(one.id)),
            many => (format!("{} files", many.len()), None),
        };
        let progress = Progress {
            sources: self.holders(),
            ..self.progress()
        };
        let start = DownloadEvent::Start { name, id, progress };
        self.reports.send(start).await;
    }

    /// The nodes that have some of it as far as their catalogs tell, before anything is asked of
    /// them.
    fn holders(&self) -> u32 {
        let ids: Vec<FileId> = self.files.iter().map(|file| file.id).collect();
        let sources = self.services.sources(&ids);
        let nodes: HashSet<NodeId> = sources
            .into_iter()
            .flatten()
            .map(|source| source.node)
            .collect();
        nodes.len() as u32
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            size: self.files.iter().map(|file| file.size).sum(),
            done: self.done_bytes,
            files: self.files.len() as u32,
            files_done: self.files_done,
            sources: self.machine.sources() as u32,
        }
    }

    pub(super) fn show(&mut self, now: bool) {
        if !now && self.shown.elapsed() < PROGRESS {
            return;
        }
        self.shown = Instant::now();
        self.machine.limit(self.services.download.rate());
        let progress = self.progress();
        let name = |node: &NodeId| self.names.get(node).map(String::as_str);
        self.reports.note(progress, self.machine.delivered(), name);
        if self.begin_by.is_none() {
            self.reports.show(progress);
        }
    }

    /// Tells the actor what is offered now.
    pub(super) async fn publish(&mut self) {
        if self.services.circle.is_some() {
            // What is for this person is offered to nobody.
            self.offers.clear();
        }
        if !self.offers.is_empty() {
            let offers = std::mem::take(&mut self.offers);
            self.services.tell(Command::Offers(offers)).await;
        }
    }
}
