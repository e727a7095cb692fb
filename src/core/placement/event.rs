//! What the placement hears and what it wants done: data, no decisions.

use crate::core::{
    have::HaveSet,
    id::{FileId, NodeId},
    manifest::Manifest,
    score,
};
use std::sync::Arc;

pub use crate::core::copies::Copies;

/// What placement has to know of a manifest, in 12 bytes a chunk. Making one costs a sort: do it
/// where a moment does not matter.
#[derive(Clone, Debug)]
pub struct ChunkList(Chunks);

/// There may be a million files of one chunk.
#[derive(Clone, Debug)]
enum Chunks {
    One(u64, u32),
    Several(Box<Several>),
}

#[derive(Clone, Debug)]
struct Several {
    /// For each chunk: eight bytes of its id.
    words: Vec<u64>,
    /// For each chunk: its bytes.
    lens: Vec<u32>,
    /// Positions of a chunk that stands before them already: it is pushed, counted and dropped
    /// once, at its first position.
    repeated: HaveSet,
}

impl ChunkList {
    /// Of this manifest.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let entries = manifest.entries();
        let word = |id| score::word(id);
        if let [one] = entries {
            return Self(Chunks::One(word(one.id.as_bytes()), one.len));
        }
        let mut order: Vec<u32> = (0..manifest.len()).collect();
        order.sort_unstable_by_key(|&at| (entries[at as usize].id, at));
        let mut repeated = HaveSet::empty(manifest.len());
        for pair in order.windows(2) {
            if entries[pair[0] as usize].id == entries[pair[1] as usize].id {
                repeated.insert(pair[1]);
            }
        }
        Self(Chunks::Several(Box::new(Several {
            words: entries.iter().map(|one| word(one.id.as_bytes())).collect(),
            lens: entries.iter().map(|one| one.len).collect(),
            repeated,
        })))
    }

    /// How many positions there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        match &self.0 {
            Chunks::One(..) => 1,
            Chunks::Several(all) => all.words.len() as u32,
        }
    }

    /// Whether the file has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Eight bytes of a chunk's id.
    pub(super) fn word(&self, at: u32) -> u64 {
        match &self.0 {
            Chunks::One(word, _) => *word,
            Chunks::Several(all) => all.words[at as usize],
        }
    }

    /// A chunk's bytes.
    pub(super) fn bytes(&self, at: u32) -> u32 {
        match &self.0 {
            Chunks::One(_, len) => *len,
            Chunks::Several(all) => all.lens[at as usize],
        }
    }

    /// Whether the chunk at a position stands before it already.
    pub(super) fn repeats(&self, at: u32) -> bool {
        match &self.0 {
            Chunks::One(..) => false,
            Chunks::Several(all) => all.repeated.has(at),
        }
    }

    /// How many chunks there are that differ.
    pub(super) fn distinct(&self) -> u32 {
        match &self.0 {
            Chunks::One(..) => 1,
            Chunks::Several(all) => self.len() - all.repeated.count(),
        }
    }
}

/// Why a node did not take what was pushed to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlacementRefusal {
    /// Its quota, or our share of it, is used up: it is passed over for a minute.
    NoRoom,
    /// It takes no part: it is asked no more until a [`PlacementEvent::Peer`] says that it offers
    /// room.
    Off,
    /// Not now: it is asked again in a moment, and passed over when that goes on.
    Busy,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum PlacementEvent {
    /// A node is connected, and its catalog known; or it changed its mind. Before its first
    /// [`PlacementEvent::Holder`].
    Peer {
        /// Who.
        node: NodeId,
        /// Whether it takes replicas.
        offers_room: bool,
    },
    /// A node is gone, and what it held with it. A push to it needs no further answer.
    Gone {
        /// Who.
        node: NodeId,
    },
    /// A file that this node holds (some of), or something about it that changed. Before its first
    /// [`PlacementEvent::Holder`]: holders of unknown files are not remembered.
    File {
        /// Which.
        file: FileId,
        /// Whether this node offers it as its own.
        origin_here: bool,
        /// How many copies it should have.
        copies: Copies,
        /// Its chunks.
        chunks: Arc<ChunkList>,
        /// Which of them this node can push now.
        mine: HaveSet,
    },
    /// A file that is no longer to be spread.
    FileGone {
        /// Which.
        file: FileId,
    },
    /// A node holds these chunks of a file; replaces what was known of it. Ignored unless node and
    /// file are known, and when the length is not the file's.
    Holder {
        /// Of which file.
        file: FileId,
        /// Who.
        node: NodeId,
        /// What it has: everything, for a whole holder.
        have: HaveSet,
        /// Whether it offers the file as its own.
        origin: bool,
        /// Whether it is meant to stay there; what a person downloaded may be deleted at any time.
        lasting: bool,
    },
    /// A node holds nothing of a file any more.
    NotHolder {
        /// Of which file.
        file: FileId,
        /// Who.
        node: NodeId,
    },
    /// The answer to a push: these chunks are kept there now. Those that it had already belong to
    /// them.
    Kept {
        /// Of which file.
        file: FileId,
        /// By whom.
        node: NodeId,
        /// Positions.
        chunks: Vec<u32>,
    },
    /// The answer to a push: nothing was taken.
    Refused {
        /// Of which file.
        file: FileId,
        /// By whom.
        node: NodeId,
        /// The reason.
        why: PlacementRefusal,
    },
    /// A push broke off; nothing is known of what was kept.
    Failed {
        /// Of which file.
        file: FileId,
        /// To whom.
        node: NodeId,
    },
    /// What this node can push of a file changed.
    Mine {
        /// Of which file.
        file: FileId,
        /// What it has now.
        have: HaveSet,
    },
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PlacementAction {
    /// Offer these chunks to a node and send those that it wants. Exactly one of
    /// [`PlacementEvent::Kept`], [`PlacementEvent::Refused`], [`PlacementEvent::Failed`] and
    /// [`PlacementEvent::Gone`] must come back, within a bounded time. Those to one node that one
    /// event brought are a batch, each of another file: nothing else is pushed to it until all of
    /// them came back.
    Push {
        /// Of which file.
        file: FileId,
        /// To whom.
        node: NodeId,
        /// Positions, ascending; of a repeated chunk the first.
        chunks: Vec<u32>,
    },
}
