//! Commands of the shell beside the node, on the socket of the home alone: what they say goes back
//! line by line.
//!
//! Owns which run. Never knows what a command is: whoever opened this brings what runs them.
//! Invariants: at most [`AT_ONCE`] run; one whose shell is gone is stopped.

use super::{body::Given, error::ApiError};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures::stream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{collections::HashMap, convert::Infallible, pin::Pin, sync::Arc};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Runs a command: what it was given, where its words go, and what stops it. Gives the exit code.
pub type Run = Arc<
    dyn Fn(
            Value,
            mpsc::Sender<Value>,
            CancellationToken,
        ) -> Pin<Box<dyn Future<Output = u8> + Send>>
        + Send
        + Sync,
>;

/// Commands at a time.
const AT_ONCE: usize = 32;
/// Bytes of a command: it may name thousands of files.
const LONGEST: usize = 4 << 20;
/// What is said and not on its way yet.
const WORDS: usize = 64;

#[derive(Default)]
struct Running {
    last: u64,
    stops: HashMap<u64, CancellationToken>,
}

#[derive(Clone)]
struct Commands {
    run: Run,
    running: Arc<Mutex<Running>>,
}

/// The two paths.
pub fn router(run: Run) -> Router {
    let running = Arc::default();
    Router::new()
        .route("/api/v1/run", post(begin))
        .route("/api/v1/run/{number}/stop", post(stop))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(Commands { run, running })
}

async fn begin(
    State(commands): State<Commands>,
    Given(given): Given<Value>,
) -> Result<Response, ApiError> {
    let token = CancellationToken::new();
    let number = {
        let mut running = commands.running.lock();
        if running.stops.len() >= AT_ONCE {
            return Err(ApiError::busy("too many commands run beside this node"));
        }
        running.last += 1;
        let number = running.last;
        running.stops.insert(number, token.clone());
        number
    };
    let (words, said) = mpsc::channel(WORDS);
    let guard = token.clone().drop_guard();
    tokio::spawn(async move {
        let _ = words.send(json!({ "run": number })).await;
        let code = (commands.run)(given, words.clone(), token).await;
        commands.running.lock().stops.remove(&number);
        let _ = words.send(json!({ "exit": code })).await;
    });
    let lines = stream::unfold((said, guard), line);
    let media = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((media, Body::from_stream(lines)).into_response())
}

/// The next line; the guard goes with the shell that reads.
async fn line(
    (mut said, guard): (mpsc::Receiver<Value>, DropGuard),
) -> Option<(
    Result<Bytes, Infallible>,
    (mpsc::Receiver<Value>, DropGuard),
)> {
    let value = said.recv().await?;
    let line = Bytes::from(format!("{value}\n"));
    Some((Ok(line), (said, guard)))
}

async fn stop(
    State(commands): State<Commands>,
    Path(number): Path<u64>,
) -> Result<StatusCode, ApiError> {
    let running = commands.running.lock();
    let stop = running.stops.get(&number);
    let stop = stop.ok_or_else(|| ApiError::missing("that command has ended"))?;
    stop.cancel();
    Ok(StatusCode::NO_CONTENT)
}
