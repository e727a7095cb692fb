//! Everybody: a newcomer asks one or two of those with whom it is connected who is here, and has in
//! one answer, or of thousands range by range, who announces itself and what they offer, signed by
//! each. Whom to ask, and how often, is decided by `core::cards`.
//!
//! Invariants: told of are only nodes that the teller heard itself, to askers that are as near; by
//! another's word alone a node is here only until its own beacons do not come; of whom nothing but
//! a word came is counted as missing, so that what a person is told is never silently short.

#[cfg(test)]
pub(super) mod tests;

use super::{
    Actor, Note,
    told::{Telling, Told, opened},
};
use crate::{
    core::{cards::Walk, exchange::Exchange, id::NodeId, via::Via},
    net::RequestError,
    node::swarm::State,
    wire::{
        MAX_EVERYBODY,
        control::{Card, CatalogPage, PeerAddress, Request, Response},
    },
};
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    time::Duration,
};
use tokio::task::spawn_blocking;

/// What an asker is told: all who announce themselves here, but those; of one that asks by ranges,
/// those of a range, and where it ends when not all of it fits.
pub(super) fn everybody_but(
    swarm: &State,
    asker: NodeId,
    but: &[NodeId],
    (after, until): (Option<NodeId>, Option<NodeId>),
) -> Response {
    let (mut telling, mut through) = (Telling::default(), None);
    if let Some(at) = swarm.peers.at(&asker) {
        let but: HashSet<&NodeId> = but.iter().collect();
        let announced = swarm.membership.announced_after(after);
        let announced = announced.take_while(|(node, _)| until.is_none_or(|last| *node <= last));
        let unnamed = announced.filter(|(node, _)| *node != asker && !but.contains(node));
        for (node, address) in Exchange::others(at, unnamed) {
            let card = swarm.peers.get(&node).and_then(|peer| peer.card.as_ref());
            let full = after.is_some() && card.is_some_and(|card| !telling.has_room_for(card));
            if full || telling.others.len() >= MAX_EVERYBODY {
                let last = telling.others.last().map(|one: &PeerAddress| one.node);
                through = last.filter(|_| after.is_some());
                break;
            }
            telling.tell_of(swarm, node, address);
        }
    }
    Response::Everybody {
        cards: telling.cards,
        others: telling.others,
        through,
    }
}

impl Actor {
    /// Somebody is connected, who may know all that are here. (A hidden node does not ask.)
    pub(super) fn may_know_everybody(&mut self, swarm: &State, node: NodeId, via: Via) {
        if via != Via::Relay && !swarm.membership.is_hidden() {
            self.cards.cards.connected(&node, swarm.now());
        }
    }

    pub(super) fn ask_for_everybody(&mut self, swarm: &mut State, teller: NodeId, mut walk: Walk) {
        // Those who are asked later on are asked to make sure.
        let begins = self.cards.cards.expects_everybody();
        swarm.asked_for_everybody = begins.then_some(teller);
        let but = walk.named(swarm.membership.nodes_after(walk.after));
        let request = Request::Everybody {
            but,
            after: Some(walk.after),
            until: walk.until,
        };
        let (net, notes) = (self.parts.services.net.clone(), self.notes.clone());
        tokio::spawn(async move {
            let mut further = None;
            let told = match net.request(teller, request).await {
                Ok(Response::Everybody {
                    cards,
                    others,
                    through,
                }) => {
                    further = walk.next(through);
                    let opening = spawn_blocking(move || {
                        let of: Vec<NodeId> = others.iter().map(|one| one.node).collect();
                        opened(cards, others, &of)
                    });
                    opening.await.unwrap_or(Told::Nothing)
                }
                // An earlier version closes the stream of a question that it does not know.
                Err(RequestError::Refused) | Ok(_) => Told::Unable,
                Err(_) => Told::Nothing,
            };
            let _ = notes.send(Note::Everybody(teller, told, further)).await;
        });
    }

    pub(super) fn everybody_told(
        &mut self,
        swarm: &mut State,
        teller: NodeId,
        told: Told,
        next: Option<Walk>,
    ) {
        swarm.asked_for_everybody = None;
        let now = swarm.now();
        let (cards, others) = match told {
            Told::Cards(cards, others) => (cards, others),
            Told::Nothing => return self.cards.cards.alone(teller, false, now),
            Told::Unable => return self.cards.cards.alone(teller, true, now),
        };
        self.cards.cards.lacked(others.len());
        self.take_in(swarm, teller, cards, &others);
        if let Some(walk) = next {
            return self.ask_for_everybody(swarm, teller, walk);
        }
        let membership = &swarm.membership;
        let crowd = membership.is_crowd().then(|| membership.known());
        self.cards
            .cards
            .introduced((crowd, membership.is_far()), now);
    }
    /// Takes in the cards of others, and where they are by a peer's word. Who is not near enough to
    /// be heard does not say who is near.
    pub(super) fn take_in(
        &mut self,
        swarm: &mut State,
        teller: NodeId,
        cards: Vec<(Card, CatalogPage)>,
        others: &[PeerAddress],
    ) {
        let heard = swarm.membership.catalog_of(&teller).is_some();
        if let Some(at) = swarm.peers.at(&teller).filter(|_| heard) {
            let named = others.iter().filter_map(|one| {
                let address = Exchange::named(at, one.address()?)?;
                Some((one.node, (address, one.age())))
            });
            let named: HashMap<NodeId, (SocketAddr, Duration)> = named.collect();
            for (card, page) in cards {
                let at = named.get(&card.node).copied();
                self.card_came(swarm, card, page, at);
            }
            swarm.told_of(named.into_keys());
            self.try_others(swarm, teller, others);
        }
    }
}
