//! What the network tells the node.

use super::MeetingEvent;
use crate::{
    core::{id::NodeId, via::Via},
    wire::control::{Request, Response},
};
use std::{net::SocketAddr, time::Duration};
use tokio::sync::oneshot;

/// Something happened on the network.
#[derive(Debug)]
pub enum NetEvent {
    /// A node is connected that was not.
    Connected {
        /// Who.
        node: NodeId,
        /// The other end. Of a connection that came in, the port is not one that the node listens
        /// on.
        address: SocketAddr,
        /// The kind of path.
        via: Via,
    },
    /// The best path to a connected node is another one now.
    Path {
        /// Who.
        node: NodeId,
        /// The other end.
        address: SocketAddr,
        /// The kind of path.
        via: Via,
    },
    /// A node's last connection is gone.
    Disconnected {
        /// Who.
        node: NodeId,
        /// Bytes that it carried, both ways together.
        carried: u64,
    },
    /// None of the addresses led to the node, and it is not connected otherwise either.
    DialFailed {
        /// Who was dialled, when that was known.
        node: Option<NodeId>,
        /// Where.
        addresses: Vec<SocketAddr>,
        /// The reason, for people.
        why: String,
        /// Something is there and takes no connection, or this node may have no more.
        full: bool,
        /// Nobody listens there.
        refused: bool,
    },
    /// mDNS heard of a node. It is the node's own word: dialling shows whether it is true.
    Found {
        /// Who.
        node: NodeId,
        /// Where it says it listens: at most 8, TCP.
        addresses: Vec<SocketAddr>,
    },
    /// A node asks something; it was checked.
    Request {
        /// Who asks.
        node: NodeId,
        /// What.
        request: Request,
        /// Where the answer goes, within 10 s.
        reply: Reply,
    },
    /// A round trip was measured.
    Rtt {
        /// With whom.
        node: NodeId,
        /// How long it took.
        rtt: Duration,
    },
    /// The node can be reached at this address of this machine.
    Listening {
        /// A TCP address.
        address: SocketAddr,
    },
    /// Something happened with a rendezvous server.
    Meeting(MeetingEvent),
    /// Something that the person at the node may want to know.
    Notice(String),
}

/// The way back to the asker. Dropping it answers nothing, and the asker gets an error.
#[derive(Debug)]
#[must_use = "who asked waits for an answer"]
pub struct Reply(pub(super) oneshot::Sender<Response>);

impl Reply {
    /// Answers. Never waits; an asker that is gone is no error.
    pub fn send(self, response: Response) {
        let _ = self.0.send(response);
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is no connection to that node. Dial it.
    #[error("not connected")]
    NotConnected,
    /// This node asked too much at once, or for too much. Its own doing.
    #[error("too many requests at once, or too long a request")]
    Busy,
    /// The peer did not answer within 10 s.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The peer ended the exchange without an answer: it did not like the question, or has too much
    /// to do.
    #[error("the peer did not answer")]
    Refused,
    /// The peer answered something that is no answer. It is to blame. (The text may quote it:
    /// escape before showing.)
    #[error("the peer answered with nonsense: {0}")]
    Malformed(String),
    /// The connection went away, or this node is shutting down.
    #[error("the connection was closed")]
    Closed,
}
