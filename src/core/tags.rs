//! Numbers, found by four bytes of a hash: what a table of many names costs when the names are kept
//! elsewhere.
//!
//! Thirteen bytes an entry, a little more for empty places. What is found may belong to another: the
//! caller has what the number stands for, and looks. The hash is the caller's, and must be one whose
//! collisions nobody can choose.

use hashbrown::HashTable;

/// See the module.
#[derive(Debug, Default)]
pub struct Tags(HashTable<Slot>);

/// A tag, and a number in two halves, which takes less room.
#[derive(Debug)]
struct Slot(u32, [u32; 2]);

const _: () = assert!(size_of::<Slot>() == 12);

impl Slot {
    fn number(&self) -> u64 {
        (u64::from(self.1[0]) << 32) | u64::from(self.1[1])
    }
}

/// The table wants its highest bits, too.
fn spread(tag: u32) -> u64 {
    (u64::from(tag) << 32) | u64::from(tag)
}

impl Tags {
    /// Adds a number under a tag. The same may be added twice, and is found twice then.
    pub fn add(&mut self, tag: u32, number: u64) {
        let slot = Slot(tag, [(number >> 32) as u32, number as u32]);
        self.0.insert_unique(spread(tag), slot, |one| spread(one.0));
    }

    /// Removes a number from under a tag; nothing happens when it is not there.
    pub fn remove(&mut self, tag: u32, number: u64) {
        let is = |slot: &Slot| slot.0 == tag && slot.number() == number;
        if let Ok(entry) = self.0.find_entry(spread(tag), is) {
            entry.remove();
        }
    }

    /// The numbers under a tag, in no order.
    pub fn find(&self, tag: u32) -> impl Iterator<Item = u64> {
        let found = self.0.iter_hash(spread(tag));
        let found = found.filter(move |slot| slot.0 == tag);
        found.map(Slot::number)
    }

    /// Keeps the numbers of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) {
        self.0.retain(|slot| keep(slot.number()));
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// As a list of pairs does it.
        #[test]
        fn numbers_are_found_under_their_tags_until_they_go(
            steps in prop::collection::vec((0..4u8, 0..9u32, 0..6u64), 0..300),
            far in any::<u32>(),
        ) {
            let mut tags = Tags::default();
            let mut plain: Vec<(u32, u64)> = Vec::new();
            for (step, tag, number) in steps {
                // Far apart, or neighbours; and numbers that fill both halves.
                let (tag, number) = (tag.wrapping_mul(far | 1), number << (tag * 7));
                match step {
                    0 | 1 => {
                        tags.add(tag, number);
                        plain.push((tag, number));
                    }
                    2 => {
                        tags.remove(tag, number);
                        let at = plain.iter().position(|one| *one == (tag, number));
                        if let Some(at) = at {
                            plain.remove(at);
                        }
                    }
                    _ => {
                        tags.retain(|one| one != number);
                        plain.retain(|one| one.1 != number);
                    }
                }
                let mut found: Vec<u64> = tags.find(tag).collect();
                found.sort_unstable();
                let mut wanted: Vec<u64> = plain.iter().filter(|one| one.0 == tag).map(|one| one.1).collect();
                wanted.sort_unstable();
                prop_assert_eq!(found, wanted);
                prop_assert_eq!(tags.is_empty(), plain.is_empty());
            }
        }
    }
}
