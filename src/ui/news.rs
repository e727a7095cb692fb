//! What happens at a node, as people want to hear it: somebody who only looks or fetches is never
//! mentioned.
//!
//! Such a node says so itself. For those that do not (older ones), "joined" is told once a node has
//! stayed for `STAY`, and one that leaves earlier came and went unseen. One that bears a known name
//! with another key is mentioned, whatever it says. Programs hear everything at once.

use crate::{core::id::NodeId, node::NodeEvent};
use std::{collections::VecDeque, time::Duration};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep_until},
};

/// Who stays for so long is no visitor.
const STAY: Duration = Duration::from_millis(1500);

/// A node's events, with the visitors left out.
pub struct News {
    events: Receiver<NodeEvent>,
    visitors: Option<Visitors>,
}

impl News {
    /// For people, or with `all` for programs.
    #[must_use]
    pub fn new(events: Receiver<NodeEvent>, all: bool) -> Self {
        let visitors = (!all).then(Visitors::default);
        Self { events, visitors }
    }

    /// The next event. Cancelling the wait loses none.
    ///
    /// # Errors
    /// As the channel's: too many were missed, or the node stopped.
    pub async fn next(&mut self) -> Result<NodeEvent, RecvError> {
        let Some(visitors) = &mut self.visitors else {
            return self.events.recv().await;
        };
        loop {
            let next = visitors.next();
            tokio::select! {
                event = self.events.recv() => if let Some(event) = visitors.heard(event?, Instant::now()) {
                    return Ok(event);
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    if let Some(event) = visitors.due(Instant::now()) {
                        return Ok(event);
                    }
                }
            }
        }
    }
}

/// Those who came a moment ago, the earliest first. Pure.
#[derive(Debug, Default)]
struct Visitors(VecDeque<(Instant, NodeId, NodeEvent)>);

impl Visitors {
    fn heard(&mut self, event: NodeEvent, now: Instant) -> Option<NodeEvent> {
        match event {
            // What it offers, or no longer does, is all there is to know.
            NodeEvent::PeerJoined {
                node,
                visiting: true,
                key_changed: false,
                ..
            }
            | NodeEvent::PeerLeft {
                node,
                visiting: true,
                ..
            } => {
                self.0.retain(|(_, waiting, _)| *waiting != node);
                Some(NodeEvent::CatalogChanged { node })
            }
            NodeEvent::PeerJoined { node, .. } => {
                self.0.retain(|(_, waiting, _)| *waiting != node);
                self.0.push_back((now + STAY, node, event));
                None
            }
            NodeEvent::PeerLeft { node, .. } => {
                let before = self.0.len();
                self.0.retain(|(_, waiting, _)| *waiting != node);
                Some(if self.0.len() < before {
                    // What it offered has gone with it; that is all there is to know.
                    NodeEvent::CatalogChanged { node }
                } else {
                    event
                })
            }
            other => Some(other),
        }
    }

    fn next(&self) -> Option<Instant> {
        self.0.front().map(|(at, ..)| *at)
    }

    fn due(&mut self, now: Instant) -> Option<NodeEvent> {
        self.next().filter(|at| *at <= now)?;
        self.0.pop_front().map(|(.., joined)| joined)
    }
}

#[cfg(test)]
mod tests;
