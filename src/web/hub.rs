//! What happens at the node, for those who follow it: one look at the node for all of them,
//! remembered for those who come back.
//!
//! Owns the last messages, in [`MESSAGES`] and [`BYTES`] at most. Never waits for a reader: one who
//! is too slow gets a snapshot. Invariant: without readers nothing is looked at but what the node
//! tells by itself.

use super::{
    answers::{Logged, NodeStatus, Peers},
    status,
};
use crate::{
    core::ring::Ring,
    node::{JobId, JobInfo, Node, NodeEvent, log_lines},
};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, broadcast::error::RecvError, watch},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// Messages that are remembered.
const MESSAGES: usize = 1024;
/// Their bytes.
const BYTES: usize = 4 << 20;
/// Those who follow at a time.
const READERS: usize = 32;
/// Between two looks: no job is told of more often.
const LOOK: Duration = Duration::from_millis(250);
/// How long all readers may be away and still go on where they stopped.
const AWAY: Duration = Duration::from_secs(30);
/// Lines of the log in one look.
const LINES: usize = 5;

/// One message.
pub struct Message {
    pub event: &'static str,
    pub data: String,
}

/// See the module.
pub struct Hub {
    messages: Mutex<(Ring<Arc<Message>>, usize)>,
    next: watch::Sender<u64>,
    readers: Arc<AtomicUsize>,
    /// One came.
    came: Notify,
    revision: AtomicU64,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            messages: Mutex::new((Ring::new(MESSAGES, 1), 0)),
            next: watch::channel(1).0,
            readers: Arc::default(),
            came: Notify::new(),
            revision: AtomicU64::new(1),
        }
    }
}

