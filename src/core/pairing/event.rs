//! What the two machines hear and what they want done: data, no decisions.

use super::{Id, LinkKey, Message};
use crate::core::id::NodeId;
use ::core::net::{IpAddr, SocketAddr};

/// Where a message came from, and where an answer goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Endpoint {
    /// A datagram of the network nearby.
    Near(SocketAddr),
    /// A stream of a connection with this node, which has proven its key there.
    Far(NodeId),
}

/// Who is held responsible for what comes from a place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Source {
    Address(IpAddr),
    Node(NodeId),
}

impl Endpoint {
    pub(super) fn source(&self) -> Source {
        match self {
            Self::Near(address) => Source::Address(address.ip()),
            Self::Far(node) => Source::Node(*node),
        }
    }

    /// Whether this node may speak from there. Datagrams prove nothing; a connection does.
    pub(super) fn may_be(&self, node: NodeId) -> bool {
        match self {
            Self::Near(_) => true,
            Self::Far(there) => *there == node,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Near(address)
    }
}

/// How many may use the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One receiver.
    One,
    /// As many as come.
    Group,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SenderEvent {
    /// A message came.
    Heard {
        /// What it says.
        message: Message,
        /// Where it came from, and where an answer goes.
        from: Endpoint,
    },
    /// The receiver of an attempt is connected and has proven the key there.
    Linked {
        /// Which.
        attempt: Id,
    },
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SenderAction {
    /// Send to everyone near.
    Announce(Message),
    /// Send to one place.
    Send {
        /// What.
        message: Message,
        /// Where to.
        to: Endpoint,
    },
    /// A receiver has proven the code and is about to connect.
    Expect(LinkKey),
    /// It did not come: it need not be expected any more.
    Forget {
        /// Whose connection.
        attempt: Id,
    },
    /// A receiver guessed wrong; the code stays good for so many more wrong guesses. Only in a
    /// group.
    Guessed {
        /// How many.
        left: u32,
    },
    /// A receiver guessed wrong, and the code is good for nothing any more. Those that still ask
    /// hear of it.
    Burnt,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReceiverEvent {
    /// A message came.
    Heard {
        /// What it says.
        message: Message,
        /// Where it came from, and where an answer goes.
        from: Endpoint,
    },
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReceiverAction {
    /// Send to one place.
    Send {
        /// What.
        message: Message,
        /// Where to.
        to: Endpoint,
    },
    /// The end: the sender has proven the code, too. Connect, and prove the key again.
    Found {
        /// What is to be proven, and by whom.
        link: LinkKey,
        /// Where it listens: an address with its port, or a connection that stands already.
        at: Endpoint,
    },
    /// The end: it came to nothing.
    Failed(Failure),
}

/// Why no sender was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// No sender on the code's channel.
    Nobody,
    /// There is one, and all the time it was serving another receiver.
    Busy,
    /// The sender says that the words are wrong.
    Wrong,
    /// The sender's code was burnt by another receiver's wrong guess.
    Spent,
    /// The proof was given, and no good answer came: the sender is gone, or was another node that
    /// does not know the words.
    Unconfirmed,
}
