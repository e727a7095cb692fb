//! What is known about one file.

use super::Stamp;
use crate::core::{
    id::{ChunkId, FileId},
    manifest::Entry,
    rights::Rights,
};
use std::{path::PathBuf, sync::Arc};

/// Why a file's chunks are here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// It lies in the shared folder; its path is relative to that.
    Shared,
    /// It was downloaded; its path is absolute.
    Fetched,
    /// It is being sent to a person; its path is absolute. Private: for those with a grant
    /// (`store::grants`), until the send ends.
    Sent,
    /// It was received from a person; its path is absolute. Private, too.
    Received,
}

impl Kind {
    /// All there are, by their numbers on the disk.
    pub(super) const ALL: [Self; 4] = [Self::Shared, Self::Fetched, Self::Sent, Self::Received];

    /// Whether it is for those only who were granted it.
    #[must_use]
    pub fn is_private(self) -> bool {
        matches!(self, Self::Sent | Self::Received)
    }
}

/// A file that was read to its end, and how it looked then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRecord {
    /// Why it is here.
    pub kind: Kind,
    /// Where, in the disk's own bytes.
    pub path: PathBuf,
    /// How it looked.
    pub stamp: Stamp,
    /// Its permissions.
    pub rights: Rights,
    /// Its contents.
    pub file: FileId,
    /// The name it is offered by: relative, `/` between the parts, NFC.
    pub name: String,
    /// Its media type.
    pub media: String,
}

/// A record on its way into the index.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// What is known about it. Its `file` is set from the entries.
    pub record: FileRecord,
    /// Its chunks, in order.
    pub entries: Vec<Entry>,
}

/// One place where a chunk can be read.
#[derive(Clone, Debug)]
pub struct Location {
    /// The number of the file.
    pub source: u64,
    /// The file.
    pub record: Arc<FileRecord>,
    /// Where the chunk begins.
    pub offset: u64,
    /// Its bytes.
    pub len: u32,
}

/// What a file consists of, as far as its record says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    /// Of one chunk, or none: the record is all there is of it.
    Small(Option<Entry>),
    /// Of several: its chunks and its manifest are in trees of their own.
    Large,
}

impl Content {
    pub fn of(entries: &[Entry]) -> Self {
        match entries {
            [] => Self::Small(None),
            [one] => Self::Small(Some(*one)),
            _ => Self::Large,
        }
    }

    /// The only chunk.
    pub fn chunk(self) -> Option<ChunkId> {
        match self {
            Self::Small(entry) => entry.map(|entry| entry.id),
            Self::Large => None,
        }
    }
}
