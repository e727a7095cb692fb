//! From a word to a person: a display name, or (a part of) an id.
//!
//! Waits a little for the swarm to show itself; whom a word means is `core::people`'s to say. Never
//! picks one of several.

use super::{
    api::{Person, WhoError},
    command::Command,
    services::Services,
    swarm::Found,
};
use crate::core::{id::NodeId, patience::HANDSHAKE};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// With somebody found, how much longer another one of the same name is waited for.
const GRACE: Duration = Duration::from_secs(1);
/// Between two looks whether somebody's connection is still under way.
const COMING: Duration = Duration::from_millis(500);

/// Has somebody looked for at the rendezvous servers who may not be here: their key is known, or is
/// what was said.
pub fn look_for(services: &Services, who: &str) {
    if !services.meeting.is_configured() {
        return;
    }
    let key = NodeId::parse(who).or_else(|| services.swarm.known(who));
    if let Some(key) = key {
        services.meeting.want(key);
    }
}

/// Among whom somebody is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Nodes.
    Nodes,
    /// People of LocalSend, too: they can be sent files, and nothing else.
    Anybody,
}

/// Whom `who` means now. With `trust_new`, a known name's new key is accepted and remembered.
pub async fn find_now(services: &Services, whom: Whom, who: &str, trust_new: bool) -> Found {
    let anybody = whom == Whom::Anybody;
    if !trust_new {
        let swarm = &services.swarm;
        return if anybody {
            swarm.find_anybody(who)
        } else {
            swarm.find(who)
        };
    }
    let who = who.to_owned();
    let asked = services.ask(|reply| Command::Trust(who, anybody, reply));
    Found {
        who: asked.await.unwrap_or(Err(WhoError::Nobody)),
        coming: false,
    }
}

/// The same for somebody who may still be connecting, or known and somewhere behind a server. Waits
/// at most `wait`, longer while their connection is under way, and until another one of that name
/// is unlikely to come.
pub async fn find(
    services: &Services,
    whom: Whom,
    who: &str,
    trust_new: bool,
    wait: Duration,
) -> Result<Person, WhoError> {
    let changed = services.changed.clone();
    look_for(services, who);
    let settled = async |until: Instant| {
        let settled = services.ask(|reply| Command::Settled(until.into_std(), reply));
        settled.await;
    };
    let found = |trust_new| find_now(services, whom, who, trust_new);
    wait_for(who, trust_new, wait, changed, found, settled).await
}

/// Looks each time something changed, until the time is over. Each look shows who is here and who
/// is coming at one moment: of two, the second could miss the one who was coming at the first.
async fn wait_for<F: Future<Output = Found>, G: Future<Output = ()>>(
    who: &str,
    trust_new: bool,
    wait: Duration,
    mut changed: watch::Receiver<u64>,
    look: impl Fn(bool) -> F,
    settled: impl Fn(Instant) -> G,
) -> Result<Person, WhoError> {
    let mut until = Instant::now() + wait;
    let last = until + HANDSHAKE;
    loop {
        changed.mark_unchanged();
        // A new key is taken only once it is plain that no other is meant.
        let mut found = look(false).await;
        if found.who != Err(WhoError::Nobody) {
            let whole_id = matches!(&found.who, Ok(person) if person.node.to_string() == who);
            if !whole_id {
                let good = found.who.is_ok() || trust_new;
                settled(if good { Instant::now() + GRACE } else { until }).await;
            }
            found = look(trust_new).await;
        }
        if found.who != Err(WhoError::Nobody) {
            return found.who;
        }
        let now = Instant::now();
        if now >= until {
            if now >= last || !found.coming {
                return Err(WhoError::Nobody);
            }
            until = last.min(now + COMING);
        }
        // Without a node nothing changes any more.
        if let Ok(Err(_)) = timeout_at(until, changed.changed()).await {
            return Err(WhoError::Nobody);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::ready,
        sync::atomic::{AtomicUsize, Ordering},
    };

    const WAIT: Duration = Duration::from_secs(1);

    fn anna() -> Person {
        Person {
            name: "anna".into(),
            node: NodeId([7; 32]),
        }
    }

    fn coming() -> Found {
        Found {
            coming: true,
            ..Found::NOBODY
        }
    }

    fn here() -> Found {
        Found {
            who: Ok(anna()),
            coming: false,
        }
    }

    /// What is found, and after how long, when each look shows the next of these, and the last one
    /// from then on.
    async fn found(looks: &[Found]) -> (Result<Person, WhoError>, Duration) {
        let (_alive, changed) = watch::channel(0);
        let (at, began) = (AtomicUsize::new(0), Instant::now());
        let look = |_| {
            let at = at.fetch_add(1, Ordering::Relaxed).min(looks.len() - 1);
            ready(looks[at].clone())
        };
        let found = wait_for("anna", false, WAIT, changed, look, |_| ready(())).await;
        (found, began.elapsed())
    }

    /// The connection comes up right after the last look within the wait, and nobody tells.
    #[tokio::test(start_paused = true)]
    async fn somebody_who_connects_between_two_looks_is_found() {
        let (who, _) = found(&[coming(), here()]).await;
        assert_eq!(who, Ok(anna()));
        let (who, _) = found(&[Found::NOBODY, here()]).await;
        assert_eq!(who, Ok(anna()), "the time is over, but they are here");
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_is_longer_while_a_connection_is_under_way() {
        let (who, after) = found(&[Found::NOBODY]).await;
        assert_eq!(who, Err(WhoError::Nobody));
        assert!((WAIT..WAIT + COMING).contains(&after), "{after:?}");
        let (who, after) = found(&[coming(), coming(), coming(), here()]).await;
        assert_eq!(who, Ok(anna()));
        assert!(after >= WAIT + COMING, "{after:?}");
        let (who, after) = found(&[coming()]).await;
        assert_eq!(who, Err(WhoError::Nobody));
        let last = WAIT + HANDSHAKE;
        assert!((last..last + COMING).contains(&after), "{after:?}");
    }
}
