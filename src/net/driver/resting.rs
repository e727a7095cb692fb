//! What the driver does about nodes with which no connection is kept: it dials one when something
//! is asked of it, and closes what nobody uses.
//!
//! Invariant: what waits for a dial is let go when that dial ends, whichever way.

use super::{
    super::{PathId, RequestError, StreamError, meeting::Waiting},
    Answer, Driver, MAX_REQUESTS, NodeId, Request, Response,
};
use std::time::Instant;
use tokio::sync::oneshot;

/// What is wanted of a node.
pub(super) enum Wanted {
    Ask(Request, Answer<Response>),
    Open(Waiting),
    Paths(oneshot::Sender<Vec<PathId>>),
}

impl Wanted {
    fn refuse(self) {
        match self {
            Self::Ask(_, answer) => drop(answer.send(Err(RequestError::NotConnected))),
            Self::Open(waiting) => drop(waiting.opened.send(Err(StreamError::NotConnected))),
            Self::Paths(reply) => drop(reply.send(Vec::new())),
        }
    }
}

impl Driver {
    /// Something is wanted of a node that is not connected: it is dialled, if it rests.
    pub(super) fn wake(&mut self, node: NodeId, wanted: Wanted) {
        let room = self.waiting.len() < MAX_REQUESTS && !self.connections.has_any(node);
        let Some(addresses) = self.resting.at(&node).filter(|_| room) else {
            return wanted.refuse();
        };
        self.waiting.push((node, wanted));
        self.dial(Some(node), addresses);
        self.let_go(node);
    }

    /// It is connected now: what waited for that is done.
    pub(super) fn awake(&mut self, node: NodeId) {
        for wanted in self.waiting_for(node) {
            match wanted {
                Wanted::Ask(request, answer) => self.request(node, request, answer),
                Wanted::Open(waiting) => self.open(waiting),
                Wanted::Paths(reply) => drop(reply.send(self.paths_to(node))),
            }
        }
    }

    /// Lets go what waits for a dial that came to nothing.
    pub(super) fn let_go(&mut self, node: NodeId) {
        let dialling = self.dials.values().any(|dial| dial.0 == Some(node));
        if !dialling && !self.connections.has_any(node) {
            self.waiting_for(node).into_iter().for_each(Wanted::refuse);
        }
    }

    fn waiting_for(&mut self, node: NodeId) -> Vec<Wanted> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let due = self.waiting.extract_if(.., |waiting| waiting.0 == node);
        due.map(|(_, wanted)| wanted).collect()
    }

    /// Closes the connections that nobody needs.
    pub(super) fn look_over_resting(&mut self, now: Instant) {
        let resting = self.resting.of(self.connections.nodes());
        let streams = &self.swarm.behaviour().streams;
        let idle = self
            .connections
            .idle(&resting, now, |id| streams.open_on(id));
        for id in idle {
            self.swarm.close_connection(id);
        }
        // A dial that another part of the network made instead may have ended.
        let mut waiting: Vec<NodeId> = self.waiting.iter().map(|waiting| waiting.0).collect();
        waiting.dedup();
        for node in waiting {
            self.let_go(node);
        }
    }
}
