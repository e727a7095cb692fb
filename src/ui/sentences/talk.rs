//! What people say to each other, and why something was not delivered, in sentences. Pure.
//!
//! Everything that somebody else wrote is escaped and cut here.

use crate::{
    core::{
        id::NodeId,
        path::{printable, printable_cut},
    },
    node::{ChatLine, MessageError},
    ui::text::{self, person},
};

/// A message is shown in no more characters: a screenful.
const SHOWN: usize = 2000;

/// Somebody said something.
#[must_use]
pub fn heard(node: &NodeId, name: &str, text: &str, key_changed: bool) -> String {
    let text = printable_cut(text, SHOWN);
    if key_changed {
        format!(
            "{} ({}, NOT the key known for that name): {text}",
            person(name),
            node.short()
        )
    } else {
        format!("{}: {text}", person(name))
    }
}

/// Why something was not delivered.
#[must_use]
pub fn undelivered(name: &str, error: &MessageError) -> String {
    let name = person(name);
    match error {
        MessageError::Away => {
            format!("{name} is not here any more: not delivered, and nothing is kept for later")
        }
        MessageError::Unknown => format!("{name}: {error}"),
        other => format!("not delivered to {name}: {}", printable(&other.to_string())),
    }
}

/// A conversation begins.
#[must_use]
pub fn begun(name: &str, node: &NodeId) -> String {
    format!(
        "talking with {} ({}): what you type is sent to them, /quit ends it",
        person(name),
        node.short()
    )
}

/// A line of a history; `name` is the other one's, as it is shown.
#[must_use]
pub fn said(name: &str, said: &ChatLine) -> String {
    let who = if said.mine { "me" } else { name };
    let text = printable_cut(&said.text, SHOWN);
    format!("{}  {who}: {text}", text::moment(said.time))
}

/// Nobody of that name was ever talked to.
#[must_use]
pub fn unknown(who: &str) -> String {
    format!("nothing is known of `{}`", printable_cut(who, SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId([7; 32]);

    #[test]
    fn what_a_stranger_wrote_is_escaped_and_cut() {
        let heard_of = heard(&NODE, "ali\u{1b}[2Jce", "a\r\n\u{202e}b", false);
        assert_eq!(heard_of, "ali\\u{1b}[2Jce: a\\r\\n\\u{202e}b");
        let long = heard(&NODE, &"n".repeat(10_000), &"\u{1b}".repeat(10_000), false);
        assert!(long.chars().count() < SHOWN + 100, "{}", long.len());
        let flagged = heard(&NODE, "alice", "hi", true);
        assert!(flagged.contains(&NODE.short()) && flagged.contains("NOT the key"));
    }

    #[test]
    fn failures_say_what_to_do() {
        assert!(undelivered("alice", &MessageError::TooLong(5000)).contains("at most 4096"));
    }
}
