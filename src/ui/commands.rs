//! The commands that run once: start a node that only looks or fetches, do the one thing, leave.

use super::{
    config::Setup,
    exit::Exit,
    follow, gaps, json,
    output::Out,
    progress::Bar,
    sentences,
    signals::{Signals, second_quits},
    streams::Output,
    table,
};
use crate::{
    core::path::printable,
    node::{DownloadRequest, Gaps, Node, NodeEvent},
};
use tokio::sync::broadcast::error::RecvError;

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
        exit = warn(&node, &out) => exit,
        _ = signals.next() => Exit::Interrupted,
    };
    leave(&node).await;
    exit
}

/// What `list` is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct ListWhat {
    /// A glob, or a part of the name
    pub pattern: Option<String>,

    /// Show whose it is and when it was changed
    #[arg(short, long)]
    pub long: bool,

    /// Show older versions, too: what others still have of a file that its owner has changed
    #[arg(long)]
    pub versions: bool,
}

/// Whose file a name means, where several people share one by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Whose {
    /// Fetch what this person offers by these names
    #[arg(long, value_name = "NAME", conflicts_with = "all_versions")]
    pub from: Option<String>,

    /// Where several people share different files by one name, fetch all, as `name (PERSON).ext`
    #[arg(long)]
    pub all_versions: bool,
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

/// `sprat list`.
pub async fn list(setup: &Setup, what: ListWhat, signals: &mut Signals) -> Exit {
    once(setup, signals, async |node, out| {
        let gaps = node.look(setup.wait).await;
        show_list(node, out, what, &gaps).await
    })
    .await
}

/// `sprat peers`.
pub async fn peers(setup: &Setup, signals: &mut Signals) -> Exit {
    once(setup, signals, async |node, out| {
        node.look(setup.wait).await;
        show_peers(node, out).await
    })
    .await
}

/// `sprat download`.
pub async fn download(
    setup: &Setup,
    what: Vec<String>,
    output: Output,
    whose: Whose,
    signals: &mut Signals,
) -> Exit {
    let out = output.out(setup.json);
    let node = match start(setup, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let (landing, _held) = match output.landing(&node, &out).await {
        Ok(landing) => landing,
        Err(exit) => {
            leave(&node).await;
            return exit;
        }
    };
    let request = DownloadRequest {
        what,
        into: landing.into,
        shape: landing.shape,
        overwrite: landing.overwrite,
        from: whose.from,
        all_versions: whose.all_versions,
        wait: setup.wait,
        timeout: setup.timeout,
    };
    let bar = Bar::new(setup.progress);
    let exit = tokio::select! {
        exit = follow::download(&node, request, &out, &bar, signals) => exit,
        exit = follow::notices(&node, &out, &bar) => exit,
    };
    leave(&node).await;
    exit
}

/// Goodbye; a signal meanwhile ends it at once.
pub async fn leave(node: &Node) {
    second_quits();
    node.leave().await;
}

/// Prints what the swarm offers, and what of it is not known.
pub async fn show_list(node: &Node, out: &Out, what: ListWhat, gaps: &Gaps) -> Exit {
    let mut rows = node.list(what.pattern.clone()).await;
    let all = rows.len();
    rows.retain(|row| what.versions || !row.older);
    if out.json() {
        out.results(rows.iter().map(json::listing));
        if !gaps.is_empty() {
            out.result(&json::gaps::incomplete(gaps));
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
        out.note(&gaps::incomplete(gaps));
    }
    let exit = if !rows.is_empty() {
        Exit::Done
    } else if node.peers().await.is_empty() {
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
    // Without anybody here, that is what there is to say.
    let known = gaps.is_empty() || (exit == Exit::NotFound && !gaps.from_here());
    if known { exit } else { exit.incomplete() }
}

/// Prints who is here.
pub async fn show_peers(node: &Node, out: &Out) -> Exit {
    let rows = node.peers().await;
    if rows.is_empty() {
        out.error(&sentences::alone(node));
        return Exit::NotFound;
    }
    if out.json() {
        out.results(rows.iter().map(json::peer));
    } else {
        out.result(&table::peers(&rows, out.width()));
    }
    Exit::Done
}
