//! The commands that run once: start a node that only looks or fetches, do the one thing, leave.

use super::{
    config::Setup,
    exit::Exit,
    follow, json,
    output::Out,
    sentences,
    signals::{Signals, second_quits},
    table,
};
use crate::{
    core::path::printable,
    node::{DownloadRequest, Node},
};
use std::path::PathBuf;

/// Starts a node, or says why it does not start.
///
/// # Errors
/// The exit code.
pub async fn start(setup: &Setup, share: bool, out: &Out) -> Result<Node, Exit> {
    let mut settings = setup.settings.clone();
    settings.share = share;
    Node::start(settings).await.map_err(|error| {
        out.error(&printable(&error.to_string()));
        Exit::from(&error)
    })
}

/// Runs a command with a node that only looks; a signal ends it.
pub async fn once(
    setup: &Setup,
    signals: &mut Signals,
    command: impl AsyncFnOnce(&Node, &Out) -> Exit,
) -> Exit {
    let out = Out::streams(setup.json);
    let node = match start(setup, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let exit = tokio::select! {
        exit = command(&node, &out) => exit,
        _ = signals.next() => Exit::Interrupted,
    };
    leave(&node).await;
    exit
}

/// `sprat list`.
pub async fn list(setup: &Setup, pattern: Option<String>, signals: &mut Signals) -> Exit {
    once(setup, signals, async |node, out| {
        node.settled(setup.wait).await;
        show_list(node, out, pattern).await
    })
    .await
}

/// `sprat peers`.
pub async fn peers(setup: &Setup, signals: &mut Signals) -> Exit {
    once(setup, signals, async |node, out| {
        node.settled(setup.wait).await;
        show_peers(node, out).await
    })
    .await
}

/// `sprat download`.
pub async fn download(
    setup: &Setup,
    what: Vec<String>,
    into: Option<PathBuf>,
    signals: &mut Signals,
) -> Exit {
    let out = Out::streams(setup.json);
    let node = match start(setup, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let request = DownloadRequest {
        what,
        into,
        wait: setup.wait,
        timeout: setup.timeout,
    };
    let exit = follow::download(&node, request, &out, setup.progress, signals).await;
    leave(&node).await;
    exit
}

/// Goodbye; a signal meanwhile ends it at once.
pub async fn leave(node: &Node) {
    second_quits();
    node.leave().await;
}

/// Prints what the swarm offers.
pub async fn show_list(node: &Node, out: &Out, pattern: Option<String>) -> Exit {
    let rows = node.list(pattern.clone()).await;
    if !rows.is_empty() {
        if out.json() {
            out.results(rows.iter().map(json::listing));
        } else {
            out.result(&table::listings(&rows, out.width()));
        }
        return Exit::Done;
    }
    if node.peers().await.is_empty() {
        out.error(sentences::NOBODY);
        Exit::NotFound
    } else if let Some(pattern) = pattern {
        out.error(&format!("nothing here matches `{}`", printable(&pattern)));
        Exit::NotFound
    } else {
        out.note("nobody here offers anything yet");
        Exit::Done
    }
}

/// Prints who is here.
pub async fn show_peers(node: &Node, out: &Out) -> Exit {
    let rows = node.peers().await;
    if rows.is_empty() {
        out.error(sentences::NOBODY);
        return Exit::NotFound;
    }
    if out.json() {
        out.results(rows.iter().map(json::peer));
    } else {
        out.result(&table::peers(&rows, out.width()));
    }
    Exit::Done
}
