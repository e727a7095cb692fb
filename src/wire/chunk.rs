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
//! HELD    03  count(2)  file id(32)  position(4) × count      1 to 1,024; no answer
//! answer  tag(4)  status(1)  length(4)  bytes(length)
//!         status 0 = the bytes, 1 = missing (length 0), 2 = cancelled (length 0)
//! ```

use super::cbor::Malformed;
use super::protocol::{Protocol, Route};
use crate::core::{
    id::{ChunkId, FileId},
    manifest::MAX_CHUNK,
};
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
/// Chunks that one message tells of.
pub const MAX_TOLD: usize = 1024;
/// Bytes of an answer's header.
pub const HEADER: usize = 9;

/// The requester's number for a question.
pub type Tag = u32;

/// What the requester writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// "Send me this chunk."
    Get(Tag, ChunkId),
    /// "No longer needed."
    Cancel(Tag),
    /// "I have these chunks of the file now, too", by their positions: 1 to [`MAX_TOLD`]. To those
    /// alone that asked for it.
    Held(FileId, Vec<u32>),
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
            Self::Held(file, chunks) => Self::tell(file, chunks, to),
        }
    }

    /// Appends that these chunks of the file are here now: as many messages as it takes.
    pub fn tell(file: &FileId, chunks: &[u32], to: &mut Vec<u8>) {
        for some in chunks.chunks(MAX_TOLD) {
            to.push(3);
            to.extend_from_slice(&(some.len() as u16).to_be_bytes());
            to.extend_from_slice(file.as_bytes());
            to.extend(some.iter().flat_map(|chunk| chunk.to_be_bytes()));
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
        if kind[0] == 3 {
            return told(from).await.map(Some);
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

/// Reads what follows the kind of [`Question::Held`].
async fn told<R: AsyncRead + Unpin>(from: &mut R) -> io::Result<Question> {
    let mut head = [0; 34];
    from.read_exact(&mut head).await?;
    let [c0, c1, id @ ..] = head;
    let count = usize::from(u16::from_be_bytes([c0, c1]));
    if !(1..=MAX_TOLD).contains(&count) {
        return Err(invalid(format!("news of {count} chunks")));
    }
    let mut bytes = vec![0; 4 * count];
    from.read_exact(&mut bytes).await?;
    let words = bytes.chunks_exact(4);
    let chunks = words.map(|word| word.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)));
    Ok(Question::Held(FileId(id), chunks.collect()))
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
            Question::Held(FileId([7; 32]), vec![0, u32::MAX]),
            Question::Held(FileId([8; 32]), (0..MAX_TOLD as u32).collect()),
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

    #[test]
    fn news_of_no_chunk_or_of_too_many_end_the_stream_before_they_are_read() {
        for count in [0, MAX_TOLD as u16 + 1, u16::MAX] {
            let mut bytes = vec![3];
            bytes.extend_from_slice(&count.to_be_bytes());
            bytes.extend_from_slice(&[7; 32]);
            let error = block_on(Question::read(&mut &bytes[..])).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{count}");
        }
        let (mut bytes, many) = (Vec::new(), vec![5; 2 * MAX_TOLD + 1]);
        Question::tell(&FileId([7; 32]), &many, &mut bytes);
        let (mut from, mut told) = (&bytes[..], Vec::new());
        while let Some(Question::Held(_, some)) = block_on(Question::read(&mut from)).unwrap() {
            told.push(some.len());
        }
        assert_eq!(told, [MAX_TOLD, MAX_TOLD, 1]);
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = block_on(Question::read(&mut &bytes[..]));
        }
    }
}
