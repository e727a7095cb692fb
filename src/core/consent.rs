//! Asking before sending: who may be asked what, how often and for how long, at both ends.
//!
//! Pure. [`Inbox`] is the receiver's end, of all asks together; [`Errand`] is the sender's, of one
//! ask to one person. Neither knows what is in the files. Invariants: an ask is shown once and
//! decided once; what was decided is never asked again; no peer can have more than one ask open
//! here, and all together no more than [`MAX_OPEN`].

mod errand;
mod inbox;
#[cfg(test)]
mod tests;

pub use errand::{Act, Errand, Heard, Outcome};
pub use inbox::{Gone, Inbox, InboxAction, InboxEvent};

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Asks that wait for an answer at one node.
pub const MAX_OPEN: usize = 10;
/// How long an ask waits for its answer.
pub const EXPIRY: Duration = Duration::from_secs(300);
/// How long a transfer that was accepted waits for the other side to come back.
pub const RETURN: Duration = Duration::from_secs(600);

/// The name of an ask: random, chosen by the sender, the same when it asks again after an
/// interruption.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskId(#[serde(with = "serde_bytes")] pub [u8; 16]);

impl fmt::Debug for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AskId({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// Why an ask is not granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AskRefusal {
    /// The person said no.
    Person,
    /// No person answers asks there: no prompt, and nothing is taken without one.
    Nobody,
    /// Another ask of the same sender is still open.
    Busy,
    /// Too many asks are open there.
    Full,
    /// The same sender asked too often lately.
    TooOften,
    /// That ask was decided before.
    Decided,
    /// No person answered in time.
    Expired,
    /// It does not fit on the disk there.
    NoRoom,
}

/// What several files are called together: a name, a folder, or how many.
#[must_use]
pub fn title(names: &[&str]) -> String {
    fn folder(name: &str) -> Option<&str> {
        name.split_once('/').map(|(folder, _)| folder)
    }
    let top = names.first().and_then(|first| folder(first));
    match (names, top) {
        ([one], _) => (*one).to_owned(),
        (_, Some(top)) if names.iter().all(|name| folder(name) == Some(top)) => format!("{top}/"),
        _ => format!("{} files", names.len()),
    }
}

impl AskRefusal {
    /// A sentence's end: "bob refused: …".
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Person => "no, thank you",
            Self::Nobody => "nobody answers there, and nothing is taken unasked",
            Self::Busy => "another ask of yours is still open there; wait for its answer",
            Self::Full => "too many asks are open there; try again later",
            Self::TooOften => "too many asks in a short time; try again in a minute",
            Self::Decided => "that ask was answered before",
            Self::Expired => "nobody answered in time",
            Self::NoRoom => "there is not enough room on the disk there",
        }
    }
}
