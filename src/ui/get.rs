//! `sprat get`: a file's bytes to standard output, in order, as they come; with a node of its own,
//! or by the one that runs in the home.
//!
//! Invariants: standard output gets the file's bytes and nothing else, none of which is unverified;
//! a terminal gets text alone; that nobody reads on is no failure.

use super::{
    beside,
    cli::Get,
    commands::fetching,
    config::Setup,
    exit::Exit,
    output::Out,
    running::{leave, start},
    signals::Signals,
};
use crate::{
    core::{
        path::printable,
        range::{Part, part},
    },
    node::{DownloadRequest, OpenError},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use std::io::{self, IsTerminal as _, Write as _};
use tokio::{sync::mpsc, task::spawn_blocking};

/// Pieces that wait for the reader of standard output.
const AHEAD: usize = 4;

/// Why not all of it came.
#[derive(Debug)]
pub struct Failure {
    /// How the command ends.
    pub exit: Exit,
    /// A sentence.
    pub why: String,
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self {
            exit: Exit::from(&error),
            why: error.to_string(),
        }
    }
}

/// Writes a file to standard output.
pub async fn get(setup: &Setup, what: Get, signals: &mut Signals) -> Exit {
    let out = Out::streams(false);
    if setup.json {
        out.error("`get` writes the file's own bytes: leave out --json");
        return Exit::Usage;
    }
    let ended = match beside::there(&setup.settings.home).await {
        Some(mut node) => match node.get(setup, &what).await {
            Ok(bytes) => pour(bytes, signals).await,
            Err(failure) => Err(failure),
        },
        None => alone(setup, what, &out, signals).await,
    };
    ended.unwrap_or_else(|Failure { exit, why }| {
        if !why.is_empty() {
            out.error(&printable(&why));
        }
        exit
    })
}

/// With a node that fetches, and leaves.
async fn alone(
    setup: &Setup,
    what: Get,
    out: &Out,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let said = |exit| Failure {
        exit,
        why: String::new(),
    };
    let words = vec![what.what];
    let starting = &fetching(setup, &words);
    let node = start(starting, false, out).await.map_err(said)?;
    let request = DownloadRequest {
        what: words,
        from: what.from,
        wait: setup.wait,
        ..DownloadRequest::default()
    };
    let opened = tokio::select! {
        opened = node.open_from(request) => opened.map_err(Failure::from),
        _ = signals.next() => Err(said(Exit::Interrupted)),
    };
    let read = opened.and_then(|reader| {
        let size = reader.size();
        let range = match what.range {
            Some(range) => match part(&format!("bytes={range}"), size) {
                Part::Whole => 0..size,
                Part::Some(range) => range,
                Part::None => {
                    let why = format!("`{}` has {size} bytes, and none of those", reader.name());
                    return Err(Failure {
                        exit: Exit::Usage,
                        why,
                    });
                }
            },
            None => 0..size,
        };
        let reader = match setup.timeout {
            Some(timeout) => reader.patient(timeout),
            None => reader,
        };
        Ok(reader.stream(range))
    });
    let ended = match read {
        Ok(bytes) => pour(bytes.map(|item| item.map_err(Failure::from)), signals).await,
        Err(failure) => Err(failure),
    };
    leave(&node).await;
    ended
}

/// Writes what comes to standard output, until its end or a signal.
async fn pour(
    bytes: impl Stream<Item = Result<Bytes, Failure>>,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let (pieces, coming) = mpsc::channel(AHEAD);
    let writing = spawn_blocking(move || write(coming));
    let pouring = async {
        let mut bytes = std::pin::pin!(bytes);
        while let Some(piece) = bytes.next().await {
            if pieces.send(piece?).await.is_err() {
                break; // The writer says why.
            }
        }
        drop(pieces);
        let written = writing.await.map_err(io::Error::other).flatten();
        written
            .map(|()| Exit::Done)
            .or_else(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => Ok(Exit::Done),
                io::ErrorKind::InvalidInput => Err(Failure {
                    exit: Exit::Usage,
                    why: error.to_string(),
                }),
                _ => Err(Failure {
                    exit: Exit::Failed,
                    why: format!("standard output: {error}"),
                }),
            })
    };
    tokio::select! {
        end = pouring => end,
        _ = signals.next() => Ok(Exit::Interrupted),
    }
}

/// Writes pieces until there are no more.
fn write(mut coming: mpsc::Receiver<Bytes>) -> io::Result<()> {
    let mut stdout = io::stdout();
    let shown = stdout.is_terminal();
    while let Some(piece) = coming.blocking_recv() {
        if shown && !is_text(&piece) {
            let why = "that is no text, and could do anything to a terminal: give it to a program \
                       (`| less`), to a file (`> FILE`), or `sprat download` it";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        stdout.write_all(&piece)?;
    }
    stdout.flush()
}

/// Whether a terminal can show it as it is: UTF-8 that may begin and end within a character, without
/// controls but tabs and line ends.
fn is_text(piece: &[u8]) -> bool {
    let begins = piece
        .iter()
        .take(3)
        .take_while(|byte| **byte & 0xC0 == 0x80);
    let begins = begins.count();
    let text = match std::str::from_utf8(&piece[begins..]) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            let whole = &piece[begins..begins + error.valid_up_to()];
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_text_and_nothing_that_moves_its_cursor() {
        for text in ["plain\ttext\r\n", "", "grün 漢字 🐟\n"] {
            for from in 0..text.len() {
                assert!(is_text(&text.as_bytes()[from..]), "{text} from {from}");
                assert!(is_text(&text.as_bytes()[..from]), "{text} to {from}");
            }
        }
        for other in [
            &b"\x1b[2J"[..],
            b"a\0b",
            b"\x7f",
            b"\xff\xd8\xff",
            b"a\xc2\x9bb",
            b"a\xffb",
        ] {
            assert!(!is_text(other), "{other:?}");
        }
    }
}
