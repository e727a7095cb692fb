//! What to push to whom, so that each chunk of each file has enough copies; and what may be
//! dropped.
//!
//! Owns what is known of who is here, who holds what, and who refused. Never moves a byte, reads a
//! clock or draws a number: each node decides alone from what it knows, and rendezvous hashing
//! ([`score`](super::score::score)) makes them agree.
//!
//! - A chunk lacks copies when fewer live nodes than R hold it, whole holders and this node among
//!   them.
//! - Who pushes it: the holder that [`score`](super::score::score) ranks highest among the live
//!   origins, or, if none is live, among all live holders. While nothing gets better for
//!   [`PATIENCE`], the next one in that order may push too, so that a node that only claims to hold
//!   something stops no other.
//! - To whom: the nodes ranked highest among those that offer room, did not refuse lately and do
//!   not hold it, as many as lack.
//!
//! Invariants: pushes to [`MAX_OUTSTANDING`] nodes are outstanding, and to each of them those of one
//! batch: several where the files are small; a chunk is never pushed to a node that is known to hold
//! it; nothing is moved for the sake of the ranking alone, so who joins takes over nothing that has
//! copies enough.

mod event;
mod file;
mod lacking;
mod peer;
mod plan;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use super::{
    Now,
    have::HaveSet,
    id::{FileId, NodeId},
    score::Weight,
};
pub use event::{ChunkList, Copies, PlacementAction, PlacementEvent, PlacementRefusal};
use file::{File, Held};
pub use lacking::AHEAD;
use lacking::Lacking;
use peer::{Peer, Trouble};
use plan::Cursor;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Nodes to which pushes are outstanding at a time.
pub const MAX_OUTSTANDING: usize = 4;
/// Chunks of one push.
pub const MAX_PUSH_CHUNKS: usize = 64;
/// Bytes of the pushes of one batch.
pub const MAX_PUSH_BYTES: u64 = 16 << 20;
/// Pushes of one batch, each of another file.
pub const MAX_BATCH: usize = 128;
/// Chunks that the files of a batch have together, pushed or not: a larger file goes alone.
pub const MAX_BATCH_CHUNKS: u32 = 256;
/// How long a node that had no room, or failed again and again, is passed over.
pub const REFUSED: Duration = Duration::from_secs(60);
/// How long after a holder left its copies are made anew: a restart costs nothing.
pub const SETTLE: Duration = Duration::from_secs(5);
/// How long the first push of a file, or one to a newcomer, waits for more news.
pub const GATHER: Duration = Duration::from_millis(500);
/// How long a holder waits for those that rank before it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// After this node got something new that it may have to push on, unless there is other news.
const LATER: Duration = Duration::from_secs(2);

/// The machine.
#[derive(Debug)]
pub struct Placement {
    me: NodeId,
    now: Now,
    peers: BTreeMap<NodeId, Peer>,
    /// Boxed: a tree of large things is a third empty.
    files: BTreeMap<FileId, Box<File>>,
    /// Which files each node holds some of.
    held_by: BTreeMap<NodeId, BTreeSet<FileId>>,
    lacking: Lacking,
    /// Files that are to be planned: each one's `plan_at`.
    due: BTreeSet<(Now, FileId)>,
    /// The plan that is being made.
    cursor: Option<Cursor>,
    plans: u64,
    pushes: u64,
}

impl Placement {
    /// Knows no node and no file yet; `me` is this node.
    #[must_use]
    pub fn new(me: NodeId) -> Self {
        Self {
            me,
            now: Now::ZERO,
            peers: BTreeMap::new(),
            files: BTreeMap::new(),
            held_by: BTreeMap::new(),
            lacking: Lacking::default(),
            due: BTreeSet::new(),
            cursor: None,
            plans: 0,
            pushes: 0,
        }
    }

