//! The prompt at a terminal: a thread that edits lines, and a thread that prints.
//!
//! Invariants: one printer writes everything while the prompt is up, so that no message breaks the
//! line being typed; the terminal is given back as it was, whichever way the node is told to stop.

use super::{
    complete::{Known, MOST, complete},
    files,
    parse::Typed,
    session::{Coming, Session, watch},
};
use crate::{
    node::{Node, NodeEvent, Safe},
    ui::{
        cli::{AtPrompt, Shared},
        config::Setup,
        exit::Exit,
        json,
        leaving::{self, Farewell, Step},
        logging::{self, Screen},
        output::{Line, Out},
        running::leave,
        sentences,
        signals::{Asked, Signals},
        text,
    },
};
use rustyline::{
    Context, Editor, ExternalPrinter, Helper, completion::Completer, error::ReadlineError,
    highlight::Highlighter, hint::Hinter, history::FileHistory, validate::Validator,
};
use std::{
    cell::Cell,
    io::{self, Write as _},
    path::Path,
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{broadcast, mpsc, oneshot},
};

const PROMPT: &str = "sprat> ";
/// Lines that wait for the printer; a terminal that is stopped for longer loses the newest.
const SCREEN: usize = 1024;

/// Lets the editor go on; without it, it ends.
type Answer = oneshot::Sender<Next>;

/// How the editor goes on.
struct Next {
    /// Somebody asked to leave and was held up: then Ctrl-C asks again.
    pending: bool,
    /// What stands before the line while it is not for a command: such lines are not kept among the
    /// commands.
    prompt: Option<String>,
}

/// How long the editor waits for names when Tab is pressed.
const TAB: Duration = Duration::from_secs(2);

/// How often is looked whether it is safe to leave, while somebody wants to.
const LOOK: Duration = Duration::from_millis(250);

/// What the editor's thread tells.
enum Input {
    /// A line; the editor waits until it is answered.
    Line(String, Answer),
    /// The person wants to leave; so does this.
    Leave(Answer),
    /// The terminal is gone, or a signal came.
    Lost,
}

/// Runs the prompt, and leaves the swarm.
pub async fn run(
    setup: &Setup,
    node: Node,
    events: broadcast::Receiver<NodeEvent>,
    signals: &mut Signals,
) -> Exit {
    let saved = Saved::now();
    let known = Here {
        node: node.clone(),
        runtime: Handle::current(),
    };
    let editor = match editor(known) {
        Ok(editor) => editor,
        Err(error) => {
            Out::streams(false).error(&format!("cannot use this terminal: {error}"));
            leave(&node).await;
            return Exit::Failed;
        }
    };
    let (mut editor, printer) = editor;
    let (screen, lines) = mpsc::channel(SCREEN);
    std::thread::spawn(move || print(printer, lines));
    logging::through(Screen::Prompt(screen.clone()));
    let out = Out::screen(screen, setup.json);
    if !setup.json {
        if let Some(status) = node.status().await {
            out.note(&sentences::ready(&status));
        }
        out.note(
            "type help for the commands; what you put into shared/ is offered to everyone here",
        );
    }
    out.flush().await;
    let coming = Coming::default();
    let watcher = watch(events, out.clone(), true, coming.clone());
    let watcher = tokio::spawn(watcher);
    let (sender, mut inputs) = mpsc::channel(1);
    let history = setup.settings.home.join(".sprat").join("history");
    let thread = std::thread::spawn(move || edit(&mut editor, &history, &sender));

    let session = Session::new(node, out.clone(), setup, coming);
    let mut farewell = Farewell::new(setup.settings.replicas);
    let exit = talk(&session, &mut farewell, &mut inputs, signals).await;

    watcher.abort();
    drop(inputs);
    out.flush().await;
    logging::through(Screen::Streams);
    given_back(&thread, saved).await;
    // From here on nothing is typed: the streams can be written to again.
    let out = Out::streams(setup.json);
    let running = session.node.running_jobs();
    if !farewell.pending() {
        leaving::tell(&session.node, setup, &out).await;
    }
    leave(&session.node).await;
    if running > 0 {
        out.note("the downloads under way are kept; the same command resumes them");
    }
    out.note("left the swarm");
    exit
}

