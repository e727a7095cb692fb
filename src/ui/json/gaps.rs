//! What is not known of what the swarm offers, and whose it is, for programs.

use super::line;
use crate::node::{Gap, Gaps, Missing, Owner, Scan, Version};
use serde::Serialize;

/// Somebody.
#[derive(Serialize)]
pub(super) struct Person<'a> {
    peer: String,
    name: &'a str,
}

/// Another version than the name means now, and who fetched it.
#[derive(Serialize)]
pub(super) struct Older<'a> {
    pub at: Vec<Person<'a>>,
}

/// One of several contents of a name.
#[derive(Serialize)]
pub(super) struct Choice<'a> {
    id: String,
    size: u64,
    mtime: i64,
    owners: Vec<Person<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    peer: String,
    name: &'a str,
    known: u64,
    why: &'static str,
}

#[derive(Serialize)]
struct Scanning<'a> {
    peer: String,
    name: &'a str,
    files: u64,
    bytes: u64,
    of_files: Option<u64>,
    of_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Incomplete<'a> {
    event: &'static str,
    nodes: Vec<Node<'a>>,
    scanning: Vec<Scanning<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    alone: bool,
}

pub(super) fn people(owners: &[Owner]) -> Vec<Person<'_>> {
    let people = owners.iter().map(|owner| Person {
        peer: owner.node.to_string(),
        name: &owner.name,
    });
    people.collect()
}

pub(super) fn choice(version: &Version) -> Choice<'_> {
    Choice {
        id: version.id.to_string(),
        size: version.size,
        mtime: version.mtime,
        owners: people(&version.owners),
    }
}

/// What is missing.
#[must_use]
pub fn incomplete(gaps: &Gaps) -> String {
    line(&Incomplete {
        event: "incomplete",
        nodes: gaps.catalogs.iter().map(node).collect(),
        scanning: gaps.scanning.iter().map(scanning).collect(),
        alone: gaps.alone,
    })
}

fn node(gap: &Gap) -> Node<'_> {
    Node {
        peer: gap.node.node.to_string(),
        name: &gap.node.name,
        known: gap.known,
        why: match gap.why {
            Missing::Connection => "connection",
            Missing::Rest => "rest",
            Missing::Answer => "answer",
            Missing::Room => "room",
        },
    }
}

fn scanning((node, scan): &(Owner, Scan)) -> Scanning<'_> {
    Scanning {
        peer: node.node.to_string(),
        name: &node.name,
        files: scan.files,
        bytes: scan.bytes,
        of_files: scan.of_files,
        of_bytes: scan.of_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::NodeId;

    #[test]
    fn what_is_missing_names_its_nodes() {
        let node = |name: &str| Owner {
            node: NodeId([7; 32]),
            name: name.into(),
        };
        let scan = Scan {
            files: 1,
            bytes: 2,
            of_files: Some(3),
            of_bytes: None,
        };
        let gap = Gap {
            node: node("bob"),
            known: 512,
            why: Missing::Rest,
        };
        let gaps = Gaps {
            catalogs: vec![gap],
            scanning: vec![(node("eve"), scan)],
            alone: false,
        };
        let id = NodeId([7; 32]);
        assert_eq!(
            incomplete(&gaps),
            format!(
                "{{\"event\":\"incomplete\",\"nodes\":[{{\"peer\":\"{id}\",\"name\":\"bob\",\"known\":512,\"why\":\"rest\"}}],\
                 \"scanning\":[{{\"peer\":\"{id}\",\"name\":\"eve\",\"files\":1,\"bytes\":2,\"of_files\":3,\"of_bytes\":null}}]}}"
            )
        );
    }
}
