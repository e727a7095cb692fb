//! What the store does for each chunk that is served, and for each small file that is downloaded.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sprat::{
    core::{
        chunk::VerifiedChunk,
        id::{ChunkId, FileId},
        index::ChunkIndex,
        manifest::{Entry, Manifest},
        path::RelPath,
    },
    store::{ChunkReader, FileRecord, Home, Index, Kind, NewFile, Partial, Stamp},
    wire::manifest,
};
use std::{hint::black_box, sync::Arc};

const FILES: u32 = 100;
const CHUNKS: u32 = 1000;

fn chunk(number: u32) -> ChunkId {
    ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn file(number: u32) -> NewFile {
    let path = format!("file {number}");
    let record = FileRecord {
        kind: Kind::Shared,
        path: path.clone().into(),
        stamp: Stamp {
            size: u64::from(CHUNKS) * 1000,
            mtime: 0,
            mtime_ns: 0,
            device: 0,
            inode: 0,
        },
        rights: false.into(),
        file: FileId([0; 32]),
        name: path,
        media: String::new(),
    };
    let entries = (number * CHUNKS..(number + 1) * CHUNKS)
        .map(|at| Entry {
            id: chunk(at),
            len: 1000,
        })
        .collect();
    NewFile { record, entries }
}

fn locate(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = Home::open(folder.path()).expect("a home");
    let (index, _) = Index::open(&home).expect("an index");
    let mut files: Vec<NewFile> = (0..FILES).map(file).collect();
    index
        .add_files(&mut files)
        .expect("an index that takes them");
    let mut at = 0u32;
    criterion.bench_function("locate one of 100,000 chunks", |bench| {
        bench.iter(|| {
            at = (at + 7919) % (FILES * CHUNKS);
            let found = index.locate(black_box(&chunk(at))).expect("an index");
            assert_eq!(found.len(), 1);
        });
    });
    criterion.bench_function("miss among 100,000 chunks", |bench| {
        bench.iter(|| {
            at = at.wrapping_add(1) | 1 << 31;
            assert!(
                index
                    .locate(black_box(&chunk(at)))
                    .expect("an index")
                    .is_empty()
            );
        });
    });
}

/// Finding, reading and verifying a chunk of a file in the page cache: the disk's part of serving
/// it.
fn serve(criterion: &mut Criterion) {
    const LEN: usize = 256 << 10;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = Home::open(folder.path()).expect("a home");
    let (index, _) = Index::open(&home).expect("an index");
    let mut bytes = vec![0; 128 * LEN];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    let path = home.ensure_shared().expect("a folder").join("file");
    std::fs::write(&path, &bytes).expect("room");
    let entries: Vec<Entry> = bytes
        .chunks(LEN)
        .map(|chunk| Entry {
            id: ChunkId(*blake3::hash(chunk).as_bytes()),
            len: LEN as u32,
        })
        .collect();
    let ids: Vec<ChunkId> = entries.iter().map(|entry| entry.id).collect();
    let mut new = file(0);
    new.record.path = "file".into();
    new.record.stamp = Stamp::of(&std::fs::metadata(&path).expect("it is there"));
    new.entries = entries;
    index.add_file(new).expect("an index that takes it");
    let reader = ChunkReader::new(index);
    let (mut at, mut buf) = (0, Vec::new());
    let mut group = criterion.benchmark_group("256 KiB");
    group.throughput(Throughput::Bytes(LEN as u64));
    group.bench_function("read and verify", |bench| {
        bench.iter(|| {
            at = (at + 1) % ids.len();
            assert!(reader.read(&ids[at], &mut buf).expect("a disk"));
        });
    });
    group.bench_function("verify alone", |bench| {
        bench.iter(|| blake3::hash(black_box(&buf)));
    });
}

/// A file of one chunk from its manifest to its place: two syncs, the file's and its folder's.
fn small_download(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = Home::open(folder.path()).expect("a home");
    let (index, _) = Index::open(&home).expect("an index");
    let reader = ChunkReader::new(index.clone());
    let mut number = 0u32;
    criterion.bench_function("a download of 5 KB", |bench| {
        bench.iter(|| {
            number += 1;
            let mut bytes = vec![0; 5000];
            bytes[..4].copy_from_slice(&number.to_le_bytes());
            let chunk = VerifiedChunk::hash(&bytes);
            let entries = vec![Entry {
                id: chunk.id(),
                len: 5000,
            }];
            let id = manifest::encode(&entries).file;
            let manifest = Arc::new(Manifest::new(id, entries).expect("a manifest"));
            let (partial, _) = Partial::open(&home, &index, &reader, manifest, &home.downloads())
                .expect("a partial file");
            partial.write(ChunkIndex(0), &chunk).expect("room");
            let name = RelPath::parse(&number.to_string()).expect("a name");
            partial
                .finish(&home.downloads(), &name, 0, false)
                .expect("a place");
        });
    });
}

criterion_group!(benches, locate, serve, small_download);
criterion_main!(benches);
