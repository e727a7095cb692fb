//! Another node with this node's key: a home that was copied.
//!
//! Both ends say to each other, by beacon, that they heard the other one, and so both know it
//! within a round trip. That an old beacon of this node is played back shows nothing: only what
//! names this life of it was signed in this life.

use super::Actor;
use crate::{
    core::{
        Now,
        membership::{Beacon, Kind},
        rate::{Bucket, Rate},
    },
    node::{api::NodeEvent, swarm::State},
};
use std::net::SocketAddr;

/// Answers to beacons that bear this node's key.
const ANSWERS: Rate = Rate {
    per_second: 2.0,
    burst: 4.0,
};

/// What is known of it.
pub struct Double {
    /// The life of the one that was told of last.
    told: Option<u64>,
    answers: Bucket,
}

impl Default for Double {
    fn default() -> Self {
        Self {
            told: None,
            answers: Bucket::new(ANSWERS, Now::ZERO),
        }
    }
}

impl Actor {
    /// A beacon of another life came, signed with this node's key. One that is not an answer is
    /// answered: with our life as its epoch and the other's life as its revision.
    pub(super) fn same_key(
        &mut self,
        swarm: &mut State,
        beacon: &Beacon,
        from: SocketAddr,
        room: usize,
    ) {
        let (epoch, _) = swarm.own.version();
        let answers_us = beacon.revision == epoch;
        let news = answers_us && self.double.told.replace(beacon.epoch) != Some(beacon.epoch);
        if news {
            self.tell(NodeEvent::SameKey {
                name: beacon.name.clone(),
                address: SocketAddr::new(from.ip(), beacon.tcp),
            });
        }
        let now = swarm.now();
        // Nobody hears of a hidden node, not even this one's double.
        let wanted =
            !swarm.membership.is_hidden() && beacon.kind != Kind::Leave && (news || !answers_us);
        if wanted && self.double.answers.take(now) {
            let mut answer = self.beacon(swarm, Kind::Ping);
            answer.revision = beacon.epoch;
            let beacons = self.parts.beacons.clone();
            tokio::spawn(async move { beacons.answer(answer, from, room).await });
        }
    }
}
