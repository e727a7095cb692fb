//! What `--json` prints: one object a line, its keys in the documented order.
//!
//! Pure. Names are as they came, for programs; JSON escapes control characters, and [`line`] those others that deceive
//! a terminal.

use crate::{
    core::id::{FileId, NodeId},
    node::{
        DownloadError, DownloadEvent, Fetched, History, Listing, NodeEvent, PeerInfo, Progress,
        Safe, Status, Version,
    },
};
use serde::Serialize;

pub mod consent;
pub mod directory;
mod escape;
pub mod gaps;
pub mod key;
pub mod leftover;
mod status;

use escape::line;
pub use status::status;

#[derive(Serialize)]
struct ListRow<'a> {
    name: &'a str,
    id: String,
    size: u64,
    r#type: &'a str,
    holders: u32,
    copies: u32,
    replica: bool,
    mtime: i64,
    mine: bool,
    owners: Vec<gaps::Person<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    older: Option<gaps::Older<'a>>,
}

#[derive(Serialize)]
struct PeerRow<'a> {
    peer: String,
    name: &'a str,
    via: &'static str,
    address: &'a str,
    rtt_ms: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    key_changed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    visiting: bool,
}

#[derive(Serialize)]
struct SaidRow<'a> {
    time: u64,
    mine: bool,
    peer: String,
    name: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Source<'a> {
    peer: String,
    name: &'a str,
    bytes: u64,
}

#[derive(Serialize)]
struct Safety {
    to_leave: bool,
    files: u64,
    elsewhere: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reading: bool,
    /// Of these, those that are only in somebody's downloads.
    #[serde(skip_serializing_if = "is_zero")]
    downloads: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<&Safe> for Safety {
    fn from(safe: &Safe) -> Self {
        Self {
            to_leave: safe.to_leave(),
            files: safe.files,
            elsewhere: safe.elsewhere,
            reading: safe.reading,
            downloads: safe.downloads,
        }
    }
}

/// Every object that says what happens.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Start {
        name: &'a str,
        id: Option<String>,
        size: u64,
        done: u64,
        files: u32,
        sources: u32,
    },
    Progress {
        done: u64,
        size: u64,
        files: u32,
        files_done: u32,
        sources: u32,
    },
    Waiting,
    Resumed,
    Replaced {
        name: &'a str,
        owner: &'a str,
        id: String,
        size: u64,
    },
    Done {
        name: &'a str,
        id: String,
        path: String,
        size: u64,
        fetched: u64,
        reused: u64,
        resumed: u64,
        seconds: f64,
        sources: Vec<Source<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        already: bool,
    },
    Error {
        name: &'a str,
        error: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        ids: Option<Vec<String>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        versions: Option<Vec<gaps::Choice<'a>>>,
    },
    Ready {
        peer: String,
        name: &'a str,
        addresses: &'a [String],
    },
    Joined {
        peer: String,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<&'a str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        key_changed: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        visiting: bool,
    },
    Renamed {
        peer: String,
        name: &'a str,
        before: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        key_changed: bool,
    },
    Left {
        peer: String,
        name: &'a str,
        announced: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        visiting: bool,
    },
    Catalog {
        peer: String,
    },
    Scanning {
        done: u64,
        total: u64,
    },
    Scanned {
        files: u64,
        bytes: u64,
        read: u64,
    },
    Offered {
        name: &'a str,
        size: u64,
    },
    Withdrawn {
        name: &'a str,
    },
    Dropped {
        peer: String,
        name: &'a str,
        why: &'a str,
    },
    Message {
        from: &'a str,
        peer: String,
        text: &'a str,
        time: u64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        key_changed: bool,
    },
    Delivered {
        to: &'a str,
        peer: String,
        time: u64,
    },
    Notice {
        text: &'a str,
    },
    Leaving {
        safe: Safety,
    },
    Passphrase {
        words: &'a str,
        bits: u32,
    },
}

/// A row of `list`.
#[must_use]
pub fn listing(row: &Listing) -> String {
    line(&ListRow {
        name: &row.name,
        id: row.id.to_string(),
        size: row.size,
        r#type: &row.media,
        holders: row.holders,
        copies: row.copies,
        replica: row.replica,
        mtime: row.mtime,
        mine: row.mine,
        owners: gaps::people(&row.owners),
        older: row.older.then(|| gaps::Older {
            at: gaps::people(&row.at),
        }),
    })
}

/// A row of `peers`.
#[must_use]
pub fn peer(row: &PeerInfo) -> String {
    line(&PeerRow {
        peer: row.node.to_string(),
        name: &row.name,
        via: row.via.as_str(),
        address: &row.address,
        rtt_ms: row.rtt.map(|rtt| rounded(rtt.as_secs_f64() * 1000.0)),
        key_changed: row.key_changed,
        visiting: row.visiting,
    })
}

/// What a download tells; `None` for its end, which says nothing new.
#[must_use]
pub fn download(event: &DownloadEvent) -> Option<String> {
    Some(match event {
        DownloadEvent::Incomplete(gaps) => gaps::incomplete(gaps),
        DownloadEvent::Start { name, id, progress } => line(&Event::Start {
            name,
            id: id.as_ref().map(FileId::to_string),
            size: progress.size,
            done: progress.done,
            files: progress.files,
            sources: progress.sources,
        }),
        DownloadEvent::Progress(Progress {
            size,
            done,
            files,
            files_done,
            sources,
        }) => line(&Event::Progress {
            done: *done,
            size: *size,
            files: *files,
            files_done: *files_done,
            sources: *sources,
        }),
        DownloadEvent::Waiting => line(&Event::Waiting),
        DownloadEvent::Resumed => line(&Event::Resumed),
        DownloadEvent::Replaced {
            name,
            owner,
            id,
            size,
        } => line(&Event::Replaced {
            name,
            owner,
            id: id.to_string(),
            size: *size,
        }),
        DownloadEvent::FileDone(fetched) => done(fetched),
        DownloadEvent::FileFailed { name, error } => failed(name, error),
        DownloadEvent::End => return None,
    })
}

