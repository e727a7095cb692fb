//! What a download job is told, and what it answers.

use crate::core::{
    have::HaveSet,
    id::NodeId,
    index::{Position, UniqueChunk},
};
use std::time::Duration;

/// What happened.
#[derive(Clone, Debug)]
pub enum TransferEvent {
    /// A connected peer has these of the `have.len()` chunks from `at` on. Adds to what it said
    /// before. Again for other ranges, and whenever there is news.
    Source {
        /// Who.
        peer: NodeId,
        /// Round trip to it.
        rtt: Duration,
        /// Position of the first chunk that `have` speaks of.
        at: Position,
        /// What it has.
        have: HaveSet,
        /// Whether it is downloading them, too.
        downloading: bool,
    },
    /// A source got more chunks (a have-update).
    Has {
        /// Who.
        peer: NodeId,
        /// Their positions.
        chunks: Vec<Position>,
    },
    /// The peer is disconnected. It may come back with [`TransferEvent::Source`].
    Gone {
        /// Who.
        peer: NodeId,
    },
    /// A fetched chunk is verified and written, at every place where it occurs.
    Stored {
        /// Who sent it.
        peer: NodeId,
        /// Which.
        chunk: UniqueChunk,
        /// Its length.
        bytes: u32,
        /// From asking to having it.
        elapsed: Duration,
    },
    /// The answer of the peer has begun to come: taking the question back would save nothing.
    Started {
        /// Who sends it.
        peer: NodeId,
        /// Which.
        chunk: UniqueChunk,
    },
    /// The peer answered that it has not got the chunk.
    Missing {
        /// Who.
        peer: NodeId,
        /// Which.
        chunk: UniqueChunk,
    },
    /// The peer was asked, but the stream broke: these were not answered.
    Failed {
        /// Who.
        peer: NodeId,
        /// Which.
        chunks: Vec<UniqueChunk>,
    },
    /// The peer sent bytes that are not the chunk.
    Corrupt {
        /// Who.
        peer: NodeId,
        /// Which.
        chunk: UniqueChunk,
    },
    /// Time has passed.
    Tick,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferAction {
    /// Ask the peer for a chunk.
    Fetch {
        /// Whom.
        peer: NodeId,
        /// Which.
        chunk: UniqueChunk,
    },
    /// The chunk is not wanted from this peer any more. Whatever is done about it, no event is due;
    /// if it arrives, it may be reported.
    Cancel {
        /// Whom.
        peer: NodeId,
        /// Which.
        chunk: UniqueChunk,
    },
    /// Have no more to do with this peer: it sent bytes that do not hash. Its requests are
    /// cancelled by this.
    Drop {
        /// Whom.
        peer: NodeId,
    },
    /// No known peer has any of the rest. Once, until [`TransferAction::Resumed`].
    Waiting,
    /// The wait is over.
    Resumed,
    /// Nothing is missing any more. Once, unless more is added.
    Complete,
}
