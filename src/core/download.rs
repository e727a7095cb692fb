//! One download job: whom to ask for which chunk, and what to do when nothing comes.
//!
//! A job is one flat list of chunks, possibly of many files; the caller knows which range is which
//! file. Feed it what happens with [`Download::handle`], carry out the [`TransferAction`]s, and
//! send a [`TransferEvent::Tick`] when [`Download::next_tick`] says so.
//!
//! Owns the requests: pipelines, lateness, second requests, backing off. The order of chunks is
//! `picker`'s. Never touches bytes, sockets or a clock.
//!
//! Invariants: a missing chunk is open, or asked of one or two peers that claimed it; a peer is
//! asked for a chunk at most once at a time; at most [`MAX_PEERS`] peers are known; whatever a peer
//! does, no chunk is lost.

mod chunks;
mod event;
mod peer;
mod proceeding;
mod requests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod urgent;

pub use event::{TransferAction, TransferEvent};

use super::{
    Now,
    have::HaveSet,
    id::NodeId,
    index::{Position, Span, UniqueChunk},
    manifest::Entry,
    picker::Picker,
};
use chunks::Chunks;
use peer::{Found, Peer, PeerState};
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

/// Peers that a job knows at once. More are ignored: it does not get faster by them.
pub const MAX_PEERS: usize = 512;

/// How long news of what comes may be gathered before those who follow hear them: so long, and
/// longer among many, for each costs every one of them a packet.
#[must_use]
pub fn news_pause(peers: usize) -> Duration {
    const TELL: Duration = Duration::from_millis(20);
    const TELL_EACH: Duration = Duration::from_millis(4);
    const TELL_MAX: Duration = Duration::from_millis(100);
    let peers = u32::try_from(peers).unwrap_or(u32::MAX);
    TELL_EACH
        .saturating_mul(peers)
        .saturating_add(TELL)
        .min(TELL_MAX)
}

/// The machine of one job.
#[derive(Debug)]
pub struct Download {
    chunks: Chunks,
    picker: Picker,
    peers: Vec<Peer>,
    index: HashMap<NodeId, usize>,
    /// For each chunk in flight: the peers asked, the first one first.
    asked: HashMap<UniqueChunk, Vec<usize>>,
    /// When requests become late: `(when, peer, chunk)`.
    deadlines: BTreeSet<(Now, usize, UniqueChunk)>,
    /// Chunks asked of one peer only, by when they should be here.
    single: BTreeSet<(Now, UniqueChunk)>,
    /// Chunks in flight of which every request is late.
    overdue: BTreeSet<UniqueChunk>,
    clock: Now,
    /// Bytes a second that this node allows itself.
    limit: Option<u64>,
    /// When the order may follow the set of downloaders again, and whether that changed.
    sort_at: Now,
    unsorted: bool,
    /// Who asks the whole holders, where that is not everybody.
    askers: Option<Vec<NodeId>>,
    /// Nothing more is to be asked for.
    paused: bool,
    /// Something was added or removed since the last event.
    stirred: bool,
    said: Reported,
}

/// How the job stands, as the caller knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reported {
    Going,
    Waiting,
    Complete,
}

impl Download {
    /// A job without chunks: add some before anything else. `me` is this node: downloaders of one
    /// file take different parts first, by their names.
    #[must_use]
    pub fn new(me: NodeId) -> Self {
        Self {
            chunks: Chunks::new(),
            picker: Picker::new(me),
            peers: Vec::new(),
            index: HashMap::new(),
            asked: HashMap::new(),
            deadlines: BTreeSet::new(),
            single: BTreeSet::new(),
            overdue: BTreeSet::new(),
            clock: Duration::ZERO,
            limit: None,
            sort_at: Duration::ZERO,
            unsorted: false,
            askers: None,
            paused: false,
            stirred: true,
            said: Reported::Complete,
        }
    }

    /// A job on a node that allows itself only so many bytes a second: it asks for no more than
    /// that lets through soon, and the time it takes is no peer's fault.
    #[must_use]
    pub fn limited_to(self, limit: Option<u64>) -> Self {
        Self { limit, ..self }
    }

