//! Bulk connections between nodes, and with strangers.

mod fallback;
mod replay;

use super::*;
use crate::wire::bulk::{MAGIC, TICKET};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn pair() -> (Node, Node, PathId) {
    let (mut a, mut b) = (Node::new(1), Node::new(2));
    a.dial(&b).await;
    a.connected().await;
    b.connected().await;
    let paths = a.net.paths(b.id()).await;
    (a, b, paths[0])
}

/// Opens a stream and says something, so that the other end hears of it.
async fn open(a: &Node, b: &mut Node, path: PathId) -> (Stream, Stream) {
    let stream = a.net.chunk_stream_on(b.id(), Some(path)).await;
    let mut ours = stream.unwrap();
    futures::AsyncWriteExt::write_all(&mut ours, b"hi")
        .await
        .unwrap();
    ours.flush().await.unwrap();
    let mut theirs = b.stream().await;
    let mut word = [0; 2];
    futures::AsyncReadExt::read_exact(&mut theirs, &mut word)
        .await
        .unwrap();
    assert_eq!(&word, b"hi");
    (ours, theirs)
}

#[tokio::test]
async fn chunks_take_a_connection_of_their_own() {
    let (a, mut b, path) = pair().await;
    let (mut ours, mut theirs) = open(&a, &mut b, path).await;
    assert!(ours.is_bulk() && theirs.is_bulk());
    assert_eq!(ours.path(), path);
    let bytes: Vec<u8> = (0..3_000_001u32).map(|n| (n / 3) as u8).collect();
    let sent = bytes.clone();
    let sending = tokio::spawn(async move {
        futures::AsyncWriteExt::write_all(&mut theirs, &sent)
            .await
            .unwrap();
        theirs.close().await.unwrap();
        theirs
    });
    let mut got = Vec::new();
    futures::AsyncReadExt::read_to_end(&mut ours, &mut got)
        .await
        .unwrap();
    assert!(got == bytes);
    // The other way, and from the end that answered the dial.
    let mut theirs = sending.await.unwrap();
    futures::AsyncWriteExt::write_all(&mut ours, &bytes[..100_000])
        .await
        .unwrap();
    ours.close().await.unwrap();
    got.clear();
    futures::AsyncReadExt::read_to_end(&mut theirs, &mut got)
        .await
        .unwrap();
    assert!(got == bytes[..100_000]);
    let back = b.net.paths(a.id()).await;
    let stream = b.net.chunk_stream_on(a.id(), Some(back[0])).await;
    assert!(stream.unwrap().is_bulk());
}

#[tokio::test]
async fn they_end_with_the_connection_on_which_they_were_agreed() {
    let (a, mut b, path) = pair().await;
    let (mut ours, mut theirs) = open(&a, &mut b, path).await;
    b.net.disconnect(a.id()).await;
    let mut byte = [0];
    for end in [&mut ours, &mut theirs] {
        let read = futures::AsyncReadExt::read(end, &mut byte);
        let read = tokio::time::timeout(DEADLINE, read).await.unwrap();
        assert!(matches!(read, Err(_) | Ok(0)), "{read:?}");
    }
}

#[tokio::test]
async fn one_node_has_few_of_them_and_ordinary_streams_beside() {
    let (a, mut b, path) = pair().await;
    let mut kept = Vec::new();
    for number in 0..6 {
        let (ours, theirs) = open(&a, &mut b, path).await;
        assert_eq!(theirs.is_bulk(), number < 4, "{number}");
        kept.push((ours, theirs));
    }
}

#[tokio::test]
async fn a_stranger_with_the_first_bytes_gets_nothing() {
    let (a, mut b, path) = pair().await;
    let port = b.net.port();
    let mut open_ones = Vec::new();
    for number in 0..100u8 {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        if number % 2 == 0 {
            socket.write_all(&MAGIC).await.unwrap();
            socket.write_all(&[number; TICKET]).await.unwrap();
            // Closed at once, with nothing said.
            let mut all = Vec::new();
            let read = tokio::time::timeout(DEADLINE, socket.read_to_end(&mut all)).await;
            let _ = read.unwrap(); // A reset does, too.
            assert!(all.is_empty());
        } else {
            // Says no more: waits among the few that may.
            socket.write_all(&MAGIC).await.unwrap();
            open_ones.push(socket);
        }
    }
    assert!(b.streams.try_recv().is_err());
    // Those who are known still get their chunks, one way or the other.
    open(&a, &mut b, path).await;
}
