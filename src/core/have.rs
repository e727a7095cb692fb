//! Which chunks of a manifest a node holds: a bitfield with a running count.
//!
//! Invariant: bits past `len` are zero, in memory and on the wire, and `count` is the number of
//! ones.

use std::ops::Range;

/// A set of chunk positions in `0..len`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HaveSet {
    words: Vec<u64>,
    len: u32,
    count: u32,
}

impl HaveSet {
    /// None of `len` chunks.
    #[must_use]
    pub fn empty(len: u32) -> Self {
        Self {
            words: vec![0; len.div_ceil(64) as usize],
            len,
            count: 0,
        }
    }

    /// All of `len` chunks.
    #[must_use]
    pub fn full(len: u32) -> Self {
        let mut set = Self {
            words: vec![u64::MAX; len.div_ceil(64) as usize],
            len,
            count: len,
        };
        set.clear_tail();
        set
    }

    fn clear_tail(&mut self) {
        if let (Some(last), used @ 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= (1 << used) - 1;
        }
    }

    /// How many positions there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are no positions at all (a file of 0 bytes).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many are held.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether all are held.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.count == self.len
    }

    /// Whether position `at` is held; false outside the set.
    #[must_use]
    pub fn has(&self, at: u32) -> bool {
        at < self.len && self.words[at as usize / 64] >> (at % 64) & 1 == 1
    }

    /// Adds `at`; true when it was not there before. Positions outside the set are ignored.
    pub fn insert(&mut self, at: u32) -> bool {
        if at >= self.len || self.has(at) {
            return false;
        }
        self.words[at as usize / 64] |= 1 << (at % 64);
        self.count += 1;
        true
    }

    /// Takes `at` out; true when it was there.
    pub fn remove(&mut self, at: u32) -> bool {
        if !self.has(at) {
            return false;
        }
        self.words[at as usize / 64] &= !(1 << (at % 64));
        self.count -= 1;
        true
    }

    /// Adds positions at the end, none of them held.
    pub fn grow(&mut self, by: u32) {
        self.len += by;
        self.words.resize(self.len.div_ceil(64) as usize, 0);
    }

    /// The held positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        ones(self.words.len(), 0, |at| self.words[at])
    }

    /// The positions held in both sets, ascending, from `from` on. Costs little where nothing is
    /// shared.
    pub fn common<'a>(&'a self, other: &'a Self, from: u32) -> impl Iterator<Item = u32> + 'a {
        let words = self.words.len().min(other.words.len());
        ones(words, from, |at| self.words[at] & other.words[at])
    }

    /// The positions held in this set and not in `other`, ascending. Costs little where both agree.
    pub fn minus<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = u32> + 'a {
        let others = |at| other.words.get(at).copied().unwrap_or(0);
        ones(self.words.len(), 0, move |at| self.words[at] & !others(at))
    }

    /// The part `range` of this set as a set of its own.
    #[must_use]
    pub fn slice(&self, range: Range<u32>) -> Self {
        let mut part = Self::empty(range.len() as u32);
        for at in range.clone().filter(|&at| self.has(at)) {
            part.insert(at - range.start);
        }
        part
    }

    /// The wire form: one bit a chunk, the first in the lowest bit of the first byte.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        bytes.truncate(self.len.div_ceil(8) as usize);
        bytes
    }

    /// Reads the wire form of a set of `len` positions; `None` when the length is off or a bit past
    /// the end is set.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], len: u32) -> Option<Self> {
        if bytes.len() != len.div_ceil(8) as usize {
            return None;
        }
        let words: Vec<u64> = bytes
            .chunks(8)
            .map(|part| {
                let mut word = [0; 8];
                word[..part.len()].copy_from_slice(part);
                u64::from_le_bytes(word)
            })
            .collect();
        let count = words.iter().map(|word| word.count_ones()).sum();
        let mut set = Self { words, len, count };
        set.clear_tail();
        (set.words.iter().map(|word| word.count_ones()).sum::<u32>() == count).then_some(set)
    }
}

/// The positions of the ones in so many words, from `from` on.
fn ones(words: usize, from: u32, word: impl Fn(usize) -> u64) -> impl Iterator<Item = u32> {
    let skip = from as usize / 64;
    (skip..words).flat_map(move |at| {
        let below = if at == skip { from % 64 } else { 0 };
        let word = word(at) & u64::MAX << below;
        std::iter::successors((word != 0).then_some(word), |rest| {
            let rest = rest & (rest - 1);
            (rest != 0).then_some(rest)
        })
        .map(move |rest| at as u32 * 64 + rest.trailing_zeros())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_set(len in 0u32..300, picks in proptest::collection::vec(0u32..320, 0..100)) {
            let mut set = HaveSet::empty(len);
            let mut model = std::collections::BTreeSet::new();
            for at in picks {
                prop_assert_eq!(set.insert(at), at < len && model.insert(at));
            }
            prop_assert_eq!(set.count() as usize, model.len());
            prop_assert!(set.iter().eq(model.iter().copied()));
            for from in [0, 1, 63, 64, 200, 400] {
                let odd = HaveSet::from_bytes(&[0xAA].repeat(320 / 8), 320);
                let shared: Vec<u32> = set.common(odd.as_ref().unwrap(), from).collect();
                let expected: Vec<u32> = model.range(from..).copied().filter(|at| at % 2 == 1).collect();
                prop_assert_eq!(shared, expected);
            }
            let odd = HaveSet::from_bytes(&[0xAA; 16], 128).unwrap();
            let rest: Vec<u32> = set.minus(&odd).collect();
            let expected: Vec<u32> = model.iter().copied().filter(|&at| !odd.has(at)).collect();
            prop_assert_eq!(rest, expected);
            let back = HaveSet::from_bytes(&set.to_bytes(), len);
            prop_assert_eq!(back.as_ref(), Some(&set));
        }
    }

    #[test]
    fn a_full_set_has_no_bits_past_its_end() {
        for len in [0, 1, 63, 64, 65, 4096, 4097] {
            let set = HaveSet::full(len);
            assert!(set.is_full());
            assert_eq!(set.iter().count() as u32, len);
            assert_eq!(HaveSet::from_bytes(&set.to_bytes(), len), Some(set));
        }
    }

    #[test]
    fn bits_past_the_end_and_wrong_lengths_are_refused() {
        assert_eq!(HaveSet::from_bytes(&[0b10], 1), None);
        assert_eq!(HaveSet::from_bytes(&[0, 0], 1), None);
        assert_eq!(HaveSet::from_bytes(&[], 1), None);
    }
}
