//! What both ends of a code have in common: it is shown, typed, read from the environment, or
//! wrong.
//!
//! The code can be typed, or stand in `SPRAT_CODE`, so that it need not be among a program's
//! arguments; it is written to no log.

pub mod give;

use super::{config::Setup, escapes, exit::Exit, json, output::Out, qr};
use crate::{core::code::Code, node::pair::PairError};
use std::{
    convert::Infallible,
    io::{self, BufRead as _, Read as _},
};
use tokio::sync::mpsc;

/// A code's words, unless told otherwise.
pub const WORDS: usize = 2;
/// So many codes are shown one after the other: more wrong guesses than that are no typing errors.
pub const MAX_CODES: usize = 10;
/// Bytes of typed lines: nobody types more.
const LONGEST: u64 = 64 << 10;
/// Typed lines that wait to be read.
const LINES: usize = 8;

/// The settings of a node of which nobody hears before it has paired.
pub fn hidden(setup: &Setup) -> Setup {
    let mut setup = setup.clone();
    setup.settings.hidden = true;
    setup
}

/// Shows a code, and what to type with it on the other machine.
pub fn tell_code(out: &Out, what_to_type: &str, code: &Code) {
    let code = code.to_string();
    if out.json() {
        out.object(&json::Event::Code { code: &code });
    } else {
        out.result(&format!("on the other machine: {what_to_type} {code}"));
        qr::show(out, &code);
    }
}

/// Puts the line for the other machine on the clipboard each time that Enter is pressed, as long as
/// this is awaited. Without a terminal it does nothing.
pub async fn copy_at_enter(out: &Out, line: &str, lines: &mut Lines) -> Infallible {
    if !out.json() && out.is_typed() && out.is_watched() {
        while lines.next().await.is_some() {
            out.ask(&escapes::copied(line));
            out.note("copied, if this terminal lets programs do that");
        }
    }
    std::future::pending().await
}

/// The code of the arguments, or of the environment.
pub fn given(words: &[String]) -> Option<Result<Code, String>> {
    let typed = words.join("-");
    let text = if typed.is_empty() {
        std::env::var("SPRAT_CODE").ok()?
    } else {
        typed
    };
    let code = text.parse::<Code>().map_err(|error| error.to_string());
    (!text.is_empty()).then_some(code)
}

/// Whether there is a code in the environment.
pub fn has_code() -> bool {
    std::env::var_os("SPRAT_CODE").is_some_and(|code| !code.is_empty())
}

/// The same, or what the person at the terminal types.
///
/// # Errors
/// A sentence, when that is no code.
pub async fn read_code(words: Vec<String>, out: &Out) -> Result<Code, String> {
    if let Some(code) = given(&words) {
        return code;
    }
    out.ask("code: ");
    let text = Lines::new(out).next().await.ok_or("no code was given")?;
    text.parse::<Code>().map_err(|error| error.to_string())
}

/// Lines of standard input, all read by one thread: a wait that ends early takes none from the
/// next.
pub struct Lines {
    out: Out,
    typed: Option<mpsc::Receiver<String>>,
}

impl Lines {
    /// Nothing is read before a line is wanted.
    #[must_use]
    pub fn new(out: &Out) -> Self {
        Self {
            out: out.clone(),
            typed: None,
        }
    }

    /// The next line; `None` at the end. Cancelling the wait loses none.
    pub async fn next(&mut self) -> Option<String> {
        let lines = self.typed.get_or_insert_with(|| {
            let (typed, lines) = mpsc::channel(LINES);
            let input = self.out.input().take(LONGEST);
            std::thread::spawn(move || {
                for line in io::BufReader::new(input).lines().map_while(Result::ok) {
                    if typed.blocking_send(line).is_err() {
                        return;
                    }
                }
            });
            lines
        });
        lines.recv().await
    }
}

/// Says that somebody seems to be guessing.
pub fn too_many(out: &Out) -> Exit {
    out.failure(
        "",
        "too many wrong codes were given: somebody may be guessing; start again with more --words",
    );
    Exit::Refused
}

/// Says why there is no pair.
pub fn failed(out: &Out, error: &PairError) -> Exit {
    out.failure("", &error.to_string());
    match error {
        PairError::WrongCode | PairError::Spent | PairError::Burnt | PairError::Unconfirmed => {
            Exit::Refused
        }
        PairError::NobodyThere => Exit::NotFound,
        PairError::Code(_) => Exit::Usage,
        _ => Exit::Failed,
    }
}
