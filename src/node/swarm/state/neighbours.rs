//! People of LocalSend in the room: they have rows and names like nodes, and nothing else of them.
//!
//! Owns who of them is shown. Never knows how they are reached (`node::localsend` does). Invariant:
//! a name alone means a node before it means one of them, and never one of them where a node is
//! remembered by it.

use super::{Found, State};
use crate::{
    core::{
        id::NodeId,
        localsend::called,
        people::{PresentPerson, WhoError},
        via::Via,
    },
    node::api::{PeerInfo, Person},
    store::clock::unix_now,
};
use std::{collections::BTreeMap, net::SocketAddr};

/// Who is shown: what they are called, with what stands before it, and where they are.
#[derive(Default)]
pub(super) struct Neighbours(BTreeMap<NodeId, (String, SocketAddr)>);

/// What their coming changed.
pub enum Arrival {
    /// They were here, and are called as before.
    Known,
    /// They are new; this key was known by that name before, if by any.
    New(Option<String>),
    /// They were called so.
    Renamed(String),
}

impl State {
    /// Somebody of LocalSend is here and calls themselves so.
    pub fn neighbour_here(&mut self, node: NodeId, name: &str, at: SocketAddr) -> Arrival {
        let name = called(name);
        let before = self.neighbours.0.insert(node, (name.clone(), at));
        let known = before.is_some();
        match before {
            Some((before, _)) if before != name => {
                self.people.see(&name, node, false, unix_now());
                Arrival::Renamed(before)
            }
            _ => {
                let seen = self.people.see(&name, node, false, unix_now());
                if known {
                    Arrival::Known
                } else {
                    Arrival::New(seen)
                }
            }
        }
    }

    /// They are not heard any more. What they were called.
    pub fn neighbour_gone(&mut self, node: &NodeId) -> Option<String> {
        self.neighbours.0.remove(node).map(|(name, _)| name)
    }

    /// What somebody of LocalSend who is here is called.
    #[must_use]
    pub fn neighbour(&self, node: &NodeId) -> Option<&str> {
        self.neighbours.0.get(node).map(|(name, _)| &**name)
    }

    /// Whether the name of somebody without a key of the swarm had another key before.
    #[must_use]
    pub fn has_new_key(&self, person: &Person) -> bool {
        let changed = self.people.changed(&person.name, &person.node, false);
        changed.is_some()
    }

    /// Their rows of `peers`.
    pub(super) fn neighbour_rows(&self) -> impl Iterator<Item = PeerInfo> + '_ {
        self.neighbours.0.iter().map(|(node, (name, at))| PeerInfo {
            node: *node,
            name: name.clone(),
            via: Via::LocalSend,
            address: at.to_string(),
            rtt: None,
            key_changed: self.people.changed(name, node, false).is_some(),
            visiting: false,
            unproven: true,
            offers: 0,
        })
    }

    /// Whom a word means, people of LocalSend included.
    #[must_use]
    pub fn find_anybody(&self, who: &str) -> Found {
        let mut found = self.find(who);
        if found.who == Err(WhoError::Nobody) {
            found.who = self.find_neighbour(who, false);
        }
        found
    }

    /// The same; a known name's new key is accepted, and remembered from now on.
    ///
    /// # Errors
    /// Nobody who is here is meant, or several are.
    pub fn trust_anybody(&mut self, who: &str) -> Result<Person, WhoError> {
        match self.trust(who) {
            Err(WhoError::Nobody) => {}
            found => return found,
        }
        let person = self.find_neighbour(who, true)?;
        let Person { name, node } = &person;
        self.people.meet(name, *node, false, unix_now());
        Ok(person)
    }

    fn find_neighbour(&self, who: &str, trust_new: bool) -> Result<Person, WhoError> {
        let here = self.neighbours.0.iter();
        let here: Vec<PresentPerson> = here
            .map(|(node, (name, _))| PresentPerson {
                node: *node,
                name: name.clone(),
                unchosen: false,
            })
            .collect();
        let node = match self.people.find(who, &here, trust_new) {
            Err(WhoError::Nobody) => self.people.find(&called(who), &here, trust_new)?,
            found => found?,
        };
        // Somebody who took the name of a node that is not here is not that node.
        if let Some(known) = self.people.known(who)
            && known.met
            && !known.key.is_localsend()
        {
            return Err(WhoError::Ambiguous(vec![known.key, node]));
        }
        let name = self.neighbour(&node).unwrap_or_default().to_owned();
        Ok(Person { name, node })
    }

    /// Something was sent to one of them.
    pub(super) fn neighbour_met(&mut self, node: NodeId) {
        let Some(name) = self.neighbour(&node).map(str::to_owned) else {
            return;
        };
        if self.people.changed(&name, &node, false).is_none() {
            self.people.meet(&name, node, false, unix_now());
        }
    }
}
