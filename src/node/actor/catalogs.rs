//! Catalogs on the move: asking peers for theirs, telling them of ours, and telling followers of a
//! download's news.
//!
//! Invariants: of each kind of request at most one is under way to a peer, of news at most
//! [`MAX_TELLING`]; how often a peer is asked does not depend on how often it claims to have news.

use super::{Actor, Note};
use crate::{
    core::{
        id::{FileId, NodeId},
        membership::MembershipEvent,
        path::RelPath,
    },
    net::RequestError,
    node::{
        api::NodeEvent,
        holdings::FollowerNews,
        swarm::{Asking, Looking, Next, Position, State},
    },
    wire::{
        MAX_HAVE_UPDATE,
        control::{Held, Offer, Request, Response, Scan},
    },
};
use std::time::{Duration, Instant};

/// How long changes of the own catalog are collected before the others hear of them.
const COLLECT: Duration = Duration::from_millis(50);
/// Between two words of how far the shared folder is read.
const SCAN_NEWS: Duration = Duration::from_secs(1);
/// Between two requests for the same catalog.
const CATALOG_PAUSE: Duration = Duration::from_millis(40);
/// Before a peer that did not give its catalog is asked again; doubles each time, up to
/// [`CATALOG_RETRY_MAX`].
const CATALOG_RETRY: Duration = Duration::from_secs(1);
const CATALOG_RETRY_MAX: Duration = Duration::from_secs(15);
/// How long what a peer says of itself is waited for before it is told that it is here.
const ACQUAINTANCE: Duration = Duration::from_secs(1);
/// News that a follower may leave unanswered before it hears no more: some seconds of them. What it
/// does not know it asks for.
const MAX_TELLING: usize = 64;

/// How long to wait after so many failures.
fn later(failures: u32) -> Duration {
    let pause = CATALOG_RETRY.saturating_mul(1 << failures.min(10));
    pause.min(CATALOG_RETRY_MAX)
}

impl Actor {
    /// Asks a peer for what is new in its catalog; one request at a time each.
    pub(super) fn ask_catalog(&mut self, swarm: &mut State, node: NodeId) {
        let Some(peer) = swarm.peers.get_mut(&node) else {
            return;
        };
        if peer.asking != Asking::No {
            peer.asking = Asking::Again;
            return;
        }
        peer.asking = Asking::UnderWay;
        let Position {
            epoch,
            since,
            until,
            heard,
        } = peer.catalog.position();
        let looking = swarm.looking.as_ref();
        let wanted = looking.and_then(|looking| looking.wanted(&peer.catalog));
        peer.asked_for = wanted.as_ref().map_or(0, |(_, files)| *files);
        let request = Request::Catalog {
            epoch,
            since,
            until,
            heard,
            matching: looking.and_then(Looking::matching).map(str::to_owned),
            wanted: wanted.map(|(wanted, _)| wanted),
        };
        let (net, notes) = (self.parts.services.net.clone(), self.notes.clone());
        tokio::spawn(async move {
            let answer = net.request(node, request).await;
            let _ = notes.send(Note::Catalog(node, answer)).await;
        });
    }

    pub(super) fn came_back(&mut self, swarm: &mut State, news: Note) {
        match news {
            Note::AskCatalog(node) => {
                if let Some(peer) = swarm.peers.get_mut(&node) {
                    peer.asking = Asking::No;
                }
                self.ask_catalog(swarm, node);
            }
            Note::Acquainted(node) => {
                if let Some(peer) = swarm.peers.get_mut(&node) {
                    peer.acquainted = true;
                }
                self.introduce(swarm, node, None);
            }
            Note::Peers(node, answer) => self.peers_told(swarm, node, answer),
            Note::Cards(teller, of, told) => self.cards_told(swarm, teller, &of, told),
            Note::Everybody(teller, told, next) => self.everybody_told(swarm, teller, told, next),
            Note::Compared(teller, told) => self.compared(swarm, teller, told),
            Note::Introduced(teller, told) => self.introduced_by(swarm, teller, told),
            Note::PeopleKept => self.keeping_people = false,
            Note::Catalog(node, answer) => self.catalog_came(swarm, node, answer),
            Note::Told(node) => {
                if let Some(peer) = swarm.peers.get_mut(&node) {
                    peer.telling = peer.telling.saturating_sub(1);
                }
            }
            Note::Hinted(node) => {
                if let Some(peer) = swarm.peers.get_mut(&node) {
                    let hinted = std::mem::replace(&mut peer.hinting, Asking::No);
                    if hinted == Asking::Again {
                        self.hint(swarm, node);
                    }
                }
            }
        }
    }

