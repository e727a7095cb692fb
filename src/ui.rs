//! What people and scripts see: the command line, the prompt, tables, sentences and JSON.
//!
//! Holds a [`Node`](crate::node::Node) and nothing else: it never touches a socket, the index or a
//! file of the share. Everything that a stranger named is escaped before it is shown.

mod beside;
mod bug_report;
mod clean;
pub mod cli;
mod code;
pub mod commands;
pub mod config;
pub mod directory;
mod doctor;
mod draw;
mod escapes;
pub mod exit;
pub mod face;
mod far;
pub mod follow;
mod foreground;
mod get;
mod home;
mod jobs;
pub mod json;
mod later;
pub mod leaving;
mod link;
mod local;
pub mod logging;
mod manual;
mod new_key;
pub mod news;
mod notify;
mod open_files;
pub mod output;
mod passphrase;
pub mod progress;
pub mod qr;
mod receive;
pub mod rendezvous;
pub mod repl;
pub mod running;
pub mod send;
pub mod sentences;
pub mod serve;
mod service;
mod share;
pub mod signals;
mod slips;
pub mod streams;
mod supervised;
pub mod table;
pub mod talk;
pub mod text;
mod version;

use clap::CommandFactory as _;
use cli::{Cli, Command};
use config::Setup;
use exit::Exit;
use signals::Signals;
use std::{io::Write as _, time::Duration};

/// The words of a code for many, unless told otherwise.
const GROUP_WORDS: usize = 4;

/// Runs what the command line asks for.
#[must_use]
pub fn run(cli: Cli, faces: face::Openers) -> Exit {
    if let Some(Command::Completions { shell }) = cli.command {
        return completions(shell);
    }
    if let Some(Command::Passphrase { words }) = cli.command {
        return passphrase::print(words, cli.options.json);
    }
    if let Some(Command::Version) = cli.command {
        return version::print(cli.options.json);
    }
    if let Some(Command::Manual { folder }) = cli.command {
        return manual::write(&folder, cli.options.json);
    }
    if cli.options.no_qr {
        escapes::no_codes();
    }
    logging::start(cli.options.verbose, cli.options.log_format);
    let out = output::Out::streams(false);
    let words = std::env::var_os("SPRAT_PASSPHRASE");
    let setup = match config::settle(cli.options, words) {
        Ok(setup) => config::Setup {
            face: Some(faces.node),
            server_page: Some(faces.server),
            localsend: Some(faces.localsend),
            ..setup
        },
        Err(error) => {
            out.error(&error.to_string());
            return Exit::Usage;
        }
    };
    // Each connection is one, and so is each file that is read; a shortage looks as if nobody were
    // here.
    open_files::raise();
    // Hashing, reading and writing have threads of their own, for which half of the processors are
    // left: with a worker on each, the two kinds keep waking one another, which cost a tenth of the
    // speed on two processors.
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    crate::node::begin_timers();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads((processors / 2).max(1))
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(dispatch(setup, cli.command));
            // A thread that still waits for a disk must not hold up the shell.
            runtime.shutdown_timeout(Duration::from_millis(200));
            exit
        }
        Err(error) => {
            out.error(&format!("cannot start: {error}"));
            Exit::Failed
        }
    }
}

/// Whether a command is one for which LocalSend apps see this node: it stays, or it is about
/// people.
fn meets_people(command: Option<&Command>) -> bool {
    match command {
        None | Some(Command::Serve { .. } | Command::Shared(cli::Shared::Peers { .. })) => true,
        Some(Command::Shared(cli::Shared::Link(what))) => what.for_localsend,
        Some(Command::Send { what, .. }) => !what.to.is_empty() && !what.later,
        Some(_) => false,
    }
}

