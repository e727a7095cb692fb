//! Commands of the shell beside the node, on the socket of the home alone: what they say goes back
//! line by line, and their standard input and output have a request each.
//!
//! Owns which run. Never knows what a command is: the code that runs them comes from outside.
//! Invariants: at most [`AT_ONCE`] run; one whose shell is gone is stopped, and its streams break
//! off; no stream holds more than [`PIECES`] on its way.

use super::{body::Given, error::ApiError};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{StreamExt as _, stream};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{collections::HashMap, convert::Infallible, pin::Pin, sync::Arc};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The streams of a command: where its words go; what comes by its standard input, and what goes to
/// its standard output. Of both, `None` is the end; an input without one broke off.
pub type Pipes = (
    mpsc::Sender<Value>,
    mpsc::Receiver<Option<Bytes>>,
    mpsc::Sender<Option<Bytes>>,
);

/// Runs a command: what it was given, its streams, and what stops it. Gives the exit code.
pub type Run = Arc<
    dyn Fn(Value, Pipes, CancellationToken) -> Pin<Box<dyn Future<Output = u8> + Send>>
        + Send
        + Sync,
>;

/// Commands at a time.
const AT_ONCE: usize = 32;
/// Bytes of a command: it may name thousands of files.
const LONGEST: usize = 4 << 20;
/// What is said and not on its way yet.
const WORDS: usize = 64;
/// Pieces of a stream that are on their way: of an input, what the socket gives at a time.
const PIECES: usize = 4;

/// The shell's ends of a command.
struct Ends {
    stop: CancellationToken,
    input: Option<mpsc::Sender<Option<Bytes>>>,
    output: Option<mpsc::Receiver<Option<Bytes>>>,
}

#[derive(Default)]
struct Running {
    last: u64,
    commands: HashMap<u64, Ends>,
}

#[derive(Clone)]
struct Commands {
    run: Run,
    running: Arc<Mutex<Running>>,
}

impl Commands {
    /// One end of a command's streams, for the first that asks.
    fn take<T>(&self, number: u64, end: fn(&mut Ends) -> Option<T>) -> Result<T, ApiError> {
        let mut running = self.running.lock();
        let ends = running.commands.get_mut(&number);
        ends.and_then(end).ok_or_else(ended)
    }
}

/// Ends a command when its shell is gone.
struct Shell {
    number: u64,
    running: Arc<Mutex<Running>>,
}

impl Drop for Shell {
    fn drop(&mut self) {
        if let Some(ends) = self.running.lock().commands.remove(&self.number) {
            ends.stop.cancel();
        }
    }
}

/// The paths.
pub fn router(run: Run) -> Router {
    let running = Arc::default();
    Router::new()
        .route("/api/v1/run", post(begin))
        .route("/api/v1/run/{number}/stop", post(stop))
        .route("/api/v1/run/{number}/input", post(input))
        .route("/api/v1/run/{number}/output", get(output))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(Commands { run, running })
}

async fn begin(
    State(commands): State<Commands>,
    Given(given): Given<Value>,
) -> Result<Response, ApiError> {
    let stop = CancellationToken::new();
    let (piece, input) = mpsc::channel(PIECES);
    let (output, pieces) = mpsc::channel(PIECES);
    let number = {
        let mut running = commands.running.lock();
        if running.commands.len() >= AT_ONCE {
            return Err(ApiError::busy("too many commands run beside this node"));
        }
        running.last += 1;
        let number = running.last;
        let ends = Ends {
            stop: stop.clone(),
            input: Some(piece),
            output: Some(pieces),
        };
        running.commands.insert(number, ends);
        number
    };
    let (words, said) = mpsc::channel(WORDS);
    let running = commands.running.clone();
    let shell = Shell { number, running };
    tokio::spawn(async move {
        let _ = words.send(json!({ "run": number })).await;
        let pipes = (words.clone(), input, output);
        let code = (commands.run)(given, pipes, stop).await;
        commands.running.lock().commands.remove(&number);
        let _ = words.send(json!({ "exit": code })).await;
    });
    let lines = stream::unfold((said, shell), line);
    let media = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((media, Body::from_stream(lines)).into_response())
}

/// The next line; the command ends with the shell that reads.
async fn line(
    (mut said, shell): (mpsc::Receiver<Value>, Shell),
) -> Option<(Result<Bytes, Infallible>, (mpsc::Receiver<Value>, Shell))> {
    let value = said.recv().await?;
    let line = Bytes::from(format!("{value}\n"));
    Some((Ok(line), (said, shell)))
}

fn ended() -> ApiError {
    ApiError::missing("that command has ended, or has that stream already")
}

async fn stop(
    State(commands): State<Commands>,
    Path(number): Path<u64>,
) -> Result<StatusCode, ApiError> {
    let running = commands.running.lock();
    let ends = running.commands.get(&number).ok_or_else(ended)?;
    ends.stop.cancel();
    Ok(StatusCode::NO_CONTENT)
}

/// Takes what comes by the shell's standard input, no faster than it is read.
async fn input(
    State(commands): State<Commands>,
    Path(number): Path<u64>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let pieces = commands.take(number, |ends| ends.input.take())?;
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        // Without its end the reader knows that it broke off.
        let Ok(piece) = piece else {
            return Ok(StatusCode::NO_CONTENT);
        };
        if pieces.send(Some(piece)).await.is_err() {
            return Ok(StatusCode::NO_CONTENT); // Nobody reads on.
        }
    }
    let _ = pieces.send(None).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives what goes to the shell's standard output.
async fn output(
    State(commands): State<Commands>,
    Path(number): Path<u64>,
) -> Result<Response, ApiError> {
    let pieces = commands.take(number, |ends| ends.output.take())?;
    let pieces = stream::unfold(Some(pieces), piece);
    let media = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((media, Body::from_stream(pieces)).into_response())
}

type Pieces = mpsc::Receiver<Option<Bytes>>;

async fn piece(pieces: Option<Pieces>) -> Option<(Result<Bytes, &'static str>, Option<Pieces>)> {
    let mut pieces = pieces?;
    match pieces.recv().await {
        Some(Some(piece)) => Some((Ok(piece), Some(pieces))),
        Some(None) => None,
        None => Some((Err("it broke off"), None)),
    }
}

#[cfg(test)]
mod tests;
