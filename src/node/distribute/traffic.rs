//! Whether anything more urgent than spreading is going on.
//!
//! Spreading makes way for downloads, this node's and those that it serves: while their counters
//! grow, a push or a reception goes on at a trickle.

use crate::node::services::Services;
use parking_lot::Mutex;
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// Between two looks at the counters.
const LOOK: Duration = Duration::from_millis(50);
/// How long a chunk may be held back: it is not to be starved.
const TRICKLE: Duration = Duration::from_millis(500);

struct Seen {
    at: Instant,
    bytes: u64,
    busy: bool,
}

/// The look-out.
#[derive(Clone)]
pub struct Traffic {
    services: Services,
    seen: Arc<Mutex<Seen>>,
}

impl Traffic {
    pub fn new(services: &Services) -> Self {
        let seen = Seen {
            at: Instant::now(),
            bytes: 0,
            busy: false,
        };
        Self {
            services: services.clone(),
            seen: Arc::new(Mutex::new(seen)),
        }
    }

    fn is_busy(&self) -> bool {
        let mut seen = self.seen.lock();
        if seen.at.elapsed() >= LOOK {
            let bytes = self.services.received.load(Ordering::Relaxed)
                + self.services.sent.load(Ordering::Relaxed);
            // What was counted long ago says nothing of now.
            seen.busy = bytes != seen.bytes && seen.at.elapsed() < LOOK * 4;
            (seen.at, seen.bytes) = (Instant::now(), bytes);
        }
        seen.busy
    }

    /// Lets what is more urgent go first, for a while.
    pub async fn give_way(&self) {
        let until = Instant::now() + TRICKLE;
        while self.is_busy() && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
    }
}
