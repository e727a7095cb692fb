//! Handing files to whoever has the code: `sprat send FILE…` without `--to`. The other end is `receive`.
//!
//! The code finds the other one and proves that it is them (`node::pair`); then it is an ask like any other, so
//! that everything that is sent is asked for, resumed and verified in one way. The code is shown, and not
//! written to a log. Until then the node is hidden: nothing but the pairing is announced.

use super::{
    config::Setup,
    exit::Exit,
    json,
    output::Out,
    receive::{Lines, has_code, read_code},
    running::{leave, start},
    send::{Course, follow, follow_job},
    sentences,
    signals::Signals,
    streams::Input,
};
use crate::{
    core::{code::Code, path::printable},
    node::{
        Node, SendRequest,
        pair::{GroupNews, PairError, Paired},
    },
};
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};

/// Receivers of a group that wait to be asked.
const GROUP: usize = 64;
/// A code's words, unless told otherwise.
pub const WORDS: usize = 2;
/// So many codes are shown one after the other: more wrong guesses than that are no typing errors.
pub const MAX_CODES: usize = 10;

/// By which code the other one is found.
pub enum Which {
    /// A new one of so many words, to be shown.
    New(usize),
    /// The one that a waiting receiver shows; empty: it is asked for.
    Theirs(String),
}

/// The settings of a node of which nobody hears before it has paired.
pub(super) fn hidden(setup: &Setup) -> Setup {
    let mut setup = setup.clone();
    setup.settings.hidden = true;
    setup
}

/// Shows a code, and what to type with it on the other machine.
pub(super) fn tell_code(out: &Out, what_to_type: &str, code: &Code) {
    let code = code.to_string();
    if out.json() {
        out.object(&json::Event::Code { code: &code });
    } else {
        out.result(&format!("on the other machine: {what_to_type} {code}"));
    }
}

/// Says what went wrong, in the form that is wanted.
pub(super) fn complain(out: &Out, why: &str) {
    if out.json() {
        out.object(&json::Event::Error {
            name: "",
            error: why,
        });
    } else {
        out.error(&printable(why));
    }
}

/// `sprat send FILE…` without `--to`.
pub async fn send(setup: &Setup, input: Input, which: Which, signals: &mut Signals) -> Exit {
    let out = Out::streams(setup.json);
    // Before anybody reads a code aloud for it.
    if let Err(exit) = all_there(&out, &input) {
        return exit;
    }
    let known = match which {
        Which::New(words) => Err(words),
        Which::Theirs(typed) if typed.is_empty() && input.is_streamed() && !has_code() => {
            complain(
                &out,
                "standard input is what is sent: give the code after --code, or in SPRAT_CODE",
            );
            return Exit::Usage;
        }
        Which::Theirs(typed) => match read_code(vec![typed], &mut Lines::default()).await {
            Ok(code) => Ok(code),
            Err(why) => {
                complain(&out, &why);
                return Exit::Usage;
            }
        },
    };
    let node = match start(&hidden(setup), false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let (files, _held) = match input.into_paths(&node, &out, signals).await {
        Ok(taken) => taken,
        Err(exit) => {
            leave(&node).await;
            return exit;
        }
    };
    let pairing = async {
        match known {
            Ok(code) => offer_theirs(&node, &out, code, setup.settings.code_wait).await,
            Err(words) => offer(&node, &out, words).await,
        }
    };
    let exit = tokio::select! {
        paired = pairing => paired,
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
    input: Input,
    words: usize,
    signals: &mut Signals,
) -> Exit {
    let out = Out::streams(setup.json);
    if let Err(exit) = all_there(&out, &input) {
        return exit;
    }
    let node = match start(&hidden(setup), false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let (files, _held) = match input.into_paths(&node, &out, signals).await {
        Ok(taken) => taken,
        Err(exit) => {
            leave(&node).await;
            return exit;
        }
    };
    let offered = node.new_code(words).await.and_then(|code| {
        let news = node.offer_group(code.clone())?;
        Ok((code, news))
    });
    let exit = match offered {
        Ok((code, news)) => {
            tell_code(&out, "sprat receive", &code);
            if !out.json() {
                out.note("anybody with the code can take it; Ctrl-C ends it");
            }
            let mut course = Course::new(&files);
            let (ids, later) = mpsc::channel(GROUP);
            tokio::spawn(admit(news, ids, out.clone()));
            let request = SendRequest {
                files,
                to: Vec::new(),
                trust_new: true,
                wait: setup.wait,
            };
            let job = node.send_to_group(request, later);
            let progress = setup.progress;
            let exit = follow_job(&node, &mut course, job, &out, progress, signals).await;
            group_ended(&out, course.finished(), exit)
        }
        Err(error) => failed(&out, &error),
    };
    leave(&node).await;
    exit
}

/// How a group's send went: Ctrl-C is its ordinary end.
fn group_ended(out: &Out, finished: usize, exit: Exit) -> Exit {
    if !out.json() {
        out.note(&sentences::group(finished));
    }
    match (finished, exit) {
        (1.., Exit::Interrupted) => Exit::Done,
        // The code was burnt before anybody came.
        (0, Exit::Done) => Exit::Refused,
        (_, exit) => exit,
    }
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
                complain(
                    &out,
                    &format!("somebody gave a wrong code; it bears {left} more"),
                );
            }
            Some(GroupNews::Burnt) => {
                complain(
                    &out,
                    "too many wrong codes were given: nobody more can join with this one",
                );
            }
            None => return,
        }
    }
}

