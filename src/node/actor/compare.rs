//! Who is here is compared with a neighbour now and then, in a room where beacons are far apart:
//! whom to ask for what is decided by `core::reconcile`.
//!
//! Invariants: only nodes that are heard by beacons are asked and answered; what one asks costs a
//! bounded part of this node's time.

#[cfg(test)]
mod tests;

use super::{
    Actor, Note,
    told::{Telling, Told, opened},
};
use crate::{
    core::{
        Now,
        chance::Chance,
        exchange::Exchange,
        id::NodeId,
        membership::MembershipEvent,
        rate::{Bucket, Buckets, Rate},
        reconcile::{Difference, MAX_LISTED, Range, Reconcile, Step, compared},
    },
    net::RequestError,
    node::swarm::State,
    wire::control::{RangePart, RangePrint, Request, Response, range_prints, ranges},
};
use tokio::task::spawn_blocking;

/// A comparison is a dozen questions at most, one each half minute or so.
const OF_ONE: Rate = Rate {
    per_second: 0.5,
    burst: 30.0,
};
/// Each goes through all who are here.
const IN_ALL: Rate = Rate {
    per_second: 10.0,
    burst: 200.0,
};
/// Nodes whose questions are counted.
const MAX_ASKERS: usize = 1024;

/// What became of a question.
pub enum Comparison {
    /// What differs.
    Parts(Vec<RangePart>),
    /// No answer, this time.
    Nothing,
    /// The other end does not know the question.
    Unable,
}

/// What is kept for it.
pub struct Comparing {
    pub(super) reconcile: Reconcile,
    chance: Chance,
    of_one: Buckets<NodeId>,
    in_all: Bucket,
}

impl Comparing {
    pub fn new(seed: u64) -> Self {
        Self {
            reconcile: Reconcile::new(seed),
            chance: Chance::new(!seed),
            of_one: Buckets::new(OF_ONE, MAX_ASKERS),
            in_all: Bucket::new(IN_ALL, Now::ZERO),
        }
    }

    /// What one who asks is answered.
    pub(super) fn answer(
        &mut self,
        swarm: &State,
        asker: NodeId,
        salt: u64,
        of: &[RangePrint],
    ) -> Response {
        let now = swarm.now();
        let heard = swarm.membership.catalog_of(&asker).is_some();
        let Ok(ranges) = ranges(of) else {
            return Response::Missing;
        };
        if !heard || swarm.peers.at(&asker).is_none() {
            return Response::Missing;
        }
        let one = self.of_one.of(asker, now, &mut self.chance);
        if !one.take(now) || !self.in_all.take(now) {
            return Response::Busy;
        }
        let membership = &swarm.membership;
        let mine = membership.held(Some(asker));
        let part = |(at, (range, print)): (usize, (Range, u64))| {
            let difference = compared(salt, range, print, &mine)?;
            let most = if difference.prints.is_empty() {
                MAX_LISTED
            } else {
                0
            };
            let gone = membership.gone_within(range).take(most).collect();
            Some(RangePart::new(at, difference, gone))
        };
        Response::Compared {
            parts: ranges.into_iter().enumerate().filter_map(part).collect(),
        }
    }
}

/// Cards of these, and where they are, for one that lacks them.
pub(super) fn introduced_to(swarm: &State, asker: NodeId, of: &[NodeId]) -> Response {
    let mut telling = Telling::default();
    if let Some(at) = swarm.peers.at(&asker) {
        let known = of.iter().filter(|node| **node != asker);
        let known = known.filter_map(|node| Some((*node, swarm.membership.address_of(node)?)));
        for (node, address) in Exchange::others(at, known) {
            telling.tell_of(swarm, node, address);
        }
    }
    Response::Everybody {
        cards: telling.cards,
        others: telling.others,
        through: None,
    }
}

impl Actor {
    /// Begins to compare, if it is time.
    pub(super) fn compare(&mut self, swarm: &mut State) {
        let (far, now) = (swarm.membership.is_far(), swarm.now());
        let reconcile = &mut self.cards.comparing.reconcile;
        if !far && reconcile.next_tick().is_none() {
            return;
        }
        if reconcile.next_tick().is_some_and(|at| at > now) {
            return;
        }
        let membership = &swarm.membership;
        let heard = |node: &NodeId| membership.catalog_of(node).is_some();
        let connected: Vec<NodeId> = membership.connected().filter(heard).collect();
        let step = reconcile.due(far, &connected, &membership.held(None), now);
        self.compare_on(step);
    }

    fn compare_on(&self, step: Option<Step>) {
        let (net, notes) = (self.parts.services.net.clone(), self.notes.clone());
        match step {
            Some(Step::Compare { teller, salt, of }) => {
                let of = range_prints(&of);
                tokio::spawn(async move {
                    let told = match net.request(teller, Request::Compare { salt, of }).await {
                        Ok(Response::Compared { parts }) => Comparison::Parts(parts),
                        // An earlier version closes the stream of a question that it does not know.
                        Err(RequestError::Refused) => Comparison::Unable,
                        _ => Comparison::Nothing,
                    };
                    let _ = notes.send(Note::Compared(teller, told)).await;
                });
            }
            Some(Step::Introduce { teller, of }) => {
                tokio::spawn(async move {
                    let request = Request::Introduce { of: of.clone() };
                    let told = match net.request(teller, request).await {
                        Ok(Response::Everybody { cards, others, .. }) => {
                            let opening = spawn_blocking(move || opened(cards, others, &of));
                            opening.await.unwrap_or(Told::Nothing)
                        }
                        _ => Told::Nothing,
                    };
                    let _ = notes.send(Note::Introduced(teller, told)).await;
                });
            }
            None => {}
        }
    }

    pub(super) fn compared(&mut self, swarm: &mut State, teller: NodeId, told: Comparison) {
        let parts = match told {
            Comparison::Parts(parts) => parts,
            Comparison::Nothing => return self.cards.comparing.reconcile.failed(teller, false),
            Comparison::Unable => return self.cards.comparing.reconcile.failed(teller, true),
        };
        for (node, epoch) in parts.iter().flat_map(|part| part.gone.clone()) {
            self.member(swarm, MembershipEvent::SaidGone { node, epoch });
        }
        let parts = parts.into_iter();
        let parts: Vec<(usize, Difference)> = parts
            .map(|part| (part.at.into(), part.into_difference()))
            .collect();
        let mine = swarm.membership.held(None);
        let reconcile = &mut self.cards.comparing.reconcile;
        let step = reconcile.answered(&teller, parts, &mine);
        self.compare_on(step);
    }

    pub(super) fn introduced_by(&mut self, swarm: &mut State, teller: NodeId, told: Told) {
        match told {
            Told::Cards(cards, others) => self.take_in(swarm, teller, cards, &others),
            Told::Nothing => {}
            Told::Unable => self.cards.comparing.reconcile.failed(teller, true),
        }
    }
}
