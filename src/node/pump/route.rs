//! The way of one lane to its peer: which path it should take.
//!
//! Never decides which path is better (`board`).

use super::board::Board;
use crate::{
    core::id::NodeId,
    net::{Net, PathId, Stream, StreamError},
};
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;

pub type Paths = Arc<Mutex<Board<PathId>>>;

/// Looks at the board.
pub fn see(board: &Paths) -> MutexGuard<'_, Board<PathId>> {
    board.lock()
}

/// What a lane needs to find its path.
pub struct Route {
    net: Net,
    pub peer: NodeId,
    pub lane: usize,
    pub board: Paths,
}

impl Route {
    pub fn new(net: Net, peer: NodeId, lane: usize, board: Paths) -> Self {
        Self {
            net,
            peer,
            lane,
            board,
        }
    }

    /// The path that this lane should take.
    pub async fn wanted(&self) -> Option<PathId> {
        let paths = self.net.paths(self.peer).await;
        see(&self.board).wanted(self.lane, &paths)
    }

    /// Opens the stream on it.
    pub async fn open(&self) -> Result<Stream, StreamError> {
        let path = self.wanted().await;
        let stream = self.net.chunk_stream_on(self.peer, path).await?;
        see(&self.board).moved(self.lane, Some(stream.path()));
        Ok(stream)
    }
}