pub(super) fn all_there(out: &Out, input: &Input) -> Result<(), Exit> {
    for file in input.files() {
        if let Err(error) = std::fs::metadata(file) {
            complain(out, &format!("{}: {error}", file.to_string_lossy()));
            return Err(Exit::Failed);
        }
    }
    Ok(())
}

/// Shows one code after another until somebody has one; gives their id.
async fn offer(node: &Node, out: &Out, words: usize) -> Result<String, Exit> {
    for _ in 0..MAX_CODES {
        let code = node.new_code(words).await;
        let code = code.map_err(|error| failed(out, &error))?;
        tell_code(out, "sprat receive", &code);
        if !out.json() {
            out.note("waiting for whoever types that; Ctrl-C ends it");
        }
        match node.offer_code(code).await {
            Ok(paired) => return Ok(has_the_code(out, &paired)),
            Err(PairError::Burnt) => complain(
                out,
                "somebody gave a wrong code, and one wrong guess burns it; here is a new one",
            ),
            Err(error) => return Err(failed(out, &error)),
        }
    }
    Err(too_many(out))
}

/// Announces the code that a receiver shows, until they have found each other; gives their id.
async fn offer_theirs(node: &Node, out: &Out, code: Code, wait: Duration) -> Result<String, Exit> {
    if !out.json() {
        out.note("looking for whoever shows that code");
    }
    match timeout(wait, node.offer_code(code)).await {
        Ok(Ok(paired)) => Ok(has_the_code(out, &paired)),
        Ok(Err(PairError::Burnt)) => {
            complain(
                out,
                "that is not the code that the receiver shows, and one wrong guess burns it: look at the new one there",
            );
            Err(Exit::Refused)
        }
        Ok(Err(error)) => Err(failed(out, &error)),
        Err(_) => {
            complain(
                out,
                "nobody near waits with that code: does `sprat receive` still show it, on the same network and discovery port?",
            );
            Err(Exit::NotFound)
        }
    }
}

fn has_the_code(out: &Out, paired: &Paired) -> String {
    if !out.json() {
        let name = sentences::person(&paired.name);
        out.note(&format!("{name} has the code"));
    }
    paired.peer.to_string()
}

/// Says that somebody seems to be guessing.
pub(super) fn too_many(out: &Out) -> Exit {
    complain(
        out,
        "too many wrong codes were given: somebody may be guessing; start again with more --words",
    );
    Exit::Refused
}

/// Says why there is no pair.
pub(super) fn failed(out: &Out, error: &PairError) -> Exit {
    complain(out, &error.to_string());
    match error {
        PairError::WrongCode | PairError::Spent | PairError::Burnt | PairError::Unconfirmed => {
            Exit::Refused
        }
        PairError::NobodyThere => Exit::NotFound,
        PairError::Code(_) => Exit::Usage,
        _ => Exit::Failed,
    }
}
