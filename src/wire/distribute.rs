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

pub use super::frame::write;
use super::protocol::{Protocol, Route};

use super::{bounded, cbor::Malformed, frame};
use crate::core::id::{FileId, NodeId};
use futures::AsyncRead;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;
use std::io;

/// Streams by which chunks are spread before anyone asks.
pub const PROTOCOL: Protocol = Protocol {
    name: "/sprat/distribute/1",
    route: Route::Straight,
};

/// Chunks in one offer.
pub const MAX_OFFERED: usize = 256;
/// Nodes named as origins in one offer.
pub const MAX_ORIGINS: usize = 4;
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
}

/// What the other node says to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// "Send me these": one bit for each chunk of the offer (see `core::have`).
    Want(ByteBuf),
    /// None of them.
    Refuse(PushRefusal),
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
    /// Checks the counts and the order.
    ///
    /// # Errors
    /// [`Malformed`] when there is more than the protocol allows, nothing at all, or a position
    /// twice.
    pub fn check(&self) -> Result<(), Malformed> {
        let ascending = self.chunks.windows(2).all(|pair| pair[0] < pair[1]);
        if self.chunks.is_empty() || self.chunks.len() > MAX_OFFERED || !ascending {
            return Err(Malformed("chunks offered out of bounds or order".into()));
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
