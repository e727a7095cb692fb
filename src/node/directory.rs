//! Names at rendezvous servers: signing up, finding people, and adding them to those one knows.
//!
//! Asks the servers that are joined, and believes them nothing that its owner did not sign. Never
//! decides who may see what: the servers do. Invariant: what is added is what was signed, at that
//! server, by that key, with that very name.

use super::{
    Node,
    api::{DirectoryError, SignedUp},
    command::Command,
};
use crate::{
    core::id::NodeId,
    net::RequestError,
    store::clock::unix_now,
    wire::{
        directory::{Claim, Entry, Request, Response, SignedClaim, SwarmTag, tag},
        signer::Signer,
    },
};
use std::{collections::BTreeSet, time::Duration};

/// Answers that are asked of one server for one list, of 64 people each.
const MAX_PAGES: usize = 64;
/// Keys that one server says a name stands for, each at another server.
const MAX_KEYS: usize = 8;

/// What a node signs up with.
pub struct Names {
    pub signer: Signer,
    pub swarm_key: Option<[u8; 32]>,
}

/// A server, and how it was written.
type Server = (NodeId, String);

/// What an entry says, if its owner said so to this server. With a tag, in this swarm.
fn checked(entry: &Entry, server: &NodeId, swarm: Option<SwarmTag>) -> Option<Claim> {
    let claim = entry.claim.verify().ok()?;
    let fits = claim.server == *server && swarm.is_none_or(|swarm| claim.swarm == swarm);
    fits.then_some(claim)
}

/// What an entry says of a name at whatever server, if its owner said so there.
fn elsewhere(entry: &Entry, name: &str) -> Option<Claim> {
    let claim = entry.claim.verify().ok()?;
    (claim.name == name).then_some(claim)
}

fn silent(server: &Server, error: &RequestError) -> DirectoryError {
    DirectoryError::Silent(server.1.clone(), error.to_string())
}

/// An answer that says no.
fn refusal(server: &Server, answer: &Response) -> DirectoryError {
    let name = server.1.clone();
    match answer {
        Response::Taken => DirectoryError::Taken(name),
        Response::Unknown => DirectoryError::NotYours(name),
        Response::Refused => DirectoryError::Refused(name),
        Response::Busy => DirectoryError::Busy(name),
        _ => DirectoryError::Silent(name, "it answered something else".to_owned()),
    }
}

fn check_name(name: &str) -> Result<&str, DirectoryError> {
    let name = name.trim();
    if name.is_empty() || name.len() > crate::wire::MAX_NAME {
        let most = crate::wire::MAX_NAME;
        let why = format!("a name has 1 to {most} bytes");
        return Err(DirectoryError::Name(why));
    }
    if name.chars().any(char::is_control) {
        let why = "a name has no control characters".to_owned();
        return Err(DirectoryError::Name(why));
    }
    Ok(name)
}

impl Node {
    async fn servers(&self, wait: Duration) -> Result<Vec<Server>, DirectoryError> {
        let meeting = &self.shared.services.meeting;
        if !meeting.is_configured() {
            return Err(DirectoryError::NoneNamed);
        }
        let joined = meeting.entered(wait).await;
        if joined.is_empty() {
            let all = meeting.servers().into_iter().map(|server| server.address);
            let all: Vec<String> = all.collect();
            return Err(DirectoryError::NoServer(if all.is_empty() {
                "none was found by --dht".to_owned()
            } else {
                all.join(", ")
            }));
        }
        Ok(joined)
    }

    async fn ask_server(
        &self,
        server: &Server,
        request: Request,
    ) -> Result<Response, DirectoryError> {
        let answer = self.shared.services.net.ask_server(server.0, request).await;
        answer.map_err(|error| silent(server, &error))
    }

    /// Binds a name to this node's key at every server that is joined within `wait`, or only at the
    /// one with the key `at`, or gives it back. How it went at each.
    ///
    /// # Errors
    /// [`DirectoryError`], when no server could be asked at all.
    pub async fn sign_up(
        &self,
        name: &str,
        release: bool,
        at: Option<NodeId>,
        wait: Duration,
    ) -> Result<Vec<(String, Result<(), DirectoryError>)>, DirectoryError> {
        let name = check_name(name)?;
        let mut servers = self.servers(wait).await?;
        if let Some(at) = at {
            servers.retain(|server| server.0 == at);
            if servers.is_empty() {
                return Err(DirectoryError::NoServer(at.to_string()));
            }
        }
        let mut results = Vec::new();
        for server in servers {
            let request = if release {
                let name = name.to_owned();
                Request::Release { name }
            } else {
                let claim = self.claim(name, &server.0);
                Request::SignUp { claim }
            };
            let result = match self.ask_server(&server, request).await {
                Ok(Response::Done) => Ok(()),
                Ok(answer) => Err(refusal(&server, &answer)),
                Err(error) => Err(error),
            };
            results.push((server.1, result));
        }
        Ok(results)
    }

