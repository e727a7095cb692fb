//! What the two sides say to each other in datagrams: data, no decisions. `wire::pairing` has the
//! bytes.

use crate::core::id::NodeId;
use serde::{Deserialize, Serialize};

/// The length of a sealed port: two bytes and the cipher's tag.
pub const SEALED_PORT: usize = 18;

/// A random name: of a receiver's session, or of a sender's attempt with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(#[serde(with = "serde_bytes")] pub [u8; 16]);

/// One datagram.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Sender, to everyone near: "I wait for someone with the code of this channel."
    Wait {
        /// The code's number.
        channel: u16,
        /// Who waits.
        sender: NodeId,
    },
    /// Receiver, to the address that a `Wait` came from.
    Hello {
        /// The code's number.
        channel: u16,
        /// Whom it is for.
        sender: NodeId,
        /// Who it is from.
        receiver: NodeId,
        /// The receiver's name for this exchange.
        session: Id,
        /// SPAKE2's message of side B.
        #[serde(with = "serde_bytes")]
        x: [u8; 32],
    },
    /// Sender, to the address that a `Hello` came from.
    Reply {
        /// The exchange.
        session: Id,
        /// The sender's name for it.
        attempt: Id,
        /// SPAKE2's message of side A.
        #[serde(with = "serde_bytes")]
        y: [u8; 32],
    },
    /// Receiver: "I have the key." From here on a wrong word shows.
    Proof {
        /// The exchange.
        session: Id,
        /// The sender's name for it.
        attempt: Id,
        /// Over the whole exchange, under a key that comes from it.
        #[serde(with = "serde_bytes")]
        mac: [u8; 32],
    },
    /// Sender: "So have I, and I listen here."
    Port {
        /// The exchange.
        session: Id,
        /// The sender's name for it.
        attempt: Id,
        /// The TCP port, sealed.
        #[serde(with = "serde_bytes")]
        sealed: [u8; SEALED_PORT],
    },
    /// Sender: it will not be so.
    No {
        /// The exchange.
        session: Id,
        /// The reason.
        why: PairingRefusal,
    },
}

/// Why a sender refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PairingRefusal {
    /// Another receiver is being served: ask again.
    Busy,
    /// The proof was wrong.
    Wrong,
    /// A wrong proof of another receiver burnt the code.
    Spent,
    /// That attempt is not remembered, and its proof was not looked at.
    Unknown,
}
