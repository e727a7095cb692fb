//! The table of known nodes, and what is asked of all of them at each event, kept in order: how many
//! announce themselves, who is connected, what is due next.
//!
//! Owns the nodes and where each is filed; never decides anything. Invariant: what is filed is what
//! the node itself says, since a node changes only within [`Table::change`]. So an event costs what
//! it changes, not what is known: with ten thousand nodes hundreds of beacons come each second.

use super::peer::{Ends, Peer, Stage};
use crate::core::{Now, chance::Chance, id::NodeId};
use ::core::net::IpAddr;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Unbounded},
};

/// Nodes by a time.
type Order = BTreeSet<(Now, NodeId)>;

/// No node comes after it.
const LAST: NodeId = NodeId([0xff; 32]);

/// What a node is filed by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the node"
)]
struct Filed {
    announces: bool,
    confirmed: bool,
    met: bool,
    resting: bool,
    untold: bool,
    stage: Stage,
    retry: Option<Now>,
    /// It waits for somebody to vouch for it, and is dialled late no sooner than then.
    late: Option<Now>,
    ends: Option<(Ends, Now)>,
}

impl Filed {
    fn of(peer: &Peer) -> Self {
        let retry = peer.retry_at();
        let waits = peer.waits_for_vouching();
        Self {
            announces: peer.announces(),
            confirmed: peer.confirmed,
            met: peer.met,
            resting: peer.resting,
            untold: peer.has_place_of_rest(),
            stage: peer.stage,
            retry,
            late: retry.filter(|_| waits).map(|at| at.max(peer.not_before)),
            ends: peer.ends(),
        }
    }

