//! Chunks over connections of their own, and over ordinary streams where there can be none.

use super::hostile_serving::{address, answer, ask};
use crate::common::{
    DEADLINE, Swarm, downloaded,
    faulty::{Fault, Faulty, File, known_as, older, secret, start},
    noise, share,
};
use futures::AsyncReadExt as _;
use sprat::{
    core::{chunk::VerifiedChunk, id::ChunkId},
    net::Stream,
    wire::chunk::Status,
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// Until a way on which nothing comes back is given up: 10 s, and a slow machine's margin.
const GIVEN_UP: Duration = Duration::from_secs(20);

/// Asks for all of them, and checks what comes; how many bytes that is.
async fn fetch(stream: &mut Stream, ids: &[ChunkId]) -> usize {
    ask(stream, ids).await.unwrap();
    let mut count = 0;
    for _ in ids {
        let header = answer(stream).await.unwrap();
        let Status::Bytes(len) = header.status else {
            panic!("{header:?}");
        };
        let mut bytes = vec![0; len as usize];
        timeout(DEADLINE, stream.read_exact(&mut bytes))
            .await
            .unwrap()
            .unwrap();
        let id = VerifiedChunk::hash(&bytes).id();
        assert_eq!(id, ids[header.tag as usize]);
        count += bytes.len();
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_knows_nothing_of_bulk_gives_and_takes_all_the_same() {
    let swarm = Swarm::new();
    let file = File::new("old.bin", noise(60, 6 << 20));
    let old = Faulty::join(swarm.port, "old", file.clone(), Fault::Older);
    swarm.run("carol", &["download", "old.bin"]).succeeds();
    assert_eq!(downloaded(&swarm.home("carol"), "old.bin"), *file.bytes);
    assert!(old.asked.load(Ordering::Relaxed) > 0);
    assert_eq!(old.bulk.load(Ordering::Relaxed), 0);

    let bytes = noise(61, 6 << 20);
    share(&swarm.home("alice"), "new.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &[]);
    let ids = File::new("new.bin", bytes.clone()).chunk_ids();
    let (net, node) = known_as(older(secret()), address(&alice)).await;
    let path = net.paths(node).await.first().copied();
    let mut stream = net.chunk_stream_on(node, path).await.unwrap();
    assert!(!stream.is_bulk());
    assert_eq!(fetch(&mut stream, &ids).await, bytes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_further_connections_lead_nowhere_all_comes_by_the_one_that_stands() {
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        for fault in [Fault::HangsUpLater, Fault::MuteLater] {
            let runtime = runtime.clone();
            scope.spawn(move || {
                let _inside = runtime.enter();
                let swarm = Swarm::new();
                let file = File::new("f.bin", noise(62, 12 << 20));
                let only = Faulty::join(swarm.port, "only", file.clone(), fault);
                let ran = swarm.run("carol", &["download", "f.bin"]).succeeds();
                assert_eq!(downloaded(&swarm.home("carol"), "f.bin"), *file.bytes);
                assert!(ran.elapsed < GIVEN_UP, "{fault:?}: {:?}", ran.elapsed);
                assert_eq!(only.bulk.load(Ordering::Relaxed), 0, "{fault:?}");
                // Each of the two streams to a peer may have tried it; not each chunk.
                let later = only.later.load(Ordering::Relaxed);
                assert!((1..=4).contains(&later), "{fault:?}: {later} times");
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_on_bulk_connections() {
    const LIMIT: usize = 2 << 20;
    let within = |bytes: usize, elapsed: Duration| {
        let rate = bytes as f64 / elapsed.as_secs_f64();
        assert!(rate < 1.1 * LIMIT as f64, "{rate} bytes a second");
    };
    let swarm = Swarm::new();
    let bytes = noise(63, 4 * LIMIT);
    share(&swarm.home("alice"), "f.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &["--upload-limit", "2M"]);
    let ids = File::new("f.bin", bytes.clone()).chunk_ids();
    let (net, node) = known_as(start(secret()), address(&alice)).await;
    let path = net.paths(node).await.first().copied();
    let begun = Instant::now();
    let mut stream = net.chunk_stream_on(node, path).await.unwrap();
    assert!(stream.is_bulk());
    assert_eq!(fetch(&mut stream, &ids).await, bytes.len());
    within(bytes.len(), begun.elapsed());

    let swarm = Swarm::new();
    let file = File::new("f.bin", bytes);
    let fast = Faulty::join(swarm.port, "fast", file.clone(), Fault::None);
    let arguments = ["download", "f.bin", "--download-limit", "2M"];
    let ran = swarm.run("carol", &arguments).succeeds();
    assert_eq!(downloaded(&swarm.home("carol"), "f.bin"), *file.bytes);
    let asked = fast.asked.load(Ordering::Relaxed);
    assert_eq!(fast.bulk.load(Ordering::Relaxed), asked);
    within(file.bytes.len(), ran.elapsed);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_read_lose_their_bulk_connections_and_hold_up_nobody_for_long() {
    let swarm = Swarm::new();
    let bytes = noise(64, 12 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &[]);
    let ids = File::new("big.bin", bytes.clone()).chunk_ids();
    // More than there are places for chunks in memory.
    let mut stuck = Vec::new();
    for _ in 0..6 {
        let (net, node) = known_as(start(secret()), address(&alice)).await;
        let path = net.paths(node).await.first().copied();
        for _ in 0..2 {
            let mut stream = net.chunk_stream_on(node, path).await.unwrap();
            assert!(stream.is_bulk());
            ask(&mut stream, &ids).await.unwrap();
            stuck.push((stream, net.clone()));
        }
    }
    swarm.run("carol", &["download", "big.bin"]).succeeds();
    assert!(downloaded(&swarm.home("carol"), "big.bin") == bytes);
    // Only a write shows that it is closed: to read would be an answer.
    let (mut stream, _net) = stuck.swap_remove(0);
    let closed = async {
        while ask(&mut stream, &ids[..1]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(DEADLINE, closed)
        .await
        .expect("a connection that nobody reads is closed");
}
