//! JSON about rendezvous servers, paths through them, and the people who signed up there.

use super::line;
use crate::node::{PathInfo, ServerInfo, ServerNews, ServerState, SignedUp};
use serde::Serialize;

/// A server in `status`.
#[derive(Serialize)]
pub(super) struct Server<'a> {
    address: &'a str,
    peer: Option<String>,
    joined: bool,
    met: u32,
}

impl<'a> From<&'a ServerInfo> for Server<'a> {
    fn from(info: &'a ServerInfo) -> Self {
        Self {
            address: &info.address,
            peer: info.server.as_ref().map(ToString::to_string),
            joined: info.joined,
            met: info.met,
        }
    }
}

#[derive(Serialize)]
struct PersonRow<'a> {
    name: &'a str,
    peer: String,
    present: bool,
    seen: u64,
    server: &'a str,
    added: bool,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Server {
        address: &'a str,
        peer: Option<String>,
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        known: Option<String>,
    },
    Path {
        peer: String,
        name: &'a str,
        via: &'static str,
    },
    SignedUp {
        name: &'a str,
        server: &'a str,
    },
    Released {
        name: &'a str,
        server: &'a str,
    },
    Added {
        name: &'a str,
        peer: String,
        present: bool,
        seen: u64,
        server: &'a str,
    },
}

/// What happened with a server.
#[must_use]
pub fn server(news: &ServerNews) -> String {
    let key = news.server.as_ref().map(ToString::to_string);
    let (state, why, known, peer) = match &news.state {
        ServerState::Joined => ("joined", None, None, key),
        ServerState::Lost => ("lost", None, None, key),
        ServerState::Left => ("left", None, None, key),
        ServerState::Unreachable(why) => ("unreachable", Some(why.as_str()), None, key),
        ServerState::NewKey { known, now } => {
            let known = known.to_string();
            ("newkey", None, Some(known), Some(now.to_string()))
        }
    };
    line(&Event::Server {
        address: &news.address,
        peer,
        state,
        why,
        known,
    })
}

/// The path to somebody is another one now.
#[must_use]
pub fn path(path: &PathInfo) -> String {
    line(&Event::Path {
        peer: path.node.to_string(),
        name: &path.name,
        via: path.via.as_str(),
    })
}

/// A row of `people`.
#[must_use]
pub fn person(row: &SignedUp) -> String {
    line(&PersonRow {
        name: &row.name,
        peer: row.node.to_string(),
        present: row.present,
        seen: row.seen,
        server: &row.server,
        added: row.added,
    })
}

/// A name is bound, or given back.
#[must_use]
pub fn signed_up(name: &str, server: &str, release: bool) -> String {
    line(&if release {
        Event::Released { name, server }
    } else {
        Event::SignedUp { name, server }
    })
}

/// Somebody was added.
#[must_use]
pub fn added(row: &SignedUp) -> String {
    line(&Event::Added {
        name: &row.name,
        peer: row.node.to_string(),
        present: row.present,
        seen: row.seen,
        server: &row.server,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::NodeId;

    #[test]
    fn rows_and_events_have_the_documented_keys() {
        let node = NodeId([7; 32]);
        let row = SignedUp {
            name: "an\u{202e}na".into(),
            node,
            present: true,
            seen: 5,
            server: "h:1".into(),
            added: false,
            ours: true,
        };
        let expected = format!(
            r#"{{"name":"an\u202ena","peer":"{node}","present":true,"seen":5,"server":"h:1","added":false}}"#
        );
        assert_eq!(person(&row), expected);
        let state = ServerState::NewKey {
            known: node,
            now: NodeId([8; 32]),
        };
        let news = ServerNews {
            address: "h:1".into(),
            server: Some(node),
            state,
        };
        let text = server(&news);
        assert!(text.starts_with(r#"{"event":"server","address":"h:1","peer":""#));
        assert!(text.contains(r#""state":"newkey","known":""#), "{text}");
        assert_eq!(
            signed_up("a", "h:1", false),
            r#"{"event":"signedup","name":"a","server":"h:1"}"#
        );
    }
}
