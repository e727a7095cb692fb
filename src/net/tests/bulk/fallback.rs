//! Where no bulk connection can be had, chunks come all the same, by the connection that stands.

use super::{open, *};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::net::{TcpListener, TcpSocket};

/// What becomes of the connections to a node that come after its first one.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wall {
    /// Nothing listens there any more.
    Refuses,
    /// Nothing answers: a firewall drops what comes.
    #[cfg(target_os = "linux")]
    Drops,
    /// Something else is there, and hangs up.
    HangsUp,
}

/// An address at which the node with that port is reached once; counts those who come later.
fn behind(wall: Wall, port: u16) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener: TcpListener = socket.listen(1).unwrap();
    let at = listener.local_addr().unwrap();
    let later = Arc::new(AtomicUsize::new(0));
    let count = later.clone();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let passing = async {
            let mut onward = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::io::copy_bidirectional(&mut first, &mut onward).await
        };
        let rest = async {
            match wall {
                Wall::Refuses => drop(listener),
                #[cfg(target_os = "linux")]
                Wall::Drops => {
                    // A connection that comes when the queue is full gets no answer.
                    let _full = fill(at).await;
                    std::future::pending::<()>().await;
                    drop(listener);
                }
                Wall::HangsUp => loop {
                    listener.accept().await.unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                },
            }
        };
        let _ = tokio::join!(passing, rest);
    });
    (at, later)
}

/// Connections that nobody accepts, until one more gets no answer.
#[cfg(target_os = "linux")]
async fn fill(at: SocketAddr) -> Vec<TcpStream> {
    let mut waiting = Vec::new();
    let connect = |at| tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(at));
    while let Ok(Ok(one)) = connect(at).await {
        waiting.push(one);
        assert!(waiting.len() < 10, "this queue is never full");
    }
    waiting
}

async fn carries(mut from: Stream, mut to: Stream) {
    let bytes: Vec<u8> = (0..1_000_001u32).map(|n| (n / 3) as u8).collect();
    let sent = bytes.clone();
    let sending = tokio::spawn(async move {
        futures::AsyncWriteExt::write_all(&mut from, &sent).await?;
        from.close().await
    });
    let mut got = Vec::new();
    futures::AsyncReadExt::read_to_end(&mut to, &mut got)
        .await
        .unwrap();
    sending.await.unwrap().unwrap();
    assert!(got == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_knows_nothing_of_bulk_asks_and_is_asked_by_ordinary_streams() {
    let (mut old, mut new) = (Node::older(1), Node::new(2));
    old.dial(&new).await;
    old.connected().await;
    new.connected().await;
    for _ in 0..2 {
        let path = new.net.paths(old.id()).await[0];
        let (asks, answers) = open(&new, &mut old, path).await;
        assert!(!asks.is_bulk() && !answers.is_bulk());
        carries(answers, asks).await;
        let path = old.net.paths(new.id()).await[0];
        let (asks, answers) = open(&old, &mut new, path).await;
        assert!(!asks.is_bulk() && !answers.is_bulk());
        carries(answers, asks).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_wall_bulk_is_given_up_within_a_second_and_not_tried_again() {
    let walls = [
        Wall::Refuses,
        Wall::HangsUp,
        #[cfg(target_os = "linux")]
        Wall::Drops,
    ];
    for wall in walls {
        let (mut a, mut b) = (Node::new(1), Node::new(2));
        let (at, later) = behind(wall, b.net.port());
        a.net.dial(Some(b.id()), vec![at]).await;
        a.connected().await;
        b.connected().await;
        #[cfg(target_os = "linux")]
        if wall == Wall::Drops {
            let last = async { while TcpStream::connect(at).await.is_ok() {} };
            let filled = tokio::time::timeout(Duration::from_secs(2), last).await;
            assert!(filled.is_err(), "it answers");
        }
        let path = a.net.paths(b.id()).await[0];
        let begun = Instant::now();
        if wall == Wall::HangsUp {
            // That nobody is there is seen when something is to be read.
            let mut stream = a.net.chunk_stream_on(b.id(), Some(path)).await.unwrap();
            assert!(stream.is_bulk());
            let _ = futures::AsyncWriteExt::write_all(&mut stream, b"hi").await;
            let _ = stream.flush().await;
            let mut room = [0; 9];
            let read = futures::AsyncReadExt::read(&mut stream, &mut room);
            let read = tokio::time::timeout(DEADLINE, read).await.unwrap();
            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
        }
        open(&a, &mut b, path).await;
        let first = begun.elapsed();
        assert!(first < Duration::from_secs(4), "{wall:?}: {first:?}");
        // Twenty attempts of a second each would take longer than all of it may.
        for _ in 0..20 {
            let (ours, theirs) = open(&a, &mut b, path).await;
            assert!(!ours.is_bulk() && !theirs.is_bulk(), "{wall:?}");
        }
        let (ours, theirs) = open(&a, &mut b, path).await;
        carries(theirs, ours).await;
        let elapsed = begun.elapsed();
        assert!(elapsed < Duration::from_secs(10), "{wall:?}: {elapsed:?}");
        let tried = later.load(Ordering::Relaxed);
        let once = usize::from(wall == Wall::HangsUp);
        assert_eq!(tried, once, "{wall:?}");
    }
}
