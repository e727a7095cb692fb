//! From a passphrase to the key of a private swarm.
//!
//! Owns the one derivation that all nodes of a swarm must share: change a number here, and swarms
//! no longer meet. Never keeps the passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization;

/// The salt is the same for all, since a newcomer has nothing but the passphrase: the cost of a
/// guess is what protects it. 64 MiB and three passes are about a tenth of a second here.
const SALT: &[u8] = b"sprat swarm v1";
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// Why a passphrase gives no key. The person who typed it is to blame, or this machine's memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// There is none.
    #[error("the passphrase is empty")]
    Empty,
    /// The derivation failed.
    #[error("no key could be made of the passphrase: {0}")]
    Derivation(String),
}

/// The key of the swarm that shares this passphrase: Argon2id, version 1.3, 64 MiB, 3 passes, 1
/// lane, 32 bytes.
///
/// The passphrase is taken in Unicode form NFC without one final line break (`\n` or `\r\n`), so
/// that it does not matter which keyboard or editor wrote it. Other blanks count.
///
/// # Errors
/// [`PassphraseError::Empty`] if nothing is left.
pub fn swarm_key(passphrase: &str) -> Result<[u8; 32], PassphraseError> {
    let line = passphrase.strip_suffix('\n').unwrap_or(passphrase);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let text: String = line.nfc().collect();
    if text.is_empty() {
        return Err(PassphraseError::Empty);
    }
    let fail = |error: argon2::Error| PassphraseError::Derivation(error.to_string());
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(fail)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.as_bytes(), SALT, &mut key)
        .map_err(fail)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_was_typed_does_not_matter_but_what_does() {
        let key = swarm_key("caf\u{e9} noir").unwrap();
        for same in ["cafe\u{301} noir", "caf\u{e9} noir\n", "caf\u{e9} noir\r\n"] {
            assert_eq!(swarm_key(same).unwrap(), key);
        }
        for other in ["cafe noir", "caf\u{e9} noir ", "caf\u{e9} noir\n\n"] {
            assert_ne!(swarm_key(other).unwrap(), key);
        }
    }

    #[test]
    fn an_empty_passphrase_is_refused() {
        for empty in ["", "\n", "\r\n"] {
            assert_eq!(swarm_key(empty), Err(PassphraseError::Empty));
        }
    }
}
