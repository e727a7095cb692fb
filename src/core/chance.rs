//! Randomness for choices between equals, from a seed.
//!
//! Owns a small generator (`SplitMix64`: Steele, Lea, Flood, 2014). Never used for secrets: who
//! sees enough of its choices can foretell the next ones.

/// A generator that makes the same choices from the same seed.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Starts from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits. (Not named `next`: this is no iterator.)
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number under `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// A fraction in `0.0..1.0`.
    pub fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_repeat_with_the_seed_and_stay_in_range() {
        let (mut a, mut b) = (Chance::new(7), Chance::new(7));
        for end in 1..200 {
            let choice = a.below(end);
            assert_eq!(choice, b.below(end));
            assert!(choice < end);
            assert!((0.0..1.0).contains(&a.fraction()));
            b.fraction();
        }
        assert_eq!(a.below(0), 0);
    }
}
