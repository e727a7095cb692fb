//! The requests in flight: making and ending them, those that are late, and the endgame.
//!
//! Invariants: a chunk in flight is asked of one or two peers; it is in `single` exactly when that
//! is one, and in `overdue` exactly when all its requests are late.

use super::{Download, Peer, TransferAction, peer::Found};
use crate::core::{
    Now,
    id::NodeId,
    index::{Position, UniqueChunk},
};
use std::time::Duration;

/// Chunks in flight that are looked at to find one for an idle peer.
const LOOK: usize = 64;
/// With so many chunks in flight there is time to wait for one's turn.
const BUSY: usize = 4;
/// An answer that has begun is not late for so long.
const COMING: Duration = Duration::from_secs(4);
/// The last chunks of all: for these no peer is spared.
const LAST: usize = 2;

impl Download {
    pub(super) fn cancel(
        &mut self,
        at: usize,
        chunk: UniqueChunk,
        actions: &mut Vec<TransferAction>,
    ) {
        let was_late = self.peers[at]
            .requests
            .get(&chunk)
            .is_some_and(|request| request.late);
        self.end(at, chunk);
        if was_late {
            self.peers[at].back_off(self.clock);
        }
        let peer = self.peers[at].id;
        actions.push(TransferAction::Cancel { peer, chunk });
    }

    pub(super) fn ask(&mut self, at: usize, chunk: UniqueChunk, actions: &mut Vec<TransferAction>) {
        let bytes = self.chunks.bytes(chunk);
        let own = self.own_queue(bytes);
        let late_at = self.peers[at].ask(chunk, bytes, own, self.clock).late_at;
        self.deadlines.insert((late_at, at, chunk));
        self.unlist(chunk);
        self.asked.entry(chunk).or_default().push(at);
        self.list(chunk);
        self.picker.take(chunk);
        if !self.peers[at].downloading {
            // Who has it already may take it over, as may those who get it.
            for peer in &mut self.peers {
                if peer.downloading && peer.is_connected() && self.picker.has(&peer.claims, chunk) {
                    peer.relief.insert(chunk);
                }
            }
        }
        let peer = self.peers[at].id;
        actions.push(TransferAction::Fetch { peer, chunk });
    }

    /// An answer comes: that it waited for its turn does not make it late, and it has so long for
    /// itself.
    pub(super) fn begun(&mut self, peer: NodeId, chunk: UniqueChunk) {
        if let Some(at) = self.connected(peer)
            && let Some(request) = self.peers[at].requests.get_mut(&chunk)
            && request.begun.is_none()
        {
            request.begun = Some(self.clock);
            if !request.late {
                let late_at = request.late_at.max(self.clock + COMING);
                self.deadlines.remove(&(request.late_at, at, chunk));
                self.deadlines.insert((late_at, at, chunk));
                request.late_at = late_at;
            }
        }
    }

    /// How long the own limit takes to let through what is in flight and `bytes` more. What a slow
    /// peer owes may never come.
    pub(super) fn own_queue(&self, bytes: u32) -> Duration {
        let Some(limit) = self.limit else {
            return Duration::ZERO;
        };
        let peers = self.peers.iter().filter(|peer| !peer.slow);
        let in_flight: u64 = peers.map(Peer::in_flight).sum();
        Duration::from_secs_f64((in_flight + u64::from(bytes)) as f64 / limit.max(1) as f64)
    }

    /// The peer's request for the chunk is over; false if there was none.
    pub(super) fn end(&mut self, at: usize, chunk: UniqueChunk) -> bool {
        if !self.peers[at].requests.contains_key(&chunk) {
            return false;
        }
        self.unlist(chunk);
        if let Some(request) = self.peers[at].end(chunk) {
            self.deadlines.remove(&(request.late_at, at, chunk));
        }
        if let Some(asked) = self.asked.get_mut(&chunk) {
            asked.retain(|&other| other != at);
        }
        self.list(chunk);
        true
    }

    /// Takes the chunk out of `single` and `overdue`, before its requests change.
    fn unlist(&mut self, chunk: UniqueChunk) {
        self.overdue.remove(&chunk);
        if let Some([only]) = self.asked.get(&chunk).map(Vec::as_slice)
            && let Some(request) = self.peers[*only].requests.get(&chunk)
        {
            self.single.remove(&(request.due, chunk));
        }
    }

