//! Saying that this process has no file descriptor left for a connection: it looks as if nobody
//! were here.

use super::Actor;
use crate::{net::descriptors, node::api::NodeEvent};
use std::time::{Duration, Instant};

/// How often it is said.
const AGAIN: Duration = Duration::from_secs(60);

/// What was said of it.
pub struct Shortage {
    refused: u64,
    told: Option<Instant>,
}

impl Default for Shortage {
    /// What happened to other nodes of this process before is not news.
    fn default() -> Self {
        Self {
            refused: descriptors::refused(),
            told: None,
        }
    }
}

impl Actor {
    pub(super) fn tell_of_shortage(&mut self) {
        let refused = descriptors::refused();
        let often = self.shortage.told.is_some_and(|at| at.elapsed() < AGAIN);
        if refused == self.shortage.refused || often {
            return;
        }
        self.shortage = Shortage {
            refused,
            told: Some(Instant::now()),
        };
        self.tell(NodeEvent::Notice(
            "as many files and sockets are open as this process may have, so others may not be reached, nor reach this node. \
             If that lasts, allow it more (ulimit -n 1024) and start it again"
                .to_owned(),
        ));
    }
}
