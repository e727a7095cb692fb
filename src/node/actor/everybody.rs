//! Everybody: a newcomer asks one or two of those with whom it is connected who is here, and has in
//! one answer who announces itself and what they offer, signed by each. Whom to ask, and how often,
//! is decided by `core::cards`.
//!
//! Invariants: told of are only nodes that the teller heard itself, to askers that are as near; by
//! another's word alone a node is here only until its own beacons do not come; of whom nothing but
//! a word came is counted as missing, so that what a person is told is never silently short.

use super::{
    Actor, Note,
    cards::{MAX_TOLD, Told, opened},
};
use crate::{
    core::{exchange::Exchange, id::NodeId, via::Via},
    net::RequestError,
    node::swarm::State,
    wire::{
        MAX_CARDS, MAX_EVERYBODY,
        control::{PeerAddress, Request, Response},
    },
};
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
};
use tokio::task::spawn_blocking;

/// What an asker is told: all who announce themselves here, but those.
pub(super) fn everybody_but(swarm: &State, asker: NodeId, but: &[NodeId]) -> Response {
    let but: HashSet<&NodeId> = but.iter().collect();
    let announced = swarm.membership.announced();
    let unnamed = announced.filter(|(node, _)| *node != asker && !but.contains(node));
    let seen = swarm.peers.at(&asker);
    let near = seen.map(|at| Exchange::others(at, unnamed).take(MAX_EVERYBODY));
    let near: Vec<_> = near.into_iter().flatten().collect();
    let (mut cards, mut bytes) = (Vec::new(), 0);
    for (node, _) in &near {
        let card = swarm.peers.get(node).and_then(|peer| peer.card.as_ref());
        let fits = card.filter(|card| bytes + card.weight() <= MAX_TOLD);
        if let Some(card) = fits.filter(|_| cards.len() < MAX_CARDS) {
            bytes += card.weight();
            cards.push(card.clone());
        }
    }
    let others = near.into_iter();
    let others = others.map(|(node, at)| PeerAddress::new(node, at));
    Response::Everybody {
        cards,
        others: others.collect(),
    }
}

impl Actor {
    /// Somebody is connected, who may know all that are here. (A hidden node does not ask.)
    pub(super) fn may_know_everybody(&mut self, swarm: &State, node: NodeId, via: Via) {
        if via != Via::Relay && !swarm.membership.is_hidden() {
            self.cards.cards.connected(&node, swarm.now());
        }
    }

    pub(super) fn ask_for_everybody(&mut self, swarm: &mut State, teller: NodeId) {
        // Those who are asked later on are asked to make sure.
        let begins = self.cards.cards.expects_everybody();
        swarm.asked_for_everybody = begins.then_some(teller);
        let but = swarm.membership.nodes().take(MAX_EVERYBODY).collect();
        let (net, notes) = (self.parts.services.net.clone(), self.notes.clone());
        tokio::spawn(async move {
            let told = match net.request(teller, Request::Everybody { but }).await {
                Ok(Response::Everybody { cards, others }) => {
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
            let _ = notes.send(Note::Everybody(teller, told)).await;
        });
    }

    pub(super) fn everybody_told(&mut self, swarm: &mut State, teller: NodeId, told: Told) {
        swarm.asked_for_everybody = None;
        let now = swarm.now();
        let (cards, others) = match told {
            Told::Cards(cards, others) => (cards, others),
            Told::Nothing => return self.cards.cards.alone(teller, false, now),
            Told::Unable => return self.cards.cards.alone(teller, true, now),
        };
        // Who is not near enough to be heard does not say who is near.
        let heard = swarm.membership.catalog_of(&teller).is_some();
        if let Some(at) = swarm.peers.at(&teller).filter(|_| heard) {
            let named = others.iter().filter_map(|one| {
                let address = Exchange::named(at, one.address()?)?;
                Some((one.node, address))
            });
            let named: HashMap<NodeId, SocketAddr> = named.collect();
            for (card, page) in cards {
                let at = named.get(&card.node).copied();
                self.card_came(swarm, card, page, at);
            }
            swarm.told_of(named.into_keys());
            self.try_others(swarm, teller, &others);
        }
        let crowd = swarm.membership.is_crowd();
        self.cards.cards.introduced(crowd, now);
    }
}
