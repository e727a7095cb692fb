//! The frames of `/sprat/distribute/1`: a holder offers chunks, the other node says which it wants,
//! and gets those.
//!
//! One stream carries any number of rounds, one after the other. A frame is a length (4 bytes,
//! big-endian) and so much CBOR; the bytes of chunks stand alone, as long as the manifest says.
//! Nothing may be sent that was not wanted.
//!
//! ```text
//! holder                     keeper
//! OFFER {file, chunks}  ──▶
//!                       ◀──  ANSWER want {bits} | refuse {why}
//! bytes of each wanted  ──▶
//! chunk, in order
//!                       ◀──  KEPT {bits}       synced, and claimed from now on
//! ```
//!
//! An offer may name further files, small ones: `ANSWER each {bits, refused}` then tells of all of
//! them, and the bits are those of all positions in their order. An older node does not see them,
//! and answers for the first file alone.

pub use super::frame::write;
use super::protocol::{Protocol, Route};

use super::{bounded, cbor::Malformed, frame};
use crate::core::id::{FileId, NodeId};
use futures::AsyncRead;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;
use std::{collections::HashSet, io};

/// Streams by which chunks are spread before anyone asks.
pub const PROTOCOL: Protocol = Protocol {
    name: "/sprat/distribute/1",
    route: Route::Straight,
};

/// Chunks in one offer.
pub const MAX_OFFERED: usize = 256;
/// Nodes named as origins in one offer.
pub const MAX_ORIGINS: usize = 4;
/// Files in one offer.
pub const MAX_FILES: usize = 128;
/// The longest frame, in bytes.
pub const MAX_FRAME: usize = 8 << 10;

/// "These chunks of a file that I offer lack copies, and you are to keep some."
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offered {
    /// The file; it stands in the holder's catalog, and the holder gives its manifest.
    pub file: FileId,
    /// The nodes that share it: as long as one of them wants copies, they are kept.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ORIGINS>")]
    pub origins: Vec<NodeId>,
    /// Positions in its manifest, ascending.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_OFFERED>")]
    pub chunks: Vec<u32>,
    /// Further files, of the same origins; each has few chunks.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "bounded::list::<_, _, MAX_FILES>"
    )]
    pub more: Vec<More>,
}

/// A further file of an offer, and positions in its manifest, ascending.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct More(
    pub FileId,
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_OFFERED>")] pub Vec<u32>,
);

/// What the other node says to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// "Send me these": one bit for each chunk of the offer (see `core::have`).
    Want(ByteBuf),
    /// None of them.
    Refuse(PushRefusal),
    /// To an offer of several files.
    Each {
        /// One bit for each position of the offer, all files together, in its order.
        bits: ByteBuf,
        /// The files of which nothing is wanted, and why: by their place in the offer.
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_FILES>")]
        refused: Vec<(u32, PushRefusal)>,
    },
}

/// Why nothing is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PushRefusal {
    /// This node keeps nothing for others.
    Off,
    /// There is no room, for this holder or at all.
    NoRoom,
    /// Too much is on its way already.
    Busy,
    /// The holder does not offer that file, or its manifest did not come.
    Unknown,
}

/// What was kept: one bit for each chunk of the offer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// See `core::have`.
    pub bits: ByteBuf,
}

impl Offered {
    /// The files, and the positions of each, in their order.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &[u32])> {
        let first = (self.file, &self.chunks[..]);
        let more = self
            .more
            .iter()
            .map(|More(file, chunks)| (*file, &chunks[..]));
        std::iter::once(first).chain(more)
    }

    /// Checks the counts and the order.
    ///
    /// # Errors
    /// [`Malformed`] when there is more than the protocol allows, nothing at all, or a position or
    /// a file twice.
    pub fn check(&self) -> Result<(), Malformed> {
        let (mut names, mut positions) = (HashSet::new(), 0);
        for (file, chunks) in self.files() {
            positions += chunks.len();
            let ascending = chunks.windows(2).all(|pair| pair[0] < pair[1]);
            if chunks.is_empty() || positions > MAX_OFFERED || !ascending {
                return Err(Malformed("chunks offered out of bounds or order".into()));
            }
            if !names.insert(file) || names.len() > MAX_FILES {
                return Err(Malformed("files offered out of bounds or twice".into()));
            }
        }
        if self.origins.len() > MAX_ORIGINS {
            return Err(Malformed("too many origins".into()));
        }
        Ok(())
    }
}

