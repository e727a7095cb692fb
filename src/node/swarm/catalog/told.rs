//! What is said of a file: to be looked at where it lies, in whatever form it is kept.

use crate::wire::control::{Held, Offer, ReplicaParts};

/// How many names there are of each kind: of what is shared, fetched, partial, in part a replica,
/// and wholly a replica.
pub(super) type Names = [u32; 5];

/// What is said of a file besides its name and contents: an [`Offer`] that is only looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told<'a> {
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Whether the owner may execute it.
    pub executable: bool,
    /// Its nine permission bits.
    pub mode: Option<u16>,
    /// Its media type.
    pub media: &'a str,
    /// How the node comes to have it.
    pub held: Held,
    /// Of a replica: how much of it is there.
    pub parts: Option<ReplicaParts>,
}

impl<'a> From<&'a Offer> for Told<'a> {
    fn from(offer: &'a Offer) -> Self {
        Self {
            size: offer.size,
            mtime: offer.mtime,
            executable: offer.executable,
            mode: offer.mode,
            media: &offer.media,
            held: offer.held,
            parts: offer.parts,
        }
    }
}

impl Told<'_> {
    /// The same to be kept.
    #[must_use]
    pub fn offer(self) -> Offer {
        Offer {
            size: self.size,
            mtime: self.mtime,
            executable: self.executable,
            mode: self.mode,
            media: self.media.to_owned(),
            held: self.held,
            parts: self.parts,
        }
    }

    /// Whether all of the file is there, by whatever way.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.held.is_whole(self.parts)
    }

    /// Where it is counted.
    pub(super) fn kind(self) -> usize {
        match (self.held, self.parts) {
            (Held::Replica, Some(parts)) if parts.here >= parts.of => 4,
            (held, _) => held as usize,
        }
    }
}
