//! Whole nodes, where a part is needed that the binary has not got: a relay that alters what it
//! carries.

use super::*;
use crate::net::tests::meeting::server::Server;
use std::{net::Ipv4Addr, sync::atomic::Ordering::SeqCst, time::Duration};
use tokio::time::timeout;

/// Above every deadline of a node.
const DEADLINE: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

/// A node that only the server leads to: nobody hears its beacons.
async fn beyond(server: &Server, home: &std::path::Path, name: &str) -> Node {
    std::fs::create_dir_all(home.join("shared")).unwrap();
    let free = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let discovery_port = free.local_addr().unwrap().port();
    drop(free);
    let settings = Settings {
        name: name.into(),
        discovery_port,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        rendezvous: vec![server.at.to_string()],
        mdns: false,
        replicas: Copies::Some(1),
        // Slowly, so that there is something left to alter.
        upload_limit: Some(2 * MIB),
        ..Settings::new(home)
    };
    Node::start(settings).await.unwrap()
}

/// Waits until nobody is here. (No event tells of it before it is clear that they do not come back
/// at once.)
async fn alone(node: &Node) {
    let alone = async {
        while !node.peers().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, alone).await.expect("it stays connected");
}

async fn so_much(job: &mut mpsc::Receiver<DownloadEvent>, wanted: u64) {
    loop {
        match timeout(DEADLINE, job.recv()).await.unwrap().unwrap() {
            DownloadEvent::Progress(progress) if progress.done >= wanted => return,
            DownloadEvent::FileFailed { error, .. } => panic!("{error}"),
            DownloadEvent::End => panic!("it is over already"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_alters_is_not_stored_and_the_download_ends_well_when_it_stops() {
    let server = Server::new(100).await;
    // Nobody is told where to punch, so the relay is the only path.
    server.honest.store(false, SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..2 * MIB)
        .flat_map(|at| blake3::hash(&at.to_le_bytes()).as_bytes()[..4].to_vec())
        .collect();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    std::fs::create_dir_all(one.join("shared")).unwrap();
    std::fs::write(one.join("shared/big.bin"), &bytes).unwrap();
    let sender = beyond(&server, &one, "sender").await;
    let receiver = beyond(&server, &other, "receiver").await;
    let mut told = receiver.events();
    let (_, mut job) = receiver.download(DownloadRequest {
        what: vec!["big.bin".into()],
        wait: DEADLINE,
        ..DownloadRequest::default()
    });
    so_much(&mut job, MIB).await;
    assert_eq!(receiver.peers()[0].via, Via::Relay);
    server.alter.store(true, SeqCst);
    tokio::join!(alone(&receiver), alone(&sender));
    assert!(!other.join("downloads/big.bin").exists());
    server.alter.store(false, SeqCst);
    let mut done = None;
    while let Some(event) = timeout(DEADLINE, job.recv()).await.unwrap() {
        match event {
            DownloadEvent::FileDone(file) => done = Some(file),
            DownloadEvent::FileFailed { error, .. } => panic!("{error}"),
            _ => {}
        }
    }
    // What had arrived before was right, so that nothing had to be fetched twice, and nobody was
    // blamed for the relay's doing.
    let done = done.unwrap();
    assert_eq!(done.fetched, bytes.len() as u64);
    assert!(std::fs::read(other.join("downloads/big.bin")).unwrap() == bytes);
    while let Ok(event) = told.try_recv() {
        assert!(!matches!(event, NodeEvent::PeerDropped { .. }), "{event:?}");
    }
    receiver.leave().await;
    sender.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_actors_turns_are_counted_and_a_pause_of_one_is_seen() {
    let home = tempfile::tempdir().unwrap();
    let settings = Settings {
        hidden: true,
        mdns: false,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        ..Settings::new(home.path())
    };
    let node = Node::start(settings).await.unwrap();
    let before = node.status().await.unwrap().turns;
    // Until somebody lets the lock go, no turn ends.
    let swarm = node.shared.services.swarm.clone();
    let (held, holds) = oneshot::channel();
    let pause = std::thread::spawn(move || {
        let turn = swarm.turn();
        held.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        drop(turn);
    });
    timeout(DEADLINE, holds).await.unwrap().unwrap();
    let after = async {
        // The turn of a question is counted at its end, after its answer.
        loop {
            let turns = node.status().await.unwrap().turns;
            if turns.pauses() > before.pauses() {
                return turns;
            }
        }
    };
    let after = timeout(DEADLINE, after).await.expect("nobody saw it");
    pause.join().unwrap();
    assert!(after.longest() > Duration::from_millis(20));
    assert!(after.count() > before.count());
    assert_eq!(after.buckets().iter().sum::<u64>(), after.count());
    node.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_for_something_is_told_of_that_alone_also_of_changes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("other")).unwrap();
    let alone = |home: &str| Settings {
        discovery_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        mdns: false,
        replicas: Copies::Some(1),
        ..Settings::new(folder.path().join(home))
    };
    let shared = folder.path().join("one/shared");
    std::fs::create_dir_all(&shared).unwrap();
    for name in ["one.txt", "two.txt", "Txt.bin", "three.jpg"] {
        std::fs::write(shared.join(name), name).unwrap();
    }
    let one = Node::start(alone("one")).await.unwrap();
    let at = one.status().await.unwrap().addresses[0].clone();
    let other = Node::start(Settings {
        peers: vec![at],
        share: false,
        looks_for: Some(LooksFor::List("*.txt".into())),
        ..alone("other")
    })
    .await
    .unwrap();
    let gaps = other.await_offers(DEADLINE).await;
    assert!(gaps.is_empty(), "{gaps:?}");
    let names = async |pattern: Option<&str>| {
        let rows = other.list(pattern.map(str::to_owned)).await;
        let names = rows.into_iter().map(|row| row.name);
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(Some("*.txt")).await, ["one.txt", "two.txt"]);
    assert_eq!(
        names(None).await,
        ["one.txt", "two.txt"],
        "no more is known"
    );
    std::fs::write(shared.join("four.jpg"), "four").unwrap();
    std::fs::write(shared.join("five.txt"), "five").unwrap();
    std::fs::remove_file(shared.join("one.txt")).unwrap();
    let heard = async {
        while names(None).await != ["five.txt", "two.txt"] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, heard).await.expect("the changes");
    tokio::join!(other.leave(), one.leave());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fetches_is_told_of_what_that_is_alone_and_of_all_who_have_it_by_whatever_name() {
    let folder = tempfile::tempdir().unwrap();
    let alone = |home: &str| Settings {
        discovery_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        mdns: false,
        replicas: Copies::Some(1),
        ..Settings::new(folder.path().join(home))
    };
    let bytes: Vec<u8> = (0..MIB / 2)
        .flat_map(|at| blake3::hash(&at.to_le_bytes()).as_bytes()[..4].to_vec())
        .collect();
    std::fs::create_dir(folder.path().join("other")).unwrap();
    let mut nodes = Vec::new();
    for (home, name) in [("one", "film.bin"), ("two", "else/other.bin")] {
        let shared = folder.path().join(home).join("shared");
        std::fs::create_dir_all(shared.join("else")).unwrap();
        // More than who offers little would tell all of.
        for at in 0..700 {
            std::fs::write(shared.join(format!("{at}.txt")), format!("{home} {at}")).unwrap();
        }
        std::fs::write(shared.join(name), &bytes).unwrap();
        // Slowly, so that both are asked.
        let node = Node::start(Settings {
            upload_limit: Some(2 * MIB),
            ..alone(home)
        });
        nodes.push(node.await.unwrap());
    }
    let mut peers = Vec::new();
    for node in &nodes {
        let read = async {
            while node.status().await.unwrap().shared_files < 701 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, read).await.expect("it reads its folder");
        peers.push(node.status().await.unwrap().addresses[0].clone());
    }
    let other = Node::start(Settings {
        peers,
        share: false,
        looks_for: Some(LooksFor::Download(vec!["film.bin".into()])),
        ..alone("other")
    });
    let other = other.await.unwrap();
    let (_, mut job) = other.download(DownloadRequest {
        what: vec!["film.bin".into()],
        wait: DEADLINE,
        ..DownloadRequest::default()
    });
    let mut done = None;
    while let Some(event) = timeout(DEADLINE, job.recv()).await.unwrap() {
        match event {
            DownloadEvent::FileDone(file) => done = Some(file),
            DownloadEvent::FileFailed { error, .. } => panic!("{error}"),
            _ => {}
        }
    }
    let done = done.unwrap();
    assert_eq!(done.sources.len(), 2, "{:?}", done.sources);
    let rows = other.list(None).await.into_iter();
    let names: Vec<String> = rows.map(|row| row.name).collect();
    assert_eq!(names, ["else/other.bin", "film.bin"], "no more is known");
    other.leave().await;
    for node in nodes {
        node.leave().await;
    }
}
