//! `msg`, `chat` and `history`: what they do.

use super::{
    cli::{self, Msg},
    config::Setup,
    exit::Exit,
    json,
    output::Out,
    sentences::{alone as alone_because, talk as sentences},
    text::person,
};
use crate::{
    core::{id::NodeId, path::printable},
    node::{self, History, HistoryError, Node, Person, WhoError, nobody},
};
use std::time::Duration;

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
        Ok(Person { name, node }) => return Ok(Partner { node, name }),
        Err(error) => error,
    };
    let alone = error == WhoError::Nobody && node.peers().is_empty();
    let why = if alone {
        alone_because(node)
    } else {
        nobody(who, &error)
    };
    out.failure(who, &why);
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
            out.failure(&to.name, &sentences::undelivered(&to.name, &error));
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
                WhoError::Nobody => sentences::unknown(who),
                other => nobody(who, &other),
            };
            out.failure(who, &why);
            return Exit::NotFound;
        }
        Err(HistoryError::Disk(why)) => {
            out.failure(who, &printable(&why));
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
        out.results(history.said.iter().map(|said| sentences::said(&name, said)));
    }
    Exit::Done
}
