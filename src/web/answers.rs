//! What the paths answer, as it stands in JSON. Plain data, beside what the node itself tells
//! programs (`node::api`).

use crate::node::{
    AskInfo, ChatLine, Exit, JobInfo, LaterInfo, LogLine, PeerInfo, SharedPathInfo, SignedUp,
    Status,
};
use serde::Serialize;

/// What is answered when something is not done.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Failure {
    /// The exit code of the same command.
    pub code: u8,
    /// What is wrong, and what to do, for a person. It may hold names that strangers chose.
    pub message: String,
}

impl Failure {
    pub fn new(exit: Exit, message: String) -> Self {
        let code = exit.code();
        Self { code, message }
    }
}

/// How the node does.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct NodeStatus {
    #[serde(flatten)]
    pub status: Status,
    /// What waits for somebody.
    pub later: Vec<LaterInfo>,
    /// The version of the program.
    pub version: &'static str,
    /// The home folder.
    pub home: String,
    /// How often it changed what is offered or here.
    pub revision: u64,
    pub rates: ChunkRates,
}

impl NodeStatus {
    /// Whether it tells something new, besides of the actor's turns: there is always one more.
    pub fn is_news_after(&mut self, before: &Self) -> bool {
        let turns = std::mem::replace(&mut self.status.turns, before.status.turns);
        let news = self != before;
        self.status.turns = turns;
        news
    }
}

/// Bytes of chunks a second now.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct ChunkRates {
    pub down: u64,
    pub up: u64,
}

/// Who is here, by name.
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Peers {
    pub peers: Vec<Peer>,
}

/// Somebody who is here.
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Peer {
    #[serde(flatten)]
    pub peer: PeerInfo,
    /// How many names they offer.
    pub offers: u32,
}

/// The newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Jobs {
    pub jobs: Vec<JobInfo>,
}

/// It begins; how it goes on, the job tells.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Started {
    pub job: u64,
}

/// Asks that wait for an answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Asks {
    pub asks: Vec<AskInfo>,
}

/// With whom something was said, or who is here.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Chats {
    pub chats: Vec<Partner>,
}

/// Somebody to talk to.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Partner {
    pub peer: String,
    pub name: Option<String>,
}

/// What was said, oldest first.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Chat {
    pub peer: String,
    pub name: String,
    pub lines: Vec<Said>,
}

/// A line of a chat.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Said {
    /// Seconds since 1970.
    pub time: u64,
    pub mine: bool,
    pub text: String,
}

impl From<ChatLine> for Said {
    fn from(line: ChatLine) -> Self {
        let ChatLine { time, mine, text } = line;
        Self { time, mine, text }
    }
}

/// It arrived.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Delivered {
    pub to: String,
    pub peer: String,
    /// Seconds since 1970.
    pub time: u64,
}

/// People at rendezvous servers.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct People {
    pub people: Vec<SignedUp>,
}

/// A name is signed up, given up, or added here.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Named {
    pub name: String,
    /// At which servers.
    pub server: String,
    /// Whom an added name means from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
}

/// The node's settings.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct NodeSettings {
    pub name: String,
    pub home: String,
    /// Bytes a second.
    pub upload_limit: Option<u64>,
    /// Bytes a second.
    pub download_limit: Option<u64>,
    /// Bytes that it keeps for others at most.
    pub replica_quota: u64,
    pub accepting: Answerer,
    pub version: &'static str,
}

/// By whom asks are answered.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Answerer {
    /// All are refused.
    Nobody,
    /// By the person at this node.
    Person,
    /// With yes for some people, by itself.
    Some,
    /// With yes for everyone, by itself.
    All,
}

/// Lines of the log.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Log {
    pub lines: Vec<Logged>,
    /// The number of the first of them.
    pub first: u64,
    /// The number of the next one.
    pub next: u64,
}

/// A line of the log.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Logged {
    /// Its number.
    pub n: u64,
    /// Seconds since 1970.
    pub time: u64,
    pub level: String,
    pub text: String,
}

impl Logged {
    pub fn new(n: u64, line: LogLine) -> Self {
        Self {
            n,
            time: line.time,
            level: line.level.to_string(),
            text: line.text,
        }
    }
}

/// What this node's shared folder offers.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct SharedFiles {
    pub total: usize,
    pub files: Vec<SharedFile>,
    /// What is shared where it lies.
    pub paths: Vec<SharedPathInfo>,
}

/// What is shared no longer, and where it lies now.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Unshared {
    pub name: String,
    pub path: String,
    /// Whether it was moved there from the shared folder.
    pub moved: bool,
}

/// A file of the shared folder.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct SharedFile {
    pub name: String,
    pub id: String,
    pub size: u64,
    #[serde(rename = "type")]
    pub media: String,
    /// Seconds since 1970.
    pub mtime: i64,
}

/// An upload is here.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Uploaded {
    pub name: String,
    pub size: u64,
    /// What a send takes it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged: Option<String>,
}

/// A file's bytes can be had once at this address.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Ticket {
    pub url: String,
    pub name: String,
    pub id: String,
    pub size: u64,
    /// Whether a browser may show it.
    pub shown: bool,
    /// How long it is good unless it is used.
    pub seconds: u64,
}

/// Bytes as they are.
#[cfg(test)]
#[derive(utoipa::ToSchema)]
#[cfg_attr(test, schema(value_type = String, format = Binary))]
#[expect(dead_code, reason = "only its shape is used")]
pub struct Octets(Vec<u8>);

/// The address that opens the page once.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct PageAddress {
    pub address: String,
}
