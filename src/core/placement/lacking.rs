//! The files that lack copies, and going through them when a node takes copies that took none.
//!
//! A newcomer gets its share of all of them, in portions, so that no single event takes long. Who
//! was passed over and gets another chance is tried with a few at a time: as long as it has no room
//! that costs those few, however many files there are.

use super::{MAX_BATCH, Placement, peer::Peer};
use crate::core::{Now, id::FileId};
use std::{
    collections::BTreeSet,
    ops::Bound::{Excluded, Unbounded},
    time::Duration,
};

/// Files that one event goes through.
pub(super) const PORTION: usize = 1024;
/// So many files that lack copies are known in any case…
pub const AHEAD: usize = 4096;
/// …and more while somebody with room has fewer chunks than this to come.
const NEARLY_DONE: usize = 2048;

/// A round through all of them.
#[derive(Debug)]
struct Round {
    at: Now,
    left: usize,
}

/// Files of which plans may find something to push.
#[derive(Debug, Default)]
pub(super) struct Lacking {
    files: BTreeSet<FileId>,
    round: Option<Round>,
    /// The last one that its turn came to.
    last: Option<FileId>,
}

impl Lacking {
    /// Notes whether a file is one of them.
    pub fn note(&mut self, file: FileId, lacks: bool) {
        if lacks {
            self.files.insert(file);
        } else {
            self.files.remove(&file);
        }
    }

    /// The next ones, after the last all over again: none twice.
    fn next(&mut self, count: usize) -> Vec<FileId> {
        let count = count.min(self.files.len());
        let after = self.last.map_or(Unbounded, Excluded);
        let next = self.files.range((after, Unbounded)).chain(&self.files);
        let next: Vec<FileId> = next.take(count).copied().collect();
        self.last = next.last().copied().or(self.last);
        next
    }
}

impl Placement {
    /// In `delay` every file that lacks copies is planned: a node takes replicas that did not
    /// before.
    pub(super) fn wake(&mut self, delay: Duration) {
        let (left, at) = (self.lacking.files.len(), self.now + delay);
        let before = self.lacking.round.take();
        let at = before.map_or(at, |round| round.at.min(at));
        self.lacking.round = (left > 0).then_some(Round { at, left });
    }

    /// Who was passed over long enough gets another chance.
    pub(super) fn forgive(&mut self) {
        let left = self.lacking.files.len();
        for peer in self.peers.values_mut() {
            if peer.passed_until.is_some_and(|until| until <= self.now) {
                peer.passed_until = None;
                peer.probed = Some(left).filter(|_| peer.offers_room);
            }
        }
    }

    /// When there is something to go through.
    pub(super) fn next_lacking(&self) -> Option<Now> {
        let round = self.lacking.round.as_ref().map(|round| round.at);
        round.or_else(|| self.is_probing().then_some(self.now))
    }

    /// Somebody who gets another chance waits for it.
    fn is_probing(&self) -> bool {
        let idle = self.cursor.is_none() && self.due.first().is_none_or(|(at, _)| *at > self.now);
        let mut peers = self.peers.values();
        idle && peers.any(|peer| peer.probed.is_some() && peer.is_free())
    }

    /// Whether it is worth telling of further files. What is known of one takes some hundred bytes,
    /// so of a million for which nobody has room only the first are known.
    #[must_use]
    pub fn wants_files(&self) -> bool {
        let idles = |peer: &Peer| peer.has_room() && peer.backlog() < NEARLY_DONE;
        self.lacking.files.len() < AHEAD
            || (self.due.len() < AHEAD && self.peers.values().any(idles))
    }

    /// Whether a node that takes copies may have room for more, as far as is known.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.peers
            .values()
            .any(|peer| peer.offers_room && !peer.full)
    }

    /// Plans the next of them, if it is time.
    pub(super) fn go_through_lacking(&mut self) {
        let mut next = Vec::new();
        if let Some(round) = self.lacking.round.take_if(|round| round.at <= self.now) {
            next = self.lacking.next(round.left.min(PORTION));
            let left = round.left.saturating_sub(PORTION);
            self.lacking.round = (left > 0).then_some(Round { left, ..round });
        } else if self.lacking.round.is_none() && self.is_probing() {
            next = self.lacking.next(MAX_BATCH);
            for peer in self.peers.values_mut().filter(|peer| peer.is_free()) {
                let left = peer
                    .probed
                    .take()
                    .map(|left| left.saturating_sub(MAX_BATCH));
                peer.probed = left.filter(|left| *left > 0);
            }
        }
        for file in next {
            self.schedule(&file, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests;
