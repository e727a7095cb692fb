//! The flat chunk list of a job: what is missing, and where each chunk occurs.
//!
//! A chunk that occurs several times is fetched once. One of its missing places, the *head*, stands for all of them; it
//! keeps standing for them when that place itself is given up. Chunks are the same when id and length are: a manifest may
//! state a false length for another file's chunk, and that must not be asked of those who hold the true one.
//! Invariant: `heads` and `places` speak of missing chunks only.

use crate::core::{have::HaveSet, id::ChunkId, manifest::Entry};
use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

/// No longer missing at this place.
const DONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Chunks {
    entries: Vec<Entry>,
    /// For each place: its head, or [`DONE`].
    head: Vec<u32>,
    heads: HashMap<(ChunkId, u32), u32>,
    /// The places of each head that has several, or whose only place is not its own.
    places: HashMap<u32, Vec<u32>>,
    /// Places whose head is elsewhere. May name some that are done.
    aliases: BTreeSet<u32>,
    missing_bytes: u64,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            head: Vec::new(),
            heads: HashMap::new(),
            places: HashMap::new(),
            aliases: BTreeSet::new(),
            missing_bytes: 0,
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    pub(super) fn missing_bytes(&self) -> u64 {
        self.missing_bytes
    }

    /// Bytes of the chunk at `place`.
    pub(super) fn bytes(&self, place: u32) -> u32 {
        self.entries[place as usize].len
    }

    /// Adds a file. The places that are new heads are to be fetched: `is_head` tells them.
    pub(super) fn add(&mut self, entries: &[Entry], here: &HaveSet) -> Range<u32> {
        let start = self.len();
        for (at, entry) in (0u32..).zip(entries) {
            let place = start + at;
            self.entries.push(*entry);
            if here.has(at) {
                self.head.push(DONE);
                continue;
            }
            self.missing_bytes += u64::from(entry.len);
            let head = *self.heads.entry((entry.id, entry.len)).or_insert(place);
            self.head.push(head);
            if head != place {
                let places = self.places.entry(head).or_insert_with(|| vec![head]);
                places.push(place);
                self.aliases.insert(place);
            }
        }
        start..self.len()
    }

    pub(super) fn id(&self, place: u32) -> ChunkId {
        self.entries[place as usize].id
    }

    pub(super) fn is_head(&self, place: u32) -> bool {
        self.head[place as usize] == place
    }

    /// The places in `range` whose chunk is counted elsewhere.
    pub(super) fn aliases(&self, range: Range<u32>) -> impl Iterator<Item = u32> + '_ {
        self.aliases.range(range).copied()
    }

    /// The head of the missing chunk at `place`; `None` when it is not missing, or there is no such place.
    pub(super) fn find(&self, place: u32) -> Option<u32> {
        match *self.head.get(place as usize)? {
            // The place was given up, but may still stand for others.
            DONE => self.places.contains_key(&place).then_some(place),
            head => Some(head),
        }
    }

    /// The places where the missing chunk at `place` is wanted.
    pub(super) fn places(&self, place: u32) -> Vec<u32> {
        let Some(head) = self.find(place) else {
            return Vec::new();
        };
        self.places
            .get(&head)
            .cloned()
            .unwrap_or_else(|| vec![head])
    }

    /// The chunk is written, at every place.
    pub(super) fn store(&mut self, head: u32) {
        let places = self.places.remove(&head).unwrap_or_else(|| vec![head]);
        for place in places {
            self.aliases.remove(&place);
            self.head[place as usize] = DONE;
            self.missing_bytes -= u64::from(self.bytes(place));
        }
        self.heads.remove(&(self.id(head), self.bytes(head)));
    }

    /// The chunk at `place` is not wanted any more. Gives its head, if that is not wanted anywhere now.
    pub(super) fn give_up(&mut self, place: u32) -> Option<u32> {
        let head = std::mem::replace(self.head.get_mut(place as usize)?, DONE);
        if head == DONE {
            return None;
        }
        self.missing_bytes -= u64::from(self.bytes(place));
        if let Some(places) = self.places.get_mut(&head) {
            places.retain(|&other| other != place);
            if !places.is_empty() {
                return None;
            }
        }
        self.places.remove(&head);
        self.heads.remove(&(self.id(head), self.bytes(head)));
        Some(head)
    }
}