async fn dispatch(mut setup: Setup, command: Option<Command>) -> Exit {
    if !meets_people(command.as_ref()) {
        setup.settings.localsend = None;
    }
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            output::Out::streams(false).error(&format!("cannot catch signals: {error}"));
            return Exit::Failed;
        }
    };
    match command {
        Some(Command::Web) => beside::open_page(&setup).await,
        None => repl::run(&setup, &mut signals).await,
        Some(Command::Serve { accept }) => serve::serve(&setup, &accept, &mut signals).await,
        Some(Command::Send {
            what,
            words,
            code,
            group,
            called,
        }) => {
            let by = match code {
                Some(typed) => code::give::Which::Theirs(typed),
                None if group => code::give::Which::Group(words.unwrap_or(GROUP_WORDS)),
                None => code::give::Which::New(words.unwrap_or(code::WORDS)),
            };
            send(&setup, (what, called), by, &mut signals).await
        }
        Some(Command::Receive {
            code,
            pin,
            words,
            output,
            yes,
        }) => {
            let wanted = receive::Receive {
                code,
                words: words.unwrap_or(code::WORDS),
                output,
                yes,
                pin,
            };
            let wanted = match wanted.settled(setup.json) {
                Ok(wanted) => wanted,
                Err(exit) => return exit,
            };
            match beside::there(&setup.settings.home).await {
                Some(mut node) => {
                    let command = beside::Which::Receive(wanted);
                    node.run(&setup, command, &mut signals).await
                }
                None => receive::receive(&setup, wanted, &mut signals).await,
            }
        }
        Some(Command::Get(what)) => get::get(&setup, what, &mut signals).await,
        // It works without a node, and beside one.
        Some(Command::Shared(command @ cli::Shared::History(_))) => {
            commands::run(&setup, command, &mut signals).await
        }
        Some(Command::Shared(command)) => match beside::there(&setup.settings.home).await {
            Some(mut node) => {
                let command = beside::Which::Shared(command);
                node.run(&setup, command, &mut signals).await
            }
            None => commands::run(&setup, command, &mut signals).await,
        },
        Some(Command::Doctor) => match beside::there(&setup.settings.home).await {
            Some(mut node) => node.run(&setup, beside::Which::Doctor, &mut signals).await,
            None => doctor::doctor(&setup, &mut signals).await,
        },
        Some(Command::BugReport { file }) => match beside::there(&setup.settings.home).await {
            Some(mut node) => {
                node.run(&setup, beside::Which::BugReport(file), &mut signals)
                    .await
            }
            None => bug_report::bug_report(&setup, file, &mut signals).await,
        },
        Some(Command::Service { what }) => service::run(&setup, what).await,
        Some(Command::Version) => version::print(setup.json),
        Some(Command::Manual { folder }) => manual::write(&folder, setup.json),
        Some(Command::NewKey) => new_key::run(&setup).await,
        Some(Command::Rendezvous(options)) => rendezvous::run(&setup, options, &mut signals).await,
        Some(Command::Passphrase { words }) => passphrase::print(words, setup.json),
        Some(Command::Completions { shell }) => completions(shell),
    }
}

async fn send(
    setup: &Setup,
    (what, called): (cli::Send, Option<String>),
    by: code::give::Which,
    signals: &mut Signals,
) -> Exit {
    let out = output::Out::streams(setup.json);
    let input = match streams::Input::of(what.files.clone(), called.clone()) {
        Ok(input) => input,
        Err(why) => {
            out.failure("", &why);
            return Exit::Usage;
        }
    };
    if let Some(mut node) = beside::there(&setup.settings.home).await {
        let code = if what.to.is_empty() {
            match by.known(&input, &out).await {
                Ok(code) => Some(code.into()),
                Err(exit) => return exit,
            }
        } else {
            None
        };
        let command = beside::Which::Send { what, called, code };
        return node.run(setup, command, signals).await;
    }
    let cli::Send {
        to,
        later,
        trust_new_key,
        pin,
        ..
    } = what;
    if later {
        later::send(setup, input, &to, trust_new_key, signals).await
    } else if !to.is_empty() {
        send::send(setup, input, (to, pin), trust_new_key, signals).await
    } else {
        code::give::send(setup, input, by, signals).await
    }
}

fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sprat", &mut script);
    // Nobody reading it is no failure.
    drop(std::io::stdout().lock().write_all(&script));
    Exit::Done
}
