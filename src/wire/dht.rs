//! What is said to the BitTorrent DHT, and what is kept there: messages of BEP 5 and mutable items of
//! BEP 44.
//!
//! Owns these bytes, the keys under which a swarm and a node are found there, and the sealing of what
//! stands there. Never decides whom to ask nor what to believe beyond signatures and bounds.
//!
//! ```text
//! item of a swarm   key = Ed25519 of derive_key("sprat 2026-11 dht swarm v1", swarm key), no salt
//! item of a node    key = the node's own, salt = the first 16 bytes of
//!                   derive_key("sprat 2026-11 dht salt v1", swarm key, or zeros)
//! value             nonce (24), XChaCha20-Poly1305 of a record; the key is
//!                   derive_key("sprat 2026-11 dht seal v1", swarm key, or zeros, ‖ the item's key)
//! record            canonical CBOR: [made (seconds since 1970), servers, addresses]
//! server            [key, made, addresses]
//! address           IP (4 or 16 bytes) and port (2)
//! ```

mod message;
mod record;

pub use message::{Answer, MAX_DATAGRAM, Transaction, get, put};
pub use record::{MAX_VALUE, open, seal};

use super::{cbor::Malformed, signer::Signer};
use crate::core::{dht::Key160, id::NodeId};
use aws_lc_rs::digest;

/// Where an item stands: who may write it, and what tells several of one key apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Whose item.
    pub key: NodeId,
    /// At most 64 bytes.
    pub salt: Vec<u8>,
}

impl Slot {
    /// Where a node is found by those of the same swarm.
    #[must_use]
    pub fn of_node(node: NodeId, swarm_key: Option<&[u8; 32]>) -> Self {
        let key = swarm_key.unwrap_or(&[0; 32]);
        let salt = blake3::derive_key("sprat 2026-11 dht salt v1", key);
        Self {
            key: node,
            salt: salt[..16].to_vec(),
        }
    }

    /// Where the servers of the swarm are found whose key this signer is made of.
    #[must_use]
    pub fn of_swarm(signer: &Signer) -> Self {
        Self {
            key: signer.node(),
            salt: Vec::new(),
        }
    }

    /// Where in the DHT that is.
    #[must_use]
    pub fn target(&self) -> Key160 {
        let mut hasher = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hasher.update(self.key.as_bytes());
        hasher.update(&self.salt);
        let mut target = [0; 20];
        target.copy_from_slice(hasher.finish().as_ref());
        target
    }
}

/// The key with which members of a swarm write its item.
///
/// # Errors
/// None: any 32 bytes are a key.
pub fn swarm_signer(swarm_key: &[u8; 32]) -> Result<Signer, Malformed> {
    Signer::new(blake3::derive_key("sprat 2026-11 dht swarm v1", swarm_key))
}

/// A mutable item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The later one has the higher number.
    pub seq: i64,
    /// At most [`MAX_VALUE`] bytes.
    pub value: Vec<u8>,
    /// Of what BEP 44 says.
    pub signature: Vec<u8>,
}

impl Item {
    /// Signs a value.
    #[must_use]
    pub fn new(slot: &Slot, seq: i64, value: Vec<u8>, signer: &Signer) -> Self {
        let signature = signer.sign(&signed(slot, seq, &value));
        Self {
            seq,
            value,
            signature,
        }
    }

    /// Whether the owner of the slot signed it.
    #[must_use]
    pub fn is_of(&self, slot: &Slot) -> bool {
        let message = signed(slot, self.seq, &self.value);
        super::signer::verify(&slot.key, &message, &self.signature)
    }
}

/// What BEP 44 signs. It begins with a digit, as nothing else does that a node's key signs.
fn signed(slot: &Slot, seq: i64, value: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(value.len() + 64);
    if !slot.salt.is_empty() {
        super::bencode::put_bytes(&mut message, b"salt");
        super::bencode::put_bytes(&mut message, &slot.salt);
    }
    super::bencode::put_bytes(&mut message, b"seq");
    super::bencode::put_number(&mut message, seq);
    super::bencode::put_bytes(&mut message, b"v");
    super::bencode::put_bytes(&mut message, value);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of BEP 44.
    #[test]
    fn targets_and_signed_bytes_are_those_of_the_specification() {
        let key = "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548";
        let key = NodeId(crate::core::id::FileId::from_hex(key).unwrap().0);
        let hex = |bytes: [u8; 20]| bytes.map(|byte| format!("{byte:02x}")).concat();
        let mut slot = Slot { key, salt: vec![] };
        assert_eq!(
            hex(slot.target()),
            "4a533d47ec9c7d95b1ad75f576cffc641853b750"
        );
        assert_eq!(
            signed(&slot, 1, b"Hello World!"),
            b"3:seqi1e1:v12:Hello World!"
        );
        slot.salt = b"foobar".to_vec();
        assert_eq!(
            hex(slot.target()),
            "411eba73b6f087ca51a3795d9c8c938d365e32c1"
        );
        assert_eq!(
            signed(&slot, 1, b"Hello World!"),
            b"4:salt6:foobar3:seqi1e1:v12:Hello World!"
        );
    }

    #[test]
    fn only_the_owner_of_a_slot_writes_it() {
        let (anna, eve) = ([1; 32], [2; 32]);
        let (anna, eve) = (Signer::new(anna).unwrap(), Signer::new(eve).unwrap());
        let slot = Slot::of_node(anna.node(), None);
        let item = Item::new(&slot, 7, b"here".to_vec(), &anna);
        assert!(item.is_of(&slot));
        assert!(!Item::new(&slot, 7, b"here".to_vec(), &eve).is_of(&slot));
        // What she wrote elsewhere, earlier, or otherwise, is not what stands here.
        assert!(!item.is_of(&Slot::of_node(anna.node(), Some(&[3; 32]))));
        assert!(
            !Item {
                seq: 8,
                ..item.clone()
            }
            .is_of(&slot)
        );
        let value = b"there".to_vec();
        assert!(
            !Item {
                value,
                ..item.clone()
            }
            .is_of(&slot)
        );
        let signature = vec![0; 63];
        assert!(!Item { signature, ..item }.is_of(&slot));
    }

    #[test]
    fn a_swarms_item_tells_nothing_of_its_key() {
        let (one, two) = (
            swarm_signer(&[1; 32]).unwrap(),
            swarm_signer(&[2; 32]).unwrap(),
        );
        assert_ne!(Slot::of_swarm(&one).target(), Slot::of_swarm(&two).target());
        let plain = Signer::new([1; 32]).unwrap();
        assert_ne!(Slot::of_swarm(&one).key, plain.node());
        // A node stands elsewhere in each swarm.
        let node = NodeId([9; 32]);
        let target = |key: Option<&[u8; 32]>| Slot::of_node(node, key).target();
        assert_ne!(target(Some(&[1; 32])), target(Some(&[2; 32])));
        assert_ne!(target(Some(&[1; 32])), target(None));
    }
}
