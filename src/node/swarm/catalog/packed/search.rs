//! Finding rows by a part of their names, in the one text that all names are.
//!
//! Going through a million rows takes ten times as long as going through their names.

use super::{super::sought::Keys, Packed, Row};
use crate::core::id::FileId;
use memchr::{memchr_iter, memchr2_iter};

/// Rows that may fit and are looked at, at most: with more of them it is better to go through all.
const CANDIDATES: usize = 64 << 10;
/// Bytes that are gone through at once: some milliseconds, in which the actor waits.
const MOST: usize = 96 << 20;
/// Rows that fit, at most.
const FOUND: usize = 8 << 10;
/// Of so much of the text it is found out which bytes are rare.
const SAMPLE: usize = 32 << 10;

impl Packed {
    /// The rows that have one of the keys and that `fits` says yes to, in no order; `None` when there
    /// are very many.
    pub(in super::super) fn search(
        &self,
        keys: &Keys<'_>,
        fits: impl Fn(&str, FileId) -> bool,
    ) -> Option<Vec<u32>> {
        let when_lower = keys.when_lower.iter().filter(|_| self.foreign > 0);
        let texts: Vec<&str> = keys.texts.iter().chain(when_lower).copied().collect();
        if self.text.len().saturating_mul(texts.len()) > MOST {
            return None;
        }
        let mut rows = Vec::new();
        for id in &keys.ids {
            rows.extend(self.by_id(id)?);
        }
        let mut places = Vec::new();
        let common = self.common();
        for text in texts {
            self.places(text.as_bytes(), &common, &mut places)?;
        }
        if self.moved.is_empty() {
            rows.extend(places.into_iter().filter_map(|place| self.row_of(place)));
        } else if !places.is_empty() {
            let [stayed, moved] = self.in_order();
            let at = |place| {
                self.row_at(place, &stayed)
                    .or_else(|| self.row_at(place, &moved))
            };
            rows.extend(places.into_iter().filter_map(at));
        }
        rows.sort_unstable();
        rows.dedup();
        rows.retain(|&row| fits(self.name(row), self.row(row).file));
        (rows.len() <= FOUND).then_some(rows)
    }

    /// How often each byte is in the text, about.
    fn common(&self) -> [u32; 256] {
        let (text, mut common) = (self.text.as_bytes(), [0; 256]);
        let half = SAMPLE / 2;
        let later = &text[(text.len() / 2).max(half).min(text.len())..];
        for byte in text.iter().take(half).chain(later.iter().take(half)) {
            common[usize::from(*byte)] += 1;
        }
        common
    }

    /// Where a key is in the text, in any case of ASCII. `None` when that is in very many places.
    fn places(&self, key: &[u8], common: &[u32; 256], places: &mut Vec<usize>) -> Option<()> {
        let text = self.text.as_bytes();
        let cases = |byte: u8| (byte.to_ascii_lowercase(), byte.to_ascii_uppercase());
        let often = |byte: u8| {
            let (lower, upper) = cases(byte);
            common[usize::from(lower)] + common[usize::from(upper)]
        };
        let (rare, &byte) = key
            .iter()
            .enumerate()
            .min_by_key(|(_, byte)| often(**byte))?;
        let mut note = |found: usize| {
            let Some(from) = found.checked_sub(rare) else {
                return Some(());
            };
            let here = text.get(from..from + key.len());
            if here.is_some_and(|here| here.eq_ignore_ascii_case(key)) {
                places.push(from);
            }
            (places.len() <= CANDIDATES).then_some(())
        };
        match cases(byte) {
            (one, other) if one == other => memchr_iter(one, text).try_for_each(&mut note),
            (one, other) => memchr2_iter(one, other, text).try_for_each(&mut note),
        }
    }

    /// The rows in the order of their names in the text, in two parts.
    fn in_order(&self) -> [Vec<u32>; 2] {
        let mut moved: Vec<u32> = self.moved.iter().copied().collect();
        let mut skipped = moved.iter().peekable();
        let rows = 0..self.rows.len() as u32;
        let rows = rows.filter(|row| skipped.next_if(|skip| *skip == row).is_none());
        let stayed = rows.collect();
        moved.sort_unstable_by_key(|&row| self.row(row).name);
        [stayed, moved]
    }

    /// Whose name is at a place in the text, of rows in their order.
    fn row_at(&self, place: usize, rows: &[u32]) -> Option<u32> {
        let after = rows.partition_point(|&row| self.row(row).name as usize <= place);
        let row = rows[after.checked_sub(1)?];
        let one = self.row(row);
        (place < one.name as usize + usize::from(one.length)).then_some(row)
    }

