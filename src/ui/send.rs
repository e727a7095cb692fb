//! A send, from the first word to the last: its sentences or JSON, its bar, and how it ended for
//! whom.

use super::{
    config::Setup,
    exit::Exit,
    foreground::Foreground,
    output::Out,
    progress::Bar,
    running::{leave, start},
    sentences,
    signals::Signals,
    streams::Input,
};
use crate::node::{JobId, Node, Progress, SendEvent, SendRequest, Sending};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::mpsc;

/// How long a stopped send may take to tell everyone.
const GOODBYE: Duration = Duration::from_secs(4);

/// What is known of a send.
#[derive(Debug)]
pub struct Course {
    name: String,
    size: u64,
    done: HashMap<crate::core::id::NodeId, u64>,
    finished: usize,
    failures: Vec<Exit>,
}

impl Course {
    /// Begins; until the files are read it is called by them.
    #[must_use]
    pub fn new(files: &[PathBuf]) -> Self {
        let name = |file: &PathBuf| file.to_string_lossy().into_owned();
        Self {
            name: files.iter().map(name).collect::<Vec<_>>().join(" "),
            size: 0,
            done: HashMap::new(),
            finished: 0,
            failures: Vec::new(),
        }
    }

    /// Takes in what happened.
    pub fn heard(&mut self, event: &SendEvent) {
        match event {
            SendEvent::Ready { name, size, .. } => {
                self.name.clone_from(name);
                self.size = *size;
            }
            SendEvent::Accepted(to) => drop(self.done.insert(to.node, 0)),
            SendEvent::Progress { to, done, .. } => drop(self.done.insert(to.node, *done)),
            SendEvent::Done { to, size, .. } => {
                self.done.insert(to.node, *size);
                self.finished += 1;
            }
            SendEvent::Refused { to, .. } | SendEvent::Expired(to) => {
                self.done.remove(&to.node);
                self.failures.push(Exit::Refused);
            }
            SendEvent::Failed { to, why } => {
                self.done.remove(&to.node);
                self.failures.push(Exit::from(why));
            }
            SendEvent::NotFound { error, .. } => self.failures.push(Exit::from(error)),
            SendEvent::Unsendable(_) => self.failures.push(Exit::Failed),
            SendEvent::LeftOut(_)
            | SendEvent::Asked(_)
            | SendEvent::Waiting(_)
            | SendEvent::Resumed(_)
            | SendEvent::End => {}
        }
    }

    /// How far it is, over all who accepted.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            size: self.size * self.done.len() as u64,
            done: self.done.values().sum(),
            ..Progress::default()
        }
    }

    /// Tells what happened, in the form that is wanted.
    pub fn tell(&self, event: &SendEvent, out: &Out) {
        if out.json() {
            return out.object(&Sending::new(event, &self.name, self.size));
        }
        let Some(text) = sentences::asks::sending(&self.name, event) else {
            return;
        };
        match event {
            SendEvent::Done { .. } => out.result(&text),
            SendEvent::NotFound { .. } | SendEvent::Unsendable(_) | SendEvent::Failed { .. } => {
                out.error(&text);
            }
            _ => out.note(&text),
        }
    }

    /// How many have all of it.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.finished
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        Exit::of(self.finished, &self.failures)
    }
}

/// The longest that anybody waits: until Ctrl-C.
pub const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Paths that begin with `~/` at the prompt mean the user's folder, as they do in a shell.
#[must_use]
pub fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// `sprat send`: a node that stays until everyone's has ended.
pub async fn send(
    setup: &Setup,
    input: Input,
    (to, pin): (Vec<String>, Option<String>),
    trust_new: bool,
    signals: &mut Signals,
) -> Exit {
    let out = Out::streams(setup.json);
    let node = match start(setup, false, &out).await {
        Ok(node) => node,
        Err(exit) => return exit,
    };
    let exit = match input.into_paths(&node, &out, signals).await {
        Ok((files, _held)) => {
            let request = SendRequest {
                files,
                to,
                trust_new,
                wait: setup.wait,
                pin,
            };
            send_by(&node, request, &out, setup.progress, signals).await
        }
        Err(exit) => exit,
    };
    leave(&node).await;
    exit
}

/// Sends, follows it to its end, and says why nobody is found.
pub async fn send_by(
    node: &Node,
    request: SendRequest,
    out: &Out,
    progress: bool,
    signals: &mut Signals,
) -> Exit {
    let exit = follow(node, request, out, progress, signals).await;
    if exit == Exit::NotFound && !out.json() && node.peers().is_empty() {
        out.note(&sentences::alone(node));
    }
    exit
}

/// Follows a send to its end.
pub async fn follow(
    node: &Node,
    request: SendRequest,
    out: &Out,
    progress: bool,
    signals: &mut Signals,
) -> Exit {
    let mut course = Course::new(&request.files);
    let job = node.send(request);
    follow_job(node, &mut course, job, out, progress, signals).await
}

/// Follows one that has begun.
pub async fn follow_job(
    node: &Node,
    course: &mut Course,
    job: (JobId, mpsc::Receiver<SendEvent>),
    out: &Out,
    progress: bool,
    signals: &mut Signals,
) -> Exit {
    let bar = Bar::of(out, progress);
    let mut started = false;
    let mut job = Foreground::new(node, job, GOODBYE);
    while let Some(event) = job.next(out, signals).await {
        course.heard(&event);
        bar.suspend(|| course.tell(&event, out));
        match event {
            SendEvent::End => break,
            SendEvent::Accepted(_) if !started => {
                started = true;
                bar.start(&course.name, &course.progress());
            }
            SendEvent::Asked(_) if !started => bar.say("waiting for an answer"),
            _ if started => bar.update(&course.progress()),
            _ => {}
        }
    }
    bar.clear();
    if job.stopped() {
        return Exit::Interrupted;
    }
    course.exit()
}
