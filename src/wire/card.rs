//! Cards: what a node offers, signed by it, so that any other node can pass it on.
//!
//! Owns the encoding and the signature. The card of a large catalog has none of its names: its node
//! is asked for those. Invariant: what [`Card::open`] gives was said by the node that the card
//! names, in that life and at that revision.

use super::{
    MAX_CARD,
    cbor::{self, Malformed},
    control::{Card, CatalogPage, Response},
    signer::{Signer, verify},
};
use crate::core::id::NodeId;

const CONTEXT: &[u8] = b"sprat card v1\0";

fn signed(node: &NodeId, page: &[u8]) -> Vec<u8> {
    [CONTEXT, node.as_bytes(), page].concat()
}

impl Card {
    /// Of the signer's own catalog, from its first page. When that is too long, or not all, the card
    /// has none of the names, and says that there are more.
    #[must_use]
    pub fn new(mut page: CatalogPage, signer: &Signer) -> Self {
        let mut bytes = cbor::encode(&page);
        if page.more || bytes.len() > MAX_CARD {
            (page.entries, page.more) = (Vec::new(), true);
            bytes = cbor::encode(&page);
        }
        let node = signer.node();
        let signature = signer.sign(&signed(&node, &bytes));
        Self {
            node,
            version: (page.epoch, page.revision),
            page: bytes.into(),
            signature: signature.into(),
        }
    }

    /// What it says, if its node said it. The signature is the costly part, about 100 µs.
    ///
    /// # Errors
    /// [`Malformed`] when it did not, or the page is none or not all of a catalog.
    pub fn open(&self) -> Result<CatalogPage, Malformed> {
        self.check()?;
        let page: CatalogPage = cbor::decode(&self.page)?;
        let part = page.more && !page.entries.is_empty();
        if !page.reset || part || page.through.is_some() || !page.holds.is_empty() {
            return Err(Malformed("a card of a part of a catalog".into()));
        }
        if self.version != (page.epoch, page.revision) {
            return Err(Malformed("a card of another version".into()));
        }
        let page = Response::Catalog(page);
        page.check()?;
        if !verify(&self.node, &signed(&self.node, &self.page), &self.signature) {
            return Err(Malformed("a card with a wrong signature".into()));
        }
        match page {
            Response::Catalog(page) => Ok(page),
            _ => Err(Malformed("not a catalog".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::FileId,
        wire::{control::CatalogEntry, signer::SIGNATURE},
    };

    fn page() -> CatalogPage {
        CatalogPage {
            name: "anna".into(),
            keeps: true,
            unchosen: false,
            visiting: false,
            epoch: 7,
            revision: 3,
            reset: true,
            more: false,
            through: None,
            names: Some(0),
            entries: Vec::new(),
            scan: None,
            holds: Vec::new(),
        }
    }

    #[test]
    fn what_a_card_says_was_said_by_its_node() {
        let signer = Signer::new([1; 32]).unwrap();
        let card = Card::new(page(), &signer);
        assert_eq!(card.open().unwrap(), page());
        let mut other = card.clone();
        other.node = Signer::new([2; 32]).unwrap().node();
        assert!(other.open().is_err());
        let mut changed = card.clone();
        let later = CatalogPage {
            revision: 4,
            ..page()
        };
        changed.page = cbor::encode(&later).into();
        assert!(changed.open().is_err());
        let mut newer = card.clone();
        newer.version = (7, 4);
        assert!(newer.open().is_err());
        for at in [0, SIGNATURE - 1] {
            let mut forged = card.clone();
            forged.signature[at] ^= 1;
            assert!(forged.open().is_err());
        }
        let mut cut = card;
        cut.signature.truncate(SIGNATURE - 1);
        assert!(cut.open().is_err());
    }

    fn entry(n: u64) -> CatalogEntry {
        CatalogEntry {
            revision: n,
            name: format!("{n}"),
            file: FileId([1; 32]),
            offer: None,
        }
    }

    #[test]
    fn the_card_of_a_large_catalog_has_none_of_its_names() {
        let signer = Signer::new([1; 32]).unwrap();
        let mut large = CatalogPage {
            revision: 500,
            names: Some(500),
            entries: (1..=500).map(entry).collect(),
            ..page()
        };
        let told = Card::new(large.clone(), &signer).open().unwrap();
        assert_eq!(
            (told.entries.len(), told.more, told.names),
            (0, true, Some(500))
        );
        large.entries.truncate(3);
        assert_eq!(Card::new(large.clone(), &signer).open().unwrap(), large);
        large.more = true;
        assert!(Card::new(large, &signer).open().unwrap().entries.is_empty());
    }

    #[test]
    fn a_part_of_a_catalog_is_not_taken_from_a_card_though_it_is_signed() {
        let signer = Signer::new([1; 32]).unwrap();
        let part = CatalogPage {
            more: true,
            entries: vec![entry(1)],
            ..page()
        };
        let news = CatalogPage {
            reset: false,
            ..page()
        };
        for page in [part, news] {
            let bytes = cbor::encode(&page);
            let signature = signer.sign(&signed(&signer.node(), &bytes));
            let card = Card {
                node: signer.node(),
                version: (page.epoch, page.revision),
                page: bytes.into(),
                signature: signature.into(),
            };
            assert!(card.open().is_err());
        }
    }
}
