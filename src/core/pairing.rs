//! Finding and trusting each other by a code: one machine for the sender, one for the receiver.
//!
//! ```text
//! sender                                  receiver
//! WAIT  channel, key          ──▶ all         again and again
//!                             ◀──  HELLO  channel, both keys, session, X
//! REPLY session, attempt, Y   ──▶
//!                             ◀──  PROOF  MAC: "I know the words"
//! PORT  sealed                ──▶             or NO: busy, wrong, spent, unknown
//!            both prove the key again over the connection to that port
//! ```
//!
//! The messages are datagrams of the network nearby, or go over a stream to a node that was found
//! elsewhere ([`Endpoint`]).
//!
//! Owns what to say, when to say it again, and when a code is burnt. Never opens a socket, reads a
//! clock or asks for randomness. X and Y are SPAKE2's (see [`LinkKey`] for what comes out of it).
//!
//! Invariants: only a completed wrong proof burns a code, and it does so before anything was sealed
//! for the node that gave it. A receiver gives one proof in its life, so one that poses as a sender
//! gets one guess, too. Whatever strangers send, the tables stay within the limits below, and each
//! datagram in costs at most one datagram out that is not longer.

mod event;
mod exchange;
mod message;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use event::{
    Endpoint, Failure, Mode, ReceiverAction, ReceiverEvent, SenderAction, SenderEvent,
};
pub use exchange::LinkKey;
pub use message::{Id, Message, PairingRefusal, SEALED_PORT};
pub use receiver::Receiver;
pub use sender::Sender;

use std::time::Duration;

/// A sender announces itself each so often, give or take a third.
pub const ANNOUNCE: Duration = Duration::from_millis(750);
/// Until it is said again.
pub const RESEND: Duration = Duration::from_millis(300);
/// Receivers that asked and have not proven anything, at one sender.
pub const MAX_HALF_OPEN: usize = 256;
/// Of these, from one address, or node.
pub const MAX_HALF_OPEN_PER_SOURCE: usize = 8;
/// How long the sender waits for the proof.
pub const HALF_OPEN: Duration = Duration::from_secs(10);
/// How long the sender waits for the connection of one who has proven the code.
pub const CONNECTING: Duration = Duration::from_secs(20);
/// Receivers of a group that may be connecting at once.
pub const MAX_CONNECTING: usize = 64;
/// So many wrong proofs burn a group's code.
pub const MAX_WRONG: u32 = 10;
/// After a wrong proof to a group's code, no other from that address is looked at for so long.
pub const PENALTY: Duration = Duration::from_secs(2);
/// Senders that a receiver asks at once.
pub const MAX_ASKED: usize = 16;
/// Of these, from one address, or node.
pub const MAX_ASKED_PER_SOURCE: usize = 4;
/// How long a receiver waits for the answer to its proof.
pub const PROVING: Duration = Duration::from_secs(6);
