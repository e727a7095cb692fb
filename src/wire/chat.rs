//! The frames of `/sprat/chat/1`: a message, and what became of it.
//!
//! A frame is as in [`super::distribute`]: a length (4 bytes, big-endian) and so much CBOR. A
//! stream carries any number of messages, each answered before the next is read.
//!
//! ```text
//! MESSAGE {id, text, time}  ──▶
//!                           ◀──  ANSWER {Ack: {id}} | {Refuse: {id, why}}
//! ```

use super::cbor::Malformed;
use super::protocol::{Protocol, Route};
use serde::{Deserialize, Serialize};

pub use super::distribute::{read, write};

/// Streams that carry text messages.
pub const PROTOCOL: Protocol = Protocol {
    name: "/sprat/chat/1",
    route: Route::AtOnce,
};

/// The longest text, in bytes of UTF-8.
pub const MAX_TEXT: usize = 4 << 10;

/// A text from one person to another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Chosen at random by the sender, who uses it again when it repeats the message.
    pub id: u64,
    /// What is said: 1 to [`MAX_TEXT`] bytes.
    pub text: String,
    /// When, by the sender's clock: seconds since 1970.
    pub time: u64,
}

impl Message {
    /// Checks the length.
    ///
    /// # Errors
    /// [`Malformed`] when there is too much of it, or nothing.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.text.is_empty() || self.text.len() > MAX_TEXT {
            return Err(Malformed("a text out of bounds".into()));
        }
        Ok(())
    }
}

/// What became of a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It is there, now or since earlier.
    Ack {
        /// Which.
        id: u64,
    },
    /// It is not.
    Refuse {
        /// Which.
        id: u64,
        /// The reason.
        why: ChatRefusal,
    },
}

/// Why a message was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ChatRefusal {
    /// Too many in too short a time; the stream ends with it.
    TooFast,
    /// No person is there to read it.
    Off,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::distribute::MAX_FRAME;
    use futures::executor::block_on;
    use proptest::prelude::*;

    fn message(len: usize) -> Message {
        Message {
            id: u64::MAX,
            text: "x".repeat(len),
            time: u64::MAX,
        }
    }

    #[test]
    fn the_longest_message_comes_back_as_it_was() {
        let longest = message(MAX_TEXT);
        assert!(longest.check().is_ok());
        let mut bytes = Vec::new();
        block_on(write(&mut bytes, &longest)).unwrap();
        assert!(bytes.len() <= MAX_FRAME);
        assert_eq!(block_on(read(&mut &bytes[..])).unwrap(), Some(longest));
        assert!(message(0).check().is_err());
        assert!(message(MAX_TEXT + 1).check().is_err());
    }

    #[test]
    fn frames_are_those_of_the_manual() {
        let answer = Answer::Refuse {
            id: 1,
            why: ChatRefusal::TooFast,
        };
        let mut bytes = Vec::new();
        block_on(write(&mut bytes, &answer)).unwrap();
        assert_eq!(bytes, b"\0\0\0\x19\xa1fRefuse\xa2bid\x01cwhygTooFast");
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = block_on(read::<Message, _>(&mut &bytes[..]));
            let _ = block_on(read::<Answer, _>(&mut &bytes[..]));
        }
    }
}
