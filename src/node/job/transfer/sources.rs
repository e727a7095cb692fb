//! Who has what of a job's files, kept up to date: holders from their catalogs, downloaders by
//! their have-sets.
//!
//! Invariant: a peer is asked for its have-set of a file once, and again only when its news were
//! lost or it did not have what it should have.

use super::{Done, Knowledge, State, Transfer};
use crate::{
    core::{
        download::TransferEvent,
        have::HaveSet,
        id::{FileId, NodeId},
        index::{ChunkIndex, UniqueChunk},
        selection::{Candidate, FEW, Selection, Standing},
    },
    net::RequestError,
    node::{job::per_file::FileIndex, services::HeldNews, swarm::Source},
    wire::control::{Held, Request, Response},
};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// How long the catalog of somebody who downloads the same may take to say so.
const CATALOG: Duration = Duration::from_secs(5);

impl Transfer {
    /// Whether it is time to look again at who has what, if that changed.
    pub(super) fn may_refresh(&self) -> bool {
        let now = self.now();
        self.selections.values().all(|one| one.next() <= now)
    }

    /// When that time comes.
    pub(super) fn next_look(&self) -> Option<Duration> {
        let now = self.now();
        let times = self.selections.values().map(Selection::next);
        times.filter(|at| *at > now).max()
    }

    /// Whether a file does not come, and others could be asked for it.
    pub(super) fn is_hungry(&self) -> bool {
        let now = self.now();
        self.selections.values().any(|one| one.is_due(now))
    }

    /// Looks again at who has what.
    pub(super) async fn refresh(&mut self) {
        let active: Vec<FileIndex> = self
            .files
            .indices()
            .filter(|&at| matches!(self.states[at], State::Active(_)))
            .collect();
        let ids: Vec<FileId> = active.iter().map(|&at| self.files[at].id).collect();
        let sources = self.services.sources(&ids);
        let mut here = self.refresh_small().await;
        self.orphans.clear();
        let mut askers = None;
        for (at, mut sources) in active.into_iter().zip(sources) {
            if sources.is_empty() {
                self.orphans.insert(at);
            }
            sources.retain(|source| !self.liars.contains(&source.node));
            let candidates: Vec<Candidate> = sources
                .iter()
                .map(|source| Candidate {
                    node: source.node,
                    downloads: source.held == Held::Partial,
                    standing: match self.known.get(&(source.node, at)) {
                        None => Standing::New,
                        Some(Knowledge::Whole) => Standing::Asked,
                        Some(_) => Standing::Followed,
                    },
                })
                .collect();
            let (me, now) = (self.services.me, self.now());
            let selection = self.selections.entry(at);
            let selection = selection.or_insert_with(|| Selection::new(me, now));
            let chosen = selection.choose(&candidates, now);
            askers = askers.or(chosen.askers);
            for source in chosen.sources.into_iter().map(|place| &sources[place]) {
                here.insert(source.node);
                self.names.insert(source.node, source.name.clone());
                self.learn(at, source).await;
            }
        }
        self.machine.set_askers(askers);
        here.extend(self.refresh_versions().await);
        let gone: HashSet<NodeId> = self
            .known
            .keys()
            .map(|(node, _)| *node)
            .chain(self.smalls.peers())
            .chain(self.versions.peers())
            .filter(|node| !here.contains(node))
            .filter(|node| self.met.get(node).is_none_or(|at| at.elapsed() > CATALOG))
            .collect();
        for peer in gone {
            self.forget(peer);
            self.feed(TransferEvent::Gone { peer }).await;
        }
    }

    /// A peer did not have a chunk that it claimed: what it has is to be learned again, once
    /// anything changes.
    pub(super) fn lacks(&mut self, peer: NodeId, chunk: UniqueChunk) {
        for position in self.machine.positions(chunk) {
            let at = self.file_of(position);
            self.smalls.lacks(peer, position);
            if let Some(known) = self.known.get_mut(&(peer, at)) {
                *known = Knowledge::Lacking;
            }
        }
    }

    pub(super) fn forget(&mut self, peer: NodeId) {
        self.pumps.remove(&peer);
        self.known.retain(|(node, _), _| *node != peer);
        self.smalls.forget(Some(peer));
        self.versions.gone(peer);
    }

    async fn learn(&mut self, at: FileIndex, source: &Source) {
        let key = (source.node, at);
        let State::Active(active) = &self.states[at] else {
            return;
        };
        let known = self.known.get(&key).copied();
        match (source.held, known) {
            (_, Some(Knowledge::Whole | Knowledge::Grown))
            | (Held::Partial | Held::Replica, Some(Knowledge::Asked | Knowledge::Partial)) => {}
            (Held::Partial | Held::Replica, None | Some(Knowledge::Lacking)) => {
                self.ask_have(at, source.node);
            }
            (Held::Shared | Held::Fetched, _) => {
                let knowledge = match known {
                    Some(_) => Knowledge::Grown,
                    None => Knowledge::Whole,
                };
                self.known.insert(key, knowledge);
                let (first, have) = (active.span.start, HaveSet::full(active.span.len));
                let (peer, rtt) = (source.node, source.rtt);
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
    }

    /// Asks a downloader what it has, and to be told what it gets.
    fn ask_have(&mut self, at: FileIndex, node: NodeId) {
        self.known.insert((node, at), Knowledge::Asked);
        let (net, file) = (self.services.net.clone(), self.files[at].id);
        self.tasks.spawn(async move {
            let request = Request::Have {
                file,
                follow: true,
                stream: true,
            };
            Done::Have(at, node, net.request(node, request).await)
        });
    }

    pub(super) async fn have_came(
        &mut self,
        at: FileIndex,
        peer: NodeId,
        answer: Result<Response, RequestError>,
    ) {
        let State::Active(active) = &self.states[at] else {
            return;
        };
        let (first, len) = (active.span.start, active.span.len);
        let have = match answer {
            Ok(Response::Have(have)) if have.chunks == len && have.bits.is_empty() => {
                HaveSet::full(len)
            }
            Ok(Response::Have(have)) if have.chunks == len => {
                match HaveSet::from_bytes(&have.bits, len) {
                    Some(have) => have,
                    None => return,
                }
            }
            _ => {
                self.known.remove(&(peer, at)); // It will be asked again when something changes.
                return;
            }
        };
        self.known.insert((peer, at), Knowledge::Partial);
        let rtt = Duration::from_millis(5);
        self.feed(TransferEvent::Source {
            peer,
            rtt,
            at: first,
            have,
            downloading: true,
        })
        .await;
    }

    pub(super) async fn held(&mut self, news: &HeldNews) {
        for at in self.files.indices() {
            let State::Active(active) = &self.states[at] else {
                continue;
            };
            if self.files[at].id != news.file {
                continue;
            }
            if self.known.contains_key(&(news.node, at)) {
                let position = |&chunk: &u32| active.span.position_of(ChunkIndex(chunk));
                let chunks = news.chunks.iter().filter_map(position).collect();
                self.feed(TransferEvent::Has {
                    peer: news.node,
                    chunks,
                })
                .await;
            } else {
                // It asked for what is here: its catalog will say later that it downloads this.
                if self.known.len() < FEW && !self.liars.contains(&news.node) {
                    self.met.insert(news.node, Instant::now());
                    self.ask_have(at, news.node);
                }
            }
        }
    }
}
