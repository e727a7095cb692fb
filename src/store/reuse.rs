//! Before anything is fetched: chunks that other files here have already. Those that the index knows
//! are found by their ids; others (`nearby`) are read for them (`near`).

mod between;
mod near;
mod nearby;
mod search;

pub use nearby::Nearby;

use super::{Partial, StoreError, partial::SYNC_BATCH, positioned};
use crate::core::{
    chunk::VerifiedChunk,
    id::{ChunkId, FileId},
    index::ChunkIndex,
};
use std::{collections::HashMap, fs::File};

/// What was found here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reused {
    /// The positions that are here now, in the order they were written.
    pub positions: Vec<u32>,
    /// Their bytes.
    pub bytes: u64,
}

impl Partial {
    /// Copies every missing chunk that can be read somewhere on this node: in other files, in an
    /// old version of this one, in other downloads, under way or given up. Each is hashed on the
    /// way. `go_on` is asked after each chunk, with what was found so far; false ends it early.
    ///
    /// # Errors
    /// When this download cannot be written. A file that cannot be read is passed over.
    pub fn copy_local(&self, mut go_on: impl FnMut(&Reused) -> bool) -> Result<Reused, StoreError> {
        let mut reused = Reused::default();
        let mut buf = Vec::new();
        for (at, entry) in (0..).zip(self.manifest().entries()) {
            if self.has(at) || !matches!(self.reader().read(&entry.id, &mut buf), Ok(true)) {
                continue;
            }
            let Ok(chunk) = VerifiedChunk::check(entry.id, &buf) else {
                continue;
            };
            self.take(at, &chunk, &mut reused)?;
            if !go_on(&reused) {
                return Ok(reused);
            }
        }
        // One chunk is not worth a look at every download that was given up.
        if self.manifest().len() > 1 {
            for left in self.left_over()? {
                if !self.copy_left(&left, &mut reused, &mut go_on)? {
                    break;
                }
            }
        }
        Ok(reused)
    }

    fn take(
        &self,
        at: u32,
        chunk: &VerifiedChunk<'_>,
        reused: &mut Reused,
    ) -> Result<(), StoreError> {
        let positions = self.write(ChunkIndex(at), chunk)?;
        reused.bytes += positions.len() as u64 * chunk.bytes().len() as u64;
        reused.positions.extend(positions);
        if self.unsynced() >= SYNC_BATCH {
            self.sync()?;
        }
        Ok(())
    }

    /// Downloads that were interrupted and are not going on now: often this file's version of
    /// yesterday.
    fn left_over(&self) -> Result<Vec<FileId>, StoreError> {
        let mut files = self.index().partials()?;
        files.retain(|file| *file != self.manifest().file() && !self.reader().is_live(file));
        Ok(files)
    }

    /// Copies what is missing here from the interrupted download of `left`. False when `go_on` said
    /// no.
    fn copy_left(
        &self,
        left: &FileId,
        reused: &mut Reused,
        go_on: &mut impl FnMut(&Reused) -> bool,
    ) -> Result<bool, StoreError> {
        let path = self.path().with_file_name(left.to_string());
        let (Ok(Some(manifest)), Ok(Some(have)), Ok(file)) = (
            self.index().manifest(left),
            self.index().partial_have(left),
            File::open(path),
        ) else {
            return Ok(true);
        };
        let wanted: HashMap<ChunkId, u32> = (0..)
            .zip(self.manifest().entries())
            .filter(|&(at, _)| !self.has(at))
            .map(|(at, entry)| (entry.id, at))
            .collect();
        let mut buf = Vec::new();
        for (from, entry) in (0..).zip(manifest.entries()) {
            let Some(&at) = wanted.get(&entry.id) else {
                continue;
            };
            if !have.has(from) || self.has(at) {
                continue;
            }
            buf.resize(entry.len as usize, 0);
            let read = positioned::read_exact_at(&file, &mut buf, manifest.offset(from));
            if let (Ok(()), Ok(chunk)) = (read, VerifiedChunk::check(entry.id, &buf)) {
                self.take(at, &chunk, reused)?;
                if !go_on(reused) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::{Fixture, fill, manifest_of, noise};

    #[test]
    fn an_old_version_gives_most_of_the_new_one() {
        let fixture = Fixture::new();
        let old = noise(1, 5_000_000);
        fixture.index_shared("old", &old);
        let mut new = old.clone();
        new.splice(2_000_000..2_000_000, *b"inserted");
        // The same bytes once more at the end: repeats are written at each of their places.
        new.extend_from_slice(&old[..1_500_000]);
        let manifest = manifest_of(&new);
        let (partial, have) = fixture.partial(&manifest);
        assert_eq!(have.count(), 0);
        let reused = partial.copy_local(|_| true).unwrap();
        assert!(reused.bytes > 4_000_000);
        let held: Vec<u32> = partial.have().iter().collect();
        let mut positions = reused.positions;
        positions.sort_unstable();
        assert_eq!(positions, held);
        assert!(held.len() < manifest.len() as usize);
    }

    #[test]
    fn what_an_interrupted_download_left_is_used() {
        let fixture = Fixture::new();
        let old = noise(1, 5_000_000);
        let (partial, _) = fixture.partial(&manifest_of(&old));
        fill(&partial, &old, 0..8);
        partial.sync().unwrap();
        drop(partial);
        let fixture = fixture.restart();
        let mut new = old;
        new.extend_from_slice(b"more");
        let (partial, _) = fixture.partial(&manifest_of(&new));
        assert_eq!(
            partial.copy_local(|_| true).unwrap().positions,
            [0, 1, 2, 3, 4, 5, 6, 7]
        );
    }

    #[test]
    fn it_stops_when_told() {
        let fixture = Fixture::new();
        let bytes = noise(1, 4_000_000);
        fixture.index_shared("a", &bytes);
        let (partial, _) = fixture.partial(&manifest_of(&bytes));
        assert_eq!(partial.copy_local(|_| false).unwrap().positions.len(), 1);
    }
}