/// Reads one frame; `None` at the end of the stream.
///
/// # Errors
/// Of the stream, or `InvalidData` when the bytes are no such frame.
pub async fn read<T: DeserializeOwned, R: AsyncRead + Unpin>(
    from: &mut R,
) -> io::Result<Option<T>> {
    frame::read(from, MAX_FRAME).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use proptest::prelude::*;

    fn offer(chunks: Vec<u32>) -> Offered {
        Offered {
            file: FileId([1; 32]),
            origins: vec![NodeId([2; 32]); MAX_ORIGINS],
            chunks,
            more: Vec::new(),
        }
    }

    fn of_many(files: usize, each: u32) -> Offered {
        let chunks = || (0..each).map(|at| u32::MAX - 1000 + at).collect();
        let id = |at: usize| FileId(*blake3::hash(&at.to_be_bytes()).as_bytes());
        Offered {
            more: (1..files).map(|at| More(id(at), chunks())).collect(),
            ..offer(chunks())
        }
    }

    #[test]
    fn the_largest_frames_come_back_as_they_were() {
        let offered = offer(
            (0..MAX_OFFERED as u32)
                .map(|at| u32::MAX - 1000 + at)
                .collect(),
        );
        assert!(offered.check().is_ok());
        let mut bytes = Vec::new();
        block_on(write(&mut bytes, &offered)).unwrap();
        assert!(bytes.len() <= MAX_FRAME);
        let mut from = &bytes[..];
        assert_eq!(block_on(read(&mut from)).unwrap(), Some(offered));
        assert_eq!(block_on(read::<Offered, _>(&mut from)).unwrap(), None);
    }

    #[test]
    fn offers_out_of_bounds_or_order_are_refused() {
        let too_many = (0..=MAX_OFFERED as u32).collect();
        for chunks in [vec![], vec![2, 1], vec![1, 1], too_many] {
            assert!(offer(chunks).check().is_err());
        }
        assert!(of_many(MAX_FILES + 1, 1).check().is_err());
        assert!(of_many(2, 1 + MAX_OFFERED as u32 / 2).check().is_err());
        assert!(of_many(2, 0).check().is_err());
        let mut twice = of_many(3, 1);
        twice.more[1].0 = twice.file;
        assert!(twice.check().is_err());
    }

    /// An offer as it was before `more`.
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Older {
        file: FileId,
        origins: Vec<NodeId>,
        chunks: Vec<u32>,
    }

    #[test]
    fn many_files_fit_one_frame_and_an_older_node_reads_the_first() {
        let offered = of_many(MAX_FILES, MAX_OFFERED as u32 / MAX_FILES as u32);
        assert!(offered.check().is_ok());
        let mut bytes = Vec::new();
        block_on(write(&mut bytes, &offered)).unwrap();
        assert!(bytes.len() <= MAX_FRAME, "{}", bytes.len());
        assert_eq!(
            block_on(read(&mut &bytes[..])).unwrap(),
            Some(offered.clone())
        );

        let Offered {
            file,
            origins,
            chunks,
            ..
        } = offered.clone();
        let older = Older {
            file,
            origins,
            chunks,
        };
        let read_by_it = block_on(frame::read::<Older, _>(&mut &bytes[..], MAX_FRAME)).unwrap();
        assert_eq!(read_by_it, Some(older));
        // Of one file, both are the same bytes.
        let one = Offered {
            more: Vec::new(),
            ..offered
        };
        let (mut new, mut old) = (Vec::new(), Vec::new());
        block_on(write(&mut new, &one)).unwrap();
        let older = block_on(frame::read::<Older, _>(&mut &new[..], MAX_FRAME)).unwrap();
        block_on(write(&mut old, &older.unwrap())).unwrap();
        assert_eq!(new, old);
    }

    #[test]
    fn a_frame_that_says_to_be_long_is_not_waited_for() {
        let mut from = &[0xff, 0xff, 0xff, 0xff, 0][..];
        assert!(block_on(read::<Kept, _>(&mut from)).is_err());
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = block_on(read::<Offered, _>(&mut &bytes[..]));
            let _ = block_on(read::<Answer, _>(&mut &bytes[..]));
        }
    }
}
