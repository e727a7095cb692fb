//! From a word to a person: a display name, or (a part of) an id.
//!
//! Decides by what is connected now; waits a little for the swarm to show itself. Never picks one of several.

use crate::node::{
    api::{FindError, Person, WhoError},
    command::{Command, PeopleAsk},
    context::Context,
    people::look_for,
};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// With somebody found, how much longer another one of the same name is waited for.
const GRACE: Duration = Duration::from_secs(1);
/// Between two looks when nothing seems to change.
const LOOK: Duration = Duration::from_millis(50);

/// Whom `word` means among those who are here now. With `trust_new`, a known name's new key is accepted and remembered.
async fn find_now(context: &Context, word: &str, trust_new: bool) -> Result<Person, FindError> {
    let asked =
        context.ask(|reply| Command::People(PeopleAsk::Find(word.to_owned(), trust_new, reply)));
    let node = match asked.await.unwrap_or(Err(WhoError::Nobody)) {
        Ok(node) => node,
        Err(WhoError::Nobody) => return Err(FindError::Nobody(word.to_owned())),
        Err(WhoError::Ambiguous(ids)) => {
            let name = word.to_owned();
            return Err(FindError::Ambiguous { name, ids });
        }
        Err(WhoError::NewKey { name, known, now }) => {
            return Err(FindError::NewKey { name, known, now });
        }
    };
    let named = context.ask(|reply| Command::People(PeopleAsk::Named(node, reply)));
    let name = named
        .await
        .flatten()
        .map_or_else(|| node.short(), |(name, _)| name);
    Ok(Person { name, node })
}

/// Whom `word` means, waiting for them at most `wait`.
pub async fn find(
    context: &Context,
    word: &str,
    trust_new: bool,
    wait: Duration,
) -> Result<Person, FindError> {
    let mut context = context.clone();
    look_for(&context, word).await;
    let start = Instant::now();
    let mut since: Option<Instant> = None;
    // Answered once the swarm is quiet: then nobody else of that name is to be expected.
    let (settled, mut quiet) = tokio::sync::oneshot::channel();
    let until = start + wait.max(GRACE);
    context.tell(Command::Settled(until, settled)).await;
    loop {
        let found = find_now(&context, word, trust_new).await;
        let enough = if let Ok(person) = &found {
            // A whole id means nobody else.
            if person.node.to_string() == word {
                return found;
            }
            let known = *since.get_or_insert_with(Instant::now);
            known.elapsed() >= GRACE || quiet.try_recv().is_ok()
        } else {
            since = None;
            start.elapsed() >= wait
        };
        if enough {
            return found;
        }
        sleep(Duration::from_millis(5)).await;
        let _ = timeout(LOOK, context.changed.changed()).await;
    }
}
