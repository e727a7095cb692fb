//! The files that are being downloaded, as other nodes see them: which chunks are here already, and
//! who follows.
//!
//! Shared between the jobs, which add to it, and the actor, which answers from it. Which chunks are
//! here only the partial file knows: its have-set is the one of the download. Readers of a file
//! hear of all that happens to it, by their windows. Invariant: at most [`MAX_FOLLOWERS`] nodes
//! follow a file.

use super::windows::Windows;
use crate::{
    core::{
        id::{FileId, NodeId},
        index::ChunkIndex,
        manifest::Manifest,
    },
    store::Partial,
    wire::{MAX_HAVE_UPDATE, control},
};
use parking_lot::{Mutex, MutexGuard};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Notify;

/// Nodes that may follow one file.
const MAX_FOLLOWERS: usize = 512;

/// How a follower hears of what comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// By a request for each time.
    Request,
    /// On the streams on which it is asked for chunks, by the job.
    Stream,
}

#[derive(Default)]
struct Holding {
    partial: Option<Partial>,
    followers: HashMap<NodeId, Way>,
    /// Written since the followers were last told, by either way.
    fresh: Vec<ChunkIndex>,
    fresh_on_streams: Vec<ChunkIndex>,
}

impl Holding {
    fn fresh(&mut self, way: Way) -> &mut Vec<ChunkIndex> {
        match way {
            Way::Request => &mut self.fresh,
            Way::Stream => &mut self.fresh_on_streams,
        }
    }

    fn followers(&self, way: Way) -> impl Iterator<Item = NodeId> + '_ {
        let followers = self.followers.iter().filter(move |(_, by)| **by == way);
        followers.map(|(node, _)| *node)
    }
}

/// What the followers of a file are to be told: the chunks of it that have come, as the wire names
/// them.
#[derive(PartialEq, Eq, Debug)]
pub struct FollowerNews {
    pub file: FileId,
    pub chunks: Vec<u32>,
    pub followers: Vec<NodeId>,
}

/// The downloads under way. Clones are handles to the same table.
#[derive(Clone, Default)]
pub struct Holdings {
    table: Arc<Mutex<HashMap<FileId, Holding>>>,
    begun: Arc<Notify>,
    windows: Windows,
}

