//! Manifests from strangers: what they cost is bounded by what their files can honestly be, by the
//! quota, and by the disk.
#![cfg(target_os = "linux")]

use super::hostile_replicas::QUOTA;
use crate::common::{
    DEADLINE, Running, Swarm,
    faulty::{self, Fault, Faulty, File, stranger},
    kept, until,
};
use futures::{AsyncReadExt, AsyncWriteExt};
use sprat::{
    core::{
        consent::AskId,
        id::NodeId,
        manifest::{MAX_PAGES, MIN_CHUNK, PAGE_ENTRIES},
    },
    wire::{
        cbor,
        distribute::{self, Answer, Offered, PushRefusal},
    },
};
use std::{fs, net::SocketAddr, path::Path, time::Duration};
use tokio::time::timeout;

/// Bytes that a process has had in memory at most, and since the last call to this.
fn peak(process: u32) -> u64 {
    let peak = crate::common::peak(process);
    // Begins to count anew.
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
    peak << 10
}

/// Bytes of the node's own files, without chunks.
fn index(home: &Path) -> u64 {
    let all = walkdir::WalkDir::new(home.join(".sprat/index")).into_iter();
    all.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum()
}

fn address(node: &mut Running) -> SocketAddr {
    let ready = node.event("ready");
    ready["addresses"][0].as_str().unwrap().parse().unwrap()
}

