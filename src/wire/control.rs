//! The messages of `/sprat/control/1`, and what is checked about them before anyone acts on them.
//!
//! Numbers and lengths are bounded here ([`Request::check`], [`Response::check`]); whether a name
//! may become a path is `core::path`'s decision.

mod address;
mod card;

pub use address::PeerAddress;
pub use card::{Card, CardWanted};

use super::{
    MAX_CARDS, MAX_CATALOG_PAGE, MAX_CHUNKS, MAX_EVERYBODY, MAX_HAVE_UPDATE, MAX_HAVES,
    MAX_MANIFESTS, MAX_MEDIA, MAX_NAME, MAX_PATH, MAX_PATTERN, MAX_PEERS, bounded, cbor::Malformed,
};
use crate::core::{
    have::HaveSet,
    id::{ChunkId, FileId, NodeId},
    rights::Rights,
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
            | Self::Everybody { .. } => false,
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
    /// To `Everybody`.
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
    /// What was asked for is not here (any longer).
    Missing,
    /// Too much was asked for at once: try again later.
    Busy,
}

/// A part of a node's catalog, in the order of revisions.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the message"
)]
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CatalogPage {
    /// The display name of the node.
    pub name: String,
    /// Whether the node keeps chunks for others (has room for replicas at all).
    pub keeps: bool,
    /// Whether no person chose the name: the program made it up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchosen: bool,
    /// Whether the node runs one command and leaves: it offers no folder, and that it comes and
    /// goes is no news.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub visiting: bool,
    /// The catalog's life: changes when the node starts anew.
    pub epoch: u64,
    /// The newest revision there is.
    pub revision: u64,
    /// Whether what was known before must be forgotten first (another epoch, or too long ago).
    pub reset: bool,
    /// Whether there are more entries after the last of these.
    pub more: bool,
    /// All up to this revision that was asked for has been told: to a request with `until` or
    /// `matching`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// How many names the node offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<u64>,
    /// Changes, ascending by revision, at most 512.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_CATALOG_PAGE>")]
    pub entries: Vec<CatalogEntry>,
    /// While the node still reads its shared folder: how far it is. What it offers is not all of it
    /// then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scan>,
}

/// How far a node is with reading its shared folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Scan {
    /// Files read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Files to read in all, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_files: Option<u64>,
    /// Their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_bytes: Option<u64>,
}

/// A change of a catalog. A name and a file id together are an entry's identity.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// Its place in the order of changes.
    pub revision: u64,
    /// The name: a relative path with `/`, in Unicode NFC.
    pub name: String,
    /// The contents.
    pub file: FileId,
    /// What is offered; `None` when the name is no longer offered with these contents.
    pub offer: Option<Offer>,
}

/// What a node says of a file besides its name and contents.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970 (may be negative).
    pub mtime: i64,
    /// Whether the owner may execute it.
    pub executable: bool,
    /// Its nine permission bits, where the node's system has such; see [`Offer::rights`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u16>,
    /// Its media type, such as `text/plain`.
    pub media: String,
    /// How the node comes to have it.
    pub held: Held,
    /// Of a replica: how much of it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<ReplicaParts>,
}

/// How much of a file is here as a replica. Whenever that changes, so does the offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReplicaParts {
    /// Chunks that are here.
    pub here: u32,
    /// Chunks that the file has.
    pub of: u32,
}

impl Offer {
    /// Its permissions: other bits than the nine are ignored.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights::told(self.executable, self.mode)
    }

    /// Whether all of the file is here, by whatever way.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.held.is_whole(self.parts)
    }
}

/// How a node comes to have a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Held {
    /// It lies in the shared folder: all of it is here.
    Shared,
    /// It was downloaded: all of it is here.
    Fetched,
    /// It is being downloaded: some of it is here.
    Partial,
    /// Some chunks of it, or all, are kept for the swarm.
    Replica,
}

impl Held {
    /// Whether all of the file is there, of which so much is a replica.
    #[must_use]
    pub fn is_whole(self, parts: Option<ReplicaParts>) -> bool {
        match self {
            Self::Shared | Self::Fetched => true,
            Self::Partial => false,
            Self::Replica => parts.is_some_and(|parts| parts.here >= parts.of),
        }
    }
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
            Self::Catalog {
                matching: Some(words),
                ..
            } => within("bytes of a pattern", words.len(), MAX_PATTERN),
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
            Self::Catalog(page) => page
                .entries
                .iter()
                .map(|entry| entry.name.len() + 256)
                .sum(),
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
            Self::Reached { .. } | Self::Done | Self::Missing | Self::Busy => 0,
        }
    }

    /// Checks the counts and the lengths of texts.
    ///
    /// # Errors
    /// [`Malformed`] when there is more of something than the protocol allows.
    pub fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Catalog(page) => {
                within("entries", page.entries.len(), MAX_CATALOG_PAGE)?;
                within("node name", page.name.len(), MAX_NAME)?;
                if page.through > Some(page.revision) {
                    return Err(Malformed("a catalog told past its end".into()));
                }
                let mut last = 0;
                for entry in &page.entries {
                    within("name", entry.name.len(), MAX_PATH)?;
                    within(
                        "media type",
                        entry.offer.as_ref().map_or(0, |offer| offer.media.len()),
                        MAX_MEDIA,
                    )?;
                    if entry.revision <= last || entry.revision > page.revision {
                        return Err(Malformed("catalog revisions out of order".into()));
                    }
                    last = entry.revision;
                }
                Ok(())
            }
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
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
