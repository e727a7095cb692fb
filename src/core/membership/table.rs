//! The table of known nodes, and what is asked of all of them at each event, kept in order: how many
//! announce themselves, who is connected, what is due next.
//!
//! Owns the nodes and where each is filed; never decides anything. Invariant: what is filed is what
//! the node itself says, since a node changes only within [`Table::change`]. So an event costs what
//! it changes, not what is known: with ten thousand nodes hundreds of beacons come each second.

mod nodes;
mod sources;

use super::peer::{Ends, Moment, Peer, Stage};
use crate::core::{Now, chance::Chance, id::NodeId};
use ::core::net::IpAddr;
use nodes::{Nodes, Place};
use sources::{Counts, Sources};
use std::{
    collections::BTreeSet,
    ops::Bound::{Excluded, Unbounded},
};

/// Nodes by a time.
type Order = BTreeSet<(Moment, Place)>;

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
            stage: peer.stage(),
            retry,
            late: retry.filter(|_| waits).map(|at| at.max(peer.not_before())),
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
    nodes: Nodes,
    announcing: usize,
    crowd: usize,
    resting: usize,
    strangers: BTreeSet<Place>,
    strangers_at: Sources,
    unmet_at: Counts,
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
        let (_, peer) = self.nodes.get(self.nodes.find(node)?)?;
        Some(peer)
    }

    pub(super) fn contains_key(&self, node: &NodeId) -> bool {
        self.nodes.find(node).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Peer)> + Clone {
        self.nodes.iter()
    }

    /// Those with greater ids than that one.
    pub(super) fn after(&self, node: Option<NodeId>) -> impl Iterator<Item = (&NodeId, &Peer)> {
        let first = node.unwrap_or(NodeId([0; 32]));
        self.nodes.range(first, node.is_some())
    }

    /// Those from that id on.
    pub(super) fn from(&self, node: NodeId) -> impl Iterator<Item = (&NodeId, &Peer)> {
        self.nodes.range(node, false)
    }

    /// Those of these nodes that are known.
    pub(super) fn those<'a>(
        &'a self,
        nodes: impl IntoIterator<Item = &'a NodeId>,
    ) -> impl Iterator<Item = (&'a NodeId, &'a Peer)> {
        let known = nodes.into_iter();
        known.filter_map(|node| Some((node, self.get(node)?)))
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
        self.nodes.len() - self.strangers.len()
    }

    pub(super) fn resting(&self) -> usize {
        self.resting
    }

    /// Those that are no peers.
    pub(super) fn strangers(&self) -> impl Iterator<Item = (&NodeId, &Peer)> {
        let places = self.strangers.iter();
        places.filter_map(|place| self.nodes.get(*place))
    }

    pub(super) fn count_strangers(&self) -> usize {
        self.strangers.len()
    }

    /// The same of one source.
    pub(super) fn strangers_at(&self, source: IpAddr) -> impl Iterator<Item = (&NodeId, &Peer)> {
        let places = self.strangers_at.of(source);
        places.filter_map(|place| self.nodes.get(place))
    }

    pub(super) fn count_strangers_at(&self, source: IpAddr) -> usize {
        self.strangers_at.count_at(source)
    }

    /// Peers of one source that were never connected.
    pub(super) fn unmet_at(&self, source: IpAddr) -> usize {
        self.unmet_at.of(source)
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
        self.by(&self.due, now)
    }

    /// These.
    pub(super) fn waiting_by(&self, now: Now) -> impl Iterator<Item = NodeId> {
        self.by(&self.waiting, now)
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
        let place = self.strangers_at.draw(chance)?;
        self.nodes.get(place).map(|(node, _)| *node)
    }

    /// Who may be gone at a time that is set, by now.
    pub(super) fn ended_by(&self, now: Now) -> impl Iterator<Item = NodeId> {
        self.by(&self.fixed, now)
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
        let order = order.iter();
        order.filter_map(|(since, place)| Some(((*since).into(), self.nodes.get(*place)?.0)))
    }

    pub(super) fn insert(&mut self, node: NodeId, peer: Peer) {
        self.remove(&node);
        let (source, after) = (peer.source, Filed::of(&peer));
        let place = self.nodes.insert(node, peer);
        self.refile((node, place), source, None, Some(after));
    }

    pub(super) fn remove(&mut self, node: &NodeId) -> Option<Peer> {
        let (place, peer) = self.nodes.remove(node)?;
        self.refile((*node, place), peer.source, Some(Filed::of(&peer)), None);
        Some(peer)
    }

    /// Changes a node that is known.
    pub(super) fn change<R>(
        &mut self,
        node: &NodeId,
        change: impl FnOnce(&mut Peer) -> R,
    ) -> Option<R> {
        let place = self.nodes.find(node)?;
        let peer = self.nodes.get_mut(place)?;
        let before = Filed::of(peer);
        let done = change(peer);
        let (source, after) = (peer.source, Filed::of(peer));
        if before != after {
            self.refile((*node, place), source, Some(before), Some(after));
        }
        Some(done)
    }

    fn by<'a>(&'a self, order: &'a Order, now: Now) -> impl Iterator<Item = NodeId> {
        let due = order.range(..=(now.into(), Place::MAX));
        due.filter_map(|(_, place)| self.nodes.get(*place).map(|(node, _)| *node))
    }

    /// Whether what is filed is what one would file of these nodes now.
    #[cfg(test)]
    pub(super) fn is_in_order(&self) -> bool {
        let mut fresh = Self::default();
        for place in 0..self.nodes.places() {
            if let Some((node, peer)) = self.nodes.get(place) {
                fresh.refile((*node, place), peer.source, None, Some(Filed::of(peer)));
            }
        }
        let sums = |it: &Self| (it.announcing, it.crowd, it.resting);
        sums(self) == sums(&fresh)
            && self.nodes.is_in_order()
            && self.strangers == fresh.strangers
            && self.strangers_at.sorted() == fresh.strangers_at.sorted()
            && (&self.unmet_at, &self.connected) == (&fresh.unmet_at, &fresh.connected)
            && (&self.dialing, &self.untold) == (&fresh.dialing, &fresh.untold)
            && (&self.due, &self.waiting) == (&fresh.due, &fresh.waiting)
            && (&self.quiet, &self.fading, &self.fixed)
                == (&fresh.quiet, &fresh.fading, &fresh.fixed)
    }

    fn refile(
        &mut self,
        (node, place): (NodeId, Place),
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
        put(&mut self.strangers, place, stranger);
        if stranger[0] && !stranger[1] {
            self.strangers_at.remove(source, place);
        } else if stranger[1] && !stranger[0] {
            self.strangers_at.insert(source, place);
        }
        let unmet = is(|it| it.confirmed && !it.met);
        if unmet[0] != unmet[1] {
            self.unmet_at.change(source, unmet[1]);
        }
        let connected = is(|it| matches!(it.stage, Stage::Connected { .. }));
        put(&mut self.connected, node, connected);
        let dialing = is(|it| matches!(it.stage, Stage::Dialing { .. }));
        put(&mut self.dialing, node, dialing);
        put(&mut self.untold, node, is(|it| it.untold));
        let at = |when: fn(&Filed) -> Option<Now>| both.map(|filed| filed.as_ref().and_then(when));
        let due = at(|it| it.retry.filter(|_| it.late.is_none()));
        order(&mut self.due, place, due);
        order(&mut self.waiting, place, at(|it| it.late.and(it.retry)));
        if let Some(late) = after.and_then(|it| it.late) {
            self.late_at = self.late_at.min(late);
        }
        order(&mut self.quiet, place, at(|it| it.ends_so(Ends::Quiet)));
        order(&mut self.fading, place, at(|it| it.ends_so(Ends::Fading)));
        order(&mut self.fixed, place, at(|it| it.ends_so(Ends::Fixed)));
    }
}

fn after(order: &Order, now: Now) -> Option<Now> {
    let mut later = order.range((Excluded((now.into(), Place::MAX)), Unbounded));
    later.next().map(|(at, _)| (*at).into())
}

fn count(count: &mut usize, [was, is]: [bool; 2]) {
    *count = *count + usize::from(is) - usize::from(was);
}

fn put<T: Ord>(set: &mut BTreeSet<T>, one: T, [was, is]: [bool; 2]) {
    if was && !is {
        set.remove(&one);
    } else if is && !was {
        set.insert(one);
    }
}

fn order(order: &mut Order, place: Place, [was, is]: [Option<Now>; 2]) {
    if was != is {
        was.map(|at| order.remove(&(at.into(), place)));
        is.map(|at| order.insert((at.into(), place)));
    }
}
