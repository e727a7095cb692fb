//! What sprat says to people, in plain sentences. Pure; everything that a stranger named is escaped
//! here.
//!
//! A file for each matter; here is what happens at a node. Never acts, and knows no command.

pub mod asks;
mod changes;
pub mod directory;
mod download;
pub mod gaps;
pub mod jobs;
pub mod links;
mod status;
pub mod talk;

use super::text::{self, person};
use crate::{
    core::path::printable,
    node::{Node, NodeEvent, Unreached},
};
pub use download::*;
pub use status::*;

/// Nobody answered: why those did not who were named by hand, or what to look at.
fn nobody_here(unreached: &[Unreached]) -> String {
    if unreached.is_empty() {
        return NOBODY.to_owned();
    }
    let each = unreached.iter().map(|one| {
        let [named, why] = [&one.named, &one.why].map(|text| printable(text));
        format!("{named}: {why}")
    });
    let each: Vec<String> = each.collect();
    format!(
        "nobody is here: no other node answered. {}",
        each.join("; ")
    )
}

/// The same where nobody was named.
const NOBODY: &str = "nobody is here: no other node answered. Is one running on this network, with the same passphrase? \
     Where broadcasts are dropped, name one with --peer HOST:PORT";

/// Nobody could be asked.
pub const NO_DESCRIPTORS: &str = "nobody could be reached: this process may not open as many files and sockets as it needs. \
     Allow it more, as by `ulimit -n 1024`, and try again";

/// Why nobody is here.
#[must_use]
pub fn alone(node: &Node) -> String {
    if node.is_short_of_descriptors() {
        NO_DESCRIPTORS.to_owned()
    } else {
        nobody_here(&node.unreached())
    }
}

/// How many of a group got everything.
#[must_use]
pub fn group(finished: usize) -> String {
    match finished {
        0 => "nobody has all of it".to_owned(),
        1 => "one person has all of it".to_owned(),
        many => format!("{many} people have all of it"),
    }
}

/// What happened, if it is worth a sentence.
#[must_use]
pub fn event(event: &NodeEvent) -> Option<String> {
    Some(match event {
        NodeEvent::PeerJoined {
            node,
            name,
            before,
            key_changed: false,
            ..
        } => match before {
            None => format!("{} joined ({})", person(name), node.short()),
            Some(before) => format!(
                "{} joined ({}), who was called {} before",
                person(name),
                node.short(),
                person(before)
            ),
        },
        NodeEvent::PeerJoined { node, name, .. } => format!(
            "{} joined ({}): NOT the key known for that name; nothing is sent to it without --trust-new-key",
            person(name),
            node.short()
        ),
        NodeEvent::PeerRenamed {
            node,
            name,
            before,
            key_changed,
        } => format!(
            "{} is called {} now ({}){}",
            person(before),
            person(name),
            node.short(),
            if *key_changed {
                ": NOT the key known for that name; nothing is sent to it without --trust-new-key"
            } else {
                ""
            }
        ),
        NodeEvent::PeerLeft {
            name,
            announced: true,
            ..
        } => format!("{} left", person(name)),
        NodeEvent::PeerLeft {
            name,
            announced: false,
            ..
        } => format!("{} went silent", person(name)),
        NodeEvent::CatalogChanged { .. }
        | NodeEvent::Scanning { .. }
        | NodeEvent::Offered { .. }
        | NodeEvent::Withdrawn { .. }
        | NodeEvent::Job(_) => return None,
        NodeEvent::Scanned { files: 0, .. } => {
            "offering nothing yet: put files into the shared folder".to_owned()
        }
        NodeEvent::Scanned { files, bytes, .. } => format!(
            "offering {}, {}",
            text::count(*files, "file"),
            text::size(*bytes)
        ),
        NodeEvent::Files(change) => changes::sentence(change),
        NodeEvent::PeerDropped { node, name, why } => format!(
            "dropped {} ({}): {}",
            person(name),
            node.short(),
            printable(why)
        ),
        NodeEvent::Message {
            node,
            name,
            text,
            key_changed,
            ..
        } => talk::heard(node, name, text, *key_changed),
        NodeEvent::Ask(ask) => asks::question(ask),
        NodeEvent::AskGone { number, from, why } => asks::gone(*number, from, *why),
        NodeEvent::Received(received) => asks::received(received),
        NodeEvent::Later { name, event, .. } => return asks::sending(name, event),
        NodeEvent::Server(news) => directory::server(news),
        NodeEvent::Path(path) => directory::path(path),
        NodeEvent::SameKey { name, address } => format!(
            "{} at {address} has the same key as this node, as if its folder were a copy of this one: others take the two \
             for one, and neither works well. End one of them, and give it a key of its own: sprat --home DIR new-key",
            person(name)
        ),
        NodeEvent::Notice(notice) => printable(notice).into_owned(),
    })
}

/// So many rows of `list` were left out.
#[must_use]
pub fn older(count: usize) -> String {
    let versions = text::count(count as u64, "older version");
    format!("{versions} not shown: `list --versions` shows them")
}

/// A long scan goes on.
#[must_use]
pub fn scanning(percent: u64, total: u64) -> String {
    format!(
        "reading the shared folder: {percent} % of {}",
        text::size(total)
    )
}

#[cfg(test)]
mod tests;
