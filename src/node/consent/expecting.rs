//! Asks that somebody waits for, who has just paired with the sender: they and what becomes of them
//! come there, and to no person's prompt.
//!
//! Invariants: each expectation takes one ask; it ends when its reader is dropped.

use super::{Consent, Desk};
use crate::{
    core::id::NodeId,
    node::api::{AskInfo, Received},
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What is told of an ask: itself and its end.
pub(super) const NEWS: usize = 4;

/// What comes to somebody who expects an ask.
#[derive(Clone, Debug)]
pub enum Expected {
    /// The ask.
    Ask(Arc<AskInfo>),
    /// It was taken back, or its sender is gone.
    Gone,
    /// How it ended.
    Received(Arc<Received>),
}

/// Where the news of an ask go.
pub(super) type Told = mpsc::Sender<Expected>;

impl Desk {
    /// Whether an ask of this node is expected.
    pub(super) fn expects(&mut self, node: NodeId) -> bool {
        self.expected.retain(|(_, told)| !told.is_closed());
        self.expected.iter().any(|(expected, _)| *expected == node)
    }

    /// Tells of an ask where it is expected; false when it is nowhere.
    pub(super) fn meets(&mut self, number: u32) -> bool {
        let Some(slot) = self.slots.get_mut(&number) else {
            return false;
        };
        let from = slot.info.from.node;
        while let Some(at) = self.expected.iter().position(|(node, _)| *node == from) {
            let (_, told) = self.expected.remove(at);
            if told.try_send(Expected::Ask(slot.info.clone())).is_ok() {
                slot.told = Some(told);
                return true;
            }
        }
        false
    }

    /// Tells of the end of an ask where that is waited for.
    pub(super) fn ends(&self, number: u32, news: Expected) {
        let slot = self.slots.get(&number);
        if let Some(told) = slot.and_then(|slot| slot.told.as_ref()) {
            let _ = told.try_send(news); // Nobody waits any more: fine.
        }
    }
}

impl Consent {
    /// What this node asks next comes here alone, no matter who else answers asks.
    pub fn expect(&self, node: NodeId) -> mpsc::Receiver<Expected> {
        let (told, news) = mpsc::channel(NEWS);
        self.desk().expected.push((node, told));
        news
    }
}