fn done(fetched: &Fetched) -> String {
    line(&Event::Done {
        name: &fetched.name,
        id: fetched.id.to_string(),
        path: fetched.path.to_string_lossy().into_owned(),
        size: fetched.size,
        fetched: fetched.fetched,
        reused: fetched.reused,
        resumed: fetched.resumed,
        seconds: rounded(fetched.elapsed.as_secs_f64()),
        sources: sources(fetched),
        already: fetched.already,
    })
}

fn sources(fetched: &Fetched) -> Vec<Source<'_>> {
    let sources = fetched.sources.iter().map(|(node, name, bytes)| Source {
        peer: node.to_string(),
        name,
        bytes: *bytes,
    });
    sources.collect()
}

fn failed(name: &str, error: &DownloadError) -> String {
    let versions = match error {
        DownloadError::Ambiguous { versions, .. } => Some(versions),
        _ => None,
    };
    let id = |version: &Version| version.id.to_string();
    line(&Event::Error {
        name,
        error: error.to_string(),
        ids: versions.map(|all| all.iter().map(id).collect()),
        versions: versions.map(|all| all.iter().map(gaps::choice).collect()),
    })
}

/// The first line of `serve`.
#[must_use]
pub fn ready(status: &Status) -> String {
    line(&Event::Ready {
        peer: status.node.to_string(),
        name: &status.name,
        addresses: &status.addresses,
    })
}

/// The node leaves, though not all it shares is elsewhere.
#[must_use]
pub fn leaving(safe: &Safe) -> String {
    line(&Event::Leaving { safe: safe.into() })
}

/// A new passphrase, and what it is worth.
#[must_use]
pub fn passphrase(words: &str, bits: u32) -> String {
    line(&Event::Passphrase { words, bits })
}

/// A message arrived at its receiver.
#[must_use]
pub fn delivered(to: &str, peer: NodeId, time: u64) -> String {
    let peer = peer.to_string();
    line(&Event::Delivered { to, peer, time })
}

/// Something failed: of what, and why.
#[must_use]
pub fn failure(name: &str, why: &str) -> String {
    let (error, ids) = (why.to_owned(), None);
    let versions = None;
    line(&Event::Error {
        name,
        error,
        ids,
        versions,
    })
}

/// The rows of `history`.
pub fn history(history: &History) -> impl Iterator<Item = String> {
    let peer = history.peer.to_string();
    history.said.iter().map(move |said| {
        line(&SaidRow {
            time: said.time,
            mine: said.mine,
            peer: peer.clone(),
            name: &history.name,
            text: &said.text,
        })
    })
}

/// What happens at a node; `None` for what programs were told already, file by file.
#[must_use]
pub fn node(event: &NodeEvent) -> Option<String> {
    let event = match event {
        NodeEvent::Files(_) => return None,
        NodeEvent::Ask(info) => return Some(consent::ask(info)),
        NodeEvent::AskGone { number, from, why } => {
            return Some(consent::gone(*number, from, *why));
        }
        NodeEvent::Received(came) => return Some(consent::received(came)),
        NodeEvent::Later {
            number,
            name,
            event,
        } => return Some(consent::later_event(*number, name, event)),
        NodeEvent::Server(news) => return Some(directory::server(news)),
        NodeEvent::Path(path) => return Some(directory::path(path)),
        NodeEvent::SameKey { name, address } => return Some(key::same(name, *address)),
        NodeEvent::PeerJoined {
            node,
            name,
            before,
            key_changed,
            visiting,
        } => Event::Joined {
            peer: node.to_string(),
            name,
            before: before.as_deref(),
            key_changed: *key_changed,
            visiting: *visiting,
        },
        NodeEvent::PeerRenamed {
            node,
            name,
            before,
            key_changed,
        } => Event::Renamed {
            peer: node.to_string(),
            name,
            before,
            key_changed: *key_changed,
        },
        NodeEvent::PeerLeft {
            node,
            name,
            announced,
            visiting,
        } => Event::Left {
            peer: node.to_string(),
            name,
            announced: *announced,
            visiting: *visiting,
        },
        NodeEvent::CatalogChanged { node } => Event::Catalog {
            peer: node.to_string(),
        },
        NodeEvent::Scanning { done, total } => Event::Scanning {
            done: *done,
            total: *total,
        },
        NodeEvent::Scanned { files, bytes, read } => Event::Scanned {
            files: *files,
            bytes: *bytes,
            read: *read,
        },
        NodeEvent::Offered { name, size } => Event::Offered { name, size: *size },
        NodeEvent::Withdrawn { name } => Event::Withdrawn { name },
        NodeEvent::PeerDropped { node, name, why } => Event::Dropped {
            peer: node.to_string(),
            name,
            why,
        },
        NodeEvent::Message {
            node,
            name,
            text,
            time,
            key_changed,
        } => Event::Message {
            from: name,
            peer: node.to_string(),
            text,
            time: *time,
            key_changed: *key_changed,
        },
        NodeEvent::Notice(text) => Event::Notice { text },
    };
    Some(line(&event))
}

/// Three decimals are enough for people's clocks.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