    pub(super) fn catalog_came(
        &mut self,
        swarm: &mut State,
        node: NodeId,
        answer: Result<Response, RequestError>,
    ) {
        let mut name = None;
        let (mut changed, mut freed, mut told) = (false, false, 0);
        let mut next = Next::Nothing;
        let (mut pause, mut retry) = (CATALOG_PAUSE, false);
        let mut failed = None;
        let mut applied = None;
        match answer {
            Ok(Response::Catalog(page)) => {
                name = Some(page.name.clone());
                told = page.entries.len();
                applied = swarm.peers.take_in(&node, page);
            }
            Ok(_) => {}
            Err(error) => failed = Some(error),
        }
        let Some(peer) = swarm.peers.get_mut(&node) else {
            return;
        };
        if let Some(applied) = applied {
            peer.acquainted = true;
            peer.catalog.was_asked_for(peer.asked_for);
            (changed, freed, next) = (applied.changed, applied.freed, applied.next);
            let news = &self.parts.services.news;
            news.files(applied.files);
            if changed && next == Next::Nothing {
                news.came(node);
            }
            match next {
                Next::Nothing => {}
                Next::Now => pause = Duration::ZERO,
                Next::Later => pause = later(peer.failures),
            }
            peer.failed = next == Next::Later;
            peer.failures = if peer.failed { peer.failures + 1 } else { 0 };
        } else if matches!(failed, Some(RequestError::Closed | RequestError::Refused))
            && peer.failures == 0
        {
            // A path by relay ends when a straight one stands, and takes the question with it.
            peer.failures = 1;
            retry = true;
        } else {
            peer.failed = true;
            pause = later(peer.failures);
            peer.failures += 1;
        }
        let again = peer.asking == Asking::Again;
        peer.asking = Asking::No;
        let looking = swarm.looking.as_ref();
        let wants = looking.is_some_and(|looking| looking.lacks(&peer.catalog));
        if next == Next::Now || again || wants || retry || peer.failed {
            peer.asking = Asking::UnderWay;
            // A pause bounds what a peer can make us do by changing its catalog all the time, or by
            // not giving it.
            let notes = self.notes.clone();
            tokio::spawn(async move {
                // Even a pause of no length waits for the clock's next millisecond.
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                let _ = notes.send(Note::AskCatalog(node)).await;
            });
        }
        swarm.peers.told(told);
        if freed {
            self.read_on(swarm);
        }
        self.introduce(swarm, node, name.as_deref());
        if changed {
            self.wake_jobs();
            self.tell(NodeEvent::CatalogChanged { node });
        }
    }

    /// A download is about these contents: who has them by whatever name?
    pub(super) fn look_for(&mut self, swarm: &mut State, files: &[FileId]) {
        let Some(looking) = &mut swarm.looking else {
            return;
        };
        if !looking.add(files) {
            return;
        }
        // Of whom nothing came yet is asked anyway.
        let lacks = |node: &NodeId| {
            let peer = swarm.peers.get(node);
            let told = peer.filter(|peer| peer.catalog.is_told());
            told.is_some_and(|peer| looking.lacks(&peer.catalog))
        };
        let paths = swarm.peers.paths();
        let nodes = paths.into_iter().map(|(node, ..)| node);
        let nodes: Vec<NodeId> = nodes.filter(lacks).collect();
        for node in nodes {
            self.ask_catalog(swarm, node);
        }
    }

    /// There is room again: catalogs that had none are asked for from where they were cut.
    pub(super) fn read_on(&mut self, swarm: &mut State) {
        for node in swarm.peers.going_on() {
            self.ask_catalog(swarm, node);
        }
    }

    /// A peer that gives no catalog is announced all the same, after a moment.
    pub(super) fn await_acquaintance(&self, node: NodeId) {
        let notes = self.notes.clone();
        tokio::spawn(async move {
            tokio::time::sleep(ACQUAINTANCE).await;
            let _ = notes.send(Note::Acquainted(node)).await;
        });
    }

