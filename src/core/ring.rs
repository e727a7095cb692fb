//! The newest of many things, each with a number that never comes again.
//!
//! Invariant: at most so many are kept, and the numbers of those that are kept have no gap.

use std::collections::VecDeque;

/// See the module.
#[derive(Clone, Debug)]
pub struct Ring<T> {
    most: usize,
    /// The number of the first that is kept.
    first: u64,
    kept: VecDeque<T>,
}

impl<T> Ring<T> {
    /// Nothing yet, and at most `most` things later. The first gets the number `first`.
    #[must_use]
    pub fn new(most: usize, first: u64) -> Self {
        Self {
            most: most.max(1),
            first,
            kept: VecDeque::new(),
        }
    }

    /// Adds one; gives its number.
    pub fn push(&mut self, one: T) -> u64 {
        if self.kept.len() == self.most {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back(one);
        self.next() - 1
    }

    /// Forgets the oldest, and gives it.
    pub fn forget_first(&mut self) -> Option<T> {
        let first = self.kept.pop_front()?;
        self.first += 1;
        Some(first)
    }

    /// The number of the oldest that is kept.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number that the next one gets.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Those from number `from` on that are kept, the oldest first.
    pub fn since(&self, from: u64) -> impl Iterator<Item = (u64, &T)> {
        let skipped = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let numbered = (self.first..).zip(&self.kept);
        numbered.skip(skipped)
    }

    /// Whether everything from number `from` on is still there, and nothing is asked for that never
    /// was.
    #[must_use]
    pub fn remembers(&self, from: u64) -> bool {
        (self.first..=self.next()).contains(&from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_way_and_numbers_go_on() {
        let mut ring = Ring::new(3, 1);
        for letter in ["a", "b", "c", "d"] {
            ring.push(letter);
        }
        assert_eq!((ring.first(), ring.next()), (2, 5));
        let kept: Vec<_> = ring.since(0).collect();
        assert_eq!(kept, [(2, &"b"), (3, &"c"), (4, &"d")]);
        assert_eq!(ring.since(4).collect::<Vec<_>>(), [(4, &"d")]);
        assert_eq!(ring.since(9).count(), 0);
        assert_eq!(ring.since(u64::MAX).count(), 0);
        assert_eq!(ring.forget_first(), Some("b"));
        assert_eq!((ring.first(), ring.next()), (3, 5));
    }

    #[test]
    fn who_missed_too_much_can_be_told() {
        let mut ring = Ring::new(2, 1);
        assert!(ring.remembers(1));
        for number in 1..=4 {
            assert_eq!(ring.push(()), number);
        }
        assert!(!ring.remembers(2), "number 2 is gone");
        assert!(ring.remembers(3) && ring.remembers(5));
        assert!(!ring.remembers(6), "from another life");
    }
}
