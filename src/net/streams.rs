//! Long-lived streams on a connection of our choice.
//!
//! Owns opening and accepting streams of a few protocols. `libp2p-stream` is not used: it drops
//! streams that arrive while its queue is full, and picks a connection at random. Invariants: every
//! [`Behaviour::open`] is answered (a connection that goes drops the sender, which is an answer); a
//! stream that came in is either handed over or reset, and at most [`MAX_INBOUND`] of a connection
//! are alive at once.

mod behaviour;
mod handler;
mod stream;

pub(super) use behaviour::{Behaviour, Incoming};
pub(super) use stream::Activity;
pub use stream::{PathId, Stream};

use crate::wire::MEMBER_PROTOCOL;
use libp2p::StreamProtocol;
use std::time::Duration;
use tokio::sync::oneshot;

/// Streams that the other side may have open on one connection: a node needs one or two, and each
/// is a task and a buffer here.
pub(super) const MAX_INBOUND: usize = 16;
/// Streams of ours that wait to be opened on one connection.
pub(super) const MAX_OPENING: usize = 64;
/// How long opening may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// What `net` speaks for itself on connections of a private swarm: it is not a node's.
pub(super) const MEMBER: StreamProtocol = StreamProtocol::new(MEMBER_PROTOCOL);

/// Why there is no stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// There is no connection to that node. Dial it.
    #[error("not connected")]
    NotConnected,
    /// Too many streams are being opened at once. Our own doing: ask again later.
    #[error("too many streams are being opened")]
    Busy,
    /// The other side did not answer in time.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The other side does not speak the protocol.
    #[error("the peer does not speak that protocol")]
    Refused,
    /// Only a relay leads there, and relaying is refused here.
    #[error("only a relay leads to that peer, and --no-relay refuses it")]
    OnlyRelayed,
    /// The connection went away.
    #[error("the connection was closed")]
    Closed,
}

/// A stream that is to be opened.
#[derive(Debug)]
pub struct Open {
    /// What it is to carry.
    pub protocol: StreamProtocol,
    /// Where the answer goes.
    pub opened: Opened,
}

/// Where the answer to an `open` goes.
pub type Opened = oneshot::Sender<Result<Stream, StreamError>>;
