//! `link`, `links`, `unlink`: files for people with only a browser.

use super::{
    cli::LinkWhat,
    config::Setup,
    exit::Exit,
    json, local,
    output::Out,
    qr,
    running::{leave, start},
    sentences::links as sentences,
    signals::Signals,
};
use crate::{
    core::path::printable,
    node::{AskInfo, Landing, LinkError, LinkRequest, Node, NodeEvent},
};
use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::broadcast::error::RecvError, time::interval};

/// Between two looks whether the link is still there.
const LOOK: Duration = Duration::from_millis(500);

/// Makes a link with a node that stays.
pub async fn link(node: &Node, out: &Out, what: LinkWhat) -> Exit {
    let request = LinkRequest {
        paths: what.paths,
        names: what.what,
        upload: what.upload,
        expires: what.expires,
        uses: what.uses,
        pin: what.pin,
        web_seed: what.web_seed,
        tls: what.tls,
        localsend: what.for_localsend,
    };
    let (info, left) = match node.add_link(request).await {
        Ok(made) => made,
        Err(error) => return failed(out, &error),
    };
    if out.json() {
        out.object(&json::told("link", &info));
        return Exit::Done;
    }
    if !left.is_empty() {
        out.note(&super::sentences::asks::left_out(&left));
    }
    out.result(&sentences::made(&info));
    qr::show(out, &info.address);
    Exit::Done
}

fn failed(out: &Out, error: &LinkError) -> Exit {
    out.failure("", &error.to_string());
    Exit::from(error)
}

/// Prints the links that there are.
pub fn show(node: &Node, out: &Out) -> Exit {
    let links = node.links();
    if out.json() {
        out.objects(links.iter());
    } else if links.is_empty() {
        out.note("there are no links; `link FILE` makes one");
    } else {
        out.results(links.iter().map(sentences::line));
    }
    Exit::Done
}

/// Takes one back.
pub fn unlink(node: &Node, out: &Out, number: u32) -> Exit {
    match node.remove_link(number) {
        Ok(()) => {
            if !out.json() {
                out.note(&format!("link {number} is taken back"));
            }
            Exit::Done
        }
        Err(error) => failed(out, &error),
    }
}

/// `sprat link` where no node runs: in the foreground, until a signal or the end of the link.
pub async fn run(setup: &Setup, what: LinkWhat, signals: &mut Signals) -> Exit {
    let out = Out::streams(setup.json);
    let mut setup = setup.clone();
    what.settle(&mut setup.settings);
    let node = match start(&setup, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let mut events = node.events();
    let face = match local::open(&node, &setup, &out).await {
        Ok(face) => face,
        Err(exit) => {
            leave(&node).await;
            return exit;
        }
    };
    let served = async {
        let exit = link(&node, &out, what).await;
        if exit != Exit::Done {
            return exit;
        }
        if !out.json() {
            out.note("it is good until Ctrl-C");
        }
        let (mut looks, mut gone) = (interval(LOOK), false);
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                _ = looks.tick() => {
                    // Who took it back hears that by this node's socket, before that is closed.
                    let was_gone = std::mem::replace(&mut gone, node.links().is_empty());
                    if !was_gone {
                        continue;
                    }
                    if !out.json() {
                        out.note("the link has ended");
                    }
                    return Exit::Done;
                }
            };
            match event {
                Ok(NodeEvent::Ask(ask)) => answer(&node, &out, &ask).await,
                Ok(event @ (NodeEvent::Received(_) | NodeEvent::AskGone { .. })) => {
                    if out.json() {
                        out.object(&event);
                    } else if let Some(text) = super::sentences::event(&event) {
                        out.result(&text);
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Exit::Failed,
            }
        }
    };
    let exit = tokio::select! {
        exit = served => exit,
        // How it ends well.
        _ = signals.next() => Exit::Done,
    };
    local::close(face).await;
    leave(&node).await;
    exit
}

/// Asks the person before the terminal; without one, nothing is taken.
async fn answer(node: &Node, out: &Out, ask: &Arc<AskInfo>) {
    if out.json() {
        out.object(&json::told("ask", &**ask));
    } else {
        out.note(&super::sentences::asks::offered(ask));
    }
    let terminal = io::stdin().is_terminal() && !out.json();
    let yes = terminal && tokio::task::spawn_blocking(agrees).await.unwrap_or(false);
    let answered = if yes {
        node.accept(ask.number, Landing::default()).await
    } else {
        node.refuse(ask.number)
    };
    if let Err(error) = answered {
        out.failure("", &printable(&error.to_string()));
    } else if !terminal {
        out.note("declined: nobody is here to say yes");
    }
}

fn agrees() -> bool {
    let _ = write!(io::stderr(), "take it? [y/N] ").and_then(|()| io::stderr().flush());
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
