//! What the tests of this room share: a home with an index, and bytes that look random.

use super::{ChunkReader, FileRecord, Home, Index, Kind, Partial, Stamp, index::NewFile};
use crate::{
    core::{
        chunk::VerifiedChunk,
        chunker::Grain,
        have::HaveSet,
        id::FileId,
        index::ChunkIndex,
        manifest::{Entry, Manifest},
    },
    wire::manifest,
};
use std::{fs, sync::Arc};

pub struct Fixture {
    pub index: Index,
    pub reader: ChunkReader,
    pub home: Home,
    pub folder: tempfile::TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    pub fn at(folder: tempfile::TempDir) -> Self {
        let home = Home::open(folder.path()).unwrap();
        home.ensure_shared().unwrap();
        let (index, notice) = Index::open(&home).unwrap();
        assert_eq!(notice, None);
        Self {
            reader: ChunkReader::new(index.clone()),
            index,
            home,
            folder,
        }
    }

    /// Closes everything as the end of a process would, and opens it again.
    pub fn restart(self) -> Self {
        let Self {
            index,
            reader,
            home,
            folder,
        } = self;
        drop((reader, index, home));
        Self::at(folder)
    }

    /// Opens a download into the home's own folder.
    pub fn partial(&self, manifest: &Arc<Manifest>) -> (Partial, HaveSet) {
        let dest = self.home.downloads();
        Partial::open(
            &self.home,
            &self.index,
            &self.reader,
            Arc::clone(manifest),
            &dest,
        )
        .unwrap()
    }

    /// Writes a file into the shared folder and records it without a scan.
    pub fn index_shared(&self, name: &str, bytes: &[u8]) -> Manifest {
        let path = self.home.shared().join(name);
        fs::write(&path, bytes).unwrap();
        let manifest = manifest_of(bytes);
        let record = FileRecord {
            kind: Kind::Shared,
            path: name.into(),
            stamp: Stamp::of(&fs::metadata(&path).unwrap()),
            rights: false.into(),
            file: FileId([0; 32]),
            name: name.into(),
            media: String::new(),
        };
        let entries = manifest.entries().to_vec();
        self.index.add_file(NewFile { record, entries }).unwrap();
        Manifest::clone(&manifest)
    }
}

/// The manifest of some bytes.
pub fn manifest_of(mut bytes: &[u8]) -> Arc<Manifest> {
    let mut entries = Vec::new();
    let grain = Grain::of(bytes.len() as u64);
    while let Some(len) = grain.next_cut(bytes, true) {
        entries.push(Entry {
            id: VerifiedChunk::hash(&bytes[..len]).id(),
            len: len as u32,
        });
        bytes = &bytes[len..];
    }
    let encoded = manifest::encode(&entries);
    Arc::new(Manifest::new(encoded.file, entries).unwrap())
}

/// Bytes that do not repeat.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// Writes the chunks at `positions` of a download whose file has these bytes.
pub fn fill(partial: &Partial, bytes: &[u8], positions: impl IntoIterator<Item = u32>) {
    let manifest = Arc::clone(partial.manifest());
    for at in positions {
        let entry = manifest.entries()[at as usize];
        let start = manifest.offset(at) as usize;
        let chunk = VerifiedChunk::check(entry.id, &bytes[start..start + entry.len as usize]);
        let written = partial.write(ChunkIndex(at), &chunk.unwrap()).unwrap();
        assert!(written.contains(&at));
    }
}
