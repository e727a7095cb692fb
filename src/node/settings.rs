//! What front ends see of a running node's settings, and what they may change of them.

use super::{MAX_NAME, Node, api::Accepting, command::Command};
use crate::{
    core::meter::Meter,
    store::{KeptSetting, StoreError, keep_setting, socket_path},
};
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

/// What the rates are measured by, at each question for them.
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

/// A node's name: 1 to 64 bytes without control characters, and no blanks around it.
///
/// # Errors
/// A sentence.
pub fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        Err("a name may not be empty".to_owned())
    } else if name.len() > MAX_NAME {
        Err(format!("a name has at most {MAX_NAME} bytes"))
    } else if name.chars().any(char::is_control) {
        Err("a name may not contain control characters".to_owned())
    } else {
        Ok(name.to_owned())
    }
}

/// A display name that fits a beacon, whatever was asked for.
pub(super) fn cut_name(name: &str) -> String {
    let mut end = name.len().min(MAX_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
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
    pub fn name(&self) -> String {
        self.shared.consent.name()
    }

    /// Calls it so from now on, and after the next start, too, unless an option says otherwise.
    ///
    /// # Errors
    /// When config.toml cannot be changed: then nothing changes.
    pub async fn rename(&self, name: String) -> Result<(), StoreError> {
        self.keep("name", KeptSetting::Text(name.clone())).await?;
        self.called(name).await;
        Ok(())
    }

    async fn called(&self, name: String) {
        self.shared.consent.rename(name.clone());
        let renamed = |done| Command::Rename(name, done);
        self.shared.services.ask(renamed).await;
    }

    /// Takes over what can change while the node runs, as its options say now. Nothing is written.
    pub async fn take_over(&self, now: &super::Settings) {
        if now.name != self.name() {
            self.called(now.name.clone()).await;
        }
        if let Some(quota) = now.replica_quota {
            self.give_room(quota).await;
        }
        self.set_rate_limits(RateLimits {
            upload: now.upload_limit,
            download: now.download_limit,
        });
    }

    /// Keeps so many bytes for others at most, from now on and after the next start. What is kept
    /// beyond that goes when it is no longer wanted, or room for something else.
    ///
    /// # Errors
    /// When config.toml cannot be changed: then nothing changes.
    pub async fn set_replica_quota(&self, quota: u64) -> Result<(), StoreError> {
        self.keep("replica-quota", KeptSetting::Number(quota))
            .await?;
        self.give_room(quota).await;
        Ok(())
    }

    async fn give_room(&self, quota: u64) {
        if let Some(replicas) = &self.shared.services.replicas {
            replicas.set_quota(quota);
        }
        let keeps = quota > 0 && self.shared.share.lock().is_some();
        self.shared.services.tell(Command::Keeps(keeps)).await;
    }

    async fn keep(&self, key: &'static str, kept: KeptSetting) -> Result<(), StoreError> {
        let root = self.home().to_owned();
        let writing = tokio::task::spawn_blocking(move || keep_setting(&root, key, &kept));
        let failed = |error: tokio::task::JoinError| StoreError::Io {
            what: "write",
            path: self.home().join(".sprat/config.toml"),
            source: std::io::Error::other(error),
        };
        writing.await.unwrap_or_else(|error| Err(failed(error)))
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
