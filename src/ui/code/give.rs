//! Handing files over by a code: `sprat send FILE…` without `--to`. The other end is `receive`.
//!
//! The code finds the other one and proves that it is them (`node::pair`); then it is an ask like
//! any other, so that everything that is sent is asked for, resumed and verified in one way. The
//! code is shown, and not written to a log. Until then the node is hidden: nothing but the pairing
//! is announced.

use super::{
    Lines, MAX_CODES, copy_at_enter, failed, has_code, hidden, read_code, tell_code, too_many,
};
use crate::{
    core::code::{Code, CodeError},
    node::{
        Node, SendRequest,
        pair::{GroupNews, PairError, Paired},
    },
    ui::{
        config::Setup,
        exit::Exit,
        output::Out,
        running::leave,
        send::{Course, follow, follow_job},
        sentences,
        signals::Signals,
        streams::Input,
        text,
    },
};
use futures::FutureExt as _;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// Receivers of a group that wait to be asked.
const GROUP: usize = 64;

/// By which code the other one is found. (Not to be shown: the code is in it.)
#[derive(Serialize, Deserialize)]
pub enum Which {
    /// A new one of so many words, to be shown.
    New(usize),
    /// Such a one for many.
    Group(usize),
    /// The one that a waiting receiver shows; empty: it is asked for.
    Theirs(String),
}

/// The code, once it was typed.
pub enum Known {
    /// A new one of so many words, to be shown.
    Ours(usize),
    /// Such a one for many.
    Group(usize),
    /// The one that a waiting receiver shows.
    Theirs(Code),
}

impl From<Known> for Which {
    fn from(known: Known) -> Self {
        match known {
            Known::Ours(words) => Self::New(words),
            Known::Group(words) => Self::Group(words),
            Known::Theirs(code) => Self::Theirs(code.to_string()),
        }
    }
}

impl Which {
    /// Has a code typed that is not known yet, once what is to be sent is there.
    ///
    /// # Errors
    /// The exit code; what was wrong is told.
    pub async fn known(self, input: &Input, out: &Out) -> Result<Known, Exit> {
        // Before anybody reads a code aloud for it.
        input.all_there(out)?;
        let typed = match self {
            Self::New(words) => return Ok(Known::Ours(words)),
            Self::Group(words) => return Ok(Known::Group(words)),
            Self::Theirs(typed) => typed,
        };
        if typed.is_empty() && input.is_streamed() && !has_code() {
            out.failure(
                "",
                "standard input is what is sent: give the code after --code, or in SPRAT_CODE",
            );
            return Err(Exit::Usage);
        }
        let code = read_code(vec![typed], out).await;
        code.map(Known::Theirs).map_err(|why| {
            out.failure("", &why);
            Exit::Usage
        })
    }

    /// The same of one that was typed elsewhere; nobody is asked.
    ///
    /// # Errors
    /// When it is no code.
    pub fn parsed(self) -> Result<Known, CodeError> {
        Ok(match self {
            Self::New(words) => Known::Ours(words),
            Self::Group(words) => Known::Group(words),
            Self::Theirs(code) => Known::Theirs(code.parse()?),
        })
    }
}