    /// What is kept for the swarm is offered, or no longer.
    pub(super) fn offer_replica(
        &mut self,
        swarm: &mut State,
        name: &RelPath,
        file: FileId,
        offer: Option<Offer>,
    ) {
        if swarm.offer_replica(name, file, offer) {
            self.offered(file, false);
        }
    }

    pub(super) fn offer(
        &mut self,
        swarm: &mut State,
        name: &RelPath,
        file: FileId,
        offer: Option<Offer>,
    ) {
        // Others may be about to download the same: they should hear of one another before the
        // seed's line is full.
        let begins = offer
            .as_ref()
            .is_some_and(|offer| offer.held == Held::Partial);
        if swarm.offer(name, file, offer) {
            self.offered(file, begins);
        }
    }

    /// The own catalog changed; `soon`, the others should hear of it at once.
    fn offered(&mut self, file: FileId, soon: bool) {
        let collect = match (soon, self.scanned) {
            (true, _) => Duration::from_millis(2),
            (false, true) => COLLECT,
            (false, false) => COLLECT * 4,
        };
        self.parts.services.news.files([file]);
        let at = Instant::now() + collect;
        self.publish_at = Some(self.publish_at.map_or(at, |before| before.min(at)));
    }

    /// How far the shared folder is read, or that it is. The others hear of a beginning and the end
    /// at once, and once a second of what is between.
    pub(super) fn scanning(&mut self, swarm: &mut State, scan: Option<Scan>) {
        let now = Instant::now();
        let turned = scan.is_some() != swarm.scanning.is_some();
        let due = self.scan_told.is_none_or(|at| now >= at + SCAN_NEWS);
        swarm.scanning = scan;
        swarm.own.set_scan(scan, turned || due);
        if turned || due {
            self.scan_told = Some(now);
            self.publish_soon();
        }
    }

    /// The others are to hear in a moment that the own catalog changed.
    pub(super) fn publish_soon(&mut self) {
        let at = Instant::now() + COLLECT;
        self.publish_at = Some(self.publish_at.map_or(at, |before| before.min(at)));
    }

    /// Tells everyone that the own catalog changed: those who are not connected, by a beacon.
    pub(super) fn publish(&mut self, swarm: &mut State) {
        self.publish_at = None;
        let nodes: Vec<NodeId> = swarm.membership.connected().collect();
        for node in nodes {
            self.hint(swarm, node);
        }
        self.member(swarm, MembershipEvent::Changed);
    }

    /// Tells one peer that the own catalog changed; one notice at a time, or those who never answer
    /// would take all the places that requests have.
    pub(super) fn hint(&mut self, swarm: &mut State, node: NodeId) {
        let (epoch, revision) = swarm.own.version();
        let Some(peer) = swarm.peers.get_mut(&node) else {
            return;
        };
        if peer.hinting != Asking::No {
            peer.hinting = Asking::Again;
            return;
        }
        peer.hinting = Asking::UnderWay;
        let (net, notes) = (self.parts.services.net.clone(), self.notes.clone());
        tokio::spawn(async move {
            let request = Request::CatalogChanged { epoch, revision };
            let _ = net.request(node, request).await;
            let _ = notes.send(Note::Hinted(node)).await;
        });
    }

    pub(super) fn tell_followers(&mut self, swarm: &mut State) {
        for news in self.parts.services.holdings.take_news() {
            self.tell_of(swarm, news);
        }
    }

    pub(super) fn tell_of(&mut self, swarm: &mut State, news: FollowerNews) {
        let FollowerNews {
            file,
            chunks,
            followers,
        } = news;
        for node in followers {
            // It may have asked in its last moment here.
            let here = swarm.peers.get_mut(&node);
            let Some(peer) = here.filter(|peer| peer.telling < MAX_TELLING) else {
                self.parts.services.holdings.unfollow(node);
                continue;
            };
            peer.telling += 1;
            let (net, chunks) = (self.parts.services.net.clone(), chunks.clone());
            let notes = self.notes.clone();
            tokio::spawn(async move {
                for some in chunks.chunks(MAX_HAVE_UPDATE) {
                    let chunks = some.to_vec();
                    let _ = net.request(node, Request::Held { file, chunks }).await;
                }
                let _ = notes.send(Note::Told(node)).await;
            });
        }
    }
}
