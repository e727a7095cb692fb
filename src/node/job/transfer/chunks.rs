//! Chunks on their way: which file each belongs to, where it goes, and what became of it.

use super::{State, Transfer};
use crate::{
    core::{download::TransferEvent, id::NodeId, manifest::Entry},
    node::{
        api::DownloadEvent,
        context::Context,
        job::disk_error,
        pump::{Fate, Order, Outcome, Pump, Target},
    },
    store::Sink,
};
use std::{collections::HashSet, sync::atomic::Ordering};

impl Transfer {
    pub(super) async fn outcome(&mut self, outcome: Outcome) {
        let Outcome {
            chunk,
            peer,
            result,
            ..
        } = outcome;
        let event = match result {
            Fate::Stored {
                bytes,
                places,
                elapsed,
            } => {
                self.stored(chunk, peer, bytes, &places);
                self.dry = None;
                if std::mem::take(&mut self.said_waiting) {
                    self.send(DownloadEvent::Resumed).await;
                }
                TransferEvent::Stored {
                    peer,
                    chunk,
                    bytes,
                    elapsed,
                }
            }
            Fate::Begun => TransferEvent::Begun { peer, chunk },
            Fate::Missing => {
                self.lacks(peer, chunk);
                TransferEvent::Missing { peer, chunk }
            }
            Fate::Broken => TransferEvent::Failed {
                peer,
                chunks: vec![chunk],
            },
            Fate::Corrupt => {
                self.liars.insert(peer);
                TransferEvent::Corrupt { peer, chunk }
            }
            Fate::Unwritable(place, error) => {
                let error = disk_error("what came cannot be written", error);
                self.failed(self.file_of(place), error).await;
                TransferEvent::Failed {
                    peer,
                    chunks: vec![chunk],
                }
            }
        };
        self.feed(event).await;
    }

    /// Counts a chunk at every place where it is wanted. (One that was asked of two peers may come twice.)
    fn stored(&mut self, chunk: u32, peer: NodeId, bytes: u32, written: &[u32]) {
        let places = self.machine.places(chunk);
        let Some(&first) = written.first().filter(|_| !places.is_empty()) else {
            return;
        };
        self.context
            .received
            .fetch_add(u64::from(bytes), Ordering::Relaxed);
        if let Some(name) = self.versions.name(peer) {
            self.names.entry(peer).or_insert_with(|| name.clone());
        }
        let at = self.file_of(first);
        self.tallies[at].fetched += u64::from(bytes);
        *self.tallies[at].sources.entry(peer).or_default() += u64::from(bytes);
        let files: HashSet<usize> = written.iter().map(|&place| self.file_of(place)).collect();
        for place in places {
            let file = self.file_of(place);
            if files.contains(&file) {
                if place != first {
                    self.tallies[file].reused += u64::from(bytes);
                }
                self.count(place);
            } else {
                self.copy(at, place);
            }
        }
    }

    pub(super) fn fetch(&mut self, peer: NodeId, chunk: u32) -> bool {
        let mut targets = Vec::new();
        let mut entry = None;
        let mut files = HashSet::new();
        for place in self.machine.places(chunk) {
            let at = self.file_of(place);
            if let Some((wanted, sink)) = self.sink(at, place) {
                entry = Some(wanted);
                if files.insert(at) {
                    targets.push(Target { place, sink });
                }
            }
        }
        let Some(Entry { id, len }) = entry else {
            return false;
        };
        let order = Order {
            chunk,
            id,
            len,
            targets,
        };
        let Context { net, download, .. } = &self.context;
        let start = || Pump::start(net, peer, download, &self.arriving, &self.outcomes.0);
        self.pumps.entry(peer).or_insert_with(start).get(order)
    }

    /// What is wanted at `place` of file `at`, and where it goes.
    pub(super) fn sink(&self, at: usize, place: u32) -> Option<(Entry, Sink)> {
        match &self.states[at] {
            State::Active(active) if active.range.contains(&place) => {
                let position = place - active.range.start;
                let entry = active.opened.manifest.entries()[position as usize];
                Some((
                    entry,
                    Sink::Partial(active.opened.partial.clone(), position),
                ))
            }
            State::Small(_, entry) => {
                Some((*entry, Sink::Memory(self.smalls.pile.clone(), at as u32)))
            }
            _ => None,
        }
    }
}
