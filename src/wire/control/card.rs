//! Cards as they travel; how they are signed is in [`crate::wire::card`].

use crate::{
    core::id::NodeId,
    wire::{MAX_CARD, cbor::Malformed, signer::SIGNATURE},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A card as it travels: not believed before it is opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Card {
    /// Whose.
    pub node: NodeId,
    /// The life and the revision of its catalog; the page says the same.
    pub version: (u64, u64),
    /// The CBOR of a [`CatalogPage`](super::CatalogPage) that has all of the catalog, or none of its
    /// names.
    pub page: ByteBuf,
    /// Of the node, over the context, its id and the page.
    pub signature: ByteBuf,
}

impl Card {
    /// Bytes that it takes to keep and to send, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.page.len() + SIGNATURE + 64
    }

    /// Checks the lengths.
    pub(in crate::wire) fn check(&self) -> Result<(), Malformed> {
        if self.page.len() > MAX_CARD || self.signature.len() != SIGNATURE {
            return Err(Malformed("a card too long, or without a signature".into()));
        }
        Ok(())
    }
}

/// Of which node a card is wanted, if there is a newer one than is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CardWanted {
    /// Whose.
    pub node: NodeId,
    /// The life of its card that the asker knows, 0 if none.
    pub epoch: u64,
    /// The revision of that.
    pub revision: u64,
}
