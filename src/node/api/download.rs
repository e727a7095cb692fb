//! A download as its user asks for it, and how it goes on and ends. Plain data.

use super::{Gaps, Shape, Version, form};
use crate::core::{
    id::{FileId, NodeId},
    people::WhoError,
};
use serde::{Deserialize, Serialize, Serializer};
use std::{path::PathBuf, time::Duration};

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes that are here and verified.
    pub done: u64,
    /// Bytes in all its files.
    pub size: u64,
    /// Files in all.
    pub files: u32,
    /// Files that are complete.
    pub files_done: u32,
    /// Nodes that have something which is still needed.
    pub sources: u32,
}

/// What to download.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DownloadRequest {
    /// Names, globs, folders (`photos/`) or ids (at least 6 hexadecimal digits of one).
    pub what: Vec<String>,
    /// Where to put it; `None` = the home's `downloads/`.
    pub into: Option<PathBuf>,
    /// What `into` is.
    pub shape: Shape,
    /// Whether another file that lies there is replaced by the new one, once that is whole.
    pub overwrite: bool,
    /// Whose: a name, or an id. `None` = what each name means among all.
    pub from: Option<String>,
    /// Of names with contents of several owners: all of them, side by side.
    pub all_versions: bool,
    /// Files and folders that may have chunks of it, besides what is in the home and where it goes.
    pub reuse: Vec<PathBuf>,
    /// How long to look for it before giving up with [`DownloadError::NotFound`]; longer while
    /// names come in.
    pub wait: Duration,
    /// How long to go without useful progress before giving up; `None` = for ever.
    pub timeout: Option<Duration>,
}

/// The number of a download of this node.
pub type JobId = u64;

/// How a download goes on. The last event of a job is [`DownloadEvent::End`].
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum DownloadEvent {
    /// Comes first, when more may have been meant than is known: some did not tell all that they
    /// offer.
    Incomplete(Gaps),
    /// What was asked for is found: how many files, how many bytes.
    Start {
        /// One name, or how many files.
        name: String,
        /// The id, when it is one file.
        #[serde(serialize_with = "form::text_if_any")]
        id: Option<FileId>,
        /// How far it is already (what was found here or resumed counts).
        #[serde(flatten, serialize_with = "form::begun")]
        progress: Progress,
    },
    /// At most ten a second.
    Progress(Progress),
    /// No node has the rest at the moment; the download waits.
    Waiting,
    /// There is a source again.
    Resumed,
    /// The owner of a file replaced it in the meantime: it goes on with the new version, and with
    /// what is here of the old.
    Replaced {
        /// The file.
        name: String,
        /// Whose it is.
        owner: String,
        /// The new contents.
        #[serde(serialize_with = "form::text")]
        id: FileId,
        /// Bytes of these.
        size: u64,
    },
    /// One file is complete, verified and in its place.
    #[serde(rename = "done")]
    FileDone(Box<Fetched>),
    /// One file failed; the others go on.
    #[serde(rename = "error")]
    FileFailed {
        /// Which.
        name: String,
        /// Why.
        #[serde(flatten)]
        error: DownloadError,
    },
    /// The whole job ended; nothing follows. JSON has no words for it.
    #[serde(skip)]
    End,
}

/// A file that was downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// The name it is offered by.
    pub name: String,
    /// The contents.
    #[serde(serialize_with = "form::text")]
    pub id: FileId,
    /// Where it lies now.
    #[serde(serialize_with = "form::path")]
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Bytes that came over the network.
    pub fetched: u64,
    /// Bytes found in local chunks.
    pub reused: u64,
    /// Bytes verified before an interruption.
    pub resumed: u64,
    /// From start to end.
    #[serde(rename = "seconds", serialize_with = "form::seconds")]
    pub elapsed: Duration,
    /// Who gave how many bytes, the most generous first.
    pub sources: Vec<Contribution>,
    /// It was here already, and nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub already: bool,
}

/// What one peer gave of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Contribution {
    /// Who.
    #[serde(serialize_with = "form::text")]
    pub peer: NodeId,
    /// What it is called.
    pub name: String,
    /// How much.
    pub bytes: u64,
}

/// Why a download failed. Says what the caller can do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DownloadError {
    /// Nobody offers it.
    #[error("nobody here offers `{0}`")]
    NotFound(String),
    /// It is not among the names that are known here, and these nodes offer more than has room.
    #[error(
        "`{name}` is not among the names that are known here, and there was no room for all that {} offers; its owner can send it (`sprat send`)",
        whose.join(", ")
    )]
    NotKnown {
        /// The name.
        name: String,
        /// What they are called.
        whose: Vec<String>,
    },
    /// Several contents go by that name, or their ids begin so: choose by owner or id.
    #[error("`{name}` is offered with different contents; choose one by its id: {}", versions.iter().map(|one| one.id.short()).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// What it could mean.
        versions: Vec<Version>,
    },
    /// It is not clear whose it should be.
    #[error("{}", super::whom::whose(name, why))]
    Owner {
        /// The name that was given.
        name: String,
        /// Why it means nobody.
        why: WhoError,
    },
    /// One file was to come, and this is not one.
    #[error("that is {0} files, and there is room for one: name it, or fetch them into a folder")]
    NotOne(usize),
    /// All sources went away for longer than the timeout.
    #[error(
        "no node that has the rest of `{0}` came back in time; what is here is kept, and the same command resumes it"
    )]
    SourcesLost(String),
    /// Somebody has the rest, but for longer than the timeout next to nothing came.
    #[error(
        "next to nothing has come of `{0}` for too long; what is here is kept, and the same command resumes it"
    )]
    Stalled(String),
    /// Its owner no longer offers it, and nobody has the rest.
    #[error(
        "`{name}` is no longer offered by {owner}, and nobody here has the rest of it; what is here is kept"
    )]
    Withdrawn {
        /// The name.
        name: String,
        /// Whose it was.
        owner: String,
    },
    /// It was asked for by its id, and its owner has other contents by that name now.
    #[error(
        "`{name}` was replaced by {owner}, and nobody here has the rest of what was asked for; download it by its name for the new version"
    )]
    Replaced {
        /// The name.
        name: String,
        /// Whose it is.
        owner: String,
    },
    /// Its name may not be written here.
    #[error("`{name}` cannot be saved: {why}")]
    Name {
        /// The name.
        name: String,
        /// The reason.
        why: String,
    },
    /// What came is not what was asked for, from every source.
    #[error("`{0}` failed verification at every source")]
    Verification(String),
    /// The disk is full.
    #[error("{}", crate::store::no_space(*needed, at))]
    NoSpace {
        /// Bytes.
        needed: u64,
        /// Where.
        at: PathBuf,
    },
    /// The disk refused something else.
    #[error("{what}: {why}")]
    Disk {
        /// What was tried.
        what: String,
        /// What the system said.
        why: String,
    },
    /// It was cancelled, or the node is stopping. What is here is kept.
    #[error("interrupted; what is here is kept, and the same command resumes it")]
    Interrupted,
}

/// Its sentence, and what could have been meant.
impl Serialize for DownloadError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            error: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            ids: Option<Vec<String>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            versions: Option<&'a [Version]>,
        }
        let versions = match self {
            Self::Ambiguous { versions, .. } => Some(&**versions),
            _ => None,
        };
        let ids = |all: &[Version]| all.iter().map(|version| version.id.to_string()).collect();
        let row = Row {
            error: self.to_string(),
            ids: versions.map(ids),
            versions,
        };
        row.serialize(serializer)
    }
}
