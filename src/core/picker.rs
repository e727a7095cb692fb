//! In which order the missing chunks of a job are asked for.
//!
//! What somebody waits for comes first (`urgent`), else rarest first. Among equally rare chunks:
//! while no other node is known to download them, in the order of the disk from a place of this
//! node's own (others may have begun at the same moment, unknown to one another); else by this
//! node's rendezvous rank (D. Thaler, C. Ravishankar, "Using Name-Based Mappings to Increase Hit
//! Rates", 1998) among the downloaders, so that they ask a single source for different chunks
//! without talking about it.
//!
//! Owns the order; who claims what is beside it (`claims`). Knows nothing of requests, windows or time.
//!
//! A job is a row of segments (files). A peer that has a whole segment is counted there, once,
//! however many chunks it has; other claims are counted chunk by chunk. So a full source costs O(1)
//! a segment, and everything else O(log n) a chunk.
//!
//! Invariants: a segment's order holds exactly its open chunks; every open chunk is missing;
//! `heads` holds the first chunk of each segment that has one.

mod claims;
#[cfg(test)]
mod tests;
mod urgent;

pub use claims::Claims;

use super::{
    have::HaveSet,
    id::{ChunkId, NodeId},
    index::{Position, Span, UniqueChunk},
    score::{Weight, word},
};
use std::collections::BTreeSet;

/// Candidates that are looked at in order of rarity; then it is cheaper to look at what the peer
/// has.
const LOOK: usize = 64;
/// Downloaders whose turn it is to ask for a chunk, for each who has it.
const FANOUT: u16 = 4;
/// Shorter segments are always begun at their first chunk.
const WHOLE: u64 = 32;

#[derive(Debug)]
struct Segment {
    start: Position,
    /// Peers that have all of it.
    full: u64,
    /// Its open chunks, by [`key`].
    order: BTreeSet<u64>,
    /// Its entry in `heads`.
    head: Option<u64>,
}

/// The missing chunks of a job, in order.
#[derive(Debug)]
pub struct Picker {
    segments: Vec<Segment>,
    heads: BTreeSet<u64>,
    /// Segments with open chunks.
    unfinished: HaveSet,
    missing: HaveSet,
    open: HaveSet,
    /// For each chunk: the claims on it, without those on its whole segment.
    claims: Vec<u16>,
    /// For each chunk: eight bytes of its id.
    words: Vec<u64>,
    /// For each chunk: downloaders that come before this node; and of those who ask the same whole
    /// holders.
    ranks: Vec<u16>,
    firsts: Vec<u16>,
    me: Weight,
    rivals: Vec<Weight>,
    askers: Option<Vec<Weight>>,
    /// What somebody waits for (`urgent`).
    urgent: Vec<UniqueChunk>,
}

/// Availability, then rank, then position, in one word.
fn key(availability: u64, rank: u16, chunk: UniqueChunk) -> u64 {
    availability << 48 | u64::from(rank) << 32 | u64::from(chunk.0)
}

/// The chunk of a [`key`].
fn chunk_of(key: u64) -> UniqueChunk {
    UniqueChunk(key as u32)
}

/// How near two nodes are to each other, by their names only; the smaller the nearer. A node that
/// cannot follow every other follows the nearest, and so do the others: a web without islands, no
/// matter which came first.
#[must_use]
pub fn distance(one: &NodeId, other: &NodeId) -> u64 {
    Weight::of(*other).score(word(one.as_bytes()))
}

impl Picker {
    /// No chunks yet; `me` is this node.
    #[must_use]
    pub fn new(me: NodeId) -> Self {
        Self {
            segments: Vec::new(),
            heads: BTreeSet::new(),
            unfinished: HaveSet::empty(0),
            missing: HaveSet::empty(0),
            open: HaveSet::empty(0),
            claims: Vec::new(),
            words: Vec::new(),
            ranks: Vec::new(),
            firsts: Vec::new(),
            me: Weight::of(me),
            rivals: Vec::new(),
            askers: None,
            urgent: Vec::new(),
        }
    }

