//! A map of ascending numbers that grows at its end: a log from which entries are taken.
//!
//! A tree that is filled in order stays half empty; here entries lie side by side, in blocks, each
//! with the four bytes by which its number is above the block's first. Invariants: no block is
//! empty, or longer than `BLOCK`; numbers ascend within a block and from each block to the next.

/// Entries of a full block: what a removal moves at most.
const BLOCK: usize = 256;

/// See the module.
#[derive(Debug)]
pub struct Ascending<T> {
    blocks: Vec<Block<T>>,
    len: usize,
}

/// Entries, by how far their numbers are above `from`.
#[derive(Debug)]
struct Block<T> {
    from: u64,
    entries: Vec<(u32, T)>,
}

impl<T> Block<T> {
    fn last(&self) -> u64 {
        self.from + self.entries.last().map_or(0, |one| u64::from(one.0))
    }

    /// How far a number is above the first, if it may be in this block.
    fn above(&self, number: u64) -> Option<u32> {
        number.checked_sub(self.from)?.try_into().ok()
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        let entries = self.entries.iter();
        entries.map(|(above, entry)| (self.from + u64::from(*above), entry))
    }
}

impl<T> Default for Ascending<T> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Ascending<T> {
    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an entry whose number is above all others; nothing happens when it is not.
    pub fn push(&mut self, number: u64, entry: T) {
        let last = self.blocks.last();
        if last.is_some_and(|block| block.last() >= number) {
            return;
        }
        self.len += 1;
        if let Some(block) = self.blocks.last_mut()
            && block.entries.len() < BLOCK
            && let Some(above) = block.above(number)
        {
            return block.entries.push((above, entry));
        }
        // It grows by doubling up to its length: there may be many maps of few entries.
        self.blocks.push(Block {
            from: number,
            entries: vec![(0, entry)],
        });
    }

    /// Where an entry is.
    fn find(&self, number: u64) -> Option<(usize, usize)> {
        let from = |block: &Block<T>| block.from <= number;
        let at = self.blocks.partition_point(from).checked_sub(1)?;
        let block = &self.blocks[at];
        let above = block.above(number)?;
        let within = block.entries.binary_search_by_key(&above, |one| one.0);
        Some((at, within.ok()?))
    }

    /// The entry with this number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&T> {
        let (block, at) = self.find(number)?;
        Some(&self.blocks[block].entries[at].1)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let (block, at) = self.find(number)?;
        Some(&mut self.blocks[block].entries[at].1)
    }

    /// Takes out the entry with this number.
    pub fn remove(&mut self, number: u64) -> Option<T> {
        let (block, at) = self.find(number)?;
        let (_, entry) = self.blocks[block].entries.remove(at);
        self.len -= 1;
        if self.blocks[block].entries.is_empty() {
            self.blocks.remove(block);
        } else {
            self.join(block);
        }
        Some(entry)
    }

    /// Puts a block and the next together when they are half of one.
    fn join(&mut self, at: usize) {
        let [block, next, ..] = &mut self.blocks[at..] else {
            return;
        };
        let Some(apart) = block.above(next.last()) else {
            return; // Too far.
        };
        if block.entries.len() + next.entries.len() <= BLOCK / 2 {
            let above = apart - next.entries.last().map_or(0, |one| one.0);
            let moved = next.entries.drain(..);
            let moved = moved.map(|(after, entry)| (above + after, entry));
            block.entries.extend(moved);
            self.blocks.remove(at + 1);
        }
    }

    /// All entries with their numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.blocks.iter().flat_map(Block::iter)
    }

    /// Those with numbers above this one.
    pub fn after(&self, number: u64) -> impl Iterator<Item = (u64, &T)> {
        let whole = |block: &Block<T>| block.last() <= number;
        let blocks = &self.blocks[self.blocks.partition_point(whole)..];
        let below = |one: &(u32, T), block: &Block<T>| block.from + u64::from(one.0) <= number;
        let first = blocks.first();
        let first = first.map_or(0, |block| {
            block.entries.partition_point(|one| below(one, block))
        });
        blocks.iter().flat_map(Block::iter).skip(first)
    }

    /// Bytes that it takes.
    #[cfg(test)]
    #[must_use]
    pub fn allocated(&self) -> usize {
        let entries: usize = self.blocks.iter().map(|one| one.entries.capacity()).sum();
        entries * size_of::<(u32, T)>() + self.blocks.capacity() * size_of::<Block<T>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// As a tree does it.
        #[test]
        fn it_is_a_map(
            steps in prop::collection::vec((0..9u8, 1..4u64, any::<prop::sample::Index>()), 0..2000),
            leap in prop_oneof![Just(0), Just(u64::from(u32::MAX) / 100), Just(1 << 33)],
        ) {
            let mut log = Ascending::default();
            let mut plain = BTreeMap::new();
            let mut numbers = vec![0, 1];
            let mut number = 0;
            for (step, apart, at) in steps {
                match step {
                    0..5 => {
                        // Now and then far from the last.
                        number += apart + if apart == 3 && step == 0 { leap } else { 0 };
                        numbers.extend([number, number + 1]);
                        log.push(number, number * 3);
                        plain.insert(number, number * 3);
                        // Not above all others.
                        log.push(number, 0);
                    }
                    5..8 => {
                        let one = *at.get(&numbers);
                        prop_assert_eq!(log.remove(one), plain.remove(&one));
                    }
                    _ if apart == 3 => {
                        let one = *at.get(&numbers);
                        let changed = log.get_mut(one).map(|entry| *entry += 1);
                        let expected = plain.get_mut(&one).map(|entry| *entry += 1);
                        prop_assert_eq!(changed, expected);
                    }
                    _ => {
                        let from = *at.get(&numbers);
                        let after = plain.range(from + 1..).map(|(&number, one)| (number, one));
                        prop_assert!(log.after(from).eq(after));
                        prop_assert_eq!(log.get(from), plain.get(&from));
                    }
                }
                prop_assert_eq!(log.len(), plain.len());
                prop_assert_eq!(log.is_empty(), plain.is_empty());
            }
            prop_assert!(log.iter().eq(plain.iter().map(|(&number, one)| (number, one))));
            let sizes = log.blocks.iter().map(|block| block.entries.len());
            prop_assert!(sizes.into_iter().all(|len| (1..=BLOCK).contains(&len)));
        }
    }
}
