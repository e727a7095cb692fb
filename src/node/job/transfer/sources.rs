//! Who has what of a job's files, kept up to date: holders from their catalogs, downloaders by their have-sets.
//!
//! Invariant: a peer is asked for its have-set of a file once, and again only when its news were lost or it did not have
//! what it should have.

use super::{Done, Knowledge, State, Transfer};
use crate::{
    core::{download::Event, have::HaveSet, id::NodeId},
    net::RequestError,
    node::{context::HeldNews, peers::Source},
    wire::control::{Held, Request, Response},
};
use std::{collections::HashSet, time::Duration};

impl Transfer {
    /// Looks again at who has what.
    pub(super) async fn refresh(&mut self) {
        let active: Vec<usize> = (0..self.files.len())
            .filter(|&at| matches!(self.states[at], State::Active(_)))
            .collect();
        let ids = active.iter().map(|&at| self.files[at].id).collect();
        let Some(sources) = self.context.sources(ids).await else {
            return;
        };
        let mut here = HashSet::new();
        for (at, sources) in active.into_iter().zip(sources) {
            for source in sources {
                if self.liars.contains(&source.node) {
                    continue;
                }
                here.insert(source.node);
                self.names.insert(source.node, source.name.clone());
                self.learn(at, &source).await;
            }
        }
        let gone: HashSet<NodeId> = self
            .known
            .keys()
            .map(|(node, _)| *node)
            .filter(|node| !here.contains(node))
            .collect();
        for peer in gone {
            self.forget(peer);
            self.feed(Event::Gone { peer }).await;
        }
    }

    /// A peer did not have a chunk that it claimed: what it has is to be learned again, once anything changes.
    pub(super) fn lacks(&mut self, peer: NodeId, chunk: u32) {
        for place in self.machine.places(chunk) {
            let at = self.file_of(place);
            if let Some(known) = self.known.get_mut(&(peer, at)) {
                *known = Knowledge::Lacking;
            }
        }
    }

    pub(super) fn forget(&mut self, peer: NodeId) {
        self.pumps.remove(&peer);
        self.known.retain(|(node, _), _| *node != peer);
    }

    async fn learn(&mut self, at: usize, source: &Source) {
        let key = (source.node, at);
        let State::Active(active) = &self.states[at] else {
            return;
        };
        match (source.held, self.known.get(&key)) {
            (_, Some(Knowledge::Whole))
            | (Held::Partial, Some(Knowledge::Asked | Knowledge::Partial)) => {}
            (Held::Partial, None | Some(Knowledge::Lacking)) => {
                self.known.insert(key, Knowledge::Asked);
                let (net, node, file) = (self.context.net.clone(), source.node, self.files[at].id);
                self.tasks.spawn(async move {
                    Done::Have(
                        at,
                        node,
                        net.request(node, Request::Have { file, follow: true })
                            .await,
                    )
                });
            }
            (Held::Shared | Held::Fetched, _) => {
                self.known.insert(key, Knowledge::Whole);
                let (first, have) = (active.range.start, HaveSet::full(active.range.len() as u32));
                let (peer, rtt) = (source.node, source.rtt);
                self.feed(Event::Source {
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

    pub(super) async fn have_came(
        &mut self,
        at: usize,
        peer: NodeId,
        answer: Result<Response, RequestError>,
    ) {
        let State::Active(active) = &self.states[at] else {
            return;
        };
        let (first, len) = (active.range.start, active.range.len() as u32);
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
        self.feed(Event::Source {
            peer,
            rtt,
            at: first,
            have,
            downloading: true,
        })
        .await;
    }

    pub(super) async fn held(&mut self, news: &HeldNews) {
        for at in 0..self.files.len() {
            let State::Active(active) = &self.states[at] else {
                continue;
            };
            if self.files[at].id == news.file && self.known.contains_key(&(news.node, at)) {
                let (first, len) = (active.range.start, active.range.len() as u32);
                let chunks = news
                    .chunks
                    .iter()
                    .filter(|&&chunk| chunk < len)
                    .map(|chunk| first + chunk)
                    .collect();
                self.feed(Event::Has {
                    peer: news.node,
                    chunks,
                })
                .await;
            }
        }
    }
}
