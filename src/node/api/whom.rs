//! Why a word means nobody, or several, in a sentence. Pure; names are escaped and cut here.

use super::WhoError;
use crate::core::{id::NodeId, path::printable_cut};

/// A name is shown in no more characters…
const NAME: usize = 64;
/// …and of no more nodes than this the ids.
const IDS: usize = 8;

/// Why nothing could be sent.
#[must_use]
pub fn nobody(who: &str, error: &WhoError) -> String {
    let who = printable_cut(who, NAME);
    match error {
        WhoError::Nobody => {
            format!(
                "nobody called `{who}` is here; nothing was sent, and nothing is kept for later"
            )
        }
        WhoError::Ambiguous(ids) => {
            let ids: Vec<_> = ids.iter().take(IDS).map(NodeId::short).collect();
            format!(
                "`{who}` could be several; choose one by its id: {}",
                ids.join(", ")
            )
        }
        WhoError::NewKey { name, known, now } => format!(
            "{} is here with another key ({}) than before ({}): nothing was sent. Ask them by another way whether \
             that is right; --trust-new-key takes the new one",
            printable_cut(name, NAME),
            now.short(),
            known.short()
        ),
    }
}

/// Why nothing could be downloaded from them.
pub(super) fn whose(name: &str, why: &WhoError) -> String {
    match why {
        WhoError::Nobody => format!("nobody called `{name}` is here"),
        WhoError::Ambiguous(_) => {
            format!("`{name}` could be several people: choose by an id that `peers` shows")
        }
        WhoError::NewKey { .. } => {
            format!(
                "who is called `{name}` here is not the one known by that name; choose by the id that `peers` shows"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId([7; 32]);

    #[test]
    fn what_to_do_is_said_and_the_word_is_escaped_and_cut() {
        assert!(nobody("al\u{7}ice", &WhoError::Nobody).contains("`al\\u{7}ice` is here"));
        let long = nobody(&"n".repeat(10_000), &WhoError::Nobody);
        assert!(long.chars().count() < 200, "{}", long.len());
        let key = WhoError::NewKey {
            name: "alice".into(),
            known: NODE,
            now: NodeId([8; 32]),
        };
        assert!(nobody("alice", &key).contains("--trust-new-key"));
        assert!(nobody("x", &WhoError::Ambiguous(vec![NODE])).contains(&NODE.short()));
    }
}
