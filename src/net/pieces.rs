//! A body that comes in pieces, for a thread that reads.
//!
//! Invariants: a cut one ends with an error, never as if it were whole; what waits for the thread
//! has a bound; a body that stands still ends after [`STILL`].

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use std::{collections::VecDeque, io, pin::pin, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

/// How long it may stand still.
const STILL: Duration = Duration::from_secs(60);
/// Pieces that go to the thread together, so that it is not woken for each: those that come within
/// [`TOGETHER`].
const BATCH: usize = 16;
const TOGETHER: Duration = Duration::from_millis(50);

/// The pieces; the last is an error, or `None` once all of it is there.
type Batch = Vec<Option<io::Result<Bytes>>>;

/// Gives what moves the pieces, and the reader of them, of whom so many may wait. The reader comes
/// to no end unless the other is awaited beside it; where that is dropped, it ends with an error.
pub fn pieces<E>(
    coming: impl Stream<Item = Result<Bytes, E>> + Send,
    ahead: usize,
) -> (impl Future<Output = ()> + Send, Pieces)
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let batch = ahead.clamp(1, BATCH);
    let (sender, batches) = mpsc::channel(ahead.div_ceil(batch).max(1));
    let reader = Pieces {
        batches,
        current: Bytes::new(),
        next: VecDeque::new(),
        ended: false,
    };
    (pass(coming, batch, sender), reader)
}

/// Awaits what reads, and moves the pieces to it meanwhile: not once it is done.
pub async fn beside<T>(reading: impl Future<Output = T>, moving: impl Future<Output = ()>) -> T {
    let mut reading = pin!(reading);
    tokio::select! {
        done = &mut reading => done,
        () = moving => reading.await,
    }
}

async fn pass<E>(
    coming: impl Stream<Item = Result<Bytes, E>> + Send,
    most: usize,
    to: mpsc::Sender<Batch>,
) where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut coming = pin!(coming);
    let is_last = |piece: &Option<io::Result<Bytes>>| !matches!(piece, Some(Ok(_)));
    loop {
        let first = match timeout(STILL, coming.next()).await {
            Ok(piece) => piece.map(|piece| piece.map_err(io::Error::other)),
            Err(_) => Some(Err(io::ErrorKind::TimedOut.into())),
        };
        let mut ended = is_last(&first);
        let mut batch = Vec::with_capacity(most);
        batch.push(first);
        let until = Instant::now() + TOGETHER;
        while !ended && batch.len() < most {
            let Ok(piece) = timeout_at(until, coming.next()).await else {
                break;
            };
            let piece = piece.map(|piece| piece.map_err(io::Error::other));
            ended = is_last(&piece);
            batch.push(piece);
        }
        // The reader may have stopped.
        if to.send(batch).await.is_err() || ended {
            return;
        }
    }
}

/// See [`pieces`]. Its reads block.
pub struct Pieces {
    batches: mpsc::Receiver<Batch>,
    current: Bytes,
    next: VecDeque<Option<io::Result<Bytes>>>,
    ended: bool,
}

impl Pieces {
    fn put(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.current.len());
        out[..count].copy_from_slice(&self.current.split_to(count));
        count
    }
}

