//! What the machine hears, and what it wants done.

use crate::core::{id::NodeId, via::Via};
use ::core::net::SocketAddr;
use std::time::Duration;

/// What is known of a configured server before the first word from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its key.
    pub key: Option<NodeId>,
    /// Whether the person named the key. One that was only learned may prove wrong.
    pub named: bool,
}

/// Servers that others told of: a stranger's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundServers {
    /// Their keys, and where they are.
    pub servers: Vec<(NodeId, Vec<SocketAddr>)>,
    /// Where that was told.
    pub told: FoundWhere,
}

/// Whose servers were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundWhere {
    /// The swarm's: all that its members wrote.
    OfSwarm,
    /// Those of one member, by their own word.
    OfMember,
    /// Those of somebody of the public swarm. They are only visited to reach who is wanted: this
    /// node is not to be found there, and meets nobody else.
    OfStranger,
}

/// Something happened. A `place` is a configured server, by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeetingInput {
    /// A server's name leads to these addresses; to none if it could not be found out.
    Resolved {
        /// Which.
        place: usize,
        /// Where.
        addresses: Vec<SocketAddr>,
    },
    /// A server answers.
    Connected {
        /// Its key.
        server: NodeId,
        /// Where it was dialled.
        address: SocketAddr,
    },
    /// A dial led to no server.
    Failed {
        /// Who was expected, if that was known.
        server: Option<NodeId>,
        /// Where.
        addresses: Vec<SocketAddr>,
    },
    /// The last connection to a server is gone.
    Lost {
        /// Which.
        server: NodeId,
    },
    /// The server knows (or will not know) in which swarm this node is.
    Entered {
        /// Which.
        server: NodeId,
        /// Whether it does.
        yes: bool,
    },
    /// The server forwards (or does not, or no longer forward) connections.
    Reserved {
        /// Which.
        server: NodeId,
        /// Whether it does.
        yes: bool,
    },
    /// This node can be found at the server for so long; `None` if the server does not want it.
    Registered {
        /// Which.
        server: NodeId,
        /// For how long.
        ttl: Option<Duration>,
    },
    /// Who is new at the server; `None` if it does not say.
    Discovered {
        /// Which.
        server: NodeId,
        /// Who.
        nodes: Option<Vec<NodeId>>,
    },
    /// A node is connected, or reached by another path than before.
    Here {
        /// Who.
        node: NodeId,
        /// The best path.
        via: Via,
    },
    /// A node's last connection is gone.
    Gone {
        /// Who.
        node: NodeId,
        /// Bytes that it carried, both ways together.
        carried: u64,
    },
    /// A node could not be met.
    NotMet {
        /// Who.
        node: NodeId,
    },
    /// A straight path was tried.
    Punched {
        /// To whom.
        node: NodeId,
        /// Whether it stands.
        yes: bool,
    },
    /// A person wants to reach this node, found or not.
    Wanted {
        /// Who.
        node: NodeId,
    },
    /// Servers were found that nobody configured.
    Found(FoundServers),
    /// A person asks something of the servers.
    Needed,
    /// Something may be due.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeetingAction {
    /// Find out where a server is: [`MeetingInput::Resolved`] follows.
    Resolve {
        /// Which.
        place: usize,
    },
    /// Connect to it.
    Dial {
        /// Its key, when the person named it.
        server: Option<NodeId>,
        /// Where.
        addresses: Vec<SocketAddr>,
    },
    /// Say in which swarm this node is.
    Enter(NodeId),
    /// Have connections forwarded.
    Reserve(NodeId),
    /// Let this node be found.
    Register(NodeId),
    /// Take that back.
    Unregister(NodeId),
    /// Ask who is there.
    Discover(NodeId),
    /// Connect to a node.
    Meet {
        /// Whom.
        node: NodeId,
        /// Through which servers.
        servers: Vec<NodeId>,
    },
    /// Disconnect from a server.
    Leave(NodeId),
    /// The same, and remember how far it was read, for the next visit.
    EndVisit(NodeId),
    /// The person, or the home, should know.
    Tell(News),
}

/// What is worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A server is joined. Its key is right: known before, or seen for the first time.
    Joined {
        /// Which.
        place: usize,
        /// Its key.
        server: NodeId,
    },
    /// The connection to it is gone; it is tried again.
    Lost {
        /// Which.
        place: usize,
    },
    /// It was left while a node is connected straight.
    Left {
        /// Which.
        place: usize,
    },
    /// It does not answer. Said once for each time that it is away.
    Unreachable {
        /// Which.
        place: usize,
    },
    /// Another key answers there than before: it was left at once. Said once for each key.
    NewKey {
        /// Which.
        place: usize,
        /// The key that was known.
        known: NodeId,
        /// The key that is there.
        now: NodeId,
    },
    /// There is no straight path to this node so far.
    Relayed {
        /// Who.
        node: NodeId,
    },
    /// Now there is one.
    Straight {
        /// Who.
        node: NodeId,
        /// Which.
        via: Via,
    },
}
