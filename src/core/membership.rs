//! Who is here: from beacons, connections and silence to the list of peers.
//!
//! Owns the table of known nodes, when to announce ourselves, whom to answer and whom to dial.
//! Never opens a socket, checks a signature or reads a clock: beacons arrive verified, addresses
//! are data, time is an argument.
//!
//! Invariants: a *peer* is a node that was connected, or vouched for, and is still heard of; `Joined`
//! and `Left` alternate for each node. Among many nodes some *rest*: they are peers by their
//! beacons, and connected only while something is asked (see [`neighbours`](super::neighbours)). A
//! hidden node announces nothing, answers nothing, and dials only nodes that were connected before.
//! A beacon counts only when its number is greater than all seen of that node. Whatever strangers
//! send, the table stays within [`MAX_KNOWN`], nodes that are no peers never push out one that is,
//! and of peers those of crowded addresses make room first, the youngest before the others.

mod admission;
mod announcing;
mod answers;
mod dials;
mod event;
mod held;
mod peer;
mod replays;
mod resting;
mod silence;
mod suspicion;
mod table;
#[cfg(test)]
mod tests;

use super::{
    Now,
    chance::Chance,
    id::NodeId,
    neighbours::Neighbours,
    rate::{Bucket, Buckets, Rate},
};
use ::core::net::{IpAddr, SocketAddr};
use announcing::Announcing;
pub use event::{Beacon, BeaconNumber, Kind, MembershipAction, MembershipEvent, Suspect};
pub use held::Here;
use peer::{CatalogVersion, Peer};
use replays::Replays;
use std::time::Duration;
pub use suspicion::MAX_SUSPECTS;
use suspicion::Suspicions;
use table::Table;

/// Peers at a time, connected or not: a quarter of a KiB each, with its places in what is kept in
/// order, and the name that it gave itself.
pub const MAX_PEERS: usize = 12 << 10;
/// Nodes that are no peers.
pub const MAX_UNCONFIRMED: usize = 4 << 10;
/// All of these.
pub const MAX_KNOWN: usize = MAX_PEERS + MAX_UNCONFIRMED;
/// Of these, nodes announced from one IP address.
pub const MAX_UNCONFIRMED_PER_SOURCE: usize = 32;
/// Dials under way at a time.
pub const MAX_DIALS: usize = 32;
/// Of these, dials of never connected nodes announced from one IP address, so that one liar leaves
/// room for others.
pub const MAX_DIALS_PER_SOURCE: usize = 8;
/// Nodes whose beacons are ignored for the rest of this life.
const MAX_BANNED: usize = 256;
/// Addresses whose questions are counted.
const MAX_SOURCES: usize = 512;
/// A node that is not connected and silent for this long is gone: 15 s is what is promised, less
/// what it takes to show.
pub const SILENCE: Duration = Duration::from_secs(14);
/// Of nodes that others told of, so many that are announced from one IP address are peers without
/// ever having been connected. (On one machine all are.)
pub const MAX_VOUCHED_PER_SOURCE: usize = 32;
/// In a crowd so many answer a `JOIN`: those that rank first for the newcomer.
pub const ANSWERERS: usize = 8;
/// A newcomer dials those that answer its `JOIN`; those that answered wait this long before they
/// dial it.
pub const NEWCOMER_DIALS: Duration = Duration::from_secs(1);

/// Nothing is due at a hidden node; it looks all the same.
const HIDDEN_TICK: Duration = Duration::from_secs(60);
/// Sixteen homes behind one address that start at once are answered; a flood is not.
const ANSWERS_PER_SOURCE: Rate = Rate {
    per_second: 20.0,
    burst: 40.0,
};
const ANSWERS: Rate = Rate {
    per_second: 50.0,
    burst: 100.0,
};

/// The machine.
#[derive(Debug)]
pub struct Membership {
    me: NodeId,
    chance: Chance,
    now: Now,
    hidden: bool,
    announcing: Announcing,
    neighbours: Neighbours,
    /// Who is here changed since the neighbours were chosen.
    unchosen: bool,
    /// They are chosen anew then, for those who had no room may have some.
    choose_at: Option<Now>,
    /// When they were chosen.
    chosen: Now,
    peers: Table,
    replays: Replays,
    suspicions: Suspicions,
    banned: Vec<NodeId>,
    answers: Bucket,
    answers_per_source: Buckets<IpAddr>,
    late_dials: Bucket,
    /// When somebody was vouched for last.
    vouched: Now,
    /// This node was busy: nobody counts as silent before.
    excused: Now,
}

