//! The canonical bytes of manifests, and the ids they give.
//!
//! A manifest travels as a root, `{size, pages, chunks}`, and pages of at most 4,096 entries. The
//! file id commits to the root and the root to each page, so every piece is checked as it arrives
//! and nothing that a stranger declares is allocated before its bytes are here.

use super::{
    bounded,
    cbor::{self, Malformed},
};
use crate::core::{
    id::{ChunkId, FileId, PageId},
    manifest::{Entry, MAX_CHUNK, MAX_PAGES, Manifest, PAGE_ENTRIES, most_chunks, shortest_chunk},
};
use serde::{Deserialize, Serialize};

/// The BLAKE3 key-derivation context of file ids.
const FILE_CONTEXT: &str = "sprat 2026-11 file id v1";

/// The head of a manifest. The fields stand in CBOR's canonical order: shorter keys first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Bytes of the file.
    pub size: u64,
    /// The ids of its pages, in order.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_PAGES>")]
    pub pages: Vec<PageId>,
    /// How many chunks it has.
    pub chunks: u32,
}

#[derive(Serialize, Deserialize)]
struct WireEntry(ChunkId, u32);

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct WirePage(#[serde(deserialize_with = "bounded::list::<_, _, PAGE_ENTRIES>")] Vec<WireEntry>);

impl Root {
    /// Checks a root against the file id it was asked for by.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not that file's root, or declare something impossible: more
    /// chunks than a file of that size can have, too.
    pub fn decode(file: FileId, bytes: &[u8]) -> Result<Self, Malformed> {
        if file_id(bytes) != file {
            return Err(Malformed("the root does not hash to the file id".into()));
        }
        let root: Self = cbor::decode_canonical(bytes)?;
        let fits = root.pages.len() <= MAX_PAGES
            && root.chunks.div_ceil(PAGE_ENTRIES as u32) as usize == root.pages.len()
            && u64::from(root.chunks) <= most_chunks(root.size)
            && root.size <= u64::from(root.chunks) * u64::from(MAX_CHUNK);
        if fits {
            Ok(root)
        } else {
            Err(Malformed("the root's numbers contradict each other".into()))
        }
    }

    /// How many entries page `index` has.
    #[must_use]
    pub fn entries_of(&self, index: usize) -> usize {
        (self.chunks as usize)
            .saturating_sub(index * PAGE_ENTRIES)
            .min(PAGE_ENTRIES)
    }

    /// Checks page `index` and gives its entries.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not that page, or a chunk of it has a length that none may
    /// have.
    pub fn decode_page(&self, index: usize, bytes: &[u8]) -> Result<Vec<Entry>, Malformed> {
        let id = self
            .pages
            .get(index)
            .ok_or_else(|| Malformed("no such page".into()))?;
        if page_id(bytes) != *id {
            return Err(Malformed("the page does not hash to its id".into()));
        }
        let WirePage(entries) = cbor::decode_canonical(bytes)?;
        if entries.len() != self.entries_of(index) {
            return Err(Malformed("the page has a wrong number of entries".into()));
        }
        let last_page = index + 1 == self.pages.len();
        let inner = entries.len() - usize::from(last_page && !entries.is_empty());
        let shortest = shortest_chunk(self.size);
        if entries[..inner].iter().any(|one| one.1 < shortest)
            || entries.iter().any(|one| !(1..=MAX_CHUNK).contains(&one.1))
        {
            return Err(Malformed("a chunk is too short or too long".into()));
        }
        Ok(entries
            .into_iter()
            .map(|WireEntry(id, len)| Entry { id, len })
            .collect())
    }

    /// Puts the entries of all pages together.
    ///
    /// # Errors
    /// [`Malformed`] when a chunk's length is impossible, or the lengths do not add up to the size.
    pub fn assemble(&self, file: FileId, entries: Vec<Entry>) -> Result<Manifest, Malformed> {
        let manifest =
            Manifest::new(file, entries).map_err(|error| Malformed(error.to_string()))?;
        let fits = manifest.size() == self.size && manifest.len() == self.chunks;
        if fits {
            Ok(manifest)
        } else {
            Err(Malformed("the chunks do not add up to the file".into()))
        }
    }
}

/// A manifest in its canonical bytes: what is stored and what is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded {
    /// What the root hashes to.
    pub file: FileId,
    /// The root's bytes.
    pub root: Vec<u8>,
    /// Each page's bytes.
    pub pages: Vec<Vec<u8>>,
}

/// The id of the page with these bytes.
#[must_use]
pub fn page_id(bytes: &[u8]) -> PageId {
    PageId(*blake3::hash(bytes).as_bytes())
}

/// The id of the file whose root has these bytes.
#[must_use]
pub fn file_id(root: &[u8]) -> FileId {
    FileId(blake3::derive_key(FILE_CONTEXT, root))
}

/// Encodes the chunk list of one file.
#[must_use]
pub fn encode(entries: &[Entry]) -> Encoded {
    let pages: Vec<Vec<u8>> = entries
        .chunks(PAGE_ENTRIES)
        .map(|page| {
            cbor::encode(
                &page
                    .iter()
                    .map(|entry| WireEntry(entry.id, entry.len))
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    let root = Root {
        size: entries.iter().map(|entry| u64::from(entry.len)).sum(),
        pages: pages.iter().map(|page| page_id(page)).collect(),
        chunks: entries.len() as u32,
    };
    let root = cbor::encode(&root);
    Encoded {
        file: file_id(&root),
        root,
        pages,
    }
}

/// Decodes a whole stored manifest.
///
/// # Errors
/// [`Malformed`] when any part of it is not what its hash says.
pub fn decode(file: FileId, root: &[u8], pages: &[Vec<u8>]) -> Result<Manifest, Malformed> {
    let root = Root::decode(file, root)?;
    let mut entries = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        entries.extend(root.decode_page(index, page)?);
    }
    root.assemble(file, entries)
}

#[cfg(test)]
mod tests;
