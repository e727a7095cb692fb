//! Taking what somebody hands over with a code: `sprat receive CODE`, or with a code of its own
//! that the sender types.
//!
//! The code can be typed, or stand in `SPRAT_CODE`, so that it need not be among a program's
//! arguments; it is written to no log. Until both have found each other the node is hidden.
//! Invariant: nothing is taken before the person at the terminal, or the author of the script, said
//! yes.

use super::{
    cli::Output,
    code::{Lines, MAX_CODES, ask, failed, given, hidden, tell_code, too_many},
    config::Setup,
    exit::Exit,
    json,
    output::Out,
    progress::Bar,
    running::{leave, start},
    send::FOR_EVER,
    sentences,
    signals::Signals,
    streams,
};
use crate::{
    core::code::Code,
    node::{
        Accepting, AnswerError, AskInfo, Node, NodeEvent, Received,
        pair::{PairError, Paired},
    },
};
use std::{io::IsTerminal as _, sync::Arc, time::Duration};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);

/// What `receive` is told.
pub struct Receive {
    /// The code's words, however they were split; none: one is shown, and the sender's is asked
    /// for.
    pub code: Vec<String>,
    /// The words of the one that is shown.
    pub words: usize,
    /// Where to put it.
    pub output: Output,
    /// Take it without a question.
    pub yes: bool,
}

/// `sprat receive [CODE]`.
pub async fn receive(setup: &Setup, wanted: Receive, signals: &mut Signals) -> Exit {
    let Receive {
        code,
        words,
        output,
        yes,
    } = wanted;
    let out = streams::out(&output, setup.json);
    let mut lines = Lines::default();
    let code = match given(&code).transpose() {
        Ok(code) => code,
        Err(why) => {
            out.failure("", &why);
            return Exit::Usage;
        }
    };
    let patience = setup.patience.unwrap_or(FOR_EVER);
    let mut setup = hidden(setup);
    setup.settings.accepting = Accepting::Person;
    let node = match start(&setup, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let mut events = node.events();
    let bar = Bar::new(setup.progress);
    let taken = async {
        let paired = match code {
            Some(code) => find(&node, &out, &bar, code).await,
            None => show(&node, &out, &bar, (words, patience), &mut lines).await,
        };
        let paired = match paired {
            Ok(paired) => paired,
            Err(exit) => return exit,
        };
        let ask = match wait_for_ask(&node, &mut events, paired.peer).await {
            Ok(ask) => ask,
            Err(why) => {
                out.failure("", &why);
                return Exit::NotFound;
            }
        };
        if out.json() {
            out.object(&json::told("ask", &*ask));
        } else {
            out.note(&sentences::asks::offered(&ask));
        }
        let things = ask.files.len() + ask.folders.len();
        if output.is_stream() && things > 1 {
            let _ = node.refuse(ask.number);
            out.failure("", &format!(
                    "that is {things} files, and standard output takes one: receive them into a folder (-o DIR)"
                ),
            );
            return Exit::Usage;
        }
        if !yes && !out.json() && std::io::stdin().is_terminal() && !agrees(&mut lines).await {
            let _ = node.refuse(ask.number);
            out.note("declined: nothing was taken");
            return Exit::Refused;
        }
        let stream = output.is_stream();
        let (landing, _held) = match streams::landing(output, &node, &out).await {
            Ok(landing) => landing,
            Err(exit) => return exit,
        };
        if let Err(error) = node.accept(ask.number, landing).await {
            out.failure("", &error.to_string());
            return match error {
                AnswerError::NoRoom { .. } => Exit::NoSpace,
                AnswerError::Place(_) => Exit::Failed,
                AnswerError::Unknown(_) => Exit::Refused,
            };
        }
        let received = wait_for_end(&node, &mut events, ask.number, &bar).await;
        bar.clear();
        match received.as_deref() {
            Some(Received { files, .. }) if stream && !files.is_empty() => {
                streams::pour(&node, &out, &files[0]).await
            }
            _ => finish(&out, received),
        }
    };
    let exit = tokio::select! {
        exit = taken => exit,
        _ = signals.next() => Exit::Interrupted,
    };
    bar.clear();
    leave(&node).await;
    exit
}

/// Looks for the sender who shows this code.
async fn find(node: &Node, out: &Out, bar: &Bar, code: Code) -> Result<Paired, Exit> {
    bar.say("looking for the sender");
    let paired = node.find_code(code).await;
    bar.clear();
    paired.map_err(|error| failed(out, &error))
}

/// Shows one code after another until a sender has typed one, or the sender's own is typed here.
async fn show(
    node: &Node,
    out: &Out,
    bar: &Bar,
    (words, patience): (usize, Duration),
    lines: &mut Lines,
) -> Result<Paired, Exit> {
    let terminal = std::io::stdin().is_terminal();
    // The end of the input is no code; the one that is shown counts all the same.
    let mut typing = true;
    for _ in 0..MAX_CODES {
        let code = node.new_code(words).await;
        let code = code.map_err(|error| failed(out, &error))?;
        tell_code(out, "sprat send FILE --code", &code);
        if terminal && !out.json() {
            out.note("or type here the code that the sender shows");
            ask("code: ");
        }
        let waiting = node.await_code(code, patience);
        tokio::pin!(waiting);
        let error = loop {
            tokio::select! {
                paired = &mut waiting => match paired {
                    Ok(paired) => return Ok(paired),
                    Err(error) => break error,
                },
                line = lines.next(), if typing => match line.as_deref().map(str::trim) {
                    None => typing = false,
                    Some("") => {}
                    Some(text) => match text.parse::<Code>() {
                        Ok(code) => return find(node, out, bar, code).await,
                        Err(why) => {
                            out.failure("", &why.to_string());
                            if !terminal {
                                return Err(Exit::Usage);
                            }
                            ask("code: ");
                        }
                    },
                },
            }
        };
        match error {
            PairError::WrongCode | PairError::Spent | PairError::Unconfirmed => out.failure(
                "",
                "somebody typed a wrong code, and one wrong guess burns it; here is a new one",
            ),
            PairError::NobodyThere => {
                out.failure("", "nobody came with that code in time");
                return Err(Exit::NotFound);
            }
            error => return Err(failed(out, &error)),
        }
    }
    Err(too_many(out))
}

async fn agrees(lines: &mut Lines) -> bool {
    let mut question = "take it? [Y/n] ";
    loop {
        ask(question);
        // The end of the input is no answer, and none is a no.
        let Some(answer) = lines.next().await else {
            return false;
        };
        match answer.trim().to_lowercase().as_str() {
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
        out.failure("", "the sender took it back");
        return Exit::Refused;
    };
    if out.json() {
        out.object(&json::told("received", &*received));
    } else {
        out.result(&sentences::asks::received(&received));
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
