//! Peers tell one another of further peers, for networks where no beacon gets through.
//!
//! Owns what each peer said of its port, who is asked when, what is told to whom, and which of what
//! a peer tells is tried. Never dials. Invariants: told of are only peers that asked themselves
//! (and so agreed), at the IP address that their own connection comes from; what one peer tells
//! costs at most [`TRIED`] dials of one try each at once and then a few a minute, all peers
//! together at most [`TRIED_IN_ALL`]; and no peer can name a nearer kind of network than the one
//! that its own connection comes from, so that no outsider has this machine, or its network,
//! knocked at.

#[cfg(test)]
mod tests;

use super::{
    Now,
    chance::Chance,
    id::NodeId,
    origin::is_local,
    rate::{Bucket, Buckets, Rate},
};
use ::core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{collections::BTreeMap, time::Duration};

/// Peers that one answer tells of.
pub const MAX_TOLD: usize = 64;
/// What one peer tells of is tried so often.
pub const TRIED: Rate = Rate {
    per_second: 0.25,
    burst: 16.0,
};
/// What all tell of together.
pub const TRIED_IN_ALL: Rate = Rate {
    per_second: 1.0,
    burst: 64.0,
};
/// How often a peer is answered.
const ANSWERS: Rate = Rate {
    per_second: 0.1,
    burst: 3.0,
};
/// Peers that are asked as soon as they are connected: in a large swarm, where beacons get through,
/// not all of them.
const AT_ONCE: Rate = Rate {
    per_second: 0.5,
    burst: 16.0,
};
/// Peers that are remembered by what they asked or told, though they may have left meanwhile.
const REMEMBERED: usize = 1024;
/// Between two questions to peers that are here.
const PAUSE: Duration = Duration::from_secs(15);
/// Between two questions to the same one.
const AGAIN: Duration = Duration::from_secs(60);
/// How long an answer is waited for before no peer is expected by it.
const ANSWER: Duration = Duration::from_secs(1);
/// "At my own address": what is told of a peer on the teller's own machine to one that is not on
/// it.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// One peer that is here and not reached by relay.
#[derive(Debug, Default)]
struct Peer {
    /// Where it listens, if it asked.
    port: Option<u16>,
    asked: Option<Now>,
    waiting: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Exchange {
    me: NodeId,
    chance: Chance,
    peers: BTreeMap<NodeId, Peer>,
    answers: Buckets<NodeId>,
    at_once: Bucket,
    tried: Buckets<NodeId>,
    tried_in_all: Bucket,
    next: Now,
}

impl Exchange {
    /// No peer is here yet.
    #[must_use]
    pub fn new(me: NodeId, seed: u64, now: Now) -> Self {
        Self {
            me,
            chance: Chance::new(seed),
            peers: BTreeMap::new(),
            answers: Buckets::new(ANSWERS, REMEMBERED),
            at_once: Bucket::new(AT_ONCE, now),
            tried: Buckets::new(TRIED, REMEMBERED),
            tried_in_all: Bucket::new(TRIED_IN_ALL, now),
            next: now + PAUSE,
        }
    }

    /// A peer is here; true if it is to be asked now.
    pub fn connected(&mut self, node: NodeId, now: Now) -> bool {
        let peer = self.peers.entry(node).or_default();
        let ask = peer.asked.is_none() && self.at_once.take(now);
        if ask {
            (peer.asked, peer.waiting) = (Some(now), true);
        }
        ask
    }

    /// A peer has left.
    pub fn gone(&mut self, node: &NodeId) {
        self.peers.remove(node);
    }

    /// When [`Exchange::due`] has something to say.
    #[must_use]
    pub fn next_tick(&self) -> Now {
        self.next
    }

    /// Whom to ask now, if it is time: of those that are connected, the peer that was asked longest
    /// ago.
    pub fn due(&mut self, is_connected: impl Fn(&NodeId) -> bool, now: Now) -> Option<NodeId> {
        if now < self.next {
            return None;
        }
        self.next = now + PAUSE;
        let connected = self.peers.iter_mut().filter(|(node, _)| is_connected(node));
        let (node, peer) = connected.min_by_key(|(_, peer)| peer.asked)?;
        if peer.asked.is_some_and(|at| now < at + AGAIN) {
            return None;
        }
        (peer.asked, peer.waiting) = (Some(now), true);
        Some(*node)
    }

