//! The messages of `/sprat/control/1`, and what is checked about them before anyone acts on them.
//!
//! Numbers and lengths are bounded here ([`Request::check`], [`Response::check`]); whether a name
//! may become a path is `core::path`'s decision.

mod address;
mod card;
mod catalog;
mod compare;

pub use address::PeerAddress;
pub use card::{Card, CardWanted};
pub use catalog::{CatalogEntry, CatalogPage, Held, Offer, ReplicaParts, Scan, Wanted};
pub use compare::{RangePart, RangePrint, range_prints, ranges};

use super::{
    MAX_CARDS, MAX_CHUNKS, MAX_EVERYBODY, MAX_HAVE_UPDATE, MAX_HAVES, MAX_MANIFESTS, MAX_PATTERN,
    MAX_PEERS, bounded, cbor::Malformed,
};
use crate::core::{
    have::HaveSet,
    id::{ChunkId, FileId, NodeId},
    reconcile::MAX_RANGES,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// What one node asks of another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// The changes of your catalog after `since` (0: all of it). `epoch` is the one that `since`
    /// belongs to.
    Catalog {
        /// The catalog's life that `since` counts in.
        epoch: u64,
        /// The last revision that the asker knows.
        since: u64,
        /// Only what became of names that were there by this revision: the asker has no room for
        /// further ones. Older nodes send all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
        /// The asker knows what was withdrawn up to this revision, though it asks for earlier
        /// changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heard: Option<u64>,
        /// Only names that `list` may show for these words, of 256 bytes at most: the asker runs
        /// that one command. Older nodes send all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        matching: Option<String>,
        /// Only names that a download may be about: the asker runs that one command. Older nodes
        /// send all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wanted: Option<Wanted>,
    },
    /// "My catalog is now at this revision": a hint to ask for it, answered by [`Response::Done`].
    CatalogChanged {
        /// The catalog's life.
        epoch: u64,
        /// Its newest revision.
        revision: u64,
    },
    /// The manifests of these files: for each its root and, when there is just one page, that page.
    Manifests {
        /// At most 64.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_MANIFESTS>")]
        files: Vec<FileId>,
    },
    /// One page of a manifest.
    Page {
        /// Of which file.
        file: FileId,
        /// Which page.
        index: u32,
    },
    /// Which chunks of this file do you hold? With `follow`, later changes are sent as
    /// [`Request::Held`], or on a stream of chunks.
    Have {
        /// Of which file.
        file: FileId,
        /// Whether to hear of changes while the asker is connected.
        follow: bool,
        /// The asker hears of them on the streams on which it is asked for chunks, too, where each
        /// costs a tenth.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stream: bool,
    },
    /// Which chunks of each of these files do you hold?
    Haves {
        /// At most 64.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_HAVES>")]
        files: Vec<FileId>,
    },
    /// Which of these chunks can you serve, whatever files they are in? For nodes that have another
    /// version of a file.
    Chunks {
        /// At most 1,800.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_CHUNKS>")]
        ids: Vec<ChunkId>,
    },
    /// "I now hold these chunks too", to those who follow; answered by [`Response::Done`].
    Held {
        /// Of which file.
        file: FileId,
        /// Positions in its manifest, at most 4,096.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_HAVE_UPDATE>")]
        chunks: Vec<u32>,
    },
    /// "I am leaving", to those whom the beacon may not reach; answered by [`Response::Done`].
    Goodbye,
    /// Can you begin a TCP connection to me? Tried at the address from which you see me come and
    /// this port, and nowhere else.
    Reach {
        /// Not 0.
        port: u16,
    },
    /// Who else is connected to you? From now on you may tell others of me, too: at the address
    /// from which you see me come and this port.
    Peers {
        /// Where the asker listens, by TCP; 0: do not tell of me.
        port: u16,
    },
    /// The cards that you have of these nodes, if they are newer than those that I know.
    Cards {
        /// At most 256.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_CARDS>")]
        of: Vec<CardWanted>,
    },
    /// Who announces itself to you, besides these, and what cards have you of them?
    Everybody {
        /// Whom the asker knows; at most 512.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_EVERYBODY>")]
        but: Vec<NodeId>,
        /// Only those with greater ids, in the order of these. Older nodes tell of whom they will.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<NodeId>,
        /// Only those up to this id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<NodeId>,
    },
    /// In which of these ranges of ids do you know others than I do, or other versions?
    Compare {
        /// What the fingerprints are made with.
        salt: u64,
        /// At most 64, in order and apart.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_RANGES>")]
        of: Vec<RangePrint>,
    },
    /// Where are these, and what cards have you of them?
    Introduce {
        /// At most 256.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_CARDS>")]
        of: Vec<NodeId>,
    },
}

