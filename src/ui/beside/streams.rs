//! The shell's standard input and output, for a command that the node does.

use super::connect::{Sent, text, there};
use crate::ui::{config::Setup, exit::Exit, output::Out, streams::not_poured};
use futures::{Stream, TryStreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Request,
    body::{Bytes, Frame},
    header,
};
use std::{
    io::{self, Read as _, Write as _},
    time::Duration,
};
use tokio::sync::mpsc;

/// Bytes that are read of standard input at a time, and how many such pieces may wait.
const PIECE: usize = 64 << 10;
const AHEAD: usize = 4;

/// Standard input, read by a thread: a read of it cannot be cancelled, and the process may end
/// before it does.
fn standard_input() -> impl Stream<Item = io::Result<Bytes>> {
    let (pieces, coming) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let (mut input, mut buffer) = (io::stdin().lock(), vec![0; PIECE]);
        loop {
            let piece = match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => Ok(Bytes::copy_from_slice(&buffer[..count])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = piece.is_err();
            if pieces.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    });
    stream::unfold(coming, |mut coming| async move {
        let piece = coming.recv().await?;
        Some((piece, coming))
    })
}

/// Gives the node what comes by standard input, beside all else.
pub(super) async fn give_input(setup: &Setup, number: u64) -> io::Result<()> {
    let mut node = there(&setup.settings.home)
        .await
        .ok_or(io::ErrorKind::ConnectionRefused)?;
    let body = StreamBody::new(standard_input().map_ok(Frame::data));
    let request = Request::post(format!("/api/v1/run/{number}/input"))
        .header(header::HOST, "localhost")
        .body(Sent::new(body))
        .map_err(io::Error::other)?;
    tokio::spawn(async move {
        // How it went is told by the command.
        let _ = node.send_for_long(request).await;
    });
    Ok(())
}

/// Writes what the node gives for standard output; the exit code, when that does not take it.
pub(super) async fn take_output(
    setup: &Setup,
    number: u64,
    name: &str,
    out: &Out,
) -> io::Result<Option<Exit>> {
    let mut node = there(&setup.settings.home)
        .await
        .ok_or(io::ErrorKind::ConnectionRefused)?;
    let request = Request::get(format!("/api/v1/run/{number}/output"))
        .header(header::HOST, "localhost")
        .body(text(Bytes::new()))
        .map_err(io::Error::other)?;
    let answer = node.send(request, Duration::ZERO).await?;
    if !answer.status().is_success() {
        return Ok(None); // The command says why.
    }
    let mut body = answer.into_body();
    // One that broke off is told of by the command.
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        let written = tokio::task::spawn_blocking(move || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&bytes).and_then(|()| stdout.flush())
        });
        if let Err(why) = written.await.map_err(io::Error::other).flatten() {
            return Ok(Some(not_poured(out, name, &why)));
        }
    }
    Ok(None)
}
