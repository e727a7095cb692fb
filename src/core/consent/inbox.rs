//! The receiver's end: all asks at this node.

use super::{AskId, AskRefusal, MAX_OPEN, RETURN};
use crate::core::{Now, id::NodeId};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

/// Asks that one peer may send at once, and how long it takes until it may send one more.
const BURST: u32 = 10;
const EACH: Duration = Duration::from_secs(6);
/// Peers whose asks are counted; those that asked least lately are forgotten first.
const COUNTED: usize = 1024;
/// Decided asks that are remembered.
const DECIDED: usize = 1024;

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InboxEvent {
    /// A peer asks; `digest` stands for all that it asks for.
    Asked {
        /// Who.
        peer: NodeId,
        /// Which ask.
        id: AskId,
        /// Of its contents.
        digest: [u8; 32],
    },
    /// The person says yes.
    Accept(u32),
    /// The person, or this node for them, says no.
    Refuse(u32, AskRefusal),
    /// Its stream broke.
    Lost(u32),
    /// The sender took it back.
    Withdrawn(u32),
    /// What was accepted came to its end.
    Ended(u32),
    /// Time passed.
    Tick,
}

/// What is to be done about it. Numbers are this node's own names of asks, from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InboxAction {
    /// Show it to the person.
    Show(u32),
    /// It is known: go on where it stood, on the new stream.
    Rejoin(u32),
    /// Say no, and forget it.
    TurnAway(AskRefusal),
    /// Fetch what was asked.
    Begin(u32),
    /// Tell the sender no.
    Decline(u32, AskRefusal),
    /// Tell the person that there is nothing to answer any more.
    Gone(u32, Gone),
    /// The sender did not come back for it: give the transfer up.
    GiveUp(u32),
}

/// Why an ask needs no answer any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gone {
    /// It was not answered in time.
    Expired,
    /// The sender took it back.
    Withdrawn,
    /// The sender is no longer connected.
    Lost,
}

struct Ask {
    peer: NodeId,
    id: AskId,
    digest: [u8; 32],
    state: State,
}

enum State {
    Open { until: Now },
    Accepted { lost: Option<Now> },
}

/// The asks. See the module.
pub struct Inbox {
    expiry: Duration,
    asks: BTreeMap<u32, Ask>,
    last: u32,
    decided: VecDeque<(NodeId, AskId)>,
    /// When each peer's allowance is full again.
    counted: HashMap<NodeId, Now>,
}

impl Inbox {
    /// None yet. An ask waits `expiry` for its answer.
    #[must_use]
    pub fn new(expiry: Duration) -> Self {
        Self {
            expiry,
            asks: BTreeMap::new(),
            last: 0,
            decided: VecDeque::new(),
            counted: HashMap::new(),
        }
    }

    /// Does what follows from `event`.
    pub fn handle(&mut self, event: InboxEvent, now: Now) -> Vec<InboxAction> {
        match event {
            InboxEvent::Asked { peer, id, digest } => vec![self.asked(peer, id, digest, now)],
            InboxEvent::Accept(number) => {
                match self.asks.get_mut(&number).map(|ask| &mut ask.state) {
                    Some(state @ State::Open { .. }) => {
                        *state = State::Accepted { lost: None };
                        vec![InboxAction::Begin(number)]
                    }
                    _ => Vec::new(),
                }
            }
            InboxEvent::Refuse(number, why) => match self.take_open(number) {
                Some(_) => vec![InboxAction::Decline(number, why)],
                None => Vec::new(),
            },
            InboxEvent::Lost(number) => self.lost(number, now),
            InboxEvent::Withdrawn(number) => match self.take_open(number) {
                Some(_) => vec![InboxAction::Gone(number, Gone::Withdrawn)],
                None => Vec::new(),
            },
            InboxEvent::Ended(number) => {
                if let Some(ask) = self.asks.remove(&number) {
                    self.decide(&ask);
                }
                Vec::new()
            }
            InboxEvent::Tick => self.tick(now),
        }
    }

