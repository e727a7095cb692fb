//! Whom a person means: names and ids among those who are here, and what is remembered of them.
//!
//! The front ends' way to `core::people`, which the actor owns. It decides nothing.

use super::{
    Node,
    api::WhoError,
    command::{Command, PeopleAsk},
    context::Context,
};
use crate::core::{id::NodeId, patience::HANDSHAKE};
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// Between two looks whether somebody's connection is still under way.
const COMING: Duration = Duration::from_millis(500);

/// Has somebody looked for at the rendezvous servers who may not be here: their key is known, or is what was said.
pub async fn look_for(context: &Context, who: &str) {
    if !context.meeting.is_configured() {
        return;
    }
    let mut key = NodeId::parse(who);
    if key.is_none() {
        let known = context.ask(|reply| Command::People(PeopleAsk::Known(who.to_owned(), reply)));
        key = known.await.flatten();
    }
    if let Some(key) = key {
        context.meeting.want(key);
    }
}

impl Node {
    /// Whom `who` means among those who are here: a display name, a whole id, the last 6 or more characters of one, or the
    /// first 12 or more. With `trust_new`, a known name's new key is accepted and remembered from then on.
    ///
    /// # Errors
    /// [`WhoError`] when it is nobody, several, or not the one who was known by that name.
    pub async fn find_person(&self, who: &str, trust_new: bool) -> Result<NodeId, WhoError> {
        let who = who.to_owned();
        let asked = self
            .shared
            .context
            .ask(|reply| Command::People(PeopleAsk::Find(who, trust_new, reply)));
        asked.await.unwrap_or(Err(WhoError::Nobody))
    }

    /// The same for somebody who may be on his way, or known and somewhere behind a server: waits at most `wait` for him,
    /// longer when his connection is under way, and until it is unlikely that another of
    /// that name comes.
    ///
    /// # Errors
    /// As for [`Node::find_person`].
    pub async fn await_person(
        &self,
        who: &str,
        trust_new: bool,
        wait: Duration,
    ) -> Result<NodeId, WhoError> {
        let mut until = Instant::now() + wait;
        let last = until + HANDSHAKE;
        let mut changed = self.shared.context.changed.clone();
        look_for(&self.shared.context, who).await;
        loop {
            changed.mark_unchanged();
            let found = self.find_person(who, false).await;
            let found = if matches!(found, Err(WhoError::Nobody)) {
                found
            } else {
                self.settled(until.saturating_duration_since(Instant::now()))
                    .await;
                self.find_person(who, trust_new).await
            };
            if !matches!(found, Err(WhoError::Nobody)) {
                return found;
            }
            match timeout_at(until.into(), changed.changed()).await {
                Ok(Ok(())) => {}
                Err(_) if until < last && self.is_coming(who).await => {
                    until = last.min(Instant::now() + COMING);
                }
                Ok(Err(_)) | Err(_) => return found,
            }
        }
    }

    /// Whether `who` means somebody whose connection is under way.
    async fn is_coming(&self, who: &str) -> bool {
        let context = &self.shared.context;
        let coming = context.ask(|reply| Command::People(PeopleAsk::Coming(who.to_owned(), reply)));
        coming.await.unwrap_or_default()
    }

    /// What a node is called, and whether another key was known for that name; `None` when it is not here.
    pub async fn name_of(&self, node: NodeId) -> Option<(String, bool)> {
        let context = &self.shared.context;
        let named = context.ask(|reply| Command::People(PeopleAsk::Named(node, reply)));
        named.await.flatten()
    }
}