    fn ends_so(&self, how: Ends) -> Option<Now> {
        self.ends.filter(|(so, _)| *so == how).map(|(_, at)| at)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Table {
    peers: BTreeMap<NodeId, Peer>,
    announcing: usize,
    crowd: usize,
    resting: usize,
    strangers: BTreeSet<NodeId>,
    strangers_at: BTreeMap<IpAddr, BTreeSet<NodeId>>,
    unmet_at: BTreeMap<IpAddr, usize>,
    connected: BTreeSet<NodeId>,
    dialing: BTreeSet<NodeId>,
    untold: BTreeSet<NodeId>,
    /// To be dialled…
    due: Order,
    /// …or vouched for.
    waiting: Order,
    /// None of those is dialled late before.
    pub(super) late_at: Now,
    quiet: Order,
    fading: Order,
    fixed: Order,
}

impl Table {
    pub(super) fn get(&self, node: &NodeId) -> Option<&Peer> {
        self.peers.get(node)
    }

    pub(super) fn contains_key(&self, node: &NodeId) -> bool {
        self.peers.contains_key(node)
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Peer)> + Clone {
        self.peers.iter()
    }

    /// Those with greater ids than that one.
    pub(super) fn after(&self, node: Option<NodeId>) -> impl Iterator<Item = (&NodeId, &Peer)> {
        let begin = node.map_or(Unbounded, Excluded);
        self.peers.range((begin, Unbounded))
    }

    /// Those from that id on.
    pub(super) fn from(&self, node: NodeId) -> impl Iterator<Item = (&NodeId, &Peer)> {
        self.peers.range(node..)
    }

    /// Those of these nodes that are known.
    pub(super) fn those<'a>(
        &'a self,
        nodes: impl IntoIterator<Item = &'a NodeId>,
    ) -> impl Iterator<Item = (&'a NodeId, &'a Peer)> {
        let known = nodes.into_iter();
        known.filter_map(|node| Some((node, self.peers.get(node)?)))
    }

    /// How many announce themselves.
    pub(super) fn announcing(&self) -> usize {
        self.announcing
    }

    /// The same of the peers.
    pub(super) fn crowd(&self) -> usize {
        self.crowd
    }

    pub(super) fn peers(&self) -> usize {
        self.peers.len() - self.strangers.len()
    }

    pub(super) fn resting(&self) -> usize {
        self.resting
    }

    /// Those that are no peers.
    pub(super) fn strangers(&self) -> &BTreeSet<NodeId> {
        &self.strangers
    }

    /// The same of one source.
    pub(super) fn strangers_at(&self, source: IpAddr) -> impl Iterator<Item = &NodeId> {
        self.strangers_at.get(&source).into_iter().flatten()
    }

    pub(super) fn count_strangers_at(&self, source: IpAddr) -> usize {
        self.strangers_at.get(&source).map_or(0, BTreeSet::len)
    }

    /// Peers of one source that were never connected.
    pub(super) fn unmet_at(&self, source: IpAddr) -> usize {
        self.unmet_at.get(&source).copied().unwrap_or(0)
    }

    pub(super) fn connected(&self) -> &BTreeSet<NodeId> {
        &self.connected
    }

    pub(super) fn dialing(&self) -> &BTreeSet<NodeId> {
        &self.dialing
    }

    /// Those that rest, and where is to be told.
    pub(super) fn untold(&self) -> &BTreeSet<NodeId> {
        &self.untold
    }

    /// Whom to dial by now, but for those who wait to be vouched for.
    pub(super) fn due_by(&self, now: Now) -> impl Iterator<Item = NodeId> {
        by(&self.due, now)
    }

    /// These.
    pub(super) fn waiting_by(&self, now: Now) -> impl Iterator<Item = NodeId> {
        by(&self.waiting, now)
    }

    /// When the next one is due.
    pub(super) fn next_dial(&self, now: Now) -> Option<Now> {
        let due = after(&self.due, now).into_iter();
        due.chain(self.next_waiting(now)).min()
    }

    /// The same of those who wait.
    pub(super) fn next_waiting(&self, now: Now) -> Option<Now> {
        after(&self.waiting, now)
    }

    /// How many of those there are.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// One that is no peer, by chance: each source is as likely as any other.
    pub(super) fn draw_stranger(&self, chance: &mut Chance) -> Option<NodeId> {
        let mut sources = self.strangers_at.values();
        let here = sources.nth(chance.below(self.strangers_at.len()))?;
        here.iter().nth(chance.below(here.len())).copied()
    }

    /// Who may be gone at a time that is set, by now.
    pub(super) fn ended_by(&self, now: Now) -> impl Iterator<Item = NodeId> {
        by(&self.fixed, now)
    }

    /// The next such time.
    pub(super) fn next_end(&self, now: Now) -> Option<Now> {
        after(&self.fixed, now)
    }

    /// Who ends with a silence, and since when, about, it is silent: the longest first.
    pub(super) fn silent(&self, how: Ends) -> impl Iterator<Item = (Now, &NodeId)> {
        let order = if how == Ends::Quiet {
            &self.quiet
        } else {
            &self.fading
        };
        order.iter().map(|(since, node)| (*since, node))
    }

    pub(super) fn insert(&mut self, node: NodeId, peer: Peer) {
        self.remove(&node);
        self.refile(node, peer.source, None, Some(Filed::of(&peer)));
        self.peers.insert(node, peer);
    }

    pub(super) fn remove(&mut self, node: &NodeId) -> Option<Peer> {
        let peer = self.peers.remove(node)?;
        self.refile(*node, peer.source, Some(Filed::of(&peer)), None);
        Some(peer)
    }

    /// Changes a node that is known.
    pub(super) fn change<R>(
        &mut self,
        node: &NodeId,
        change: impl FnOnce(&mut Peer) -> R,
    ) -> Option<R> {
        let peer = self.peers.get_mut(node)?;
        let before = Filed::of(peer);
        let done = change(peer);
        let (source, after) = (peer.source, Filed::of(peer));
        if before != after {
            self.refile(*node, source, Some(before), Some(after));
        }
        Some(done)
    }

    /// Whether what is filed is what one would file of these nodes now.
    #[cfg(test)]
    pub(super) fn is_in_order(&self) -> bool {
        let mut fresh = Self::default();
        for (node, peer) in &self.peers {
            fresh.refile(*node, peer.source, None, Some(Filed::of(peer)));
        }
        let sums = |it: &Self| (it.announcing, it.crowd, it.resting);
        sums(self) == sums(&fresh)
            && (&self.strangers, &self.strangers_at) == (&fresh.strangers, &fresh.strangers_at)
            && (&self.unmet_at, &self.connected) == (&fresh.unmet_at, &fresh.connected)
            && (&self.dialing, &self.untold) == (&fresh.dialing, &fresh.untold)
            && (&self.due, &self.waiting) == (&fresh.due, &fresh.waiting)
            && (&self.quiet, &self.fading, &self.fixed)
                == (&fresh.quiet, &fresh.fading, &fresh.fixed)
    }

    fn refile(
        &mut self,
        node: NodeId,
        source: IpAddr,
        before: Option<Filed>,
        after: Option<Filed>,
    ) {
        let both = [before, after];
        let is = |so: fn(&Filed) -> bool| both.map(|filed| filed.as_ref().is_some_and(so));
        count(&mut self.announcing, is(|it| it.announces));
        count(&mut self.crowd, is(|it| it.announces && it.confirmed));
        count(&mut self.resting, is(|it| it.resting));
        let stranger = is(|it| !it.confirmed);
        put(&mut self.strangers, node, stranger);
        if stranger[0] != stranger[1] {
            let here = self.strangers_at.entry(source).or_default();
            put(here, node, stranger);
            if here.is_empty() {
                self.strangers_at.remove(&source);
            }
        }
        let unmet = is(|it| it.confirmed && !it.met);
        if unmet[0] != unmet[1] {
            let here = self.unmet_at.entry(source).or_default();
            count(here, unmet);
            if *here == 0 {
                self.unmet_at.remove(&source);
            }
        }
        let connected = is(|it| matches!(it.stage, Stage::Connected { .. }));
        put(&mut self.connected, node, connected);
        let dialing = is(|it| matches!(it.stage, Stage::Dialing { .. }));
        put(&mut self.dialing, node, dialing);
        put(&mut self.untold, node, is(|it| it.untold));
        let at = |when: fn(&Filed) -> Option<Now>| both.map(|filed| filed.as_ref().and_then(when));
        let due = at(|it| it.retry.filter(|_| it.late.is_none()));
        order(&mut self.due, node, due);
        order(&mut self.waiting, node, at(|it| it.late.and(it.retry)));
        if let Some(late) = after.and_then(|it| it.late) {
            self.late_at = self.late_at.min(late);
        }
        order(&mut self.quiet, node, at(|it| it.ends_so(Ends::Quiet)));
        order(&mut self.fading, node, at(|it| it.ends_so(Ends::Fading)));
        order(&mut self.fixed, node, at(|it| it.ends_so(Ends::Fixed)));
    }
}

fn by(order: &Order, now: Now) -> impl Iterator<Item = NodeId> {
    order.range(..=(now, LAST)).map(|(_, node)| *node)
}

fn after(order: &Order, now: Now) -> Option<Now> {
    let mut later = order.range((Excluded((now, LAST)), Unbounded));
    later.next().map(|(at, _)| *at)
}

fn count(count: &mut usize, [was, is]: [bool; 2]) {
    *count = *count + usize::from(is) - usize::from(was);
}

fn put(set: &mut BTreeSet<NodeId>, node: NodeId, [was, is]: [bool; 2]) {
    if was && !is {
        set.remove(&node);
    } else if is && !was {
        set.insert(node);
    }
}

fn order(order: &mut Order, node: NodeId, [was, is]: [Option<Now>; 2]) {
    if was != is {
        was.map(|at| order.remove(&(at, node)));
        is.map(|at| order.insert((at, node)));
    }
}
