//! The names that contents and nodes have: 32 bytes each, never interchangeable.
//!
//! Owns the types and their text forms. Never computes a file's id (that needs the canonical
//! encoding, see `wire::manifest`).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Hexadecimal digits of a short id: what `list` shows and `download` accepts.
pub const SHORT: usize = 10;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(with = "serde_bytes")] pub [u8; 32]);

        impl $name {
            /// Its bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Reads back exactly 32 bytes; `None` for any other length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }
    };
}

macro_rules! hex_id {
    ($name:ident) => {
        impl $name {
            /// The first ten hexadecimal digits: enough for a person to tell files apart.
            #[must_use]
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(SHORT);
                text
            }

            /// Reads the text form back; `None` for anything else.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                let mut bytes = [0; 32];
                let digits = text.as_bytes();
                if digits.len() != 64 {
                    return None;
                }
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
                    let digit = |at: usize| char::from(pair[at]).to_digit(16);
                    *byte = (digit(0)? << 4 | digit(1)?) as u8;
                }
                Some(Self(bytes))
            }

            /// Whether the text form begins with `prefix` (hexadecimal, either case).
            #[must_use]
            pub fn starts_with(&self, prefix: &str) -> bool {
                // Without writing it out: a search asks every id there is.
                let digit =
                    |at: usize| self.0.get(at / 2).map(|byte| byte >> (4 - at % 2 * 4) & 15);
                let mut digits = prefix.chars().enumerate();
                digits.all(|(at, c)| c.to_digit(16).is_some_and(|c| digit(at) == Some(c as u8)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }
    };
}

id! {
    /// BLAKE3 of a chunk's bytes.
    ChunkId
}
hex_id!(ChunkId);

id! {
    /// BLAKE3 of the canonical encoding of one manifest page.
    PageId
}
hex_id!(PageId);

id! {
    /// BLAKE3, in `derive_key` mode, of a manifest's root: what a file *is*, whatever it is called.
    FileId
}
hex_id!(FileId);

id! {
    /// A node's Ed25519 public key. Its text form is the libp2p `PeerId` of that key.
    NodeId
}

/// What the ids of guests begin with. No key begins so but by chance.
const GUEST: [u8; 24] = *b"sprat: no key, a guest: ";

/// What the ids of people of LocalSend begin with.
const LOCALSEND: [u8; 12] = *b"no key: LS: ";
/// What their text form begins with; the rest is the end of the fingerprint.
const LOCALSEND_TEXT: &str = "LocalSend:";

impl NodeId {
    /// Somebody with only a browser, by where they are: no key, and never one of the swarm.
    #[must_use]
    pub fn guest(place: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..24].copy_from_slice(&GUEST);
        bytes[24..].copy_from_slice(&place.to_be_bytes());
        Self(bytes)
    }

    /// Whether it is a guest.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.0.starts_with(&GUEST)
    }

    /// Somebody of LocalSend, by the SHA-256 of their certificate: no key of ours, and never one of
    /// the swarm. Its end stands in it, which is what a person compares.
    #[must_use]
    pub fn localsend(fingerprint: &[u8; 32]) -> Self {
        let mut bytes = [0; 32];
        bytes[..12].copy_from_slice(&LOCALSEND);
        bytes[12..].copy_from_slice(&fingerprint[12..]);
        Self(bytes)
    }

    /// Whether it is somebody of LocalSend.
    #[must_use]
    pub fn is_localsend(&self) -> bool {
        self.0.starts_with(&LOCALSEND)
    }

    /// Whether it is no key of ours: what such people hand in is not known by its contents before
    /// it is here.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.is_guest() || self.is_localsend()
    }

    /// The last eight characters of the text form: what a person compares. (The first ones are the
    /// same for every node.)
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.to_string();
        text[text.len().saturating_sub(8)..].to_owned()
    }

    /// Reads the text form back; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(digits) = text.strip_prefix(LOCALSEND_TEXT) {
            let whole = format!("{:024}{digits}", 0);
            let fingerprint = ChunkId::from_hex(&whole)?;
            return Some(Self::localsend(fingerprint.as_bytes()));
        }
        // Decoding takes the square of the length.
        let bytes = (text.len() <= 64).then(|| bs58::decode(text).into_vec().ok())??;
        let key = Self::from_slice(bytes.get(6..)?)?;
        (key.to_string() == text).then_some(key)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_localsend() {
            f.write_str(LOCALSEND_TEXT)?;
            let mut end = self.0[12..].iter();
            return end.try_for_each(|byte| write!(f, "{byte:02X}"));
        }
        // An "identity" multihash of the protobuf-encoded public key (libp2p peer id
        // specification).
        let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
        bytes.extend_from_slice(&self.0);
        f.write_str(&bs58::encode(bytes).into_string())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_id_is_a_prefix_of_the_long_one() {
        let id = ChunkId(*blake3::hash(b"x").as_bytes());
        assert_eq!(id.short().len(), SHORT);
        assert!(id.to_string().starts_with(&id.short()));
        assert!(id.starts_with(&id.short().to_uppercase()));
        assert!(!id.starts_with("zz"));
    }

    #[test]
    fn only_32_bytes_make_an_id() {
        assert!(FileId::from_slice(&[0; 31]).is_none());
        assert!(FileId::from_slice(&[0; 32]).is_some());
    }

    #[test]
    fn the_end_of_a_fingerprint_is_an_id_and_reads_back() {
        let mut fingerprint = [0xab; 32];
        fingerprint[31] = 0x0f;
        let id = NodeId::localsend(&fingerprint);
        let text = id.to_string();
        assert_eq!(text, format!("LocalSend:{}0F", "AB".repeat(19)));
        assert_eq!(id.short(), "ABABAB0F");
        assert!(id.is_localsend() && !id.is_guest());
        assert_eq!(NodeId::parse(&text), Some(id));
        for wrong in [&text[..49], &format!("{text}0"), "LocalSend:", &text[10..]] {
            assert_eq!(NodeId::parse(wrong), None, "{wrong}");
        }
        assert!(!NodeId([7; 32]).is_localsend() && !NodeId::guest(7).is_localsend());
    }

    #[test]
    fn a_node_id_reads_like_a_libp2p_peer_id() {
        let text = NodeId([7; 32]).to_string();
        assert!(text.starts_with("12D3KooW"));
        assert_eq!(NodeId::parse(&text), Some(NodeId([7; 32])));
        for wrong in ["", "12D3KooW", &text[1..], &"1".repeat(64), &"z".repeat(52)] {
            assert_eq!(NodeId::parse(wrong), None, "{wrong}");
        }
    }
}
