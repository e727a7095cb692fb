//! A shell beside the node, as a command that the node does for it has it: where its words go, and
//! its standard input and output.
//!
//! Invariants: every queue is bounded; no word is lost: who has much to say waits for room, and
//! when there is none all the same, the command ends; bytes are not lost either, since their writer
//! waits; nothing is read of the shell's input before a command wants it; an input that broke off
//! is no end.

use super::escapes::Can;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    io::{self, Read, Write},
    sync::Arc,
};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// What the shell may not have read yet, in lines, or lists of them. Tests fill it.
const UNREAD: usize = if cfg!(test) { 256 } else { 16 << 10 };
/// What there has to be room for before a command goes on that says more and more.
const ROOM: usize = UNREAD / 2;

/// Bytes that are written at a time.
const PIECE: usize = 256 << 10;

/// The streams of a command that was given beside the node: where its words go; what comes by its
/// standard input, and what goes to its standard output. Of both, `None` is the end; an input
/// without one broke off.
pub type Pipes = (
    mpsc::Sender<Value>,
    mpsc::Receiver<Option<Bytes>>,
    mpsc::Sender<Option<Bytes>>,
);

/// What the shell's streams are.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Ends {
    /// The columns of the terminal that its output is, if it is one.
    pub width: Option<usize>,
    /// Whether its input is a terminal.
    pub typed: bool,
    /// What else it can show.
    #[serde(default)]
    pub can: Can,
}

/// See the module. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Far {
    words: mpsc::Sender<Value>,
    /// What its streams are.
    pub ends: Ends,
    input: Arc<Mutex<Option<mpsc::Receiver<Option<Bytes>>>>>,
    output: mpsc::Sender<Option<Bytes>>,
    passed: Arc<Notify>,
    full: CancellationToken,
}

/// What a command says, on its way to the shell.
pub struct Written {
    words: mpsc::Receiver<Value>,
    shell: mpsc::Sender<Value>,
    passed: Arc<Notify>,
    full: CancellationToken,
}

/// Tells who waits for room, however the words ended.
struct Passing(Arc<Notify>);

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

impl Written {
    /// Comes when something was said for which there is no room, so that it is lost.
    #[must_use]
    pub fn full(&self) -> CancellationToken {
        self.full.clone()
    }

    /// What was said first and is not passed on.
    #[cfg(test)]
    pub fn said(&mut self) -> Option<Value> {
        self.words.try_recv().ok()
    }

    /// Passes on what is said, in order, until all is said. Nobody who listens any more is no
    /// failure: the command is stopped then.
    pub async fn pass_on(self) {
        let Self {
            mut words,
            shell,
            passed,
            ..
        } = self;
        let _last = Passing(passed.clone());
        while let Some(said) = words.recv().await {
            if shell.send(said).await.is_err() {
                words.close();
                return;
            }
            passed.notify_waiters();
        }
    }
}

impl Far {
    /// Of what was opened for a command; what it says is to be passed on.
    pub fn new(ends: Ends, (words, input, output): Pipes) -> (Self, Written) {
        let (said, written) = mpsc::channel(UNREAD);
        let (passed, full) = (Arc::new(Notify::new()), CancellationToken::new());
        let far = Self {
            words: said,
            ends,
            input: Arc::new(Mutex::new(Some(input))),
            output,
            passed: passed.clone(),
            full: full.clone(),
        };
        let written = Written {
            words: written,
            shell: words,
            passed,
            full,
        };
        (far, written)
    }

    /// Says something. The node must not wait for the shell: without room the command has to end.
    pub fn say(&self, what: Value) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.words.try_send(what) {
            self.full.cancel();
        }
    }

    /// Shows how far it is; a shell that has not read for long needs only what comes last.
    pub fn show(&self, what: Value) {
        drop(self.words.try_send(what));
    }

    /// Comes when there is room for much, or nobody reads any more.
    pub async fn room(&self) {
        loop {
            let passed = self.passed.notified();
            if self.words.capacity() >= ROOM || self.words.is_closed() {
                return;
            }
            passed.await;
        }
    }

    /// Its standard input, once.
    pub fn input(&self) -> Input {
        let pieces = self.input.lock().take();
        Input {
            wanted: pieces.is_some().then(|| self.words.clone()),
            pieces,
            rest: Bytes::new(),
        }
    }

    /// Its standard output, which a file is written to.
    pub fn output(&self, name: &str) -> Output {
        Output {
            wanted: Some((self.words.clone(), name.to_owned())),
            pieces: self.output.clone(),
        }
    }

    /// What was written is all; comes when the shell has taken it, or is gone.
    pub async fn finish(&self) {
        if self.output.send(None).await.is_ok() {
            self.output.closed().await;
        }
    }
}

/// See [`Far::input`]. To be read by a blocking thread.
pub struct Input {
    /// Who is still to be told that it is read.
    wanted: Option<mpsc::Sender<Value>>,
    pieces: Option<mpsc::Receiver<Option<Bytes>>>,
    rest: Bytes,
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(words) = self.wanted.take() {
            // This one must not be lost: the reader waits for what it brings.
            let _ = words.blocking_send(json!("read"));
        }
        while self.rest.is_empty() {
            let Some(pieces) = &mut self.pieces else {
                return Ok(0);
            };
            match pieces.blocking_recv() {
                Some(Some(piece)) => self.rest = piece,
                Some(None) => self.pieces = None,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.rest.len().min(into.len());
        into[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

/// See [`Far::output`]. To be written by a blocking thread.
pub struct Output {
    /// Who is still to be told that a file of this name is written.
    wanted: Option<(mpsc::Sender<Value>, String)>,
    pieces: mpsc::Sender<Option<Bytes>>,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let bytes = &bytes[..bytes.len().min(PIECE)];
        let piece = Some(Bytes::copy_from_slice(bytes));
        let sent = self.pieces.blocking_send(piece);
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    /// Tells of the file, though it may be empty; what is written is on its way at once.
    fn flush(&mut self) -> io::Result<()> {
        if let Some((words, name)) = self.wanted.take() {
            // This one must not be lost: the writer waits for who takes it.
            let told = words.blocking_send(json!({ "write": name }));
            told.map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_breaks_off_is_no_end_of_it() {
        let open = || {
            let (words, _said) = mpsc::channel(4);
            let (pieces, input) = mpsc::channel(4);
            let (output, _taken) = mpsc::channel(4);
            let (far, mut written) = Far::new(Ends::default(), (words, input, output));
            let mut reading = far.input();
            assert!(written.said().is_none(), "nothing is read yet");
            pieces.try_send(Some(Bytes::from_static(b"abc"))).unwrap();
            let mut first = [0];
            reading.read_exact(&mut first).unwrap();
            assert_eq!(written.said().unwrap(), json!("read"));
            (pieces, reading)
        };
        let mut text = String::new();
        let (pieces, mut reading) = open();
        pieces.try_send(None).unwrap();
        drop(pieces);
        assert_eq!(reading.read_to_string(&mut text).unwrap(), 2);
        let (pieces, mut reading) = open();
        drop(pieces);
        let error = reading.read_to_string(&mut text).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