    /// Puts it back, after its requests changed; without any it is open again.
    fn list(&mut self, chunk: UniqueChunk) {
        let asked = self.asked.get(&chunk).map_or(&[][..], Vec::as_slice);
        let mut requests = asked
            .iter()
            .filter_map(|&at| self.peers[at].requests.get(&chunk));
        match asked {
            [] => {
                self.asked.remove(&chunk);
                self.picker.release(chunk);
                if self.picker.open().has(chunk.0) {
                    self.peers
                        .iter_mut()
                        .for_each(|peer| peer.found = Found::Perhaps);
                }
                return;
            }
            [only] => {
                if let Some(request) = self.peers[*only].requests.get(&chunk) {
                    self.single.insert((request.due, chunk));
                }
            }
            _ => {}
        }
        if requests.all(|request| request.late) {
            self.overdue.insert(chunk);
        }
    }

    pub(super) fn notice_late(&mut self) {
        while let Some(&(when, at, chunk)) = self.deadlines.first()
            && when <= self.clock
        {
            self.deadlines.pop_first();
            self.unlist(chunk);
            self.peers[at].slow = true;
            if let Some(request) = self.peers[at].requests.get_mut(&chunk) {
                request.late = true;
            }
            self.list(chunk);
        }
    }

    /// Whether there is nothing to ask the peer for, as far as can be said without a look.
    pub(super) fn is_spent(&self, at: usize) -> bool {
        let peer = &self.peers[at];
        let in_turn = peer.downloading && self.asked.len() >= BUSY;
        (peer.found == Found::Nothing || (peer.found == Found::NoTurn && in_turn))
            && peer.relief.is_empty()
            && self.overdue.is_empty()
            && self.picker.open().count() > 0
    }

    /// What to ask the peer for: what others are late with, else what is next, else, in the
    /// endgame, what others will be last with.
    pub(super) fn choose(
        &mut self,
        at: usize,
        actions: &mut Vec<TransferAction>,
    ) -> Option<UniqueChunk> {
        let peer = &self.peers[at];
        let mut overdue = self.overdue.iter().copied().take(LOOK);
        let helps = |&chunk: &UniqueChunk| {
            !peer.requests.contains_key(&chunk)
                && peer.has_room(self.chunks.bytes(chunk))
                && self.picker.has(&peer.claims, chunk)
        };
        if let Some(chunk) = overdue.find(helps) {
            if let Some(&[oldest, _]) = self.asked.get(&chunk).map(Vec::as_slice) {
                self.cancel(oldest, chunk, actions);
            }
            return Some(chunk);
        }
        if peer.found != Found::Nothing {
            let in_turn = peer.downloading && self.asked.len() >= BUSY;
            let next = match in_turn {
                true if peer.found == Found::NoTurn => None,
                true => self.picker.pick_in_turn(&peer.claims),
                false => self.picker.pick(&peer.claims),
            };
            // Whose turn it is changes with what others get.
            let peer = &mut self.peers[at];
            peer.found = match (next, in_turn) {
                (Some(_), _) => Found::Perhaps,
                (None, true) => Found::NoTurn,
                (None, false) => Found::Nothing,
            };
            if let Some(chunk) = next {
                return Some(chunk)
                    .filter(|&chunk| self.peers[at].has_room(self.chunks.bytes(chunk)));
            }
        }
        self.relieve(at, actions).or_else(|| self.endgame(at))
    }

    /// The peer that a chunk is waited for which should rather come from one who downloads, too:
    /// one who has the whole file, has been asked alone, and has not begun to answer.
    pub(super) fn spares(&self, chunk: UniqueChunk) -> Option<usize> {
        if self.picker.open().has(chunk.0) {
            return None;
        }
        let &[only] = self.asked.get(&chunk)?.as_slice() else {
            return None;
        };
        let peer = &self.peers[only];
        let begun = peer
            .requests
            .get(&chunk)
            .is_none_or(|request| request.begun.is_some());
        (!peer.downloading && !begun).then_some(only)
    }

    /// Takes a question back from a seed, whose line all share, for a downloader that has got the
    /// chunk meanwhile. Only for one that has delivered, or claims alone would take questions away
    /// from who answers them.
    fn relieve(&mut self, at: usize, actions: &mut Vec<TransferAction>) -> Option<UniqueChunk> {
        if self.peers[at].slow || self.peers[at].delivered == 0 {
            return None;
        }
        while let Some(chunk) = self.peers[at].relief.pop_first() {
            let peer = &self.peers[at];
            if !peer.has_room(self.chunks.bytes(chunk)) {
                self.peers[at].relief.insert(chunk);
                return None;
            }
            if self.picker.has(&peer.claims, chunk)
                && let Some(seed) = self.spares(chunk)
            {
                self.cancel(seed, chunk, actions);
                return Some(chunk);
            }
        }
        None
    }

