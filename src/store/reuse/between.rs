//! What lies between chunks that were found in another file.
//!
//! After a change the cuts of two versions meet again only after some chunks, though the bytes are
//! the same long before: so what is next to a chunk that was found is looked for next to it there.
//! Invariant: each read costs of what the search may read, and the first that fails ends a run.

use super::search::Search;
use crate::{
    core::{
        chunk::VerifiedChunk,
        manifest::{Entry, Manifest},
    },
    store::{Partial, StoreError, positioned},
};
use std::{collections::HashMap, fs::File};

/// Chunks of a download that another file has, and where they begin there: of those that follow
/// one another the first and the last.
#[derive(Debug, Default)]
pub(super) struct Taken(Vec<(u32, u64)>);

impl Taken {
    /// One more; they come in the order of the other file.
    pub(super) fn add(&mut self, at: u32, begin: u64) {
        if let [.., (first, _), (second, _)] = self.0[..]
            && first + 1 == second
            && second + 1 == at
        {
            self.0.pop();
        }
        self.0.push((at, begin));
    }
}

impl Partial {
    /// The chunks that `old` has, too, beside those that are not here.
    pub(super) fn common(&self, old: &Manifest) -> Taken {
        let begins: HashMap<_, _> = (0..)
            .zip(old.entries())
            .map(|(at, entry)| (entry.id, old.offset(at)))
            .collect();
        let (have, len) = (self.have(), self.manifest().len());
        let lacks = |at: u32| at < len && !have.has(at);
        let entries = (0..).zip(self.manifest().entries());
        let edges = entries.filter(|&(at, _)| lacks(at + 1) || at > 0 && lacks(at - 1));
        Taken(
            edges
                .filter_map(|(at, entry)| Some((at, *begins.get(&entry.id)?)))
                .collect(),
        )
    }

    /// Takes what is still wanted from before and after each of these chunks.
    pub(super) fn copy_between<F: FnMut() -> bool>(
        &self,
        file: &File,
        taken: &Taken,
        search: &mut Search<'_, F>,
    ) -> Result<(), StoreError> {
        let entries = self.manifest().entries();
        for &(at, begin) in &taken.0 {
            let mut end = begin + u64::from(entries[at as usize].len);
            for (next, entry) in (at + 1..).zip(&entries[at as usize + 1..]) {
                if !self.copy_at(file, end, (next, entry), search)? {
                    break;
                }
                end += u64::from(entry.len);
            }
            let mut begin = begin;
            for before in (0..at).rev() {
                let entry = &entries[before as usize];
                let Some(from) = begin.checked_sub(u64::from(entry.len)) else {
                    break;
                };
                if !self.copy_at(file, from, (before, entry), search)? {
                    break;
                }
                begin = from;
            }
        }
        Ok(())
    }

    /// Takes that chunk if it is wanted and begins at `from` there.
    fn copy_at<F: FnMut() -> bool>(
        &self,
        file: &File,
        from: u64,
        (at, entry): (u32, &Entry),
        search: &mut Search<'_, F>,
    ) -> Result<bool, StoreError> {
        if !search.wants(entry) || search.is_over() || !search.spend(u64::from(entry.len)) {
            return Ok(false);
        }
        let len = entry.len as usize;
        if search.buf.len() < len {
            search.buf.resize(len, 0);
        }
        let Search { buf, reused, .. } = &mut *search;
        let buf = &mut buf[..len];
        let read = positioned::read_exact_at(file, buf, from);
        let (Ok(()), Ok(chunk)) = (read, VerifiedChunk::check(entry.id, buf)) else {
            return Ok(false);
        };
        self.take(at, &chunk, reused)?;
        search.got(entry);
        Ok(true)
    }
}
