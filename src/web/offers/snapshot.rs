//! All that the swarm offers at one moment, made ready for many questions.
//!
//! Pure. Rows are meant by their number, in the order of names. Invariants: `folded` has one line
//! for each row; an order is made once, when it is asked for.

use super::Sort;
use crate::node::{Listing, Pattern, is_id};
use memchr::memmem::Finder;
use std::{cmp::Reverse, sync::OnceLock};

/// A search among fewer rows than one in so many looks at these; another goes through all names
/// at once.
const FEW: usize = 8;

/// See the module.
pub struct Snapshot {
    rows: Vec<Listing>,
    /// The names in lower case, one a line.
    folded: String,
    /// Where each line ends, its break included.
    ends: Vec<usize>,
    /// All rows by size, time, holders and copies, up and down.
    orders: [OnceLock<Vec<u32>>; 8],
}

/// Whether all that `longer` finds is among what `text` finds.
pub fn goes_on(text: &str, longer: &str) -> bool {
    let part = |text| {
        matches!(
            Pattern::for_list(Some(text)),
            Pattern::Part(_) | Pattern::All
        )
    };
    part(text) && part(longer) && longer.to_lowercase().contains(&text.to_lowercase())
}

impl Snapshot {
    /// Of rows by name, as `list` has them.
    pub fn new(rows: Vec<Listing>) -> Self {
        let (mut folded, mut ends) = (String::new(), Vec::with_capacity(rows.len()));
        for row in &rows {
            if row.name.is_ascii() {
                let start = folded.len();
                folded.push_str(&row.name);
                folded[start..].make_ascii_lowercase();
            } else {
                folded.push_str(&row.name.to_lowercase());
            }
            folded.push('\n');
            ends.push(folded.len());
        }
        Self {
            rows,
            folded,
            ends,
            orders: Default::default(),
        }
    }

    /// All of them.
    pub fn rows(&self) -> &[Listing] {
        &self.rows
    }

    /// Whether `text` is (the beginning of) the id of this row.
    pub fn has_id(&self, at: u32, text: &str) -> bool {
        is_id(text) && self.rows[at as usize].id.starts_with(text)
    }

    /// The rows that `list TEXT` has, and how many names were looked at one by one. `within`: rows
    /// among which all are that go by a name with this text.
    pub fn search(&self, text: &str, within: Option<&[u32]>) -> (Vec<u32>, usize) {
        let count = self.rows.len();
        let pattern = Pattern::for_list(Some(text));
        let (mut found, looked) = match &pattern {
            Pattern::All => ((0..count as u32).collect(), 0),
            Pattern::Part(part) => match within.filter(|rows| rows.len() < count / FEW) {
                Some(rows) => (self.among(part, rows), rows.len()),
                None => (self.with_part(part), 0),
            },
            glob => {
                let literal = glob.literal(text).map(|name| self.matching(&name));
                let literal = literal.filter(|found| !found.is_empty());
                let found = literal.unwrap_or_else(|| self.matching(glob));
                if found.is_empty() {
                    (self.with_part(&text.to_lowercase()), count)
                } else {
                    (found, count)
                }
            }
        };
        if is_id(text) {
            let ids = (0..count as u32).filter(|&at| self.has_id(at, text));
            found.extend(ids);
            found.sort_unstable();
            found.dedup();
        }
        (found, looked)
    }

    fn matching(&self, pattern: &Pattern) -> Vec<u32> {
        let rows = (0..).zip(&self.rows);
        let matching = rows.filter(|(_, row)| pattern.matches(&row.name));
        matching.map(|(at, _)| at).collect()
    }

    fn line(&self, at: u32) -> &[u8] {
        let at = at as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        // Without the break at its end.
        &self.folded.as_bytes()[start..self.ends[at] - 1]
    }

    fn among(&self, part: &str, rows: &[u32]) -> Vec<u32> {
        let finder = Finder::new(part);
        let has = |at: &u32| finder.find(self.line(*at)).is_some();
        rows.iter().copied().filter(has).collect()
    }

    fn with_part(&self, part: &str) -> Vec<u32> {
        let mut found = Vec::new();
        // No name has a break in it, but two lines together do.
        if part.contains('\n') {
            return found;
        }
        let (finder, all) = (Finder::new(part), self.folded.as_bytes());
        let (mut from, mut row) = (0, 0);
        while let Some(at) = finder.find(&all[from..]) {
            let at = from + at;
            while row < self.ends.len() && self.ends[row] <= at {
                row += 1;
            }
            let Some(end) = self.ends.get(row) else {
                break;
            };
            found.push(row as u32);
            from = *end;
        }
        found
    }

    /// The same rows in this order, equal ones by name.
    pub fn sorted(&self, mut rows: Vec<u32>, sort: Sort, desc: bool) -> Vec<u32> {
        let Some(order) = self.order(sort, desc) else {
            if desc {
                rows.reverse();
            }
            return rows;
        };
        let mut wanted = vec![false; self.rows.len()];
        for at in rows {
            wanted[at as usize] = true;
        }
        let wanted = order.iter().copied().filter(|&at| wanted[at as usize]);
        wanted.collect()
    }

    fn order(&self, sort: Sort, desc: bool) -> Option<&Vec<u32>> {
        let (place, key): (_, fn(&Listing) -> u64) = match sort {
            Sort::Name => return None,
            Sort::Size => (0, |row| row.size),
            // From before 1970 to after it.
            Sort::Time => (1, |row| (row.mtime as u64) ^ (1 << 63)),
            Sort::Holders => (2, |row| row.holders.into()),
            Sort::Copies => (3, |row| row.copies.into()),
        };
        let order = || {
            let mut keys: Vec<(u64, u32)> = self.rows.iter().map(key).zip(0..).collect();
            if desc {
                keys.sort_unstable_by_key(|&(key, at)| (Reverse(key), at));
            } else {
                keys.sort_unstable();
            }
            keys.into_iter().map(|(_, at)| at).collect()
        };
        Some(self.orders[place * 2 + usize::from(desc)].get_or_init(order))
    }
}
