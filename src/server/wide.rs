//! Names that other servers may have: what is asked of them, and what follows for whoever asked here.
//!
//! Owns the questions under way. Never changes the directory: the service does. Invariants: at most
//! [`MAX_WAITING`] at a time, and so many a second; of each answer what is kept is what goes into
//! one message; nothing is remembered when it is answered.

use super::{desk::Free, directory::SignUp, net::Peers};
use crate::{
    core::{
        Now,
        id::NodeId,
        peer_servers::Said,
        rate::{Bucket, Rate},
    },
    wire::directory::{Entry, Response, SignedClaim},
};
use futures::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use tokio::sync::oneshot;

/// Questions that wait for an answer.
const MAX_WAITING: usize = 64;
/// Questions to the others, whoever brings them.
const ALL: Rate = Rate {
    per_second: 50.0,
    burst: 500.0,
};
/// Keys that have one name, as far as an asker is told.
const MOST: usize = 8;

/// Who waits for what the others say.
pub(super) enum Doubt {
    /// A name that nobody has here.
    Person(oneshot::Sender<Response>),
    /// A name that a node wants here.
    SignUp(Box<SignUp<SignedClaim>>, oneshot::Sender<Response>),
    /// Whether a name is free.
    Free(oneshot::Sender<Free>),
}

/// See the module.
pub(super) struct Wide {
    peers: Option<Peers>,
    asked: FuturesUnordered<BoxFuture<'static, (Doubt, Said<Entry>)>>,
    rate: Bucket,
}

impl Wide {
    pub(super) fn new(peers: Option<Peers>) -> Self {
        Self {
            peers,
            asked: FuturesUnordered::new(),
            rate: Bucket::new(ALL, Now::ZERO),
        }
    }

    /// Whether no other server is known.
    pub(super) fn is_alone(&self) -> bool {
        self.peers.is_none()
    }

    /// Asks the others.
    ///
    /// # Errors
    /// The doubt, when there are too many already.
    pub(super) fn ask(&mut self, name: String, doubt: Doubt, now: Now) -> Result<(), Doubt> {
        let Some(peers) = &self.peers else {
            return Err(doubt);
        };
        if self.asked.len() >= MAX_WAITING || !self.rate.take(now) {
            return Err(doubt);
        }
        let peers = peers.clone();
        let asking = async move { (doubt, peers.who_has(name).await) };
        self.asked.push(asking.boxed());
        Ok(())
    }

    /// The next that is answered. Waits for ever while nothing is asked.
    pub(super) async fn next(&mut self) -> Option<(Doubt, Said<Entry>)> {
        if self.asked.is_empty() {
            std::future::pending::<()>().await;
        }
        self.asked.next().await
    }
}

/// What a node is told that asked for a name which nobody has here: each key that has it elsewhere,
/// once.
pub(super) fn told(said: Said<Entry>) -> Response {
    let mut people: Vec<(NodeId, Entry)> = Vec::new();
    for (_, entry) in said.found {
        let Ok(claim) = entry.claim.verify() else {
            continue; // It was looked at before.
        };
        if people.len() < MOST && people.iter().all(|(node, _)| *node != claim.node) {
            people.push((claim.node, entry));
        }
    }
    if people.is_empty() && said.complete {
        return Response::Unknown;
    }
    Response::People {
        people: people.into_iter().map(|(_, entry)| entry).collect(),
        more: !said.complete,
    }
}

/// Whether another key has the name.
pub(super) fn is_taken(said: &Said<Entry>, node: &NodeId) -> bool {
    let claims = said.found.iter().map(|(_, entry)| entry.claim.verify());
    claims.flatten().any(|claim| claim.node != *node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        server::net::PeerServer,
        wire::{
            directory::{Claim, SwarmTag},
            signer::Signer,
        },
    };
    use std::time::Duration;

    fn entry(owner: u8) -> Entry {
        let signer = Signer::new([owner; 32]).unwrap();
        let claim = Claim {
            name: "anna".into(),
            node: signer.node(),
            server: NodeId([9; 32]),
            swarm: SwarmTag::default(),
            made: 1,
        };
        Entry {
            claim: SignedClaim::new(&claim, &signer),
            present: false,
            seen: 1,
        }
    }

    fn said(owners: &[u8], complete: bool) -> Said<Entry> {
        let found = owners.iter().zip(0..);
        let found = found.map(|(owner, n)| (NodeId([n; 32]), entry(*owner)));
        Said {
            found: found.collect(),
            complete,
        }
    }

    #[test]
    fn each_key_is_told_once_eight_at_most_and_who_did_not_answer_is_not_passed_over() {
        assert_eq!(told(said(&[], true)), Response::Unknown);
        let count = |response| match response {
            Response::People { people, more } => (people.len(), more),
            _ => panic!("{response:?}"),
        };
        assert_eq!(count(told(said(&[], false))), (0, true));
        assert_eq!(count(told(said(&[1, 2, 1], true))), (2, false));
        let many: Vec<u8> = (1..30).collect();
        assert_eq!(count(told(said(&many, true))), (MOST, false));
    }

    #[test]
    fn a_name_is_taken_when_any_other_key_has_it_anywhere() {
        let own = Signer::new([1; 32]).unwrap().node();
        assert!(!is_taken(&said(&[], false), &own));
        assert!(!is_taken(&said(&[1, 1], true), &own));
        assert!(is_taken(&said(&[1, 2], true), &own));
    }

    /// Those who ask for thousands of names at once wait in 64 places, and then they come slowly.
    #[tokio::test]
    async fn questions_that_wait_are_bounded_and_so_are_those_of_a_second() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = PeerServer {
            key: Signer::new([5; 32]).unwrap().node(),
            host: silent.local_addr().unwrap().to_string(),
        };
        let mut wide = Wide::new(Some(Peers::start([6; 32], vec![server]).unwrap()));
        let ask = |wide: &mut Wide, now| {
            let (reply, _) = oneshot::channel();
            wide.ask("anna".into(), Doubt::Free(reply), now).is_ok()
        };
        let asked = (0..5000).filter(|_| ask(&mut wide, Now::ZERO)).count();
        assert_eq!(asked, MAX_WAITING);
        // Each is answered in the end, without an answer.
        let mut all = asked;
        for _ in 0..1000 {
            let answer = tokio::time::timeout(Duration::from_secs(20), wide.next()).await;
            let (_, said) = answer.unwrap().unwrap();
            assert!(!said.complete);
            all += usize::from(ask(&mut wide, Now::ZERO));
            if wide.asked.is_empty() {
                break;
            }
        }
        assert!(all <= ALL.burst as usize, "{all}");
    }
}
