//! JSON about sending from one person to another: what a receiver sees, and what a sender sees. The person is `from`, or `to`, with
//! `peer`, the id.

use super::line;
use crate::{
    core::consent::title,
    node::{AskInfo, Gone, LaterInfo, Person, Received, SendEvent},
};
use serde::Serialize;

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    size: u64,
    r#type: &'a str,
    id: String,
}

#[derive(Serialize)]
struct Got<'a> {
    name: &'a str,
    id: String,
    path: String,
    size: u64,
    fetched: u64,
    reused: u64,
    resumed: u64,
    sources: Vec<super::Source<'a>>,
}

#[derive(Serialize)]
struct Lost<'a> {
    name: &'a str,
    error: String,
}

/// Files that wait for somebody, in `status` and `asks`.
#[derive(Serialize)]
pub struct Kept<'a> {
    later: u32,
    to: &'a str,
    peer: String,
    name: &'a str,
    files: Vec<String>,
    since: u64,
}

impl<'a> From<&'a LaterInfo> for Kept<'a> {
    fn from(info: &'a LaterInfo) -> Self {
        let files = info.files.iter();
        Self {
            later: info.number,
            to: &info.to.name,
            peer: info.to.node.to_string(),
            name: &info.title,
            files: files
                .map(|path| path.to_string_lossy().into_owned())
                .collect(),
            since: info.since,
        }
    }
}

#[derive(Serialize)]
struct LeftOut<'a> {
    path: &'a str,
    error: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Later {
        #[serde(flatten)]
        info: Kept<'a>,
    },
    Begun {
        later: u32,
        name: &'a str,
    },
    #[serde(rename = "left-out")]
    LeftOut {
        listed: Vec<LeftOut<'a>>,
        more: u64,
    },
    Ask {
        ask: u32,
        from: &'a str,
        peer: String,
        name: String,
        size: u64,
        r#type: &'a str,
        id: Option<String>,
        time: u64,
        to: &'a [String],
        lacking: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        files: Option<Vec<File<'a>>>,
    },
    Gone {
        ask: u32,
        from: &'a str,
        peer: String,
        why: &'static str,
    },
    Received {
        ask: u32,
        from: &'a str,
        peer: String,
        name: String,
        size: u64,
        complete: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        files: Vec<Got<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        failed: Vec<Lost<'a>>,
    },
    Asked {
        to: &'a str,
        peer: String,
        name: &'a str,
        size: u64,
    },
    Accepted {
        to: &'a str,
        peer: String,
        name: &'a str,
    },
    Refused {
        to: &'a str,
        peer: String,
        name: &'a str,
        why: &'static str,
    },
    Expired {
        to: &'a str,
        peer: String,
        name: &'a str,
    },
    Progress {
        to: &'a str,
        peer: String,
        name: &'a str,
        done: u64,
        size: u64,
    },
    Waiting {
        to: &'a str,
        peer: String,
        name: &'a str,
    },
    Resumed {
        to: &'a str,
        peer: String,
        name: &'a str,
    },
    Done {
        to: &'a str,
        peer: String,
        name: &'a str,
        size: u64,
        seconds: f64,
    },
    Error {
        to: Option<&'a str>,
        peer: Option<String>,
        name: &'a str,
        error: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        ids: Option<Vec<String>>,
    },
}

/// An ask, as it comes and as `asks` lists it.
#[must_use]
pub fn ask(ask: &AskInfo) -> String {
    let file = |file: &'_ crate::node::AskedFile| file.file.to_string();
    let (media, id) = match &*ask.files {
        [one] => (one.media.as_str(), Some(file(one))),
        _ => ("multipart/mixed", None),
    };
    let files = || {
        let files = ask.files.iter().map(|one| File {
            name: &one.name,
            size: one.size,
            r#type: &one.media,
            id: file(one),
        });
        files.collect()
    };
    let names: Vec<&str> = ask.files.iter().map(|file| &*file.name).collect();
    line(&Event::Ask {
        ask: ask.number,
        from: &ask.from.name,
        peer: ask.from.node.to_string(),
        name: title(&names),
        size: ask.size,
        r#type: media,
        id,
        time: ask.time,
        to: &ask.to,
        lacking: ask.lacking,
        files: (ask.files.len() > 1).then(files),
    })
}

