//! The part of the prompt's language that has to do with people. Pure.

use super::parse::Command;
use crate::ui::cli::HISTORY;

const TRUST: &str = "--trust-new-key";

/// What follows `msg`: the text is taken as it stands, unless all of it is quoted.
pub(super) fn msg(rest: &str) -> Option<Command> {
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
    (!text.is_empty()).then_some(Command::Msg { who, text, trust })
}

/// The words that follow `chat`.
pub(super) fn chat(mut words: Vec<String>) -> Option<Command> {
    let before = words.len();
    words.retain(|word| word != TRUST);
    let trust = words.len() < before;
    let who = words.pop().filter(|_| words.is_empty())?;
    Some(Command::Chat { who, trust })
}

/// The words that follow `history`.
pub(super) fn history(words: &[String]) -> Option<Command> {
    let (who, lines) = match words {
        [who] => (who, HISTORY),
        [who, lines] => (who, lines.parse().ok()?),
        _ => return None,
    };
    let who = who.clone();
    Some(Command::History { who, lines })
}

/// A line while somebody is talked to.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub(super) fn in_chat(line: &str) -> Result<Command, String> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(Command::Nothing);
    }
    let Some(command) = line.strip_prefix('/') else {
        return Ok(Command::Say(line.to_owned()));
    };
    if command.starts_with('/') {
        return Ok(Command::Say(command.to_owned()));
    }
    let (verb, rest) = command
        .split_once(char::is_whitespace)
        .unwrap_or((command, ""));
    match verb {
        "quit" | "q" | "exit" => Ok(Command::Quit),
        "send" if !rest.trim().is_empty() => Ok(Command::SendHere(rest.trim().to_owned())),
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
mod tests {
    use super::{super::parse::parse, *};

    fn said(who: &str, text: &str, trust: bool) -> Command {
        let (who, text) = (who.into(), text.into());
        Command::Msg { who, text, trust }
    }

    #[test]
    fn a_message_is_taken_as_it_stands_or_unquoted() {
        for (line, text) in [
            ("msg bob it's me", "it's me"),
            ("msg bob look at #3 in C:\\x", "look at #3 in C:\\x"),
            ("msg bob 'it is me'", "it is me"),
            ("msg bob \"a \\\"b\\\" c\"", "a \"b\" c"),
            ("msg bob 'twas open", "'twas open"),
            ("  msg\tbob   x  ", "x"),
            ("msg bob hello --trust-new-key", "hello --trust-new-key"),
        ] {
            assert_eq!(parse(line), Ok(said("bob", text, false)), "{line}");
        }
        assert_eq!(parse("msg 'ann lee' hi"), Ok(said("ann lee", "hi", false)));
        assert_eq!(parse("msg ann\\ lee hi"), Ok(said("ann lee", "hi", false)));
        for line in ["msg --trust-new-key bob hi", "msg bob --trust-new-key hi"] {
            assert_eq!(parse(line), Ok(said("bob", "hi", true)), "{line}");
        }
        for line in [
            "msg",
            "msg bob",
            "msg bob ''",
            "msg 'bob hi",
            "msg --trust-new-key bob",
        ] {
            assert!(
                parse(line).is_err_and(|why| why.starts_with("usage: msg")),
                "{line}"
            );
        }
        assert!(parse("msgs bob").is_err_and(|why| why.contains("`msg`")));
    }

    #[test]
    fn chat_and_history_name_one_person() {
        let chat = |who: &str, trust| {
            let who = who.to_owned();
            Ok(Command::Chat { who, trust })
        };
        assert_eq!(parse("chat 'ann lee'"), chat("ann lee", false));
        assert_eq!(parse("chat --trust-new-key bob"), chat("bob", true));
        let history = |lines| {
            let who = "bob".to_owned();
            Ok(Command::History { who, lines })
        };
        assert_eq!(parse("history bob"), history(HISTORY));
        assert_eq!(parse("history bob 5"), history(5));
        for line in [
            "chat",
            "chat a b",
            "history",
            "history a x",
            "history a 1 2",
        ] {
            assert!(
                parse(line).is_err_and(|why| why.starts_with("usage")),
                "{line}"
            );
        }
    }

    #[test]
    fn in_a_chat_every_line_is_said_but_those_with_a_slash() {
        let say = |text: &str| Ok(Command::Say(text.to_owned()));
        assert_eq!(in_chat("exit"), say("exit"));
        assert_eq!(in_chat("it's #1 "), say("it's #1"));
        assert_eq!(in_chat("//quit"), say("/quit"));
        assert_eq!(in_chat("  "), Ok(Command::Nothing));
        assert_eq!(in_chat("/quit"), Ok(Command::Quit));
        assert_eq!(
            in_chat("/send a b.txt"),
            Ok(Command::SendHere("a b.txt".into()))
        );
        assert!(in_chat("/frob").is_err() && in_chat("/send").is_err());
    }
}
