//! The code by which a receiver finds and trusts one sender: `7-amber-falcon`.
//!
//! Owns its form, and reading it from what people type. Never asks for randomness and never shows
//! the words but by `Display`: a code in a log would be a secret in a log. The number is the public
//! *channel*; the words are the secret.

mod words;

use super::draw::Draw;
use std::{fmt, str::FromStr};
pub use words::WORDS;

/// Channels are `1..=MAX_CHANNEL`.
pub const MAX_CHANNEL: u16 = 999;
/// Fewer words could be guessed.
pub const MIN_WORDS: usize = 2;
/// More words are too many to type.
pub const MAX_WORDS: usize = 8;
/// A code for many receivers is guessed at more often than one that burns at the first wrong guess.
pub const MIN_GROUP_WORDS: usize = 4;
/// More than the longest code has with any separators that a person would type.
const MAX_TEXT: usize = 256;

/// A code.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    channel: u16,
    /// Positions in [`WORDS`].
    words: Vec<u16>,
}

/// Why that is no code. The person who typed it can do something about each.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodeError {
    /// There is no number in front, or one out of bounds.
    #[error("a code begins with a number from 1 to {MAX_CHANNEL}, as in 7-amber-falcon")]
    Channel,
    /// Too few words, or too many.
    #[error("a code has {MIN_WORDS} to {MAX_WORDS} words after its number, as in 7-amber-falcon")]
    Words,
    /// No code has this word: a typing error, noticed before it costs the code. What was typed, in
    /// lower case.
    #[error("no code has the word “{0}”: look again at how it is spelt")]
    Unknown(String),
    /// A group's code is too short.
    #[error("a code for a group has at least {MIN_GROUP_WORDS} words")]
    Group,
}

impl Code {
    /// A new code of so many words, from 32 random bytes that are used for nothing else.
    ///
    /// # Errors
    /// [`CodeError::Words`] for fewer than two words or more than eight.
    pub fn generate(random: &[u8; 32], words: usize) -> Result<Self, CodeError> {
        if !(MIN_WORDS..=MAX_WORDS).contains(&words) {
            return Err(CodeError::Words);
        }
        let mut draw = Draw::new("sprat 2026-11 code v1", random);
        let channel = draw.below(usize::from(MAX_CHANNEL)) as u16 + 1;
        let words = (0..words).map(|_| draw.below(WORDS.len()) as u16).collect();
        Ok(Self { channel, words })
    }

    /// The public part: which of the senders near is meant.
    #[must_use]
    pub fn channel(&self) -> u16 {
        self.channel
    }

    /// How many words it has.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// The secret part: the words, joined by dashes.
    #[must_use]
    pub fn secret(&self) -> String {
        let words = self.words.iter().filter_map(|at| WORDS.get(*at as usize));
        words.copied().collect::<Vec<_>>().join("-")
    }

    /// Whether it may serve a group.
    ///
    /// # Errors
    /// [`CodeError::Group`] when it is too short.
    pub fn for_group(&self) -> Result<(), CodeError> {
        if self.words.len() < MIN_GROUP_WORDS {
            return Err(CodeError::Group);
        }
        Ok(())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.channel, self.secret())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({}-…)", self.channel)
    }
}

impl FromStr for Code {
    type Err = CodeError;

    /// Reads a code as people type and paste it: either case, with blanks, dashes, quotes or
    /// punctuation between its parts and around it, and with the command that it is for in front
    /// (`sprat receive 7-amber-falcon`).
    fn from_str(text: &str) -> Result<Self, CodeError> {
        if text.len() > MAX_TEXT {
            return Err(CodeError::Words);
        }
        let parts = text.split(separates).filter(|part| !part.is_empty());
        let parts: Vec<&str> = parts.collect();
        // No word is a number, so the last number is the code's, whatever stands before it.
        let digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        let at = parts.iter().rposition(digits).ok_or(CodeError::Channel)?;
        let channel = parts[at].parse().ok();
        let channel = channel.filter(|channel| (1..=MAX_CHANNEL).contains(channel));
        let channel = channel.ok_or(CodeError::Channel)?;
        let words = parts[at + 1..].iter().map(|word| find(word));
        let words = words.collect::<Result<Vec<_>, _>>()?;
        if !(MIN_WORDS..=MAX_WORDS).contains(&words.len()) {
            return Err(CodeError::Words);
        }
        Ok(Self { channel, words })
    }
}

/// What may stand between the parts of a code: it means nothing there.
fn separates(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}')
        || matches!(c, ',' | '.' | ';' | ':' | '!' | '?' | '…' | '(' | ')' | '[' | ']' | '<' | '>')
        || matches!(c, '\'' | '"' | '`' | '´' | '«' | '»' | '‹' | '›' | '\u{2018}'..='\u{201f}')
        // Invisible ones that come with a copy.
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn find(word: &str) -> Result<u16, CodeError> {
    let word = word.to_lowercase();
    let at = WORDS.binary_search(&word.as_str());
    at.map(|at| at as u16).map_err(|_| CodeError::Unknown(word))
}

#[cfg(test)]
mod tests;
