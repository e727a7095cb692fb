//! Where words go: results to standard output, everything else to standard error, or both to one of
//! them, or to the prompt's screen.
//!
//! Invariants: nothing here panics when the other end of a pipe is closed; while a prompt is up,
//! every line goes through its one printer, so that no message breaks the line being typed.

use super::{draw::Draw, json as form};
use crate::core::path::printable;
use comfy_table::Table;
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot};

/// What a shell beside the node may not have read yet, in lines, or lists of them.
const UNREAD: usize = 16 << 10;

/// What the prompt's printer is asked for.
#[derive(Debug)]
pub enum Line {
    /// Print this, and end the line.
    Text(String),
    /// Say when everything before this is printed.
    Flush(oneshot::Sender<()>),
}

/// A handle to the output. Clones write to the same place.
#[derive(Clone, Debug)]
pub struct Out {
    target: Target,
    json: bool,
}

#[derive(Clone, Debug)]
enum Target {
    /// The two streams; the flag says that nobody reads standard output any more.
    Streams(Arc<AtomicBool>),
    /// Standard error alone: standard output is for a file's bytes.
    Aside,
    /// The printer of the prompt.
    Screen(mpsc::Sender<Line>),
    /// A shell beside the node, and the columns of its terminal.
    Remote(mpsc::Sender<Value>, Option<usize>),
}

impl Out {
    /// Writes to the two streams.
    #[must_use]
    pub fn streams(json: bool) -> Self {
        Self {
            target: Target::Streams(Arc::default()),
            json,
        }
    }

    /// Writes everything to standard error, since a file goes to standard output.
    #[must_use]
    pub fn aside(json: bool) -> Self {
        Self {
            target: Target::Aside,
            json,
        }
    }

    /// Writes to a prompt's printer. When that is stopped (Ctrl-S) and its queue is full, lines are
    /// lost: the node must not wait for a person.
    #[must_use]
    pub fn screen(printer: mpsc::Sender<Line>, json: bool) -> Self {
        Self {
            target: Target::Screen(printer),
            json,
        }
    }

    /// Writes to a shell beside the node: what is received is `{"out"}`, `{"err"}` and `{"bar"}`. One that
    /// does not read for long loses lines: the node must not wait for it.
    #[must_use]
    pub fn remote(json: bool, width: Option<usize>) -> (Self, mpsc::Receiver<Value>) {
        let (words, written) = mpsc::channel(UNREAD);
        let target = Target::Remote(words, width);
        (Self { target, json }, written)
    }

    /// Whether a shell beside the node shows it.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.target, Target::Remote(..))
    }

    /// Tells a shell beside the node what to draw.
    pub fn draw(&self, what: &Draw) {
        if let Target::Remote(words, _) = &self.target {
            drop(words.try_send(json!({ "bar": what })));
        }
    }

    /// Whether results are JSON.
    #[must_use]
    pub fn json(&self) -> bool {
        self.json
    }

    /// Prints a result, without its last line end.
    pub fn result(&self, text: &str) {
        match &self.target {
            Target::Streams(closed) => {
                if !closed.load(Ordering::Relaxed) {
                    let mut stdout = io::stdout().lock();
                    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
                    closed.store(written.is_err(), Ordering::Relaxed);
                }
            }
            Target::Aside => self.note(text),
            Target::Screen(printer) => drop(printer.try_send(Line::Text(text.to_owned()))),
            Target::Remote(words, _) => drop(words.try_send(json!({ "out": text }))),
        }
    }

    /// Prints many results, and stops quietly when nobody reads any more (`| head`): that is their
    /// choice, no failure.
    pub fn results(&self, lines: impl Iterator<Item = String>) {
        match &self.target {
            Target::Streams(closed) => {
                let mut stdout = io::BufWriter::new(io::stdout().lock());
                let mut lines = lines;
                let written = lines
                    .try_for_each(|line| writeln!(stdout, "{line}"))
                    .and_then(|()| stdout.flush());
                closed.store(written.is_err(), Ordering::Relaxed);
            }
            Target::Aside | Target::Screen(_) | Target::Remote(..) => {
                let lines: Vec<String> = lines.collect();
                if !lines.is_empty() {
                    self.result(&lines.join("\n"));
                }
            }
        }
    }

    /// Prints an object of JSON; nothing, when JSON has no words for it.
    pub fn object(&self, value: &impl Serialize) {
        if let Some(line) = form::line(value) {
            self.result(&line);
        }
    }

    /// Prints many objects.
    pub fn objects<T: Serialize>(&self, values: impl Iterator<Item = T>) {
        self.results(values.filter_map(|value| form::line(&value)));
    }

    /// Says something that is not a result.
    pub fn note(&self, text: &str) {
        match &self.target {
            // Without a standard error there is nobody to tell.
            Target::Streams(_) | Target::Aside => drop(writeln!(io::stderr().lock(), "{text}")),
            Target::Screen(printer) => drop(printer.try_send(Line::Text(text.to_owned()))),
            Target::Remote(words, _) => drop(words.try_send(json!({ "err": text }))),
        }
    }

    /// Says what went wrong, with the program's name, as programs do outside of a prompt.
    pub fn error(&self, text: &str) {
        match &self.target {
            Target::Streams(_) | Target::Aside | Target::Remote(..) => {
                self.note(&format!("sprat: {text}"));
            }
            Target::Screen(_) => self.note(text),
        }
    }

    /// Says what failed, and why, in the form that is wanted.
    pub fn failure(&self, name: &str, why: &str) {
        if self.json {
            self.object(&form::Event::Error { name, error: why });
        } else {
            self.error(&printable(why));
        }
    }

    /// The columns that a table may have; `None` when nobody looks at it.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        match &self.target {
            Target::Remote(_, width) => *width,
            _ => terminal_width(),
        }
    }

    /// Whether results are shown on a terminal.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        match &self.target {
            Target::Remote(_, width) => width.is_some(),
            _ => io::stdout().is_terminal(),
        }
    }

    /// Waits until everything said so far is on the screen.
    pub async fn flush(&self) {
        if let Target::Screen(printer) = &self.target {
            let (done, printed) = oneshot::channel();
            if printer.send(Line::Flush(done)).await.is_ok() {
                drop(printed.await);
            }
        }
    }
}

/// The columns of the terminal behind standard output; `None` when it is not a terminal.
#[must_use]
pub fn terminal_width() -> Option<usize> {
    let table = Table::new();
    let width = table.is_tty().then(|| table.width().map(usize::from))?;
    width.filter(|width| *width > 0) // Some terminals do not know theirs.
}
