//! Counting copies: how many there are to be, and how many there are.
//!
//! Owns the arithmetic alone; who holds what is others' knowledge.

use super::have::HaveSet;
use std::str::FromStr;

/// How many copies of each chunk of a shared file there are to be, the owner's own included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// So many; 1 spreads nothing.
    Some(u32),
    /// One on every node that keeps any.
    All,
}

impl FromStr for Copies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            number => match number.parse() {
                Ok(copies @ 1..=1000) => Ok(Self::Some(copies)),
                _ => Err(format!(
                    "`{number}` is not a number from 1 to 1000, nor `all`"
                )),
            },
        }
    }
}

/// The fewest copies that any of a file's `chunks` has, when `whole` nodes have all of it and
/// others have `parts`. Have-sets of another length count for nothing.
#[must_use]
pub fn fewest<'a>(chunks: u32, whole: u32, parts: impl IntoIterator<Item = &'a HaveSet>) -> u32 {
    let parts: Vec<&HaveSet> = parts
        .into_iter()
        .filter(|have| have.len() == chunks)
        .collect();
    let of = |chunk| parts.iter().filter(|have| have.has(chunk)).count() as u32;
    whole + (0..chunks).map(of).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(len: u32, chunks: &[u32]) -> HaveSet {
        let mut have = HaveSet::empty(len);
        for &chunk in chunks {
            have.insert(chunk);
        }
        have
    }

    #[test]
    fn the_rarest_chunk_counts() {
        let (a, b) = (some(3, &[0, 1]), some(3, &[1, 2]));
        assert_eq!(fewest(3, 1, [&a, &b]), 2);
        assert_eq!(fewest(3, 0, [&a, &b]), 1);
        assert_eq!(fewest(3, 0, [&a]), 0);
        assert_eq!(
            fewest(3, 2, [&some(4, &[0, 1, 2, 3])]),
            2,
            "of another file"
        );
        assert_eq!(fewest(0, 1, []), 1, "an empty file");
    }

    #[test]
    fn copies_are_a_number_or_all() {
        assert_eq!("3".parse(), Ok(Copies::Some(3)));
        assert_eq!("all".parse(), Ok(Copies::All));
        for wrong in ["0", "-1", "", "All", "1001", "3.5"] {
            assert!(wrong.parse::<Copies>().is_err(), "{wrong}");
        }
    }
}
