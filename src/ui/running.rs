//! A node for as long as one command needs it: started, used, left.

use super::{
    config::Setup,
    exit::Exit,
    output::Out,
    sentences,
    signals::{Signals, second_quits},
};
use crate::{
    core::path::printable,
    node::{Node, NodeEvent},
};
use tokio::sync::broadcast::error::RecvError;

/// Starts a node, or says why it does not start.
///
/// # Errors
/// The exit code.
pub async fn start(setup: &Setup, share: bool, out: &Out) -> Result<Node, Exit> {
    let mut settings = setup.settings.clone();
    settings.share = share;
    let node = Node::start(settings).await.map_err(|error| {
        out.error(&printable(&error.to_string()));
        Exit::from(&error)
    })?;
    if let Some(open) = setup.localsend {
        open(node.clone()).await;
    }
    Ok(node)
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
        exit = warn(&node, &out) => exit,
        _ = signals.next() => Exit::Interrupted,
    };
    leave(&node).await;
    exit
}

/// Tells what a person must know who only looks: that this home is a copy.
async fn warn(node: &Node, out: &Out) -> Exit {
    let mut events = node.events();
    loop {
        match events.recv().await {
            Ok(event @ NodeEvent::SameKey { .. }) => {
                out.note(&sentences::event(&event).unwrap_or_default());
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Goodbye; a signal meanwhile ends it at once.
pub async fn leave(node: &Node) {
    second_quits();
    node.leave().await;
}
