//! What the actor, the jobs and the handle have in common: the swarm, the news, and what jobs work
//! with.
//!
//! Plain data and cheap handles; it decides nothing. It exists so that the actor and the jobs need
//! not know each other.

use super::{
    book::Book,
    command::Command,
    holdings::Holdings,
    knowledge::Knowledge,
    large::Large,
    limit::Limiter,
    localsend::Neighbours,
    lookups::Lookups,
    meeting::Meeting,
    news::News,
    pair::Pairings,
    reach::Named,
    swarm::{Source, Swarm},
    windows::Windows,
};
use crate::{
    core::id::{FileId, NodeId},
    net::Net,
    store::{Chats, ChunkReader, Home, Index, Replicas},
    wire::control::Held,
};
use parking_lot::Mutex;
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// A chunk that a followed peer now has, for the jobs.
#[derive(Clone, Debug)]
pub struct HeldNews {
    pub node: NodeId,
    pub file: FileId,
    pub chunks: Arc<Vec<u32>>,
}

/// What a job works with.
#[derive(Clone)]
pub struct Services {
    pub me: NodeId,
    pub net: Net,
    pub index: Index,
    pub reader: ChunkReader,
    /// How many requests may read the index at once.
    pub lookups: Lookups,
    pub home: Arc<Home>,
    pub holdings: Holdings,
    /// Where readers are in what is downloaded.
    pub windows: Windows,
    /// Who is here, what they offer, and who is meant.
    pub swarm: Swarm,
    pub commands: mpsc::Sender<Command>,
    /// Grows when it may have changed who has what.
    pub changed: watch::Receiver<u64>,
    pub held: broadcast::Sender<HeldNews>,
    /// What every front end sees of downloads and sends.
    pub book: Book,
    pub received: Arc<AtomicU64>,
    /// Bytes of chunks sent to those who asked.
    pub sent: Arc<AtomicU64>,
    /// Bytes of chunks that came to be kept for others, and that went to those who keep them. Apart
    /// from the others, which copies make way for.
    pub copied_in: Arc<AtomicU64>,
    pub copied_out: Arc<AtomicU64>,
    /// What was said.
    pub chats: Chats,
    /// What is kept for others.
    pub replicas: Option<Replicas>,
    /// What others keep.
    pub known: Knowledge,
    /// Whose turn it is among downloads of very large files.
    pub large: Large,
    /// What changed, for the distributor.
    pub news: News,
    /// What bounds the chunks sent…
    pub upload: Limiter,
    /// …and those received.
    pub download: Limiter,
    /// Who is about to connect because of a code.
    pub pairings: Pairings,
    /// The rendezvous servers.
    pub meeting: Meeting,
    /// The nodes that were named by hand.
    pub named: Named,
    /// Where chunks of whatever is downloaded may lie.
    pub reuse: Arc<[PathBuf]>,
    /// LocalSend, where that is wanted.
    pub localsend: Option<Neighbours>,
    /// Of a job: it fetches from these alone, and for nobody else.
    pub circle: Option<Circle>,
}

/// The nodes between which private files travel: who sends them, and who else was asked and said
/// yes.
#[derive(Clone)]
pub struct Circle {
    pub sender: NodeId,
    pub fellows: Arc<Mutex<BTreeSet<NodeId>>>,
}

impl Services {
    /// Asks the actor; `None` when the node is stopping.
    pub async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Tells the actor.
    pub async fn tell(&self, command: Command) {
        let _ = self.commands.send(command).await;
    }

    /// Waits until the actor has taken in what it was told before.
    pub async fn caught_up(&self) {
        self.ask(Command::CaughtUp).await;
    }

    /// A node says that it has more of a file: news for the jobs, if it is one of theirs.
    pub fn heard(&self, node: NodeId, file: FileId, chunks: Arc<Vec<u32>>) {
        if self.holdings.has(file) && self.may_follow(file, node) {
            // Only a job would want to know.
            let _ = self.held.send(HeldNews { node, file, chunks });
        }
    }

    /// Whether a download of `file` is `node`'s business.
    #[must_use]
    pub fn may_follow(&self, file: FileId, node: NodeId) -> bool {
        let grants = self.reader.grants();
        !grants.is_hidden(&file) || grants.allows(&file, &node)
    }

    /// Makes sure that a node is here from which a stream came, before it is asked who that is: the
    /// stream may be faster than the news of its connection.
    pub async fn greet(&self, node: &NodeId) {
        if !self.swarm.is_here(node) {
            self.caught_up().await;
        }
    }

    /// A peer sent what it should not: it is no source any more when this returns.
    pub async fn drop_peer(&self, node: NodeId, why: String) {
        self.ask(|done| Command::Drop(node, why, done)).await;
    }

    /// Who has each of `files`.
    #[must_use]
    pub fn sources(&self, files: &[FileId]) -> Vec<Vec<Source>> {
        let Some(circle) = &self.circle else {
            return self.swarm.sources(files);
        };
        let mut nodes = vec![circle.sender];
        nodes.extend(&*circle.fellows.lock());
        let mut here = self.swarm.present(&nodes);
        for source in &mut here {
            // The others say themselves how much they have.
            if source.node == circle.sender {
                source.held = Held::Shared;
            }
        }
        vec![here; files.len()]
    }
}
