//! The words that make a private swarm: good ones.
//!
//! Owns how they are drawn and what they are worth. Never asks for randomness. Their key is made in
//! `wire::passphrase`.
//!
//! A stranger that dials a private node can test one guess after another against what it says, on
//! machines of their own: only the number of guesses that the words take protects the swarm.

use super::{code::WORDS, draw::Draw};

/// Fewer words than this are worth less than 77 bits, too many to try.
pub const MIN_WORDS: usize = 10;
/// More than 192 bits are worth no more.
pub const MAX_WORDS: usize = 24;

/// So many words from the list of codes, from 32 random bytes that are used for nothing else. The
/// number is brought between [`MIN_WORDS`] and [`MAX_WORDS`].
#[must_use]
pub fn generate(random: &[u8; 32], words: usize) -> String {
    let mut draw = Draw::new("sprat 2026-11 passphrase v1", random);
    let words = words.clamp(MIN_WORDS, MAX_WORDS);
    let drawn: Vec<&str> = (0..words)
        .filter_map(|_| WORDS.get(draw.below(WORDS.len())).copied())
        .collect();
    drawn.join(" ")
}

/// What so many words are worth: the logarithm of how many such passphrases there are, to base 2.
#[must_use]
pub fn bits(words: usize) -> u32 {
    (words as f64 * (WORDS.len() as f64).log2()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_fewest_words_are_worth_77_bits() {
        assert!(bits(MIN_WORDS) >= 77, "{}", bits(MIN_WORDS));
        for (asked, count) in [(0, MIN_WORDS), (12, 12), (1000, MAX_WORDS)] {
            let words = generate(&[1; 32], asked);
            assert_eq!(words.split(' ').count(), count);
            assert!(words.split(' ').all(|word| WORDS.contains(&word)));
        }
    }

    #[test]
    fn each_draw_is_another_and_all_words_come() {
        let mut all = BTreeSet::new();
        let mut words = BTreeSet::new();
        for n in 0..2000u32 {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&n.to_le_bytes());
            let drawn = generate(&seed, MIN_WORDS);
            words.extend(drawn.split(' ').map(str::to_owned));
            all.insert(drawn);
        }
        assert_eq!((all.len(), words.len()), (2000, WORDS.len()));
    }
}
