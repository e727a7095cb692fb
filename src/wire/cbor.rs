//! The one user of `serde_cbor`.
//!
//! Owns encoding and decoding of whole messages held in memory. Never reads from a stream:
//! `from_reader` runs to the end of the file, and a stranger decides where that is.

use serde::{Serialize, de::DeserializeOwned};

/// Bytes that are not the message they should be. Their sender is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub struct Malformed(pub String);

/// Encodes a message.
///
/// # Panics
/// Never for the types of this crate: they have no maps with keys that fail to serialise and no I/O
/// is involved.
#[must_use]
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    serde_cbor::to_vec(message).expect("encoding to memory cannot fail")
}

/// Decodes a whole message; trailing bytes are refused.
///
/// # Errors
/// [`Malformed`] when the bytes are something else.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    serde_cbor::from_slice(bytes).map_err(|error| Malformed(error.to_string()))
}

/// Decodes a message whose bytes are hashed or signed: there is only one way to write it.
///
/// # Errors
/// [`Malformed`] also when encoding the result again gives other bytes.
pub fn decode_canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    let message = decode(bytes)?;
    if encode(&message) == bytes {
        Ok(message)
    } else {
        Err(Malformed("not in canonical form".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_bytes_and_long_forms_are_refused() {
        assert_eq!(decode::<u8>(&[1]), Ok(1));
        assert!(decode::<u8>(&[1, 1]).is_err());
        // 0x18 0x01 is 1 written with one byte more than it needs.
        assert_eq!(decode::<u8>(&[0x18, 1]), Ok(1));
        assert!(decode_canonical::<u8>(&[0x18, 1]).is_err());
    }

    #[test]
    fn a_declared_length_is_not_allocated() {
        // A byte string that says it has 4 GiB, and an array that says it has 2^32 items.
        assert!(decode::<serde_bytes::ByteBuf>(&[0x5a, 0xff, 0xff, 0xff, 0xff, 0]).is_err());
        assert!(decode::<Vec<u64>>(&[0x9b, 0, 0, 0, 1, 0, 0, 0, 0, 1]).is_err());
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(decode::<serde_cbor::Value>(&[0x81; 10_000]).is_err());
    }
}
