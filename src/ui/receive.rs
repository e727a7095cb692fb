//! Taking what somebody hands over with a code: `sprat receive CODE`, or with a code of its own
//! that the sender types.
//!
//! Or what a LocalSend app offers at an address: `sprat receive https://192.168.1.20:53317`.
//!
//! The code can be typed, or stand in `SPRAT_CODE`, so that it need not be among a program's
//! arguments; it is written to no log. Until both have found each other a node that was started for
//! it is hidden. With a node that runs, it is that one that takes it.
//! Invariant: nothing is taken before the person at the terminal, or the author of the script, said
//! yes.

use super::{
    cli::Output,
    code::{Lines, MAX_CODES, failed, given, hidden, tell_code, too_many},
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
    core::{code::Code, id::NodeId, localsend::ShareAddress},
    node::{
        AnswerError, AskInfo, Expected, FetchError, JobInfo, Node, NodeEvent, Progress, Received,
        pair::{PairError, Paired},
    },
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    mpsc,
};

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);

/// What `receive` is told. (Not to be shown: the code is in it.)
#[derive(Serialize, Deserialize)]
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
    /// What the app at that address asks for.
    pub pin: Option<String>,
}

/// From whom something is taken.
enum From {
    /// Whoever has this code, or the one that is shown.
    Code(Option<Code>),
    /// Whoever offers something there by LocalSend's protocol.
    Address(ShareAddress),
}

impl Receive {
    /// The same with the code that is meant, if there is one: it may stand in the environment.
    ///
    /// # Errors
    /// The exit code; what was wrong is told.
    pub fn settled(self, json: bool) -> Result<Self, Exit> {
        let out = streams::out(&self.output, Out::streams(json));
        match from(&self, &out)? {
            From::Address(_) => Ok(self),
            From::Code(code) => {
                let code = code.iter().map(Code::to_string).collect();
                Ok(Self { code, ..self })
            }
        }
    }
}

/// `sprat receive [CODE]`, once that is settled, without a node that runs.
pub async fn receive(setup: &Setup, wanted: Receive, signals: &mut Signals) -> Exit {
    let out = streams::out(&wanted.output, Out::streams(setup.json));
    let node = match start(&hidden(setup), false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let exit = take_by(&node, setup, &out, wanted, signals).await;
    leave(&node).await;
    exit
}

/// The same by this node.
pub async fn take_by(
    node: &Node,
    setup: &Setup,
    out: &Out,
    wanted: Receive,
    signals: &mut Signals,
) -> Exit {
    let from = match &wanted.code[..] {
        [] => Ok(From::Code(None)),
        _ => from(&wanted, out),
    };
    match from {
        Ok(from) => take(node, setup, out, (from, wanted), signals).await,
        Err(exit) => exit,
    }
}

fn from(wanted: &Receive, out: &Out) -> Result<From, Exit> {
    let address = match &wanted.code[..] {
        [text] if ShareAddress::is_meant(text) => Some(text.parse::<ShareAddress>()),
        _ => None,
    };
    let why = match address {
        Some(Ok(_)) if !wanted.output.is_folder() => {
            "what a LocalSend app offers goes into a folder, beside what lies there: name one with -o DIR/".to_owned()
        }
        Some(Ok(address)) => return Ok(From::Address(address)),
        Some(Err(why)) => why.to_string(),
        None if wanted.pin.is_some() => "--pin goes with the address of a LocalSend app".to_owned(),
        None => match given(&wanted.code).transpose() {
            Ok(code) => return Ok(From::Code(code)),
            Err(why) => why,
        },
    };
    out.failure("", &why);
    Err(Exit::Usage)
}

/// Takes what the sender asks, unless a signal ends it.
async fn take(
    node: &Node,
    setup: &Setup,
    out: &Out,
    (from, wanted): (From, Receive),
    signals: &mut Signals,
) -> Exit {
    let patience = setup.patience.unwrap_or(FOR_EVER);
    let mut lines = Lines::new(out);
    let mut events = node.events_from_now();
    let taken = async {
        let met = match from {
            From::Address(address) => list(node, setup, out, &address, &wanted).await,
            From::Code(Some(code)) => find(node, setup, out, code).await.map(met),
            From::Code(None) => {
                let shown = show(node, setup, out, (wanted.words, patience), &mut lines).await;
                shown.map(met)
            }
        };
        match met {
            Ok(met) => answer(node, out, (met, &mut events), (setup, wanted), &mut lines).await,
            Err(exit) => exit,
        }
    };
    tokio::select! {
        exit = taken => exit,
        _ = signals.next() => Exit::Interrupted,
    }
}

/// What was asked, stopped unless it came to its end: the node may go on running.
struct Open<'a> {
    node: &'a Node,
    number: u32,
    ended: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut jobs = self.node.jobs().into_iter();
        // Either may fail: it may be over in this moment.
        if let Some(job) = jobs.find(|job| job.ask == Some(self.number)) {
            let _ = self.node.cancel(job.number);
        } else {
            let _ = self.node.refuse(self.number);
        }
    }
}

