//! The prompt's language: one command a line, words as in a shell, `#` begins a comment. Pure.
//!
//! What each command takes is declared in `cli`. Here is what a line is besides, and the sentences
//! for mistakes.

#[cfg(test)]
mod tests;

use super::help::usage;
use crate::ui::{
    cli::{self, AtPrompt, Msg, Shared},
    slips,
};
use clap::{
    Command, CommandFactory as _, Parser as _,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::path::Path;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A blank line, or a comment.
    Nothing,
    /// A command.
    Command(AtPrompt),
    /// In a chat: a line to say.
    Say(String),
    /// In a chat: `/send FILE`
    SendHere(String),
    /// In a chat: `/quit`
    Quit,
}

/// Reads one line.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub fn parse(line: &str) -> Result<Typed, String> {
    // What people say has apostrophes and hashes in it.
    if let Some(rest) = line.trim_start().strip_prefix("msg")
        && rest.starts_with(char::is_whitespace)
    {
        let msg = msg(rest).ok_or_else(|| usage("msg"))?;
        return Ok(Typed::Command(AtPrompt::Shared(Shared::Msg(msg))));
    }
    let Some(words) = shlex::split(line) else {
        return Err("a quote is not closed, or the line ends in a backslash".to_owned());
    };
    let Some(verb) = words.first() else {
        return Ok(Typed::Nothing);
    };
    let mut options = words[1..].iter().take_while(|word| *word != "--");
    if let Some(slip) = options.find_map(|word| slips::one_dash(word, &cli::long_options())) {
        return Err(slip);
    }
    match AtPrompt::try_parse_from(&words) {
        Ok(command) => allowed(command).map(Typed::Command),
        Err(error) => Err(mistake(verb, &error)),
    }
}

/// What only the shell can do with a command that both have.
fn allowed(command: AtPrompt) -> Result<AtPrompt, String> {
    match &command {
        AtPrompt::Shared(Shared::Download(what)) if what.output.is_stream() => Err(
            "here standard output is the prompt's: `sprat download NAME -o -` at the shell, with another --home".into(),
        ),
        AtPrompt::Send(what) if what.files.iter().any(|file| file == Path::new("-")) => Err(
            "here standard input is the prompt's: `sprat send -` at the shell, with another --home".into(),
        ),
        AtPrompt::Send(what) if what.to.is_empty() => {
            let why = "here it takes a name after --to; for a code, `sprat send FILE` at the shell, with another --home";
            Err(format!("{}; {why}", usage("send")))
        }
        _ => Ok(command),
    }
}

/// What to say to a line that makes no sense.
fn mistake(verb: &str, error: &clap::Error) -> String {
    let declared = AtPrompt::command();
    let Some(command) = declared.find_subcommand(verb) else {
        let here: Vec<&str> = declared.get_subcommands().map(Command::get_name).collect();
        return slips::not_at_the_prompt(verb, &here, &cli::commands());
    };
    let usage = usage(command.get_name());
    match why(command, error) {
        Some(why) => format!("{usage}; {why}"),
        None => usage,
    }
}

/// What is wrong, where the usage alone does not tell.
fn why(command: &Command, error: &clap::Error) -> Option<String> {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let hint = match command.get_name() {
        "accept" | "refuse" => Some("`asks` shows the numbers"),
        "cancel" => Some("`jobs` and `asks` show the numbers"),
        "unlink" => Some("`links` shows the numbers"),
        "pause" | "resume" => Some("`jobs` shows the numbers"),
        _ => None,
    };
    let arg = said(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::ValueValidation => std::error::Error::source(error).map(ToString::to_string),
        _ if hint.is_some() => hint.map(str::to_owned),
        ErrorKind::UnknownArgument if arg?.starts_with('-') => {
            Some("a name that begins with - comes after --".to_owned())
        }
        ErrorKind::UnknownArgument => {
            command.get_positionals().next()?;
            Some("words with spaces between them stand in quotes".to_owned())
        }
        ErrorKind::InvalidValue => Some(format!("{} takes a value", arg?)),
        ErrorKind::ArgumentConflict => Some(match said(ContextKind::PriorArg) {
            Some(prior) if Some(prior) != arg => format!("{} and {prior} exclude each other", arg?),
            _ => format!("{} is given twice", arg?),
        }),
        _ => None,
    }
}

const TRUST: &str = "--trust-new-key";

/// What follows `msg`: the text is taken as it stands, unless all of it is quoted.
fn msg(rest: &str) -> Option<Msg> {
    let (mut who, mut rest) = first_word(rest)?;
    let mut trust = false;
    while who == TRUST {
        trust = true;
        (who, rest) = first_word(rest)?;
    }
    if let Some((word, after)) = first_word(rest)
        && word == TRUST
    {
        (trust, rest) = (true, after);
    }
    let text = rest.trim();
    let quoted = text.starts_with(['"', '\'']).then(|| shlex::split(text));
    let text = quoted
        .flatten()
        .map_or_else(|| text.to_owned(), |words| words.join(" "));
    (!text.is_empty()).then(|| Msg {
        who,
        text: vec![text],
        trust_new_key: trust,
    })
}

/// A line while somebody is talked to.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub fn in_chat(line: &str) -> Result<Typed, String> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(Typed::Nothing);
    }
    let Some(command) = line.strip_prefix('/') else {
        return Ok(Typed::Say(line.to_owned()));
    };
    if command.starts_with('/') {
        return Ok(Typed::Say(command.to_owned()));
    }
    let (verb, rest) = command
        .split_once(char::is_whitespace)
        .unwrap_or((command, ""));
    match verb {
        "quit" | "q" | "exit" => Ok(Typed::Quit),
        "send" if !rest.trim().is_empty() => Ok(Typed::SendHere(rest.trim().to_owned())),
        _ => Err("in a chat there are /quit and /send FILE; //x says /x".to_owned()),
    }
}

/// The first word, quotes and backslashes taken off, and what follows it.
fn first_word(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => return Some((word, &text[at..])),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => word.extend(chars.next().map(|next| next.1)),
            (_, c) => word.push(c),
        }
    }
    (quote.is_none() && !text.is_empty()).then_some((word, ""))
}
