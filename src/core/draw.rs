//! Randomness for secrets, drawn from a seed that the system gave.
//!
//! Owns the expansion (BLAKE3's extendable output under a key derived from the seed). Never finds a
//! seed by itself: the maker of a [`Draw`] answers for 32 bytes that cannot be foretold. For
//! choices that are no secrets see [`super::chance`].

use rand_core::{CryptoRng, RngCore};

/// A stream of bytes that cannot be foretold without the seed.
pub struct Draw(blake3::OutputReader);

impl Draw {
    /// Starts from `seed`; `context` keeps the draws for different purposes apart.
    #[must_use]
    pub fn new(context: &str, seed: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(seed);
        Self(hasher.finalize_xof())
    }

    /// The next bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    /// A number under `end`, which is at least 1. The smallest numbers are more likely by `end /
    /// 2^64`, which is nothing.
    pub fn below(&mut self, end: usize) -> usize {
        (u64::from_le_bytes(self.bytes()) % (end.max(1) as u64)) as usize
    }
}

impl std::fmt::Debug for Draw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Draw")
    }
}

impl RngCore for Draw {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill(dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(dest);
        Ok(())
    }
}

impl CryptoRng for Draw {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_with_seed_and_context_only() {
        let draw = |context, seed| Draw::new(context, &[seed; 32]).bytes::<32>();
        assert_eq!(draw("a", 1), draw("a", 1));
        assert_ne!(draw("a", 1), draw("a", 2));
        assert_ne!(draw("a", 1), draw("b", 1));
        let mut draw = Draw::new("a", &[1; 32]);
        assert_ne!(draw.bytes::<32>(), draw.bytes::<32>());
        assert!((0..1000).all(|_| draw.below(7) < 7));
        assert_eq!(draw.below(0), 0);
    }
}
