//! The node's end: runs what the shell beside it was told.

use super::{Given, Which};
use crate::{
    node::{Node, SendRequest, Settings},
    ui::{
        clean::Sure,
        cli::Shared,
        code::give::{self, Known},
        commands::{self, Patience},
        config::Setup,
        doctor,
        exit::Exit,
        face::Run,
        follow, later,
        output::Out,
        progress::Bar,
        send,
        signals::Signals,
    },
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// What runs commands with this node.
pub fn runner(node: Node) -> Run {
    let since = Instant::now();
    Arc::new(move |given, words, stop| {
        let node = node.clone();
        Box::pin(async move {
            let exit = match serde_json::from_value::<Given>(given) {
                Ok(given) => {
                    let (out, written) = Out::remote(given.json, given.width);
                    let telling = tell(written, words);
                    let running = run((node, since), given, out, Signals::remote(stop));
                    tokio::join!(running, telling).0
                }
                Err(error) => {
                    let why = format!("sprat: the node here is another version ({error})");
                    let _ = words.send(json!({ "err": why })).await;
                    Exit::Usage
                }
            };
            exit.code()
        })
    })
}

/// Passes on what is said, in order. Nobody who listens any more is no failure: the command is
/// stopped then.
async fn tell(mut written: mpsc::Receiver<Value>, words: mpsc::Sender<Value>) {
    while let Some(said) = written.recv().await {
        if words.send(said).await.is_err() {
            return;
        }
    }
}

async fn run((node, since): (Node, Instant), given: Given, out: Out, mut signals: Signals) -> Exit {
    let wait = Duration::from_millis(given.wait);
    let setup = Setup {
        settings: Settings::new(node.home()),
        wait,
        typed: Vec::new(),
        patience: Some(wait),
        timeout: given.timeout.map(Duration::from_millis),
        json: given.json,
        progress: given.progress,
        web: None,
        face: None,
        server_page: None,
    };
    let patience = Patience {
        swarm: wait,
        server: wait,
    };
    match given.command {
        Which::Shared(Shared::Download(what)) => {
            let request = commands::request(what, &setup);
            let bar = Bar::of(&out, given.progress);
            follow::download(&node, request, &out, &bar, &mut signals).await
        }
        Which::Shared(command) => tokio::select! {
            exit = commands::act(&node, &out, command, patience, Sure::Show) => exit,
            _ = signals.next() => Exit::Interrupted,
        },
        Which::Send(what) if what.later => tokio::select! {
            exit = later::keep(&node, &out, what.files, &what.to, what.trust_new_key, wait) => exit,
            _ = signals.next() => Exit::Interrupted,
        },
        Which::Doctor => tokio::select! {
            exit = doctor::examine(&node, &out, wait, since) => exit,
            _ = signals.next() => Exit::Interrupted,
        },
        Which::Code {
            files,
            code,
            words,
            group,
        } => {
            let known = match code.map(|code| code.parse()).transpose() {
                Ok(code) => code.map_or(Known::Ours(words), Known::Theirs),
                Err(error) => {
                    out.failure("", &format!("{error}"));
                    return Exit::Usage;
                }
            };
            if group {
                give::hand_to_group(&node, &setup, (&out, files), words, &mut signals).await
            } else {
                give::hand_over(&node, &setup, (&out, files), known, &mut signals).await
            }
        }
        Which::Send(what) => {
            let request = SendRequest {
                files: what.files,
                to: what.to,
                trust_new: what.trust_new_key,
                wait,
            };
            send::follow(&node, request, &out, given.progress, &mut signals).await
        }
    }
}