/// What the victim answers to an offer of `file`; `None` when it ends the stream.
async fn push(peer: &Faulty, victim: NodeId, file: &File) -> Option<Answer> {
    let offered = Offered {
        file: file.id(),
        origins: Vec::new(),
        chunks: vec![0, 1],
        more: Vec::new(),
    };
    let asked = async {
        loop {
            let mut stream = peer
                .net
                .stream(victim, sprat::wire::distribute::PROTOCOL)
                .await
                .ok()?;
            distribute::write(&mut stream, &offered).await.ok()?;
            stream.flush().await.ok()?;
            match distribute::read(&mut stream).await.ok()? {
                // Its catalog is on the way.
                Some(Answer::Refuse(PushRefusal::Unknown | PushRefusal::Busy)) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                answer => return answer,
            }
        }
    };
    timeout(DEADLINE, asked).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_who_push_manifests_fill_neither_disk_nor_memory() {
    let swarm = Swarm::new();
    let mut victim = swarm.start("victim", &QUOTA);
    let (_net, node) = stranger(address(&mut victim)).await;
    let home = swarm.home("victim");
    let (before, _) = (index(&home), peak(victim.child.id()));
    for round in 0..8 {
        // A file of 4 MiB, a byte a chunk.
        let tiny = File::declared(&format!("t{round}"), &[1; PAGE_ENTRIES], MAX_PAGES);
        let peer = Faulty::join(
            swarm.port,
            &format!("tiny{round}"),
            tiny.clone(),
            Fault::None,
        );
        let _ = faulty::stream(&peer.net, node, sprat::wire::distribute::PROTOCOL).await;
        assert_eq!(push(&peer, node, &tiny).await, None);
        victim.wait("the drop", |line| line.contains("its manifest is false"));
        // As many chunks as there may be, in a file that could be.
        let lens = [MIN_CHUNK; PAGE_ENTRIES];
        let huge = File::declared(&format!("h{round}"), &lens, MAX_PAGES);
        let peer = Faulty::join(
            swarm.port,
            &format!("huge{round}"),
            huge.clone(),
            Fault::None,
        );
        let _ = faulty::stream(&peer.net, node, sprat::wire::distribute::PROTOCOL).await;
        let no_room = Some(Answer::Refuse(PushRefusal::NoRoom));
        assert_eq!(push(&peer, node, &huge).await, no_room);
        // One that fits the quota, again and again, without a byte of its chunks.
        let fits = File::declared(&format!("f{round}"), &lens, 2);
        let peer = Faulty::join(
            swarm.port,
            &format!("fits{round}"),
            fits.clone(),
            Fault::None,
        );
        let _ = faulty::stream(&peer.net, node, sprat::wire::distribute::PROTOCOL).await;
        for _ in 0..4 {
            let answer = push(&peer, node, &fits).await;
            assert!(matches!(answer, Some(Answer::Want(_))), "{answer:?}");
        }
    }
    let (grown, memory) = (index(&home) - before, peak(victim.child.id()));
    println!("the index grew by {grown} bytes, memory was {memory} bytes at most");
    assert!(grown < 16 << 20, "{grown}");
    assert!(memory < 128 << 20, "{memory}");
    assert_eq!(kept(&home), 0);
    victim.leave();

    let mut victim = swarm.start("victim", &QUOTA);
    address(&mut victim);
    victim.leave();
    let opened = sprat::store::Home::open(&home).unwrap();
    let (known, _) = sprat::store::Index::open(&opened).unwrap();
    for round in 0..8 {
        for kind in ["t", "h", "f"] {
            let pages = if kind == "f" { 2 } else { MAX_PAGES };
            let len = if kind == "t" { 1 } else { MIN_CHUNK };
            let file = File::declared(&format!("{kind}{round}"), &[len; PAGE_ENTRIES], pages);
            assert_eq!(known.root(&file.id()).unwrap(), None, "{kind}{round}");
            assert_eq!(known.page(&file.id(), 0).unwrap(), None, "{kind}{round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_no_disk_holds_costs_no_manifest() {
    let swarm = Swarm::new();
    let lens = [1 << 20; PAGE_ENTRIES];
    // 4 TiB.
    let file = File::declared("endless.bin", &lens, MAX_PAGES);
    let _peer = Faulty::join(swarm.port, "mallory", file, Fault::None);
    let home = swarm.home("carol");
    let ran = swarm.run("carol", &["download", "endless.bin", "--json"]);
    assert_eq!(ran.code(), 7, "{}", ran.err());
    let grown = index(&home);
    println!("the index has {grown} bytes");
    assert!(grown < 2 << 20, "{grown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_comes_slowly_is_progress_and_a_hole_takes_no_room() {
    let swarm = Swarm::new();
    let file = File::hole("hole.img", 3);
    let _peer = Faulty::join(swarm.port, "mallory", file, Fault::SlowPages);
    let home = swarm.home("carol");
    // Three pages take 4.5 s.
    let ran = swarm.run("carol", &["download", "hole.img", "--timeout", "4"]);
    assert_eq!(ran.code(), 0, "{}", ran.err());
    let path = home.join("downloads/hole.img");
    let meta = std::fs::metadata(path).unwrap();
    assert_eq!(meta.len(), (3 * PAGE_ENTRIES as u64) << 20);
    #[cfg(unix)]
    {
        let taken = std::os::unix::fs::MetadataExt::blocks(&meta) * 512;
        assert!(taken < 1 << 20, "{taken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asks_of_nothing_but_empty_names_cost_what_their_bytes_do() {
    let swarm = Swarm::new();
    let mut bob = swarm.start("bob", &["--json"]);
    bob.type_line("status");
    let status = bob.event("status");
    let at = status["addresses"][0].as_str().unwrap().parse().unwrap();
    let (_net, node) = stranger(at).await;
    let before = peak(bob.child.id());
    // An ask of two million empty names: a byte each on the wire, 24 in memory.
    let mut ask = vec![0xa1, 0x63];
    ask.extend(b"Ask\xa5");
    ask.extend(b"\x62id");
    ask.extend(cbor::encode(&AskId([7; 16])));
    ask.extend(b"\x64from\x60\x62to\x9a");
    let names = (2 << 20) - 64 - ask.len();
    ask.extend((names as u32).to_be_bytes());
    ask.resize(ask.len() + names, 0x60);
    let mut frame = (ask.len() as u32).to_be_bytes().to_vec();
    frame.extend(ask);
    for _ in 0..6 {
        let (net, _) = stranger(at).await;
        let mut stream = net
            .stream(node, sprat::wire::consent::PROTOCOL)
            .await
            .unwrap();
        stream.write_all(&frame).await.unwrap();
        stream.flush().await.unwrap();
        let read = timeout(DEADLINE, stream.read(&mut [0])).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    let grown = peak(bob.child.id()).saturating_sub(before);
    println!("memory grew by {grown} bytes");
    assert!(grown < 24 << 20, "{grown}");
    until("it to be still there", || {
        swarm
            .run("carol", &["peers", "--json"])
            .out()
            .contains("bob")
    });
}
