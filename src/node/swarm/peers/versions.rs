//! Who offers other contents by some names, found out part by part: all names are looked at.

use super::{Peers, Source};
use crate::core::{
    id::{FileId, NodeId},
    path::RelPath,
};
use std::{collections::HashMap, ops::Range, time::Duration};

/// Holders of another version of a file that are asked what they have of this one.
const MAX_VERSIONS: usize = 16;

/// See the module.
pub struct Versions {
    files: Vec<FileId>,
    /// Which of them go by a name, of which the last part counts.
    wanted: HashMap<String, Vec<usize>>,
    found: Vec<Vec<Source>>,
}

impl Versions {
    /// Of these files, by these names.
    #[must_use]
    pub fn new(files: &[(RelPath, FileId)]) -> Self {
        let mut wanted: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, (name, _)) in files.iter().enumerate() {
            let last = name.file_name().to_owned();
            wanted.entry(last).or_default().push(at);
        }
        Self {
            files: files.iter().map(|(_, file)| *file).collect(),
            wanted,
            found: vec![Vec::new(); files.len()],
        }
    }

    /// For each file: at most [`MAX_VERSIONS`] nodes.
    #[must_use]
    pub fn found(self) -> Vec<Vec<Source>> {
        self.found
    }
}

impl Peers {
    /// Looks at some rows of what a peer offers. False when there are no more of them.
    pub fn versions(&self, node: &NodeId, rows: Range<usize>, versions: &mut Versions) -> bool {
        let Some(peer) = self.table.get(node) else {
            return false;
        };
        let until = rows.end;
        for (name, file, offer) in peer.catalog.part(rows) {
            let last = name.rsplit('/').next().unwrap_or(name);
            for &at in versions.wanted.get(last).into_iter().flatten() {
                let here = &mut versions.found[at];
                let known = here.last().is_some_and(|source| source.node == *node);
                if file != versions.files[at] && !known && here.len() < MAX_VERSIONS {
                    here.push(Source {
                        node: *node,
                        name: peer.name.clone(),
                        rtt: peer.rtt.unwrap_or(Duration::from_millis(5)),
                        held: offer.held,
                    });
                }
            }
        }
        until < peer.catalog.len()
    }
}
