//! When nothing comes: asking anew, saying so, and giving up when that was asked for.
//!
//! `core::stall` decides what is progress. Invariant: what is here of a file that is given up is
//! made durable.

use super::{ASK_AGAIN, State, Transfer};
use crate::node::api::{DownloadError, DownloadEvent};
use std::time::{Duration, Instant};

impl Transfer {
    /// Says that it waits when nobody has had the rest for a moment, and gives up when that was
    /// asked for.
    pub(super) async fn check_timeout(&mut self) {
        if self.paused {
            // Nobody is waited for; nor is the time counted.
            (self.sourceless, self.dry) = (None, None);
        }
        let late = self.is_late();
        let waited = self.sourceless.map(|since| since.elapsed());
        if let Some(waited) = waited {
            if self.asked_again.elapsed() >= ASK_AGAIN && waited >= ASK_AGAIN {
                self.asked_again = Instant::now();
                self.known.clear();
                self.smalls.forget(None);
                self.versions.forget();
                self.refresh().await;
            }
            if !self.said_waiting && waited > Duration::from_secs(1) {
                self.said_waiting = true;
                self.send(DownloadEvent::Waiting).await;
            }
        }
        // Everyone who ever offered it sent something else.
        let lied = !self.liars.is_empty()
            && self.names.keys().all(|node| self.liars.contains(node))
            && waited.is_some_and(|waited| waited > Duration::from_secs(2));
        if lied || late {
            self.give_up(lied).await;
        }
    }

    /// Whether nothing useful has come for as long as that may take. What this node itself has to
    /// do first does not count.
    fn is_late(&mut self) -> bool {
        let (now, busy) = (self.now(), self.arriving.is_storing());
        let contents = self.done_bytes + self.left_behind + self.arriving.bytes();
        let come = contents + self.coming.bytes();
        let Some(stall) = &mut self.stall else {
            return false;
        };
        let waits = !self.machine.is_complete() || self.coming.is_awaited();
        if busy || !waits || self.paused {
            stall.renew(now);
            return false;
        }
        let sharers = self.services.book.sharers();
        stall.is_over(come, sharers, now)
    }

    /// Ends every file that is not complete: what is here of them is made durable.
    async fn give_up(&mut self, lied: bool) {
        for at in self.files.indices() {
            if matches!(
                self.states[at],
                State::Active(_) | State::Small(..) | State::Waiting | State::Preparing
            ) {
                let name = self.files[at].name.as_str().to_owned();
                let nobody = match &self.states[at] {
                    State::Preparing => {
                        let sources = self.services.sources(&[self.files[at].id]);
                        sources.iter().all(Vec::is_empty)
                    }
                    _ => self.sourceless.is_some(),
                };
                if let State::Active(active) = &self.states[at] {
                    let partial = active.opened.partial.clone();
                    let _ = tokio::task::spawn_blocking(move || partial.sync()).await;
                }
                let error = if lied {
                    DownloadError::Verification(name)
                } else if nobody {
                    DownloadError::SourcesLost(name)
                } else {
                    DownloadError::Stalled(name)
                };
                self.failed(at, error).await;
            }
        }
        self.queue.clear();
        self.smalls.give_up();
    }
}
