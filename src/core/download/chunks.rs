//! The flat chunk list of a job: what is missing, and where each chunk occurs.
//!
//! A chunk that occurs several times is fetched once. One of its missing positions stands for all
//! of them; it keeps standing for them when that position itself is given up. Chunks are the same
//! when id and length are: a manifest may state a false length for another file's chunk, and that
//! must not be asked of those who hold the true one. Invariant: `unique` and `positions` speak of
//! missing chunks only.

use crate::core::{
    have::HaveSet,
    id::ChunkId,
    index::{Position, Span, UniqueChunk},
    manifest::Entry,
};
use std::collections::{BTreeSet, HashMap};

/// No longer missing at this position.
const DONE: UniqueChunk = UniqueChunk(u32::MAX);

#[derive(Debug)]
pub(super) struct Chunks {
    entries: Vec<Entry>,
    /// For each position: the chunk that is wanted there, or [`DONE`].
    wanted: Vec<UniqueChunk>,
    unique: HashMap<Entry, UniqueChunk>,
    /// The positions of each chunk that has several, or whose only one is not its own.
    positions: HashMap<UniqueChunk, Vec<Position>>,
    /// Positions for which another one stands. May name some that are done.
    aliases: BTreeSet<Position>,
    missing_bytes: u64,
    /// Of all positions together.
    size: u64,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            wanted: Vec::new(),
            unique: HashMap::new(),
            positions: HashMap::new(),
            aliases: BTreeSet::new(),
            missing_bytes: 0,
            size: 0,
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Bytes that a chunk has on average; 0 without any.
    pub(super) fn average(&self) -> u64 {
        self.size
            .checked_div(self.entries.len() as u64)
            .unwrap_or(0)
    }

    pub(super) fn missing_bytes(&self) -> u64 {
        self.missing_bytes
    }

    fn entry(&self, position: Position) -> Entry {
        self.entries[position.0 as usize]
    }

    /// Bytes of a chunk.
    pub(super) fn bytes(&self, chunk: UniqueChunk) -> u32 {
        self.entry(chunk.position()).len
    }

    /// Adds a file. Of the positions that it gets, those that stand for their chunk are to be
    /// fetched: `is_own` tells them.
    pub(super) fn add(&mut self, entries: &[Entry], here: &HaveSet) -> Span {
        let start = self.len();
        for (at, entry) in (0u32..).zip(entries) {
            let own = UniqueChunk(start + at);
            self.entries.push(*entry);
            self.size += u64::from(entry.len);
            if here.has(at) {
                self.wanted.push(DONE);
                continue;
            }
            self.missing_bytes += u64::from(entry.len);
            let chunk = *self.unique.entry(*entry).or_insert(own);
            self.wanted.push(chunk);
            if chunk != own {
                let first = || vec![chunk.position()];
                let positions = self.positions.entry(chunk).or_insert_with(first);
                positions.push(own.position());
                self.aliases.insert(own.position());
            }
        }
        Span {
            start: Position(start),
            len: entries.len() as u32,
        }
    }

    pub(super) fn id(&self, position: Position) -> ChunkId {
        self.entry(position).id
    }

    /// Whether a position stands for its chunk.
    pub(super) fn is_own(&self, position: Position) -> bool {
        self.wanted[position.0 as usize].position() == position
    }

    /// The positions from `start` up to `end` whose chunk is counted elsewhere.
    pub(super) fn aliases(
        &self,
        start: Position,
        end: Position,
    ) -> impl Iterator<Item = Position> + '_ {
        self.aliases.range(start.min(end)..end).copied()
    }

    /// The missing chunk at a position; `None` when it is not missing, or there is no such
    /// position.
    pub(super) fn find(&self, position: Position) -> Option<UniqueChunk> {
        match *self.wanted.get(position.0 as usize)? {
            // The position was given up, but may still stand for others.
            DONE => Some(UniqueChunk(position.0)).filter(|own| self.positions.contains_key(own)),
            chunk => Some(chunk),
        }
    }

    /// Whether a chunk is wanted anywhere.
    pub(super) fn is_missing(&self, chunk: UniqueChunk) -> bool {
        self.find(chunk.position()) == Some(chunk)
    }

    /// The positions where a chunk is wanted: none when it is not missing.
    pub(super) fn positions(&self, chunk: UniqueChunk) -> Vec<Position> {
        if !self.is_missing(chunk) {
            return Vec::new();
        }
        let several = self.positions.get(&chunk).cloned();
        several.unwrap_or_else(|| vec![chunk.position()])
    }

    /// The chunk is written, wherever it is wanted.
    pub(super) fn store(&mut self, chunk: UniqueChunk) {
        let several = self.positions.remove(&chunk);
        for position in several.unwrap_or_else(|| vec![chunk.position()]) {
            self.aliases.remove(&position);
            self.wanted[position.0 as usize] = DONE;
            self.missing_bytes -= u64::from(self.bytes(chunk));
        }
        self.unique.remove(&self.entry(chunk.position()));
    }

    /// The chunk at `position` is not wanted there any more. Gives it, if it is not wanted anywhere
    /// now.
    pub(super) fn give_up(&mut self, position: Position) -> Option<UniqueChunk> {
        let chunk = std::mem::replace(self.wanted.get_mut(position.0 as usize)?, DONE);
        if chunk == DONE {
            return None;
        }
        self.missing_bytes -= u64::from(self.bytes(chunk));
        if let Some(positions) = self.positions.get_mut(&chunk) {
            positions.retain(|&other| other != position);
            if !positions.is_empty() {
                return None;
            }
        }
        self.positions.remove(&chunk);
        self.unique.remove(&self.entry(chunk.position()));
        Some(chunk)
    }
}
