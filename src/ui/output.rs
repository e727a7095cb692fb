//! Where words go: results to standard output, everything else to standard error, or both to one of
//! them, or to the prompt's screen.
//!
//! Invariants: nothing here panics when the other end of a pipe is closed; while a prompt is up,
//! every line goes through its one printer, so that no message breaks the line being typed.

use super::{
    draw::Draw,
    escapes::Can,
    far::{Ends, Far, Pipes, Written},
    json as form,
};
use crate::core::path::printable;
use comfy_table::Table;
use serde::Serialize;
use serde_json::json;
use std::{
    io::{self, IsTerminal as _, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot};

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
    /// A shell beside the node; whether its standard output is for a file's bytes.
    Remote(Far, bool),
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

    /// Writes to a prompt's printer. When that is stopped (Ctrl-S) and its queue is full, lines are
    /// lost: the node must not wait for a person.
    #[must_use]
    pub fn screen(printer: mpsc::Sender<Line>, json: bool) -> Self {
        Self {
            target: Target::Screen(printer),
            json,
        }
    }

    /// Writes to a shell beside the node: what it is told is `{"out"}`, `{"err"}`, `{"ask"}` and
    /// `{"bar"}`, and `"read"` and `{"write"}` when its own streams are wanted. Who says much
    /// awaits [`Out::room`].
    #[must_use]
    pub fn remote(json: bool, ends: Ends, pipes: Pipes) -> (Self, Written) {
        let (far, written) = Far::new(ends, pipes);
        let target = Target::Remote(far, false);
        (Self { target, json }, written)
    }

    /// The same with everything on standard error, since a file goes to standard output.
    #[must_use]
    pub fn beside_a_file(self) -> Self {
        let target = match self.target {
            Target::Streams(_) => Target::Aside,
            Target::Remote(far, _) => Target::Remote(far, true),
            other => other,
        };
        Self { target, ..self }
    }

    /// Whether a shell beside the node shows it.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.target, Target::Remote(..))
    }

    /// Tells a shell beside the node what to draw.
    pub fn draw(&self, what: &Draw) {
        if let Target::Remote(far, _) = &self.target {
            far.show(json!({ "bar": what }));
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
            Target::Aside | Target::Remote(_, true) => self.note(text),
            Target::Screen(printer) => drop(printer.try_send(Line::Text(text.to_owned()))),
            Target::Remote(far, _) => far.say(json!({ "out": text })),
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
            Target::Remote(far, _) => far.say(json!({ "err": text })),
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
            Target::Remote(far, _) => far.ends.width,
            _ => terminal_width(),
        }
    }

    /// What the terminal of results can show beyond text, and may.
    #[must_use]
    pub fn can(&self) -> Can {
        match &self.target {
            Target::Remote(far, _) => far.ends.can,
            _ => Can::here(),
        }
    }

    /// Whether results are shown on a terminal.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        match &self.target {
            Target::Remote(far, _) => far.ends.width.is_some(),
            _ => io::stdout().is_terminal(),
        }
    }

    /// Whether a person can type an answer.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        match &self.target {
            Target::Remote(far, _) => far.ends.typed,
            _ => io::stdin().is_terminal(),
        }
    }

    /// Asks something on standard error, so that results stay alone; the answer is typed behind it.
    pub fn ask(&self, question: &str) {
        if let Target::Remote(far, _) = &self.target {
            return far.say(json!({ "ask": question }));
        }
        let mut asked = io::stderr().lock();
        // Without a standard error there is nobody to ask.
        drop(
            asked
                .write_all(question.as_bytes())
                .and_then(|()| asked.flush()),
        );
    }

    /// What comes by standard input, for a blocking thread; of a shell beside the node, once.
    #[must_use]
    pub fn input(&self) -> Box<dyn Read + Send> {
        match &self.target {
            Target::Remote(far, _) => Box::new(far.input()),
            _ => Box::new(io::stdin()),
        }
    }

    /// Standard output for the bytes of a file, for a blocking thread.
    #[must_use]
    pub fn output(&self, name: &str) -> Box<dyn Write + Send> {
        match &self.target {
            Target::Remote(far, _) => Box::new(far.output(name)),
            _ => Box::new(io::stdout()),
        }
    }

    /// Those are all; comes when they were taken, or nobody takes them any more.
    pub async fn end_output(&self) {
        if let Target::Remote(far, _) = &self.target {
            far.finish().await;
        }
    }

    /// Waits for a shell beside the node that has much to read. To be awaited where something is
    /// said again and again, so that the command becomes as slow as its reader.
    pub async fn room(&self) {
        if let Target::Remote(far, _) = &self.target {
            far.room().await;
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
