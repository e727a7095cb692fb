//! Bytes that are known to be what they are called.
//!
//! Invariant: a [`VerifiedChunk`] can only be made by hashing its bytes. Whatever writes chunks to
//! disk takes this type, so unverified bytes cannot be stored by mistake.

use super::id::ChunkId;

/// A chunk's bytes, hashed and found to match the id they were asked for by.
#[derive(Debug, Clone, Copy)]
pub struct VerifiedChunk<'a> {
    id: ChunkId,
    bytes: &'a [u8],
}

/// The bytes are not the chunk that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes do not hash to the chunk id")]
pub struct Mismatch;

impl<'a> VerifiedChunk<'a> {
    /// Hashes `bytes` and compares.
    ///
    /// # Errors
    /// [`Mismatch`] when they are not the chunk `id`.
    pub fn check(id: ChunkId, bytes: &'a [u8]) -> Result<Self, Mismatch> {
        if Self::hash(bytes).id == id {
            Ok(Self { id, bytes })
        } else {
            Err(Mismatch)
        }
    }

    /// Hashes `bytes`, whatever they are.
    #[must_use]
    pub fn hash(bytes: &'a [u8]) -> Self {
        Self {
            id: ChunkId(*blake3::hash(bytes).as_bytes()),
            bytes,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ChunkId {
        self.id
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}
