//! One file, read once: read by one thread, cut into chunks by another, hashed by a third.

use crate::{
    core::{
        chunk::VerifiedChunk,
        chunker::{self, Grain},
        manifest::Entry,
    },
    store::{Stamp, StoreError, failed, modes},
};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::mpsc::sync_channel,
    thread,
};

/// Bytes read at once.
const BLOCK: usize = 2 << 20;
/// Blocks on their way from a thread to the next: one is ready while another is worked on.
const AHEAD: usize = 1;
/// Blocks there are: one at each thread, and those on their way.
const BLOCKS: usize = 3 + 2 * AHEAD;

/// How reading a file ended.
pub enum Reading {
    /// Its chunks.
    Whole(Vec<Entry>),
    /// It did not look as expected, before or after.
    Changed,
    /// `go_on` said no.
    Stopped,
}

/// A block of bytes, behind room for what was left of the one before, and the chunks that lie in
/// it, one after the other.
struct Block {
    bytes: Vec<u8>,
    /// Where the first chunk begins.
    from: usize,
    /// Where what was read ends.
    end: usize,
    /// The file ends here.
    last: bool,
    lengths: Vec<u32>,
}

impl Block {
    /// Reads the next one, in the memory of `bytes`.
    fn read(mut file: &File, mut bytes: Vec<u8>) -> io::Result<Self> {
        // The first use pays for the zeroes, later ones do not.
        bytes.resize(chunker::MAX + BLOCK, 0);
        let (mut end, mut last) = (chunker::MAX, false);
        while end < bytes.len() && !last {
            match file.read(&mut bytes[end..]) {
                Ok(0) => last = true,
                Ok(count) => end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            bytes,
            from: chunker::MAX,
            end,
            last,
            lengths: Vec::new(),
        })
    }

    /// How many bytes were read.
    fn len(&self) -> u64 {
        (self.end - chunker::MAX) as u64
    }

    /// Finds the chunks, the first of which begins with `rest`; leaves there what comes after the
    /// last.
    fn cut(&mut self, grain: Grain, rest: &mut Vec<u8>) {
        self.from = chunker::MAX - rest.len();
        self.bytes[self.from..chunker::MAX].copy_from_slice(rest);
        let mut at = self.from;
        while let Some(len) = grain.next_cut(&self.bytes[at..self.end], self.last) {
            self.lengths.push(len as u32);
            at += len;
        }
        rest.clear();
        rest.extend_from_slice(&self.bytes[at..self.end]);
    }

    fn hash(&self, entries: &mut Vec<Entry>) {
        let mut rest = &self.bytes[self.from..];
        for &len in &self.lengths {
            let (chunk, after) = rest.split_at(len as usize);
            let id = VerifiedChunk::hash(chunk).id();
            entries.push(Entry { id, len });
            rest = after;
        }
    }
}

