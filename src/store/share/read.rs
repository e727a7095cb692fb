//! One file, read once.
//!
//! Of a large one each of a few threads reads a block, cuts it when the block before is cut, and
//! hashes its chunks: so no processor waits for another, and each has at hand what it works on.

use crate::{
    core::{
        chunk::VerifiedChunk,
        chunker::{self, Grain},
        manifest::Entry,
    },
    store::{Stamp, StoreError, failed, modes, positioned::read_exact_at},
};
use parking_lot::{Condvar, Mutex};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// Bytes read at once.
const BLOCK: usize = 2 << 20;
/// Threads for one file, at most: one more than processors, for a disk that is waited for.
const THREADS: usize = 4;

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
    /// An empty one, in the memory of `bytes`.
    fn new(mut bytes: Vec<u8>) -> Self {
        // The first use pays for the zeroes, later ones do not.
        bytes.resize(chunker::MAX + BLOCK, 0);
        Self {
            bytes,
            from: chunker::MAX,
            end: chunker::MAX,
            last: false,
            lengths: Vec::new(),
        }
    }

    /// Reads a file that fits.
    fn read(mut file: &File, bytes: Vec<u8>) -> io::Result<Self> {
        let mut block = Self::new(bytes);
        while block.end < block.bytes.len() && !block.last {
            match file.read(&mut block.bytes[block.end..]) {
                Ok(0) => block.last = true,
                Ok(count) => block.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(block)
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
        while let Some(len) = grain.next_cut(&self.bytes[at..self.end], true) {
            // A cut at the end of what is here need not be one.
            if at + len == self.end && !self.last && len < chunker::MAX {
                break;
            }
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

/// The chunks of a block, and which block that is.
type Numbered = (u64, Vec<Entry>);

/// A large file, on which several threads work.
struct Work<'a> {
    file: &'a File,
    size: u64,
    grain: Grain,
    /// The next block to be read.
    next: AtomicU64,
    /// Bytes that were read, and of which nobody was told.
    read: AtomicU64,
    turn: Mutex<Turn>,
    turned: Condvar,
}

/// Whose turn it is to cut.
#[derive(Default)]
struct Turn {
    block: u64,
    /// What is left of the block before.
    rest: Vec<u8>,
    /// Nobody need go on.
    ended: bool,
}

/// Lets nobody wait for a thread that does not come to its end.
struct Ending<'a, 'b>(&'a Work<'b>);

impl Drop for Ending<'_, '_> {
    fn drop(&mut self) {
        self.0.turn.lock().ended = true;
        self.0.turned.notify_all();
    }
}

impl Work<'_> {
    /// Reads, cuts and hashes blocks as long as there are any, and `go_on` says so; gives their
    /// chunks, and the memory of `bytes` back.
    fn run(
        &self,
        mut bytes: Vec<u8>,
        mut go_on: impl FnMut() -> bool,
    ) -> io::Result<(Vec<Numbered>, Vec<u8>)> {
        let ending = Ending(self);
        let mut done = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let at = number * BLOCK as u64;
            if at >= self.size {
                std::mem::forget(ending);
                return Ok((done, bytes));
            }
            let mut block = Block::new(bytes);
            let left = self.size - at;
            block.last = left <= BLOCK as u64;
            block.end += left.min(BLOCK as u64) as usize;
            read_exact_at(self.file, &mut block.bytes[chunker::MAX..block.end], at)?;
            let mut turn = self.turn.lock();
            while turn.block != number && !turn.ended {
                self.turned.wait(&mut turn);
            }
            if turn.ended {
                return Ok((done, block.bytes));
            }
            block.cut(self.grain, &mut turn.rest);
            turn.block += 1;
            drop(turn);
            self.turned.notify_all();
            let mut entries = Vec::with_capacity(block.lengths.len());
            block.hash(&mut entries);
            done.push((number, entries));
            self.read.fetch_add(block.len(), Ordering::Relaxed);
            bytes = block.bytes;
            if !go_on() {
                return Ok((done, bytes));
            }
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
    let work = Work {
        file: &file,
        size: stamp.size,
        grain,
        next: AtomicU64::new(0),
        read: AtomicU64::new(0),
        turn: Mutex::default(),
        turned: Condvar::new(),
    };
    let processors = thread::available_parallelism().map_or(1, Into::into);
    spare.resize_with(THREADS.min(processors + 1), Vec::new);
    let mut buffers = std::mem::take(spare).into_iter();
    let mine = buffers.next().unwrap_or_default();
    let mut go_on = || go_on(work.read.swap(0, Ordering::Relaxed));
    let results = thread::scope(|scope| {
        let work = &work;
        let others = buffers.map(|bytes| scope.spawn(move || work.run(bytes, || true)));
        let others: Vec<_> = others.collect();
        let mine = work.run(mine, &mut go_on);
        let died = |_| Err(io::Error::other("a reading thread died"));
        let others = others.into_iter();
        let others = others.map(|one| one.join().unwrap_or_else(died));
        std::iter::once(mine).chain(others).collect::<Vec<_>>()
    });
    let mut blocks = Vec::new();
    for result in results {
        match result {
            Ok((done, bytes)) => {
                blocks.extend(done);
                spare.push(bytes);
            }
            // It is shorter now.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(Reading::Changed);
            }
            Err(error) => return Err(failed("read", path)(error)),
        }
    }
    if !go_on() || work.turn.lock().ended {
        return Ok(Reading::Stopped);
    }
    if !looks()? {
        return Ok(Reading::Changed);
    }
    blocks.sort_unstable_by_key(|(number, _)| *number);
    let entries = blocks.into_iter().flat_map(|(_, entries)| entries);
    Ok(Reading::Whole(entries.collect()))
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
        assert!(spare.len() <= THREADS);
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
