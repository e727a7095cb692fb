//! What each peer says it has, and how many say so of each chunk.
//!
//! A peer that has a whole segment is counted there, once, however many chunks it has; other claims
//! are counted chunk by chunk.

use super::{Picker, Position, Span, UniqueChunk};
use crate::core::have::HaveSet;
use std::collections::BTreeSet;

/// A peer that denied so many chunks of files that it claims as a whole is believed nothing more
/// until it says anew what it has.
pub(super) const MAX_DENIED: usize = 64;

/// What one peer says it has.
#[derive(Debug)]
pub struct Claims {
    /// Segments of which it has everything, but for `denied`.
    pub(super) full: HaveSet,
    /// Missing chunks of other segments.
    pub(super) chunks: HaveSet,
    /// Chunks of full segments that it had not, when asked.
    pub(super) denied: BTreeSet<UniqueChunk>,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            full: HaveSet::empty(0),
            chunks: HaveSet::empty(0),
            denied: BTreeSet::new(),
        }
    }
}

impl Picker {
    /// The peer says that it has `chunk`. True when that is news and the chunk is open.
    pub fn claim(&mut self, claims: &mut Claims, chunk: UniqueChunk) -> bool {
        if !self.missing.has(chunk.0) {
            return false;
        }
        let news = if self.has_segment(claims, chunk) {
            claims.denied.remove(&chunk)
        } else {
            let behind = self.words.len() as u32 - claims.chunks.len();
            claims.chunks.grow(behind);
            let new = claims.chunks.insert(chunk.0);
            if new {
                self.count(chunk, true);
            }
            new
        };
        news && self.open.has(chunk.0)
    }

    /// The peer says that it has everything in `span`. True when that is news about an open chunk.
    pub fn claim_all(&mut self, claims: &mut Claims, span: Span) -> bool {
        let mut news = false;
        let mut next = span.start;
        while next < span.end().min(Position(self.words.len() as u32)) {
            let at = self.segment_of(next);
            let whole = self.range(at);
            let end = whole.end().min(span.end());
            let fresh = claims.chunks.common(&self.missing, whole.start.0).next();
            let fresh = fresh.is_some_and(|at| Position(at) < end);
            if next == whole.start && end == whole.end() && !fresh {
                let behind = self.segments.len() as u32 - claims.full.len();
                claims.full.grow(behind);
                claims
                    .denied
                    .retain(|denied| !whole.contains(denied.position()));
                if claims.full.insert(at as u32) {
                    self.segments[at].full += 1;
                    self.update_head(at);
                }
                news |= self.unfinished.has(at as u32);
            } else {
                for chunk in next.0..end.0 {
                    news |= self.claim(claims, UniqueChunk(chunk));
                }
            }
            next = end;
        }
        news
    }

    /// The peer has not got `chunk` after all.
    pub fn deny(&mut self, claims: &mut Claims, chunk: UniqueChunk) {
        if claims.chunks.remove(chunk.0) {
            if self.missing.has(chunk.0) {
                self.count(chunk, false);
            }
        } else if self.missing.has(chunk.0) && self.has_segment(claims, chunk) {
            claims.denied.insert(chunk);
            if claims.denied.len() > MAX_DENIED {
                self.forget(claims);
            }
        }
    }

    /// The peer has nothing any more.
    pub fn forget(&mut self, claims: &mut Claims) {
        let old = std::mem::take(claims);
        for at in old.full.iter() {
            self.segments[at as usize].full -= 1;
            self.update_head(at as usize);
        }
        for chunk in old.chunks.iter() {
            if self.missing.has(chunk) {
                self.count(UniqueChunk(chunk), false);
            }
        }
    }

    fn has_segment(&self, claims: &Claims, chunk: UniqueChunk) -> bool {
        let segment = self.segment_of(chunk.position());
        claims.full.has(segment as u32)
    }

    /// Whether the peer says that it has `chunk`, which is missing.
    #[must_use]
    pub fn has(&self, claims: &Claims, chunk: UniqueChunk) -> bool {
        self.missing.has(chunk.0)
            && (claims.chunks.has(chunk.0)
                || (self.has_segment(claims, chunk) && !claims.denied.contains(&chunk)))
    }

    /// How many have the missing chunk without having all of its segment.
    #[must_use]
    pub fn holders(&self, chunk: UniqueChunk) -> u16 {
        self.claims[chunk.0 as usize]
    }

    /// Whether the peer has anything that is missing.
    #[must_use]
    pub fn is_useful(&self, claims: &Claims) -> bool {
        if claims.chunks.common(&self.missing, 0).next().is_some() {
            return true;
        }
        claims.full.iter().any(|at| {
            let range = self.range(at as usize);
            self.missing
                .common(&self.missing, range.start.0)
                .map(UniqueChunk)
                .take_while(|chunk| chunk.position() < range.end())
                .any(|chunk| !claims.denied.contains(&chunk))
        })
    }
}
