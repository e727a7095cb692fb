//! The command line and the prompt's commands: the options, the commands and their help.
//!
//! Owns the words a person types. Never acts on them. What is not given stays `None` (or empty), so that
//! `config` can tell it from a default. Every option is global: it counts before and after the command.

mod command;
mod options;
mod parse;
mod read;
mod server;
mod shared;

use clap::Parser;
pub use command::{AtPrompt, Command, Waiting};
pub use options::Options;
pub(super) use parse::{parse_name, seconds_from};
pub use parse::{parse_rate, parse_seconds, parse_size};
pub use read::read;
pub(super) use read::{commands, long_options};
pub use server::RendezvousOptions;
pub use shared::{Download, History, ListWhat, Msg, Output, Send, Shared, Whose};

const EXAMPLES: &str = "\
Examples:
  sprat                                  a node with a prompt, in the current folder
  sprat --home ~/sprat serve             a node that runs until SIGTERM
  sprat list '*.iso'                     what the nodes nearby offer
  sprat download big.iso                 from everyone who has a piece of it
  sprat download photos/ -o /tmp         a whole folder, to somewhere else
  sprat send photo.jpg --to alice        to one person, who is asked first
  sprat --rendezvous meet.example.org    with others on other networks, by a server (`sprat rendezvous`)
  echo 'download big.iso' | sprat        the prompt's commands, from a pipe

Put files into HOME/shared, and every node nearby can fetch them.
Each option can also stand in HOME/.sprat/config.toml; the command line counts first, then SPRAT_…, then that file.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some of it failed, 4 refused, 5 not found or nobody there,
6 failed verification, 7 no space, 130 interrupted.";

/// A swarm file-sharing node: put files in a folder, and every machine nearby can fetch them from everyone who has a
/// piece.
#[derive(Debug, Parser)]
#[command(name = "sprat", version, about, after_help = EXAMPLES)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub options: Options,
    /// What to do; without it, a prompt.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[cfg(test)]
mod tests;
