//! What a pump is asked for, and what it answers.

use crate::{
    core::id::{ChunkId, NodeId},
    store::{Sink, StoreError},
};
use std::time::Duration;

/// A chunk to fetch.
pub struct Order {
    /// Its position in the job.
    pub chunk: u32,
    /// Its id.
    pub id: ChunkId,
    /// Its length in bytes.
    pub len: u32,
    /// Where it goes.
    pub targets: Vec<Target>,
}

/// A place where a chunk is to be written.
pub struct Target {
    /// The place, as a position in the job.
    pub place: u32,
    /// The file, and the position in it. (If the chunk occurs there more than once, it is written at each.)
    pub sink: Sink,
}

/// What became of an order.
pub struct Outcome {
    /// Position in the job.
    pub chunk: u32,
    /// From whom.
    pub peer: NodeId,
    /// What happened.
    pub result: Fate,
}

/// How an order ended, or that it begins to.
pub enum Fate {
    /// The answer begins to come.
    Begun,
    /// Verified and written.
    Stored {
        /// How many bytes.
        bytes: u32,
        /// The places of [`Order::targets`].
        places: Vec<u32>,
        /// From question to disk.
        elapsed: Duration,
    },
    /// The peer does not have it.
    Missing,
    /// The peer sent other bytes.
    Corrupt,
    /// The stream broke or stalled before the answer.
    Broken,
    /// The bytes were right, but the disk refused them at this place.
    Unwritable(u32, StoreError),
}
