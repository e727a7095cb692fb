//! The command line and the prompt's commands: the options, the commands and their help.
//!
//! Owns the words a person types. Never acts on them. What nobody gave, not even the home's file,
//! stays `None` (or empty), so that `config` can tell it from a default. Every option is global: it
//! counts before and after the command.

mod command;
mod file;
mod link;
mod options;
mod parse;
mod read;
mod server;
mod shared;

pub use command::{AtPrompt, Cli, Command, ServiceWhat};
pub use file::FileError;
pub(super) use file::options_in_file;
pub use link::LinkWhat;
pub use options::{LogFormat, Options};
pub use parse::{parse_rate, parse_seconds, parse_size};
pub use read::read;
pub(super) use read::{commands, long_options, read_again, whole};
pub use server::RendezvousOptions;
pub use shared::{
    Download, Get, History, ListWhat, Msg, Output, Send, Share, Shared, Unshare, Waiting, Whose,
};

/// What a command line and the text of a home's file say together.
#[cfg(test)]
pub(super) fn read_with(line: &str, text: &str) -> Cli {
    let file = file::parse(text, std::path::Path::new("config.toml")).expect(text);
    let words: Vec<std::ffi::OsString> = line.split_whitespace().map(Into::into).collect();
    read::over(read::definition(&file), &words).expect(line)
}

#[cfg(test)]
mod tests;
