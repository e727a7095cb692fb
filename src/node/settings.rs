//! What front ends see of a running node's settings, and what they may change of them.

use super::{Node, api::Accepting};
use crate::{core::meter::Meter, store::socket_path};
use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Instant,
};

/// Limits in bytes a second; `None` = none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// Of chunks that are sent.
    pub upload: Option<u64>,
    /// Of chunks that are received.
    pub download: Option<u64>,
}

/// Bytes of chunks a second now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rates {
    /// Received.
    pub down: u64,
    /// Sent.
    pub up: u64,
}

/// What the rates are measured by: whoever asks measures.
pub struct Meters {
    started: Instant,
    down: Meter,
    up: Meter,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            down: Meter::default(),
            up: Meter::default(),
        }
    }
}

impl Node {
    /// How fast chunks come and go: over the last seconds when it is asked often, else since it was
    /// asked last.
    #[must_use]
    pub fn rates(&self) -> Rates {
        let services = &self.shared.services;
        let (received, sent) = (
            services.received.load(Ordering::Relaxed),
            services.sent.load(Ordering::Relaxed),
        );
        let mut meters = self.shared.meters.lock();
        let now = meters.started.elapsed();
        meters.down.note(received, now);
        meters.up.note(sent, now);
        Rates {
            down: meters.down.rate(now),
            up: meters.up.rate(now),
        }
    }

    /// What this node is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.consent.name()
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.shared.services.home.root()
    }

    /// Whose asks are answered, and by whom.
    #[must_use]
    pub fn accepting(&self) -> &Accepting {
        self.shared.consent.accepting()
    }

    /// The limits on what is sent and received.
    #[must_use]
    pub fn rate_limits(&self) -> RateLimits {
        RateLimits {
            upload: self.shared.services.upload.rate(),
            download: self.shared.services.download.rate(),
        }
    }

    /// Sets them, from the next piece of a chunk on, until the node ends.
    pub fn set_rate_limits(&self, limits: RateLimits) {
        self.shared.services.upload.set(limits.upload);
        self.shared.services.download.set(limits.download);
    }

    /// The socket of this node's API.
    #[must_use]
    pub fn api_socket(&self) -> PathBuf {
        socket_path(self.home())
    }
}
