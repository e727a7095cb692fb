//! What the prompt's commands do, at a terminal and from a pipe alike.

use super::{
    help, jobs,
    parse::{self, Typed},
};
use crate::{
    core::path::printable,
    node::{AnswerError, Node, NodeEvent, SendRequest},
    ui::{
        self,
        clean::Sure,
        cli::{AtPrompt, Download, Shared},
        commands::{self, Patience},
        config::Setup,
        exit::Exit,
        follow, json, later,
        news::News,
        output::Out,
        progress::Bar,
        send::expand,
        sentences,
        signals::Signals,
        talk::Partner,
        text,
    },
};
use parking_lot::{Mutex, MutexGuard};
use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    task::JoinHandle,
    time::Instant,
};

/// One run of the prompt.
pub struct Session<'a> {
    /// The node.
    pub node: Node,
    /// Where words go.
    pub out: Out,
    /// Who is talked to.
    chatting: Mutex<Option<Partner>>,
    setup: &'a Setup,
    started: Instant,
    sends: Mutex<Vec<JoinHandle<Exit>>>,
    coming: Coming,
}

/// The asks that were accepted and have not ended.
pub type Coming = Arc<watch::Sender<BTreeSet<u32>>>;

impl<'a> Session<'a> {
    /// Begins one with a node that runs.
    #[must_use]
    pub fn new(node: Node, out: Out, setup: &'a Setup, coming: Coming) -> Self {
        Self {
            node,
            out,
            setup,
            chatting: Mutex::default(),
            started: Instant::now(),
            sends: Mutex::default(),
            coming,
        }
    }

    /// What a line asks for: a command, or in a chat something to say.
    ///
    /// # Errors
    /// As [`parse::parse`].
    pub fn read(&self, line: &str) -> Result<Typed, String> {
        match self.partner() {
            Some(_) => parse::in_chat(line),
            None => parse::parse(line),
        }
    }

    /// Who is talked to.
    pub fn partner(&self) -> Option<Partner> {
        self.chatting.lock().clone()
    }

    fn talk_with(&self, partner: Option<Partner>) {
        *self.chatting.lock() = partner;
    }

    /// Does what does not outlast the line. Downloads run in the background, unless `foreground`
    /// gives the signals that stop them. The exit code is that of the same command at the shell.
    pub async fn execute(&self, line: Typed, foreground: Option<&mut Signals>) -> Exit {
        match (line, self.partner()) {
            (Typed::Command(command), _) => self.command(command, foreground).await,
            (Typed::Say(text), Some(partner)) => {
                ui::talk::say(&self.node, &self.out, &partner, &text).await
            }
            (Typed::SendHere(file), Some(partner)) => {
                self.send(
                    &[expand(&file)],
                    vec![partner.node.to_string()],
                    false,
                    None,
                );
                Exit::Done
            }
            (Typed::Quit, Some(partner)) => {
                self.talk_with(None);
                if !self.out.json() {
                    let name = text::person(&partner.name);
                    self.out.note(&format!("no longer talking with {name}"));
                }
                Exit::Done
            }
            (Typed::Nothing | Typed::Say(_) | Typed::SendHere(_) | Typed::Quit, _) => Exit::Done,
        }
    }

    async fn command(&self, command: AtPrompt, foreground: Option<&mut Signals>) -> Exit {
        match command {
            AtPrompt::Shared(Shared::Download(what)) => self.download(what, foreground).await,
            AtPrompt::Shared(mut command) => {
                if let Shared::Link(what) = &mut command
                    && let Err(error) = what.find(expand)
                {
                    return self.wrong(&error.to_string());
                }
                let patience = Patience {
                    swarm: self.left(),
                    hopes: true,
                    server: self.setup.wait,
                };
                // The line is the editor's: nothing else asks anything there.
                commands::act(&self.node, &self.out, command, patience, Sure::Show).await
            }
            AtPrompt::Chat { who, trust_new_key } => self.chat(&who, trust_new_key).await,
            AtPrompt::Send(what) => {
                let typed = what.files.iter().map(|file| file.to_string_lossy());
                let files: Vec<PathBuf> = typed.map(|file| expand(&file)).collect();
                let (to, trust) = (what.to, what.trust_new_key);
                if what.later {
                    let wait = self.left();
                    return later::keep(&self.node, &self.out, files, &to, trust, wait).await;
                }
                self.send(&files, to, trust, what.pin);
                Exit::Done
            }
            AtPrompt::Asks => {
                self.asks();
                Exit::Done
            }
            AtPrompt::Accept { ask, into } => self.accept(ask, into.as_deref()).await,
            AtPrompt::Refuse { ask } => match self.node.refuse(ask) {
                Ok(()) => Exit::Done,
                Err(error) => self.answer_failed(&error),
            },
            AtPrompt::Help { about } => match help::help(about.as_deref()) {
                Ok(text) => {
                    self.out.result(&text);
                    Exit::Done
                }
                Err(why) => self.wrong(&why),
            },
            // The reader of the lines sees to that.
            AtPrompt::Exit => Exit::Done,
        }
    }

    async fn chat(&self, who: &str, trust: bool) -> Exit {
        match ui::talk::find(&self.node, &self.out, self.left(), who, trust).await {
            Ok(partner) => {
                if !self.out.json() {
                    self.out
                        .note(&sentences::talk::begun(&partner.name, &partner.node));
                }
                self.talk_with(Some(partner));
                Exit::Done
            }
            Err(exit) => exit,
        }
    }

