//! `msg`, `chat` and `history`: what they do, and the sentences that go with them.
//!
//! Everything that somebody else wrote is escaped and cut here; programs get it whole, in JSON.

use super::{
    cli::{self, Msg},
    config::Setup,
    exit::Exit,
    json,
    output::Out,
    sentences::{alone as alone_because, person},
    text,
};
use crate::{
    core::{
        id::NodeId,
        path::{printable, printable_cut},
    },
    node::{self, History, HistoryError, MessageError, Node, WhoError},
};
use std::time::Duration;

/// A message is shown in no more characters: a screenful.
const SHOWN: usize = 2000;

/// Somebody to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// Who.
    pub node: NodeId,
    /// What they are called.
    pub name: String,
}

/// Finds somebody within `wait` and says something to them.
pub async fn send(node: &Node, out: &Out, wait: Duration, msg: &Msg) -> Exit {
    match find(node, out, wait, &msg.who, msg.trust_new_key).await {
        Ok(partner) => say(node, out, &partner, &msg.text.join(" ")).await,
        Err(exit) => exit,
    }
}

/// Finds somebody, or says why not.
///
/// # Errors
/// The exit code.
pub async fn find(
    node: &Node,
    out: &Out,
    wait: Duration,
    who: &str,
    trust: bool,
) -> Result<Partner, Exit> {
    let error = match node.await_person(who, trust, wait).await {
        Ok(id) => {
            let name = node.name_of(id).await.map(|(name, _)| name);
            let name = name.unwrap_or_else(|| id.short());
            return Ok(Partner { node: id, name });
        }
        Err(error) => error,
    };
    let alone = error == WhoError::Nobody && node.peers().await.is_empty();
    let why = if alone {
        alone_because(node)
    } else {
        nobody(who, &error)
    };
    failed(out, who, &why);
    Err(Exit::from(&error))
}

/// Says something to somebody who was found.
pub async fn say(node: &Node, out: &Out, to: &Partner, text: &str) -> Exit {
    match node.message(to.node, text).await {
        Ok(time) => {
            if out.json() {
                out.object(&json::Event::delivered(&to.name, to.node, time));
            } else {
                out.note(&format!("delivered to {}", person(&to.name)));
            }
            Exit::Done
        }
        Err(error) => {
            failed(out, &to.name, &undelivered(&to.name, &error));
            Exit::from(&error)
        }
    }
}

/// `history` at the shell: needs no node, and works beside one that runs.
pub async fn history_at(setup: &Setup, what: cli::History) -> Exit {
    let out = Out::streams(setup.json);
    let home = setup.settings.home.clone();
    let (who, count) = (what.who.clone(), what.count());
    let read = tokio::task::spawn_blocking(move || node::history_at(&home, &who, count)).await;
    let read = read.unwrap_or_else(|error| Err(HistoryError::Disk(error.to_string())));
    show_history(&out, &what.who, read)
}

/// `history` at the prompt.
pub async fn history(node: &Node, out: &Out, what: &cli::History) -> Exit {
    show_history(out, &what.who, node.history(&what.who, what.count()).await)
}

fn show_history(out: &Out, who: &str, read: Result<History, HistoryError>) -> Exit {
    let history = match read {
        Ok(history) => history,
        Err(HistoryError::Who(error)) => {
            let why = match error {
                WhoError::Nobody => {
                    format!("nothing is known of `{}`", printable_cut(who, SHOWN))
                }
                other => nobody(who, &other),
            };
            failed(out, who, &why);
            return Exit::NotFound;
        }
        Err(HistoryError::Disk(why)) => {
            failed(out, who, &printable(&why));
            return Exit::Failed;
        }
    };
    if out.json() {
        out.results(json::history(&history));
    } else if history.said.is_empty() {
        out.note(&format!(
            "nothing was said with {} yet",
            person(&history.name)
        ));
    } else {
        let name = person(&history.name);
        out.results(history.said.iter().map(|said| {
            let who = if said.mine { "me" } else { &name };
            let text = printable_cut(&said.text, SHOWN);
            format!("{}  {who}: {text}", text::moment(said.time))
        }));
    }
    Exit::Done
}

/// A failure, for people and for programs.
fn failed(out: &Out, who: &str, why: &str) {
    if out.json() {
        out.object(&json::Event::Error {
            name: who,
            error: why,
        });
    } else {
        out.error(why);
    }
}

/// Somebody said something.
#[must_use]
pub fn heard(node: &NodeId, name: &str, text: &str, key_changed: bool) -> String {
    let text = printable_cut(text, SHOWN);
    if key_changed {
        format!(
            "{} ({}, NOT the key known for that name): {text}",
            person(name),
            node.short()
        )
    } else {
        format!("{}: {text}", person(name))
    }
}

/// Why a word means nobody to whom something could be sent.
#[must_use]
pub fn nobody(who: &str, error: &WhoError) -> String {
    let who = person(who);
    match error {
        WhoError::Nobody => {
            format!(
                "nobody called `{who}` is here; nothing was sent, and nothing is kept for later"
            )
        }
        WhoError::Ambiguous(ids) => {
            let ids: Vec<_> = ids.iter().take(8).map(NodeId::short).collect();
            format!(
                "`{who}` could be several; choose one by its id: {}",
                ids.join(", ")
            )
        }
        WhoError::NewKey { name, known, now } => format!(
            "{} is here with another key ({}) than before ({}): nothing was sent. Ask them by another way whether \
             that is right; --trust-new-key takes the new one",
            person(name),
            now.short(),
            known.short()
        ),
    }
}

/// Why something was not delivered.
#[must_use]
pub fn undelivered(name: &str, error: &MessageError) -> String {
    let name = person(name);
    match error {
        MessageError::Away => {
            format!("{name} is not here any more: not delivered, and nothing is kept for later")
        }
        MessageError::Unknown => format!("{name}: {error}"),
        other => format!("not delivered to {name}: {}", printable(&other.to_string())),
    }
}

/// A conversation begins.
#[must_use]
pub fn begun(with: &Partner) -> String {
    format!(
        "talking with {} ({}): what you type is sent to them, /quit ends it",
        person(&with.name),
        with.node.short()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId([7; 32]);

    #[test]
    fn what_a_stranger_wrote_is_escaped_and_cut() {
        let heard_of = heard(&NODE, "ali\u{1b}[2Jce", "a\r\n\u{202e}b", false);
        assert_eq!(heard_of, "ali\\u{1b}[2Jce: a\\r\\n\\u{202e}b");
        let long = heard(&NODE, &"n".repeat(10_000), &"\u{1b}".repeat(10_000), false);
        assert!(long.chars().count() < SHOWN + 100, "{}", long.len());
        let flagged = heard(&NODE, "alice", "hi", true);
        assert!(flagged.contains(&NODE.short()) && flagged.contains("NOT the key"));
    }

    #[test]
    fn failures_say_what_to_do() {
        assert!(nobody("al\u{7}ice", &WhoError::Nobody).contains("`al\\u{7}ice` is here"));
        let key = WhoError::NewKey {
            name: "alice".into(),
            known: NODE,
            now: NodeId([8; 32]),
        };
        assert!(nobody("alice", &key).contains("--trust-new-key"));
        assert!(nobody("x", &WhoError::Ambiguous(vec![NODE])).contains(&NODE.short()));
        assert!(undelivered("alice", &MessageError::TooLong(5000)).contains("at most 4096"));
    }
}
