use super::*;
use libp2p::core::muxing::StreamMuxer;
use libp2p::futures::{AsyncWriteExt as _, poll};
use std::{future::poll_fn, sync::atomic::AtomicBool, task::Wake};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

/// Whether it was woken.
#[derive(Default)]
struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Pipe = Compat<tokio::io::DuplexStream>;
type End = Muxer<Pipe>;

fn upgraded(out: bool, pipe: Pipe) -> End {
    let end = if out {
        Config::default().upgrade_outbound(pipe, "")
    } else {
        Config::default().upgrade_inbound(pipe, "")
    };
    end.into_inner().unwrap()
}

/// Lets a connection do what it can.
async fn drive(end: &mut End) {
    for _ in 0..100 {
        let event = poll_fn(|cx| Poll::Ready(Pin::new(&mut *end).poll(cx))).await;
        assert!(event.is_pending());
    }
}

#[tokio::test]
async fn a_flush_waits_until_the_bytes_are_below() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut end = upgraded(true, near.compat());
    let _far = upgraded(false, far.compat());
    let mut stream = poll_fn(|cx| Pin::new(&mut end).poll_outbound(cx))
        .await
        .unwrap();
    stream.write_all(&vec![7; 100_000]).await.unwrap();
    assert!(poll!(stream.flush()).is_pending());
    drive(&mut end).await;
    assert!(poll!(stream.flush()).is_ready());
    // Nothing written, nothing to wait for.
    assert!(poll!(stream.flush()).is_ready());
}

#[tokio::test]
async fn two_tasks_that_flush_one_stream_are_both_woken() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut end = upgraded(true, near.compat());
    let _far = upgraded(false, far.compat());
    let mut stream = poll_fn(|cx| Pin::new(&mut end).poll_outbound(cx))
        .await
        .unwrap();
    stream.write_all(&[7; 1000]).await.unwrap();
    let tasks = [Arc::new(Task::default()), Arc::new(Task::default())];
    for task in &tasks {
        let waker = Waker::from(task.clone());
        let flushed = Pin::new(&mut stream).poll_flush(&mut Context::from_waker(&waker));
        assert!(flushed.is_pending());
    }
    drive(&mut end).await;
    assert!(tasks.iter().all(|task| task.0.load(Ordering::Relaxed)));
}

#[tokio::test]
async fn a_flush_ends_with_its_connection() {
    let (near, _far) = tokio::io::duplex(1 << 10);
    let mut end = upgraded(true, near.compat());
    let mut stream = poll_fn(|cx| Pin::new(&mut end).poll_outbound(cx))
        .await
        .unwrap();
    stream.write_all(&vec![7; 100_000]).await.unwrap();
    drive(&mut end).await;
    let mut flush = stream.flush();
    assert!(poll!(&mut flush).is_pending());
    drop(end);
    // How it ends is the stream's to say; that it ends is what counts.
    drop(flush.await);
}
