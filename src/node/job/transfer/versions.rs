//! Who has another version of a file, and which of the wanted chunks are in it.
//!
//! Chunks are cut by contents, so most of a new version is in the old one too. Those who offer
//! other contents by the same name are asked which of the missing chunks they can serve.
//! Invariants: each is asked once for a file, a bounded number of questions, until everyone is
//! asked again; the answer is a claim like any other: the machine notices a peer that says more
//! than it has when a chunk is missing.

use super::{Done, State, Transfer};
use crate::{
    core::{
        download::TransferEvent,
        have::HaveSet,
        id::{ChunkId, NodeId},
    },
    node::{job::per_file::FileIndex, swarm::Source},
    wire::{
        MAX_CHUNKS,
        control::{Request, Response},
    },
};
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

/// Between two looks at all the names that others offer.
const PAUSE: Duration = Duration::from_secs(2);
/// Questions to one node for one file: about 7 GiB of it.
const QUESTIONS: usize = 16;

/// Who was asked.
#[derive(Default)]
pub(super) struct Versions {
    asked: HashSet<(NodeId, FileIndex)>,
    /// Those who have something, and what they are called.
    names: HashMap<NodeId, String>,
    /// Those who were there at the last look.
    here: HashSet<NodeId>,
    looked: Option<Instant>,
    /// Something changed since.
    stale: bool,
}

impl Versions {
    /// Whether it is time to look again.
    pub(super) fn is_due(&self) -> bool {
        self.stale && self.looked.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    /// Everyone is to be asked again.
    pub(super) fn forget(&mut self) {
        self.asked.clear();
        (self.looked, self.stale) = (None, true);
    }

    pub(super) fn gone(&mut self, peer: NodeId) {
        self.names.remove(&peer);
        self.asked.retain(|(node, _)| *node != peer);
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.names.keys().copied()
    }

    pub(super) fn name(&self, peer: NodeId) -> Option<&String> {
        self.names.get(&peer)
    }
}

impl Transfer {
    /// Looks who else may have some of the chunks, and asks those who are new; gives everyone who
    /// is here.
    pub(super) async fn refresh_versions(&mut self) -> HashSet<NodeId> {
        let several = |at: &FileIndex| matches!(&self.states[*at], State::Active(active) if active.opened.manifest.len() > 1);
        let active: Vec<FileIndex> = self.files.indices().filter(several).collect();
        // Nobody else is asked for what came from a person.
        let private = self.services.circle.is_some();
        self.versions.stale = !active.is_empty() && !private;
        if self.versions.stale && self.versions.is_due() {
            (self.versions.looked, self.versions.stale) = (Some(Instant::now()), false);
            let files = active.iter().map(|&at| &self.files[at]);
            let files = files.map(|file| (file.name.clone(), file.id)).collect();
            let found = self.services.swarm.versions(files).await;
            self.versions.here.clear();
            for (at, sources) in active.into_iter().zip(found) {
                for source in sources {
                    self.versions.here.insert(source.node);
                    self.ask_version(at, source);
                }
            }
        }
        self.versions.here.clone()
    }

    fn ask_version(&mut self, at: FileIndex, source: Source) {
        let node = source.node;
        let State::Active(active) = &self.states[at] else {
            return;
        };
        let known = self.known.contains_key(&(node, at)) || self.liars.contains(&node);
        if known || !self.versions.asked.insert((node, at)) {
            return;
        }
        let have = active.opened.partial.have();
        let entries = (0u32..).zip(active.opened.manifest.entries());
        let missing = entries.filter(|(at, _)| !have.has(*at));
        let missing: Vec<(u32, ChunkId)> = missing
            .map(|(at, entry)| (at, entry.id))
            .take(QUESTIONS * MAX_CHUNKS)
            .collect();
        let (net, len) = (self.services.net.clone(), have.len());
        self.tasks.spawn(async move {
            let mut claimed = HaveSet::empty(len);
            for part in missing.chunks(MAX_CHUNKS) {
                let ids = part.iter().map(|(_, id)| *id).collect();
                let answer = net.request(node, Request::Chunks { ids }).await;
                let Ok(Response::Chunks(bits)) = answer else {
                    break;
                };
                let Some(bits) = HaveSet::from_bytes(&bits, part.len() as u32) else {
                    break;
                };
                for bit in bits.iter() {
                    claimed.insert(part[bit as usize].0);
                }
            }
            Done::Version(at, source, claimed)
        });
    }

    /// A holder of another version told what it has of this one.
    pub(super) async fn version_came(&mut self, at: FileIndex, source: Source, have: HaveSet) {
        let State::Active(active) = &self.states[at] else {
            return;
        };
        let (first, peer, rtt) = (active.span.start, source.node, source.rtt);
        // What it says of the file itself counts for more.
        if have.count() == 0 || self.known.contains_key(&(peer, at)) || self.liars.contains(&peer) {
            return;
        }
        self.versions.names.insert(peer, source.name);
        self.feed(TransferEvent::Source {
            peer,
            rtt,
            at: first,
            have,
            downloading: false,
        })
        .await;
    }
}
