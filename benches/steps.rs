//! What each step of a chunk costs by itself, with the functions that the node uses: sealing and
//! opening by both ciphers, hashing, reading and writing at its place. A slower transfer shows
//! here where it is slower.

use sprat::{
    core::chunk::{Incoming, VerifiedChunk},
    net::BulkDirection,
    store::positioned,
    wire::bulk::{Cipher, MAX_PLAIN, PREFIX, TAG},
};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// A chunk of the usual length.
const CHUNK: usize = 256 << 10;
/// Chunks of a pass: more than the processor's caches hold.
const CHUNKS: usize = 128;
const PASSES: usize = 15;
const RECORD: usize = PREFIX + MAX_PLAIN + TAG;

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Prints the median of the passes.
fn step(name: &str, mut pass: impl FnMut() -> Duration) {
    let mut times: Vec<Duration> = (0..PASSES).map(|_| pass()).collect();
    times.sort_unstable();
    let each = times[PASSES / 2].as_nanos() as f64 / CHUNKS as f64;
    let rate = CHUNK as f64 / each * 1e3;
    println!("{name:<40} {each:>12.0} {rate:>10.0}");
}

fn seal(direction: &mut BulkDirection, chunk: &[u8], records: &mut [u8]) {
    for (plain, record) in chunk.chunks(MAX_PLAIN).zip(records.chunks_mut(RECORD)) {
        direction.seal_into(record, plain).expect("a fresh key");
    }
}

fn ciphers(chunks: &[Vec<u8>]) {
    let key = [7; 32];
    let per_chunk = CHUNK / MAX_PLAIN;
    for (name, cipher) in [
        ("AES-128-GCM", Cipher::Aes),
        ("ChaCha20-Poly1305", Cipher::ChaCha),
    ] {
        let fresh = || BulkDirection::new(cipher, &key).expect("a key");
        // One room for all, as a connection has.
        let mut room = vec![0; per_chunk * RECORD];
        step(&format!("seal, {name}"), || {
            let mut direction = fresh();
            time(|| {
                for chunk in chunks {
                    seal(&mut direction, chunk, &mut room);
                    black_box(&room);
                }
            })
        });
        let mut sealed = vec![vec![0; per_chunk * RECORD]; CHUNKS];
        let mut direction = fresh();
        for (chunk, records) in chunks.iter().zip(&mut sealed) {
            seal(&mut direction, chunk, records);
        }
        let mut plain = vec![0; CHUNK];
        step(&format!("open, {name}"), || {
            let mut direction = fresh();
            time(|| {
                for records in &sealed {
                    let parts = plain.chunks_mut(MAX_PLAIN);
                    for (record, part) in records.chunks(RECORD).zip(parts) {
                        direction.open_into(record, part).expect("what was sealed");
                    }
                    black_box(&plain);
                }
            })
        });
        assert_eq!(plain, chunks[CHUNKS - 1]);
    }
}

fn hashing(chunks: &[Vec<u8>]) {
    step("hash what is to be sent", || {
        time(|| {
            for chunk in chunks {
                black_box(VerifiedChunk::hash(chunk).id());
            }
        })
    });
    // As it comes: a record at a time into a buffer that is used again.
    let ids: Vec<_> = chunks
        .iter()
        .map(|chunk| VerifiedChunk::hash(chunk).id())
        .collect();
    let mut spare = Vec::new();
    step("hash what comes (and copy it there)", || {
        time(|| {
            for (chunk, id) in chunks.iter().zip(&ids) {
                let mut incoming = Incoming::new(std::mem::take(&mut spare), CHUNK);
                for part in chunk.chunks(MAX_PLAIN) {
                    incoming.rest()[..part.len()].copy_from_slice(part);
                    incoming.came(part.len());
                }
                assert!(black_box(incoming.check(*id)).is_ok());
                spare = incoming.into_buffer();
            }
        })
    });
}

fn places(chunks: &[Vec<u8>]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    let at = |number: usize| (number * CHUNK) as u64;
    step("write at its place, a new file", || {
        let _ = std::fs::remove_file(&path);
        let file = std::fs::File::create_new(&path).expect("a file");
        file.set_len(at(CHUNKS)).expect("room");
        time(|| {
            for (number, chunk) in chunks.iter().enumerate() {
                positioned::write_all_at(&file, chunk, at(number)).expect("room");
            }
        })
    });
    let file = std::fs::File::open(&path).expect("the file");
    let mut buffer = vec![0; CHUNK];
    step("read from its place, from memory", || {
        time(|| {
            for number in 0..CHUNKS {
                positioned::read_exact_at(&file, &mut buffer, at(number)).expect("the file");
                black_box(&buffer);
            }
        })
    });
}

fn main() {
    let chunks: Vec<Vec<u8>> = (0..CHUNKS as u32)
        .map(|number| {
            let words =
                (0..CHUNK as u32 / 4).map(|at| (at ^ (number << 20)).wrapping_mul(0x9E37_79B1));
            words.flat_map(u32::to_le_bytes).collect()
        })
        .collect();
    println!("{CHUNKS} chunks of 256 KiB, medians of {PASSES} passes, one thread");
    println!("{:<40} {:>12} {:>10}", "step", "ns a chunk", "MB/s");
    ciphers(&chunks);
    hashing(&chunks);
    places(&chunks);
}
