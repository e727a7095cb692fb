//! One consent stream: what comes in waits in a short queue, what goes out has a deadline.
//!
//! Owns the task that reads. Invariants: a peer that sends nonsense, or more than the queue holds
//! while nobody looks, is read no further; the end that says the last word sees to it that it
//! arrives.

use crate::{
    net::Stream,
    wire::consent::{self, MAX_FRAME},
};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, io::WriteHalf};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// Messages that came in and were not looked at yet.
const QUEUE: usize = 16;
/// A word that is not taken for so long is not heard.
const SAY: Duration = Duration::from_secs(10);
/// For the last word to arrive.
const GOODBYE: Duration = Duration::from_secs(2);

/// The stream, by what the other side says on it.
pub struct ConsentStream<T> {
    writer: WriteHalf<Stream>,
    messages: mpsc::Receiver<T>,
    reader: JoinHandle<()>,
    ended: Arc<AtomicBool>,
}

impl<T> Drop for ConsentStream<T> {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl<T: DeserializeOwned + Send + 'static> ConsentStream<T> {
    /// Begins to read.
    pub fn new(stream: Stream) -> Self {
        let (mut read, writer) = stream.split();
        let (sender, messages) = mpsc::channel(QUEUE);
        let ended = Arc::new(AtomicBool::new(false));
        let well = ended.clone();
        let reader = tokio::spawn(async move {
            loop {
                match consent::read(&mut read, MAX_FRAME).await {
                    Ok(Some(message)) => {
                        if sender.send(message).await.is_err() {
                            return;
                        }
                    }
                    Ok(None) => return well.store(true, Ordering::Release),
                    Err(error) => {
                        tracing::debug!(%error, "a consent stream ended");
                        return;
                    }
                }
            }
        });
        Self {
            writer,
            messages,
            reader,
            ended,
        }
    }

    /// What comes next; `None` when the stream is over. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Option<T> {
        self.messages.recv().await
    }

    /// Whether the other side has said its last word, and did not just break off.
    pub fn ended_well(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Says something.
    pub async fn say<M: Serialize>(&mut self, message: &M) -> io::Result<()> {
        timeout(SAY, consent::write(&mut self.writer, message))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Says the last word, if there is one, and waits a moment for the other side to have read it.
    pub async fn finish<M: Serialize>(mut self, message: Option<&M>) {
        let said = async {
            if let Some(message) = message {
                consent::write(&mut self.writer, message).await?;
            }
            self.writer.close().await
        };
        if !matches!(timeout(GOODBYE, said).await, Ok(Ok(()))) {
            return;
        }
        let _ = timeout(GOODBYE, async {
            while self.messages.recv().await.is_some() {}
        })
        .await;
    }
}

/// What comes next on a link that may not be there: then nothing ever does.
pub async fn next<T: DeserializeOwned + Send + 'static>(
    link: &mut Option<ConsentStream<T>>,
) -> Option<T> {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}
