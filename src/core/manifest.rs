//! A file's ordered list of chunks, and where each lies in the file.
//!
//! Owns the arithmetic. The canonical bytes, and with them the ids of pages and files, are
//! `wire::manifest`'s. Invariants of a [`Manifest`]: every length is 1..=[`MAX_CHUNK`], the lengths
//! add up to `size`.

use super::id::{ChunkId, FileId};

/// Entries of a full page. Every page but the last is full.
pub const PAGE_ENTRIES: usize = 4096;
/// Pages of the longest manifest that is accepted: 4,194,304 chunks, about 1 TiB.
pub const MAX_PAGES: usize = 1024;
/// The longest chunk, in bytes.
pub const MAX_CHUNK: u32 = 1 << 20;
/// The shortest chunk that is not the last of its file, in bytes, but for what is cut finely.
pub const MIN_CHUNK: u32 = 64 << 10;
/// The shortest chunk of those, in bytes.
pub const MIN_FINE_CHUNK: u32 = 16 << 10;
/// Files that are cut finely, by their size: more than the first number of bytes, and no more than
/// the other.
pub const FINE: (u64, u64) = (4 << 20, 64 << 20);
/// Entries between two whose offset is kept: the others are added up.
const STEP: usize = 64;

/// The shortest chunk that is not the last one of a file of `size` bytes.
#[must_use]
pub const fn shortest_chunk(size: u64) -> u32 {
    if FINE.0 < size && size <= FINE.1 {
        MIN_FINE_CHUNK
    } else {
        MIN_CHUNK
    }
}

/// The most chunks that a file of `size` bytes can have: what its manifest may cost follows from
/// what the file is.
#[must_use]
pub fn most_chunks(size: u64) -> u64 {
    size.div_ceil(u64::from(shortest_chunk(size)))
}

/// One chunk of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    /// Which bytes.
    pub id: ChunkId,
    /// How many bytes.
    pub len: u32,
}

/// The id of [`MAX_CHUNK`] zeroes.
const ZEROES: ChunkId = ChunkId([
    0x48, 0x8d, 0xe2, 0x02, 0xf7, 0x3b, 0xd9, 0x76, 0xde, 0x4e, 0x70, 0x48, 0xf4, 0xe1, 0xf3, 0x9a,
    0x77, 0x6d, 0x86, 0xd5, 0x82, 0xb7, 0x34, 0x8f, 0xf5, 0x3b, 0xf4, 0x32, 0xb9, 0x87, 0xfc, 0xa8,
]);

impl Entry {
    /// Whether its bytes are known without asking anybody: one of the chunks that a long hole in a
    /// file is cut into.
    #[must_use]
    pub fn is_hole(&self) -> bool {
        self.len == MAX_CHUNK && self.id == ZEROES
    }
}

/// The whole chunk list of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    file: FileId,
    entries: Vec<Entry>,
    /// Where each [`STEP`]th chunk begins.
    offsets: Vec<u64>,
    size: u64,
}

/// Why a list of entries is not a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A chunk of 0 bytes, or one over [`MAX_CHUNK`].
    #[error("a chunk of {0} bytes")]
    ChunkLength(u32),
    /// More entries than [`MAX_PAGES`] full pages.
    #[error("too many chunks")]
    TooLong,
}

impl Manifest {
    /// Takes the entries of the file `file`, in order.
    ///
    /// # Errors
    /// When an entry's length is impossible or there are too many.
    pub fn new(file: FileId, entries: Vec<Entry>) -> Result<Self, ManifestError> {
        if entries.len() > MAX_PAGES * PAGE_ENTRIES {
            return Err(ManifestError::TooLong);
        }
        let mut size = 0;
        let mut offsets = Vec::with_capacity(entries.len().div_ceil(STEP));
        for (at, entry) in entries.iter().enumerate() {
            if !(1..=MAX_CHUNK).contains(&entry.len) {
                return Err(ManifestError::ChunkLength(entry.len));
            }
            if at % STEP == 0 {
                offsets.push(size);
            }
            size += u64::from(entry.len);
        }
        Ok(Self {
            file,
            entries,
            offsets,
            size,
        })
    }

