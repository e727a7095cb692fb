//! Completion at the prompt: commands, their options, and the names that the swarm offers, folder
//! by folder. Pure.
//!
//! Where a word stands among what a command takes comes from the declaration in `cli`.

use crate::{
    core::{beginnings::Beginnings, path::printable},
    ui::cli::AtPrompt,
};
use clap::{Arg, ArgAction, Command, CommandFactory as _};

/// More candidates than this help nobody.
pub const MOST: usize = 500;

/// What may be named: asked for when a word is to be completed, and not before.
pub trait Known {
    /// What the swarm offers by names that begin so, no further than the next folder.
    fn offered(&self, prefix: &str) -> Vec<String>;
    /// Who is here.
    fn people(&self) -> Vec<String>;
    /// The asks that wait for an answer.
    fn asks(&self) -> Vec<u32>;
}

/// Where the word under the cursor starts in the line (a byte offset), and what could stand in its
/// place; `files` gives the paths of this machine that begin with a word.
#[must_use]
pub fn complete(
    line: &str,
    cursor: usize,
    known: &impl Known,
    files: impl Fn(&str) -> Vec<String>,
) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    let (start, word, words) = last_word(before);
    let mut all = AtPrompt::command();
    // Only then every argument knows how many values it takes.
    all.build();
    let found = match words.split_first() {
        None => verbs(&all, &word),
        // In a chat.
        Some((verb, [])) if verb == "/send" => offered(&word, &files(&word)),
        Some((verb, given)) => match all.find_subcommand(verb) {
            None => Vec::new(),
            Some(command) => {
                let (arg, may_be_option) = next(command, given);
                match arg {
                    _ if may_be_option && word.starts_with('-') => options(command, &word),
                    Some(arg) => values(arg, &word, &all, known, files),
                    None => Vec::new(),
                }
            }
        },
    };
    (start, found)
}

/// The argument that comes next, if any can, and whether an option may stand in its place.
fn next<'a>(command: &'a Command, given: &[String]) -> (Option<&'a Arg>, bool) {
    let takes_many = |arg: &Arg| arg.get_num_args().is_some_and(|many| many.max_values() > 1);
    let positional = |at| command.get_positionals().nth(at);
    // How many positional arguments are complete, the option whose values come, and whether `--`
    // was passed.
    let (mut complete, mut open, mut only_names) = (0, None, false);
    for word in given {
        if only_names || word == "-" || !word.starts_with('-') {
            match open {
                Some(option) if takes_many(option) => {}
                Some(_) => open = None,
                None if positional(complete).is_some_and(|arg| !takes_many(arg)) => complete += 1,
                None => {}
            }
        } else if word == "--" {
            (open, only_names) = (None, true);
        } else {
            open = option(command, word);
        }
    }
    (open.or_else(|| positional(complete)), !only_names)
}

/// The option that a word names, if its value is the next word.
fn option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let named = |arg: &&Arg| match word.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg
            .get_short()
            .is_some_and(|short| word[1..] == *short.encode_utf8(&mut [0; 4])),
    };
    let takes_value = |arg: &&Arg| matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    command.get_opts().filter(takes_value).find(named)
}

/// The long options that begin so.
fn options(command: &Command, prefix: &str) -> Vec<String> {
    let long = command.get_arguments().filter_map(Arg::get_long);
    let long = long.map(|name| format!("--{name} "));
    long.filter(|name| name.starts_with(prefix)).collect()
}

/// What could be a value of an argument: by its name in the declaration.
fn values(
    arg: &Arg,
    word: &str,
    all: &Command,
    known: &impl Known,
    files: impl Fn(&str) -> Vec<String>,
) -> Vec<String> {
    match arg.get_id().as_str() {
        "what" | "pattern" => offered(word, &known.offered(word)),
        // A person's name has no folders in it; what is offered has.
        "who" | "to" | "from" => whole(word, &known.people()),
        "files" | "path" => offered(word, &files(word)),
        "into" => {
            let mut folders = files(word);
            folders.retain(|path| path.ends_with('/'));
            offered(word, &folders)
        }
        "ask" => numbers(word, &known.asks()),
        "about" => verbs(all, word),
        _ => Vec::new(),
    }
}

fn numbers(prefix: &str, asks: &[u32]) -> Vec<String> {
    let asks = asks.iter().map(|number| format!("{number} "));
    asks.filter(|number| number.starts_with(prefix)).collect()
}

fn verbs(all: &Command, prefix: &str) -> Vec<String> {
    let names = all.get_subcommands().map(Command::get_name);
    let names = names.filter(|name| name.starts_with(prefix));
    names.map(|name| format!("{name} ")).collect()
}

/// Names that begin so, no further than their next folder, quoted as the line needs it. After a
/// whole one the next word can begin.
fn offered(prefix: &str, names: &[String]) -> Vec<String> {
    let mut shown = Beginnings::new(prefix, MOST);
    for name in names {
        shown.add(name);
    }
    let shown = shown.found();
    shown
        .iter()
        .filter_map(|name| {
            let quoted = shlex::try_quote(name).ok()?;
            let end = if name.ends_with('/') { "" } else { " " };
            Some(format!("{quoted}{end}"))
        })
        .collect()
}

/// Names that begin so in either case, as they are.
fn whole(prefix: &str, names: &[String]) -> Vec<String> {
    let prefix = prefix.to_lowercase();
    let names = names.iter().filter(|name| {
        name.to_lowercase().starts_with(&prefix) && printable(name) == name.as_str()
    });
    names
        .take(MOST)
        .filter_map(|name| Some(format!("{} ", shlex::try_quote(name).ok()?)))
        .collect()
}

/// The start and the unquoted text of the word at the end of `text`, and the words before it.
fn last_word(text: &str) -> (usize, String, Vec<String>) {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut start = None;
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => {
                if start.take().is_some() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => word.extend(chars.next().map(|next| next.1)),
            (_, c) => word.push(c),
        }
        start.get_or_insert(at);
    }
    (start.unwrap_or(text.len()), word, words)
}

#[cfg(test)]
mod tests;
