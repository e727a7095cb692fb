//! Who hears how a send goes on: the job book, and those who asked for it; and what it hears from
//! the book.

use crate::node::{
    api::{JobId, SendEvent},
    book::Book,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What a send hears from the book.
#[derive(Clone)]
pub struct Held {
    /// It is stopped.
    pub cancel: CancellationToken,
    /// Whether it is to give nothing.
    pub paused: watch::Receiver<bool>,
}

/// How a send tells what happens: to the book, and to those who asked for it. Clones tell of the
/// same one.
#[derive(Clone)]
pub struct Telling {
    book: Book,
    number: JobId,
    events: mpsc::Sender<SendEvent>,
}

impl Telling {
    pub fn new(book: Book, number: JobId, events: mpsc::Sender<SendEvent>) -> Self {
        Self {
            book,
            number,
            events,
        }
    }

    /// The number of the send.
    pub fn number(&self) -> JobId {
        self.number
    }

    /// Tells what must not be lost. Nobody who listens any more is no failure: the send goes on.
    pub async fn send(&self, event: SendEvent) {
        self.book.sent(self.number, &event);
        let _ = self.events.send(event).await;
    }

    /// Tells how far it is; a slow reader loses that.
    pub fn show(&self, progress: SendEvent) {
        self.book.sent(self.number, &progress);
        let _ = self.events.try_send(progress);
    }

    /// Tells the end.
    pub async fn end(&self) {
        self.book.end(self.number);
        let _ = self.events.send(SendEvent::End).await;
    }
}
