//! The frames of `/sprat/consent/1`: one person asks another whether to send files; the answer; and
//! how it goes on.
//!
//! One stream is one ask to one person, opened by the sender. A frame is a length (4 bytes,
//! big-endian) and so much CBOR. No contents travel on it: what was accepted is fetched like any
//! other file.
//!
//! ```text
//! sender                     receiver
//! ASK {…}               ──▶
//!                       ◀──  SHOWN            a person is being asked
//!                       ◀──  ACCEPT | REFUSE {why}
//! PEERS {nodes}         ──▶                   the files are granted: fetch
//!                       ◀──  PROGRESS {bytes}
//!                       ◀──  DONE | FAILED {why}
//! CANCEL {why}          ──▶  at any time; the receiver's CANCEL is FAILED
//! ```

pub use super::frame::read;
use super::protocol::{Protocol, Route};

use super::{MAX_MEDIA, MAX_NAME, MAX_PATH, bounded, cbor, cbor::Malformed, frame};
use crate::core::{
    consent::{AskId, AskRefusal},
    id::{FileId, NodeId},
};
use futures::{AsyncWrite, AsyncWriteExt};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, io};

/// Streams by which one person asks another to take files.
pub const PROTOCOL: Protocol = Protocol {
    name: "/sprat/consent/1",
    route: Route::Patient,
};

/// Files in one ask.
pub const MAX_FILES: usize = 10_000;
/// People named in one ask, and nodes in one `PEERS`.
pub const MAX_PEOPLE: usize = 256;
/// The longest `ASK`, in bytes: ten thousand files with ordinary names.
pub const MAX_ASK: usize = 2 << 20;
/// The longest of the other frames.
pub const MAX_FRAME: usize = 16 << 10;
/// The longest reason that is given in words, in bytes.
pub const MAX_WHY: usize = 1024;

/// "May I send you these?"
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// Its name; the same when it is asked again after an interruption.
    pub id: AskId,
    /// The sender's name.
    pub from: String,
    /// Who is asked, by the names that the sender knows.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_PEOPLE>")]
    pub to: Vec<String>,
    /// What the sender wants to send.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_FILES>")]
    pub files: Vec<AskedFile>,
    /// Folders with nothing in them: relative, `/` between the parts. They count as files do.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "bounded::list::<_, _, MAX_FILES>"
    )]
    pub folders: Vec<String>,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// A file of an ask.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AskedFile {
    /// Relative, `/` between the parts.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Media type.
    pub media: String,
    /// Whether it may be executed.
    pub executable: bool,
    /// Its nine permission bits, where the sender's system has such; others are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u16>,
    /// Seconds since 1970.
    pub mtime: i64,
    /// The contents.
    pub file: FileId,
    /// Bytes of it that are holes, so no room is needed for them: the sender's word, which the
    /// manifest is to bear out.
    #[serde(default, skip_serializing_if = "is_none")]
    pub holes: u64,
}

/// Whether nothing needs to be said. Serde gives a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(bytes: &u64) -> bool {
    *bytes == 0
}

impl AskedFile {
    /// Bytes that are to be written.
    #[must_use]
    pub fn data(&self) -> u64 {
        self.size.saturating_sub(self.holes)
    }
}

/// What the sender says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromSender {
    /// The question; comes first.
    Ask(Ask),
    /// Acknowledges the yes: the files are granted. These others accepted, too.
    Peers(#[serde(deserialize_with = "bounded::list::<_, _, MAX_PEOPLE>")] Vec<NodeId>),
    /// It is taken back.
    Cancel(String),
}

/// What the receiver says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromReceiver {
    /// A person sees it.
    Shown,
    /// Yes.
    Accept,
    /// No.
    Refuse(AskRefusal),
    /// So many bytes of it are here.
    Progress(u64),
    /// All of it is here, verified and in its place.
    Done,
    /// It will not be.
    Failed(String),
}

impl Ask {
    /// Checks the counts and lengths. Whether a name may become a path is `core::path`'s decision.
    ///
    /// # Errors
    /// [`Malformed`] when there is more than the protocol allows, or nothing at all.
    pub fn check(&self) -> Result<(), Malformed> {
        let wrong = |what: &str| Err(Malformed(what.into()));
        if self.files.is_empty() || self.files.len() + self.folders.len() > MAX_FILES {
            return wrong("files out of bounds");
        }
        if self.to.len() > MAX_PEOPLE {
            return wrong("too many people");
        }
        if self
            .to
            .iter()
            .chain([&self.from])
            .any(|name| name.len() > MAX_NAME)
        {
            return wrong("a person's name is too long");
        }
        let long = |file: &AskedFile| file.name.len() > MAX_PATH || file.media.len() > MAX_MEDIA;
        if self.files.iter().any(long) || self.folders.iter().any(|name| name.len() > MAX_PATH) {
            return wrong("a name is too long");
        }
        let mut names = HashSet::new();
        if !self.files.iter().all(|file| names.insert(&file.name)) {
            return wrong("a name stands there twice");
        }
        match self.size() {
            Some(_) => Ok(()),
            None => wrong("the sizes make no sense"),
        }
    }

    /// Bytes in all files; `None` when that is more than there can be.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        let mut files = self.files.iter();
        let size = files.try_fold(0u64, |sum, file| sum.checked_add(file.size));
        size.filter(|&size| i64::try_from(size).is_ok())
    }

    /// The same for the same files, whatever else the ask says.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&cbor::encode(&self.files)).as_bytes()
    }
}

/// Cuts a reason to what may be sent.
#[must_use]
pub fn cut(why: &str) -> String {
    let mut end = why.len().min(MAX_WHY);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why[..end].to_owned()
}

/// Writes one frame and flushes.
///
/// # Errors
/// Of the stream.
pub async fn write<T: Serialize, W: AsyncWrite + Unpin>(to: &mut W, message: &T) -> io::Result<()> {
    frame::write(to, message).await?;
    to.flush().await
}

#[cfg(test)]
mod tests;