    /// The same, when all rows are.
    fn row_of(&self, place: usize) -> Option<u32> {
        let before = |row: &Row| row.name as usize <= place;
        let at = self.rows.partition_point(before).checked_sub(1)?;
        let one = &self.rows[at];
        (place < one.name as usize + usize::from(one.length)).then_some(at as u32)
    }

    /// Rows by the beginning of their contents' id.
    fn by_id(&self, id: &str) -> Option<Vec<u32>> {
        if let Some(file) = FileId::from_hex(id) {
            let rows: Vec<u32> = self.rows_of(file).take(CANDIDATES + 1).collect();
            return (rows.len() <= CANDIDATES).then_some(rows);
        }
        let rows = (0..).zip(&self.rows);
        let found = rows.filter(|(_, row)| row.file.starts_with(id));
        let found: Vec<u32> = found.map(|(at, _)| at).collect();
        (found.len() <= CANDIDATES).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::sought::Sought, *};
    use crate::{
        node::swarm::catalog::{sought::Fit, tests::offer},
        wire::control::Wanted,
    };
    use proptest::prelude::*;

    fn id(at: usize) -> FileId {
        FileId(*blake3::hash(&at.to_le_bytes()).as_bytes())
    }

    fn fits(sought: &Sought, name: &str, file: FileId) -> bool {
        sought.look(name, file).0 != Fit::No
    }

    /// As a look at each name has it.
    fn plainly(packed: &Packed, sought: &Sought) -> Vec<u32> {
        let rows = (0..).zip(packed.iter());
        let found = rows.filter(|(_, (name, file, _))| fits(sought, name, *file));
        found.map(|(at, _)| at).collect()
    }

    fn found(packed: &Packed, sought: &Sought) -> Option<Vec<u32>> {
        packed.search(&sought.keys()?, |name, file| fits(sought, name, file))
    }

    proptest! {
        #[test]
        fn all_that_fits_is_found_whatever_went(
            steps in proptest::collection::vec(
                ("[abkK\u{212a}\u{130}i\u{e4}.*\\[]{1,4}(/[abK.]{1,3})?", 0..9usize, 0..4u8), 1..80),
            words in proptest::collection::vec(
                "[abKi\u{e4}.*?{,}\\[\\]/]{1,5}|[0-9a-f]{6}", 1..3),
            by_id in proptest::option::of((0..9usize, 6..65usize)),
        ) {
            let mut packed = Packed::default();
            for (name, file, step) in steps {
                if step == 0 && !packed.is_empty() {
                    packed.remove_at(file as u32 % packed.len() as u32);
                } else if packed.position(&name, id(file)).is_none() {
                    packed.add(&name, id(file), &offer(1));
                }
            }
            let mut words: Vec<String> = words;
            words.extend(by_id.map(|(at, length)| id(at).to_string()[..length].to_owned()));
            let wanted = Wanted { words: words.clone(), files: Vec::new() };
            for sought in [Sought::listed(&words[0]), Sought::wanted(&wanted)] {
                if let Some(rows) = found(&packed, &sought) {
                    prop_assert_eq!(rows, plainly(&packed, &sought), "{:?}", words);
                } else {
                    prop_assert!(sought.keys().is_none());
                }
            }
        }
    }

    #[test]
    fn what_very_many_have_is_not_collected() {
        let mut packed = Packed::default();
        let many = CANDIDATES + 2000;
        for at in 0..many {
            packed.add(&format!("{}/{at:06}.bin", at % 7), id(at), &offer(1));
        }
        for (words, count) in [("BIN", None), ("01*.bin", None), ("*012345*", Some(1))] {
            let rows = found(&packed, &Sought::listed(words));
            assert_eq!(rows.map(|rows| rows.len()), count, "{words}");
        }
        // Rows take the places of others, and the text is still in order but for these.
        for at in 0..1000 {
            packed.remove_at(at);
        }
        assert!(!packed.moved.is_empty());
        for words in ["*012345*", "066400", "000999", "/06540"] {
            let sought = Sought::listed(words);
            assert_eq!(found(&packed, &sought).unwrap(), plainly(&packed, &sought));
        }
        for at in 1000..30_000 {
            packed.remove_at(at);
        }
        let sought = Sought::listed("0664");
        assert_eq!(found(&packed, &sought).unwrap(), plainly(&packed, &sought));
    }
}
