//! Which file has a path, contents or a chunk: numbers of records, in memory.
//!
//! A table knows only four bytes of what is looked for, so what it gives may be another file: the
//! record says. Made by reading all records when the index is opened, and never written.

use super::{
    packs,
    record::{Content, Kind},
};
use crate::core::{
    id::{ChunkId, FileId},
    tags::Tags,
};
use std::hash::{BuildHasher, Hash, RandomState};

/// Numbers of files.
#[derive(Default)]
pub struct Table {
    paths: Tags,
    files: Tags,
    chunks: Tags,
    kinds: [usize; Kind::ALL.len()],
    /// Those of several chunks.
    large: usize,
    /// Of this process alone, so that nobody can choose contents that collide.
    hasher: RandomState,
}

/// What a file is found by.
pub struct Keys<'a> {
    pub kind: Kind,
    pub path: &'a [u8],
    pub file: FileId,
    /// Its only chunk.
    pub chunk: Option<ChunkId>,
    pub large: bool,
}

impl<'a> Keys<'a> {
    fn of(packed: &packs::Packed<'_>, path: &'a [u8]) -> Self {
        let content = packed.content();
        Self {
            kind: packed.kind,
            path,
            file: packed.file(),
            chunk: content.chunk(),
            large: content == Content::Large,
        }
    }
}

/// In ascending order.
fn sorted(numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

impl Table {
    /// Reads all packs.
    pub fn read<E>(
        packs: impl IntoIterator<Item = Result<(u64, impl AsRef<[u8]>), E>>,
    ) -> Result<Self, E> {
        let mut table = Self::default();
        for pack in packs {
            let (at, value) = pack?;
            let mut reader = packs::Reader::of(at, value.as_ref());
            while let Some(packed) = reader.next() {
                table.add(packed.number, &Keys::of(&packed, reader.path()));
            }
        }
        Ok(table)
    }

    pub(super) fn tag(&self, of: impl Hash) -> u32 {
        self.hasher.hash_one(of) as u32
    }

    fn tags(&self, keys: &Keys<'_>) -> [Option<u32>; 3] {
        [
            Some(self.tag((keys.kind, keys.path))),
            Some(self.tag(keys.file)),
            keys.chunk.map(|chunk| self.tag(chunk)),
        ]
    }

    /// Adds a file.
    pub fn add(&mut self, number: u64, keys: &Keys<'_>) {
        let tags = self.tags(keys);
        let all = [&mut self.paths, &mut self.files, &mut self.chunks];
        for (table, tag) in all.into_iter().zip(tags) {
            if let Some(tag) = tag {
                table.add(tag, number);
            }
        }
        self.kinds[keys.kind as usize] += 1;
        self.large += usize::from(keys.large);
    }

    /// Removes a file that was added with these keys.
    pub fn remove(&mut self, number: u64, keys: &Keys<'_>) {
        let tags = self.tags(keys);
        let all = [&mut self.paths, &mut self.files, &mut self.chunks];
        for (table, tag) in all.into_iter().zip(tags) {
            if let Some(tag) = tag {
                table.remove(tag, number);
            }
        }
        let kind = &mut self.kinds[keys.kind as usize];
        *kind = kind.saturating_sub(1);
        self.large = self.large.saturating_sub(usize::from(keys.large));
    }

    /// The files that may have this path.
    pub fn at_path(&self, kind: Kind, path: &[u8]) -> Vec<u64> {
        sorted(self.paths.find(self.tag((kind, path))))
    }

    /// The files that may have these contents.
    pub fn of_file(&self, file: FileId) -> Vec<u64> {
        sorted(self.files.find(self.tag(file)))
    }

    /// The files that may consist of this chunk.
    pub fn of_chunk(&self, chunk: ChunkId) -> Vec<u64> {
        sorted(self.chunks.find(self.tag(chunk)))
    }

    /// Whether there is any file of a kind.
    pub fn has(&self, kind: Kind) -> bool {
        self.kinds[kind as usize] > 0
    }

    /// Whether there is any file of several chunks.
    pub fn has_large(&self) -> bool {
        self.large > 0
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let tables = [&self.paths, &self.files, &self.chunks];
        let empty = tables.iter().all(|table| table.is_empty());
        empty && self.kinds == [0; 4] && self.large == 0
    }
}
