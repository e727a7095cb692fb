//! Whom a person means: names and ids among those who are here, and what is remembered of them.
//!
//! The front ends' way to `who`. It decides nothing.

use super::{
    Node,
    api::{Person, WhoError},
    who::{self, Whom},
};
use crate::core::id::NodeId;
use std::time::Duration;

impl Node {
    /// Whom `who` means among those who are here: a display name, a whole id, the last 6 or more
    /// characters of one, or the first 12 or more. With `trust_new`, a known name's new key is
    /// accepted and remembered from then on.
    ///
    /// # Errors
    /// [`WhoError`] when it is nobody, several, or not the one who was known by that name.
    pub async fn find_person(&self, who: &str, trust_new: bool) -> Result<Person, WhoError> {
        let found = who::find_now(&self.shared.services, Whom::Nodes, who, trust_new).await;
        found.who
    }

    /// The same for somebody who may still be connecting, or known and somewhere behind a server:
    /// waits at most `wait`, longer while their connection is under way, and until another one of
    /// that name is unlikely to come.
    ///
    /// # Errors
    /// As for [`Node::find_person`].
    pub async fn await_person(
        &self,
        who: &str,
        trust_new: bool,
        wait: Duration,
    ) -> Result<Person, WhoError> {
        who::find(&self.shared.services, Whom::Nodes, who, trust_new, wait).await
    }

    /// What a node is called, and whether another key was known for that name; `None` when it is
    /// not here.
    #[must_use]
    pub fn name_of(&self, node: NodeId) -> Option<(String, bool)> {
        self.shared.services.swarm.named(&node)
    }
}
