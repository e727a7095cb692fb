//! Copying chunks out of files that the index does not know.
//!
//! Owns how much is read. Each file is read once from its beginning, cut as every file is, and each
//! piece hashed; a chunk that is wanted is written from the memory that it was read into.
//! Invariants: for a download at most [`TIMES`] its size is read, and no longer than [`TIME`] and
//! what [`SLOWEST`] allows; a file that gives nothing for long is left.

use super::{Nearby, Reused, between::Taken, nearby::Found, search::Search};
use crate::{
    core::{
        chunk::VerifiedChunk,
        chunker::{self, Grain},
        manifest::Manifest,
        path::RelPath,
    },
    store::{Kind, Partial, StoreError},
};
use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    time::{Duration, Instant},
};

/// Bytes that are read for each byte of the download, at most.
const TIMES: u64 = 4;
/// How long that may take, and more for what is larger: a disk that gives less a second is not
/// worth the wait.
const TIME: Duration = Duration::from_secs(2);
const SLOWEST: u64 = 32 << 20;
/// Without a chunk in so many bytes, or an eighth of the download if that is more, a file is
/// another one.
const BARREN: u64 = 32 << 20;
/// Bytes read at once; a chunk may be as long.
const BLOCK: usize = chunker::MAX;

impl Partial {
    /// Copies missing chunks from files that the index does not know. The file is called `name` and
    /// goes to `at`. `go_on` is asked after each piece of a file; false ends it early.
    ///
    /// # Errors
    /// When this download cannot be written. A file that cannot be read is passed over.
    pub fn copy_near(
        &self,
        nearby: &Nearby,
        (name, at): (&RelPath, &RelPath),
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Reused, StoreError> {
        let (manifest, have) = (self.manifest(), self.have());
        // Of one chunk there is no part, and of its whole the index knows, or the place it goes to.
        if manifest.len() < 2 || have.is_full() {
            return Ok(Reused::default());
        }
        let missing = (0..).zip(manifest.entries());
        let missing = missing.filter(|&(at, _)| !have.has(at));
        let size = manifest.size();
        let _turn = nearby.turn();
        let mut search = Search {
            wanted: missing.map(|(at, entry)| (entry.id, at)).collect(),
            reused: Reused::default(),
            bytes: size.saturating_mul(TIMES),
            barren: BARREN.max(size / 8),
            until: Instant::now() + TIME + Duration::from_secs(size / SLOWEST),
            go_on: &mut go_on,
            buf: Vec::new(),
        };
        let mut seen = HashSet::new();
        for candidate in nearby.candidates(name, at, size) {
            if search.is_over() {
                break;
            }
            let Some(found) = nearby.open(&candidate) else {
                continue;
            };
            if !seen.insert(found.stamp) {
                continue;
            }
            let (before, left) = (search.reused.bytes, search.bytes);
            let common = match self.known(&found) {
                Some(old) => self.common(&old),
                None => self.copy_from(&found.file, &mut search)?,
            };
            self.copy_between(&found.file, &common, &mut search)?;
            if candidate.guessed && search.reused.bytes == before {
                nearby.in_vain(left - search.bytes);
            }
        }
        Ok(search.reused)
    }

    /// What the index knows of this file, cut as the download is: the chunks that both have were
    /// taken.
    fn known(&self, found: &Found) -> Option<Manifest> {
        let kinds = if found.shared {
            &[Kind::Shared][..]
        } else {
            &[Kind::Fetched, Kind::Received]
        };
        let known = kinds.iter().find_map(|kind| {
            let (_, record) = self.index().file_at(*kind, &found.path).ok()??;
            (record.stamp == found.stamp).then_some(record.file)
        });
        let known = self.index().manifest(&known?).ok()??;
        (Grain::of(known.size()) == Grain::of(self.manifest().size())).then_some(known)
    }

    /// Reads it from its beginning; gives the chunks that were taken.
    fn copy_from<F: FnMut() -> bool>(
        &self,
        mut file: &File,
        search: &mut Search<'_, F>,
    ) -> Result<Taken, StoreError> {
        let mut buf = std::mem::take(&mut search.buf);
        buf.resize(2 * BLOCK, 0);
        let (mut from, mut end, mut done) = (0, 0, false);
        let (mut barren, mut passed, mut taken) = (0, 0, Taken::default());
        // As what is wanted was cut, however long this file is.
        let grain = Grain::of(self.manifest().size());
        while !done && !search.is_over() && barren <= search.barren {
            buf.copy_within(from..end, 0);
            (from, end) = (0, end - from);
            while end < buf.len() && !done {
                match file.read(&mut buf[end..]) {
                    Ok(0) => done = true,
                    Ok(count) => {
                        end += count;
                        search.bytes = search.bytes.saturating_sub(count as u64);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        tracing::debug!(%error, "a file that may have chunks cannot be read");
                        return Ok(taken);
                    }
                }
            }
            while let Some(len) = grain.next_cut(&buf[from..end], done) {
                let chunk = VerifiedChunk::hash(&buf[from..from + len]);
                from += len;
                barren += len as u64;
                let entries = self.manifest().entries();
                // Somebody's manifest may state a false length for it.
                let fits = |at: &u32| entries[*at as usize].len as usize == len;
                if let Some(at) = search.wanted.remove(&chunk.id()).filter(fits) {
                    self.take(at, &chunk, &mut search.reused)?;
                    taken.add(at, passed);
                    barren = 0;
                }
                passed += len as u64;
            }
        }
        search.buf = buf;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
