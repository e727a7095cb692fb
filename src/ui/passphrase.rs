//! The words of a private swarm: making good ones, and refusing those that are guessed in no time.
//!
//! Owns what counts as too easy. Invariant: no passphrase is shown but the one that `sprat
//! passphrase` made.

use super::{exit::Exit, json, output::Out};
use crate::{
    core::passphrase::{MIN_WORDS, bits},
    node::pair::new_passphrase,
};

/// Guesses that a passphrase must withstand, as a power of ten. Each costs a tenth of a second of
/// one processor and 64 MiB: for a thousand processors these are eleven days.
const GUESSES: f64 = 10.0;
/// Longer ones are not looked at beyond this: zxcvbn's own bound.
const LOOKED_AT: usize = 100;

/// Whether it would be found by trying what people choose.
#[must_use]
pub fn is_weak(words: &str) -> bool {
    let looked_at: String = words.trim().chars().take(LOOKED_AT).collect();
    zxcvbn::zxcvbn(&looked_at, &["sprat", "swarm"]).guesses_log10() < GUESSES
}

/// `sprat passphrase`.
pub fn print(words: Option<usize>, json: bool) -> Exit {
    let out = Out::streams(json);
    let count = words.unwrap_or(MIN_WORDS);
    match new_passphrase(count) {
        Ok(words) if json => out.object(&json::Event::Passphrase {
            words: &words,
            bits: bits(count),
        }),
        Ok(words) => out.result(&words),
        Err(error) => {
            out.failure("", &error.to_string());
            return Exit::Failed;
        }
    }
    Exit::Done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_tries_first_is_weak_and_what_we_make_is_not() {
        for weak in [
            "secret",
            "hunter2",
            "P@ssw0rd!",
            "123456789012345678",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "qwertyuiop",
            "sprat",
            "plum moss",
        ] {
            assert!(is_weak(weak), "{weak}");
        }
        for good in [
            &*new_passphrase(MIN_WORDS).unwrap(),
            "plum moss walnut river",
            "xkqpvwzzmtqh",
            "Наш рой живёт у моря",
        ] {
            assert!(!is_weak(good), "{good}");
        }
    }

    #[test]
    fn a_very_long_one_takes_no_time() {
        assert!(!is_weak(&"a longer and longer one ".repeat(100_000)));
    }
}
