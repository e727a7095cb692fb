//! The prompt: a node, and commands typed at a terminal or read from a pipe.

pub mod complete;
pub mod files;
pub mod help;
pub mod jobs;
pub mod parse;
mod pipe;
mod session;
mod terminal;

use super::{
    config::Setup,
    exit::Exit,
    leaving, local, notify,
    output::Out,
    running::{leave, start},
    signals::Signals,
};
use crate::node::{Accepting, Node, NodeEvent};
use session::Session;
use std::io::{self, IsTerminal as _};
use tokio::sync::broadcast::Receiver;

/// Runs the prompt until it is left.
pub async fn run(setup: &Setup, signals: &mut Signals) -> Exit {
    let out = Out::streams(setup.json);
    let mut setup = setup.clone();
    setup.settings.accepting = Accepting::Person;
    let setup = &setup;
    let node = match start(setup, true, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let events = node.events();
    if setup.notify {
        notify::follow(&node);
    }
    let face = match local::open(&node, setup, &out).await {
        Ok(face) => face,
        Err(exit) => {
            leave(&node).await;
            return exit;
        }
    };
    let exit = prompt(setup, node, events, out, signals).await;
    let told = face.as_ref().is_some_and(|face| face.was_left());
    local::close(face).await;
    // It was asked for, and no interruption.
    if told { Exit::Done } else { exit }
}

async fn prompt(
    setup: &Setup,
    node: Node,
    events: Receiver<NodeEvent>,
    out: Out,
    signals: &mut Signals,
) -> Exit {
    if io::stdin().is_terminal() {
        return terminal::run(setup, node, events, signals).await;
    }
    let coming = session::Coming::default();
    let watcher = session::watch(events, out.clone(), false, coming.clone());
    let watcher = tokio::spawn(watcher);
    let session = Session::new(node, out.clone(), setup, coming);
    let exit = pipe::run(&session, signals).await;
    watcher.abort();
    leaving::tell(&session.node, setup, &out).await;
    leave(&session.node).await;
    if !out.json() {
        out.note("left the swarm");
    }
    exit
}
