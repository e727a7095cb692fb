//! Writing down who goes by which name.
//!
//! Invariant: at most one write is under way; what changes meanwhile goes with the next.

use super::{Actor, Note};
use crate::node::swarm::State;

impl Actor {
    /// Begins to write down what is new.
    pub(super) fn keep_people(&mut self, swarm: &mut State) {
        if self.keeping_people {
            return;
        }
        let Some((records, all)) = swarm.people.take_news() else {
            return;
        };
        self.keeping_people = true;
        let (file, notes) = (self.parts.people.clone(), self.notes.clone());
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
        let news = self.parts.services.swarm.turn().people.take_news();
        let file = self.parts.people.clone();
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