impl Request {
    /// Whether it is about contents, and not about who is here and what they offer.
    #[must_use]
    pub fn is_about_files(&self) -> bool {
        match self {
            Self::Manifests { .. }
            | Self::Page { .. }
            | Self::Have { .. }
            | Self::Haves { .. }
            | Self::Chunks { .. }
            | Self::Held { .. } => true,
            Self::Catalog { .. }
            | Self::CatalogChanged { .. }
            | Self::Goodbye
            | Self::Reach { .. }
            | Self::Peers { .. }
            | Self::Cards { .. }
            | Self::Everybody { .. }
            | Self::Compare { .. }
            | Self::Introduce { .. } => false,
        }
    }
}

/// What the other node answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Response {
    /// To `Catalog`.
    Catalog(CatalogPage),
    /// To `Manifests`: in the order of the request, as many as fit; the rest has to be asked again.
    Manifests(
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_MANIFESTS>")] Vec<ManifestHead>,
    ),
    /// To `Page`.
    Page(ByteBuf),
    /// To `Have`.
    Have(Have),
    /// To `Haves`: for each file in its order, `None` for one of which nothing is here. As many as
    /// fit; the rest has to be asked again.
    Haves(#[serde(deserialize_with = "bounded::list::<_, _, MAX_HAVES>")] Vec<Option<Have>>),
    /// To `Chunks`: one bit for each that was named, in that order (see `core::have`).
    Chunks(ByteBuf),
    /// To a notice: it was taken in.
    Done,
    /// To `Reach`.
    Reached {
        /// Whether it could.
        yes: bool,
    },
    /// To `Peers`.
    Peers(#[serde(deserialize_with = "bounded::list::<_, _, MAX_PEERS>")] Vec<PeerAddress>),
    /// To `Cards`.
    Cards {
        /// As many as there are and fit.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_CARDS>")]
        cards: Vec<Card>,
    },
    /// To `Everybody`, and to `Introduce`.
    Everybody {
        /// Of those in `others`: as many as there are and fit; at most 256.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_CARDS>")]
        cards: Vec<Card>,
        /// Who they are, and where; at most 512.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_EVERYBODY>")]
        others: Vec<PeerAddress>,
        /// To a question with `after`: there are more after this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<NodeId>,
    },
    /// To `Compare`.
    Compared {
        /// Of those ranges that differ.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_RANGES>")]
        parts: Vec<RangePart>,
    },
    /// What was asked for is not here (any longer).
    Missing,
    /// Too much was asked for at once: try again later.
    Busy,
}

/// The head of a manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ManifestHead {
    /// Of which file.
    pub file: FileId,
    /// The root's canonical bytes; empty when the node does not know this file.
    pub root: ByteBuf,
    /// The page, when the manifest has exactly one.
    pub page: Option<ByteBuf>,
}

/// Which chunks of a file a node holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Have {
    /// How many chunks the file has.
    pub chunks: u32,
    /// One bit a chunk (see `core::have`); empty when all are held.
    pub bits: ByteBuf,
}

