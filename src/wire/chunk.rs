//! The frames of `/sprat/chunk/1`.
//!
//! The requester writes questions of fixed size, many ahead of the answers; the holder writes, for
//! each, a header of nine bytes and then the raw bytes of the chunk. Numbers are big-endian. A
//! question may be withdrawn; if its answer is already on the way, it still comes, and is read and
//! thrown away.
//!
//! ```text
//! GET     01  tag(4)  chunk id(32)
//! CANCEL  02  tag(4)
//! answer  tag(4)  status(1)  length(4)  bytes(length)
//!         status 0 = the bytes, 1 = missing (length 0), 2 = cancelled (length 0)
//! ```

use super::cbor::Malformed;
use super::protocol::{Protocol, Route};
use crate::core::{id::ChunkId, manifest::MAX_CHUNK};
use futures::{AsyncRead, AsyncReadExt};
use std::io;

/// Long-lived streams that carry chunks.
pub const PROTOCOL: Protocol = Protocol {
    name: "/sprat/chunk/1",
    route: Route::Patient,
};

/// Questions that may be unanswered on one stream. The holder reads no further until it has
/// answered some.
pub const MAX_OPEN: usize = 256;
/// Bytes of an answer's header.
pub const HEADER: usize = 9;

/// The requester's number for a question.
pub type Tag = u32;

/// What the requester writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// "Send me this chunk."
    Get(Tag, ChunkId),
    /// "No longer needed."
    Cancel(Tag),
}

/// How an answer begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Which question.
    pub tag: Tag,
    /// What follows.
    pub status: Status,
}

/// What follows a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// So many bytes: 1 to `MAX_CHUNK`.
    Bytes(u32),
    /// Nothing: the chunk is not here.
    Missing,
    /// Nothing: the question was withdrawn in time.
    Cancelled,
}

impl Question {
    /// Appends its bytes.
    pub fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Get(tag, id) => {
                to.push(1);
                to.extend_from_slice(&tag.to_be_bytes());
                to.extend_from_slice(id.as_bytes());
            }
            Self::Cancel(tag) => {
                to.push(2);
                to.extend_from_slice(&tag.to_be_bytes());
            }
        }
    }

    /// Reads one question; `None` at the end of the stream.
    ///
    /// # Errors
    /// Of the stream, or `InvalidData` when the bytes are no question.
    pub async fn read<R: AsyncRead + Unpin>(from: &mut R) -> io::Result<Option<Self>> {
        let mut kind = [0];
        if from.read(&mut kind).await? == 0 {
            return Ok(None);
        }
        let mut tag = [0; 4];
        from.read_exact(&mut tag).await?;
        let tag = Tag::from_be_bytes(tag);
        match kind[0] {
            1 => {
                let mut id = [0; 32];
                from.read_exact(&mut id).await?;
                Ok(Some(Self::Get(tag, ChunkId(id))))
            }
            2 => Ok(Some(Self::Cancel(tag))),
            other => Err(invalid(format!("unknown question {other}"))),
        }
    }
}

impl Header {
    /// Its nine bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER] {
        let (status, len) = match self.status {
            Status::Bytes(len) => (0, len),
            Status::Missing => (1, 0),
            Status::Cancelled => (2, 0),
        };
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&self.tag.to_be_bytes());
        bytes[4] = status;
        bytes[5..].copy_from_slice(&len.to_be_bytes());
        bytes
    }

    /// Reads them back.
    ///
    /// # Errors
    /// [`Malformed`] when the status is unknown or the length impossible.
    pub fn from_bytes(bytes: [u8; HEADER]) -> Result<Self, Malformed> {
        let [t0, t1, t2, t3, status, l0, l1, l2, l3] = bytes;
        let len = u32::from_be_bytes([l0, l1, l2, l3]);
        let status = match (status, len) {
            (0, 1..=MAX_CHUNK) => Status::Bytes(len),
            (1, 0) => Status::Missing,
            (2, 0) => Status::Cancelled,
            _ => return Err(Malformed(format!("status {status} with {len} bytes"))),
        };
        Ok(Self {
            tag: Tag::from_be_bytes([t0, t1, t2, t3]),
            status,
        })
    }
}

/// An `InvalidData` error for what a stranger wrote.
pub fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use proptest::prelude::*;

    #[test]
    fn questions_come_back_as_they_were() {
        let questions = [
            Question::Get(7, ChunkId([9; 32])),
            Question::Cancel(u32::MAX),
        ];
        let mut bytes = Vec::new();
        for question in &questions {
            question.write(&mut bytes);
        }
        let mut from = &bytes[..];
        for question in questions {
            assert_eq!(block_on(Question::read(&mut from)).unwrap(), Some(question));
        }
        assert_eq!(block_on(Question::read(&mut from)).unwrap(), None);
    }

    #[test]
    fn headers_come_back_as_they_were() {
        for status in [
            Status::Bytes(1),
            Status::Bytes(MAX_CHUNK),
            Status::Missing,
            Status::Cancelled,
        ] {
            let header = Header { tag: 3, status };
            assert_eq!(Header::from_bytes(header.to_bytes()), Ok(header));
        }
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for (status, len) in [(0u8, 0), (0, MAX_CHUNK + 1), (0, u32::MAX), (1, 1), (3, 0)] {
            let mut bytes = [0; HEADER];
            bytes[4] = status;
            bytes[5..].copy_from_slice(&len.to_be_bytes());
            assert!(Header::from_bytes(bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = block_on(Question::read(&mut &bytes[..]));
        }
    }
}
