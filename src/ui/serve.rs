//! `sprat serve`: a node without a prompt, until it is told to stop.
//!
//! Standard output tells what happens, a line each; a reader that goes away does not stop the node.

use super::{
    config::Setup,
    exit::Exit,
    json, leaving, local,
    news::News,
    output::Out,
    progress::ScanBar,
    running::{leave, start},
    sentences,
    signals::Signals,
};
use crate::node::{Accepting, NodeEvent};
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
    let exit = loop {
        tokio::select! {
            _ = signals.next() => break Exit::Done,
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
    scan.clear();
    local::close(face).await;
    leaving::tell(&node, setup, &out).await;
    leave(&node).await;
    if !out.json() {
        out.note("left the swarm");
    }
    exit
}

fn tell(out: &Out, event: &NodeEvent) {
    if out.json() {
        out.object(event);
    } else if let Some(text) = sentences::event(event) {
        out.result(&text);
    }
}
