//! Sending to people: what a front end asks for, and what it is told. Plain data.

mod told;

use super::{DownloadError, Fetched, WhoError, form};
use crate::core::{consent::title, id::NodeId};
use serde::{Serialize, Serializer};
use std::{path::PathBuf, sync::Arc, time::Duration};

pub use crate::core::consent::{AskRefusal, EXPIRY as ASK_EXPIRY, Gone};
/// What a send leaves out of a folder.
pub use crate::store::{LeftOut, LeftOutFile};
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

/// One file stands in it, several stand in `files`.
impl Serialize for AskInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct File<'a> {
            name: &'a str,
            size: u64,
            r#type: &'a str,
            id: Option<String>,
        }
        #[derive(Serialize)]
        struct Row<'a> {
            ask: u32,
            #[serde(flatten, serialize_with = "form::from")]
            from: &'a Person,
            name: String,
            size: u64,
            r#type: &'a str,
            id: Option<String>,
            time: u64,
            to: &'a [String],
            lacking: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            files: Option<Vec<File<'a>>>,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            key_changed: bool,
        }
        // Of what a guest hands in nobody knows it before.
        let unknown = self.from.node.is_foreign();
        let file = |file: &AskedFile| (!unknown).then(|| file.file.to_string());
        let (media, id) = match &*self.files {
            [one] => (one.media.as_str(), file(one)),
            _ => ("multipart/mixed", None),
        };
        let files = || {
            let files = self.files.iter().map(|one| File {
                name: &one.name,
                size: one.size,
                r#type: &one.media,
                id: file(one),
            });
            files.collect()
        };
        let names: Vec<&str> = self.files.iter().map(|file| &*file.name).collect();
        let row = Row {
            ask: self.number,
            from: &self.from,
            name: title(&names),
            size: self.size,
            r#type: media,
            id,
            time: self.time,
            to: &self.to,
            lacking: self.lacking,
            files: (self.files.len() > 1).then(files),
            key_changed: self.key_changed,
        };
        row.serialize(serializer)
    }
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

/// All of it together, and then each file.
impl Serialize for Received {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Lost<'a> {
            name: &'a str,
            #[serde(serialize_with = "form::text")]
            error: &'a DownloadError,
        }
        #[derive(Serialize)]
        struct Row<'a> {
            ask: u32,
            #[serde(flatten, serialize_with = "form::from")]
            from: &'a Person,
            name: String,
            size: u64,
            complete: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<String>,
            #[serde(serialize_with = "form::got")]
            files: &'a [Fetched],
            #[serde(skip_serializing_if = "Vec::is_empty")]
            failed: Vec<Lost<'a>>,
        }
        let names: Vec<&str> = self.files.iter().map(|file| &*file.name).collect();
        let failed = self.failed.iter().map(|(name, error)| Lost { name, error });
        let error = self.failed.first().map(|(_, error)| error.to_string());
        let row = Row {
            ask: self.number,
            from: &self.from,
            name: title(&names),
            size: self.files.iter().map(|file| file.size).sum(),
            complete: self.failed.is_empty() && self.stopped.is_none(),
            error: self.stopped.clone().or(error),
            files: &self.files,
            failed: failed.collect(),
        };
        row.serialize(serializer)
    }
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
    /// What a LocalSend app asks for before its person is asked.
    pub pin: Option<String>,
}

/// How a send goes on. The last one is `End`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum SendEvent {
    /// The files are read: what is sent, in a word or two, how many and how large. JSON has no
    /// words for it.
    #[serde(skip)]
    Ready {
        /// A name, a folder, or how many.
        name: String,
        /// Files.
        files: u32,
        /// Bytes.
        size: u64,
    },
    /// Not all that lies in a folder can be sent; the rest is.
    #[serde(rename = "left-out")]
    LeftOut(LeftOut),
    /// Nothing can be sent.
    #[serde(rename = "error", serialize_with = "told::unsendable")]
    Unsendable(String),
    /// A word names nobody, or several.
    #[serde(rename = "error", serialize_with = "told::not_found")]
    NotFound {
        /// The word.
        name: String,
        /// Why.
        error: WhoError,
    },
    /// They see the ask.
    #[serde(serialize_with = "form::to")]
    Asked(Person),
    /// They said yes.
    #[serde(serialize_with = "form::to")]
    Accepted(Person),
    /// They said no.
    Refused {
        /// Who.
        #[serde(flatten, serialize_with = "form::to")]
        to: Person,
        /// Why.
        #[serde(serialize_with = "told::why")]
        why: AskRefusal,
    },
    /// They did not answer in time.
    #[serde(serialize_with = "form::to")]
    Expired(Person),
    /// It goes on.
    Progress {
        /// Who.
        #[serde(flatten, serialize_with = "form::to")]
        to: Person,
        /// Bytes that are there.
        done: u64,
        /// Of so many.
        size: u64,
    },
    /// They are out of reach; it goes on when they are back.
    #[serde(serialize_with = "form::to")]
    Waiting(Person),
    /// They are back.
    #[serde(serialize_with = "form::to")]
    Resumed(Person),
    /// Everything is there.
    Done {
        /// Who.
        #[serde(flatten, serialize_with = "form::to")]
        to: Person,
        /// Bytes.
        size: u64,
        /// Since they said yes.
        #[serde(rename = "seconds", serialize_with = "form::seconds")]
        elapsed: Duration,
    },
    /// It is not, and will not be.
    #[serde(rename = "error")]
    Failed {
        /// Who.
        #[serde(flatten, serialize_with = "form::to")]
        to: Person,
        /// Why.
        #[serde(rename = "error", serialize_with = "form::text")]
        why: SendFailure,
    },
    /// Everyone's has ended.
    #[serde(skip)]
    End,
}

/// How a send goes on, with what is sent.
#[derive(Clone, Debug, Serialize)]
pub struct Sending<'a> {
    /// Its number, if it waited for somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    later: Option<u32>,
    #[serde(flatten)]
    event: &'a SendEvent,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

impl<'a> Sending<'a> {
    /// Of `name`, which has so many bytes.
    #[must_use]
    pub fn new(event: &'a SendEvent, name: &'a str, size: u64) -> Self {
        let asked = matches!(event, SendEvent::Asked(_));
        Self {
            later: None,
            event,
            name,
            size: asked.then_some(size),
        }
    }

    /// Of what waited for somebody by that number.
    #[must_use]
    pub fn later(number: u32, event: &'a SendEvent, name: &'a str) -> Self {
        Self {
            later: Some(number),
            ..Self::new(event, name, 0)
        }
    }
}

/// Files that wait for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LaterInfo {
    /// What takes it back.
    #[serde(rename = "later")]
    pub number: u32,
    /// For whom: the key, and what it was called.
    #[serde(flatten, serialize_with = "form::to")]
    pub to: Person,
    /// What they are called together.
    #[serde(rename = "name")]
    pub title: String,
    /// Files and folders.
    #[serde(serialize_with = "form::paths")]
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
