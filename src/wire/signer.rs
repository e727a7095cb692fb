//! A node's key where it signs messages: beacons and sign-ups.
//!
//! Owns signing and checking. Never says what is signed: each kind of message begins with a context
//! of its own, so that a signature for one means nothing in another.

use super::cbor::Malformed;
use crate::core::id::NodeId;
use libp2p::identity::ed25519;
use std::fmt;

/// Bytes of a signature.
pub const SIGNATURE: usize = 64;
/// Bytes of a nonce of XChaCha20-Poly1305.
pub const NONCE: usize = 24;

/// A node's key, ready to sign.
#[derive(Clone)]
pub struct Signer {
    pair: ed25519::Keypair,
    node: NodeId,
    nonces: [u8; 32],
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.node.short())
    }
}

impl Signer {
    /// From the Ed25519 secret (its 32-byte seed).
    ///
    /// # Errors
    /// None for 32 bytes: any seed is a key.
    pub fn new(secret: [u8; 32]) -> Result<Self, Malformed> {
        let nonces = blake3::derive_key("sprat 2026 beacon nonces v1", &secret);
        let key = ed25519::SecretKey::try_from_bytes(secret)
            .map_err(|error| Malformed(error.to_string()))?;
        let pair = ed25519::Keypair::from(key);
        let node = NodeId(pair.public().to_bytes());
        Ok(Self { pair, node, nonces })
    }

    /// Whose key it is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Signs a message, which begins with its context.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message)
    }

    /// A nonce that repeats only with the same content, which needs no good randomness at the
    /// moment of sending.
    #[must_use]
    pub fn nonce(&self, content: &[u8]) -> [u8; NONCE] {
        let hash = blake3::keyed_hash(&self.nonces, content);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&hash.as_bytes()[..NONCE]);
        nonce
    }
}

/// Whether `node` signed this message.
#[must_use]
pub fn verify(node: &NodeId, message: &[u8], signature: &[u8]) -> bool {
    ed25519::PublicKey::try_from_bytes(node.as_bytes())
        .is_ok_and(|key| key.verify(message, signature))
}