    /// Adds a segment: for each chunk its id, and whether it is missing.
    pub fn append(&mut self, chunks: impl IntoIterator<Item = (ChunkId, bool)>) {
        let start = self.words.len() as u32;
        let mut missing = Vec::new();
        for (chunk, (id, wanted)) in (start..).zip(chunks) {
            self.words.push(word(id.as_bytes()));
            if wanted {
                missing.push(UniqueChunk(chunk));
            }
        }
        let added = self.words.len() as u32 - start;
        self.claims.resize(self.words.len(), 0);
        self.missing.grow(added);
        self.open.grow(added);
        self.unfinished.grow(1);
        self.segments.push(Segment {
            start: Position(start),
            full: 0,
            order: BTreeSet::new(),
            head: None,
        });
        for chunk in (start..start + added).map(UniqueChunk) {
            let (rank, first) = self.rank_both(chunk);
            self.ranks.push(rank);
            self.firsts.push(first);
        }
        let order = missing.iter().map(|&chunk| self.key(chunk)).collect();
        let at = self.segments.len() - 1;
        self.segments[at].order = order;
        for chunk in missing {
            self.missing.insert(chunk.0);
            self.open.insert(chunk.0);
        }
        self.update_head(self.segments.len() - 1);
    }

    fn rank_both(&self, chunk: UniqueChunk) -> (u16, u16) {
        let rank = self.rank(chunk, &self.rivals);
        let askers = self.askers.as_ref();
        (rank, askers.map_or(rank, |askers| self.rank(chunk, askers)))
    }

    fn rank(&self, chunk: UniqueChunk, rivals: &[Weight]) -> u16 {
        if rivals.is_empty() {
            return self.turned(chunk);
        }
        let word = self.words[chunk.0 as usize];
        let mine = self.me.score(word);
        let before = |rival: &&Weight| rival.score(word) > mine;
        rivals.iter().filter(before).count() as u16
    }

    /// The place of a chunk in its segment, counted from where this node begins, of 65,536.
    fn turned(&self, chunk: UniqueChunk) -> u16 {
        let range = self.range(self.segment_of(chunk.position()));
        let len = u64::from(range.len);
        if len < WHOLE {
            return 0;
        }
        let begin = self.me.score(self.words[range.start.0 as usize]) % len;
        let place = (u64::from(chunk.0 - range.start.0) + len - begin) % len;
        (place * (1 << 16) / len) as u16
    }

    /// Who else downloads now: decides the order of equally rare chunks. Where some of many ask the
    /// whole holders, `askers` are those: of what nobody else has, they ask for different chunks.
    /// Costs O(n log n), n being the open chunks.
    pub fn set_rivals(
        &mut self,
        rivals: impl IntoIterator<Item = NodeId>,
        askers: Option<&[NodeId]>,
    ) {
        self.rivals = rivals.into_iter().map(Weight::of).collect();
        self.askers = askers.map(|askers| askers.iter().copied().map(Weight::of).collect());
        for chunk in self.missing.iter() {
            let (rank, first) = self.rank_both(UniqueChunk(chunk));
            let at = chunk as usize;
            (self.ranks[at], self.firsts[at]) = (rank, first);
        }
        for at in 0..self.segments.len() {
            let order = std::mem::take(&mut self.segments[at].order);
            self.segments[at].order = order
                .into_iter()
                .map(|key| self.key(chunk_of(key)))
                .collect();
            self.update_head(at);
        }
    }

    fn key(&self, chunk: UniqueChunk) -> u64 {
        let at = chunk.0 as usize;
        let claims = self.claims[at];
        let rank = if claims == 0 {
            self.firsts[at]
        } else {
            self.ranks[at]
        };
        key(u64::from(claims), rank, chunk)
    }

    fn segment_of(&self, position: Position) -> usize {
        self.segments
            .partition_point(|segment| segment.start <= position)
            .saturating_sub(1)
    }

    /// The chunks of segment `at`.
    fn range(&self, at: usize) -> Span {
        let next = self.segments.get(at + 1);
        let end = next.map_or(self.words.len() as u32, |next| next.start.0);
        let start = self.segments[at].start;
        Span {
            start,
            len: end - start.0,
        }
    }

    fn update_head(&mut self, at: usize) {
        let segment = &mut self.segments[at];
        let head = segment
            .order
            .first()
            .map(|&first| first + (segment.full << 48));
        if head == segment.head {
            return;
        }
        if let Some(old) = segment.head {
            self.heads.remove(&old);
        }
        if let Some(new) = head {
            self.heads.insert(new);
            self.unfinished.insert(at as u32);
        } else {
            self.unfinished.remove(at as u32);
        }
        segment.head = head;
    }

    /// The chunks that are missing, asked for or not.
    #[must_use]
    pub fn missing(&self) -> &HaveSet {
        &self.missing
    }

