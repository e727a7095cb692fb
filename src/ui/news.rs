//! What happens at a node, as people want to hear it: somebody who only looks or fetches is never mentioned.
//!
//! Such a node says so itself. For those that do not (older ones), "joined" is told once a node has stayed for `STAY`, and
//! one that leaves earlier came and went unseen. One that bears a known name with another key is mentioned, whatever it
//! says. Programs hear everything at once.

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
mod tests {
    use super::*;
    use tokio::sync::broadcast;

    fn came(node: u8, key_changed: bool, visiting: bool) -> NodeEvent {
        NodeEvent::PeerJoined {
            node: NodeId([node; 32]),
            name: format!("n{node}"),
            before: None,
            key_changed,
            visiting,
        }
    }

    fn joined(node: u8) -> NodeEvent {
        came(node, false, false)
    }

    fn left(node: u8) -> NodeEvent {
        went(node, false)
    }

    fn went(node: u8, visiting: bool) -> NodeEvent {
        NodeEvent::PeerLeft {
            node: NodeId([node; 32]),
            name: format!("n{node}"),
            announced: true,
            visiting,
        }
    }

    async fn told(news: &mut News) -> String {
        match tokio::time::timeout(STAY * 2, news.next()).await {
            Ok(Ok(NodeEvent::PeerJoined { name, .. })) => format!("{name} joined"),
            Ok(Ok(NodeEvent::PeerLeft { name, .. })) => format!("{name} left"),
            Ok(Ok(NodeEvent::CatalogChanged { .. })) => "catalog".to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_at_once_is_not_mentioned_and_who_stays_is() {
        let (events, receiver) = broadcast::channel(16);
        let mut news = News::new(receiver, false);
        for event in [joined(1), joined(2), left(1)] {
            drop(events.send(event));
        }
        assert_eq!(told(&mut news).await, "catalog");
        assert_eq!(told(&mut news).await, "n2 joined");
        drop(events.send(left(2)));
        assert_eq!(told(&mut news).await, "n2 left");
        assert!(told(&mut news).await.contains("Elapsed"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_that_it_only_looks_is_not_mentioned_however_long_it_takes() {
        let (events, receiver) = broadcast::channel(16);
        let mut news = News::new(receiver, false);
        drop(events.send(came(1, false, true)));
        assert_eq!(told(&mut news).await, "catalog");
        assert!(told(&mut news).await.contains("Elapsed"));
        drop(events.send(went(1, true)));
        assert_eq!(told(&mut news).await, "catalog");
        // Who begins to offer something after all is told of, and so is who bears a known name with another key.
        for event in [came(2, false, true), came(2, false, false)] {
            drop(events.send(event));
        }
        assert_eq!(told(&mut news).await, "catalog");
        assert_eq!(told(&mut news).await, "n2 joined");
        drop(events.send(came(3, true, true)));
        assert_eq!(told(&mut news).await, "n3 joined");
    }

    #[tokio::test(start_paused = true)]
    async fn programs_hear_everything_at_once() {
        let (events, receiver) = broadcast::channel(16);
        let mut news = News::new(receiver, true);
        for event in [joined(1), left(1)] {
            drop(events.send(event));
        }
        assert_eq!(told(&mut news).await, "n1 joined");
        assert_eq!(told(&mut news).await, "n1 left");
    }
}
