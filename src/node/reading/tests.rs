//! Nodes in one process that read files.

use super::*;
use crate::node::{Copies, DownloadEvent, DownloadRequest, Node, RateLimits, Settings};
use futures::{StreamExt as _, TryStreamExt as _};
use std::{net::Ipv4Addr, path::Path, time::Duration};
use tokio::time::timeout;

/// Above every deadline of a node.
const DEADLINE: Duration = Duration::from_secs(60);

/// A node of this test alone, whose shared folder has these files.
async fn node(home: &Path, files: &[(&str, &[u8])]) -> Node {
    std::fs::create_dir_all(home.join("shared")).unwrap();
    for (name, bytes) in files {
        std::fs::write(home.join("shared").join(name), bytes).unwrap();
    }
    Node::start(settings(home)).await.unwrap()
}

fn settings(home: &Path) -> Settings {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let discovery_port = free.local_addr().unwrap().port();
    Settings {
        discovery_port,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        mdns: false,
        replicas: Copies::Some(1),
        ..Settings::new(home)
    }
}

async fn read(reader: &Reader, range: Range<u64>) -> Vec<u8> {
    let all = reader.stream(range).map_ok(|bytes| bytes.to_vec());
    let all = timeout(DEADLINE, all.try_concat()).await;
    all.expect("the bytes come").unwrap()
}

fn noise(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut output = blake3::Hasher::new().update(&[seed]).finalize_xof();
    output.fill(&mut bytes);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_here_is_read_from_any_offset() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(1, 3_000_000);
    let files: [(&str, &[u8]); 2] = [("film.bin", &bytes), ("empty", b"")];
    let node = node(folder.path(), &files).await;
    let scanned = async {
        while node.list(None).await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, scanned)
        .await
        .expect("it reads its folder");
    let reader = node.open("film.bin").await.unwrap();
    assert_eq!((reader.name(), reader.size()), ("film.bin", 3_000_000));
    let ends = [0, 1, 1_500_000, 2_999_999, 3_000_000];
    for start in ends {
        for end in ends.into_iter().filter(|&end| end >= start) {
            let part = read(&reader, start..end).await;
            assert!(
                part == bytes[start as usize..end as usize],
                "{start}..{end}"
            );
        }
    }
    // Past its end there is nothing.
    assert!(read(&reader, 2_999_999..u64::MAX).await == bytes[2_999_999..]);
    assert!(read(&reader, 4_000_000..5_000_000).await.is_empty());
    let same = node.open(&reader.file().to_string()).await.unwrap();
    assert_eq!(same.name(), "film.bin");
    let same = node.open_file(reader.file(), "another name").unwrap();
    assert!(read(&same, 0..u64::MAX).await == bytes);
    let empty = node.open("empty").await.unwrap();
    assert!(read(&empty, 0..u64::MAX).await.is_empty());
    let request = DownloadRequest {
        what: vec!["*".into()],
        ..DownloadRequest::default()
    };
    let several = node.open_from(request).await;
    assert!(matches!(several, Err(OpenError::NotOne(2))), "{several:?}");
    node.leave().await;
}

/// A node that knows `other`, and takes at most so much a second.
async fn beside(home: &Path, other: &Node, download_limit: Option<u64>) -> Node {
    std::fs::create_dir_all(home.join("shared")).unwrap();
    let at = other.status().await.unwrap().addresses.remove(0);
    let settings = Settings {
        peers: vec![at],
        download_limit,
        ..settings(home)
    };
    Node::start(settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_gets_the_middle_of_a_file_first_and_what_came_stays_when_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(2, 12 << 20);
    let holder = node(&folder.path().join("one"), &[("film.bin", &bytes)]).await;
    // The whole would take half a minute.
    let slow = Some(400 << 10);
    let home = folder.path().join("two");
    let node = beside(&home, &holder, slow).await;
    let reader = node.open("film.bin").await.unwrap();
    assert!(
        node.jobs().is_empty(),
        "nothing is fetched before it is read"
    );
    for start in [10 << 20, 5 << 20, 0] {
        let part = read(&reader, start..start + 100_000).await;
        assert!(part == bytes[start as usize..][..100_000], "at {start}");
    }
    let job = &node.jobs()[0];
    assert!(node.jobs().len() == 1 && !job.state.has_ended(), "{job:?}");
    assert!(job.done < 6 << 20, "{job:?}");
    // Another job may go on with it, and a reader reads what that fetches.
    node.cancel(job.number).unwrap();
    node.set_rate_limits(RateLimits::default()); // Not before: it would be done at once.
    let (_, mut events) = node.download(DownloadRequest {
        what: vec!["film.bin".into()],
        wait: DEADLINE,
        ..DownloadRequest::default()
    });
    assert!(read(&reader, 0..u64::MAX).await == bytes);
    let mut done = None;
    while let Some(event) = timeout(DEADLINE, events.recv()).await.unwrap() {
        if let DownloadEvent::FileDone(file) = event {
            done = Some(file);
        }
    }
    // By this job, or by one that the reader began a moment before it: then it is here already.
    let done = done.unwrap();
    assert!(done.resumed > 0 || done.already, "{done:?}");
    node.leave().await;
    holder.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_read_whole_lies_in_its_place_when_the_reader_is_told_of_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(3, 5 << 20);
    let holder = node(&folder.path().join("one"), &[("film.bin", &bytes)]).await;
    for round in 0..4 {
        let home = folder.path().join(format!("two{round}"));
        let node = beside(&home, &holder, None).await;
        let reader = node.open("film.bin").await.unwrap();
        assert!(read(&reader, 0..u64::MAX).await == bytes);
        let placed = std::fs::read(home.join("downloads/film.bin"));
        assert!(placed.is_ok_and(|placed| placed == bytes), "round {round}");
        node.leave().await;
    }
    holder.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_sources_go_away_waits_for_its_patience_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(3, 8 << 20);
    let holder = node(&folder.path().join("one"), &[("film.bin", &bytes)]).await;
    let slow = Some(1 << 20);
    let node = beside(&folder.path().join("two"), &holder, slow).await;
    let reader = node.open("film.bin").await.unwrap();
    let mut stream = Box::pin(
        reader
            .patient(Duration::from_millis(500))
            .stream(0..8 << 20),
    );
    let first = timeout(DEADLINE, stream.next()).await.unwrap();
    assert!(bytes.starts_with(&first.unwrap().unwrap()));
    holder.leave().await;
    let mut end = None;
    while let Some(item) = timeout(DEADLINE, stream.next()).await.unwrap() {
        end = item.err();
    }
    assert!(
        matches!(end, Some(OpenError::SourcesLost(_) | OpenError::Stalled(_))),
        "{end:?}"
    );
    // What came is kept, like that of any download that was stopped.
    drop(stream);
    node.cancel(node.jobs()[0].number).unwrap();
    let kept = async {
        while node.broken_off().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, kept).await.expect("a partial file");
    node.leave().await;
}
