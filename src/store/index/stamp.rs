//! How a file looked: what tells, without reading it, whether it is still the one that was indexed.

use crate::store::modes;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, Metadata},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How a file looked when it was read. As long as it still looks so, its chunks are what the index says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
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
        let (mtime, mtime_ns) = meta.modified().map_or((0, 0), since_1970);
        let (device, inode) = modes::identity(meta);
        Self {
            size: meta.len(),
            mtime,
            mtime_ns,
            device,
            inode,
        }
    }

    /// When it was last written; `None` for a time that cannot be counted with.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        let whole = Duration::from_secs(self.mtime.unsigned_abs());
        let time = if self.mtime < 0 {
            UNIX_EPOCH.checked_sub(whole)
        } else {
            UNIX_EPOCH.checked_add(whole)
        };
        time?.checked_add(Duration::from_nanos(self.mtime_ns.into()))
    }
}

/// Whole seconds, rounded down, and the nanoseconds after them: any time that a disk can hold.
fn since_1970(time: SystemTime) -> (i64, u32) {
    let whole = |away: Duration| i64::try_from(away.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => (whole(since), since.subsec_nanos()),
        Err(error) => {
            let before = error.duration();
            match before.subsec_nanos() {
                0 => (-whole(before), 0),
                nanos => (-whole(before) - 1, 1_000_000_000 - nanos),
            }
        }
    }
}

/// Whether a regular file lies at `path` and looks as it did.
pub fn looks_like(path: &Path, stamp: Stamp) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && Stamp::of(&meta) == stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_century_are_kept() {
        let nano = Duration::from_nanos(1);
        let far = Duration::from_secs(16_725_225_600); // The year 2500.
        assert_eq!(since_1970(UNIX_EPOCH + far), (16_725_225_600, 0));
        assert_eq!(since_1970(UNIX_EPOCH), (0, 0));
        assert_eq!(since_1970(UNIX_EPOCH - nano), (-1, 999_999_999));
        assert_eq!(since_1970(UNIX_EPOCH - far), (-16_725_225_600, 0));
    }
}