    fn claim(&self, name: &str, server: &NodeId) -> SignedClaim {
        let names = &self.shared.names;
        let claim = Claim {
            name: name.to_owned(),
            node: names.signer.node(),
            server: *server,
            swarm: tag(names.swarm_key.as_ref(), server),
            made: unix_now(),
        };
        SignedClaim::new(&claim, &names.signer)
    }

    /// Who signed up in this swarm, at every server that is joined within `wait`, sorted by name;
    /// `pattern` is a part of it. Whoever has it as their whole name is found at the servers, too,
    /// that those know.
    ///
    /// # Errors
    /// [`DirectoryError`], when no server answers.
    pub async fn people(
        &self,
        pattern: Option<&str>,
        wait: Duration,
    ) -> Result<Vec<SignedUp>, DirectoryError> {
        let (mut rows, mut answered, mut failed) = (Vec::new(), false, None);
        let servers = self.servers(wait).await?;
        for server in &servers {
            match self.people_at(server, pattern).await {
                Ok(people) => {
                    answered = true;
                    rows.extend(people);
                }
                Err(error) => {
                    tracing::warn!("{error}");
                    failed = Some(error);
                }
            }
        }
        if let Some(name) = pattern.and_then(|pattern| check_name(pattern).ok()) {
            for server in &servers {
                let known = rows.iter().map(|row: &SignedUp| row.node).collect();
                rows.extend(self.people_beyond(server, name, &known).await);
            }
        }
        if let Some(error) = failed.filter(|_| !answered) {
            return Err(error);
        }
        rows.sort_by(|a, b| (&a.name, a.node, &a.server).cmp(&(&b.name, b.node, &b.server)));
        Ok(rows)
    }

    /// Those of this swarm whose whole name that is, and who are not `known`, at servers that this
    /// one knows. In which swarm somebody is, their claim says; no server on the way can tell.
    async fn people_beyond(
        &self,
        server: &Server,
        name: &str,
        known: &BTreeSet<NodeId>,
    ) -> Vec<SignedUp> {
        match self.person_at(server, name).await {
            Ok((people, _)) => {
                let news = |person: &SignedUp| person.ours && !known.contains(&person.node);
                people.into_iter().filter(news).collect()
            }
            Err(error) => {
                tracing::debug!("{error}");
                Vec::new()
            }
        }
    }

    async fn people_at(
        &self,
        server: &Server,
        pattern: Option<&str>,
    ) -> Result<Vec<SignedUp>, DirectoryError> {
        let swarm = tag(self.shared.names.swarm_key.as_ref(), &server.0);
        let (mut rows, mut after) = (Vec::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let request = Request::People {
                pattern: pattern.map(str::to_owned),
                after: after.clone(),
            };
            let answer = self.ask_server(server, request).await?;
            let Response::People { people, more } = answer else {
                return Err(refusal(server, &answer));
            };
            let mut last = None;
            for entry in people {
                let Some(claim) = checked(&entry, &server.0, Some(swarm)) else {
                    return Err(DirectoryError::Lies(server.1.clone()));
                };
                last = Some(claim.name.clone());
                rows.push(self.row(claim, &entry, &server.1, true));
            }
            // A server that goes round in circles is not followed.
            if !more || last.is_none() || last == after {
                break;
            }
            after = last;
        }
        Ok(rows)
    }

    fn row(&self, claim: Claim, entry: &Entry, server: &str, ours: bool) -> SignedUp {
        let (name, node) = (claim.name, claim.node);
        let added = self.shared.services.swarm.added(&node);
        SignedUp {
            added: added.is_some_and(|added| added == name),
            name,
            node,
            present: entry.present,
            seen: entry.seen,
            server: server.to_owned(),
            ours,
        }
    }

