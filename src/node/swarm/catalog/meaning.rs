//! What a name means when it goes with several contents.
//!
//! Pure. The contents that their owners share by that name now are meant; what others fetched or
//! keep by it are older versions, and no reason to refuse. Invariant: only owners can make a name
//! ambiguous.

use crate::{
    core::{
        id::{FileId, NodeId},
        path::RelPath,
    },
    node::api::Listing,
};
use std::{cmp::Reverse, collections::HashMap};

/// Which of the rows of one name are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning<'a> {
    /// These contents.
    One(&'a Listing),
    /// What several owners share by it: a person has to choose.
    Several(Vec<&'a Listing>),
}

/// What the name of `same` means: rows of one name, at least one, each with other contents.
///
/// # Panics
/// Without a row.
#[must_use]
pub fn meaning(same: &[Listing]) -> Meaning<'_> {
    let mut current: Vec<&Listing> = same.iter().filter(|row| !row.owners.is_empty()).collect();
    current.sort_by_key(|row| &row.owners[0].name);
    match current[..] {
        [] => {}
        [row] => return Meaning::One(row),
        _ => return Meaning::Several(current),
    }
    // What only this node has comes first when it is its owner; what others have, when it once
    // fetched it itself.
    let best = |row: &&Listing| {
        (
            row.shared,
            row.others + row.keepers > 0,
            row.mtime,
            Reverse(row.id),
        )
    };
    let newest = same.iter().max_by_key(best);
    Meaning::One(newest.expect("a row"))
}

/// Marks the rows that are older versions; they are sorted by name.
pub fn mark_older(rows: &mut [Listing]) {
    for same in rows.chunk_by_mut(|a, b| a.name == b.name) {
        let mut current: Vec<FileId> = match meaning(same) {
            Meaning::One(row) => vec![row.id],
            Meaning::Several(rows) => rows.iter().map(|row| row.id).collect(),
        };
        // The person's own is one, too, whatever others share.
        current.extend(same.iter().filter(|row| row.shared).map(|row| row.id));
        for row in same {
            row.older = !current.contains(&row.id);
        }
    }
}

/// The names by which contents of several owners lie side by side: `homework (anna).pdf`. Owners of
/// one name, or one that cannot be part of a file's name, are told apart by the end of their id.
#[must_use]
pub fn labelled(name: &str, rows: &[&Listing]) -> Vec<String> {
    let first = |row: &&Listing| {
        let owner = row.owners.first()?;
        Some((owner.node, clean(&owner.name)))
    };
    let owners: Vec<Option<(NodeId, String)>> = rows.iter().map(first).collect();
    let mut twins: HashMap<String, u32> = HashMap::new();
    for (_, owner) in owners.iter().flatten() {
        *twins.entry(owner.to_lowercase()).or_default() += 1;
    }
    let label = |(row, owner): (&&Listing, &Option<(NodeId, String)>)| match owner {
        Some((node, owner)) if owner.is_empty() => node.short(),
        Some((node, owner)) if twins[&owner.to_lowercase()] > 1 => {
            format!("{owner} {}", node.short())
        }
        Some((_, owner)) => owner.clone(),
        None => row.id.short(),
    };
    let labels = rows.iter().zip(&owners).map(label);
    labels.map(|label| insert(name, &label)).collect()
}

/// A person's name as a part of a file's.
fn clean(name: &str) -> String {
    let fit = |c: char| !(c.is_control() || matches!(c, '/' | '\\'));
    let name: String = name.chars().map(|c| if fit(c) { c } else { '_' }).collect();
    name.trim().to_owned()
}

/// `name` with ` (label)` before its extension; as it is where that makes no path.
fn insert(name: &str, label: &str) -> String {
    let path = RelPath::parse(name).ok();
    let labelled = path.and_then(|path| path.labelled(label));
    labelled.map_or_else(|| name.to_owned(), |path| path.as_str().to_owned())
}

#[cfg(test)]
mod tests;
