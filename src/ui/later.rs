//! Sending to somebody who is not here: `send --later`, kept by a node with a prompt, or waited for
//! at the shell.
//!
//! The name is settled first: from then on one key is meant, and nobody else of that name.

use super::{
    config::Setup,
    exit::Exit,
    json,
    output::Out,
    running::leave,
    send::{Course, FOR_EVER, follow_job},
    sentences,
    signals::Signals,
    streams::Input,
    text,
};
use crate::{
    core::{id::NodeId, path::printable},
    node::{LaterError, Node, WhoError, nobody},
};
use std::{path::PathBuf, time::Duration};

/// The key that a word means: of somebody who is here, or was.
async fn key_of(
    node: &Node,
    who: &str,
    trust: bool,
    wait: Duration,
) -> Result<Option<NodeId>, WhoError> {
    match node.await_person(who, trust, wait).await {
        Ok(person) => Ok(Some(person.node)),
        Err(WhoError::Nobody) => Ok(node.known_key(who)),
        // Of those who are here it is none: the one who was known may come.
        Err(WhoError::NewKey { known, .. }) => Ok(Some(known)),
        Err(error) => Err(error),
    }
}

fn unclear(out: &Out, who: &str, error: &WhoError) -> Exit {
    out.failure("", &nobody(who, error));
    Exit::from(error)
}

/// At the prompt: keeps it, and says so.
pub async fn keep(
    node: &Node,
    out: &Out,
    files: Vec<PathBuf>,
    to: &[String],
    trust: bool,
    wait: Duration,
) -> Exit {
    let mut exits = Vec::new();
    let absolute = files.iter().map(std::path::absolute);
    let files: Vec<PathBuf> = match absolute.collect() {
        Ok(files) => files,
        Err(error) => {
            out.failure("", &error.to_string());
            return Exit::Failed;
        }
    };
    for who in to {
        exits.push(match key_of(node, who, trust, wait).await {
            Ok(Some(key)) => {
                let called = node.name_of(key);
                let name = called.map_or_else(|| who.clone(), |(name, _)| name);
                match node.send_later(key, name, files.clone()).await {
                    Ok(number) => {
                        kept(node, out, number);
                        continue;
                    }
                    Err(error) => {
                        out.failure("", &error.to_string());
                        match error {
                            LaterError::TooMany | LaterError::TooManyPaths => Exit::Usage,
                            _ => Exit::Failed,
                        }
                    }
                }
            }
            Ok(None) => {
                let who = printable(who);
                out.failure("", &format!("nobody called {who} was ever here: give the id that `peers` shows them by, or `add` them first"),
                );
                Exit::NotFound
            }
            Err(error) => unclear(out, who, &error),
        });
    }
    Exit::of(to.len() - exits.len(), &exits)
}

fn kept(node: &Node, out: &Out, number: u32) {
    let info = node.laters().into_iter().find(|info| info.number == number);
    // It may have been taken already.
    let Some(info) = info else { return };
    if out.json() {
        out.object(&json::told("later", &info));
    } else {
        out.result(&sentences::asks::later(&info));
    }
}

/// `cancel later N`.
pub async fn forget(node: &Node, out: &Out, number: u32) -> Exit {
    if node.forget_later(number).await {
        return Exit::Done;
    }
    out.failure(
        "",
        &format!("no send {number} waits: `asks` shows those that do"),
    );
    Exit::NotFound
}

/// At the shell: waits.
pub async fn send(
    setup: &Setup,
    input: Input,
    to: &[String],
    trust: bool,
    signals: &mut Signals,
) -> Exit {
    let out = Out::streams(setup.json);
    if let Err(exit) = input.all_there(&out) {
        return exit;
    }
    let [who] = to else {
        out.error("--later waits for one person at a time: a prompt keeps several");
        return Exit::Usage;
    };
    let (node, files, _held) = match input.start(setup, &out, signals).await {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let found = async {
        let known = key_of(&node, who, trust, setup.wait).await?;
        if let Some(key) = known {
            return Ok(key);
        }
        // The first to come by that name is meant.
        let found = node.await_person(who, trust, FOR_EVER).await;
        found.map(|person| person.node)
    };
    if !out.json() {
        let files = text::count(files.len() as u64, "path");
        let who = printable(who);
        out.note(&format!(
            "keeping {files} for {who}, for as long as this runs; Ctrl-C ends it"
        ));
    }
    let found = tokio::select! {
        found = found => Some(found),
        _ = signals.next() => None,
    };
    let exit = match found {
        Some(Ok(key)) => {
            let mut course = Course::new(&files);
            let job = node.send_when_here(key, files);
            follow_job(&node, &mut course, job, &out, setup.progress, signals).await
        }
        Some(Err(error)) => unclear(&out, who, &error),
        None => Exit::Interrupted,
    };
    leave(&node).await;
    exit
}