    /// Looks up who signed up with exactly this name, and remembers them: the name means that key
    /// from then on.
    ///
    /// # Errors
    /// [`DirectoryError`]; then nothing was remembered.
    pub async fn add_person(
        &self,
        name: &str,
        trust_new: bool,
        wait: Duration,
    ) -> Result<SignedUp, DirectoryError> {
        let name = check_name(name)?;
        let (mut found, mut failed) = (Vec::new(), None);
        for server in self.servers(wait).await? {
            match self.person_at(&server, name).await {
                Ok((people, complete)) => {
                    found.extend(people);
                    if !complete {
                        failed.get_or_insert(DirectoryError::Unsure(server.1));
                    }
                }
                Err(error @ DirectoryError::Lies(_)) => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        let keys: BTreeSet<NodeId> = found.iter().map(|person| person.node).collect();
        if keys.len() > 1 {
            return Err(DirectoryError::Different(keys.into_iter().collect()));
        }
        // Present at one of them is present.
        found.sort_by_key(|person| (!person.present, std::cmp::Reverse(person.seen)));
        let Some(mut person) = found.into_iter().next() else {
            let name = name.to_owned();
            return Err(failed.unwrap_or(DirectoryError::NotFound(name)));
        };
        let (added, key) = (person.name.clone(), person.node);
        let services = &self.shared.services;
        let asked = services.ask(|reply| Command::Add(added, key, trust_new, reply));
        match asked.await {
            Some(Ok(())) => {
                person.added = true;
                Ok(person)
            }
            Some(Err(known)) => Err(DirectoryError::NewKey { known, now: key }),
            None => Err(DirectoryError::NoneNamed), // The node is stopping.
        }
    }

    async fn person_at(
        &self,
        server: &Server,
        name: &str,
    ) -> Result<(Vec<SignedUp>, bool), DirectoryError> {
        let request = Request::Person {
            name: name.to_owned(),
            wide: true,
        };
        let answer = self.ask_server(server, request).await?;
        let (people, more) = match answer {
            Response::People { people, more } => (people, more),
            Response::Unknown => return Ok((Vec::new(), true)),
            other => return Err(refusal(server, &other)),
        };
        let mut rows = Vec::new();
        for entry in people.iter().take(MAX_KEYS) {
            let Some(claim) = elsewhere(entry, name) else {
                return Err(DirectoryError::Lies(server.1.clone()));
            };
            let ours = claim.swarm == tag(self.shared.names.swarm_key.as_ref(), &claim.server);
            // Signed up at another one, which that one knows.
            let at = if claim.server == server.0 {
                server.1.clone()
            } else {
                format!("{} by way of {}", claim.server.short(), server.1)
            };
            rows.push(self.row(claim, entry, &at, ours));
        }
        Ok((rows, !more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_bytes::ByteBuf;

    const SERVER: NodeId = NodeId([9; 32]);

    fn entry(change: impl FnOnce(&mut Claim)) -> Entry {
        let signer = Signer::new([1; 32]).unwrap();
        let mut claim = Claim {
            name: "anna".into(),
            node: signer.node(),
            server: SERVER,
            swarm: SwarmTag::default(),
            made: 1,
        };
        change(&mut claim);
        Entry {
            claim: SignedClaim::new(&claim, &signer),
            present: true,
            seen: 1,
        }
    }

    #[test]
    fn a_server_is_believed_only_what_was_signed_for_it() {
        let ours = Some(SwarmTag::default());
        assert!(checked(&entry(|_| ()), &SERVER, ours).is_some());
        let elsewhere = entry(|claim| claim.server = NodeId([8; 32]));
        assert!(checked(&elsewhere, &SERVER, None).is_none());
        let another = entry(|claim| claim.node = NodeId([7; 32]));
        assert!(checked(&another, &SERVER, None).is_none());
        let private = entry(|claim| claim.swarm = SwarmTag([1; 32]));
        assert!(checked(&private, &SERVER, ours).is_none());
        assert!(checked(&private, &SERVER, None).is_some());
        let mut torn = entry(|_| ());
        torn.claim.signature = ByteBuf::from(vec![0; 64]);
        assert!(checked(&torn, &SERVER, None).is_none());
    }

    /// A server can pass on what the owner of a name said to another server, and nothing else.
    #[test]
    fn what_a_server_says_of_another_one_is_what_was_signed_there() {
        let there = entry(|claim| claim.server = NodeId([8; 32]));
        let claim = elsewhere(&there, "anna").unwrap();
        assert_eq!(claim.server, NodeId([8; 32]));
        assert!(elsewhere(&there, "anne").is_none());
        let another = entry(|claim| claim.node = NodeId([7; 32]));
        assert!(elsewhere(&another, "anna").is_none());
        let mut moved = there.clone();
        moved.claim.body = entry(|_| ()).claim.body;
        assert!(elsewhere(&moved, "anna").is_none());
    }

    #[test]
    fn names_are_checked_before_anybody_is_asked() {
        assert_eq!(check_name(" anna "), Ok("anna"));
        for wrong in ["", "  ", "a\u{7}b", &"x".repeat(65)] {
            assert!(check_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
