//! What `--json` prints: one object a line.
//!
//! What the node tells is serialised where it is declared, in `node::api`; here is only what the
//! front end has to say of its own. Pure. Names are as they came, for programs; JSON escapes
//! control characters, and [`line`] those others that deceive a terminal.

use crate::{
    core::id::NodeId,
    node::{BrokenOff, History, LaterInfo, Safe, SignedUp, Status},
};
use serde::Serialize;
use std::fmt::Write as _;

/// One line of JSON; characters outside ASCII that a terminal obeys or hides are `\uXXXX`. `None`
/// for what JSON has no words for.
#[must_use]
pub fn line(value: &impl Serialize) -> Option<String> {
    let text = serde_json::to_string(value).ok()?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if deceives(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Some(out)
}

/// C1 controls, DEL, bidirectional and zero-width characters, line separators, tags.
fn deceives(c: char) -> bool {
    matches!(c,
        '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Something that the node tells, under the name of an event.
#[derive(Serialize)]
pub struct Told<'a, T: Serialize> {
    event: &'static str,
    #[serde(flatten)]
    what: &'a T,
}

/// `what` as the event `event`.
pub fn told<'a, T: Serialize>(event: &'static str, what: &'a T) -> Told<'a, T> {
    Told { event, what }
}

/// What the front end tells of its own doing.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event<'a> {
    /// The first line of `serve`.
    Ready {
        /// Who this node is.
        peer: String,
        /// What it is called.
        name: &'a str,
        /// Where it listens.
        addresses: &'a [String],
    },
    /// `status`, with what waits for somebody.
    Status {
        /// The node's part.
        #[serde(flatten)]
        status: &'a Status,
        /// What waits.
        later: &'a [LaterInfo],
    },
    /// The node leaves, though not all it shares is elsewhere.
    Leaving {
        /// What is.
        safe: Safe,
    },
    /// A new passphrase.
    Passphrase {
        /// Its words.
        words: &'a str,
        /// What they are worth.
        bits: u32,
    },
    /// The page of this node.
    Web {
        /// Where, with a code that opens it once.
        address: &'a str,
    },
    /// A code to be typed on the other machine.
    Code {
        /// It.
        code: &'a str,
    },
    /// A message arrived at its receiver.
    Delivered {
        /// What they are called.
        to: &'a str,
        /// Their id.
        peer: String,
        /// When: seconds since 1970.
        time: u64,
    },
    /// A name is bound.
    SignedUp {
        /// The name.
        name: &'a str,
        /// Where.
        server: &'a str,
    },
    /// A name is given back.
    Released {
        /// The name.
        name: &'a str,
        /// Where.
        server: &'a str,
    },
    /// Somebody who signed up is known from now on.
    Added {
        /// The name.
        name: &'a str,
        /// Whose.
        peer: String,
        /// Whether they are there now.
        present: bool,
        /// When they last were.
        seen: u64,
        /// Where they signed up.
        server: &'a str,
    },
    /// A download that was broken off.
    Leftover {
        /// Which.
        #[serde(flatten)]
        one: &'a BrokenOff,
        /// Whether it was removed.
        removed: bool,
    },
    /// Something is shared where it lies.
    Shared {
        /// Its name.
        name: &'a str,
        /// Where it is.
        path: &'a str,
        /// Whether it was before.
        already: bool,
    },
    /// Something is shared no longer.
    Unshared {
        /// What it was called.
        name: &'a str,
        /// Where it is now.
        path: &'a str,
        /// Whether it lay in the shared folder before.
        moved: bool,
    },
    /// Something failed.
    Error {
        /// Of what.
        name: &'a str,
        /// Why.
        error: &'a str,
    },
}

impl<'a> Event<'a> {
    /// The first line of `serve`.
    #[must_use]
    pub fn ready(status: &'a Status) -> Self {
        Self::Ready {
            peer: status.node.to_string(),
            name: &status.name,
            addresses: &status.addresses,
        }
    }

    /// A message arrived.
    #[must_use]
    pub fn delivered(to: &'a str, peer: NodeId, time: u64) -> Self {
        let peer = peer.to_string();
        Self::Delivered { to, peer, time }
    }

    /// Somebody was added.
    #[must_use]
    pub fn added(row: &'a SignedUp) -> Self {
        Self::Added {
            name: &row.name,
            peer: row.node.to_string(),
            present: row.present,
            seen: row.seen,
            server: &row.server,
        }
    }
}

/// The rows of `history`.
pub fn history(history: &History) -> impl Iterator<Item = String> {
    #[derive(Serialize)]
    struct Row<'a> {
        time: u64,
        mine: bool,
        peer: &'a str,
        name: &'a str,
        text: &'a str,
    }
    let peer = history.peer.to_string();
    history.said.iter().filter_map(move |said| {
        line(&Row {
            time: said.time,
            mine: said.mine,
            peer: &peer,
            name: &history.name,
            text: &said.text,
        })
    })
}

#[cfg(test)]
mod tests;
