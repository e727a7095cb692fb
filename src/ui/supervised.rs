//! Telling systemd how the node is: that it runs, what it does, that it is alive. Elsewhere, and
//! where nobody asked for it, nothing.

use super::text;
use crate::node::{Node, Status};
use tokio::task::AbortHandle;

/// Tells until it is dropped.
#[derive(Default)]
pub struct Supervised(Option<AbortHandle>);

impl Supervised {
    /// The node runs from now on.
    #[must_use]
    pub fn begin(node: &Node) -> Self {
        #[cfg(target_os = "linux")]
        if std::env::var_os("NOTIFY_SOCKET").is_some() {
            let told = tokio::spawn(linux::tell(node.clone()));
            return Self(Some(told.abort_handle()));
        }
        let _ = (node, sentence as fn(&Status) -> String);
        Self(None)
    }

    /// It is told to read its options again.
    pub fn reloading(&self, done: bool) {
        #[cfg(target_os = "linux")]
        if self.0.is_some() {
            linux::reloading(done);
        }
        let _ = done;
    }

    /// It leaves.
    pub fn end(self) {
        #[cfg(target_os = "linux")]
        if self.0.is_some() {
            linux::stopping();
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            told.abort();
        }
    }
}

fn sentence(status: &Status) -> String {
    format!(
        "{}, {} shared ({})",
        text::count(u64::from(status.peers), "node"),
        text::count(status.shared_files, "file"),
        text::size(status.shared_bytes)
    )
}

#[cfg(target_os = "linux")]
mod linux {
    use super::sentence;
    use crate::node::Node;
    use sd_notify::{NotifyState, notify};
    use std::time::Duration;

    /// Between two lines of status, where no watchdog asks for more.
    const PACE: Duration = Duration::from_secs(10);

    /// That it runs, then how it is, as long as the node itself answers: who watches is to start a
    /// stuck one again.
    pub async fn tell(node: Node) {
        send(&[NotifyState::Ready]);
        let watched = sd_notify::watchdog_enabled();
        let pace = watched.map_or(PACE, |most| PACE.min(most / 3));
        while let Some(status) = node.status().await {
            send(&[
                NotifyState::Watchdog,
                NotifyState::Status(&sentence(&status)),
            ]);
            tokio::time::sleep(pace).await;
        }
    }

    pub fn reloading(done: bool) {
        if done {
            return send(&[NotifyState::Ready]);
        }
        let now = NotifyState::monotonic_usec_now();
        match now {
            Ok(now) => send(&[NotifyState::Reloading, now]),
            Err(_) => send(&[NotifyState::Reloading]),
        }
    }

    pub fn stopping() {
        send(&[NotifyState::Stopping]);
    }

    fn send(states: &[NotifyState<'_>]) {
        // Who does not listen any more need not be told.
        let _ = notify(states);
    }
}