impl io::Read for Pieces {
    /// Fills `out` as far as pieces are there, and waits only for the first.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut count = self.put(out);
        while count < out.len() && !self.ended {
            if self.next.is_empty() {
                let batch = match self.batches.try_recv() {
                    Ok(batch) => batch,
                    Err(_) if count > 0 => break,
                    Err(_) => {
                        let batch = self.batches.blocking_recv();
                        batch.ok_or(io::ErrorKind::UnexpectedEof)?
                    }
                };
                self.next = batch.into();
            }
            match self.next.front() {
                // After the bytes before it.
                Some(Some(Err(_))) if count > 0 => break,
                _ => {}
            }
            match self.next.pop_front() {
                Some(Some(piece)) => {
                    self.current = piece?;
                    count += self.put(&mut out[count..]);
                }
                Some(None) => self.ended = true,
                None => {}
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use std::io::Read as _;

    type Said = Vec<io::Result<Bytes>>;

    /// What a thread reads of these, with reads of so many bytes.
    async fn read(said: Said, ahead: usize, each: usize) -> (Vec<u8>, Option<io::ErrorKind>) {
        let (passing, mut reader) = pieces(stream::iter(said), ahead);
        let reading = tokio::task::spawn_blocking(move || {
            let (mut all, mut out) = (Vec::new(), vec![0; each]);
            loop {
                match reader.read(&mut out) {
                    Ok(0) => return (all, None),
                    Ok(count) => all.extend_from_slice(&out[..count]),
                    Err(error) => return (all, Some(error.kind())),
                }
            }
        });
        passing.await;
        reading.await.unwrap()
    }

    fn said(count: u8) -> Said {
        (0..count)
            .map(|n| Ok(Bytes::from(vec![n; 1 + usize::from(n)])))
            .collect()
    }

    #[tokio::test]
    async fn what_comes_is_read_in_order_whatever_the_sizes() {
        for (count, ahead, each) in [(0, 1, 1), (1, 1, 9), (40, 4, 3), (40, 32, 256), (100, 1, 7)] {
            let wanted: Vec<u8> = (0..count)
                .flat_map(|n| vec![n; 1 + usize::from(n)])
                .collect();
            let got = read(said(count), ahead, each).await;
            assert_eq!(got, (wanted, None), "{count} {ahead} {each}");
        }
        // An empty piece is no end.
        let some = vec![
            Ok(Bytes::new()),
            Ok(Bytes::from_static(b"a")),
            Ok(Bytes::new()),
        ];
        assert_eq!(read(some, 1, 8).await, (b"a".to_vec(), None));
    }

    #[tokio::test]
    async fn a_cut_one_ends_with_an_error_after_the_bytes_before_it() {
        for ahead in [1, 32] {
            let mut some = said(3);
            some.push(Err(io::ErrorKind::ConnectionReset.into()));
            let (bytes, error) = read(some, ahead, 100).await;
            assert_eq!((bytes.len(), error), (6, Some(io::ErrorKind::Other)));
        }
        // Who moves the pieces has gone.
        let (passing, mut reader) = pieces(stream::iter(said(3)), 4);
        drop(passing);
        let read = tokio::task::spawn_blocking(move || reader.read(&mut [0; 9]));
        let error = read.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_is_not_held_back_and_one_that_stands_still_ends() {
        let one = stream::iter(said(1)).chain(stream::pending());
        let (passing, mut reader) = pieces(one, 32);
        let begun = Instant::now();
        let first = async {
            let batch = reader.batches.recv().await.unwrap();
            assert_eq!((batch.len(), begun.elapsed() <= 2 * TOGETHER), (1, true));
            let end = reader.batches.recv().await.unwrap();
            assert!(
                matches!(&end[..], [Some(Err(error))] if error.kind() == io::ErrorKind::TimedOut)
            );
            assert!(begun.elapsed() >= STILL);
        };
        tokio::join!(passing, first);
    }

    #[tokio::test]
    async fn a_read_waits_for_no_more_than_is_there() {
        let some = stream::iter(said(3)).chain(stream::pending());
        let (passing, mut reader) = pieces(some, 32);
        let reading = tokio::task::spawn_blocking(move || reader.read(&mut [0; 100]));
        let read = timeout(Duration::from_secs(20), beside(reading, passing)).await;
        assert_eq!(read.expect("what is there").unwrap().unwrap(), 6);
    }

    #[tokio::test]
    async fn who_does_not_read_holds_a_bounded_number_of_pieces() {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let endless = stream::repeat_with(|| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok::<_, io::Error>(Bytes::from_static(b"x"))
        });
        let (passing, _reader) = pieces(endless, 32);
        let ended = timeout(Duration::from_millis(200), passing).await;
        assert!(ended.is_err());
        assert!(count.into_inner() <= 32 + BATCH);
    }
}
