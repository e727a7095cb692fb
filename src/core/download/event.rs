//! What a download job is told, and what it answers.

use crate::core::{have::HaveSet, id::NodeId};
use std::time::Duration;

/// What happened.
#[derive(Clone, Debug)]
pub enum TransferEvent {
    /// A connected peer has these of the chunks at `at..at + have.len()`. Adds to what it said before. Again for other
    /// ranges, and whenever there is news.
    Source {
        /// Who.
        peer: NodeId,
        /// Round trip to it.
        rtt: Duration,
        /// Position of the first chunk that `have` speaks of.
        at: u32,
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
        chunks: Vec<u32>,
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
        /// Its position, as in [`TransferAction::Fetch`].
        chunk: u32,
        /// Its length.
        bytes: u32,
        /// From asking to having it.
        elapsed: Duration,
    },
    /// The answer of the peer has begun to come: taking the question back would save nothing.
    Begun {
        /// Who sends it.
        peer: NodeId,
        /// Its position.
        chunk: u32,
    },
    /// A chunk was found on this machine and is written, at every place where it occurs.
    Local {
        /// Its position.
        chunk: u32,
    },
    /// The peer answered that it has not got the chunk.
    Missing {
        /// Who.
        peer: NodeId,
        /// Its position.
        chunk: u32,
    },
    /// The peer was asked, but the stream broke: these were not answered.
    Failed {
        /// Who.
        peer: NodeId,
        /// Their positions.
        chunks: Vec<u32>,
    },
    /// The peer sent bytes that are not the chunk.
    Corrupt {
        /// Who.
        peer: NodeId,
        /// Its position.
        chunk: u32,
    },
    /// Time has passed.
    Tick,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferAction {
    /// Ask the peer for the chunk at this position.
    Fetch {
        /// Whom.
        peer: NodeId,
        /// Its position; of a chunk that occurs several times, always the same one.
        chunk: u32,
    },
    /// The chunk is not wanted from this peer any more. Whatever is done about it, no event is due; if it arrives, it may
    /// be reported.
    Cancel {
        /// Whom.
        peer: NodeId,
        /// Its position.
        chunk: u32,
    },
    /// Have no more to do with this peer: it sent bytes that do not hash. Its requests are cancelled by this.
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
