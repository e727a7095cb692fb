//! The kind of path over which a peer is reached. Owns the words for it; who decides is `net`.

use std::fmt;

/// The kind of path to a peer, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Via {
    /// The same machine or a local network.
    Lan,
    /// Straight across other networks.
    Direct,
    /// Through a meeting point that forwards what it cannot read.
    Relay,
    /// By LocalSend's protocol.
    LocalSend,
}

impl Via {
    /// The word that `peers --json` shows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::LocalSend => "localsend",
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