/// Shows what the sender asks, and takes it if that is wanted.
async fn answer(
    node: &Node,
    out: &Out,
    ((peer, mut news), events): (Met, &mut Receiver<NodeEvent>),
    (setup, wanted): (&Setup, Receive),
    lines: &mut Lines,
) -> Exit {
    let Receive { output, yes, .. } = wanted;
    let ask = match wait_for_ask(&mut news, events, peer).await {
        Ok(ask) => ask,
        Err(why) => {
            out.failure("", &why);
            return Exit::NotFound;
        }
    };
    let number = ask.number;
    let mut open = Open {
        node,
        number,
        ended: false,
    };
    if out.json() {
        out.object(&json::told("ask", &*ask));
    } else {
        out.note(&sentences::asks::offered(&ask));
    }
    let things = ask.files.len() + ask.folders.len();
    if output.is_stream() && things > 1 {
        out.failure("", &format!(
                "that is {things} files, and standard output takes one: receive them into a folder (-o DIR)"
            ),
        );
        return Exit::Usage;
    }
    if !yes && !out.json() && out.is_typed() && !agrees(out, lines).await {
        out.note("declined: nothing was taken");
        return Exit::Refused;
    }
    let stream = output.is_stream();
    let (mut landing, _held) = match streams::landing(output, node, out).await {
        Ok(landing) => landing,
        Err(exit) => return exit,
    };
    landing.reuse.clone_from(&setup.reuse);
    if let Err(error) = node.accept(number, landing).await {
        out.failure("", &error.to_string());
        return match error {
            AnswerError::NoRoom { .. } => Exit::NoSpace,
            AnswerError::Place(_) => Exit::Failed,
            AnswerError::Unknown(_) => Exit::Refused,
        };
    }
    let bar = Bar::of(out, setup.progress);
    let received = wait_for_end(node, &mut news, number, &bar).await;
    bar.clear();
    open.ended = true;
    match received.as_deref() {
        Some(Received { files, .. }) if stream && !files.is_empty() => {
            streams::pour(node, out, &files[0]).await
        }
        _ => finish(out, received),
    }
}

/// The sender, and what is told of what it asks.
type Met = (NodeId, mpsc::Receiver<Expected>);

fn met((paired, news): (Paired, mpsc::Receiver<Expected>)) -> Met {
    (paired.peer, news)
}

/// Asks what is offered at an address.
async fn list(
    node: &Node,
    setup: &Setup,
    out: &Out,
    address: &ShareAddress,
    wanted: &Receive,
) -> Result<Met, Exit> {
    if !address.encrypted {
        out.note("not encrypted: others on this network could read along");
    }
    let bar = Bar::of(out, setup.progress);
    bar.say("asking what is offered there");
    let listed = node.fetch_shared(address, wanted.pin.as_deref()).await;
    bar.clear();
    listed.map_err(|error| {
        out.failure("", &error.to_string());
        match error {
            FetchError::Gone(_) => Exit::NotFound,
            FetchError::Nonsense(_) | FetchError::Store(_) => Exit::Failed,
            _ => Exit::Refused,
        }
    })
}

