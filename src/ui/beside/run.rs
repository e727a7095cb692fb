//! The node's end: runs what the shell beside it was told.

use super::{Given, Which};
use crate::{
    node::{Node, SendRequest, Settings},
    ui::{
        bug_report,
        clean::Sure,
        cli::{Download, Shared},
        code::give,
        commands::{self, Patience},
        config::Setup,
        doctor,
        exit::Exit,
        face::Run,
        far::Written,
        later,
        output::Out,
        progress::Bar,
        receive, send,
        signals::Signals,
        streams::{self, Input},
    },
};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

/// What runs commands with this node.
pub fn runner(node: Node) -> Run {
    let since = Instant::now();
    Arc::new(move |given, pipes, stop| {
        let node = node.clone();
        Box::pin(async move {
            let exit = match serde_json::from_value::<Given>(given) {
                Ok(given) => {
                    let shell = pipes.0.clone();
                    let (out, written) = Out::remote(given.json, given.ends, pipes);
                    let signals = Signals::remote(stop.clone());
                    let running = run((node, since), given, out, signals);
                    Box::pin(heard(running, written, (shell, stop))).await
                }
                Err(error) => {
                    let why = format!("sprat: the node here is another version ({error})");
                    let _ = pipes.0.send(json!({ "err": why })).await;
                    Exit::Usage
                }
            };
            exit.code()
        })
    })
}

/// Passes on what a command says, until it ends. It ends, too, and says why, when it has more to
/// say than there is room for: nobody is to take a part for all of it.
async fn heard(
    command: impl Future<Output = Exit>,
    written: Written,
    (shell, stop): (mpsc::Sender<Value>, CancellationToken),
) -> Exit {
    let full = written.full();
    let stopping = async {
        full.cancelled().await;
        stop.cancel();
        std::future::pending().await
    };
    let running = async {
        tokio::select! {
            exit = command => exit,
            exit = stopping => exit,
        }
    };
    let (exit, ()) = tokio::join!(running, written.pass_on());
    if !full.is_cancelled() {
        return exit;
    }
    let why = "sprat: what the command said was not read for so long that some of it is lost: it was stopped";
    let _ = shell.send(json!({ "err": why })).await;
    Exit::Failed
}

async fn run((node, since): (Node, Instant), given: Given, out: Out, mut signals: Signals) -> Exit {
    let wait = Duration::from_millis(given.wait);
    let mut settings = Settings::new(node.home());
    if given.patient {
        settings.code_wait = wait;
    }
    let setup = Setup {
        settings,
        wait,
        typed: Vec::new(),
        broken: None,
        patience: given.patient.then_some(wait),
        timeout: given.timeout.map(Duration::from_millis),
        reuse: given.reuse,
        json: given.json,
        progress: given.progress,
        notify: false,
        web: None,
        face: None,
        server_page: None,
        localsend: None,
    };
    match given.command {
        Which::Shared(Shared::Download(what)) => {
            download(&node, what, out, (&setup, &mut signals)).await
        }
        Which::Shared(command) => {
            let patience = Patience {
                swarm: wait,
                hopes: given.patient,
                server: wait,
            };
            tokio::select! {
                exit = commands::act(&node, &out, command, patience, Sure::Ask) => exit,
                _ = signals.next() => Exit::Interrupted,
            }
        }
        Which::Send { what, called, code } => {
            let (to, later, trust) = (what.to, what.later, what.trust_new_key);
            let input = match Input::of(what.files, called) {
                Ok(input) => input,
                Err(why) => {
                    out.failure("", &why);
                    return Exit::Usage;
                }
            };
            let (files, _held) = match input.into_paths(&node, &out, &mut signals).await {
                Ok(input) => input,
                Err(exit) => return exit,
            };
            if later {
                return tokio::select! {
                    exit = later::keep(&node, &out, files, &to, trust, wait) => exit,
                    _ = signals.next() => Exit::Interrupted,
                };
            }
            if let Some(by) = code {
                return hand_over(&node, by, (&out, files), (&setup, &mut signals)).await;
            }
            let request = SendRequest {
                files,
                to,
                trust_new: trust,
                wait,
                pin: what.pin,
            };
            send::send_by(&node, request, &out, given.progress, &mut signals).await
        }
        Which::Receive(what) => {
            let out = streams::out(&what.output, out);
            receive::take_by(&node, &setup, &out, what, &mut signals).await
        }
        Which::BugReport(file) => tokio::select! {
            exit = bug_report::make(&node, &out, file.as_deref(), (wait, since)) => exit,
            _ = signals.next() => Exit::Interrupted,
        },
        Which::Doctor => tokio::select! {
            exit = doctor::examine(&node, &out, wait, since) => exit,
            _ = signals.next() => Exit::Interrupted,
        },
    }
}

async fn download(
    node: &Node,
    mut what: Download,
    out: Out,
    (setup, signals): (&Setup, &mut Signals),
) -> Exit {
    let output = std::mem::take(&mut what.output);
    let out = streams::out(&output, out);
    let bar = Bar::of(&out, setup.progress);
    commands::fetch(node, (what, output), (setup, &out, &bar), signals).await
}

async fn hand_over(
    node: &Node,
    by: give::Which,
    (out, files): (&Out, Vec<PathBuf>),
    (setup, signals): (&Setup, &mut Signals),
) -> Exit {
    match by.parsed() {
        Ok(known) => give::hand_over(node, setup, (out, files), known, signals).await,
        Err(error) => {
            out.failure("", &error.to_string());
            Exit::Usage
        }
    }
}

#[cfg(test)]
mod tests;
