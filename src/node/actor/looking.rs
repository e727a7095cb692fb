//! Those who want to know what there is, and what of it is still on its way.
//!
//! How long they wait is decided by `core::patience`.

use super::Actor;
use crate::{
    core::patience::{Patience, Verdict},
    node::{api::Gaps, swarm::State},
};
use std::time::Duration;
use tokio::sync::oneshot;

/// Somebody who waits for what the others offer.
pub struct Looker {
    patience: Patience,
    reply: oneshot::Sender<Gaps>,
}

impl Actor {
    pub(super) fn look(&mut self, swarm: &State, wait: Duration, reply: oneshot::Sender<Gaps>) {
        let patience = Patience::new(wait, swarm.now());
        self.looking.push(Looker { patience, reply });
    }

    pub(super) fn answer_those_who_look(&mut self, swarm: &mut State) {
        if self.looking.is_empty() {
            return;
        }
        let (sight, now) = (swarm.sight(true), swarm.now());
        let mut looking = std::mem::take(&mut self.looking);
        let done = looking.extract_if(.., |looker| {
            looker.reply.is_closed()
                || looker.patience.look(&sight, sight.here == 0, now) != Verdict::Wait
        });
        for looker in done {
            let _ = looker.reply.send(swarm.gaps(true));
        }
        self.looking = looking;
    }
}
