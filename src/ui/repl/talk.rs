//! The part of the prompt's language that has to do with people. Pure.

use super::parse::Typed;
use crate::ui::cli::Msg;

const TRUST: &str = "--trust-new-key";

/// What follows `msg`: the text is taken as it stands, unless all of it is quoted.
pub(super) fn msg(rest: &str) -> Option<Msg> {
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
pub(super) fn in_chat(line: &str) -> Result<Typed, String> {
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

#[cfg(test)]
mod tests;