/// `sprat send FILE…` without `--to`.
pub async fn send(setup: &Setup, input: Input, which: Which, signals: &mut Signals) -> Exit {
    let out = Out::streams(setup.json);
    let known = match which.known(&input, &out).await {
        Ok(known) => known,
        Err(exit) => return exit,
    };
    let (node, files, _held) = match input.start(&hidden(setup), &out, signals).await {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let exit = hand_over(&node, setup, (&out, files), known, signals).await;
    leave(&node).await;
    exit
}

/// Hands files to the one who has the code, or to all who have it, until Ctrl-C.
pub async fn hand_over(
    node: &Node,
    setup: &Setup,
    (out, files): (&Out, Vec<PathBuf>),
    known: Known,
    signals: &mut Signals,
) -> Exit {
    let code_wait = setup.settings.code_wait;
    let pairing = match known {
        Known::Group(words) => {
            return hand_to_group(node, setup, (out, files), words, signals).await;
        }
        Known::Theirs(code) => offer_theirs(node, out, code, code_wait).left_future(),
        Known::Ours(words) => offer(node, out, words).right_future(),
    };
    let exit = tokio::select! {
        paired = pairing => paired,
        _ = signals.next() => Err(Exit::Interrupted),
    };
    match exit {
        Ok(peer) => {
            let request = SendRequest {
                files,
                to: vec![peer],
                // The code says who it is.
                trust_new: true,
                wait: setup.wait,
                pin: None,
            };
            follow(node, request, out, setup.progress, signals).await
        }
        Err(exit) => exit,
    }
}

/// Hands files to all who have the code.
async fn hand_to_group(
    node: &Node,
    setup: &Setup,
    (out, files): (&Out, Vec<PathBuf>),
    words: usize,
    signals: &mut Signals,
) -> Exit {
    let offered = node.new_code(words).await.and_then(|code| {
        let news = node.offer_group(code.clone())?;
        Ok((code, news))
    });
    match offered {
        Ok((code, news)) => {
            tell_code(out, "sprat receive", &code);
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
                pin: None,
            };
            let job = node.send_to_group(request, later);
            let progress = setup.progress;
            let exit = follow_job(node, &mut course, job, out, progress, signals).await;
            group_ended(out, course.finished(), exit)
        }
        Err(error) => failed(out, &error),
    }
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

/// Hands on those who have the code, and says what happens to it.
async fn admit(mut news: mpsc::Receiver<GroupNews>, ids: mpsc::Sender<String>, out: Out) {
    loop {
        let came = tokio::select! {
            came = news.recv() => came,
            () = ids.closed() => return,
        };
        match came {
            Some(GroupNews::Paired(paired)) => {
                if !out.json() {
                    let name = text::person(&paired.name);
                    out.note(&format!("{name} has the code"));
                }
                if ids.send(paired.peer.to_string()).await.is_err() {
                    return;
                }
            }
            Some(GroupNews::Guessed { left }) => {
                out.failure(
                    "",
                    &format!("somebody gave a wrong code; {left} more wrong ones are allowed"),
                );
            }
            Some(GroupNews::Burnt) => {
                out.failure(
                    "",
                    "too many wrong codes were given: no one else can join with this one",
                );
            }
            None => return,
        }
    }
}

/// Shows one code after another until somebody has one; gives their id.
async fn offer(node: &Node, out: &Out, words: usize) -> Result<String, Exit> {
    let mut lines = Lines::new(out);
    for _ in 0..MAX_CODES {
        let code = node.new_code(words).await;
        let code = code.map_err(|error| failed(out, &error))?;
        tell_code(out, "sprat receive", &code);
        if !out.json() {
            let copied = if out.is_typed() && out.is_watched() {
                "Enter copies the line, "
            } else {
                ""
            };
            out.note(&format!(
                "waiting for somebody to type that; {copied}Ctrl-C ends it"
            ));
        }
        let line = format!("sprat receive {code}");
        let found = tokio::select! {
            found = node.offer_code(code) => found,
            never = copy_at_enter(out, &line, &mut lines) => match never {},
        };
        match found {
            Ok(paired) => return Ok(has_the_code(out, &paired)),
            Err(PairError::Burnt) => out.failure(
                "",
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
        out.note("looking for the receiver that shows that code");
    }
    match timeout(wait, node.offer_code(code)).await {
        Ok(Ok(paired)) => Ok(has_the_code(out, &paired)),
        Ok(Err(PairError::Burnt)) => {
            out.failure("", "that is not the code that the receiver shows, and one wrong guess burns it: look at the new one there",
            );
            Err(Exit::Refused)
        }
        Ok(Err(error)) => Err(failed(out, &error)),
        Err(_) => {
            out.failure("", "nobody near waits with that code: does `sprat receive` still show it, on the same network and discovery port?",
            );
            Err(Exit::NotFound)
        }
    }
}

fn has_the_code(out: &Out, paired: &Paired) -> String {
    if !out.json() {
        let name = text::person(&paired.name);
        out.note(&format!("{name} has the code"));
    }
    paired.peer.to_string()
}