/// Does what is typed until the person leaves or a signal comes.
async fn talk(
    session: &Session<'_>,
    farewell: &mut Farewell,
    inputs: &mut mpsc::Receiver<Input>,
    signals: &mut Signals,
) -> Exit {
    let mut look = tokio::time::interval(LOOK);
    loop {
        let input = tokio::select! {
            input = inputs.recv() => input,
            _ = signals.next() => return Exit::Interrupted,
            _ = look.tick(), if farewell.pending() => {
                let safe = safe(session).await;
                if stays(session, farewell.step(safe.as_ref())) {
                    continue;
                }
                if safe.is_some() {
                    session.out.note(sentences::COPIED);
                }
                return Exit::Done;
            }
        };
        let (line, answer) = match input {
            Some(Input::Line(line, answer)) => (session.read(&line), answer),
            // Who talks with somebody leaves that first.
            Some(Input::Leave(answer)) if session.partner().is_some() => (Ok(Typed::Quit), answer),
            Some(Input::Leave(answer)) => (Ok(Typed::Command(AtPrompt::Exit)), answer),
            Some(Input::Lost) | None => return Exit::Interrupted,
        };
        match line {
            Ok(Typed::Command(AtPrompt::Exit)) => {
                let safe = safe(session).await;
                if !stays(session, farewell.ask(safe.as_ref())) {
                    return Exit::Done;
                }
            }
            Ok(Typed::Command(AtPrompt::Shared(Shared::Cancel {
                job: None,
                waiting: None,
            }))) if session.node.running_jobs() == 0 && farewell.stay() => {
                session.out.note(sentences::STAYING);
            }
            Ok(command) => tokio::select! {
                _ = session.execute(command, None) => {}
                asked = signals.next() => if asked == Asked::Terminate {
                    return Exit::Interrupted;
                },
            },
            Err(why) => drop(session.wrong(&why)),
        }
        session.out.flush().await;
        // An editor that is not answered stops.
        let _ = answer.send(Next {
            pending: farewell.pending(),
            prompt: session.partner().map(|partner| {
                let name = text::person(&partner.name);
                format!("to {name}> ")
            }),
        });
    }
}

/// Whether what is shared is elsewhere; `None` when the node is stopping.
async fn safe(session: &Session<'_>) -> Option<Safe> {
    Some(session.node.status().await?.safe)
}

/// Does what was decided; false when that is to leave.
fn stays(session: &Session<'_>, step: Step) -> bool {
    if let Step::Say(word) = step {
        if session.out.json() {
            session
                .out
                .object(&json::Event::Leaving { safe: *word.safe() });
        } else {
            session.out.note(&word.sentence());
        }
    }
    step != Step::Leave
}

