//! What is on disk: the home folder, the index, the shared folder, and downloads under way.
//!
//! Owns every file that sprat reads or writes, and all of sled. Everything here is synchronous:
//! callers run it on blocking threads. Never opens a socket. Invariants: data is synced before the
//! index claims it; a file that changed since it was indexed is not served; nothing is written
//! through a symlink, and no existing file is replaced unless a person said so.

mod beside;
mod cache;
pub mod chats;
pub mod clock;
mod config_file;
mod database;
pub mod directory;
pub mod fetched;
mod folder;
pub mod grants;
pub mod home;
mod ignored;
pub mod index;
pub mod later;
mod layout;
pub mod leftovers;
mod linked;
mod localsend;
mod modes;
mod names;
pub mod partial;
pub mod people;
pub mod placing;
pub mod positioned;
pub mod reader;
pub mod replica;
mod reuse;
pub mod sent;
pub mod servers;
pub mod share;
pub mod shared_paths;
pub mod small_files;
mod socket;
pub mod spool;
mod temporary;
#[cfg(test)]
pub(crate) mod testing;
mod tree;

pub use beside::{Times, put_beside};
pub use chats::{ChatLine, Chats};
pub use config_file::{Kept as KeptSetting, keep as keep_setting};
pub use directory::{DirectoryStore, OpenedDirectory};
pub use fetched::Fetched;
pub use grants::Grants;
pub use home::{FORMAT as HOME_FORMAT, Home, HomeError};
pub use index::{FORMAT_NUMBER as INDEX_FORMAT, FileRecord, Index, Kind, Location, NewFile, Stamp};
pub use later::{Errand, LaterError, LaterFile, MAX_ERRANDS};
pub use leftovers::{Leftover, UNUSED, leftovers, remove_leftover, remove_unused, replaced};
pub use linked::{Linked, OpenLinked, find_linked};
pub use localsend::{keep_certificate, kept_certificate};
pub use partial::{FileSize, Partial, SYNC_BATCH};
pub use people::PeopleFile;
pub use placing::{Finder, Finished, Spot, Taken, find_existing, make_folders, media_of, reach};
pub use reader::ChunkReader;
pub use replica::{Limits, ManifestRoom, ReplicaFile, ReplicaOffer, Replicas, Reservation};
pub use reuse::{Nearby, Reused};
pub use sent::{LeftOut, LeftOutFile, SendError, Sending, Sent, SentFile};
pub use servers::ServersFile;
pub use share::{Offered, Share, ShareEvent};
pub use shared_paths::{Added, MAX_PATHS, Removed, SharePathError, SharedPath, SharedPaths};
pub use small_files::{
    ChunkBuffer, Lack, Laid, Sink, SmallFile, has_room, lacking, lay, place_all,
};
pub use socket::{runtime_folder, socket_path};
pub use spool::{PourError, Spool, pour, put_in_share, settle};

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why the disk did not do what was asked. The variants differ in what the caller should do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full (or will be): make room, then go on where it stopped.
    #[error("{}", no_space(*needed, at))]
    NoSpace {
        /// Bytes that do not fit; 0 when it is not known.
        needed: u64,
        /// The folder they were meant for.
        at: PathBuf,
    },
    /// A file changed while it was used: try again once it has settled.
    #[error("{} changed while it was read", .0.display())]
    Changed(PathBuf),
    /// Chunks are not here: fetch them first.
    #[error("{missing} chunks of {} are missing", at.display())]
    Missing {
        /// How many.
        missing: u32,
        /// Of which file.
        at: PathBuf,
    },
    /// What is stored is not what it should be: fetch or index it again.
    #[error("damaged: {0}")]
    Corrupt(String),
    /// The process has no file descriptors left: try again later.
    #[error("too many open files; {} could not be opened", .0.display())]
    Descriptors(PathBuf),
    /// The name may not be written here: nothing was.
    #[error("{} cannot be written: {why}", path.display())]
    Name {
        /// Which path.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The system refused something else.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    /// Sorts a system error by what can be done about it. `needed` is what a full disk would have
    /// had to take.
    fn of(what: &'static str, path: &Path, needed: u64, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace {
                needed,
                at: path.parent().unwrap_or(path).to_owned(),
            },
            _ if modes::out_of_descriptors(&source) => Self::Descriptors(path.to_owned()),
            _ => Self::Io {
                what,
                path: path.to_owned(),
                source,
            },
        }
    }
}

/// The sentence for a full disk.
#[must_use]
pub fn no_space(needed: u64, at: &Path) -> String {
    match needed {
        0 => format!("no space is left in {}", at.display()),
        _ => format!(
            "no space: {needed} more bytes are needed in {}",
            at.display()
        ),
    }
}

/// Makes a `map_err` argument of [`StoreError::of`].
fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |source| StoreError::of(what, path, 0, source)
}
