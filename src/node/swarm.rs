//! Who is here, what they offer, and who is meant: one room, asked by plain calls.
//!
//! Owns the state behind a lock. Only the actor changes it, in a turn that others see whole or not
//! at all; everybody else reads. Invariants: nobody holds the lock across an await; what a call on
//! a worker thread does under the lock is a few look-ups for each of at most [`PAGE`] files; what
//! goes through all offers runs on a blocking thread, one at a time, so that the actor waits for
//! one of them at most.

mod catalog;
mod looking;
mod peers;
mod state;
mod survey;

use catalog::Told;
pub use catalog::{Next, OwnCatalog, Pattern, Position, Sought, is_id};
pub use looking::Looking;
use peers::Versions;
pub use peers::{Asking, Meant, Owned, Peers, Question, Resolution, Source};
pub use state::{Arrival, Found, Seed, State};
pub use survey::{FileView, PeerView, Survey};

use super::{
    api::{Gaps, Listing, PeerInfo, Person},
    knowledge::Replica,
};
use crate::{
    core::{
        beginnings::Beginnings,
        id::{FileId, NodeId},
        path::RelPath,
    },
    wire::control::{CatalogPage, Offer},
};
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::{collections::HashSet, net::IpAddr, ops::Range, sync::Arc};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Files that are looked up before the actor may have its turn.
const PAGE: usize = 256;
/// Rows of a catalog that are looked at before the actor may have its turn: a millisecond or two.
const PART: usize = 64 << 10;
/// Looks of some milliseconds each for one question of a peer, between which the actor may have its
/// turn.
const LOOKS: usize = 64;

/// The room. Clones are handles to the same.
#[derive(Clone)]
pub struct Swarm(Arc<Inner>);

struct Inner {
    state: RwLock<State>,
    /// One at a time goes through all offers.
    long: Arc<Semaphore>,
    /// Peers for which something is looked for, or is going to be: one question of each.
    asking: Mutex<HashSet<NodeId>>,
    /// One of them at a time.
    search: Arc<Semaphore>,
}

