//! Handing files to whoever has the code: `sprat send FILE…` without `--to`, and `sprat receive CODE`.
//!
//! The code finds the other one and proves that it is them (`node::pair`); then it is an ask like any other, so
//! that everything that is sent is asked for, resumed and verified in one way. The code is not written to a log, and it
//! can be typed, or stand in `SPRAT_CODE`, so that it need not be among a program's arguments.

use super::{
    asks,
    commands::{leave, start},
    config::Setup,
    exit::Exit,
    json,
    output::Out,
    progress::Bar,
    send::{Course, follow, follow_job},
    sentences,
    signals::Signals,
};
use crate::{
    core::{code::Code, path::printable},
    node::{
        Accepting, AnswerError, AskInfo, Node, NodeEvent, Received, SendRequest,
        pair::{GroupNews, PairError},
    },
};
use serde::Serialize;
use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    mpsc,
};

/// Receivers of a group that wait to be asked.
const GROUP: usize = 64;
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Shown<'a> {
    event: &'static str,
    code: &'a str,
}

fn tell_code(out: &Out, code: &Code) {
    let code = code.to_string();
    if out.json() {
        let event = "code";
        let line = serde_json::to_string(&Shown { event, code: &code });
        out.result(&line.unwrap_or_default());
    } else {
        out.result(&format!("on the other machine: sprat receive {code}"));
    }
}

/// `sprat send FILE…` without `--to`.
pub async fn send(setup: &Setup, files: Vec<PathBuf>, words: usize, signals: &mut Signals) -> Exit {
    let out = Out::streams(setup.json);
    // Before anybody reads a code aloud for it.
    if let Err(exit) = all_there(&out, &files) {
        return exit;
    }
    let node = match start(setup, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let exit = tokio::select! {
        paired = offer(&node, &out, words) => paired,
        _ = signals.next() => Err(Exit::Interrupted),
    };
    let exit = match exit {
        Ok(peer) => {
            let request = SendRequest {
                files,
                to: vec![peer],
                // The code says who it is.
                trust_new: true,
                wait: setup.wait,
            };
            follow(&node, request, &out, setup.progress, signals).await
        }
        Err(exit) => exit,
    };
    leave(&node).await;
    exit
}

/// `sprat send --group FILE…`: one code for many, until Ctrl-C.
pub async fn send_to_group(
    setup: &Setup,
    files: Vec<PathBuf>,
    words: usize,
    signals: &mut Signals,
) -> Exit {
    let out = Out::streams(setup.json);
    if let Err(exit) = all_there(&out, &files) {
        return exit;
    }
    let node = match start(setup, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let offered = node.new_code(words).and_then(|code| {
        let news = node.offer_group(code.clone())?;
        Ok((code, news))
    });
    let exit = match offered {
        Ok((code, news)) => {
            tell_code(&out, &code);
            if !out.json() {
                out.note("anybody with the code can take it; Ctrl-C ends it");
            }
            let course = Course::new(&files);
            let (ids, later) = mpsc::channel(GROUP);
            tokio::spawn(admit(news, ids, out.clone()));
            let request = SendRequest {
                files,
                to: Vec::new(),
                trust_new: true,
                wait: setup.wait,
            };
            let job = node.send_to_group(request, later);
            follow_job(&node, course, job, &out, setup.progress, signals).await
        }
        Err(error) => failed(&out, &error),
    };
    leave(&node).await;
    exit
}

/// Hands on whoever has the code, and says what happens to it.
async fn admit(mut news: mpsc::Receiver<GroupNews>, ids: mpsc::Sender<String>, out: Out) {
    loop {
        let came = tokio::select! {
            came = news.recv() => came,
            () = ids.closed() => return,
        };
        match came {
            Some(GroupNews::Paired(paired)) => {
                if !out.json() {
                    let name = sentences::person(&paired.name);
                    out.note(&format!("{name} has the code"));
                }
                if ids.send(paired.peer.to_string()).await.is_err() {
                    return;
                }
            }
            Some(GroupNews::Guessed { left }) => {
                out.error(&format!("somebody gave a wrong code; it bears {left} more"));
            }
            Some(GroupNews::Burnt) => {
                out.error("too many wrong codes were given: nobody more can join with this one");
            }
            None => return,
        }
    }
}

fn all_there(out: &Out, files: &[PathBuf]) -> Result<(), Exit> {
    for file in files {
        if let Err(error) = std::fs::metadata(file) {
            out.error(&format!("{}: {error}", printable(&file.to_string_lossy())));
            return Err(Exit::Failed);
        }
    }
    Ok(())
}

/// Shows one code after another until somebody has one; gives their id.
async fn offer(node: &Node, out: &Out, words: usize) -> Result<String, Exit> {
    loop {
        let code = node.new_code(words).map_err(|error| failed(out, &error))?;
        tell_code(out, &code);
        match node.offer_code(code).await {
            Ok(paired) => {
                if !out.json() {
                    let name = sentences::person(&paired.name);
                    out.note(&format!("{name} has the code"));
                }
                return Ok(paired.peer.to_string());
            }
            Err(PairError::Burnt) => out.error(
                "somebody gave a wrong code, and one wrong guess burns it; here is a new one",
            ),
            Err(error) => return Err(failed(out, &error)),
        }
    }
}

fn failed(out: &Out, error: &PairError) -> Exit {
    out.error(&printable(&error.to_string()));
    match error {
        PairError::WrongCode | PairError::Spent | PairError::Burnt | PairError::Unconfirmed => {
            Exit::Refused
        }
        PairError::NobodyThere => Exit::NotFound,
        PairError::Code(_) => Exit::Usage,
        _ => Exit::Failed,
    }
}

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
    let answer = ask_for("take it? [Y/n] ").await;
    answer.is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "" | "y" | "yes"))
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