impl Membership {
    /// No peer is known yet; the first [`MembershipEvent::Tick`] announces us.
    #[must_use]
    pub fn new(me: NodeId, seed: u64, now: Now) -> Self {
        Self {
            me,
            chance: Chance::new(seed),
            now,
            hidden: false,
            announcing: Announcing::new(now),
            neighbours: Neighbours::new(&me, seed.rotate_left(17)),
            unchosen: false,
            choose_at: None,
            chosen: Now::ZERO,
            peers: Table::default(),
            replays: Replays::default(),
            suspicions: Suspicions::new(now),
            banned: Vec::new(),
            answers: Bucket::new(ANSWERS, now),
            answers_per_source: Buckets::new(ANSWERS_PER_SOURCE, MAX_SOURCES),
            late_dials: Bucket::new(dials::LATE, now),
            vouched: Now::ZERO,
            excused: Now::ZERO,
        }
    }

    /// The same, but no node hears of us, and no new one is heard, until
    /// [`MembershipEvent::Appear`].
    #[must_use]
    pub fn hidden(me: NodeId, seed: u64, now: Now) -> Self {
        Self {
            hidden: true,
            ..Self::new(me, seed, now)
        }
    }

    /// Whether [`MembershipEvent::Appear`] has yet to come.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Takes in one event.
    pub fn handle(&mut self, event: MembershipEvent, now: Now) -> Vec<MembershipAction> {
        self.now = self.now.max(now);
        let mut out = Vec::new();
        let about = match &event {
            MembershipEvent::Heard { beacon, .. } => Some(beacon.node),
            MembershipEvent::Found { node, .. } | MembershipEvent::Connected { node, .. } => {
                Some(*node)
            }
            _ => None,
        };
        match event {
            MembershipEvent::Heard { beacon, from, room } => {
                self.heard(beacon, from, room, &mut out);
            }
            MembershipEvent::Found { .. } if self.hidden => {}
            MembershipEvent::Found { node, addresses } => self.found(node, &addresses, &mut out),
            MembershipEvent::Told { node, address } => self.told(node, address, &mut out),
            MembershipEvent::Connected { node, address } => {
                self.connected_to(node, address, &mut out);
            }
            MembershipEvent::Disconnected { node } => {
                let (crowd, now) = (self.is_crowd(), self.now);
                self.peers
                    .change(&node, |peer| peer.disconnected(crowd, now));
                self.may_report(&node);
            }
            MembershipEvent::Vouched { node } => self.vouched(node, &mut out),
            MembershipEvent::Introduced {
                node,
                address,
                epoch,
                revision,
                age,
            } => {
                let version = CatalogVersion { epoch, revision };
                self.introduced(node, (address, age), version, &mut out);
            }
            MembershipEvent::Signed {
                node,
                epoch,
                revision,
            } => {
                let version = CatalogVersion { epoch, revision };
                self.peers.change(&node, |peer| peer.signed(version));
            }
            MembershipEvent::SaidGone { node, epoch } => self.said_gone(node, epoch, &mut out),
            MembershipEvent::Changed => self.announce_soon(),
            MembershipEvent::DialFailed { node } => {
                let now = self.now;
                self.peers.change(&node, |peer| peer.dial_failed(now));
                self.may_report(&node);
            }
            MembershipEvent::Full { node } => self.full(&node),
            MembershipEvent::Leaving { node } => {
                self.suspicions.left(&node);
                self.remove(&node, true, &mut out);
            }
            MembershipEvent::Banned { node } => self.ban(node, &mut out),
            MembershipEvent::Appear => self.appear(&mut out),
            MembershipEvent::Tick => self.announce_if_due(&mut out),
        }
        if let Some(node) = about {
            self.tell_elsewhere(node, &mut out);
        }
        self.count_the_crowd();
        self.report_the_lost(&mut out);
        self.forget_the_silent(&mut out);
        self.choose_neighbours(&mut out);
        self.dial_the_due(&mut out);
        out
    }

