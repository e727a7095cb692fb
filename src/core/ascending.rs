//! A map of ascending numbers that grows at its end: a log from which entries are taken.
//!
//! A tree that is filled in order stays half empty; here entries lie side by side, in blocks.
//! Invariants: no block is empty, or longer than `BLOCK`; numbers ascend within a block and from
//! each block to the next.

/// Entries of a full block: what a removal moves at most.
const BLOCK: usize = 256;

/// See the module.
#[derive(Debug)]
pub struct Ascending<T> {
    blocks: Vec<Vec<(u64, T)>>,
    len: usize,
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
        if self.last().is_some_and(|last| last >= number) {
            return;
        }
        self.len += 1;
        if let Some(block) = self.blocks.last_mut()
            && block.len() < BLOCK
        {
            return block.push((number, entry));
        }
        let mut block = Vec::with_capacity(BLOCK);
        block.push((number, entry));
        self.blocks.push(block);
    }

    fn last(&self) -> Option<u64> {
        let last = self.blocks.last()?.last()?;
        Some(last.0)
    }

    /// Where an entry is.
    fn find(&self, number: u64) -> Option<(usize, usize)> {
        let after = |block: &Vec<(u64, T)>| block[0].0 <= number;
        let at = self.blocks.partition_point(after).checked_sub(1)?;
        let within = self.blocks[at].binary_search_by_key(&number, |one| one.0);
        Some((at, within.ok()?))
    }

    /// The entry with this number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&T> {
        let (block, at) = self.find(number)?;
        Some(&self.blocks[block][at].1)
    }

    /// Takes out the entry with this number.
    pub fn remove(&mut self, number: u64) -> Option<T> {
        let (block, at) = self.find(number)?;
        let (_, entry) = self.blocks[block].remove(at);
        self.len -= 1;
        if self.blocks[block].is_empty() {
            self.blocks.remove(block);
        } else {
            self.join(block);
        }
        Some(entry)
    }

    /// Puts a block and the next together when they are half of one.
    fn join(&mut self, at: usize) {
        let next = self.blocks.get(at + 1).map_or(BLOCK, Vec::len);
        if self.blocks[at].len() + next <= BLOCK / 2 {
            let next = self.blocks.remove(at + 1);
            self.blocks[at].extend(next);
        }
    }

    /// Keeps the entries of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let blocks = std::mem::take(self).blocks;
        for (number, entry) in blocks.into_iter().flatten() {
            if keep(&entry) {
                self.push(number, entry);
            }
        }
    }

    /// All entries with their numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        let entries = self.blocks.iter().flatten();
        entries.map(|(number, entry)| (*number, entry))
    }

    /// Those with numbers above this one.
    pub fn after(&self, number: u64) -> impl Iterator<Item = (u64, &T)> {
        let below = |one: &(u64, T)| one.0 <= number;
        let whole = |block: &Vec<(u64, T)>| block.last().is_some_and(below);
        let blocks = &self.blocks[self.blocks.partition_point(whole)..];
        let first = blocks
            .first()
            .map_or(0, |block| block.partition_point(below));
        let entries = blocks.iter().flatten().skip(first);
        entries.map(|(number, entry)| (*number, entry))
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
        ) {
            let mut log = Ascending::default();
            let mut plain = BTreeMap::new();
            let mut number = 0;
            for (step, apart, at) in steps {
                match step {
                    0..5 => {
                        number += apart;
                        log.push(number, number * 3);
                        plain.insert(number, number * 3);
                        // Not above all others.
                        log.push(number, 0);
                    }
                    5..8 => {
                        let one = at.index(number as usize + 2) as u64;
                        prop_assert_eq!(log.remove(one), plain.remove(&one));
                    }
                    _ if apart == 3 => {
                        log.retain(|one| one % 2 == 0);
                        plain.retain(|_, one| *one % 2 == 0);
                    }
                    _ => {
                        let from = at.index(number as usize + 2) as u64;
                        let after = plain.range(from + 1..).map(|(&number, one)| (number, one));
                        prop_assert!(log.after(from).eq(after));
                        prop_assert_eq!(log.get(from), plain.get(&from));
                    }
                }
                prop_assert_eq!(log.len(), plain.len());
                prop_assert_eq!(log.is_empty(), plain.is_empty());
            }
            prop_assert!(log.iter().eq(plain.iter().map(|(&number, one)| (number, one))));
            prop_assert!(log.blocks.iter().all(|block| !block.is_empty() && block.len() <= BLOCK));
        }
    }
}
