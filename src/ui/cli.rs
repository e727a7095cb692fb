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

pub use command::{AtPrompt, Cli, Command, Waiting};
pub use options::Options;
pub(super) use parse::{parse_name, seconds_from};
pub use parse::{parse_rate, parse_seconds, parse_size};
pub use read::read;
pub(super) use read::{commands, long_options};
pub use server::RendezvousOptions;
pub use shared::{Download, History, ListWhat, Msg, Output, Send, Shared, Whose};

#[cfg(test)]
mod tests;