/// Reads the file at `path`, which must look like `stamp` before and after: a path that leads to
/// another file by now gives nothing. `go_on` is told of each block's bytes. `spare` keeps the
/// buffers from one file to the next.
pub fn read_file(
    path: &Path,
    stamp: Stamp,
    spare: &mut Vec<Vec<u8>>,
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<Reading, StoreError> {
    let file = modes::open_file(path).map_err(failed("open", path))?;
    let looks = || match file.metadata() {
        Ok(meta) => Ok(meta.is_file() && Stamp::of(&meta) == stamp),
        Err(error) => Err(failed("look at", path)(error)),
    };
    if !looks()? {
        return Ok(Reading::Changed);
    }
    let grain = Grain::of(stamp.size);
    // Less than a block, so that its end is seen within it.
    if stamp.size < BLOCK as u64 {
        let bytes = spare.pop().unwrap_or_default();
        let mut block = Block::read(&file, bytes).map_err(failed("read", path))?;
        block.cut(grain, &mut Vec::new());
        let mut entries = Vec::new();
        block.hash(&mut entries);
        let read = block.len();
        spare.push(block.bytes);
        // Another block would mean that the file grew, which the second look tells.
        return Ok(match (go_on(read), looks()?) {
            (false, _) => Reading::Stopped,
            (_, true) => Reading::Whole(entries),
            (_, false) => Reading::Changed,
        });
    }
    let (blocks, to_cut) = sync_channel::<Block>(AHEAD);
    let (cut, to_hash) = sync_channel::<Block>(AHEAD);
    // Takes back every block there can be, so that the hashing thread never waits.
    let (free, used) = sync_channel::<Vec<u8>>(BLOCKS);
    let (stopped, entries) = thread::scope(|scope| {
        scope.spawn(move || {
            let mut rest = Vec::new();
            for mut block in to_cut {
                block.cut(grain, &mut rest);
                if cut.send(block).is_err() {
                    break;
                }
            }
        });
        let hashing = scope.spawn(move || {
            let mut entries = Vec::new();
            for block in to_hash {
                block.hash(&mut entries);
                if free.send(block.bytes).is_err() {
                    break;
                }
            }
            entries
        });
        let mut made = 0;
        let reading = (|| {
            loop {
                let bytes = if made < BLOCKS {
                    made += 1;
                    spare.pop().unwrap_or_default()
                } else {
                    used.recv().unwrap_or_default()
                };
                let block = Block::read(&file, bytes)?;
                let (read, last) = (block.len(), block.last);
                if blocks.send(block).is_err() || !go_on(read) {
                    return Ok(true);
                }
                if last {
                    return Ok(false);
                }
            }
        })();
        drop(blocks);
        let entries = hashing
            .join()
            .map_err(|_| io::Error::other("the hashing thread died"));
        spare.extend(used.try_iter());
        spare.truncate(BLOCKS);
        reading.and_then(|stopped| Ok((stopped, entries?)))
    })
    .map_err(failed("read", path))?;
    Ok(if stopped {
        Reading::Stopped
    } else if looks()? {
        Reading::Whole(entries)
    } else {
        Reading::Changed
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{manifest_of, noise};
    use std::fs;

    fn read(path: &Path, spare: &mut Vec<Vec<u8>>) -> Vec<Entry> {
        let stamp = Stamp::of(&fs::metadata(path).unwrap());
        match read_file(path, stamp, spare, |_| true).unwrap() {
            Reading::Whole(entries) => entries,
            _ => panic!("not whole"),
        }
    }

    #[test]
    fn reading_in_blocks_cuts_where_reading_at_once_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut spare = Vec::new();
        // Nothing; one byte; the last size that is read at once, the two after it; several blocks,
        // not a multiple.
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 12_345] {
            let bytes = noise(size as u64, size);
            fs::write(&path, &bytes).unwrap();
            let entries = read(&path, &mut spare);
            assert!(entries == manifest_of(&bytes).entries(), "{size}");
        }
        assert!(spare.len() <= BLOCKS);
    }

    #[test]
    fn a_file_that_is_another_one_or_no_longer_wanted_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, noise(1, 20 << 20)).unwrap();
        let stamp = Stamp::of(&fs::metadata(&path).unwrap());
        let mut spare = Vec::new();
        let other = Stamp { size: 1, ..stamp };
        let read = read_file(&path, other, &mut spare, |_| true);
        assert!(matches!(read, Ok(Reading::Changed)));
        let grow = |_| {
            fs::write(&path, noise(2, 21 << 20)).unwrap();
            true
        };
        let read = read_file(&path, stamp, &mut spare, grow);
        assert!(matches!(read, Ok(Reading::Changed)));
        let stamp = Stamp::of(&fs::metadata(&path).unwrap());
        let read = read_file(&path, stamp, &mut spare, |_| false);
        assert!(matches!(read, Ok(Reading::Stopped)));
    }
}
