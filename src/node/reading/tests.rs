//! Nodes in one process that read files.

use super::*;
use crate::node::{DownloadRequest, Node, Settings};
use futures::TryStreamExt as _;
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
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let discovery_port = free.local_addr().unwrap().port();
    drop(free);
    let settings = Settings {
        discovery_port,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        mdns: false,
        ..Settings::new(home)
    };
    Node::start(settings).await.unwrap()
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
