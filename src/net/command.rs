//! What the handle tells the driver, and what it learns at the start.

use super::{PathId, RequestError, bulk::Bulk, meeting, resting::Resting, streams::Opened};
use crate::{
    core::id::NodeId,
    wire::{
        control::{Request, Response},
        protocol::Protocol,
    },
};
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::oneshot;

/// Where the answer to a request goes.
pub(super) type Answer<R> = oneshot::Sender<Result<R, RequestError>>;

/// What the driver is told to do.
pub(super) enum Command {
    Dial(Option<NodeId>, Vec<SocketAddr>),
    /// Only hole punching dials by QUIC, which takes three machines.
    #[cfg(test)]
    DialQuic(NodeId, SocketAddr),
    /// How many connections there are to a node.
    #[cfg(test)]
    Count(NodeId, oneshot::Sender<usize>),
    Request(NodeId, Request, Answer<Response>),
    Open(NodeId, Protocol, Option<PathId>, Opened),
    Paths(NodeId, oneshot::Sender<Vec<PathId>>),
    /// Where a path leads, if it is one for bulk connections.
    BulkAddress(NodeId, PathId, oneshot::Sender<Option<SocketAddr>>),
    Elsewhere(NodeId, Vec<SocketAddr>),
    Disconnect(NodeId),
    Ban(NodeId),
    Meeting(meeting::Command),
    Shutdown(oneshot::Sender<()>),
}

/// What a running driver listens as.
pub(super) struct LocalNode {
    pub node: NodeId,
    pub port: u16,
    pub bound: Vec<SocketAddr>,
    /// What it may dial by itself.
    pub resting: Arc<Resting>,
    /// `None` where nothing takes chunks.
    pub bulk: Option<Bulk>,
}