impl Have {
    /// All of a file's chunks.
    #[must_use]
    pub fn whole(chunks: u32) -> Self {
        Self {
            chunks,
            bits: ByteBuf::new(),
        }
    }

    /// These chunks.
    #[must_use]
    pub fn part(have: &HaveSet) -> Self {
        Self {
            chunks: have.len(),
            bits: have.to_bytes().into(),
        }
    }
}

fn within(what: &str, len: usize, most: usize) -> Result<(), Malformed> {
    if len <= most {
        Ok(())
    } else {
        Err(Malformed(format!("{what}: {len} is over {most}")))
    }
}

impl Request {
    /// Checks the counts.
    ///
    /// # Errors
    /// [`Malformed`] when there is more of something than the protocol allows.
    pub fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Manifests { files } => within("files", files.len(), MAX_MANIFESTS),
            Self::Haves { files } => within("files", files.len(), MAX_HAVES),
            Self::Held { chunks, .. } => within("chunks", chunks.len(), MAX_HAVE_UPDATE),
            Self::Chunks { ids } => within("chunks", ids.len(), MAX_CHUNKS),
            Self::Cards { of } => within("cards", of.len(), MAX_CARDS),
            Self::Everybody { but, .. } => within("nodes", but.len(), MAX_EVERYBODY),
            Self::Compare { of, .. } => ranges(of).map(|_| ()),
            Self::Introduce { of } => within("nodes", of.len(), MAX_CARDS),
            Self::Catalog {
                matching, wanted, ..
            } => {
                let pattern = matching.as_deref().unwrap_or_default();
                within("bytes of a pattern", pattern.len(), MAX_PATTERN)?;
                wanted.as_ref().map_or(Ok(()), Wanted::check)
            }
            Self::Reach { port: 0 } => Err(Malformed("port 0 cannot be reached".into())),
            _ => Ok(()),
        }
    }
}

impl Response {
    /// Bytes that it takes to keep and to send, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Catalog(page) => page.weight(),
            Self::Manifests(heads) => heads
                .iter()
                .map(|head| head.root.len() + head.page.as_ref().map_or(0, |page| page.len()))
                .sum(),
            Self::Page(bytes) | Self::Chunks(bytes) => bytes.len(),
            Self::Have(have) => have.bits.len(),
            Self::Haves(haves) => haves
                .iter()
                .map(|have| have.as_ref().map_or(0, |have| have.bits.len()) + 16)
                .sum(),
            Self::Peers(named) => named.len() * 64,
            Self::Cards { cards } => cards.iter().map(Card::weight).sum(),
            Self::Everybody { cards, others, .. } => {
                cards.iter().map(Card::weight).sum::<usize>() + others.len() * 64
            }
            Self::Compared { parts } => parts.iter().map(RangePart::weight).sum(),
            Self::Reached { .. } | Self::Done | Self::Missing | Self::Busy => 0,
        }
    }

    /// Checks the counts and the lengths of texts.
    ///
    /// # Errors
    /// [`Malformed`] when there is more of something than the protocol allows.
    pub fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Catalog(page) => page.check(),
            Self::Manifests(heads) => within("manifests", heads.len(), MAX_MANIFESTS),
            Self::Haves(haves) => within("have-sets", haves.len(), MAX_HAVES),
            Self::Chunks(bits) => within("bits", bits.len(), MAX_CHUNKS.div_ceil(8)),
            Self::Cards { cards } => {
                within("cards", cards.len(), MAX_CARDS)?;
                cards.iter().try_for_each(Card::check)
            }
            Self::Everybody { cards, others, .. } => {
                within("cards", cards.len(), MAX_CARDS)?;
                cards.iter().try_for_each(Card::check)?;
                address::check(others, MAX_EVERYBODY)
            }
            Self::Peers(named) => address::check(named, MAX_PEERS),
            Self::Compared { parts } => compare::check(parts),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
