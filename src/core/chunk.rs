//! Bytes that are known to be what they are called.
//!
//! Invariant: a [`VerifiedChunk`] can only be made by hashing its bytes, at once or, in an
//! [`Incoming`], as they come. Whatever writes chunks to disk takes this type, so unverified bytes
//! cannot be stored by mistake.

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

/// A chunk that is coming, in a buffer that is used again. It is hashed piece by piece, while the
/// bytes of each are still in the processor's cache; what was hashed cannot be changed any more.
pub struct Incoming {
    bytes: Vec<u8>,
    len: usize,
    come: usize,
    hasher: blake3::Hasher,
}

impl Incoming {
    /// One of `len` bytes.
    #[must_use]
    pub fn new(mut buffer: Vec<u8>, len: usize) -> Self {
        // Never shrunk: bytes that are overwritten next need no zeroes first.
        buffer.resize(buffer.len().max(len), 0);
        Self {
            bytes: buffer,
            len,
            come: 0,
            hasher: blake3::Hasher::new(),
        }
    }

    /// Where the next bytes go.
    pub fn rest(&mut self) -> &mut [u8] {
        &mut self.bytes[self.come..self.len]
    }

    /// So many of [`Self::rest`] have come.
    pub fn came(&mut self, count: usize) {
        let from = self.come;
        self.come = from.saturating_add(count).min(self.len);
        self.hasher.update(&self.bytes[from..self.come]);
    }

    /// How long it is to be.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing of it is to come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunk, when all of it has come.
    ///
    /// # Errors
    /// [`Mismatch`] when it is not the chunk `id`.
    pub fn check(&self, id: ChunkId) -> Result<VerifiedChunk<'_>, Mismatch> {
        if self.come == self.len && ChunkId(*self.hasher.finalize().as_bytes()) == id {
            let bytes = &self.bytes[..self.len];
            Ok(VerifiedChunk { id, bytes })
        } else {
            Err(Mismatch)
        }
    }

    /// The buffer, for another one.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chunk after it came in pieces of those sizes.
    fn come(bytes: &[u8], buffer: Vec<u8>, sizes: &[usize]) -> Incoming {
        let mut incoming = Incoming::new(buffer, bytes.len());
        let mut sizes = sizes.iter().cycle();
        let mut rest = bytes;
        while !rest.is_empty() {
            assert_eq!(incoming.rest().len(), rest.len());
            let (now, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            incoming.rest()[..now.len()].copy_from_slice(now);
            incoming.came(now.len());
            rest = later;
        }
        incoming
    }

    #[test]
    fn in_whatever_pieces_a_chunk_comes_it_is_what_it_hashes_to() {
        let bytes: Vec<u8> = (0..300_001u32).map(|n| (n / 7) as u8).collect();
        let mut buffer = vec![9; 400_000];
        // 0 and 1; around BLAKE3's chunk and a record; all of it.
        for len in [0, 1, 1024, 1025, 65_536, 65_537, 300_001] {
            let bytes = &bytes[..len];
            let id = VerifiedChunk::hash(bytes).id();
            for sizes in [&[1, 1023, 70_000][..], &[65_536], &[1 << 20]] {
                let mut incoming = come(bytes, buffer, sizes);
                let chunk = incoming.check(id).expect("the chunk");
                assert!(chunk.bytes() == bytes && chunk.id() == id);
                assert!(incoming.check(ChunkId([7; 32])).is_err());
                // More does not come.
                incoming.came(1000);
                assert!(incoming.check(id).is_ok() && incoming.rest().is_empty());
                buffer = incoming.into_buffer();
            }
        }
        assert_eq!(buffer.len(), 400_000);
    }

    #[test]
    fn a_part_of_a_chunk_and_a_changed_one_are_nothing() {
        let bytes = vec![5; 100_000];
        let id = VerifiedChunk::hash(&bytes).id();
        let mut incoming = Incoming::new(Vec::new(), bytes.len());
        incoming.rest()[..99_999].copy_from_slice(&bytes[1..]);
        incoming.came(99_999);
        assert!(incoming.check(id).is_err());
        // The hash of what came is not that of the whole.
        let part = VerifiedChunk::hash(&bytes[1..]).id();
        assert!(incoming.check(part).is_err());
        incoming.rest()[0] = 6;
        incoming.came(1);
        assert!(incoming.check(id).is_err());
    }
}