    /// The missing chunks that are to be asked for.
    #[must_use]
    pub fn open(&self) -> &HaveSet {
        &self.open
    }

    /// The chunk has been asked for.
    pub fn take(&mut self, chunk: UniqueChunk) {
        if self.open.remove(chunk.0) {
            let (key, at) = (self.key(chunk), self.segment_of(chunk.position()));
            self.segments[at].order.remove(&key);
            self.update_head(at);
        }
    }

    /// The chunk is to be asked for again, if it is still missing.
    pub fn release(&mut self, chunk: UniqueChunk) {
        if self.missing.has(chunk.0) && self.open.insert(chunk.0) {
            let (key, at) = (self.key(chunk), self.segment_of(chunk.position()));
            self.segments[at].order.insert(key);
            self.update_head(at);
        }
    }

    /// The chunk is here, or is not wanted any more.
    pub fn settle(&mut self, chunk: UniqueChunk) {
        self.take(chunk);
        self.missing.remove(chunk.0);
    }

    fn count(&mut self, chunk: UniqueChunk, more: bool) {
        let open = self.open.has(chunk.0);
        let (old, at) = (self.key(chunk), self.segment_of(chunk.position()));
        let claims = &mut self.claims[chunk.0 as usize];
        *claims = if more {
            claims.saturating_add(1)
        } else {
            claims.saturating_sub(1)
        };
        if open {
            let new = self.key(chunk);
            let order = &mut self.segments[at].order;
            order.remove(&old);
            order.insert(new);
            self.update_head(at);
        }
    }

    /// The open chunk to ask this peer for next. `None` when it has none of them.
    #[must_use]
    pub fn pick(&self, claims: &Claims) -> Option<UniqueChunk> {
        self.pick_where(claims, |_| true)
    }

    /// The same for one who downloads, too, while there is enough else to wait for: each who has a
    /// chunk gives it to the few whose turn comes next, by their ranks, and these give it to more.
    /// Would all ask the one who has it, then those that get it there had no peer to give it to.
    #[must_use]
    pub fn pick_in_turn(&self, claims: &Claims) -> Option<UniqueChunk> {
        let turns = |chunk: UniqueChunk| self.claims[chunk.0 as usize].saturating_add(1);
        self.pick_where(claims, |chunk| {
            self.ranks[chunk.0 as usize] < turns(chunk).saturating_mul(FANOUT)
        })
    }

    fn pick_where(
        &self,
        claims: &Claims,
        fits: impl Fn(UniqueChunk) -> bool,
    ) -> Option<UniqueChunk> {
        if let Some(urgent) = self.pick_urgent(claims) {
            return Some(urgent);
        }
        let mut looks = LOOK;
        for &head in self.heads.iter().take(LOOK) {
            let at = self.segment_of(chunk_of(head).position());
            if claims.full.has(at as u32) {
                if let Some(first) = self.first_of(claims, at) {
                    return Some(first);
                }
            } else if claims.chunks.count() > 0 {
                // What no such peer has stands before what one may have.
                for chunk in self.segments[at]
                    .order
                    .range(key(1, 0, UniqueChunk(0))..)
                    .map(|&key| chunk_of(key))
                {
                    if claims.chunks.has(chunk.0) && fits(chunk) {
                        return Some(chunk);
                    }
                    looks -= 1;
                    if looks == 0 {
                        return self.pick_from_claims(claims, fits);
                    }
                }
            }
        }
        self.pick_from_claims(claims, fits)
    }

    fn first_of(&self, claims: &Claims, at: usize) -> Option<UniqueChunk> {
        let mut order = self.segments[at].order.iter().map(|&key| chunk_of(key));
        order.find(|chunk| !claims.denied.contains(chunk))
    }

    /// The rarest of the first few that the peer has.
    fn pick_from_claims(
        &self,
        claims: &Claims,
        fits: impl Fn(UniqueChunk) -> bool,
    ) -> Option<UniqueChunk> {
        let single = claims.chunks.common(&self.open, 0).map(UniqueChunk);
        let whole = claims
            .full
            .common(&self.unfinished, 0)
            .filter_map(|at| self.first_of(claims, at as usize));
        single
            .take(LOOK)
            .filter(|&chunk| fits(chunk))
            .chain(whole.take(LOOK))
            .min_by_key(|&chunk| {
                self.key(chunk) + (self.segments[self.segment_of(chunk.position())].full << 48)
            })
    }
}
