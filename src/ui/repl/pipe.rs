//! The prompt's commands from a pipe or a file: one a line, in order, each finished before the next
//! but for sends, which are at the end.

use super::{parse::Typed, session::Session};
use crate::ui::{
    cli::{AtPrompt, Shared},
    exit::Exit,
    signals::{Signals, second_quits},
};
use std::io::{self, BufRead as _};
use tokio::sync::mpsc;

/// Lines read ahead of the command that runs: a few, so that the reader need not wake for each.
const AHEAD: usize = 16;

/// Runs the commands until `exit`, the end of the input or a signal. The exit code is that of the
/// first that failed.
pub async fn run(session: &Session<'_>, signals: &mut Signals) -> Exit {
    let (sender, mut lines) = mpsc::channel(AHEAD);
    // A read of standard input cannot be cancelled, so a thread does it; the process may end before
    // it does.
    std::thread::spawn(move || read(&sender));
    let mut result = Exit::Done;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = signals.next() => return Exit::Interrupted,
        };
        let exit = match line {
            None => return finish(session, result, signals).await,
            Some(Err(error)) => {
                session.out.error(&format!("cannot read commands: {error}"));
                return Exit::Failed;
            }
            Some(Ok(line)) => match String::from_utf8(line) {
                Err(_) => session.wrong("a command is not UTF-8"),
                Ok(line) => match session.read(&line) {
                    Ok(Typed::Command(AtPrompt::Exit)) => {
                        return finish(session, result, signals).await;
                    }
                    Ok(command) => one(session, command, signals).await,
                    Err(why) => session.wrong(&why),
                },
            },
        };
        if exit == Exit::Interrupted {
            return exit;
        }
        if result == Exit::Done {
            result = exit;
        }
    }
}

/// What was sent, and what was accepted, comes to its end first.
async fn finish(session: &Session<'_>, result: Exit, signals: &mut Signals) -> Exit {
    tokio::select! {
        exits = session.settled() => exits.into_iter().fold(result, |first, exit| match first {
            Exit::Done => exit,
            first => first,
        }),
        _ = signals.next() => Exit::Interrupted,
    }
}

async fn one(session: &Session<'_>, command: Typed, signals: &mut Signals) -> Exit {
    if matches!(
        command,
        Typed::Command(AtPrompt::Shared(Shared::Download(_)))
    ) {
        return session.execute(command, Some(signals)).await;
    }
    tokio::select! {
        exit = session.execute(command, None) => exit,
        _ = signals.next() => {
            second_quits();
            Exit::Interrupted
        }
    }
}

fn read(lines: &mpsc::Sender<io::Result<Vec<u8>>>) {
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = match input.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => Ok(line),
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if lines.blocking_send(read).is_err() || failed {
            return;
        }
    }
}