    /// Takes a question back from a seed for a chunk that the peer, who downloads, too, has got
    /// meanwhile, if there is one that fewer have: the seed's line is for what can be had nowhere
    /// else. Like [`Self::relieve`], only for one that has delivered.
    pub(super) fn exchange(
        &mut self,
        at: usize,
        position: Position,
        actions: &mut Vec<TransferAction>,
    ) {
        let peer = &self.peers[at];
        if !peer.downloading || peer.slow || peer.delivered == 0 || self.paused {
            return;
        }
        if let Some(chunk) = self.chunks.find(position)
            && let Some(seed) = self.spares(chunk)
            && let Some(other) = self.picker.pick(&self.peers[seed].claims)
            && self.picker.holders(other) < self.picker.holders(chunk)
        {
            self.cancel(seed, chunk, actions);
        }
    }

    fn endgame(&self, at: usize) -> Option<UniqueChunk> {
        let peer = &self.peers[at];
        if self.picker.open().count() > 0 || peer.slow || !peer.is_idle() {
            return None;
        }
        // The line of a seed is everyone's: what is asked of it twice, another peer waits for.
        let downloads = |peer: &Peer| peer.downloading && peer.is_connected();
        let last = self.asked.len() <= LAST;
        if !peer.downloading && !last && self.peers.iter().any(downloads) {
            return None;
        }
        for &(due, chunk) in self.single.iter().rev().take(LOOK) {
            let sooner = peer.due(self.chunks.bytes(chunk), self.clock);
            // One that should be here already may take any time.
            if due > self.clock
                && let Some(sooner) = sooner
                && sooner >= due
            {
                return None;
            }
            if !peer.requests.contains_key(&chunk)
                && self.picker.has(&peer.claims, chunk)
                && !self.is_coming(chunk, sooner)
            {
                return Some(chunk);
            }
        }
        None
    }

    /// Whether its answer has begun, and not so long ago as it would take to come from elsewhere.
    fn is_coming(&self, chunk: UniqueChunk, elsewhere: Option<Now>) -> bool {
        let Some(elsewhere) = elsewhere else {
            return false;
        };
        let asked = self.asked.get(&chunk).map_or(&[][..], Vec::as_slice);
        let mut begun = asked
            .iter()
            .filter_map(|&at| self.peers[at].requests.get(&chunk)?.begun);
        begun.any(|begun| self.clock.saturating_sub(begun) < elsewhere.saturating_sub(self.clock))
    }

    /// Panics where an invariant does not hold.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.picker
            .check(self.peers.iter().map(|peer| &peer.claims));
        let mut pairs = std::collections::BTreeSet::new();
        for (&chunk, asked) in &self.asked {
            assert!((1..=2).contains(&asked.len()));
            assert!(self.picker.missing().has(chunk.0) && !self.picker.open().has(chunk.0));
            pairs.extend(asked.iter().map(|&at| (at, chunk)));
            let requests = || asked.iter().map(|&at| &self.peers[at].requests[&chunk]);
            assert_eq!(self.overdue.contains(&chunk), requests().all(|r| r.late));
            let single = asked.len() == 1;
            assert!(requests().all(|r| self.single.contains(&(r.due, chunk)) == single));
        }
        let requests = self.peers.iter().enumerate().flat_map(|(at, peer)| {
            peer.check();
            peer.requests
                .iter()
                .map(move |(&chunk, request)| (at, chunk, request))
        });
        let requests: Vec<_> = requests.collect();
        assert_eq!(
            pairs,
            requests.iter().map(|&(at, chunk, _)| (at, chunk)).collect()
        );
        for &(at, chunk, request) in &requests {
            assert!(self.peers[at].is_connected());
            assert_eq!(
                self.deadlines.contains(&(request.late_at, at, chunk)),
                !request.late
            );
        }
        assert!(self.single.len() + self.overdue.len() <= 2 * self.asked.len());
        assert_eq!(
            self.picker.missing().count() as usize,
            self.picker.open().count() as usize + self.asked.len()
        );
    }
}
