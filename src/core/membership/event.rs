//! What the membership hears and what it wants done: data, no decisions.

use crate::core::id::NodeId;
use ::core::net::SocketAddr;
use std::time::Duration;

/// What a beacon says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// "I have just started: who is here?"
    Join,
    /// "I am here."
    Ping,
    /// "I am going."
    Leave,
    /// "I am here, and these may be gone."
    Suspect,
}

/// A node that may be gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suspect {
    /// Which.
    pub node: NodeId,
    /// Its last beacon, as far as its neighbour knows.
    pub last: BeaconNumber,
}

/// What a node announces about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Beacon {
    /// What it says.
    pub kind: Kind,
    /// Who says it.
    pub node: NodeId,
    /// The display name: foreign text, to be escaped before it is shown.
    pub name: String,
    /// The TCP port for transfers; 0 in none that is acted on.
    pub tcp: u16,
    /// The UDP port for transfers, 0 if none.
    pub udp: u16,
    /// This life of the node: grows at each start.
    pub epoch: u64,
    /// The revision of its catalog.
    pub revision: u64,
    /// Grows at each beacon sent in this life.
    pub seq: u64,
    /// Whom it suspects; nobody unless that is what it says.
    pub suspects: Vec<Suspect>,
}

/// Which beacon of a node it is: later ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct BeaconNumber {
    /// As in [`Beacon`].
    pub epoch: u64,
    /// As in [`Beacon`].
    pub seq: u64,
}

impl BeaconNumber {
    /// Of a beacon.
    #[must_use]
    pub fn of(beacon: &Beacon) -> Self {
        let (epoch, seq) = (beacon.epoch, beacon.seq);
        Self { epoch, seq }
    }
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MembershipEvent {
    /// A beacon came whose signature is good.
    Heard {
        /// The beacon.
        beacon: Beacon,
        /// Where the datagram came from.
        from: SocketAddr,
        /// The datagram's length in bytes: an answer may not be longer.
        room: usize,
    },
    /// mDNS or a person named a node's addresses.
    Found {
        /// Who.
        node: NodeId,
        /// Where, best first.
        addresses: Vec<SocketAddr>,
    },
    /// A peer named another node's address: worth a try or two, soon.
    Told {
        /// Who.
        node: NodeId,
        /// Where.
        address: SocketAddr,
    },
    /// The first connection with a node stands, whichever end dialled.
    Connected {
        /// Who.
        node: NodeId,
        /// The other end.
        address: SocketAddr,
    },
    /// The last connection with a node ended.
    Disconnected {
        /// Who.
        node: NodeId,
    },
    /// Every address of a [`MembershipAction::Dial`] failed.
    DialFailed {
        /// Who.
        node: NodeId,
    },
    /// The same, but something is there that took none, or this node may have no more: it is not
    /// dead for that, and another one may do as well.
    Full {
        /// Who.
        node: NodeId,
    },
    /// A connected node says that it leaves.
    Leaving {
        /// Who.
        node: NodeId,
    },
    /// We will have nothing to do with this node any more.
    Banned {
        /// Who.
        node: NodeId,
    },
    /// A node that announces itself signed what it offers, and another one passed that on: it is a
    /// peer, if [`Membership::may_vouch`](super::Membership::may_vouch) says so.
    Vouched {
        /// Who.
        node: NodeId,
    },
    /// A peer named a node that announces itself there, with what that node signed: it is here, by
    /// that word alone until it is heard, if
    /// [`Membership::may_introduce`](super::Membership::may_introduce) says so.
    Introduced {
        /// Who.
        node: NodeId,
        /// Where.
        address: SocketAddr,
        /// Its life.
        epoch: u64,
        /// The revision of its catalog.
        revision: u64,
        /// How long ago it was heard, by that word.
        age: Duration,
    },
    /// A node signed what it offers by then, whoever passed that on.
    Signed {
        /// Who.
        node: NodeId,
        /// Its life.
        epoch: u64,
        /// The revision of its catalog.
        revision: u64,
    },
    /// A peer that was asked says that a node is gone.
    SaidGone {
        /// Who.
        node: NodeId,
        /// In which life.
        epoch: u64,
    },
    /// Our own catalog changed.
    Changed,
    /// A hidden node shows itself from now on.
    Appear,
    /// Time passed.
    Tick,
}

impl MembershipEvent {
    /// A dial failed; with `full`, for want of room.
    #[must_use]
    pub fn dial_failed(node: NodeId, full: bool) -> Self {
        if full {
            Self::Full { node }
        } else {
            Self::DialFailed { node }
        }
    }
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MembershipAction {
    /// Send a beacon to everyone near.
    Announce(Kind),
    /// Say to everyone near that these may be gone.
    Suspect {
        /// Who, at most [`MAX_SUSPECTS`](super::MAX_SUSPECTS).
        of: Vec<Suspect>,
    },
    /// Send a `PING` to this address alone.
    Answer {
        /// Where to.
        to: SocketAddr,
        /// Its greatest length in bytes.
        room: usize,
    },
    /// Connect; `Connected` or `DialFailed` is expected back.
    Dial {
        /// Who must be at the other end.
        node: NodeId,
        /// Where, best first.
        addresses: Vec<SocketAddr>,
    },
    /// A connected node may be reached at these addresses, too.
    Elsewhere {
        /// Who.
        node: NodeId,
        /// Where: some may be the one that it is connected at.
        addresses: Vec<SocketAddr>,
    },
    /// No connection is kept with a peer: one that stands may be closed while nothing is asked, and
    /// is made anew when something is.
    Rest {
        /// Who.
        node: NodeId,
        /// Where it can be reached, best first.
        addresses: Vec<SocketAddr>,
    },
    /// That is over: a connection with it stays, or it is no peer any more.
    Stay {
        /// Who.
        node: NodeId,
    },
    /// A node became a peer.
    Joined {
        /// Who.
        node: NodeId,
    },
    /// A peer is gone; a connection that is left may be closed.
    Left {
        /// Who.
        node: NodeId,
        /// Whether it said so.
        announced: bool,
    },
    /// A peer's catalog is no longer what its last beacon said.
    CatalogHint {
        /// Whose.
        node: NodeId,
        /// The catalog's life.
        epoch: u64,
        /// The catalog's revision.
        revision: u64,
    },
}
