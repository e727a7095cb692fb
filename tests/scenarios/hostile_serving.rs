//! A node that serves, and strangers who use it up: streams that nobody reads, questions without
//! end, nonsense, more connections than there is room for, and no file descriptor left. Afterwards,
//! and meanwhile, it serves.

use crate::common::{
    DEADLINE, Swarm, downloaded,
    faulty::{File, stranger},
    noise, peak, share,
};
use futures::{AsyncReadExt, AsyncWriteExt};
use sprat::{
    core::id::{ChunkId, FileId},
    net::Stream,
    wire::chunk::{HEADER, Header, MAX_TOLD, Question, Status},
};
use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// Where a node listens, from its `ready` line.
pub(super) fn address(node: &crate::common::Running) -> SocketAddr {
    let ready = node
        .seen
        .iter()
        .find(|line| line.contains(r#""event":"ready""#))
        .unwrap();
    let ready: serde_json::Value = serde_json::from_str(ready).unwrap();
    ready["addresses"][0].as_str().unwrap().parse().unwrap()
}

pub(super) async fn ask(stream: &mut Stream, ids: &[ChunkId]) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    for (tag, id) in (0..).zip(ids) {
        Question::Get(tag, *id).write(&mut bytes);
    }
    stream.write_all(&bytes).await?;
    stream.flush().await
}

pub(super) async fn answer(stream: &mut Stream) -> std::io::Result<Header> {
    let mut header = [0; HEADER];
    timeout(DEADLINE, stream.read_exact(&mut header))
        .await
        .unwrap()?;
    Ok(Header::from_bytes(header).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_read_hold_up_nobody_and_lose_their_streams() {
    let swarm = Swarm::new();
    let bytes = noise(40, 24 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &[]);
    let ids = File::new("big.bin", bytes.clone()).chunk_ids();
    // More identities than there are places for chunks in memory, each with several streams.
    let mut stuck = Vec::new();
    for _ in 0..40 {
        let (net, node) = stranger(address(&alice)).await;
        for _ in 0..3 {
            let mut stream = net.chunk_stream(node).await.unwrap();
            ask(&mut stream, &ids).await.unwrap();
            stuck.push((stream, net.clone()));
        }
    }
    let ran = swarm.run("carol", &["download", "big.bin"]).succeeds();
    assert!(ran.elapsed < Duration::from_secs(15), "{:?}", ran.elapsed);
    assert_eq!(downloaded(&swarm.home("carol"), "big.bin"), bytes);
    #[cfg(target_os = "linux")]
    assert!(
        peak(alice.child.id()) < 300_000,
        "{} kB",
        peak(alice.child.id())
    );
    // Each of them is closed in the end: then it takes no more questions.
    let (mut stream, _net) = stuck.swap_remove(0);
    let closed = async {
        while ask(&mut stream, &ids[..1]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await; // Only a write shows it, and reading would be an answer.
        }
    };
    timeout(DEADLINE, closed)
        .await
        .expect("a stream that nobody reads is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_questions_without_reading_an_answer_are_bounded() {
    let swarm = Swarm::new();
    let bytes = noise(41, 16 << 20);
    share(&swarm.home("alice"), "big.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &[]);
    let ids = File::new("big.bin", bytes).chunk_ids();
    let (net, node) = stranger(address(&alice)).await;
    let many: Vec<ChunkId> = ids.iter().copied().cycle().take(10_000).collect();
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = net.chunk_stream(node).await.unwrap();
        // It does not take all of them: that is the point.
        let _ = timeout(Duration::from_millis(300), ask(&mut stream, &many)).await;
        streams.push(stream);
    }
    // Another one is answered, though, and so is what is not here.
    let (other, node) = stranger(address(&alice)).await;
    let mut stream = other.chunk_stream(node).await.unwrap();
    ask(&mut stream, &[ChunkId([9; 32]), ids[0]]).await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().status, Status::Missing);
    assert!(matches!(
        answer(&mut stream).await.unwrap().status,
        Status::Bytes(_)
    ));
    #[cfg(target_os = "linux")]
    assert!(
        peak(alice.child.id()) < 200_000,
        "{} kB",
        peak(alice.child.id())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_a_chunk_stream_costs_that_stream_only() {
    let swarm = Swarm::new();
    let bytes = noise(42, 1 << 20);
    share(&swarm.home("alice"), "f.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &[]);
    let ids = File::new("f.bin", bytes).chunk_ids();
    let (net, node) = stranger(address(&alice)).await;
    let mut good = net.chunk_stream(node).await.unwrap();
    ask(&mut good, &ids[..1]).await.unwrap();
    assert!(matches!(
        answer(&mut good).await.unwrap().status,
        Status::Bytes(_)
    ));
    for nonsense in [
        &b"\xff\xff\xff\xff\xff\xff"[..],
        b"\x00",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = net.chunk_stream(node).await.unwrap();
        stream.write_all(nonsense).await.unwrap();
        stream.flush().await.unwrap();
        let _ = stream.write_all(&[0xff; 100]).await;
        let _ = stream.flush().await;
        let read = timeout(DEADLINE, stream.read(&mut [0; 9])).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "{nonsense:?}: {read:?}");
    }
    // A withdrawal of what was never asked does nothing.
    let mut bytes = Vec::new();
    Question::Cancel(77).write(&mut bytes);
    let mut stream = net.chunk_stream(node).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    ask(&mut stream, &[ChunkId([8; 32])]).await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().status, Status::Missing);
    swarm.run("carol", &["download", "f.bin"]).succeeds();
}

/// News on a stream for which nobody asked, and more of them than anybody has.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_news_is_taken_in_slowly_and_costs_that_stream_only() {
    let swarm = Swarm::new();
    let bytes = noise(45, 1 << 20);
    share(&swarm.home("alice"), "f.bin", &bytes);
    let alice = swarm.serve_scanned("alice", &[]);
    let ids = File::new("f.bin", bytes).chunk_ids();
    let (net, node) = stranger(address(&alice)).await;
    let mut news = Vec::new();
    let all: Vec<u32> = (0..MAX_TOLD as u32).collect();
    Question::tell(&FileId([1; 32]), &all, &mut news);
    let mut flood = net.chunk_stream(node).await.unwrap();
    let (begun, mut taken) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(2) {
        let sent = async {
            flood.write_all(&news).await?;
            flood.flush().await
        };
        match timeout(Duration::from_millis(500), sent).await {
            Ok(Ok(())) => taken += 1,
            Ok(Err(error)) => panic!("{error}"),
            Err(_) => break, // A part of one has left: nothing more can be said.
        }
    }
    // What the window and the sockets hold, and 200 a second.
    assert!(taken < 1_200, "{taken}");
    let mut stream = net.chunk_stream(node).await.unwrap();
    ask(&mut stream, &ids[..1]).await.unwrap();
    let status = answer(&mut stream).await.unwrap().status;
    assert!(matches!(status, Status::Bytes(_)));
    swarm.run("carol", &["download", "f.bin"]).succeeds();
}

#[test]
fn among_connections_that_say_nothing_an_honest_peer_gets_in() {
    let swarm = Swarm::new();
    share(&swarm.home("alice"), "f.bin", &noise(43, 9_000));
    let alice = swarm.serve_scanned("alice", &[]);
    let at = address(&alice);
    let flood: Vec<TcpStream> = (0..400)
        .filter_map(|_| TcpStream::connect(at).ok())
        .collect();
    swarm
        .run("carol", &["download", "f.bin", "--wait", "40"])
        .succeeds();
    drop(flood);
}

#[cfg(unix)]
#[test]
fn running_out_of_file_descriptors_is_survived() {
    let swarm = Swarm::new();
    let bytes = noise(44, 3 << 20);
    for name in ["one.bin", "folder/two.bin"] {
        share(&swarm.home("alice"), name, &bytes);
    }
    let mut alice = swarm.start_limited("alice", &["serve", "--json"], "ulimit -n 64");
    alice.wait("scanned", |line| line.contains(r#""event":"scanned""#));
    let at = address(&alice);
    let flood: Vec<TcpStream> = (0..200)
        .filter_map(|_| TcpStream::connect(at).ok())
        .collect();
    // Now it has something to do for which it needs descriptors: a folder to read, and files.
    let shared = swarm.home("alice").join("shared");
    std::fs::rename(shared.join("folder"), shared.join("moved")).unwrap();
    for round in 0..20 {
        share(
            &swarm.home("alice"),
            &format!("new{round}.bin"),
            &noise(round, 5_000),
        );
        std::thread::sleep(Duration::from_millis(100)); // The flood stays for a while.
    }
    assert!(alice.child.try_wait().unwrap().is_none(), "it is gone");
    drop(flood);
    let until = Instant::now() + DEADLINE;
    loop {
        let ran = swarm.run("carol", &["list", "--json", "--wait", "5"]);
        if ran.out().lines().count() == 22 && ran.out().contains("moved/two.bin") {
            break;
        }
        assert!(Instant::now() < until, "{}{}", ran.out(), ran.err());
    }
    swarm
        .run(
            "carol",
            &["download", "one.bin", "moved/two.bin", "new19.bin"],
        )
        .succeeds();
    assert_eq!(downloaded(&swarm.home("carol"), "moved/two.bin"), bytes);
    // What was there all the time was never withdrawn.
    while alice.try_line() {}
    assert!(
        !alice
            .seen
            .iter()
            .any(|line| line.contains("withdrawn") && !line.contains("folder/two.bin")),
        "{:#?}",
        alice.seen
    );
}