impl Holdings {
    /// None yet; those who read through these windows are told what comes.
    #[must_use]
    pub fn read_through(windows: &Windows) -> Self {
        Self {
            windows: windows.clone(),
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FileId, Holding>> {
        self.table.lock()
    }

    /// Whether nothing is being downloaded.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lock().is_empty()
    }

    /// Returns when a download begins, or one did since.
    pub async fn begins(&self) {
        self.begun.notified().await;
    }

    /// A download begins. False when the file is being downloaded by another job.
    #[must_use]
    pub fn begin(&self, file: FileId) -> bool {
        match self.lock().entry(file) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(Holding::default());
                self.begun.notify_one();
                true
            }
        }
    }

    /// The partial file is open.
    pub fn opened(&self, file: FileId, partial: Partial) {
        if let Some(holding) = self.lock().get_mut(&file) {
            holding.partial = Some(partial);
        }
        self.windows.arrived(&file);
    }

    /// A chunk is written. To be told once.
    pub fn wrote(&self, file: FileId, chunk: ChunkIndex) {
        if let Some(holding) = self.lock().get_mut(&file) {
            for way in [Way::Request, Way::Stream] {
                if holding.followers(way).next().is_some() {
                    holding.fresh(way).push(chunk);
                }
            }
        }
        self.windows.arrived(&file);
    }

    /// The download ended, one way or the other.
    pub fn end(&self, file: FileId) {
        self.lock().remove(&file);
        self.windows.arrived(&file);
    }

    /// What `node` is told of `file`, which it may follow; `None` when it is not being downloaded.
    #[must_use]
    pub fn answer(&self, file: FileId, node: NodeId, follow: Option<Way>) -> Option<control::Have> {
        let mut table = self.lock();
        let holding = table.get_mut(&file)?;
        let have = holding.partial.as_ref()?.have();
        if let Some(way) = follow
            && (holding.followers.len() < MAX_FOLLOWERS || holding.followers.contains_key(&node))
        {
            holding.followers.insert(node, way);
        }
        Some(control::Have::part(&have))
    }

    /// Whether `file` is being downloaded.
    #[must_use]
    pub fn has(&self, file: FileId) -> bool {
        self.lock().contains_key(&file)
    }

    /// What the file consists of that is being downloaded, once that is known.
    #[must_use]
    pub fn manifest(&self, file: FileId) -> Option<Arc<Manifest>> {
        let table = self.lock();
        let partial = table.get(&file)?.partial.as_ref()?;
        Some(Arc::clone(partial.manifest()))
    }

    /// Whether a chunk of a file that is being downloaded is here; `None` when that is not known.
    #[must_use]
    pub fn has_chunk(&self, file: FileId, chunk: ChunkIndex) -> Option<bool> {
        let table = self.lock();
        let partial = table.get(&file)?.partial.as_ref()?;
        Some(partial.has(chunk.0))
    }

    /// A node that went away follows nothing any longer.
    pub fn unfollow(&self, node: NodeId) {
        self.lock().values_mut().for_each(|holding| {
            holding.followers.remove(&node);
        });
    }

    /// What each follower that hears by requests is to be told now.
    #[must_use]
    pub fn take_news(&self) -> Vec<FollowerNews> {
        let mut news = Vec::new();
        for (file, holding) in self
            .lock()
            .iter_mut()
            .filter(|(_, holding)| !holding.fresh.is_empty())
        {
            let followers: Vec<NodeId> = holding.followers(Way::Request).collect();
            for chunks in holding.fresh.chunks(MAX_HAVE_UPDATE) {
                news.push(FollowerNews {
                    file: *file,
                    chunks: chunks.iter().map(|chunk| chunk.0).collect(),
                    followers: followers.clone(),
                });
            }
            holding.fresh.clear();
        }
        news
    }

    /// Who hears of a file on streams, and what they are to be told now; that may be nothing.
    #[must_use]
    pub fn take_news_on_streams(&self, file: FileId) -> FollowerNews {
        let mut table = self.lock();
        let Some(holding) = table.get_mut(&file) else {
            let (chunks, followers) = (Vec::new(), Vec::new());
            return FollowerNews {
                file,
                chunks,
                followers,
            };
        };
        let fresh = std::mem::take(&mut holding.fresh_on_streams);
        FollowerNews {
            file,
            chunks: fresh.into_iter().map(|chunk| chunk.0).collect(),
            followers: holding.followers(Way::Stream).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::have::HaveSet,
        store::testing::{Fixture, fill, manifest_of, noise},
    };

    #[test]
    fn followers_hear_of_each_chunk_and_who_asks_is_told_what_the_partial_file_has() {
        let (fixture, bytes) = (Fixture::new(), noise(1, 2_000_000));
        let (partial, _) = fixture.partial(&manifest_of(&bytes));
        let (file, node) = (partial.manifest().file(), NodeId([2; 32]));
        let holdings = Holdings::default();
        assert!(holdings.begin(file));
        assert!(!holdings.begin(file), "one job a file");
        assert!(
            holdings.answer(file, node, Some(Way::Request)).is_none(),
            "not open yet"
        );
        holdings.opened(file, partial.clone());
        let told = || {
            let have = holdings.answer(file, node, Some(Way::Request)).unwrap();
            let set = HaveSet::from_bytes(&have.bits, have.chunks).unwrap();
            set.iter().collect::<Vec<_>>()
        };
        assert!(told().is_empty());
        fill(&partial, &bytes, [1]);
        assert_eq!(told(), [1]);
        holdings.wrote(file, ChunkIndex(1));
        let (chunks, followers) = (vec![1], vec![node]);
        let news = FollowerNews {
            file,
            chunks,
            followers,
        };
        assert_eq!(holdings.take_news(), [news]);
        assert!(holdings.take_news().is_empty());
        assert!(holdings.take_news_on_streams(file).followers.is_empty());
        let have = holdings.answer(file, node, Some(Way::Stream));
        assert!(have.is_some(), "it hears on streams from now on");
        holdings.wrote(file, ChunkIndex(2));
        assert!(holdings.take_news().is_empty());
        let news = holdings.take_news_on_streams(file);
        assert_eq!((news.chunks, news.followers), (vec![2], vec![node]));
        assert!(holdings.take_news_on_streams(file).chunks.is_empty());
        holdings.unfollow(node);
        holdings.wrote(file, ChunkIndex(3));
        assert!(holdings.take_news().is_empty());
        assert!(holdings.take_news_on_streams(file).followers.is_empty());
    }
}
