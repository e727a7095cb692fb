//! Long-lived streams on a connection of our choice.
//!
//! Owns opening and accepting streams of a few protocols. `libp2p-stream` is not used: it drops streams that arrive while
//! its queue is full, and picks a connection at random. Invariants: every [`Behaviour::open`] is answered (a connection
//! that goes drops the sender, which is an answer); a stream that came in is either handed over or reset, and at most
//! [`MAX_INBOUND`] of a connection are alive at once.

mod behaviour;
mod handler;
mod stream;

pub(super) use behaviour::{Behaviour, Incoming};
pub use stream::{PathId, Stream};

use crate::wire::{
    CHAT_PROTOCOL, CHUNK_PROTOCOL, CONSENT_PROTOCOL, DISTRIBUTE_PROTOCOL, MEMBER_PROTOCOL,
    PAIR_PROTOCOL, PAIR_TALK_PROTOCOL,
};
use libp2p::StreamProtocol;
use std::time::Duration;
use tokio::sync::oneshot;

/// Streams that the other side may have open on one connection: a node needs one or two, and each is a task and a
/// buffer here.
pub(super) const MAX_INBOUND: usize = 16;
/// Streams of ours that wait to be opened on one connection.
pub(super) const MAX_OPENING: usize = 64;
/// How long opening may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Chunks that are asked for: `wire::chunk`.
    Chunks,
    /// Chunks that are spread: `wire::distribute`.
    Distribution,
    /// Text messages: `wire::chat`.
    Chat,
    /// The proof that two nodes have paired by a code: `wire::pairing`.
    Pairing,
    /// Pairing by a code with a node that is not near: frames of `core::pairing::Message`.
    PairTalk,
    /// One person asks another: `wire::consent`.
    Consent,
}

const PURPOSES: [Purpose; 6] = [
    Purpose::Chunks,
    Purpose::Distribution,
    Purpose::Chat,
    Purpose::Pairing,
    Purpose::PairTalk,
    Purpose::Consent,
];

/// What `net` speaks for itself on connections of a private swarm: it is no purpose of a node's.
pub(super) const MEMBER: StreamProtocol = StreamProtocol::new(MEMBER_PROTOCOL);

/// The protocols of all purposes, and [`MEMBER`].
pub(super) const MEMBERS_PROTOCOLS: &[StreamProtocol] = &[
    Purpose::Chunks.protocol(),
    Purpose::Distribution.protocol(),
    Purpose::Chat.protocol(),
    Purpose::Pairing.protocol(),
    Purpose::PairTalk.protocol(),
    Purpose::Consent.protocol(),
    MEMBER,
];

/// The protocols of all purposes.
pub(super) const PROTOCOLS: &[StreamProtocol] = match MEMBERS_PROTOCOLS {
    [purposes @ .., _] => purposes,
    [] => &[],
};

impl Purpose {
    pub(super) const fn protocol(self) -> StreamProtocol {
        StreamProtocol::new(match self {
            Self::Chunks => CHUNK_PROTOCOL,
            Self::Distribution => DISTRIBUTE_PROTOCOL,
            Self::Chat => CHAT_PROTOCOL,
            Self::Pairing => PAIR_PROTOCOL,
            Self::PairTalk => PAIR_TALK_PROTOCOL,
            Self::Consent => CONSENT_PROTOCOL,
        })
    }

    pub(super) fn of(protocol: &StreamProtocol) -> Option<Self> {
        PURPOSES
            .into_iter()
            .find(|purpose| purpose.protocol() == *protocol)
    }
}

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
