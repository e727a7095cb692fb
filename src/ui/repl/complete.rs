//! Completion at the prompt: commands, and the names that the swarm offers, folder by folder. Pure.

use super::parse::VERBS;
use crate::core::path::printable;
use std::collections::BTreeSet;

/// More candidates than this help nobody.
const MOST: usize = 500;

/// Where the word under the cursor starts in the line (a byte offset), and what could stand in its place, among the
/// `names` that are offered and the `people` who are here.
#[must_use]
pub fn complete(
    line: &str,
    cursor: usize,
    names: &[String],
    people: &[String],
) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    let (start, word, words) = last_word(before);
    if words.is_empty() {
        return (start, verbs(&word));
    }
    match words[0].as_str() {
        "help" | "?" if words.len() == 1 => (start, verbs(&word)),
        // A person's name has no folders in it; what is offered has.
        "msg" | "chat" | "history" if words.len() == 1 => (start, whole(&word, people)),
        "list" if words.len() == 1 => (start, offered(&word, names)),
        "download" => match words.last().map(String::as_str) {
            // A folder of this machine follows.
            Some("-o" | "--output") => (start, Vec::new()),
            _ => (start, offered(&word, names)),
        },
        _ => (start, Vec::new()),
    }
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

    fn at_end(line: &str) -> (usize, Vec<String>) {
        let people = ["Ann Lee", "alice", "e\u{1b}ve"].map(str::to_owned);
        complete(line, line.len(), &names(), &people)
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
    fn a_name_that_deceives_is_not_put_into_the_line() {
        assert!(at_end("download e").1.is_empty());
    }

    #[test]
    fn only_the_word_under_the_cursor_counts() {
        let line = "download pl -o /tmp";
        assert_eq!(
            complete(line, 11, &names(), &[]),
            (9, vec!["plan.txt ".to_owned()])
        );
        assert!(at_end("download plan.txt -o p").1.is_empty());
    }
}
