//! What the commands do that the shell and the prompt have in common.

use super::{
    clean::{Sure, clean},
    cli::{Download, ListWhat, Output, Shared, Waiting},
    config::Setup,
    directory,
    exit::Exit,
    follow,
    jobs::{self, Act},
    json, later, link,
    output::Out,
    progress::Bar,
    running::{leave, once, start},
    sentences, share,
    signals::Signals,
    streams, table, talk,
};
use crate::{
    core::path::printable,
    node::{DownloadRequest, Gaps, LooksFor, Node, Shape},
};
use std::time::Duration;

/// How long is waited for an answer.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// By the nodes nearby.
    pub swarm: Duration,
    /// Whether somebody may still come, though nobody is known of.
    pub hopes: bool,
    /// By a rendezvous server.
    pub server: Duration,
}

/// At the shell: with a node that only looks or fetches, and leaves.
pub async fn run(setup: &Setup, command: Shared, signals: &mut Signals) -> Exit {
    match command {
        Shared::Download(what) => download(setup, what, signals).await,
        // Needs no node, and works beside one that runs.
        Shared::History(what) => talk::history_at(setup, what).await,
        Shared::Share(what) => share::share_at(setup, what).await,
        Shared::Unshare(what) => share::unshare_at(setup, what).await,
        Shared::Jobs | Shared::Pause { .. } | Shared::Resume { .. } | Shared::Cancel { .. } => {
            Out::streams(setup.json).error("no node runs in this home: there are no jobs");
            Exit::NotFound
        }
        Shared::Link(mut what) => match what.find(|word| word.into()) {
            Ok(()) => link::run(setup, what, signals).await,
            Err(error) => {
                Out::streams(setup.json).error(&error.to_string());
                Exit::Failed
            }
        },
        Shared::Links | Shared::Unlink { .. } => {
            Out::streams(setup.json).error("no node runs in this home: there are no links");
            Exit::NotFound
        }
        command => {
            let patience = Patience {
                swarm: setup.wait,
                hopes: true,
                server: setup.wait,
            };
            let mut setup = setup.clone();
            if let Shared::List(what) = &command {
                setup.settings.looks_for = what.pattern.clone().map(LooksFor::List);
            }
            once(&setup, signals, async |node, out| {
                act(node, out, command, patience, Sure::Ask).await
            })
            .await
        }
    }
}

/// With a node that runs. `unsure` is what `clean` does that was not told to remove anything.
///
/// Downloads are not for it: who waits for one, and where it is told, differs too much.
pub async fn act(
    node: &Node,
    out: &Out,
    command: Shared,
    patience: Patience,
    unsure: Sure,
) -> Exit {
    let Patience { swarm, server, .. } = patience;
    match command {
        Shared::List(what) => {
            let gaps = await_offers(node, patience).await;
            show_list(node, out, what, &gaps).await
        }
        Shared::Peers { scan } => {
            await_offers(node, patience).await;
            node.await_neighbours().await;
            if scan && node.ask_all_near().await.is_none() {
                out.failure("", "only a node with --localsend can ask for LocalSend");
                return Exit::Usage;
            }
            show_peers(node, out)
        }
        Shared::Msg(msg) => talk::send(node, out, swarm, &msg).await,
        Shared::History(what) => talk::history(node, out, &what).await,
        Shared::Signup { called, release } => {
            directory::sign_up(node, out, server, &called, release).await
        }
        Shared::People { part } => directory::people(node, out, server, part.as_deref()).await,
        Shared::Add {
            called,
            trust_new_key,
        } => directory::add(node, out, server, &called, trust_new_key).await,
        Shared::Clean { yes } => clean(node, out, if yes { Sure::Yes } else { unsure }).await,
        Shared::Share(what) => share::share(node, out, what).await,
        Shared::Unshare(what) => share::unshare(node, out, what).await,
        Shared::Status => show_status(node, out).await,
        Shared::Link(what) => link::link(node, out, what).await,
        Shared::Links => link::show(node, out),
        Shared::Unlink { link } => link::unlink(node, out, link),
        Shared::Jobs => jobs::show(node, out),
        Shared::Pause { job } => jobs::act(node, out, Act::Pause, job),
        Shared::Resume { job } => jobs::act(node, out, Act::Resume, job),
        Shared::Cancel {
            waiting: Some(Waiting::Later { number }),
            ..
        } => later::forget(node, out, number).await,
        Shared::Cancel { job, .. } => jobs::act(node, out, Act::Cancel, job),
        Shared::Download(_) => Exit::Usage,
    }
}

