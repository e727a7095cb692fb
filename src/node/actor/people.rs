//! What the actor has to do with people: who is called what, and that it is written down.
//!
//! Invariant: at most one write is under way; what changes meanwhile goes with the next.

use super::{Actor, Note};
use crate::node::command::{Found, PeopleAsk};
use crate::{
    core::{
        id::NodeId,
        people::{People, PresentPerson},
    },
    node::api::{PeerInfo, Person, WhoError},
    store::clock::unix_now,
};

impl Actor {
    pub(super) fn people(&self) -> &People {
        &self.parts.people.0
    }

    /// Somebody is here whose name is known. Gives the name of before, when this one is new.
    pub(super) fn see(&mut self, node: NodeId, name: &str) -> Option<String> {
        let unchosen = self.peers.unchosen(&node);
        let before = self.parts.people.0.see(name, node, unchosen, unix_now());
        // Somebody may wait for this name.
        self.wake_jobs();
        before
    }

    pub(super) fn peer_rows(&self) -> Vec<PeerInfo> {
        let mut rows = self.peers.info();
        for row in &mut rows {
            row.key_changed = self.key_changed(&row.name, &row.node);
        }
        rows
    }

    /// Whether another key was known for the name of somebody who is here.
    pub(super) fn key_changed(&self, name: &str, node: &NodeId) -> bool {
        let unchosen = self.peers.unchosen(node);
        self.people().changed(name, node, unchosen).is_some()
    }

    pub(super) fn asked_about_people(&mut self, ask: PeopleAsk) {
        match ask {
            PeopleAsk::Find(who, trust_new, reply) => {
                let found = self.found(&who, trust_new);
                if let (Ok(person), true) = (&found.who, trust_new) {
                    self.meet(person.node);
                }
                let _ = reply.send(found);
            }
            PeopleAsk::Means(words, Person { name, node }, reply) => {
                let unchosen = self.peers.unchosen(&node);
                let one = PresentPerson {
                    node,
                    name,
                    unchosen,
                };
                let meant = words.iter().any(|who| self.people().means(who, &one));
                let _ = reply.send(meant);
            }
            PeopleAsk::Named(node, reply) => {
                let name = self.peers.get_mut(&node).map(|peer| peer.name.clone());
                let named = name.map(|name| {
                    let changed = self.key_changed(&name, &node);
                    (name, changed)
                });
                let _ = reply.send(named);
            }
            PeopleAsk::Met(node) => {
                // It may have taken somebody else's name meanwhile.
                let name = self.peers.get_mut(&node).map(|peer| peer.name.clone());
                if name.is_some_and(|name| !self.key_changed(&name, &node)) {
                    self.meet(node);
                }
            }
            PeopleAsk::Added(node, reply) => {
                let _ = reply.send(self.people().added(&node).map(str::to_owned));
            }
            PeopleAsk::Add(name, node, trust_new, reply) => {
                let added = self.parts.people.0.add(&name, node, trust_new, unix_now());
                if added.is_ok()
                    && let Some(peer) = self.peers.get_mut(&node)
                {
                    peer.name = name;
                }
                let _ = reply.send(added);
                self.wake_jobs();
            }
            PeopleAsk::Known(who, reply) => {
                let _ = reply.send(self.people().known(&who).map(|person| person.key));
            }
        }
    }

    /// Both from one look: whoever connects between two would be neither here nor coming.
    fn found(&self, who: &str, trust_new: bool) -> Found {
        let name = |node: NodeId| Person {
            name: self.peers.name(&node),
            node,
        };
        let here = self.people().find(who, &self.peers.named(), trust_new);
        let expected = self.membership.expected();
        let expected = expected.map(|(node, name)| PresentPerson {
            node,
            name: name.to_owned(),
            unchosen: false,
        });
        let expected: Vec<_> = expected.collect();
        let coming = self.people().find(who, &expected, false);
        Found {
            who: here.map(name),
            coming: coming != Err(WhoError::Nobody),
        }
    }

    /// Only a name that it gave itself is remembered.
    fn meet(&mut self, node: NodeId) {
        let unchosen = self.peers.unchosen(&node);
        if let Some(peer) = self.peers.get_mut(&node).filter(|peer| peer.introduced) {
            let people = &mut self.parts.people.0;
            people.meet(&peer.name, node, unchosen, unix_now());
        }
    }

    /// Begins to write down what is new.
    pub(super) fn keep_people(&mut self) {
        if self.keeping_people {
            return;
        }
        let (people, file) = &mut self.parts.people;
        let Some((records, all)) = people.take_news() else {
            return;
        };
        self.keeping_people = true;
        let (file, notes) = (file.clone(), self.notes.clone());
        tokio::spawn(async move {
            let write = tokio::task::spawn_blocking(move || file.write(&records, all));
            if let Ok(Err(error)) = write.await {
                tracing::warn!(%error, "who has which key cannot be written down");
            }
            let _ = notes.send(Note::PeopleKept).await;
        });
    }

    /// The rest, before the node is gone.
    pub(super) async fn keep_people_at_last(&mut self) {
        let (people, file) = &mut self.parts.people;
        let (file, news) = (file.clone(), people.take_news());
        // With nothing new, too: it waits for the write that is under way.
        let write = tokio::task::spawn_blocking(move || match news {
            Some((records, all)) => file.write(&records, all),
            None => file.write(&[], false),
        });
        if let Ok(Err(error)) = write.await {
            tracing::warn!(%error, "who has which key cannot be written down");
        }
    }
}