    /// When something is due; `None` while nothing waits.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        let due = |ask: &Ask| match ask.state {
            State::Open { until } => Some(until),
            State::Accepted { lost } => lost.map(|at| at + RETURN),
        };
        self.asks.values().filter_map(due).min()
    }

    /// Whether `number` waits for an answer.
    #[must_use]
    pub fn is_open(&self, number: u32) -> bool {
        let ask = self.asks.get(&number);
        ask.is_some_and(|ask| matches!(ask.state, State::Open { .. }))
    }

    /// Whether `number` was accepted, and its sender is out of reach.
    #[must_use]
    pub fn is_lost(&self, number: u32) -> bool {
        let ask = self.asks.get(&number);
        ask.is_some_and(|ask| matches!(ask.state, State::Accepted { lost: Some(_) }))
    }

    fn open(&self) -> impl Iterator<Item = &Ask> {
        let open = |ask: &&Ask| matches!(ask.state, State::Open { .. });
        self.asks.values().filter(open)
    }

    fn asked(&mut self, peer: NodeId, id: AskId, digest: [u8; 32], now: Now) -> InboxAction {
        let known = self
            .asks
            .iter_mut()
            .find(|(_, ask)| (ask.peer, ask.id) == (peer, id));
        if let Some((&number, ask)) = known {
            // The same name for something else is no continuation.
            if ask.digest != digest {
                return InboxAction::TurnAway(AskRefusal::Decided);
            }
            if let State::Accepted { lost } = &mut ask.state {
                *lost = None;
            }
            return InboxAction::Rejoin(number);
        }
        if self.decided.contains(&(peer, id)) {
            return InboxAction::TurnAway(AskRefusal::Decided);
        }
        if self.open().any(|ask| ask.peer == peer) {
            return InboxAction::TurnAway(AskRefusal::Busy);
        }
        if self.open().count() >= MAX_OPEN {
            return InboxAction::TurnAway(AskRefusal::Full);
        }
        if !self.count(peer, now) {
            return InboxAction::TurnAway(AskRefusal::TooOften);
        }
        self.last += 1;
        let until = now + self.expiry;
        let state = State::Open { until };
        let ask = Ask {
            peer,
            id,
            digest,
            state,
        };
        self.asks.insert(self.last, ask);
        InboxAction::Show(self.last)
    }

    /// Whether the peer may ask once more now; if so, that is counted.
    fn count(&mut self, peer: NodeId, now: Now) -> bool {
        let full = self.counted.get(&peer).copied().unwrap_or_default();
        let full = full.max(now) + EACH;
        if full > now + EACH * BURST {
            return false;
        }
        if self.counted.len() >= COUNTED && !self.counted.contains_key(&peer) {
            self.counted.retain(|_, full| *full > now);
            let least = self.counted.iter().min_by_key(|(_, full)| **full);
            if let Some(least) = least.map(|(peer, _)| *peer)
                && self.counted.len() >= COUNTED
            {
                self.counted.remove(&least);
            }
        }
        self.counted.insert(peer, full);
        true
    }

    fn take_open(&mut self, number: u32) -> Option<Ask> {
        if !self.is_open(number) {
            return None;
        }
        let ask = self.asks.remove(&number)?;
        self.decide(&ask);
        Some(ask)
    }

    fn decide(&mut self, ask: &Ask) {
        if self.decided.len() >= DECIDED {
            self.decided.pop_front();
        }
        self.decided.push_back((ask.peer, ask.id));
    }

    fn lost(&mut self, number: u32, now: Now) -> Vec<InboxAction> {
        match self.asks.get_mut(&number).map(|ask| &mut ask.state) {
            Some(State::Accepted { lost }) => {
                lost.get_or_insert(now);
                Vec::new()
            }
            // Nothing was decided: the sender may ask again when it is back.
            Some(State::Open { .. }) => {
                self.asks.remove(&number);
                vec![InboxAction::Gone(number, Gone::Lost)]
            }
            None => Vec::new(),
        }
    }

    fn tick(&mut self, now: Now) -> Vec<InboxAction> {
        let mut actions = Vec::new();
        let due: Vec<u32> = self
            .asks
            .iter()
            .filter(|(_, ask)| match ask.state {
                State::Open { until } => until <= now,
                State::Accepted { lost } => lost.is_some_and(|at| at + RETURN <= now),
            })
            .map(|(number, _)| *number)
            .collect();
        for number in due {
            if self.take_open(number).is_some() {
                actions.push(InboxAction::Decline(number, AskRefusal::Expired));
                actions.push(InboxAction::Gone(number, Gone::Expired));
            } else {
                // Said once: its end is under way.
                if let Some(Ask {
                    state: State::Accepted { lost },
                    ..
                }) = self.asks.get_mut(&number)
                {
                    *lost = None;
                }
                actions.push(InboxAction::GiveUp(number));
            }
        }
        actions
    }
}
