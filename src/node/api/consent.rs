//! Sending to people: what a front end asks for, and what it is told. Plain data.

use super::{DownloadError, Fetched};
use crate::core::id::NodeId;
use std::{path::PathBuf, sync::Arc, time::Duration};

pub use crate::core::consent::{EXPIRY as ASK_EXPIRY, Gone, Refusal};
/// What a send leaves out of a folder.
pub use crate::store::LeftOut;
/// A file that somebody asks to send.
pub use crate::wire::consent::AskedFile;

/// Whose asks are answered, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Accepting {
    /// Nobody's: there is no one to ask.
    #[default]
    Nobody,
    /// Everyone's, by the person at this node.
    Person,
    /// Those of these people (names or ids), with yes; nobody else's.
    Some(Vec<String>),
    /// Everyone's, with yes.
    All,
}

/// Somebody at another node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Person {
    /// What they call themselves.
    pub name: String,
    /// Their key.
    pub node: NodeId,
}

/// Why a word does not name one person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// There is nobody of that name.
    #[error("nobody here is called `{0}`")]
    Nobody(String),
    /// There are several.
    #[error("several nodes are called `{name}`; choose one by its id: {}", ids.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<NodeId>,
    },
    /// Somebody of that name is here, with another key than before.
    #[error(
        "`{name}` has another key than before ({now}, it was {known}): nothing is sent to it without --trust-new-key"
    )]
    NewKey {
        /// The name.
        name: String,
        /// The key that was known.
        known: NodeId,
        /// The key that is here.
        now: NodeId,
    },
}

/// Somebody asks to send something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskInfo {
    /// This node's number for it, for the answer.
    pub number: u32,
    /// Who.
    pub from: Person,
    /// Another key was known for that name.
    pub key_changed: bool,
    /// Who else was asked, in the sender's words.
    pub to: Vec<String>,
    /// What.
    pub files: Arc<[AskedFile]>,
    /// Folders with nothing in them that come with it.
    pub folders: Arc<[String]>,
    /// Bytes in all.
    pub size: u64,
    /// When it was asked, by the sender's clock, in seconds since 1970.
    pub time: u64,
    /// Bytes that lack on the disk here for taking it.
    pub lacking: u64,
}

/// Why an ask cannot be accepted, or refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// There is no such ask (any longer).
    #[error("there is no ask {0} that waits for an answer; `asks` shows those that do")]
    Unknown(u32),
    /// It does not fit.
    #[error("{}{}; the ask stays open: make room, or accept it into another folder", crate::store::no_space(*needed, at), beside(*coming))]
    NoRoom {
        /// Bytes that lack.
        needed: u64,
        /// Where.
        at: PathBuf,
        /// Bytes that are still to come of what was accepted before.
        coming: u64,
    },
    /// Nothing can be saved there.
    #[error("{0}; the ask stays open: accept it into another folder")]
    Place(String),
}

fn beside(coming: u64) -> String {
    match coming {
        0 => String::new(),
        _ => format!(" ({coming} bytes of what was accepted before are still to come)"),
    }
}

/// Something that a person sent, as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The number of its ask.
    pub number: u32,
    /// Who sent it.
    pub from: Person,
    /// What is here now.
    pub files: Vec<Fetched>,
    /// What did not come.
    pub failed: Vec<(String, DownloadError)>,
    /// Why it ended before its end, if it did.
    pub stopped: Option<String>,
}

/// What to send, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendRequest {
    /// Files and folders, anywhere.
    pub files: Vec<PathBuf>,
    /// Names or ids of people.
    pub to: Vec<String>,
    /// Whether a known name's new key is accepted, and remembered.
    pub trust_new: bool,
    /// How long to look for them.
    pub wait: Duration,
}

/// How a send goes on. The last one is `End`.
#[derive(Clone, Debug)]
pub enum SendEvent {
    /// The files are read: what is sent, in a word or two, how many and how large.
    Ready {
        /// A name, a folder, or how many.
        name: String,
        /// Files.
        files: u32,
        /// Bytes.
        size: u64,
    },
    /// Not all that lies in a folder can be sent; the rest is.
    LeftOut(LeftOut),
    /// Nothing can be sent.
    Unsendable(String),
    /// A word names nobody, or several.
    NotFound {
        /// The word.
        name: String,
        /// Why.
        error: FindError,
    },
    /// They see the ask.
    Asked(Person),
    /// They said yes.
    Accepted(Person),
    /// They said no.
    Refused(Person, Refusal),
    /// They did not answer in time.
    Expired(Person),
    /// So many bytes are there, of so many.
    Progress(Person, u64, u64),
    /// They are out of reach; it goes on when they are back.
    Waiting(Person),
    /// They are back.
    Resumed(Person),
    /// Everything is there: bytes, and the time since they said yes.
    Done(Person, u64, Duration),
    /// It is not, and will not be.
    Failed(Person, SendFailure),
    /// Everyone's has ended.
    End,
}

/// Files that wait for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaterInfo {
    /// What takes it back.
    pub number: u32,
    /// For whom: the key, and what it was called.
    pub to: Person,
    /// What they are called together.
    pub title: String,
    /// Files and folders.
    pub files: Vec<PathBuf>,
    /// Since when: seconds since 1970.
    pub since: u64,
}

/// What files that were not read yet are called together.
pub(in crate::node) fn title_of(files: &[PathBuf]) -> String {
    match files {
        [one] => {
            let name = one.file_name().unwrap_or(one.as_os_str());
            name.to_string_lossy().into_owned()
        }
        files => format!("{} files and folders", files.len()),
    }
}

pub use crate::store::LaterError;

/// Why a send to somebody failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFailure {
    /// A file is no longer what was asked about.
    #[error("{} changed after it was asked about, so it is not sent; send it again", .0.display())]
    Changed(PathBuf),
    /// They went away.
    #[error("they went away and did not come back in time")]
    Gone,
    /// Stopped here.
    #[error("stopped")]
    Stopped,
    /// They gave it up.
    #[error("{0}")]
    Theirs(String),
}
