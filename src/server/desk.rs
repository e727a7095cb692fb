//! What others in this process may know of a running server: how much goes on, and whether a name
//! is free.
//!
//! Owns the handle. Never tells whose a name is, who is here, or of which swarm. Invariant: looking
//! costs the server nothing, for what goes on is published when it changes; questions about names
//! wait in a short queue, and one too many is refused at once.

use super::{directory, net::Load};
use crate::{core::id::NodeId, wire::MAX_NAME};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::{mpsc, oneshot, watch};

/// Questions that wait for the server's task.
const QUESTIONS: usize = 64;

/// How much goes on, and how many names there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Of the network.
    pub load: Load,
    /// Connections of all nodes together.
    pub connections: usize,
    /// Names that are taken.
    pub names: usize,
    /// The disk takes no sign-ups now.
    pub failing: bool,
}

/// How it is with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {
    /// Nobody has it, or one that looks like it.
    Yes,
    /// Somebody has.
    No,
    /// It is no name: empty, longer than 64 bytes, or with control characters.
    NoName,
    /// Too many ask, or the server ends.
    Busy,
}

pub(super) struct Question {
    pub name: String,
    pub reply: oneshot::Sender<Free>,
}

/// The ends that the server's task has.
pub(super) struct Counter {
    pub now: watch::Sender<Overview>,
    pub questions: mpsc::Receiver<Question>,
}

/// What stays as it is.
#[derive(Debug)]
pub(super) struct About {
    pub node: NodeId,
    pub addresses: Vec<SocketAddr>,
    pub home: PathBuf,
}

/// A handle to a running server. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Desk {
    about: Arc<About>,
    now: watch::Receiver<Overview>,
    questions: mpsc::Sender<Question>,
}

pub(super) fn open(about: About) -> (Desk, Counter) {
    let (published, now) = watch::channel(Overview::default());
    let (ask, questions) = mpsc::channel(QUESTIONS);
    let desk = Desk {
        about: Arc::new(about),
        now,
        questions: ask,
    };
    let now = published;
    (desk, Counter { now, questions })
}

impl Desk {
    /// The most names that a server keeps.
    #[must_use]
    pub fn most_names() -> usize {
        directory::Limits::default().total
    }

    /// The server's key.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.about.node
    }

    /// Where the server can be reached, as [`Rendezvous::addresses`](super::Rendezvous::addresses).
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.about.addresses
    }

    /// Its home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.about.home
    }

    /// How much goes on, as of at most two seconds ago.
    #[must_use]
    pub fn overview(&self) -> Overview {
        *self.now.borrow()
    }

    /// Whether somebody could sign up with `name`.
    pub async fn is_free(&self, name: &str) -> Free {
        let name = name.trim();
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Free::NoName;
        }
        let (reply, replied) = oneshot::channel();
        let name = name.to_owned();
        if self.questions.try_send(Question { name, reply }).is_err() {
            return Free::Busy;
        }
        replied.await.unwrap_or(Free::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_name_is_not_asked_and_one_question_too_many_is_refused() {
        let (desk, mut counter) = open(About {
            node: NodeId([1; 32]),
            addresses: Vec::new(),
            home: PathBuf::new(),
        });
        for wrong in ["", "  ", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert_eq!(desk.is_free(wrong).await, Free::NoName, "{wrong:?}");
        }
        assert!(counter.questions.try_recv().is_err());
        let waiting: Vec<_> = (0..QUESTIONS)
            .map(|_| {
                let (reply, replied) = oneshot::channel();
                let name = "anna".to_owned();
                desk.questions.try_send(Question { name, reply }).unwrap();
                replied
            })
            .collect();
        assert_eq!(desk.is_free("anna").await, Free::Busy);
        drop(counter);
        assert_eq!(desk.is_free("anna").await, Free::Busy);
        drop(waiting);
    }
}