    /// When [`MembershipEvent::Tick`] should come at the latest.
    #[must_use]
    pub fn next_tick(&self) -> Now {
        let announce = if self.hidden {
            self.now + HIDDEN_TICK
        } else {
            self.announcing.next
        };
        let dialing = self.peers.those(self.peers.dialing());
        let dial_ends = dialing.filter_map(|(_, peer)| peer.dial_ends());
        // What is due already waits for a free dial, and that comes with another event.
        [
            self.peers.next_dial(self.now),
            self.next_late_dial(),
            self.next_silence(),
            self.next_choice(),
            self.suspicions.next(),
        ]
        .into_iter()
        .flatten()
        .chain(dial_ends)
        .filter(|at| *at > self.now)
        .fold(announce, Now::min)
    }

    /// The name that a node gave itself, at most 64 bytes: foreign text. `None` if it gave none.
    #[must_use]
    pub fn name_of(&self, node: &NodeId) -> Option<&str> {
        let name = self.peers.get(node)?.name();
        (!name.is_empty()).then_some(name)
    }

    /// The nodes that are connected now.
    pub fn connected(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.peers.connected().iter().copied()
    }

    /// Whether a node is connected now.
    #[must_use]
    pub fn is_connected(&self, node: &NodeId) -> bool {
        self.peers.connected().contains(node)
    }

    /// Whether a node is a peer with which no connection is kept.
    #[must_use]
    pub fn rests(&self, node: &NodeId) -> bool {
        self.peers.get(node).is_some_and(|peer| peer.resting)
    }

    /// The life and revision of a node's catalog, by its last beacon.
    #[must_use]
    pub fn catalog_of(&self, node: &NodeId) -> Option<(u64, u64)> {
        let catalog = self.peers.get(node)?.catalog()?;
        Some((catalog.epoch, catalog.revision))
    }

    /// Whether a node that was found without a beacon is being dialled for the first time: they may
    /// be here in a moment.
    #[must_use]
    pub fn expects_somebody(&self) -> bool {
        let mut dialing = self.peers.those(self.peers.dialing());
        dialing.any(|(_, peer)| peer.is_new())
    }

    /// Nodes that announced themselves and whose first connection is under way or due, with the
    /// names that they gave themselves: they may be here in a moment.
    pub fn expected(&self) -> impl Iterator<Item = (NodeId, &str)> {
        let (crowd, now) = (self.is_crowd(), self.now);
        let expected = self.peers.strangers();
        let expected = expected.filter(move |(_, peer)| peer.is_expected(crowd, now));
        expected.map(|(node, peer)| (*node, peer.name()))
    }

    /// Whether a node is known, connected or not.
    #[must_use]
    pub fn knows(&self, node: &NodeId) -> bool {
        self.peers.contains_key(node)
    }

    /// Whether a node that is not here said goodbye when it was heard last.
    #[must_use]
    pub fn has_left(&self, node: &NodeId) -> bool {
        !self.knows(node) && self.replays.has_left(node, self.now)
    }

    /// How many nodes are known, connected or not.
    #[must_use]
    pub fn known(&self) -> usize {
        self.peers.len()
    }