/// A place among those who follow.
pub struct Reader(Arc<AtomicUsize>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    /// A place among those who follow, if there is one.
    pub fn reader(&self) -> Option<Reader> {
        let more = |readers| (readers < READERS).then_some(readers + 1);
        let (most, least) = (Ordering::Relaxed, Ordering::Relaxed);
        self.readers.fetch_update(most, least, more).ok()?;
        self.came.notify_one();
        Some(Reader(self.readers.clone()))
    }

    /// What is offered changed, says a test.
    #[cfg(test)]
    pub fn changed(&self) {
        self.revision.fetch_add(1, Ordering::Relaxed);
    }

    /// How often changed what is offered.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    fn push(&self, event: &'static str, data: &impl Serialize) {
        let Ok(data) = serde_json::to_string(data) else {
            return; // JSON has no words for it.
        };
        let next = {
            let mut messages = self.messages.lock();
            let (ring, bytes) = &mut *messages;
            let first = ring.since(0).next().map(|(_, old)| old.data.len());
            if ring.next() - ring.first() == MESSAGES as u64 {
                *bytes -= first.unwrap_or(0);
            }
            *bytes += data.len();
            ring.push(Arc::new(Message { event, data }));
            while *bytes > BYTES {
                let Some(old) = ring.forget_first() else {
                    break;
                };
                *bytes -= old.data.len();
            }
            ring.next()
        };
        self.next.send_replace(next);
    }

    /// Nobody who comes later can go on from before.
    fn forget(&self) {
        let mut messages = self.messages.lock();
        let next = messages.0.next() + 1;
        *messages = (Ring::new(MESSAGES, next), 0);
        self.next.send_replace(next);
    }

    /// The number that the next message gets.
    pub fn next(&self) -> u64 {
        self.messages.lock().0.next()
    }

    /// Tells the number of the next message, with each that comes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    /// What came from number `from` on; `None` when some of that is forgotten.
    pub fn since(&self, from: u64) -> Option<Vec<(u64, Arc<Message>)>> {
        let messages = self.messages.lock();
        let (ring, _) = &*messages;
        ring.remembers(from).then(|| {
            let found = ring.since(from);
            found.map(|(at, message)| (at, message.clone())).collect()
        })
    }

    /// Follows the node until `stop`.
    pub async fn follow(&self, node: &Node, stop: &CancellationToken) {
        let mut events = node.events_from_now();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = Seen::default();
        loop {
            // For nobody nothing is looked at.
            let idle = !seen.is_followed() && self.readers.load(Ordering::Relaxed) == 0;
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.came.notified(), if idle => look.reset_immediately(),
                event = events.recv() => match event {
                    Ok(event) => self.told(&event, &mut seen),
                    Err(RecvError::Lagged(_)) => {
                        seen.missed();
                        self.revision.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(RecvError::Closed) => return,
                },
                _ = look.tick(), if !idle => self.poll(node, &mut seen).await,
            }
        }
    }

    fn told(&self, event: &NodeEvent, seen: &mut Seen) {
        match event {
            NodeEvent::CatalogChanged { .. }
            | NodeEvent::Offered { .. }
            | NodeEvent::Withdrawn { .. }
            | NodeEvent::Scanned { .. } => {
                self.revision.fetch_add(1, Ordering::Relaxed);
                seen.catalog = true;
                return;
            }
            NodeEvent::Scanning { .. } | NodeEvent::Files(_) | NodeEvent::Job(_) => return,
            NodeEvent::PeerJoined { .. } | NodeEvent::PeerLeft { .. } => {
                self.revision.fetch_add(1, Ordering::Relaxed);
                (seen.peers, seen.catalog) = (true, true);
            }
            NodeEvent::PeerRenamed { .. } | NodeEvent::PeerDropped { .. } | NodeEvent::Path(_) => {
                seen.peers = true;
            }
            NodeEvent::Ask(_) | NodeEvent::AskGone { .. } | NodeEvent::Received(_) => {
                seen.asks = true;
            }
            _ => {}
        }
        if seen.is_followed() {
            self.push("news", event);
        }
    }

    async fn poll(&self, node: &Node, seen: &mut Seen) {
        if self.readers.load(Ordering::Relaxed) > 0 {
            seen.followed = Some(Instant::now());
        }
        let Some(followed) = seen.followed else {
            return;
        };
        if followed.elapsed() > AWAY {
            *seen = Seen::default();
            return self.forget();
        }
        self.look_at_jobs(node, seen);
        let asks = node.asks();
        if seen.asks || asks != seen.known_asks {
            seen.asks = false;
            self.push("asks", &json!({ "asks": asks }));
            seen.known_asks = asks;
        }
        self.look_at_log(seen);
        seen.looks += 1;
        if !seen.looks.is_multiple_of(4) {
            return;
        }
        // Once a second.
        if std::mem::take(&mut seen.catalog) {
            self.push("catalog", &json!({ "revision": self.revision() }));
        }
        // Paths and round trips change without a word.
        if std::mem::take(&mut seen.peers) || seen.looks.is_multiple_of(20) {
            let peers = status::peers(node);
            if seen.known_peers.as_ref() != Some(&peers) {
                self.push("peers", &peers);
                seen.known_peers = Some(peers);
            }
        }
        if let Some(mut status) = status::status(node, self.revision()).await
            && seen
                .known_status
                .as_ref()
                .is_none_or(|known| status.is_news_after(known))
        {
            self.push("status", &status);
            seen.known_status = Some(status);
        }
    }

    fn look_at_jobs(&self, node: &Node, seen: &mut Seen) {
        let changes = seen.changes.get_or_insert_with(|| {
            let mut changes = node.job_changes();
            changes.mark_changed();
            changes
        });
        let moving = seen.jobs.values().any(|job| job.rate > 0);
        if !changes.has_changed().unwrap_or(false) && !moving {
            return;
        }
        changes.mark_unchanged();
        let jobs: BTreeMap<JobId, JobInfo> = node
            .jobs()
            .into_iter()
            .map(|job| (job.number, job))
            .collect();
        for (number, job) in &jobs {
            if seen.jobs.get(number) != Some(job) {
                self.push("job", job);
            }
        }
        for number in seen.jobs.keys().filter(|number| !jobs.contains_key(number)) {
            self.push("job-gone", &json!({ "job": number }));
        }
        seen.jobs = jobs;
    }

    fn look_at_log(&self, seen: &mut Seen) {
        let from = *seen
            .log
            .get_or_insert_with(|| *log_lines().changes().borrow());
        let (lines, next) = log_lines().since(from);
        let skip = lines.len().saturating_sub(LINES);
        for (number, line) in lines.into_iter().skip(skip) {
            self.push("log", &Logged::new(number, line));
        }
        seen.log = Some(next);
    }
}

/// What was told last.
#[derive(Default)]
struct Seen {
    /// When somebody followed last.
    followed: Option<Instant>,
    looks: u64,
    catalog: bool,
    peers: bool,
    asks: bool,
    changes: Option<watch::Receiver<u64>>,
    jobs: BTreeMap<JobId, JobInfo>,
    known_asks: Vec<crate::node::AskInfo>,
    known_peers: Option<Peers>,
    known_status: Option<NodeStatus>,
    log: Option<u64>,
}

impl Seen {
    fn is_followed(&self) -> bool {
        self.followed.is_some()
    }

    /// Some news were lost: all may be otherwise.
    fn missed(&mut self) {
        (self.catalog, self.peers, self.asks) = (true, true, true);
    }
}
