//! `sprat serve`: a node without a prompt, until it is told to stop.
//!
//! Standard output tells what happens, a line each; a reader that goes away does not stop the node.

use super::{
    cli,
    config::{self, Setup},
    exit::Exit,
    json, leaving, local,
    news::News,
    notify,
    output::Out,
    progress::ScanBar,
    running::{leave, start},
    sentences,
    signals::{Asked, Signals},
    supervised::Supervised,
};
use crate::{
    core::path::printable,
    node::{Accepting, Node, NodeEvent},
};
use std::ffi::OsString;
use tokio::sync::broadcast::error::RecvError;

/// Runs the node. Being told to stop is how it ends well.
pub async fn serve(setup: &Setup, accept: &[String], signals: &mut Signals) -> Exit {
    let mut setup = setup.clone();
    setup.settings.accepting = match accept {
        // The person at the page answers.
        [] if setup.web.is_some() => Accepting::Person,
        [] => Accepting::Nobody,
        names if names.iter().any(|name| name.eq_ignore_ascii_case("all")) => Accepting::All,
        names => Accepting::Some(names.to_vec()),
    };
    let setup = &setup;
    let out = Out::streams(setup.json);
    let node = match start(setup, true, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let mut news = News::new(node.events(), setup.json);
    if setup.notify {
        notify::follow(&node);
    }
    if let Some(status) = node.status().await {
        if out.json() {
            out.object(&json::Event::ready(&status));
        } else {
            out.result(&sentences::ready(&status));
        }
    }
    let face = match local::open(&node, setup, &out).await {
        Ok(face) => face,
        Err(exit) => {
            leave(&node).await;
            return exit;
        }
    };
    let mut scan = ScanBar::new(setup.progress);
    let supervised = Supervised::begin(&node);
    signals.reload_on_hangup();
    let exit = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Reload => {
                    supervised.reloading(false);
                    reload(&node, &out).await;
                    supervised.reloading(true);
                }
                Asked::Interrupt | Asked::Terminate => break Exit::Done,
            },
            event = news.next() => match event {
                Ok(event) => {
                    match event {
                        NodeEvent::Scanning { done, total } => scan.update(done, total),
                        NodeEvent::Scanned { .. } => scan.clear(),
                        _ => {}
                    }
                    scan.suspend(|| tell(&out, &event));
                }
                Err(RecvError::Lagged(missed)) => tracing::info!(missed, "too many events to tell them all"),
                Err(RecvError::Closed) => {
                    out.error("the node stopped by itself; the log may say why (SPRAT_LOG=debug)");
                    break Exit::Failed;
                }
            },
        }
    };
    supervised.end();
    scan.clear();
    local::close(face).await;
    leaving::tell(&node, setup, &out).await;
    leave(&node).await;
    if !out.json() {
        out.note("left the swarm");
    }
    exit
}

/// Reads the options again. What is wrong with them is told, and changes nothing.
async fn reload(node: &Node, out: &Out) {
    let words: Vec<OsString> = std::env::args_os().collect();
    let read = cli::read_again(&words, node.home()).and_then(|cli| {
        let setup = config::settle(cli.options, std::env::var_os("SPRAT_PASSPHRASE"));
        setup.map_err(|error| error.to_string())
    });
    match read {
        Ok(setup) => {
            node.take_over(&setup.settings).await;
            if !out.json() {
                out.note("read the options again: name, limits and quota are as they say now");
            }
        }
        Err(why) => out.error(&printable(&why)),
    }
}

fn tell(out: &Out, event: &NodeEvent) {
    if out.json() {
        out.object(event);
    } else if let Some(text) = sentences::event(event) {
        out.result(&text);
    }
}