impl Swarm {
    /// A room with what is known at the start.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self(Arc::new(Inner {
            state: RwLock::new(state),
            long: Arc::new(Semaphore::new(1)),
            asking: Mutex::default(),
            search: Arc::new(Semaphore::new(1)),
        }))
    }

    /// For the actor alone: its turn.
    pub fn turn(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write()
    }

    /// A short look. It does not queue behind an actor that waits for a long one: that would stop
    /// this thread's tasks, too.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.state.read_recursive()
    }

    /// A look at each of many.
    fn each<A, T>(&self, all: &[A], look: impl Fn(&State, &A) -> T) -> Vec<T> {
        let mut found = Vec::with_capacity(all.len());
        for page in all.chunks(PAGE) {
            let state = self.read();
            found.extend(page.iter().map(|one| look(&state, one)));
        }
        found
    }

    /// A look at all that is offered. `None` when the process is ending.
    async fn at_length<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Option<T> {
        let turn = self.0.long.clone().acquire_owned().await.ok()?;
        let swarm = self.clone();
        let looking = spawn_blocking(move || {
            // The caller may be gone by now: the next one waits all the same.
            let _turn = turn;
            look(&swarm.0.state.read())
        });
        looking.await.ok()
    }

    /// What a peer asks for that has to be looked for in much of the history. `None` while another
    /// question of the same peer is under way.
    pub async fn page(&self, asker: NodeId, from: Position, sought: Sought) -> Option<CatalogPage> {
        if !self.0.asking.lock().insert(asker) {
            return None;
        }
        let turn = self.0.search.clone().acquire_owned().await.ok();
        let swarm = self.clone();
        let looking = spawn_blocking(move || {
            let _turn = turn;
            let own = || swarm.0.state.read();
            let mut page = own().own.page_of(&from, Some(&sought));
            for _ in 1..LOOKS {
                if !own().own.look_on(&mut page, &from, &sought) {
                    break;
                }
            }
            page
        });
        let page = looking.await.ok();
        self.0.asking.lock().remove(&asker);
        page
    }

    /// Whether not all names of others are asked for, but those that a download is about.
    #[must_use]
    pub fn fetches_some(&self) -> bool {
        let looking = &self.read().looking;
        looking.as_ref().is_some_and(Looking::fetches)
    }

    /// A look at all that is offered, some of it at a time: `look` is given whose (`None`: this
    /// node's own) and which rows, and says whether there are more. Of what comes or goes meanwhile
    /// it may miss some. `None` when the process is ending.
    async fn by_parts<T: Send + 'static>(
        &self,
        mut seen: T,
        look: impl Fn(&State, Option<&NodeId>, Range<usize>, &mut T) -> bool + Send + 'static,
    ) -> Option<T> {
        let turn = self.0.long.clone().acquire_owned().await.ok()?;
        let swarm = self.clone();
        let looking = spawn_blocking(move || {
            let _turn = turn;
            let nodes = swarm.read().peers.nodes();
            for whose in [None].into_iter().chain(nodes.iter().map(Some)) {
                let mut from = 0;
                while look(&swarm.0.state.read(), whose, from..from + PART, &mut seen) {
                    from += PART;
                }
            }
            seen
        });
        looking.await.ok()
    }

    /// Whether a node is here.
    #[must_use]
    pub fn is_here(&self, node: &NodeId) -> bool {
        self.read().peers.is_here(node)
    }

    /// The rows of `peers`.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.read().peer_rows()
    }

    /// Who has not told all that they offer.
    #[must_use]
    pub fn gaps(&self) -> Gaps {
        self.read().gaps(false)
    }

    /// Who has (some of) each of these files.
    #[must_use]
    pub fn sources(&self, files: &[FileId]) -> Vec<Vec<Source>> {
        self.each(files, |state, file| state.peers.sources(*file))
    }

    /// Whether all of a file is here.
    #[must_use]
    pub fn has_whole(&self, file: FileId) -> bool {
        self.read().own.has_whole(file)
    }

    /// Which of these nodes are here.
    #[must_use]
    pub fn present(&self, nodes: &[NodeId]) -> Vec<Source> {
        self.read().peers.present(nodes)
    }

    /// Who has these files, a few, and who is here.
    #[must_use]
    pub fn survey(&self, files: &[FileId]) -> Survey {
        let files = self.each(files, |state, file| state.peers.survey(&state.own, *file));
        let peers = self.read().peers.views();
        Survey { peers, files }
    }

    /// The peers that keep a part of these files.
    #[must_use]
    pub fn keepers(&self, files: &[FileId]) -> Vec<Replica> {
        let keepers = self.each(files, |state, file| state.peers.keepers(*file));
        keepers.into_iter().flatten().collect()
    }

    /// Where a peer is, and whether the user dealt with it; `None` when it is not here.
    #[must_use]
    pub fn standing(&self, node: &NodeId) -> Option<(IpAddr, bool)> {
        self.read().standing(node)
    }

    /// Whom a word means, and whether it means somebody who is coming: at one moment.
    #[must_use]
    pub fn find(&self, who: &str) -> Found {
        self.read().find(who)
    }

    /// The same with people of LocalSend.
    #[must_use]
    pub fn find_anybody(&self, who: &str) -> Found {
        self.read().find_anybody(who)
    }

    /// Whether the name of somebody without a key of the swarm had another key before.
    #[must_use]
    pub fn has_new_key(&self, person: &Person) -> bool {
        self.read().has_new_key(person)
    }

    /// Whether any of these words means this one, who goes by this name.
    #[must_use]
    pub fn means(&self, words: &[String], one: &Person) -> bool {
        self.read().means(words, one)
    }

    /// What a node is called, and whether another key was known for that name; `None` when it is
    /// not here.
    #[must_use]
    pub fn named(&self, node: &NodeId) -> Option<(String, bool)> {
        self.read().named(node)
    }

    /// By which name a key was added.
    #[must_use]
    pub fn added(&self, node: &NodeId) -> Option<String> {
        self.read().people.added(node).map(str::to_owned)
    }

    /// The key that is remembered for a name.
    #[must_use]
    pub fn known(&self, who: &str) -> Option<NodeId> {
        self.read().people.known(who).map(|person| person.key)
    }

    /// The rows of `list`.
    pub async fn list(&self, pattern: Option<String>) -> Vec<Listing> {
        let rows = self.at_length(move |state| state.peers.list(&state.own, pattern.as_deref()));
        rows.await.unwrap_or_default()
    }

    /// Names that begin so, no further than their next folder: at most so many, and as many
    /// folders.
    pub async fn beginnings(&self, prefix: String, most: usize) -> Vec<String> {
        let found = Beginnings::new(&prefix, most);
        let found = self.by_parts(found, |state, whose, rows, found| {
            let each = |name: &str| found.add(name);
            state.peers.names(&state.own, whose, rows, each)
        });
        found.await.map_or_else(Vec::new, Beginnings::found)
    }

    /// What these words mean now.
    pub async fn resolve(&self, question: Question) -> Option<Resolution> {
        self.at_length(move |state| state.resolve(&question)).await
    }

    /// What those who are here share by these names, and whether anybody has all of these contents.
    pub async fn owned(&self, files: Vec<(String, FileId)>) -> Option<Owned> {
        self.at_length(move |state| state.peers.owned(&files)).await
    }

    /// Who has another version of these names.
    pub async fn versions(&self, files: Vec<(RelPath, FileId)>) -> Vec<Vec<Source>> {
        let found = self.by_parts(Versions::new(&files), |state, whose, rows, versions| {
            whose.is_some_and(|node| state.peers.versions(node, rows, versions))
        });
        found.await.map_or_else(Vec::new, Versions::found)
    }

    /// How many different files lie in the shared folder.
    #[must_use]
    pub fn shared_contents(&self) -> u64 {
        self.read().own.shared_contents()
    }

    /// All files of the shared folder.
    pub async fn shared(&self) -> Option<Vec<FileId>> {
        self.at_length(State::shared).await
    }

    /// How a file that somebody offers by this name is described.
    #[must_use]
    pub fn offer(&self, name: &str, file: FileId) -> Option<Offer> {
        let state = self.read();
        let told = state.peers.describe(&state.own, name, file);
        told.map(Told::offer)
    }

    /// What a peer offers each of these files as, and whether all of it is here.
    pub async fn offers_of(
        &self,
        node: NodeId,
        files: Vec<FileId>,
    ) -> Vec<Option<(RelPath, Offer, bool)>> {
        let one = move |state: &State, file| state.offer_of(&node, file);
        let offers = self.at_length(move |state| {
            let offers = files.into_iter().map(|file| one(state, file));
            offers.collect()
        });
        offers.await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