/// Waits for the editor's thread to end by itself; when a line is being typed it does not, and the
/// terminal is put back as it was.
async fn given_back(thread: &JoinHandle<()>, saved: Saved) {
    for _ in 0..5 {
        if thread.is_finished() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    saved.restore();
}

/// How the terminal was before the editor changed it.
struct Saved(#[cfg(unix)] Option<rustix::termios::Termios>);

impl Saved {
    fn now() -> Self {
        Self(
            #[cfg(unix)]
            rustix::termios::tcgetattr(io::stdin()).ok(),
        )
    }

    fn restore(self) {
        #[cfg(unix)]
        if let Some(modes) = self.0 {
            use rustix::termios::{OptionalActions, tcsetattr};
            // Done when it can be: a terminal that is gone needs nothing.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &modes);
        }
        plain("\n");
    }
}

/// Prints text, above the line being typed if there is one.
type Printer = Box<dyn FnMut(String) + Send>;
type Lines = Editor<Words, FileHistory>;

/// The editor and the printer that knows its line; terminals that cannot do that get plain
/// printing.
fn editor(known: Here) -> rustyline::Result<(Lines, Printer)> {
    let config = rustyline::Config::builder()
        .completion_type(rustyline::CompletionType::List)
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        // Pasted lines are commands, one after the other.
        .bracketed_paste(false)
        .build();
    let mut editor: Lines = Editor::with_config(config)?;
    editor.set_helper(Some(Words {
        known,
        typed: Cell::new(false),
    }));
    let printer: Printer = match editor.create_external_printer() {
        Ok(mut printer) => Box::new(move |text| {
            if printer.print(text.clone()).is_err() {
                plain(&text);
            }
        }),
        Err(_) => Box::new(|text| plain(&text)),
    };
    Ok((editor, printer))
}

fn plain(text: &str) {
    let mut stdout = io::stdout().lock();
    // A terminal that is gone has nobody to tell.
    drop(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    );
}

fn print(mut printer: Printer, mut lines: mpsc::Receiver<Line>) {
    while let Some(line) = lines.blocking_recv() {
        match line {
            Line::Text(text) => printer(text + "\n"),
            Line::Flush(done) => drop(done.send(())),
        }
    }
}

/// The editor's thread: a line, its answer, the next line.
fn edit(editor: &mut Lines, history: &Path, inputs: &mpsc::Sender<Input>) {
    // None yet, or not readable: then there is none.
    drop(editor.load_history(history));
    let mut warned = false;
    let mut prompt: Option<String> = None;
    loop {
        if let Some(words) = editor.helper() {
            words.typed.set(false);
        }
        let (answer, done) = oneshot::channel();
        let input = match editor.readline(prompt.as_deref().unwrap_or(PROMPT)) {
            Ok(line) => {
                if prompt.is_none() {
                    remember(editor, history, &line);
                }
                Input::Line(line, answer)
            }
            Err(ReadlineError::Interrupted) => {
                let typed = editor.helper().is_some_and(|words| words.typed.get());
                if typed || !warned {
                    warned = !typed;
                    if warned {
                        plain("type exit to leave, or press Ctrl-C again\n");
                    }
                    continue;
                }
                Input::Leave(answer)
            }
            Err(ReadlineError::Eof) => Input::Leave(answer),
            Err(_) => Input::Lost,
        };
        if inputs.blocking_send(input).is_err() {
            return;
        }
        let Ok(next) = done.blocking_recv() else {
            return;
        };
        (warned, prompt) = (next.pending, next.prompt);
    }
}

fn remember(editor: &mut Lines, history: &Path, line: &str) {
    if line.trim().is_empty() {
        return;
    }
    // A history that cannot be kept is no reason to disturb anybody.
    if editor.add_history_entry(line).unwrap_or(false) {
        drop(editor.append_history(history));
    }
}

/// Completion, and whether something stands in the line.
struct Words {
    known: Here,
    typed: Cell<bool>,
}

/// The node, asked from the editor's thread.
struct Here {
    node: Node,
    runtime: Handle,
}

impl Known for Here {
    fn offered(&self, prefix: &str) -> Vec<String> {
        let found = self.node.beginnings(prefix.to_owned(), MOST);
        let found = async { tokio::time::timeout(TAB, found).await };
        self.runtime.block_on(found).unwrap_or_default()
    }

    fn people(&self) -> Vec<String> {
        self.node.peers().into_iter().map(|row| row.name).collect()
    }

    fn asks(&self) -> Vec<u32> {
        self.node.asks().iter().map(|ask| ask.number).collect()
    }
}

impl Helper for Words {}
impl Highlighter for Words {}
impl Validator for Words {}

impl Hinter for Words {
    type Hint = String;

    /// Hints nothing, but is asked at every change of the line.
    fn hint(&self, line: &str, _cursor: usize, _context: &Context<'_>) -> Option<String> {
        self.typed.set(!line.is_empty());
        None
    }
}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(line, cursor, &self.known, files::begin_so))
    }
}