    /// Whether a peer that was asked a moment ago may tell of another one.
    #[must_use]
    pub fn expects_answers(&self, now: Now) -> bool {
        let soon = |peer: &Peer| peer.waiting && peer.asked.is_some_and(|at| now < at + ANSWER);
        self.peers.values().any(soon)
    }

    /// A peer asks, and may be told of from now on if it named a port: what it is answered, or
    /// `None` if it asks too often. `at` is where its connection comes from, `here` where those of
    /// all peers do.
    pub fn asked(
        &mut self,
        (asker, at): (NodeId, IpAddr),
        port: u16,
        here: impl Iterator<Item = (NodeId, IpAddr)>,
        now: Now,
    ) -> Option<Vec<(NodeId, SocketAddr)>> {
        // One that is reached by relay alone comes from nowhere.
        let peer = self.peers.get_mut(&asker)?;
        peer.port = Some(port).filter(|port| *port != 0);
        if !self.answers.of(asker, now, &mut self.chance).take(now) {
            return None;
        }
        let mut told: Vec<(NodeId, SocketAddr)> = here
            .filter(|(node, _)| *node != asker)
            .filter_map(|(node, ip)| {
                let port = self.peers.get(&node)?.port?;
                Some((node, SocketAddr::new(as_seen_by(at, ip)?, port)))
            })
            .collect();
        while told.len() > MAX_TOLD {
            let victim = self.chance.below(told.len());
            told.swap_remove(victim);
        }
        Some(told)
    }

    /// Who else announces itself here, for an asker that is seen at `at` and does not know them:
    /// what they say to everyone near is told to those who are near.
    pub fn others(
        at: IpAddr,
        announced: impl Iterator<Item = (NodeId, SocketAddr)>,
    ) -> impl Iterator<Item = (NodeId, SocketAddr)> {
        announced.filter_map(move |(node, address)| {
            let ip = as_seen_by(at, address.ip())?;
            let near = is_local(at.to_canonical()) == is_local(address.ip().to_canonical());
            near.then(|| (node, SocketAddr::new(ip, address.port())))
        })
    }

    /// What a peer that is seen at `at` means by an address, if it may name that.
    #[must_use]
    pub fn named(at: IpAddr, address: SocketAddr) -> Option<SocketAddr> {
        let ip = if address.ip() == HERE {
            at
        } else {
            address.ip()
        };
        let address = SocketAddr::new(ip, address.port());
        may_name(at, address).then_some(address)
    }

    /// The answer of a peer, whose connection comes from `at`: whom of those in it to try. (With
    /// none it did not answer.)
    pub fn told(
        &mut self,
        (teller, at): (NodeId, IpAddr),
        named: &[(NodeId, SocketAddr)],
        known: impl Fn(&NodeId) -> bool,
        now: Now,
    ) -> Vec<(NodeId, SocketAddr)> {
        if let Some(peer) = self.peers.get_mut(&teller) {
            peer.waiting = false;
        }
        let mut wanted = Vec::new();
        for &(node, address) in named.iter().take(MAX_TOLD) {
            let Some(address) = Self::named(at, address) else {
                continue;
            };
            if node == self.me || known(&node) {
                continue;
            }
            let budget = self.tried.of(teller, now, &mut self.chance);
            if budget.take(now) && self.tried_in_all.take(now) {
                wanted.push((node, address));
            }
        }
        wanted
    }
}

/// What the address of a peer, as it is seen here, is for an asker who is seen at `asker`.
fn as_seen_by(asker: IpAddr, ip: IpAddr) -> Option<IpAddr> {
    let (asker, ip) = (asker.to_canonical(), ip.to_canonical());
    if is_of_the_link(ip) || ip.is_unspecified() {
        return None; // It means something else on another link.
    }
    if ip.is_loopback() && !asker.is_loopback() {
        return Some(HERE);
    }
    Some(ip)
}

fn is_of_the_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether a peer that is seen at `teller` may name that address.
fn may_name(teller: IpAddr, address: SocketAddr) -> bool {
    let near = |ip: IpAddr| match ip {
        ip if ip.is_loopback() => 0,
        ip if is_local(ip) => 1,
        _ => 2,
    };
    let (teller, ip) = (teller.to_canonical(), address.ip().to_canonical());
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let host = !ip.is_unspecified() && !ip.is_multicast() && !broadcast && !is_of_the_link(ip);
    host && address.port() != 0 && near(ip) >= near(teller)
}
