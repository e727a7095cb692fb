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
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        [
            "photos/a b.jpg",
            "photos/sub/c.jpg",
            "plan.txt",
            "e\u{1b}vil",
            "it's",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn known() -> Known {
        Known {
            offered: names(),
            people: ["Ann Lee", "alice", "e\u{1b}ve"]
                .map(str::to_owned)
                .to_vec(),
            asks: vec![3, 12],
        }
    }

    /// The only files of this machine.
    fn files(word: &str) -> Vec<String> {
        let files = ["/home/a b/", "/home/x.jpg", "plan.odt", "pictures/"].map(str::to_owned);
        files
            .into_iter()
            .filter(|path| path.starts_with(word))
            .collect()
    }

    fn at_end(line: &str) -> (usize, Vec<String>) {
        complete(line, line.len(), &known(), files)
    }

    #[test]
    fn the_first_word_is_a_command() {
        assert_eq!(at_end("d"), (0, vec!["download ".to_owned()]));
        assert_eq!(at_end("").1.len(), VERBS.len());
        assert_eq!(at_end("help l"), (5, vec!["list ".to_owned()]));
        assert_eq!(at_end("peers p").1.len(), 0);
    }

    #[test]
    fn names_are_completed_folder_by_folder() {
        assert_eq!(
            at_end("download p"),
            (9, vec!["photos/".to_owned(), "plan.txt ".to_owned()])
        );
        assert_eq!(
            at_end("download x photos/"),
            (
                11,
                vec!["'photos/a b.jpg' ".to_owned(), "photos/sub/".to_owned()]
            )
        );
    }

    #[test]
    fn a_name_with_spaces_is_quoted_and_an_open_quote_goes_on() {
        let quoted = vec!["'photos/a b.jpg' ".to_owned()];
        assert_eq!(at_end("download 'photos/a "), (9, quoted.clone()));
        assert_eq!(at_end("download \"photos/a "), (9, quoted.clone()));
        assert_eq!(at_end("download photos/a\\ "), (9, quoted));
        assert_eq!(at_end("list it"), (5, vec!["\"it's\" ".to_owned()]));
    }

    #[test]
    fn people_are_completed_where_somebody_is_meant() {
        let both = vec!["'Ann Lee' ".to_owned(), "alice ".to_owned()];
        assert_eq!(at_end("msg a"), (4, both.clone()));
        assert_eq!(at_end("chat a"), (5, both));
        assert!(at_end("msg alice p").1.is_empty());
        assert!(at_end("history e").1.is_empty());
    }

    #[test]
    fn files_are_completed_where_something_is_sent_and_then_people() {
        let both = vec!["pictures/".to_owned(), "plan.odt ".to_owned()];
        assert_eq!(at_end("send p").1, both);
        let quoted = vec!["'/home/a b/'".to_owned(), "/home/x.jpg ".to_owned()];
        assert_eq!(at_end("send plan.odt /home/").1, quoted);
        assert_eq!(at_end("send plan.odt -").1, ["--to "]);
        assert_eq!(at_end("send plan.odt --to al").1, ["alice "]);
        assert_eq!(at_end("/send pl").1, ["plan.odt "]);
    }

    #[test]
    fn asks_are_completed_by_their_numbers_and_then_a_folder() {
        assert_eq!(at_end("accept ").1, ["3 ", "12 "]);
        assert_eq!(at_end("refuse 1").1, ["12 "]);
        assert_eq!(at_end("accept 3 p").1, ["pictures/"]);
        assert!(at_end("refuse 3 ").1.is_empty());
    }

    #[test]
    fn a_name_that_deceives_is_not_put_into_the_line() {
        assert!(at_end("download e").1.is_empty());
    }

    #[test]
    fn only_the_word_under_the_cursor_counts() {
        let line = "download pl -o /tmp";
        assert_eq!(
            complete(line, 11, &known(), files),
            (9, vec!["plan.txt ".to_owned()])
        );
        let folder = vec!["pictures/".to_owned()];
        assert_eq!(at_end("download plan.txt -o pi").1, folder);
    }
}
