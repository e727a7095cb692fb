//! What a question for cards brought, whoever asked it and for whatever reason.

use crate::{
    core::id::NodeId,
    wire::control::{Card, CatalogPage, PeerAddress},
};

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
