//! What the words of a download mean at the moment.

use super::Peers;
use crate::{
    core::{
        Now,
        id::{FileId, NodeId},
        patience::Sight,
    },
    node::{
        api::{Listing, Version, WhoError},
        swarm::catalog::{Meaning, OwnCatalog, Pattern, Told, is_id, labelled, meaning, rows},
    },
    wire::control::Offer,
};
use std::collections::{BTreeSet, HashSet};

/// Words that are to be understood.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Names, globs, folders or ids.
    pub what: Vec<String>,
    /// Whose: a name, or an id.
    pub from: Option<String>,
    /// Of a name with contents of several owners: all of them.
    pub all_versions: bool,
    /// Also what may mean more in a moment, and takes long to find out.
    pub in_full: bool,
}

/// A file that is meant. There may be very many: it is no more of a row than a download needs.
#[derive(Clone, Debug)]
pub struct Meant {
    /// Under which name it is to be saved, if that is another one.
    pub label: Option<Box<str>>,
    /// The name it is offered by.
    pub offered: String,
    /// Its contents.
    pub id: FileId,
    /// Bytes.
    pub size: u64,
    /// This node has all of it for its own user.
    pub mine: bool,
    /// How somebody describes it.
    pub offer: Offer,
}

impl Meant {
    /// Under which name it is to be saved.
    #[must_use]
    pub fn name(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.offered)
    }
}

/// What the words mean.
#[derive(Debug, Default)]
pub struct Resolution {
    /// What is meant, without doubles.
    pub found: Vec<Meant>,
    /// Words that mean nothing here (yet).
    pub missing: Vec<String>,
    /// Names with contents of more than one owner, and ids that are too short.
    pub ambiguous: Vec<(String, Vec<Version>)>,
    /// Each word has a meaning that only another owner could change.
    pub firm: bool,
    /// Others may have more that a word means: it is a pattern or a folder.
    pub open: bool,
    /// What is on its way.
    pub sight: Sight,
    /// Whose it should be is not clear.
    pub who: Option<WhoError>,
}

/// Whether another node has (some of) it.
fn elsewhere(row: &Listing) -> bool {
    row.others + row.keepers > 0
}

/// The contents of these rows, if they are not all the same.
fn several(mut rows: Vec<Listing>) -> Option<Vec<Version>> {
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    (rows.len() > 1).then(|| rows.iter().map(Listing::version).collect())
}

impl Peers {
    /// What the words mean at the moment; with `from`, among what that node offers.
    #[must_use]
    pub fn resolve(
        &self,
        own: &OwnCatalog,
        question: &Question,
        from: Option<NodeId>,
        now: Now,
    ) -> Resolution {
        let mut result = Resolution {
            sight: self.sight(now),
            ..Resolution::default()
        };
        let patterns = question.what.iter().map(|word| Pattern::for_download(word));
        let patterns: Vec<Pattern> = patterns.collect();
        let plural = patterns.iter().any(Pattern::is_plural);
        if plural && result.sight.telling > 0 && !question.in_full {
            result.missing.clone_from(&question.what);
            return result;
        }
        let peers = self.offerings();
        let theirs = from.and_then(|from| self.table.get(&from));
        let theirs: Option<HashSet<(&str, FileId)>> = theirs.map(|peer| {
            let offers = peer.catalog.offers();
            offers.map(|(name, file, _)| (name, file)).collect()
        });
        let found_by = |wanted: &dyn Fn(&str, FileId) -> bool| {
            rows(own, &peers, |name, file| {
                let theirs = theirs.as_ref();
                wanted(name, file) && theirs.is_none_or(|theirs| theirs.contains(&(name, file)))
            })
        };
        let of_them = |mut row: Listing| {
            if let Some(from) = from {
                row.owners.retain(|owner| owner.node == from);
                row.shared = false;
            }
            row
        };
        let (mut seen, mut firm) = (BTreeSet::new(), true);
        for (word, pattern) in question.what.iter().zip(&patterns) {
            let literal = pattern.literal(word);
            let literal = literal.map(|exact| found_by(&|name, _| exact.matches(name)));
            let literal = literal.and_then(|mut rows| (!rows.is_empty()).then_some(rows));
            let mut open = literal.is_none() && pattern.is_plural();
            firm &= !open;
            let mut found = literal.unwrap_or_else(|| found_by(&|name, _| pattern.matches(name)));
            // One content under several names: the first name will do.
            let (mut most, mut by_name) = (usize::MAX, true);
            if found.is_empty() && is_id(word) {
                let by_id = || found_by(&|_, file| file.starts_with(word));
                if let Some(versions) = several(by_id().map(&of_them).collect()) {
                    result.ambiguous.push((word.clone(), versions));
                    continue;
                }
                found = by_id();
                (most, by_name) = (1, false);
            } else if found.is_empty() && !matches!(pattern, Pattern::Folder(_)) {
                // `photos` without its `/` may be a folder all the same.
                let folder = Pattern::for_download(&format!("{word}/"));
                found = found_by(&|name, _| folder.matches(name));
                open |= !found.is_empty();
                firm &= found.is_empty();
            }
            result.open |= open;
            if found.is_empty() {
                firm = false;
                result.missing.push(word.clone());
            }
            let mut owned = !by_name;
            result.found.reserve_exact(found.most().min(most));
            let mut found = found.take(most).map(&of_them).peekable();
            // A row is made when it is looked at, and let go as soon as it is understood.
            while let Some(first) = found.next() {
                let mut same = vec![first];
                while let Some(more) = found.next_if(|row| row.name == same[0].name) {
                    same.push(more);
                }
                owned |= same.iter().any(|row| !row.owners.is_empty());
                let (meant, labels) = match meaning(&same) {
                    Meaning::One(row) => (vec![row], vec![row.name.clone()]),
                    Meaning::Several(rows) if question.all_versions => {
                        let labels = labelled(&rows[0].name, &rows);
                        (rows, labels)
                    }
                    Meaning::Several(rows) => {
                        let versions = rows.iter().map(|row| row.version()).collect();
                        result.ambiguous.push((same[0].name.clone(), versions));
                        continue;
                    }
                };
                for (row, name) in meant.into_iter().zip(labels) {
                    // What only this node has may be an older version of what others offer: they
                    // are heard first.
                    firm &= elsewhere(row);
                    // The rows of one word are different ones.
                    if question.what.len() == 1 || seen.insert((row.name.clone(), row.id)) {
                        let offer = self.describe(own, &row.name, row.id).map(Told::offer);
                        result.found.extend(offer.map(|offer| Meant {
                            label: (name != row.name).then(|| name.into()),
                            offered: row.name.clone(),
                            id: row.id,
                            size: row.size,
                            mine: row.mine,
                            offer,
                        }));
                    }
                }
            }
            firm &= owned;
        }
        result.firm = firm;
        result
    }
}
