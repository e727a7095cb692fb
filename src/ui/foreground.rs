//! A job in the foreground: what it reports, until it ends, no faster than that can be told. The
//! first signal cancels it.

use super::{output::Out, signals::Signals};
use crate::node::{JobId, Node};
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// See the module.
pub struct Foreground<'a, Event> {
    node: &'a Node,
    job: JobId,
    events: mpsc::Receiver<Event>,
    /// How long a cancelled one may take to end.
    goodbye: Duration,
    stop_at: Option<Instant>,
    cancelled: CancellationToken,
}

impl<'a, Event> Foreground<'a, Event> {
    /// A job of this node; cancelled, it may take `goodbye` to end.
    #[must_use]
    pub fn new(
        node: &'a Node,
        (job, events): (JobId, mpsc::Receiver<Event>),
        goodbye: Duration,
    ) -> Self {
        Self {
            node,
            job,
            events,
            goodbye,
            stop_at: None,
            cancelled: node.cancelled(job),
        }
    }

    /// What happens next, to be told by `out`; `None` when nothing more does, or its time after a
    /// signal is up.
    pub async fn next(&mut self, out: &Out, signals: &mut Signals) -> Option<Event> {
        if self.stop_at.is_none() {
            let next = async {
                // One that is cancelled by another front end has to hear of it.
                tokio::select! {
                    () = out.room() => {}
                    () = self.cancelled.cancelled() => {}
                }
                self.events.recv().await
            };
            tokio::select! {
                event = next => return event,
                _ = signals.next() => {}
            }
            signals.second_quits();
            // It may have ended by itself meanwhile.
            let _ = self.node.cancel(self.job);
        }
        let stop_at = *self
            .stop_at
            .get_or_insert_with(|| Instant::now() + self.goodbye);
        timeout_at(stop_at, self.events.recv())
            .await
            .unwrap_or(None)
    }

    /// Whether a signal ended it.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stop_at.is_some()
    }
}
