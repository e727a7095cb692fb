//! How a file looked: what tells, without reading it, whether it is still the one that was indexed.

use crate::store::{
    clock,
    modes::{self, FileIdentity},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, Metadata},
    path::Path,
    time::{Duration, SystemTime},
};

/// How a file looked when it was read. As long as it still looks so, its chunks are what the index
/// says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// When it was last written: seconds since 1970, rounded down.
    pub mtime: i64,
    /// Nanoseconds after that.
    pub mtime_ns: u32,
    /// The device; 0 where there is no such thing.
    pub device: u64,
    /// The inode; 0 where there is no such thing.
    pub inode: u64,
}

impl Stamp {
    /// The stamp of a file with this metadata.
    #[must_use]
    pub fn of(meta: &Metadata) -> Self {
        let modified = meta.modified().map(clock::to_unix).unwrap_or_default();
        let FileIdentity { device, inode } = modes::identity(meta);
        Self {
            size: meta.len(),
            mtime: modified.seconds,
            mtime_ns: modified.nanos,
            device,
            inode,
        }
    }

    /// Which file it is.
    pub(in crate::store) fn identity(&self) -> FileIdentity {
        FileIdentity {
            device: self.device,
            inode: self.inode,
        }
    }

    /// When it was last written; `None` for a time that cannot be counted with.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        let whole = clock::from_unix(self.mtime);
        whole?.checked_add(Duration::from_nanos(self.mtime_ns.into()))
    }
}

/// Whether a regular file lies at `path` and looks as it did.
pub fn looks_like(path: &Path, stamp: Stamp) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && Stamp::of(&meta) == stamp)
}
