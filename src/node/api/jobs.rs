//! What runs at a node, no matter which front end started it: downloads, sends, and what people
//! send here. Plain data.

use super::{Exit, JobId, Person, form};
use crate::core::{
    id::{FileId, NodeId},
    via::Via,
};
use serde::Serialize;
use std::path::PathBuf;

pub use crate::core::have_map::HaveMap;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// It fetches what the swarm offers.
    Download,
    /// It sends files to people.
    Send,
    /// It takes what somebody sends.
    Receive,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It looks for what or whom is meant, or nobody has the rest at the moment.
    Waiting,
    /// Somebody is asked and has not answered.
    Asking,
    /// It goes on.
    Running,
    /// It asks for no more, or gives no more, and keeps its place.
    Paused,
    /// All of it is there.
    Done,
    /// Not all of it is there, and will not be.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl JobState {
    /// Whether nothing more happens.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct JobInfo {
    /// Its number, which nothing else in this run of the node gets.
    #[serde(rename = "job")]
    #[cfg_attr(test, schema(value_type = u64))]
    pub number: JobId,
    /// What it does.
    pub kind: JobKind,
    /// How it stands.
    pub state: JobState,
    /// What it is about: a name, how many files, or the words that were given.
    pub name: String,
    /// The id, when it is one file.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "form::text_if_any"
    )]
    #[cfg_attr(test, schema(value_type = Option<String>))]
    pub id: Option<FileId>,
    /// The file or folder that it goes to.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "form::path_if_any"
    )]
    #[cfg_attr(test, schema(value_type = Option<String>))]
    pub path: Option<PathBuf>,
    /// Bytes that are there.
    pub done: u64,
    /// Bytes in all; 0 while that is not known.
    pub size: u64,
    /// Files in all.
    pub files: u32,
    /// Files that are complete.
    pub files_done: u32,
    /// Bytes a second over the network, over the last seconds.
    pub rate: u64,
    /// Seconds that the rest takes at that rate.
    pub eta: Option<u64>,
    /// Nodes that have something which is still needed.
    pub holders: u32,
    /// Who gave some of it, the most generous first.
    pub sources: Vec<JobSource>,
    /// Of a send: to whom.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Recipient>,
    /// Of what is received: from whom.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "form::person_if_any"
    )]
    #[cfg_attr(test, schema(value_type = Option<super::shape::Somebody>))]
    pub from: Option<Person>,
    /// Of what is received: the number of its ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<u32>,
    /// Why not all of it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How it ended: the exit code of the same command.
    #[serde(
        rename = "code",
        skip_serializing_if = "Option::is_none",
        serialize_with = "form::code"
    )]
    #[cfg_attr(test, schema(value_type = Option<u8>))]
    pub exit: Option<Exit>,
    /// The files that failed, 20 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FileError>,
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// When it ended.
    pub ended: Option<u64>,
    /// Whether it can be paused.
    pub pausable: bool,
}

/// Somebody who gave some of a job's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct JobSource {
    /// Who.
    #[serde(rename = "peer", serialize_with = "form::text")]
    #[cfg_attr(test, schema(value_type = String))]
    pub node: NodeId,
    /// What they are called.
    pub name: String,
    /// The path, while they are here.
    #[serde(serialize_with = "form::text_if_any")]
    #[cfg_attr(test, schema(value_type = Option<String>))]
    pub via: Option<Via>,
    /// Bytes that came from them.
    pub bytes: u64,
    /// Bytes a second.
    pub rate: u64,
}

/// Somebody whom something is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Recipient {
    /// What they are called, or the word that was given.
    #[serde(rename = "to")]
    pub name: String,
    /// Who, once that is known.
    #[serde(rename = "peer", serialize_with = "form::text_if_any")]
    #[cfg_attr(test, schema(value_type = Option<String>))]
    pub node: Option<NodeId>,
    /// How it stands with them.
    pub state: RecipientState,
    /// Bytes that they have.
    pub done: u64,
    /// Why they do not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How it stands with somebody whom something is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum RecipientState {
    /// They are looked for, or out of reach.
    Waiting,
    /// They see the ask.
    Asking,
    /// They fetch it.
    Running,
    /// They have it.
    Done,
    /// They said no, or nothing.
    Refused,
    /// They do not get it.
    Failed,
}

/// A file that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct FileError {
    /// Which.
    pub name: String,
    /// Why.
    pub error: String,
}

/// A job stands otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobNews {
    /// Its number.
    #[serde(rename = "job")]
    pub number: JobId,
    /// What it does.
    pub kind: JobKind,
    /// How it stands.
    pub state: JobState,
    /// What it is about.
    pub name: String,
}

/// Why nothing can be done about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// There is none of that number.
    #[error("there is no job {0}; `jobs` shows them")]
    Unknown(JobId),
    /// It is over.
    #[error("job {0} has ended")]
    Ended(JobId),
}

impl From<&JobError> for Exit {
    fn from(error: &JobError) -> Self {
        match error {
            JobError::Unknown(_) => Self::NotFound,
            JobError::Ended(_) => Self::Refused,
        }
    }
}