/// Looks for the sender who shows this code.
async fn find(
    node: &Node,
    setup: &Setup,
    out: &Out,
    code: Code,
) -> Result<(Paired, mpsc::Receiver<Expected>), Exit> {
    let bar = Bar::of(out, setup.progress);
    bar.say("looking for the sender");
    let met = node.find_code(code, setup.settings.code_wait).await;
    bar.clear();
    met.map_err(|error| failed(out, &error))
}

/// Shows one code after another until a sender has typed one, or the sender's own is typed here.
async fn show(
    node: &Node,
    setup: &Setup,
    out: &Out,
    (words, patience): (usize, Duration),
    lines: &mut Lines,
) -> Result<(Paired, mpsc::Receiver<Expected>), Exit> {
    let terminal = out.is_typed();
    // The end of the input is no code; the one that is shown counts all the same.
    let mut typing = true;
    for _ in 0..MAX_CODES {
        let code = node.new_code(words).await;
        let code = code.map_err(|error| failed(out, &error))?;
        tell_code(out, "sprat send FILE --code", &code);
        if terminal && !out.json() {
            out.note("or type here the code that the sender shows");
            out.ask("code: ");
        }
        let waiting = node.find_code(code, patience);
        tokio::pin!(waiting);
        let error = loop {
            tokio::select! {
                met = &mut waiting => match met {
                    Ok(met) => return Ok(met),
                    Err(error) => break error,
                },
                line = lines.next(), if typing => match line.as_deref().map(str::trim) {
                    None => typing = false,
                    Some("") => {}
                    Some(text) => match text.parse::<Code>() {
                        Ok(code) => return find(node, setup, out, code).await,
                        Err(why) => {
                            out.failure("", &why.to_string());
                            if !terminal {
                                return Err(Exit::Usage);
                            }
                            out.ask("code: ");
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

async fn agrees(out: &Out, lines: &mut Lines) -> bool {
    let mut question = "take it? [Y/n] ";
    loop {
        out.ask(question);
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

/// The paired node's ask.
async fn wait_for_ask(
    news: &mut mpsc::Receiver<Expected>,
    events: &mut Receiver<NodeEvent>,
    peer: NodeId,
) -> Result<Arc<AskInfo>, String> {
    loop {
        tokio::select! {
            came = news.recv() => match came {
                Some(Expected::Ask(ask)) => return Ok(ask),
                Some(_) => {}
                None => return Err("the node stopped".into()),
            },
            event = events.recv() => match event {
                Ok(NodeEvent::PeerLeft { node, .. }) if node == peer => {
                    return Err("the sender left before it said what it sends".into());
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err("the node stopped".into()),
            },
        }
    }
}

/// How it ended; `None` when it was taken back.
async fn wait_for_end(
    node: &Node,
    news: &mut mpsc::Receiver<Expected>,
    number: u32,
    bar: &Bar,
) -> Option<Arc<Received>> {
    let mut look = tokio::time::interval(LOOK);
    let mut started = false;
    loop {
        tokio::select! {
            came = news.recv() => match came {
                Some(Expected::Received(received)) => return Some(received),
                Some(Expected::Gone) | None => return None,
                Some(Expected::Ask(_)) => {}
            },
            _ = look.tick(), if bar.shown() => {
                let job = node.jobs().into_iter().find(|job| job.ask == Some(number));
                if let Some(job) = job {
                    let progress = progress(&job);
                    if !std::mem::replace(&mut started, true) {
                        bar.start(&job.name, &progress);
                    }
                    bar.update(&progress);
                }
            }
        }
    }
}

fn progress(job: &JobInfo) -> Progress {
    Progress {
        done: job.done,
        size: job.size,
        files: job.files,
        files_done: job.files_done,
        sources: job.holders,
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
        (_, true) => Exit::Partial,
        (files, _) => Exit::of(files.len(), &failures),
    }
}
