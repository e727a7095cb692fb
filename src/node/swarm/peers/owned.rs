//! What those who are here share by a name now: for downloads whose source may have been replaced.

use super::Peers;
use crate::{
    core::id::{FileId, NodeId},
    wire::control::{Held, Offer},
};
use std::collections::HashMap;

/// What was found out about some files.
#[derive(Clone, Debug, Default)]
pub struct Owned {
    /// Those who are here and whose catalog is known, what they are called, and whether all of it
    /// is.
    pub here: Vec<(NodeId, String, bool)>,
    /// For each file: who shares what by its name.
    pub shared: Vec<Vec<(NodeId, FileId, Offer)>>,
    /// For each file: whether somebody has all of these contents, by whatever name.
    pub whole: Vec<bool>,
}

impl Peers {
    /// Looks at `files`, which are names with the contents that were meant.
    #[must_use]
    pub fn owned(&self, files: &[(String, FileId)]) -> Owned {
        let mut wanted: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, (name, _)) in files.iter().enumerate() {
            wanted.entry(name.as_str()).or_default().push(at);
        }
        let mut owned = Owned {
            shared: vec![Vec::new(); files.len()],
            whole: vec![false; files.len()],
            ..Owned::default()
        };
        let known = self.table.iter().filter(|(_, peer)| peer.catalog.is_told());
        for (node, peer) in known {
            let all = peer.catalog.is_complete();
            owned.here.push((*node, peer.name.clone(), all));
            for (whole, (_, file)) in owned.whole.iter_mut().zip(files) {
                let held = peer.catalog.held(*file);
                *whole |= matches!(held, Some(Held::Shared | Held::Fetched));
            }
            for (name, file, offer) in peer.catalog.offers() {
                if offer.held == Held::Shared {
                    for &at in wanted.get(name).into_iter().flatten() {
                        owned.shared[at].push((*node, file, offer.offer()));
                    }
                }
            }
        }
        owned
    }
}
