//! What a pump is asked for, and what it answers.

use crate::{
    core::{
        id::{ChunkId, NodeId},
        index::{Position, UniqueChunk},
    },
    store::{Sink, StoreError},
};
use std::time::Duration;

/// A chunk to fetch.
pub struct Order {
    /// Which of the job's.
    pub chunk: UniqueChunk,
    /// Its id.
    pub id: ChunkId,
    /// Its length in bytes.
    pub len: u32,
    /// Where it goes.
    pub targets: Vec<Target>,
}

/// Where a chunk is to be written.
pub struct Target {
    /// Where in the job.
    pub position: Position,
    /// The file, and where in it. (If the chunk occurs there more than once, it is written at
    /// each.)
    pub sink: Sink,
}

/// What became of an order.
pub struct Outcome {
    /// Which of the job's chunks.
    pub chunk: UniqueChunk,
    /// From whom.
    pub peer: NodeId,
    /// What happened.
    pub result: OrderStatus,
}

/// How an order ended, or that it begins to.
pub enum OrderStatus {
    /// The answer begins to come.
    Started,
    /// Verified and written.
    Stored {
        /// How many bytes.
        bytes: u32,
        /// Those of [`Order::targets`].
        positions: Vec<Position>,
        /// From question to disk.
        elapsed: Duration,
    },
    /// The peer does not have it.
    Missing,
    /// The peer sent other bytes.
    Corrupt,
    /// The stream broke or stalled before the answer.
    Broken,
    /// The bytes were right, but the disk refused them here.
    Unwritable(Position, StoreError),
}
