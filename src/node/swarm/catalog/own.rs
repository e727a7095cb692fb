//! What is kept of each name that this node offers, and counted of each content.

use super::told::Told;
use crate::{
    core::id::FileId,
    wire::control::{Held, Offer, ReplicaParts},
};
use std::{collections::HashSet, sync::Arc};

/// Media types that are kept once; some dozens are usual, but what was downloaded has those that
/// others said.
const MAX_TYPES: usize = 1024;

/// The latest change of a name.
#[derive(Debug)]
pub(super) struct Change {
    pub name: Box<str>,
    pub file: FileId,
    /// Nothing, when it was withdrawn.
    pub kept: Option<Kept>,
    /// The revision that the name came with.
    pub born: u64,
}

impl Change {
    /// What is offered.
    pub fn told(&self) -> Option<Told<'_>> {
        self.kept.as_ref().map(Kept::told)
    }
}

/// An [`Offer`] in less room.
#[derive(Debug)]
pub(super) struct Kept {
    size: u64,
    mtime: i64,
    media: Arc<str>,
    parts: Option<ReplicaParts>,
    mode: Option<u16>,
    executable: bool,
    held: Held,
}

const _: () = assert!(size_of::<Option<Change>>() <= 120);

impl Kept {
    pub fn of(offer: &Offer, types: &mut Types) -> Self {
        Self {
            size: offer.size,
            mtime: offer.mtime,
            media: types.one(&offer.media),
            parts: offer.parts,
            mode: offer.mode,
            executable: offer.executable,
            held: offer.held,
        }
    }

    fn told(&self) -> Told<'_> {
        Told {
            size: self.size,
            mtime: self.mtime,
            executable: self.executable,
            mode: self.mode,
            media: &self.media,
            held: self.held,
            parts: self.parts,
        }
    }
}

/// Media types, each once.
#[derive(Debug, Default)]
pub(super) struct Types(HashSet<Arc<str>>);

impl Types {
    fn one(&mut self, media: &str) -> Arc<str> {
        if let Some(known) = self.0.get(media) {
            return known.clone();
        }
        let new = Arc::<str>::from(media);
        if self.0.len() < MAX_TYPES {
            self.0.insert(new.clone());
        }
        new
    }
}

/// How many names stand for a content: of this node's own user, and of which all is here.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub shared: u32,
    fetched: u32,
    pub whole: u32,
}

impl Own {
    pub fn count(&mut self, held: Held) -> Option<&mut u32> {
        match held {
            Held::Shared => Some(&mut self.shared),
            Held::Fetched => Some(&mut self.fetched),
            Held::Partial | Held::Replica => None,
        }
    }

    pub fn is_of_user(&self) -> bool {
        self.shared + self.fetched > 0
    }
}

/// What a name counts for among those of this node's own user, and its bytes.
pub(super) fn of_user(told: Option<Told<'_>>) -> (u64, u64) {
    match told {
        Some(told) if matches!(told.held, Held::Shared | Held::Fetched) => (1, told.size),
        _ => (0, 0),
    }
}