/// An ask needs no answer any more.
#[must_use]
pub fn gone(number: u32, from: &Person, why: Gone) -> String {
    line(&Event::Gone {
        ask: number,
        from: &from.name,
        peer: from.node.to_string(),
        why: match why {
            Gone::Expired => "expired",
            Gone::Withdrawn => "withdrawn",
            Gone::Lost => "lost",
        },
    })
}

/// What came of an ask.
#[must_use]
pub fn received(came: &Received) -> String {
    let names: Vec<&str> = came.files.iter().map(|file| &*file.name).collect();
    let got = came.files.iter().map(|file| Got {
        name: &file.name,
        id: file.id.to_string(),
        path: file.path.to_string_lossy().into_owned(),
        size: file.size,
        fetched: file.fetched,
        reused: file.reused,
        resumed: file.resumed,
        sources: super::sources(file),
    });
    let failed = came.failed.iter().map(|(name, error)| Lost {
        name,
        error: error.to_string(),
    });
    let error = came.failed.first().map(|(_, error)| error.to_string());
    line(&Event::Received {
        ask: came.number,
        from: &came.from.name,
        peer: came.from.node.to_string(),
        name: title(&names),
        size: came.files.iter().map(|file| file.size).sum(),
        complete: came.failed.is_empty() && came.stopped.is_none(),
        error: came.stopped.clone().or(error),
        files: got.collect(),
        failed: failed.collect(),
    })
}

/// Files that wait for somebody.
#[must_use]
pub fn later(info: &LaterInfo) -> String {
    line(&Event::Later { info: info.into() })
}

/// What waited goes on: as any send does, with its number.
#[must_use]
pub fn later_event(number: u32, name: &str, event: &SendEvent) -> String {
    let text = sending(name, 0, event).unwrap_or_default();
    match text.strip_prefix('{') {
        Some(rest) => format!("{{\"later\":{number},{rest}"),
        None => line(&Event::Begun {
            later: number,
            name,
        }),
    }
}

/// How a send of `name` goes on; `None` for what says nothing new.
#[must_use]
pub fn sending(name: &str, size: u64, event: &SendEvent) -> Option<String> {
    let peer = |to: &Person| to.node.to_string();
    Some(line(&match event {
        SendEvent::Ready { .. } | SendEvent::End => return None,
        SendEvent::LeftOut(left) => Event::LeftOut {
            listed: left
                .listed
                .iter()
                .map(|(path, error)| LeftOut { path, error })
                .collect(),
            more: left.more,
        },
        SendEvent::Unsendable(why) => Event::Error {
            to: None,
            peer: None,
            name,
            error: why.clone(),
            ids: None,
        },
        SendEvent::NotFound { name: to, error } => Event::Error {
            to: Some(to),
            peer: None,
            name,
            error: error.to_string(),
            ids: match error {
                crate::node::FindError::Ambiguous { ids, .. } => {
                    Some(ids.iter().map(ToString::to_string).collect())
                }
                crate::node::FindError::Nobody(_) | crate::node::FindError::NewKey { .. } => None,
            },
        },
        SendEvent::Asked(to) => Event::Asked {
            to: &to.name,
            peer: peer(to),
            name,
            size,
        },
        SendEvent::Accepted(to) => Event::Accepted {
            to: &to.name,
            peer: peer(to),
            name,
        },
        SendEvent::Refused(to, why) => Event::Refused {
            to: &to.name,
            peer: peer(to),
            name,
            why: why.why(),
        },
        SendEvent::Expired(to) => Event::Expired {
            to: &to.name,
            peer: peer(to),
            name,
        },
        SendEvent::Progress(to, done, size) => Event::Progress {
            to: &to.name,
            peer: peer(to),
            name,
            done: *done,
            size: *size,
        },
        SendEvent::Waiting(to) => Event::Waiting {
            to: &to.name,
            peer: peer(to),
            name,
        },
        SendEvent::Resumed(to) => Event::Resumed {
            to: &to.name,
            peer: peer(to),
            name,
        },
        SendEvent::Done(to, size, time) => Event::Done {
            to: &to.name,
            peer: peer(to),
            name,
            size: *size,
            seconds: super::rounded(time.as_secs_f64()),
        },
        SendEvent::Failed(to, why) => Event::Error {
            to: Some(&to.name),
            peer: Some(peer(to)),
            name,
            error: why.to_string(),
            ids: None,
        },
    }))
}