    fn heard(
        &mut self,
        beacon: Beacon,
        from: SocketAddr,
        room: usize,
        out: &mut Vec<MembershipAction>,
    ) {
        let node = beacon.node;
        if node == self.me || beacon.tcp == 0 || self.banned.contains(&node) {
            return;
        }
        let at = BeaconNumber::of(&beacon);
        let last = match self.peers.get(&node) {
            Some(peer) => peer.seen(),
            None => self.replays.last(&node, self.now),
        };
        if last.is_some_and(|last| at <= last) {
            return;
        }
        if self.hidden && !self.peers.get(&node).is_some_and(|peer| peer.confirmed) {
            return;
        }
        if beacon.kind == Kind::Leave {
            self.suspicions.left(&node);
            if self.peers.change(&node, |peer| peer.see(at)).is_none() {
                // Others may still tell of it.
                let here = self.replays.last_here(&node, self.now).is_some();
                let kept = (node, at, here, true);
                self.replays.remember(kept, self.now, &mut self.chance);
            }
            self.remove(&node, true, out);
            return;
        }
        let asks = beacon.kind == Kind::Join && !self.hidden;
        if asks && self.is_to_answer(&node) && self.may_answer(from.ip()) {
            // Its own `JOIN` first: an answer with a smaller number would be taken for an old one
            // where that came before it, and of the two none would dial.
            self.announce_if_due(out);
            out.push(MembershipAction::Answer { to: from, room });
        }
        // The port is replaced, not the address built anew: a link-local one keeps its scope.
        let mut address = from;
        address.set_port(beacon.tcp);
        if !self.admit(node, from.ip(), out) {
            return;
        }
        if beacon.kind == Kind::Suspect {
            self.suspected(&beacon, from.ip());
        }
        let (me, now) = (self.me, self.now);
        let wait = self.vouching();
        if last.is_none() && beacon.kind == Kind::Ping {
            self.announcing.answers.heard(self.now);
        }
        let unchosen = &mut self.unchosen;
        let hint = self.peers.change(&node, |peer| {
            // Both of us are newcomers and both heard the other's JOIN: the smaller id dials.
            let it_dials = beacon.kind == Kind::Join || peer.joins_now(now) && node < me;
            *unchosen |= peer.confirmed && (!peer.announces() || peer.hearsay);
            if !peer.confirmed && !peer.announces() {
                peer.wait_until(now + wait);
            }
            peer.heard(beacon, address, it_dials, now);
            peer.take_hint()
        });
        if let Some(CatalogVersion { epoch, revision }) = hint.flatten() {
            out.push(MembershipAction::CatalogHint {
                node,
                epoch,
                revision,
            });
        }
    }

    fn may_answer(&mut self, source: IpAddr) -> bool {
        self.answers_per_source
            .of(source, self.now, &mut self.chance)
            .take(self.now)
            && self.answers.take_by_chance(self.now, &mut self.chance)
    }

    fn found(&mut self, node: NodeId, addresses: &[SocketAddr], out: &mut Vec<MembershipAction>) {
        let Some(first) = addresses.first() else {
            return;
        };
        if node == self.me || self.banned.contains(&node) || !self.admit(node, first.ip(), out) {
            return;
        }
        let now = self.now;
        self.peers.change(&node, |peer| peer.found(addresses, now));
    }

    /// Only of a node that is not known yet: no other node's word puts its own address in place of
    /// a known one.
    fn told(&mut self, node: NodeId, address: SocketAddr, out: &mut Vec<MembershipAction>) {
        if node == self.me || self.banned.contains(&node) || self.knows(&node) {
            return;
        }
        let now = self.now;
        if self.admit(node, address.ip(), out) {
            self.peers.change(&node, |peer| peer.told(address, now));
        }
    }

    fn connected_to(&mut self, node: NodeId, address: SocketAddr, out: &mut Vec<MembershipAction>) {
        if node == self.me || self.banned.contains(&node) {
            return;
        }
        let source = self.peers.get(&node).map_or(address.ip(), |it| it.source);
        let peer = self.peers.get(&node).is_some_and(|it| it.confirmed);
        if !peer && !self.find_place(source, out) {
            return;
        }
        let now = self.now;
        if !self.peers.contains_key(&node) {
            let peer = Peer::new(source, self.replays.take(&node, now), now);
            self.peers.insert(node, peer);
        }
        let far = self.is_far();
        let joined = self
            .peers
            .change(&node, |peer| peer.connected(address, far, now));
        if joined == Some(true) {
            self.unchosen = true;
            out.push(MembershipAction::Joined { node });
        }
    }

    fn tell_elsewhere(&mut self, node: NodeId, out: &mut Vec<MembershipAction>) {
        let addresses = self.peers.change(&node, Peer::take_elsewhere);
        let addresses = addresses.unwrap_or_default();
        if !addresses.is_empty() {
            out.push(MembershipAction::Elsewhere { node, addresses });
        }
    }

    fn ban(&mut self, node: NodeId, out: &mut Vec<MembershipAction>) {
        if self.banned.contains(&node) {
            return;
        }
        if self.banned.len() >= MAX_BANNED {
            self.banned.remove(0);
        }
        self.banned.push(node);
        self.remove(&node, false, out);
    }
}
