//! Somebody between two nodes records a bulk connection, and plays it again.

use super::*;
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

/// What was said first on each connection that went through.
type Heard = Arc<parking_lot::Mutex<Vec<Vec<u8>>>>;

/// An address at which the node with that port is reached.
async fn listening(port: u16) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let heard = Heard::default();
    let kept = heard.clone();
    tokio::spawn(async move {
        for number in 0.. {
            let (from, _) = listener.accept().await.unwrap();
            let to = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut from_read, mut from_write) = from.into_split();
            let (mut to_read, mut to_write) = to.into_split();
            kept.lock().push(Vec::new());
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut room = vec![0; 64 << 10];
                while let Ok(count @ 1..) = from_read.read(&mut room).await {
                    kept.lock()[number].extend_from_slice(&room[..count]);
                    if to_write.write_all(&room[..count]).await.is_err() {
                        break;
                    }
                }
            });
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut to_read, &mut from_write).await;
            });
        }
    });
    (at, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_opens_nothing_a_second_time() {
    let (mut a, mut b) = (Node::new(1), Node::new(2));
    let (at, heard) = listening(b.net.port()).await;
    a.net.dial(Some(b.id()), vec![at]).await;
    a.connected().await;
    b.connected().await;
    let path = a.net.paths(b.id()).await[0];
    let (ours, theirs) = open(&a, &mut b, path).await;
    assert!(ours.is_bulk() && theirs.is_bulk());
    let recorded = heard.lock().last().cloned().unwrap();
    assert!(recorded.starts_with(&MAGIC) && recorded.len() > MAGIC.len() + TICKET);

    // While the first one stands, and when it is gone.
    let mut kept = Some((ours, theirs));
    for _ in 0..2 {
        let mut again = TcpStream::connect(("127.0.0.1", b.net.port()))
            .await
            .unwrap();
        again.write_all(&recorded).await.unwrap();
        let mut answer = Vec::new();
        let end = tokio::time::timeout(DEADLINE, again.read_to_end(&mut answer)).await;
        let _ = end.expect("it is closed"); // A reset does, too.
        assert!(answer.is_empty());
        assert!(b.streams.try_recv().is_err());
        kept.take();
    }
}