    async fn download(&self, what: Download, foreground: Option<&mut Signals>) -> Exit {
        let request = commands::request(what, self.setup);
        let Some(signals) = foreground else {
            jobs::download(&self.node, request, self.out.clone());
            return Exit::Done;
        };
        let bar = Bar::new(self.setup.progress);
        follow::download(&self.node, request, &self.out, &bar, signals).await
    }

    async fn accept(&self, number: u32, into: Option<&str>) -> Exit {
        // Noted first: it may be here before the answer is.
        self.coming.send_if_modified(|all| all.insert(number));
        match self.node.accept(number, into.map(expand)).await {
            Ok(()) => Exit::Done,
            Err(error) => {
                self.coming.send_if_modified(|all| all.remove(&number));
                self.answer_failed(&error)
            }
        }
    }

    fn send(&self, files: &[PathBuf], to: Vec<String>, trust_new: bool, pin: Option<String>) {
        let request = SendRequest {
            files: files.to_vec(),
            to,
            trust_new,
            wait: self.setup.wait,
            pin,
        };
        let send = jobs::send(&self.node, request, self.out.clone());
        self.sends().push(send);
    }

    fn sends(&self) -> MutexGuard<'_, Vec<JoinHandle<Exit>>> {
        self.sends.lock()
    }

    /// Waits until every send, and everything that was accepted, has ended; gives how.
    pub async fn settled(&self) -> Vec<Exit> {
        let sends = std::mem::take(&mut *self.sends());
        let mut exits = Vec::new();
        for send in sends {
            exits.push(send.await.unwrap_or(Exit::Failed));
        }
        let mut coming = self.coming.subscribe();
        // The other end is this session's own.
        drop(coming.wait_for(BTreeSet::is_empty).await);
        exits
    }

    fn asks(&self) {
        let (asks, laters) = (self.node.asks(), self.node.laters());
        if self.out.json() {
            self.out
                .objects(asks.iter().map(|ask| json::told("ask", ask)));
            self.out
                .objects(laters.iter().map(|later| json::told("later", later)));
        } else if asks.is_empty() && laters.is_empty() {
            self.out.note("nobody asks to send anything");
        } else {
            let lines = asks.iter().map(sentences::asks::waiting);
            let lines: Vec<String> = lines
                .chain(laters.iter().map(sentences::asks::later))
                .collect();
            self.out.result(&lines.join("\n"));
        }
    }

    fn answer_failed(&self, error: &AnswerError) -> Exit {
        self.out.error(&printable(&error.to_string()));
        match error {
            AnswerError::Unknown(_) => Exit::NotFound,
            AnswerError::NoRoom { .. } => Exit::NoSpace,
            AnswerError::Place(_) => Exit::Failed,
        }
    }

    /// Says that a line makes no sense.
    pub fn wrong(&self, why: &str) -> Exit {
        self.out.error(&printable(why));
        Exit::Usage
    }

    /// How long the swarm may still take to answer.
    fn left(&self) -> Duration {
        self.setup.wait.saturating_sub(self.started.elapsed())
    }
}

/// Bytes from which a scan is worth a word before its end: some seconds' worth.
const LONG_SCAN: u64 = 2 << 30;

/// Tells what happens, until the node stops.
pub async fn watch(events: Receiver<NodeEvent>, out: Out, terminal: bool, coming: Coming) {
    let mut news = News::new(events, out.json());
    let mut quarters = 0;
    loop {
        match news.next().await {
            Ok(event) => {
                if let NodeEvent::Scanning { done, total } = event {
                    quarters = tell_scan(&out, quarters, done, total);
                }
                tell(&out, &event, terminal);
                if let NodeEvent::Received(received) = &event {
                    coming.send_if_modified(|all| all.remove(&received.number));
                }
            }
            // What was missed may have been the end of any of them.
            Err(RecvError::Lagged(_)) => coming.send_modify(BTreeSet::clear),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Says at each quarter how far a long scan is; gives the quarters that were told.
fn tell_scan(out: &Out, told: u64, done: u64, total: u64) -> u64 {
    let quarters = done.saturating_mul(4) / total.max(1);
    if total >= LONG_SCAN && quarters > told && quarters < 4 && !out.json() {
        out.note(&sentences::scanning(quarters * 25, total));
    }
    quarters.max(told)
}

fn tell(out: &Out, event: &NodeEvent, terminal: bool) {
    // What is meant for the person here is no mere news.
    let personal = matches!(event, NodeEvent::Message { .. } | NodeEvent::Received(_));
    if out.json() {
        if is_told(event) {
            out.object(event);
        }
        return;
    }
    let Some(text) = sentences::event(event) else {
        return;
    };
    match event {
        NodeEvent::Ask(_) if terminal => out.note(&format!("\x07{text}")),
        _ if personal => out.result(&text),
        _ => out.note(&text),
    }
}

/// What a program at the prompt is told of: people, and what they do. Of files it hears by asking.
fn is_told(event: &NodeEvent) -> bool {
    matches!(
        event,
        NodeEvent::Message { .. }
            | NodeEvent::PeerJoined { .. }
            | NodeEvent::PeerRenamed { .. }
            | NodeEvent::PeerLeft { .. }
            | NodeEvent::PeerDropped { .. }
            | NodeEvent::Ask(_)
            | NodeEvent::AskGone { .. }
            | NodeEvent::Received(_)
            | NodeEvent::Later { .. }
    )
}
