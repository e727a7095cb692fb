//! Numbers, found by four bytes of a hash: what a table of many names costs when the names are kept
//! elsewhere.
//!
//! Some twelve bytes an entry, however many there are: a table grows by one of its shelves at a
//! time (linear hashing), so there is neither a moment at which half of it is empty nor one at which
//! all of it is moved. What is found may belong to another: the caller has what the number stands
//! for, and looks. The hash is the caller's, and must be one whose collisions nobody can choose.
//! Invariant: a number lies on the shelf that its tag says for as many shelves as there are.

/// Entries of a shelf, on average; what a look goes through.
const SHELF: usize = 48;
/// Places that a full shelf gets at a time.
const STEP: usize = 8;
/// The largest number there may be: what six bytes hold.
pub const MAX: u64 = (1 << 48) - 1;

/// See the module.
#[derive(Debug, Default)]
pub struct Tags {
    shelves: Vec<Vec<Slot>>,
    len: usize,
}

/// A tag, and a number in six bytes, side by side without a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slot([u8; 4], [u8; 6]);

const _: () = assert!(size_of::<Slot>() == 10);

impl Slot {
    fn of(tag: u32, number: u64) -> Self {
        let [_, _, number @ ..] = number.to_be_bytes();
        Self(tag.to_be_bytes(), number)
    }

    fn tag(self) -> u32 {
        u32::from_be_bytes(self.0)
    }

    fn number(self) -> u64 {
        let byte = |number, byte: &u8| number << 8 | u64::from(*byte);
        self.1.iter().fold(0, byte)
    }
}

impl Tags {
    /// The shelf of a tag, when there are `count`: those beyond the last power of two are halves of
    /// earlier ones.
    fn shelf(tag: u32, count: usize) -> usize {
        let twice = count.next_power_of_two();
        let at = tag as usize & (twice - 1);
        if at < count { at } else { at - twice / 2 }
    }

    /// Adds a number of at most [`MAX`] under a tag; a larger one is not kept. The same may be added
    /// twice, and is found twice then.
    pub fn add(&mut self, tag: u32, number: u64) {
        if number > MAX {
            return;
        }
        if self.len >= self.shelves.len() * SHELF {
            self.grow();
        }
        let at = Self::shelf(tag, self.shelves.len());
        put(&mut self.shelves[at], Slot::of(tag, number));
        self.len += 1;
    }

    /// Another shelf, for half of what lies on one of those that are here.
    fn grow(&mut self) {
        let new = self.shelves.len();
        self.shelves.push(Vec::new());
        if new == 0 {
            return;
        }
        let count = new + 1;
        let half = count.next_power_of_two() / 2;
        let all = std::mem::take(&mut self.shelves[new - half]);
        for slot in all {
            let at = Self::shelf(slot.tag(), count);
            put(&mut self.shelves[at], slot);
        }
    }

    /// Removes a number from under a tag; nothing happens when it is not there.
    pub fn remove(&mut self, tag: u32, number: u64) {
        let count = self.shelves.len();
        if number > MAX || count == 0 {
            return;
        }
        let here = &mut self.shelves[Self::shelf(tag, count)];
        let slot = Slot::of(tag, number);
        if let Some(at) = here.iter().position(|one| *one == slot) {
            here.swap_remove(at);
            self.len -= 1;
            if here.capacity() > here.len() + 2 * STEP.max(here.len() / 8) {
                here.shrink_to(here.len() + STEP);
            }
        }
    }

    /// The numbers under a tag, in no order.
    pub fn find(&self, tag: u32) -> impl Iterator<Item = u64> {
        let count = self.shelves.len();
        let here = (count > 0).then(|| &self.shelves[Self::shelf(tag, count)]);
        let told = tag.to_be_bytes();
        let found = here.into_iter().flatten().filter(move |one| one.0 == told);
        found.map(|one| one.number())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that it takes.
    #[cfg(test)]
    #[must_use]
    pub fn allocated(&self) -> usize {
        let slots: usize = self.shelves.iter().map(Vec::capacity).sum();
        slots * size_of::<Slot>() + self.shelves.capacity() * size_of::<Vec<Slot>>()
    }
}

/// Doubling would leave places empty that nobody fills; but many may have the same tag.
fn put(shelf: &mut Vec<Slot>, slot: Slot) {
    if shelf.len() == shelf.capacity() {
        shelf.reserve_exact(STEP.max(shelf.len() / 8));
    }
    shelf.push(slot);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_entry_takes_thirteen_bytes_whatever_their_number() {
        let mut tags = Tags::default();
        let spread = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
        for at in 0..300_000 {
            tags.add(spread(at), at);
            if at > 1000 && at % 997 == 0 {
                let each = tags.allocated() as u64 * 10 / at;
                assert!(each <= 130, "{each} tenths of a byte at {at}");
            }
        }
        for at in 0..300_000 {
            assert!(tags.find(spread(at)).any(|one| one == at));
        }
        for at in 0..290_000 {
            tags.remove(spread(at), at);
        }
        assert!(tags.allocated() < 3_000_000, "{}", tags.allocated());
        assert_eq!(tags.find(spread(295_000)).collect::<Vec<_>>(), [295_000]);
        // What six bytes do not hold is not kept as something else.
        tags.add(7, MAX + 8);
        assert_eq!(tags.find(7).count(), 0);
    }

    proptest! {
        /// As a list of pairs does it.
        #[test]
        fn numbers_are_found_under_their_tags_until_they_go(
            steps in prop::collection::vec((0..4u8, 0..9u32, 0..6u64), 0..1000),
            far in any::<u32>(),
        ) {
            let mut tags = Tags::default();
            let mut plain: Vec<(u32, u64)> = Vec::new();
            for (step, tag, number) in steps {
                // Far apart, or neighbours; and numbers that fill both halves.
                let (tag, number) = (tag.wrapping_mul(far | 1), number << (tag * 5));
                if step < 3 {
                    tags.add(tag, number);
                    plain.push((tag, number));
                } else {
                    tags.remove(tag, number);
                    let at = plain.iter().position(|one| *one == (tag, number));
                    if let Some(at) = at {
                        plain.remove(at);
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
