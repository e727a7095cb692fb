//! What nodes tell one another of what they offer.

use super::{
    super::{
        MAX_CATALOG_PAGE, MAX_MEDIA, MAX_NAME, MAX_PATH, MAX_PATTERN, MAX_WANTED_FILES,
        MAX_WANTED_WORDS, bounded, cbor::Malformed,
    },
    within,
};
use crate::core::{id::FileId, rights::Rights};
use serde::{Deserialize, Serialize};

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
    /// Of the contents that are [`Wanted`]: a name of each that is offered, wherever in the order of
    /// changes; at most 256.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "bounded::list::<_, _, MAX_WANTED_FILES>"
    )]
    pub holds: Vec<CatalogEntry>,
}

impl CatalogPage {
    /// Bytes that it takes to keep and to send, about.
    pub(super) fn weight(&self) -> usize {
        let entries = self.entries.iter().chain(&self.holds);
        entries.map(|entry| entry.name.len() + 256).sum()
    }

    pub(super) fn check(&self) -> Result<(), Malformed> {
        within("entries", self.entries.len(), MAX_CATALOG_PAGE)?;
        within("node name", self.name.len(), MAX_NAME)?;
        if self.through > Some(self.revision) {
            return Err(Malformed("a catalog told past its end".into()));
        }
        within("names of contents", self.holds.len(), MAX_WANTED_FILES)?;
        for entry in &self.holds {
            entry.check()?;
            if entry.revision > self.revision || entry.offer.is_none() {
                return Err(Malformed("contents that are not offered".into()));
            }
        }
        let mut last = 0;
        for entry in &self.entries {
            entry.check()?;
            if entry.revision <= last || entry.revision > self.revision {
                return Err(Malformed("catalog revisions out of order".into()));
            }
            last = entry.revision;
        }
        Ok(())
    }
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

impl CatalogEntry {
    fn check(&self) -> Result<(), Malformed> {
        within("name", self.name.len(), MAX_PATH)?;
        let media = self.offer.as_ref().map_or(0, |offer| offer.media.len());
        within("media type", media, MAX_MEDIA)
    }
}

/// What a download is about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Wanted {
    /// Names, globs, folders or beginnings of ids, as a person says them: at most 16, each of 256
    /// bytes at most.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_WANTED_WORDS>")]
    pub words: Vec<String>,
    /// Contents that they mean, by whatever name: at most 256.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "bounded::list::<_, _, MAX_WANTED_FILES>"
    )]
    pub files: Vec<FileId>,
}

impl Wanted {
    /// Checks the counts.
    pub(super) fn check(&self) -> Result<(), Malformed> {
        within("words", self.words.len(), MAX_WANTED_WORDS)?;
        within("contents", self.files.len(), MAX_WANTED_FILES)?;
        let longest = self.words.iter().map(String::len).max();
        within("bytes of a word", longest.unwrap_or_default(), MAX_PATTERN)
    }
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
