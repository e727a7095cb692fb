//! Links for people with only a browser: what a front end asks for, and what it is told. Plain
//! data.

use crate::store::SendError;
pub use crate::store::Times;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

pub use crate::core::link::{Closed, MAX_PIN, MAX_USES, Place, Terms, Token, Tried};

/// What a link is to be about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct LinkRequest {
    /// Files and folders of this machine, which stay where they are.
    pub paths: Vec<PathBuf>,
    /// Names, folders (`photos/`) or ids of what the swarm offers.
    pub names: Vec<String>,
    /// Instead: others hand files in.
    pub upload: bool,
    /// For how long.
    pub expires: Option<Duration>,
    /// From how many addresses it may be used.
    pub uses: Option<u32>,
    /// What has to be typed first.
    pub pin: Option<String>,
    /// Whether files can be fetched by their names below one plain path.
    pub web_seed: bool,
    /// Whether it works by https alone.
    pub tls: bool,
    /// Whether people of LocalSend may fetch the files, too, without the address.
    pub localsend: bool,
}

/// A link that there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct LinkInfo {
    /// Its number, for taking it back.
    #[serde(rename = "link")]
    pub number: u32,
    /// What a browser opens. Who knows it has what it leads to.
    pub address: String,
    /// Below which files are fetched by their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_seed: Option<String>,
    /// What it is about, in a word or two.
    pub name: String,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub size: u64,
    /// Whether others hand files in.
    pub upload: bool,
    /// When it ends: seconds since 1970.
    pub expires: Option<u64>,
    /// From how many addresses it may be used.
    pub uses: Option<u32>,
    /// From how many it was.
    pub used: u32,
    /// Its PIN.
    pub pin: Option<String>,
    /// Where people of LocalSend, who find it by themselves, and `sprat receive` fetch the files, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub localsend: Option<String>,
    /// Whether it is encrypted.
    pub tls: bool,
    /// Then: the SHA-256 of the certificate, which the browser shows, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Why there is no such link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nothing is named.
    #[error("a link is about files, folders or names, or it is one for uploads")]
    Nothing,
    /// A word means nothing here.
    #[error("there is no file `{0}` here, and nobody offers it: {1}")]
    NotFound(String, String),
    /// A file cannot be linked.
    #[error(transparent)]
    File(#[from] SendError),
    /// There are too many.
    #[error("there are {0} links already: `unlink N` takes one back")]
    TooMany(usize),
    /// The files of all links are too many.
    #[error("more than {0} files: put them into an archive")]
    TooManyFiles(usize),
    /// Nobody would say yes.
    #[error(
        "nobody answers asks here, and nothing is taken unasked: start the node with a prompt, with --web, or as `sprat serve --accept all`"
    )]
    NobodyAnswers,
    /// The terms make no sense.
    #[error("{0}")]
    Terms(&'static str),
    /// No listener.
    #[error("guests cannot be served: {0}")]
    NotServed(String),
    /// There is none of that number.
    #[error("there is no link {0}; `links` shows those that there are")]
    Unknown(u32),
}

/// Files that a guest wants to hand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestFile {
    /// What the guest calls it.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// The SHA-256 that its contents must have, if one is said.
    pub sha256: Option<[u8; 32]>,
    /// Its times, as far as they are said.
    pub times: Times,
}

/// How what a guest hands in stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum GuestState {
    /// Somebody is being asked.
    Waiting,
    /// They said yes: the files may come.
    Accepted,
    /// They did not.
    Refused {
        /// Why.
        why: &'static str,
    },
    /// All of it is here.
    Done,
    /// It is not, and will not be.
    Failed {
        /// Why.
        why: String,
    },
}

/// Why a file that a guest hands in is not taken.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// Nobody said yes to it (any longer).
    #[error("nobody has said yes to that")]
    NotAsked,
    /// It comes already, or is here.
    #[error("that file is here already, or on its way")]
    Twice,
    /// Its contents are not what was said.
    #[error("the contents are not what was said: their SHA-256 is another one")]
    Sum,
    /// The disk does not take it.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