    /// Takes in one event.
    pub fn handle(&mut self, event: PlacementEvent, now: Now) -> Vec<PlacementAction> {
        self.now = self.now.max(now);
        match event {
            PlacementEvent::Peer { node, offers_room } => self.peer(node, offers_room),
            PlacementEvent::Gone { node } => self.gone(&node),
            PlacementEvent::File {
                file,
                origin_here,
                copies,
                chunks,
                mine,
            } => self.file(file, origin_here, copies, &chunks, mine),
            PlacementEvent::FileGone { file } => self.file_gone(&file),
            PlacementEvent::Holder {
                file,
                node,
                have,
                origin,
                lasting,
            } => self.holder(&file, node, have, origin, lasting),
            PlacementEvent::NotHolder { file, node } => self.not_holder(&file, &node),
            PlacementEvent::Kept { file, node, chunks } => self.kept(&file, node, chunks),
            PlacementEvent::Refused { file, node, why } => self.refused(&file, &node, why),
            PlacementEvent::Failed { file, node } => {
                self.came_to_nothing(&file, &node, Trouble::Broken);
            }
            PlacementEvent::Mine { file, have } => self.mine(&file, have),
            PlacementEvent::Tick => {}
        }
        self.forgive();
        self.go_through_lacking();
        self.make_plans();
        self.push()
    }

