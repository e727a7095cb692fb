//! Encoding and decoding what is sent most: a catalog page, a manifest page, a beacon's worth of
//! control messages.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sprat::{
    core::{
        id::{ChunkId, FileId},
        manifest::{Entry, PAGE_ENTRIES},
    },
    wire::{
        cbor,
        control::{CatalogEntry, CatalogPage, Held, Offer, Response},
        manifest,
    },
};
use std::hint::black_box;

fn catalog() -> Response {
    let entry = |at: u64| CatalogEntry {
        revision: at + 1,
        name: format!("photos/2026/summer/picture-{at:05}.jpg"),
        file: FileId(*blake3::hash(&at.to_le_bytes()).as_bytes()),
        offer: Some(Offer {
            size: 3_000_000 + at,
            mtime: 1_790_000_000,
            executable: false,
            mode: None,
            media: "image/jpeg".into(),
            held: Held::Shared,
            parts: None,
        }),
    };
    Response::Catalog(CatalogPage {
        name: "alice@laptop".into(),
        keeps: false,
        unchosen: false,
        visiting: false,
        epoch: 1,
        revision: 512,
        reset: false,
        more: false,
        through: None,
        names: None,
        entries: (0..512).map(entry).collect(),
        scan: None,
        holds: Vec::new(),
    })
}

fn page() -> Vec<Entry> {
    let entry = |at: u32| Entry {
        id: ChunkId(*blake3::hash(&at.to_le_bytes()).as_bytes()),
        len: 200_000 + at,
    };
    (0..PAGE_ENTRIES as u32).map(entry).collect()
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    let catalog = catalog();
    let bytes = cbor::encode(&catalog);
    group.throughput(Throughput::Elements(512));
    group.bench_function("encode a catalog page of 512 offers", |b| {
        b.iter(|| cbor::encode(black_box(&catalog)));
    });
    group.bench_function("decode and check it", |b| {
        b.iter(|| cbor::decode::<Response>(black_box(&bytes)).unwrap().check());
    });
    let entries = page();
    let encoded = manifest::encode(&entries);
    let root = manifest::Root::decode(encoded.file, &encoded.root).unwrap();
    group.throughput(Throughput::Elements(PAGE_ENTRIES as u64));
    group.bench_function("encode a manifest page of 4,096 chunks", |b| {
        b.iter_batched(
            || entries.clone(),
            |entries| manifest::encode(&entries),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("check and decode it", |b| {
        b.iter(|| root.decode_page(0, black_box(&encoded.pages[0])).unwrap());
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
