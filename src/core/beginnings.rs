//! Names that begin so, for a person who types them: folder by folder.
//!
//! Takes any number of names and keeps a few. Invariants: at most so many folders and as many names
//! are kept, those that come first in the alphabet; however many names there are, they take no
//! place from a folder.

use super::path::printable;
use std::collections::BTreeSet;

/// See the module.
#[derive(Debug)]
pub struct Beginnings {
    prefix: String,
    most: usize,
    folders: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl Beginnings {
    /// Of names that begin with `prefix`: at most so many, and as many folders.
    #[must_use]
    pub fn new(prefix: &str, most: usize) -> Self {
        Self {
            prefix: prefix.to_owned(),
            most,
            folders: BTreeSet::new(),
            names: BTreeSet::new(),
        }
    }

    /// Looks at a name. What goes further than the next folder counts as that folder.
    pub fn add(&mut self, name: &str) {
        let Some(rest) = name.strip_prefix(self.prefix.as_str()) else {
            return;
        };
        let (all, shown) = match rest.find('/') {
            Some(at) => (&mut self.folders, &name[..=self.prefix.len() + at]),
            None => (&mut self.names, name),
        };
        let full = all.len() >= self.most;
        if all.contains(shown) || full && all.last().is_none_or(|last| shown > last.as_str()) {
            return;
        }
        // A name that cannot be shown as it is must not get into the line: its id can.
        if printable(shown) == shown {
            all.insert(shown.to_owned());
            if full {
                all.pop_last();
            }
        }
    }

    /// The folders, which end with their `/`, and the names: in order.
    #[must_use]
    pub fn found(self) -> Vec<String> {
        let mut all: Vec<String> = self.folders.into_iter().chain(self.names).collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(prefix: &str, most: usize, names: impl Iterator<Item = String>) -> Vec<String> {
        let mut beginnings = Beginnings::new(prefix, most);
        for name in names {
            beginnings.add(&name);
            assert!(beginnings.folders.len() <= most && beginnings.names.len() <= most);
        }
        beginnings.found()
    }

    #[test]
    fn many_files_hide_no_folder_and_one_full_of_files_is_one() {
        let inside = (0..100_000).map(|at| format!("photos/{at:06}.jpg"));
        let beside = (0..100_000).map(|at| format!("note {at:06}.txt"));
        let names = inside.chain(beside).chain(["zoo/a.txt".to_owned()]);
        let shown = found("", 500, names);
        assert_eq!(shown.len(), 502);
        assert_eq!(shown[0], "note 000000.txt");
        assert_eq!(shown[499..], ["note 000499.txt", "photos/", "zoo/"]);
    }

    #[test]
    fn what_is_shown_does_not_depend_on_the_order_that_names_come_in() {
        let names: Vec<String> = (0..40).map(|at| format!("{}/{at}", at % 20)).collect();
        let forth = found("", 7, names.iter().cloned());
        let back = found("", 7, names.iter().rev().cloned());
        assert_eq!(forth, back);
        assert_eq!(forth, ["0/", "1/", "10/", "11/", "12/", "13/", "14/"]);
    }

    #[test]
    fn what_deceives_is_not_shown_and_takes_no_place() {
        let names = ["e\u{1b}vil", "e\u{1b}/x", "eve"].map(str::to_owned);
        assert_eq!(found("e", 1, names.into_iter()), ["eve"]);
    }
}
