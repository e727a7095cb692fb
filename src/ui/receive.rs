//! Taking what somebody hands over with a code: `sprat receive CODE`.
//!
//! The code can be typed, or stand in `SPRAT_CODE`, so that it need not be among a program's arguments; it is written to no
//! log. Invariant: nothing is taken before the person at the terminal, or whoever wrote the script, said yes.

use super::{
    asks,
    code::failed,
    commands::{leave, start},
    config::Setup,
    exit::Exit,
    json,
    output::Out,
    progress::Bar,
    signals::Signals,
};
use crate::{
    core::{code::Code, path::printable},
    node::{Accepting, AnswerError, AskInfo, Node, NodeEvent, Received},
};
use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);

/// What `receive` is told.
pub struct Receive {
    /// The code's words, however they were split; none: it is asked for.
    pub code: Vec<String>,
    /// Where to put it.
    pub into: Option<PathBuf>,
    /// Take it without a question.
    pub yes: bool,
}

/// `sprat receive [CODE]`.
pub async fn receive(setup: &Setup, wanted: Receive, signals: &mut Signals) -> Exit {
    let out = Out::streams(setup.json);
    let Receive { code, into, yes } = wanted;
    let code = match code_of(&code).await {
        Ok(code) => code,
        Err(why) => {
            out.error(&printable(&why));
            return Exit::Usage;
        }
    };
    let mut setup = setup.clone();
    setup.settings.accepting = Accepting::Person;
    let node = match start(&setup, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let mut events = node.events();
    let bar = Bar::new(setup.progress);
    bar.say("looking for the sender");
    let taken = async {
        let paired = node.find_code(code).await;
        bar.clear();
        let paired = match paired {
            Ok(paired) => paired,
            Err(error) => return failed(&out, &error),
        };
        let ask = match wait_for_ask(&node, &mut events, paired.peer).await {
            Ok(ask) => ask,
            Err(why) => {
                out.error(&why);
                return Exit::NotFound;
            }
        };
        if out.json() {
            out.result(&json::consent::ask(&ask));
        } else {
            out.note(&asks::offered(&ask));
        }
        if !yes && !out.json() && std::io::stdin().is_terminal() && !agrees().await {
            let _ = node.refuse(ask.number);
            out.note("declined: nothing was taken");
            return Exit::Refused;
        }
        if let Err(error) = node.accept(ask.number, into).await {
            out.error(&printable(&error.to_string()));
            return match error {
                AnswerError::NoRoom { .. } => Exit::NoSpace,
                AnswerError::Unknown(_) => Exit::Refused,
            };
        }
        let received = wait_for_end(&node, &mut events, ask.number, &bar).await;
        bar.clear();
        finish(&out, received)
    };
    let exit = tokio::select! {
        exit = taken => exit,
        _ = signals.next() => Exit::Interrupted,
    };
    bar.clear();
    leave(&node).await;
    exit
}

/// From the arguments, the environment, or whoever sits there.
async fn code_of(words: &[String]) -> Result<Code, String> {
    let text = if !words.is_empty() {
        words.join("-")
    } else if let Some(code) = std::env::var("SPRAT_CODE")
        .ok()
        .filter(|code| !code.is_empty())
    {
        code
    } else {
        ask_for("code: ").await.ok_or("no code was given")?
    };
    text.parse::<Code>().map_err(|error| error.to_string())
}

/// Asks on standard error, so that results stay alone, and reads a line.
async fn ask_for(question: &'static str) -> Option<String> {
    let read = tokio::task::spawn_blocking(move || {
        let mut asked = std::io::stderr();
        let _ = asked
            .write_all(question.as_bytes())
            .and_then(|()| asked.flush());
        let mut line = String::new();
        let count = std::io::stdin().lock().read_line(&mut line).ok()?;
        (count > 0).then(|| line.trim().to_owned())
    });
    read.await.ok().flatten()
}

async fn agrees() -> bool {
    let mut question = "take it? [Y/n] ";
    loop {
        // The end of the input is no answer, and none is a no.
        let Some(answer) = ask_for(question).await else {
            return false;
        };
        match answer.to_lowercase().as_str() {
            "" | "y" | "yes" => return true,
            "n" | "no" => return false,
            _ => question = "y or n? [Y/n] ",
        }
    }
}

/// The paired node's ask; those of others are declined.
async fn wait_for_ask(
    node: &Node,
    events: &mut Receiver<NodeEvent>,
    peer: crate::core::id::NodeId,
) -> Result<Arc<AskInfo>, String> {
    loop {
        match events.recv().await {
            Ok(NodeEvent::Ask(ask)) if ask.from.node == peer => return Ok(ask),
            Ok(NodeEvent::Ask(ask)) => drop(node.refuse(ask.number)),
            Ok(NodeEvent::PeerLeft { node, .. }) if node == peer => {
                return Err("the sender left before it said what it sends".into());
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err("the node stopped".into()),
        }
    }
}

/// How it ended; `None` when it was taken back.
async fn wait_for_end(
    node: &Node,
    events: &mut Receiver<NodeEvent>,
    number: u32,
    bar: &Bar,
) -> Option<Arc<Received>> {
    let mut look = tokio::time::interval(LOOK);
    let mut started = false;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(NodeEvent::Received(received)) if received.number == number => {
                    return Some(received);
                }
                Ok(NodeEvent::AskGone { number: gone, .. }) if gone == number => return None,
                Err(RecvError::Closed) => return None,
                _ => {}
            },
            _ = look.tick(), if bar.shown() => {
                let status = node.status().await;
                if let Some((name, progress)) = status.and_then(|status| status.downloads.into_iter().next()) {
                    if !std::mem::replace(&mut started, true) {
                        bar.start(&name, &progress);
                    }
                    bar.update(&progress);
                }
            }
        }
    }
}

fn finish(out: &Out, received: Option<Arc<Received>>) -> Exit {
    let Some(received) = received else {
        out.error("the sender took it back");
        return Exit::Refused;
    };
    let event = NodeEvent::Received(received.clone());
    if out.json() {
        out.result(&json::consent::node(&event).unwrap_or_default());
    } else {
        out.result(&asks::received(&received));
    }
    let failures: Vec<Exit> = received
        .failed
        .iter()
        .map(|(_, error)| Exit::from(error))
        .collect();
    match (&received.files[..], received.stopped.is_some()) {
        ([], true) => Exit::Refused,
        (files, _) => Exit::of(files.len(), &failures),
    }
}
