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
pub struct Awaiting {
    patience: Patience,
    /// Whether it is waited for somebody to come, though nobody is known of.
    hopes: bool,
    reply: oneshot::Sender<Gaps>,
}

impl Actor {
    pub(super) fn await_offers(
        &mut self,
        swarm: &State,
        (wait, hopes): (Duration, bool),
        reply: oneshot::Sender<Gaps>,
    ) {
        let patience = Patience::new(wait, swarm.now());
        self.awaiting.push(Awaiting {
            patience,
            hopes,
            reply,
        });
    }

    pub(super) fn answer_those_who_look(&mut self, swarm: &mut State) {
        if self.awaiting.is_empty() {
            return;
        }
        let (sight, now) = (swarm.sight(true), swarm.now());
        let mut awaiting = std::mem::take(&mut self.awaiting);
        let done = awaiting.extract_if(.., |one| {
            one.reply.is_closed()
                || (!one.hopes && sight.is_alone())
                || one.patience.judge(&sight, sight.here == 0, now) != Verdict::Wait
        });
        for one in done {
            let _ = one.reply.send(swarm.gaps(true));
        }
        self.awaiting = awaiting;
    }
}