    /// Asks for nothing more, or goes on; what is in flight comes. A [`TransferEvent::Tick`] is
    /// due. While it is paused it does not say that it waits.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
        self.stirred = true;
    }

    /// The same from now on.
    pub fn limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// Which other downloaders ask the whole holders, where not all of them do; with `None` those
    /// of whom it is known what they have. Chunks are sorted by that at the next event.
    pub fn set_askers(&mut self, askers: Option<Vec<NodeId>>) {
        self.unsorted |= self.askers != askers;
        self.askers = askers;
    }

    /// Appends a file's chunks; those in `held` are here already. Gives the positions they got.
    /// What peers have of them is to be told by [`TransferEvent::Source`] after this. A
    /// [`TransferEvent::Tick`] is due.
    pub fn add(&mut self, entries: &[Entry], held: &HaveSet) -> Span {
        let span = self.chunks.add(entries, held);
        let chunks = &self.chunks;
        self.picker
            .append(span.iter().map(|at| (chunks.id(at), chunks.is_own(at))));
        if self.said == Reported::Complete {
            self.said = Reported::Going;
        }
        self.stirred = true;
        span
    }

    /// Gives up the chunks in `span` (a file that cannot be written), where they are not wanted
    /// elsewhere.
    pub fn remove(&mut self, span: Span, now: Now) -> Vec<TransferAction> {
        self.clock = self.clock.max(now);
        let mut actions = Vec::new();
        for position in span.iter() {
            if let Some(chunk) = self.chunks.give_up(position) {
                self.settle(chunk, &mut actions);
            }
        }
        self.proceed(&mut actions);
        actions
    }

    /// Takes notice of an event, and says what to do now.
    pub fn handle(&mut self, event: TransferEvent, now: Now) -> Vec<TransferAction> {
        self.clock = self.clock.max(now);
        let mut actions = Vec::new();
        match event {
            TransferEvent::Source {
                peer,
                rtt,
                at,
                have,
                downloading,
            } => self.on_source(peer, rtt, at, &have, downloading),
            TransferEvent::Has { peer, chunks } => {
                if let Some(at) = self.connected(peer) {
                    self.claim(at, chunks.iter().copied());
                    for position in chunks {
                        self.exchange(at, position, &mut actions);
                    }
                }
            }
            TransferEvent::Gone { peer } => self.on_gone(peer),
            TransferEvent::Stored {
                peer,
                chunk,
                bytes,
                elapsed,
            } => self.on_stored(peer, chunk, bytes, elapsed, &mut actions),
            TransferEvent::Started { peer, chunk } => {
                self.begun(peer, chunk);
                return actions;
            }
            TransferEvent::Missing { peer, chunk } => {
                if let Some(at) = self.connected(peer)
                    && self.chunks.is_missing(chunk)
                {
                    self.picker.deny(&mut self.peers[at].claims, chunk);
                    self.end(at, chunk);
                }
            }
            TransferEvent::Failed { peer, chunks } => self.on_failed(peer, &chunks),
            TransferEvent::Corrupt { peer, .. } => self.on_corrupt(peer, &mut actions),
            TransferEvent::Tick => {}
        }
        self.proceed(&mut actions);
        actions
    }

    /// When a [`TransferEvent::Tick`] is useful next, unless another event comes first. A moment
    /// that is past means: now.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        if self.stirred {
            return Some(self.clock);
        }
        let retries = self.peers.iter().filter(|peer| peer.is_connected());
        let retries = retries.map(|peer| peer.retry_at);
        retries
            .chain(self.unsorted.then_some(self.sort_at))
            .filter(|&at| at > self.clock)
            .chain(self.deadlines.first().map(|&(at, ..)| at))
            .min()
    }

    /// Every position where `chunk` is wanted; none when it is not missing.
    #[must_use]
    pub fn positions(&self, chunk: UniqueChunk) -> Vec<Position> {
        self.chunks.positions(chunk)
    }

    /// Bytes of the positions that are neither written nor given up.
    #[must_use]
    pub fn missing_bytes(&self) -> u64 {
        self.chunks.missing_bytes()
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.picker.missing().count() == 0
    }

    /// Connected peers that have something that is missing.
    #[must_use]
    pub fn sources(&self) -> usize {
        let connected = self.peers.iter().filter(|peer| peer.is_connected());
        connected
            .filter(|peer| self.picker.is_useful(&peer.claims))
            .count()
    }

    /// Who delivered how many bytes. What came twice counts for the first.
    pub fn delivered(&self) -> impl Iterator<Item = (NodeId, u64)> + '_ {
        self.peers
            .iter()
            .filter(|peer| peer.delivered > 0)
            .map(|peer| (peer.id, peer.delivered))
    }

    fn connected(&self, peer: NodeId) -> Option<usize> {
        let at = *self.index.get(&peer)?;
        self.peers[at].is_connected().then_some(at)
    }

    /// Where the peer stands in the list, at its end if it is new and there is room.
    fn enlist(&mut self, peer: NodeId) -> Option<usize> {
        if let Some(&at) = self.index.get(&peer) {
            return Some(at);
        }
        let at = if self.peers.len() < MAX_PEERS {
            self.peers.push(Peer::new(peer));
            self.peers.len() - 1
        } else {
            // One that went without a trace; better one that did no harm.
            let gone = |peer: &Peer| !peer.is_connected() && peer.delivered == 0;
            let at = self
                .peers
                .iter()
                .position(|peer| gone(peer) && peer.link == PeerState::Gone)
                .or_else(|| self.peers.iter().position(gone))?;
            self.index.remove(&self.peers[at].id);
            self.peers[at] = Peer::new(peer);
            at
        };
        self.index.insert(peer, at);
        Some(at)
    }

    fn on_source(
        &mut self,
        id: NodeId,
        rtt: Duration,
        first: Position,
        have: &HaveSet,
        downloading: bool,
    ) {
        let Some(at) = self.enlist(id) else { return };
        let peer = &mut self.peers[at];
        if peer.link == PeerState::Banned {
            return;
        }
        peer.rtt = rtt.min(Duration::from_secs(10));
        self.unsorted |= downloading != peer.downloading;
        peer.downloading = downloading;
        if peer.link == PeerState::Gone {
            peer.came_back();
        }
        peer.link = PeerState::Up;
        let len = have.len();
        let span = Span { start: first, len };
        if have.is_full() {
            let claims = &mut self.peers[at].claims;
            if self.picker.claim_all(claims, span) {
                self.peers[at].found = Found::Perhaps;
            }
            let aliases: Vec<Position> = self.chunks.aliases(span.start, span.end()).collect();
            self.claim(at, aliases.into_iter());
        } else {
            let positions = have.iter().map(|chunk| first.0.saturating_add(chunk));
            self.claim(at, positions.map(Position));
        }
    }

    fn claim(&mut self, at: usize, positions: impl Iterator<Item = Position>) {
        for position in positions {
            let Some(chunk) = self.chunks.find(position) else {
                continue;
            };
            let peer = &mut self.peers[at];
            if self.picker.claim(&mut peer.claims, chunk) {
                peer.found = Found::Perhaps;
                // One more has it: the turn of more comes, at whoever has it.
                for peer in &mut self.peers {
                    if peer.found == Found::NoTurn && self.picker.has(&peer.claims, chunk) {
                        peer.found = Found::Perhaps;
                    }
                }
            }
            let peer = &self.peers[at];
            if peer.downloading && self.spares(chunk).is_some() {
                self.peers[at].relief.insert(chunk);
            }
        }
    }

    fn on_gone(&mut self, peer: NodeId) {
        let Some(at) = self.connected(peer) else {
            return;
        };
        self.picker.forget(&mut self.peers[at].claims);
        self.peers[at].link = PeerState::Gone;
        self.unsorted |= std::mem::take(&mut self.peers[at].downloading);
        let chunks: Vec<UniqueChunk> = self.peers[at].requests.keys().copied().collect();
        for chunk in chunks {
            self.end(at, chunk);
        }
    }

    fn on_stored(
        &mut self,
        peer: NodeId,
        chunk: UniqueChunk,
        bytes: u32,
        elapsed: Duration,
        actions: &mut Vec<TransferAction>,
    ) {
        let missing = self.chunks.is_missing(chunk);
        let from = self.index.get(&peer).copied();
        if let Some(at) = from {
            if missing {
                self.picker.settle(chunk);
                self.end(at, chunk);
                self.peers[at].delivered += u64::from(bytes);
            }
            self.peers[at].deliver(bytes, elapsed, self.clock);
        }
        // It is verified and on disk: that holds whichever peer sent it, and however late.
        if missing {
            self.chunks.store(chunk);
            self.settle(chunk, actions);
        }
    }

    fn on_failed(&mut self, peer: NodeId, chunks: &[UniqueChunk]) {
        let Some(at) = self.connected(peer) else {
            return;
        };
        let mut any = false;
        for &chunk in chunks {
            any |= self.end(at, chunk);
        }
        if any {
            self.peers[at].back_off(self.clock);
        }
    }

    fn on_corrupt(&mut self, peer: NodeId, actions: &mut Vec<TransferAction>) {
        let Some(&at) = self.index.get(&peer) else {
            return;
        };
        if self.peers[at].link != PeerState::Banned {
            self.on_gone(peer);
            self.peers[at].link = PeerState::Banned;
            actions.push(TransferAction::Drop { peer });
        }
    }

    /// The chunk is not wanted any more: cancels what is in flight.
    fn settle(&mut self, chunk: UniqueChunk, actions: &mut Vec<TransferAction>) {
        self.picker.settle(chunk);
        for at in self.asked.get(&chunk).cloned().unwrap_or_default() {
            self.cancel(at, chunk, actions);
        }
    }
}