    /// When [`PlacementEvent::Tick`] should come at the latest; `None` when only news can change
    /// anything.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        if self.cursor.is_some() {
            return Some(self.now);
        }
        let full = self.outstanding() >= MAX_OUTSTANDING;
        let peers = self.peers.values().filter_map(|peer| {
            if full {
                // The next answer is what starts the next push.
                peer.passed_until
            } else {
                peer.next_tick()
            }
        });
        let due = self.due.first().map(|&(at, _)| at);
        let lacking = self.next_lacking().map(|at| at.max(self.now));
        peers.chain(due).chain(lacking).min()
    }

    /// The fewest copies that any chunk of the file has on live nodes, this one among them; 0 for a
    /// file that is not known. For a file of no chunks: the nodes that have it.
    #[must_use]
    pub fn copies(&self, file: &FileId) -> u32 {
        self.files.get(file).map_or(0, |file| file.fewest())
    }

    /// How many chunks a file has that is known.
    #[must_use]
    pub fn chunks(&self, file: &FileId) -> Option<u32> {
        self.files.get(file).map(|file| file.list.len())
    }

    /// Whether every chunk of the file has a copy on some live node other than this one.
    #[must_use]
    pub fn safe(&self, file: &FileId) -> bool {
        self.files.get(file).is_some_and(|file| file.safe())
    }

    /// If a file is [`safe`](Self::safe) only as long as some people do not delete what they
    /// downloaded: who they are. None, when it is safe without, or not at all.
    #[must_use]
    pub fn rests_on(&self, file: &FileId) -> Vec<NodeId> {
        let file = self.files.get(file);
        file.map_or_else(Vec::new, |file| file.rests_on())
    }

    /// On whom it rests that a file is [`safe`](Self::safe), and whether each has all of it: a few
    /// of those who do, before others those who have it otherwise than as a download; without any,
    /// all who have parts.
    #[must_use]
    pub fn leans_on(&self, file: &FileId) -> Vec<(NodeId, bool)> {
        let file = self.files.get(file);
        file.map_or_else(Vec::new, |file| file.leans_on())
    }

    /// Whether a node here may still take copies of the file: has room, as far as is known, and
    /// does not have all of it.
    #[must_use]
    pub fn may_gain(&self, file: &FileId) -> bool {
        self.files.get(file).is_some_and(|file| {
            let whole = |node| {
                file.holders
                    .get(node)
                    .is_some_and(|one| one.held.is_whole())
            };
            let mut peers = self.peers.iter();
            peers.any(|(node, peer)| peer.offers_room && !peer.full && !whole(node))
        })
    }

    /// What this node may drop of a file when room is short: positions (of a repeated chunk the
    /// first), the one with most copies elsewhere first. Unless the file is `unwanted`, only chunks
    /// that have R copies without this one, and only if R of those holders come before this node in
    /// the order of pushers, so that not all of them drop the same chunk at once. Looks at every
    /// chunk.
    #[must_use]
    pub fn surplus(&self, file: &FileId, unwanted: bool) -> Vec<u32> {
        self.files
            .get(file)
            .map_or_else(Vec::new, |file| file.surplus(unwanted))
    }

    fn outstanding(&self) -> usize {
        let busy = self.peers.values().filter(|p| p.is_pushed_to());
        busy.count()
    }

    fn peer(&mut self, node: NodeId, offers_room: bool) {
        if node == self.me {
            return;
        }
        let peer = self.peers.entry(node).or_insert_with(|| Peer::new(node));
        let was_target = peer.is_target();
        peer.set_offers(offers_room);
        match (was_target, peer.is_target()) {
            (false, true) => self.wake(GATHER),
            (true, false) => self.share_out(&node),
            _ => {}
        }
    }

    fn gone(&mut self, node: &NodeId) {
        let Some(mut peer) = self.peers.remove(node) else {
            return;
        };
        let now = self.now;
        let mut waiting = peer.clear();
        waiting.extend(peer.under_way());
        for id in self.held_by.remove(node).unwrap_or_default() {
            let Some(file) = self.files.get_mut(&id) else {
                continue;
            };
            if file.remove_holder(node) {
                // Those who leave one after another cannot put the repair off for ever.
                if file.quiet_until <= now {
                    file.quiet_since = now;
                }
                file.quiet_until = (now + SETTLE).min(file.quiet_since + 3 * SETTLE);
                file.progress = file.progress.max(file.quiet_until);
                waiting.insert(id);
            }
            self.lacking.note(id, file.wants_plans());
        }
        for file in waiting {
            self.schedule(&file, SETTLE);
        }
    }

    fn file(
        &mut self,
        id: FileId,
        origin_here: bool,
        copies: Copies,
        chunks: &Arc<ChunkList>,
        mine: HaveSet,
    ) {
        if mine.len() != chunks.len() {
            return;
        }
        let (me, now) = (self.me, self.now);
        let file = self.files.entry(id).or_insert_with(|| {
            let file = File::new(Weight::of(me), Arc::clone(chunks), copies, now);
            Box::new(file)
        });
        if file.list.len() != mine.len() {
            return;
        }
        file.me.origin = origin_here;
        file.copies = copies;
        file.set_mine(mine);
        self.lacking.note(id, file.wants_plans());
        self.schedule(&id, GATHER);
    }

    fn file_gone(&mut self, id: &FileId) {
        let Some(file) = self.files.remove(id) else {
            return;
        };
        if let Some(at) = file.plan_at {
            self.due.remove(&(at, *id));
        }
        self.lacking.note(*id, false);
        for node in file.holders.keys() {
            self.holds(node, id, false);
        }
    }

    /// Notes whether a node holds some of a file.
    fn holds(&mut self, node: &NodeId, id: &FileId, some: bool) {
        if some {
            self.held_by.entry(*node).or_default().insert(*id);
        } else if let Some(files) = self.held_by.get_mut(node)
            && files.remove(id)
            && files.is_empty()
        {
            self.held_by.remove(node);
        }
    }

    fn holder(&mut self, id: &FileId, node: NodeId, have: HaveSet, origin: bool, lasting: bool) {
        let (true, Some(file)) = (self.peers.contains_key(&node), self.files.get_mut(id)) else {
            return;
        };
        if have.len() != file.list.len() {
            return;
        }
        let held = Held::of(have);
        if held.is_nothing() {
            return self.not_holder(id, &node);
        }
        let known = file.holders.get(&node).map(|holder| holder.origin);
        let change = file.set_holder(node, held, origin, lasting);
        if change.gained {
            file.progress = file.progress.max(self.now);
        }
        self.lacking.note(*id, file.wants_plans());
        self.holds(&node, id, true);
        // A new holder may be the one who pushes.
        if change.lost || known != Some(origin) {
            self.schedule(id, GATHER);
        }
    }

    fn not_holder(&mut self, id: &FileId, node: &NodeId) {
        let Some(file) = self.files.get_mut(id) else {
            return;
        };
        let had = file.remove_holder(node);
        self.lacking.note(*id, file.wants_plans());
        self.holds(node, id, false);
        if had && let Some(file) = self.files.get_mut(id) {
            file.progress = file.progress.max(self.now);
            self.schedule(id, GATHER);
        }
    }

    fn mine(&mut self, id: &FileId, have: HaveSet) {
        let Some(file) = self.files.get_mut(id) else {
            return;
        };
        if have.len() != file.list.len() {
            return;
        }
        let change = file.set_mine(have);
        self.lacking.note(*id, file.wants_plans());
        if change.gained {
            file.progress = file.progress.max(self.now);
        }
        if change.gained || change.lost {
            self.schedule(id, LATER);
        }
    }

    fn kept(&mut self, id: &FileId, node: NodeId, chunks: Vec<u32>) {
        let Some(peer) = self.peers.get_mut(&node) else {
            return;
        };
        let out = peer.take_out(id);
        let takes = !chunks.is_empty() && peer.probed.take().is_some();
        let file = self.files.get_mut(id);
        if let Some(file) = file {
            if file.add(node, &chunks) {
                file.progress = file.progress.max(self.now);
            }
            self.lacking.note(*id, file.wants_plans());
            if let Some(mut out) = out {
                let kept: BTreeSet<u32> = chunks.into_iter().collect();
                let pushed = out.chunks.len();
                out.chunks.retain(|at| !kept.contains(at));
                // A plan made meanwhile counted on it.
                out.plan = file.plan;
                if out.chunks.len() == pushed {
                    peer.failed(out, Trouble::Busy);
                } else {
                    peer.went_well(out);
                }
            }
            self.holds(&node, id, true);
        }
        if takes {
            self.wake(Duration::ZERO);
        }
        self.settle(&node);
    }

    fn refused(&mut self, id: &FileId, node: &NodeId, why: PlacementRefusal) {
        if why == PlacementRefusal::Busy {
            return self.came_to_nothing(id, node, Trouble::Busy);
        }
        let Some(peer) = self.peers.get_mut(node) else {
            return;
        };
        peer.take_out(id);
        if why == PlacementRefusal::Off {
            peer.set_offers(false);
        } else {
            peer.full = true;
            peer.passed_over(self.now);
        }
        self.share_out(node);
        self.schedule(id, Duration::ZERO);
        self.settle(node);
    }

    /// A push came to nothing.
    fn came_to_nothing(&mut self, id: &FileId, node: &NodeId, trouble: Trouble) {
        let Some(peer) = self.peers.get_mut(node) else {
            return;
        };
        if let Some(mut out) = peer.take_out(id)
            && let Some(file) = self.files.get(id)
        {
            // A plan made meanwhile counted on it.
            out.plan = file.plan;
            peer.failed(out, trouble);
        }
        self.settle(node);
    }

    /// When the whole batch is answered: what is left of it waits, for this node or for others.
    fn settle(&mut self, node: &NodeId) {
        let Some(peer) = self.peers.get_mut(node) else {
            return;
        };
        let left = peer.settle(self.now);
        let idle = !peer.is_target() && !peer.is_pushed_to() && !peer.queue.is_empty();
        if !left.is_empty() || idle {
            self.share_out(node);
            for file in left {
                self.schedule(&file, Duration::ZERO);
            }
        }
    }

    /// What was meant for this node goes to others.
    fn share_out(&mut self, node: &NodeId) {
        let files = self.peers.get_mut(node).map(Peer::clear);
        for file in files.unwrap_or_default() {
            self.schedule(&file, Duration::ZERO);
        }
    }
}
