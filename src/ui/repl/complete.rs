//! Completion at the prompt: commands, and the names that the swarm offers, folder by folder. Pure.

use super::parse::VERBS;
use crate::core::path::printable;
use std::collections::BTreeSet;

/// More candidates than this help nobody.
const MOST: usize = 500;

/// What may be named.
#[derive(Debug, Default)]
pub struct Known {
    /// What the swarm offers.
    pub offered: Vec<String>,
    /// Who is here.
    pub people: Vec<String>,
    /// The asks that wait for an answer.
    pub asks: Vec<u32>,
}

/// Where the word under the cursor starts in the line (a byte offset), and what could stand in its place; `files` gives
/// the paths of this machine that begin with a word.
#[must_use]
pub fn complete(
    line: &str,
    cursor: usize,
    known: &Known,
    files: impl Fn(&str) -> Vec<String>,
) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    let (start, word, words) = last_word(before);
    let people = |word: &str| whole(word, &known.people);
    let Some(verb) = words.first() else {
        return (start, verbs(&word));
    };
    // A person's name has no folders in it; what is offered has.
    let found = match (verb.as_str(), words.len()) {
        ("help" | "?", 1) => verbs(&word),
        ("msg" | "chat" | "history", 1) => people(&word),
        ("list", 1) => offered(&word, &known.offered),
        ("download", _) => match words.last().map(String::as_str) {
            Some("-o" | "--output") => offered(&word, &files(&word)),
            _ => offered(&word, &known.offered),
        },
        ("send", _) if words.iter().any(|word| word == "--to") => people(&word),
        ("send", count) => {
            let mut found = offered(&word, &files(&word));
            if count > 1 && !word.is_empty() && "--to".starts_with(&word) {
                found.push("--to ".to_owned());
            }
            found
        }
        ("accept" | "refuse", 1) => numbers(&word, &known.asks),
        ("accept", 2) => {
            let mut folders = files(&word);
            folders.retain(|path| path.ends_with('/'));
            offered(&word, &folders)
        }
        // In a chat.
        ("/send", 1) => offered(&word, &files(&word)),
        _ => Vec::new(),
    };
    (start, found)
}

fn numbers(prefix: &str, asks: &[u32]) -> Vec<String> {
    let asks = asks.iter().map(|number| format!("{number} "));
    asks.filter(|number| number.starts_with(prefix)).collect()
}

fn verbs(prefix: &str) -> Vec<String> {
    VERBS
        .iter()
        .filter(|verb| verb.name.starts_with(prefix))
        .map(|verb| format!("{} ", verb.name))
        .collect()
}

/// Names that begin so, no further than their next folder, quoted as the line needs it. After a whole one the next word
/// can begin.
fn offered(prefix: &str, names: &[String]) -> Vec<String> {
    let shown: BTreeSet<&str> = names
        .iter()
        .filter(|name| name.starts_with(prefix))
        .map(|name| match name[prefix.len()..].find('/') {
            Some(at) => &name[..=prefix.len() + at],
            None => name,
        })
        // A name that cannot be shown as it is must not get into the line: its id can.
        .filter(|name| printable(name) == *name)
        .take(MOST)
        .collect();
    shown
        .into_iter()
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
