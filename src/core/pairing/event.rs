//! What the two machines hear and what they want done: data, no decisions.

use super::{Id, Link, Message};
use ::core::net::SocketAddr;

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
    /// A datagram came.
    Heard {
        /// What it says.
        message: Message,
        /// Where it came from, and where an answer goes.
        from: SocketAddr,
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
    /// Send to one address.
    Send {
        /// What.
        message: Message,
        /// Where to.
        to: SocketAddr,
    },
    /// A receiver has proven the code and is about to connect.
    Expect(Link),
    /// It did not come: it need not be expected any more.
    Forget {
        /// Whose connection.
        attempt: Id,
    },
    /// Somebody guessed wrong; the code stays good for so many more wrong guesses. Only in a group.
    Guessed {
        /// How many.
        left: u32,
    },
    /// Somebody guessed wrong, and the code is good for nothing any more. Whoever still asks hears of it.
    Burnt,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReceiverEvent {
    /// A datagram came.
    Heard {
        /// What it says.
        message: Message,
        /// Where it came from, and where an answer goes.
        from: SocketAddr,
    },
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReceiverAction {
    /// Send to one address.
    Send {
        /// What.
        message: Message,
        /// Where to.
        to: SocketAddr,
    },
    /// The end: the sender has proven the code, too. Connect, and prove the key again.
    Found {
        /// What is to be proven, and by whom.
        link: Link,
        /// Where it listens.
        address: SocketAddr,
    },
    /// The end: it came to nothing.
    Failed(Failure),
}

/// Why nobody was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// No sender on the code's channel.
    Nobody,
    /// There is one, and all the time it was serving somebody else.
    Busy,
    /// The sender says that the words are wrong.
    Wrong,
    /// The sender's code was burnt by somebody else's wrong guess.
    Spent,
    /// The proof was given, and no good answer came: the sender is gone, or was somebody else who does not know the words.
    Unconfirmed,
}