/// What a node is asked to download.
#[must_use]
pub fn request(download: Download, setup: &Setup) -> DownloadRequest {
    let Download {
        what,
        output,
        whose,
    } = download;
    DownloadRequest {
        what,
        into: output.path,
        shape: Shape::Path,
        overwrite: output.overwrite,
        from: whose.from,
        all_versions: whose.all_versions,
        reuse: setup.reuse.clone(),
        wait: setup.wait,
        timeout: setup.timeout,
    }
}

/// The setup of a node that fetches what these words mean, and leaves.
#[must_use]
pub fn fetching(setup: &Setup, words: &[String]) -> Setup {
    let mut setup = setup.clone();
    setup.settings.looks_for = Some(LooksFor::Download(words.to_vec()));
    setup
}

async fn download(setup: &Setup, mut what: Download, signals: &mut Signals) -> Exit {
    let output = std::mem::take(&mut what.output);
    let out = streams::out(&output, Out::streams(setup.json));
    let starting = &fetching(setup, &what.what);
    let node = match start(starting, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let bar = Bar::new(setup.progress);
    let exit = tokio::select! {
        exit = fetch(&node, (what, output), (setup, &out, &bar), signals) => exit,
        exit = follow::notices(&node, &out, &bar) => exit,
    };
    leave(&node).await;
    exit
}

/// Downloads to where the command line wants it.
pub async fn fetch(
    node: &Node,
    (what, output): (Download, Output),
    (setup, out, bar): (&Setup, &Out, &Bar),
    signals: &mut Signals,
) -> Exit {
    let (landing, _held) = match streams::landing(output, node, out).await {
        Ok(landing) => landing,
        Err(exit) => return exit,
    };
    for path in &setup.reuse {
        // On a disk that is not there today it is no reason to fail.
        if let Err(error) = std::fs::metadata(path) {
            let why = format!(
                "--reuse {}: nothing can be found there: {error}",
                path.display()
            );
            out.note(&printable(&why));
        }
    }
    let request = DownloadRequest {
        into: landing.into,
        shape: landing.shape,
        overwrite: landing.overwrite,
        ..request(what, setup)
    };
    follow::download(node, request, out, bar, signals).await
}

/// What the others do not tell of what they offer.
async fn await_offers(node: &Node, patience: Patience) -> Gaps {
    if patience.hopes {
        node.await_offers(patience.swarm).await
    } else {
        node.await_offers_if_any(patience.swarm).await
    }
}

/// Prints what the swarm offers, and what of it is not known.
async fn show_list(node: &Node, out: &Out, what: ListWhat, gaps: &Gaps) -> Exit {
    let mut rows = node.list(what.pattern.clone()).await;
    let all = rows.len();
    rows.retain(|row| what.versions || !row.older);
    if out.json() {
        out.objects(rows.iter());
        if !gaps.is_empty() {
            out.object(&json::told("incomplete", gaps));
        }
    } else if !rows.is_empty() {
        let long = what.long || what.versions;
        out.result(&table::listings(&rows, long, out.width()));
        match all - rows.len() {
            0 => {}
            older => out.note(&sentences::older(older)),
        }
    }
    if !gaps.is_empty() && !out.json() {
        out.note(&sentences::gaps::incomplete(gaps));
    }
    let exit = if !rows.is_empty() {
        Exit::Done
    } else if node.peers().is_empty() {
        out.error(&sentences::alone(node));
        Exit::NotFound
    } else if let Some(pattern) = what.pattern {
        out.error(&format!("nothing here matches `{}`", printable(&pattern)));
        Exit::NotFound
    } else {
        if gaps.is_empty() {
            out.note("nobody here offers anything yet");
        }
        Exit::Done
    };
    if gaps.is_empty() {
        exit
    } else {
        exit.incomplete()
    }
}

/// Prints how the node does, and what runs.
async fn show_status(node: &Node, out: &Out) -> Exit {
    let Some(status) = node.status().await else {
        return Exit::Failed;
    };
    if out.json() {
        out.object(&json::Event::Status {
            status: &status,
            later: &node.laters(),
        });
    } else {
        let mut lines = vec![sentences::status(&status)];
        lines.extend(jobs::running(node));
        lines.extend(node.laters().iter().map(sentences::asks::later));
        out.result(&lines.join("\n"));
    }
    Exit::Done
}

/// Prints who is here.
fn show_peers(node: &Node, out: &Out) -> Exit {
    let rows = node.peers();
    if rows.is_empty() {
        out.error(&sentences::alone(node));
        return Exit::NotFound;
    }
    if out.json() {
        out.objects(rows.iter());
    } else {
        out.result(&table::peers(&rows, out.width()));
    }
    Exit::Done
}