    /// The id of the file it describes.
    #[must_use]
    pub fn file(&self) -> FileId {
        self.file
    }

    /// Bytes of it that are written: its size without the holes.
    #[must_use]
    pub fn data(&self) -> u64 {
        let written = self.entries.iter().filter(|entry| !entry.is_hole());
        written.map(|entry| u64::from(entry.len)).sum()
    }

    /// The file's size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many chunks.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Whether the file has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where chunk `at` begins in the file.
    #[must_use]
    pub fn offset(&self, at: u32) -> u64 {
        let (at, near) = (at as usize, at as usize / STEP);
        let between = &self.entries[near * STEP..at];
        self.offsets[near] + between.iter().map(|one| u64::from(one.len)).sum::<u64>()
    }

    /// The chunk in which byte `offset` of the file lies; [`Self::len`] past its end.
    #[must_use]
    pub fn at(&self, offset: u64) -> u32 {
        let near = self.offsets.partition_point(|&begin| begin <= offset);
        let Some(near) = near.checked_sub(1) else {
            return 0; // A file without chunks.
        };
        let (first, mut end) = (near * STEP, self.offsets[near]);
        let after = self.entries[first..].iter().take_while(|entry| {
            end += u64::from(entry.len);
            end <= offset
        });
        (first + after.count()) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: u8, len: u32) -> Entry {
        Entry {
            id: ChunkId([tag; 32]),
            len,
        }
    }

    #[test]
    fn offsets_add_up() {
        let manifest = Manifest::new(
            FileId([0; 32]),
            vec![entry(1, 10), entry(2, 5), entry(1, 10)],
        )
        .unwrap();
        assert_eq!(manifest.size(), 25);
        assert_eq!(
            [manifest.offset(0), manifest.offset(1), manifest.offset(2)],
            [0, 10, 15]
        );
    }

    #[test]
    fn offsets_of_long_lists_are_the_sums_of_what_stands_before() {
        let entries: Vec<Entry> = (0..200).map(|at| entry(1, 1 + at)).collect();
        let manifest = Manifest::new(FileId([0; 32]), entries).unwrap();
        let mut sum = 0;
        for at in 0..200 {
            assert_eq!(manifest.offset(at), sum);
            sum += u64::from(at) + 1;
        }
    }

    #[test]
    fn every_byte_lies_in_the_chunk_that_covers_it() {
        let entries: Vec<Entry> = (0..200).map(|at| entry(1, 1 + at % 7)).collect();
        let manifest = Manifest::new(FileId([0; 32]), entries).unwrap();
        let covering = (0u32..).zip(manifest.entries());
        let covering = covering.flat_map(|(at, entry)| (0..entry.len).map(move |_| at));
        assert!(
            (0..)
                .zip(covering)
                .all(|(byte, at)| manifest.at(byte) == at)
        );
        assert_eq!(manifest.at(manifest.size()), manifest.len());
        let empty = Manifest::new(FileId([0; 32]), Vec::new()).unwrap();
        assert_eq!(empty.at(0), 0);
    }

    #[test]
    fn a_file_has_as_many_chunks_as_the_shortest_make() {
        let most = [0, 1, 65_535, 65_536, 65_537, 1 << 22].map(most_chunks);
        assert_eq!(most, [0, 1, 1, 1, 2, 64]);
        let fine = [(1 << 22) + 1, 1 << 26, (1 << 26) + 1].map(most_chunks);
        assert_eq!(fine, [257, 4096, 1025]);
        assert!(fine.iter().all(|&most| most <= PAGE_ENTRIES as u64));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for len in [0, MAX_CHUNK + 1, u32::MAX] {
            assert_eq!(
                Manifest::new(FileId([0; 32]), vec![entry(1, len)]),
                Err(ManifestError::ChunkLength(len))
            );
        }
    }
}
