//! Chunks on their way: which file each belongs to, where it goes, and what became of it.

use super::{State, Transfer};
use crate::{
    core::{
        download::{TransferEvent, news_pause},
        id::NodeId,
        index::{Position, UniqueChunk},
        manifest::Entry,
    },
    node::{
        api::DownloadEvent,
        job::{disk_error, per_file::FileIndex},
        pump::{Order, OrderStatus, Outcome, Pump, Target},
        services::Services,
    },
    store::Sink,
};
use std::{collections::HashSet, sync::atomic::Ordering, time::Instant};

impl Transfer {
    pub(super) async fn outcome(&mut self, outcome: Outcome) {
        let Outcome {
            chunk,
            peer,
            result,
            ..
        } = outcome;
        let event = match result {
            OrderStatus::Stored {
                bytes,
                positions,
                elapsed,
            } => {
                self.stored(chunk, peer, bytes, &positions);
                self.dry = None;
                let now = self.now();
                for &position in &positions {
                    let file = self.file_of(position);
                    if let Some(selection) = self.selections.get_mut(&file) {
                        selection.came(now);
                    }
                }
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
            OrderStatus::Started => TransferEvent::Started { peer, chunk },
            OrderStatus::Missing => {
                self.lacks(peer, chunk);
                TransferEvent::Missing { peer, chunk }
            }
            OrderStatus::Broken => TransferEvent::Failed {
                peer,
                chunks: vec![chunk],
            },
            OrderStatus::Corrupt => {
                self.liars.insert(peer);
                TransferEvent::Corrupt { peer, chunk }
            }
            OrderStatus::Unwritable(position, error) => {
                let error = disk_error("what came cannot be written", error);
                self.failed(self.file_of(position), error).await;
                TransferEvent::Failed {
                    peer,
                    chunks: vec![chunk],
                }
            }
        };
        self.feed(event).await;
    }

    /// Counts a chunk wherever it is wanted. (One that was asked of two peers may come twice.)
    fn stored(&mut self, chunk: UniqueChunk, peer: NodeId, bytes: u32, written: &[Position]) {
        let positions = self.machine.positions(chunk);
        let Some(&first) = written.first().filter(|_| !positions.is_empty()) else {
            return;
        };
        self.services
            .received
            .fetch_add(u64::from(bytes), Ordering::Relaxed);
        if let Some(name) = self.versions.name(peer) {
            self.names.entry(peer).or_insert_with(|| name.clone());
        }
        let at = self.file_of(first);
        if matches!(self.states[at], State::Active(_)) {
            let pause = news_pause(self.pumps.len());
            self.tell_at.get_or_insert_with(|| Instant::now() + pause);
        }
        self.tallies[at].came(peer, bytes.into());
        let files: HashSet<FileIndex> = written.iter().map(|&at| self.file_of(at)).collect();
        for position in positions {
            let file = self.file_of(position);
            if files.contains(&file) {
                if position != first {
                    self.tallies[file].reused += u64::from(bytes);
                }
                self.count(position);
            } else {
                self.copy(at, position);
            }
        }
    }

    pub(super) fn fetch(&mut self, peer: NodeId, chunk: UniqueChunk) -> bool {
        let mut targets = Vec::new();
        let mut entry = None;
        let mut files = HashSet::new();
        for position in self.machine.positions(chunk) {
            let at = self.file_of(position);
            if let Some((wanted, sink)) = self.sink(at, position) {
                entry = Some(wanted);
                if files.insert(at) {
                    targets.push(Target { position, sink });
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
        let Services { net, download, .. } = &self.services;
        let start = || Pump::start(net, peer, download, &self.arriving, &self.outcomes.0);
        self.pumps.entry(peer).or_insert_with(start).get(order)
    }

    /// What is wanted at a position of file `at`, and where it goes.
    pub(super) fn sink(&self, at: FileIndex, position: Position) -> Option<(Entry, Sink)> {
        match &self.states[at] {
            State::Active(active) => {
                let (chunk, entry) = active.entry_at(position)?;
                Some((entry, Sink::Partial(active.opened.partial.clone(), chunk)))
            }
            State::Small(_, entry) => {
                Some((*entry, Sink::Memory(self.smalls.pile.clone(), at.number())))
            }
            _ => None,
        }
    }
}
