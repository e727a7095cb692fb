//! What a question for cards brought, whoever asked it and for whatever reason.

use crate::{
    core::id::NodeId,
    node::swarm::State,
    wire::{
        MAX_CARDS,
        control::{Card, CatalogPage, PeerAddress},
    },
};
use std::net::SocketAddr;

/// Bytes of cards in one answer.
pub(super) const MAX_TOLD: usize = 512 << 10;

/// What became of a question for cards.
pub enum Told {
    /// Those that came, each signed by its node, and where others are.
    Cards(Vec<(Card, CatalogPage)>, Vec<PeerAddress>),
    /// None, this time.
    Nothing,
    /// What came was forged, or the other end knows no cards.
    Unable,
}

/// Those of the cards that were asked for and are what they seem.
pub(super) fn opened(cards: Vec<Card>, others: Vec<PeerAddress>, of: &[NodeId]) -> Told {
    let mut told = Vec::with_capacity(cards.len());
    for card in cards {
        match card.open() {
            Ok(page) if of.contains(&card.node) => told.push((card, page)),
            _ => return Told::Unable,
        }
    }
    Told::Cards(told, others)
}

/// An answer that tells of nodes: where each is, and its card while there is room for that.
#[derive(Default)]
pub(super) struct Telling {
    pub(super) cards: Vec<Card>,
    pub(super) others: Vec<PeerAddress>,
    bytes: usize,
}

impl Telling {
    pub(super) fn has_room_for(&self, card: &Card) -> bool {
        self.cards.len() < MAX_CARDS && self.bytes + card.weight() <= MAX_TOLD
    }

    pub(super) fn tell_of(&mut self, swarm: &State, node: NodeId, address: SocketAddr) {
        let card = swarm.peers.get(&node).and_then(|peer| peer.card.as_ref());
        if let Some(card) = card.filter(|card| self.has_room_for(card)) {
            self.bytes += card.weight();
            self.cards.push(card.clone());
        }
        let age = swarm.membership.age_of(&node);
        self.others.push(PeerAddress::heard(node, address, age));
    }
}
