//! What has come, told to those who follow a download on the streams on which they are asked for
//! chunks.
//!
//! Invariant: after a stream ended, a follower is told all that is here of each file it follows.

use super::{State, Transfer};
use crate::{
    core::id::NodeId,
    node::{command::Command, holdings::FollowerNews, pump::Pump},
};
use std::{collections::HashSet, sync::Arc, time::Instant};

impl Transfer {
    /// Tells it when it is time. Who was never asked for a chunk hears by a request: for that no
    /// stream is opened.
    pub(super) async fn tell(&mut self) {
        if self.tell_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.tell_at = None;
        let lost = |(node, pump): (&NodeId, &Pump)| pump.lost_news().then_some(*node);
        let lost: HashSet<NodeId> = self.pumps.iter().filter_map(lost).collect();
        for at in self.files.indices() {
            let State::Active(active) = &self.states[at] else {
                continue;
            };
            let holdings = &self.services.holdings;
            let news = holdings.take_news_on_streams(self.files[at].id);
            let fresh = Arc::new(news.chunks.clone());
            let told = |node: &NodeId| {
                let Some(pump) = self.pumps.get(node) else {
                    return fresh.is_empty();
                };
                if lost.contains(node) {
                    let all = active.opened.partial.have().iter().collect();
                    return pump.tell(news.file, Arc::new(all));
                }
                fresh.is_empty() || pump.tell(news.file, Arc::clone(&fresh))
            };
            let followers = news.followers.into_iter();
            let followers: Vec<NodeId> = followers.filter(|node| !told(node)).collect();
            if !followers.is_empty() {
                let news = FollowerNews { followers, ..news };
                self.services.tell(Command::Tell(news)).await;
            }
        }
    }
}
