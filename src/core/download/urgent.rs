//! What readers wait for: windows of positions that move with them.
//!
//! Invariants: no reader's second chunk comes before another's first; without windows nothing is
//! asked for, or taken back, that would not be anyway.

use super::{Download, Now, Span, TransferAction, peer::Found};
use crate::core::index::{ChunkIndex, UniqueChunk};
use std::collections::HashSet;

/// Of what is needed first, so many chunks are worth taking back a question for another.
const SOON: usize = 4;

impl Download {
    /// What is waited for from now on, and nothing else: each window from where its reader is.
    pub fn urge(&mut self, windows: &[Span], now: Now) -> Vec<TransferAction> {
        self.clock = self.clock.max(now);
        let longest = windows.iter().map(|window| window.len).max();
        let (mut seen, mut urgent) = (HashSet::new(), Vec::new());
        for step in 0..longest.unwrap_or_default() {
            let next = windows.iter().filter(|window| step < window.len);
            let next = next.filter_map(|window| window.position_of(ChunkIndex(step)));
            let chunks = next.filter_map(|position| self.chunks.find(position));
            urgent.extend(chunks.filter(|&chunk| seen.insert(chunk)));
        }
        self.picker.urge(urgent);
        let peers = self.peers.iter_mut();
        peers.for_each(|peer| peer.look_again(Found::NoTurn));
        let mut actions = Vec::new();
        self.make_room(&seen, &mut actions);
        self.proceed(&mut actions);
        actions
    }

    /// Takes back what no reader waits for from peers that have what is needed next and have not
    /// begun to answer.
    fn make_room(&mut self, urgent: &HashSet<UniqueChunk>, actions: &mut Vec<TransferAction>) {
        let first = self.picker.urgent().iter().take(SOON).copied();
        let open = first.filter(|chunk| self.picker.open().has(chunk.0));
        let open: Vec<UniqueChunk> = open.collect();
        if open.is_empty() || self.paused {
            return;
        }
        for at in 0..self.peers.len() {
            let peer = &self.peers[at];
            let full = open.iter().any(|&chunk| {
                self.picker.has(&peer.claims, chunk) && !peer.has_room(self.chunks.bytes(chunk))
            });
            if !full || !peer.is_connected() {
                continue;
            }
            let waiting = peer.requests.iter().filter(|(chunk, request)| {
                request.begun.is_none() && !request.late && !urgent.contains(chunk)
            });
            let waiting: Vec<UniqueChunk> = waiting.map(|(&chunk, _)| chunk).collect();
            for chunk in waiting {
                self.cancel(at, chunk, actions);
            }
        }
    }
}
