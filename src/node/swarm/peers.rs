//! The peers that are here, their catalogs, and what follows from both: rows of `list` and `peers`,
//! and what a name means.
//!
//! Pure bookkeeping. Invariant: there is an entry for each peer of the membership, connected or at
//! rest, and for no other.

mod owned;
mod resolve;
mod room;
mod sight;
#[cfg(test)]
mod tests;
mod versions;

pub use owned::Owned;
pub use resolve::{Meant, Question, Resolution};
pub use versions::Versions;

use super::{
    catalog::{Offering, OwnCatalog, Pattern, PeerCatalog, Told, is_id, listings},
    survey::{FileView, HolderView, PeerView},
};
use crate::{
    core::{
        Now,
        id::{FileId, NodeId},
        path::RelPath,
        patience,
        people::PresentPerson,
    },
    node::{
        api::{Listing, PeerInfo, Via},
        knowledge::Replica,
    },
    wire::control::{Card, Held, Offer},
};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    ops::Range,
    time::Duration,
};

/// A quiet time after which no further newcomer is expected.
pub const QUIET: Duration = Duration::from_millis(300);

/// Where a request to a peer stands of which there is at most one at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asking {
    /// There is none.
    No,
    /// It is under way, or waits for its turn.
    UnderWay,
    /// The same, and there was a reason for another one meanwhile.
    Again,
}

/// A peer.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the peer"
)]
pub struct Peer {
    pub name: String,
    pub address: SocketAddr,
    pub via: Via,
    pub rtt: Option<Duration>,
    pub catalog: PeerCatalog,
    /// What it signed of that, for others: set by [`Peers::keep_card`] alone.
    pub card: Option<Card>,
    /// Its name is known, and it was told that it is here.
    pub introduced: bool,
    /// It was told as somebody who only looks or fetches.
    pub visiting: bool,
    /// What it says of itself was heard, or waited for long enough.
    pub acquainted: bool,
    /// When it was told that it goes by another name now.
    pub renamed: Option<Now>,
    /// The request for its catalog.
    pub asking: Asking,
    /// For how many of the contents that are looked for it was asked with that.
    pub asked_for: usize,
    /// The notice that the own catalog changed.
    pub hinting: Asking,
    /// News for followers that it has not answered yet.
    pub telling: usize,
    /// It did not give its catalog so many times in a row.
    pub failures: u32,
    /// It did not give its catalog when it was asked: do not wait for it.
    pub failed: bool,
}

impl Peer {
    /// Whether nobody chose the name that it goes by.
    fn unchosen(&self) -> bool {
        self.catalog.is_unchosen(&self.name)
    }
}

/// All of them.
#[derive(Default)]
pub struct Peers {
    table: HashMap<NodeId, Peer>,
    /// What their catalogs weigh…
    weight: usize,
    /// …and their cards.
    cards_weight: usize,
    /// When the last one came, or its catalog.
    last_news: Now,
    /// Names that they told so far, and [`patience::STEP`] for each that came.
    told: u64,
}

/// A node that has (some of) a file.
#[derive(Clone, Debug)]
pub struct Source {
    pub node: NodeId,
    pub name: String,
    pub rtt: Duration,
    pub held: Held,
}

impl Peers {
    /// Adds a peer; a second connection to the same one changes its address only.
    pub fn connected(
        &mut self,
        node: NodeId,
        name: String,
        address: SocketAddr,
        via: Via,
        now: Now,
    ) {
        if !self.table.contains_key(&node) {
            self.last_news = now;
            self.told += patience::STEP;
        }
        let fresh = || Peer {
            name,
            address,
            via,
            rtt: None,
            catalog: PeerCatalog::default(),
            card: None,
            introduced: false,
            visiting: false,
            acquainted: false,
            renamed: None,
            asking: Asking::No,
            asked_for: 0,
            hinting: Asking::No,
            telling: 0,
            failures: 0,
            failed: false,
        };
        let peer = self.table.entry(node).or_insert_with(fresh);
        (peer.address, peer.via) = (address, via);
    }

    /// Takes a peer out.
    pub fn remove(&mut self, node: &NodeId) -> Option<Peer> {
        let peer = self.table.remove(node)?;
        self.weight -= peer.catalog.weight();
        self.cards_weight -= peer.card.as_ref().map_or(0, Card::weight);
        Some(peer)
    }

    /// Whether a node is here.
    #[must_use]
    pub fn is_here(&self, node: &NodeId) -> bool {
        self.table.contains_key(node)
    }

    /// A peer.
    #[must_use]
    pub fn get(&self, node: &NodeId) -> Option<&Peer> {
        self.table.get(node)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, node: &NodeId) -> Option<&mut Peer> {
        self.table.get_mut(node)
    }

    /// What a peer is called; its short id when it is not here.
    #[must_use]
    pub fn name(&self, node: &NodeId) -> String {
        self.table
            .get(node)
            .map_or_else(|| node.short(), |peer| peer.name.clone())
    }

    /// A peer told so many names.
    pub fn told(&mut self, names: usize) {
        self.told += names as u64;
    }

    /// Something new was learned.
    pub fn news(&mut self, now: Now) {
        self.last_news = now;
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Who, and by which path.
    #[must_use]
    pub fn paths(&self) -> Vec<(NodeId, String, Via)> {
        let row = |(node, peer): (&NodeId, &Peer)| (*node, peer.name.clone(), peer.via);
        self.table.iter().map(row).collect()
    }

    /// From where a peer's connection comes; `None` when it is not here, or comes by relay.
    #[must_use]
    pub fn at(&self, node: &NodeId) -> Option<IpAddr> {
        let peer = self.table.get(node)?;
        (peer.via != Via::Relay).then(|| peer.address.ip())
    }

    /// The same of all who are here.
    pub fn addresses(&self) -> impl Iterator<Item = (NodeId, IpAddr)> + '_ {
        let straight = self.table.iter().filter(|(_, peer)| peer.via != Via::Relay);
        straight.map(|(node, peer)| (*node, peer.address.ip()))
    }

    fn offerings(&self) -> Vec<Offering<'_>> {
        let offering = |(node, peer)| {
            let (&node, peer): (&NodeId, &Peer) = (node, peer);
            Offering {
                node,
                name: &peer.name,
                catalog: &peer.catalog,
            }
        };
        self.table.iter().map(offering).collect()
    }

    /// All of them.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        self.table.keys().copied().collect()
    }

    /// Goes through some rows of the names that `list` shows: a peer's, or this node's own. False
    /// when there are no more of them.
    pub fn names(
        &self,
        own: &OwnCatalog,
        whose: Option<&NodeId>,
        rows: Range<usize>,
        mut each: impl FnMut(&str),
    ) -> bool {
        let mut show = |(name, _, offer): (&str, FileId, Told<'_>)| {
            if offer.held != Held::Partial {
                each(name);
            }
        };
        let (until, len) = (
            rows.end,
            match whose {
                None => {
                    own.part(rows).for_each(&mut show);
                    own.len()
                }
                Some(node) => self.table.get(node).map_or(0, |peer| {
                    peer.catalog.part(rows).for_each(&mut show);
                    peer.catalog.len()
                }),
            },
        );
        until < len
    }

    /// The rows of `list`: what goes by that very name, what matches the glob, or what has it as a
    /// part.
    #[must_use]
    pub fn list(&self, own: &OwnCatalog, pattern: Option<&str>) -> Vec<Listing> {
        let peers = self.offerings();
        let id = pattern.filter(|text| is_id(text));
        let rows = |matcher: &Pattern| {
            listings(own, &peers, |name, file| {
                matcher.matches(name) || id.is_some_and(|id| file.starts_with(id))
            })
        };
        let matcher = Pattern::for_list(pattern);
        let text = pattern.unwrap_or_default();
        let literal = matcher.literal(text).map(|literal| rows(&literal));
        match literal.filter(|rows| !rows.is_empty()) {
            Some(found) => found,
            None => match rows(&matcher) {
                none if none.is_empty() => rows(&Pattern::Part(text.to_lowercase())),
                found => found,
            },
        }
    }

    /// The rows of `peers`, sorted by name.
    #[must_use]
    pub fn info(&self) -> Vec<PeerInfo> {
        let row = |(node, peer): (&NodeId, &Peer)| PeerInfo {
            node: *node,
            name: peer.name.clone(),
            key_changed: false,
            visiting: peer.catalog.is_visiting(),
            unproven: false,
            via: peer.via,
            address: peer.address.to_string(),
            rtt: peer.rtt,
            offers: peer.catalog.own_names(),
        };
        let mut rows: Vec<PeerInfo> = self.table.iter().map(row).collect();
        rows.sort_by(|a, b| (&a.name, a.node).cmp(&(&b.name, b.node)));
        rows
    }

    /// Who is here, and what they call themselves.
    #[must_use]
    pub fn named(&self) -> Vec<PresentPerson> {
        let named = |(node, peer): (&NodeId, &Peer)| PresentPerson {
            node: *node,
            name: peer.name.clone(),
            unchosen: peer.unchosen(),
        };
        self.table.iter().map(named).collect()
    }

    /// Whether nobody chose the name that a peer goes by.
    #[must_use]
    pub fn unchosen(&self, node: &NodeId) -> bool {
        self.table.get(node).is_some_and(Peer::unchosen)
    }

    /// Who has (some of) `file`.
    #[must_use]
    pub fn sources(&self, file: FileId) -> Vec<Source> {
        let mut sources = Vec::new();
        for (node, peer) in &self.table {
            let held = peer.catalog.held(file);
            if let Some(held) = held {
                let rtt = peer.rtt.unwrap_or(Duration::from_millis(5));
                sources.push(Source {
                    node: *node,
                    name: peer.name.clone(),
                    rtt,
                    held,
                });
            }
        }
        sources
    }

    /// Those of `nodes` that are here, as if they held something.
    #[must_use]
    pub fn present(&self, nodes: &[NodeId]) -> Vec<Source> {
        let here = nodes.iter().filter_map(|node| {
            let peer = self.table.get(node)?;
            Some(Source {
                node: *node,
                name: peer.name.clone(),
                rtt: peer.rtt.unwrap_or(Duration::from_millis(5)),
                held: Held::Partial,
            })
        });
        here.collect()
    }

    /// Who is here, for those who spread copies.
    #[must_use]
    pub fn views(&self) -> Vec<PeerView> {
        let view = |(node, peer): (&NodeId, &Peer)| PeerView {
            node: *node,
            keeps: peer.catalog.keeps() && peer.via != Via::Relay,
            complete: peer.catalog.is_told(),
        };
        self.table.iter().map(view).collect()
    }

    /// Who has `file`, for those who spread copies.
    #[must_use]
    pub fn survey(&self, own: &OwnCatalog, file: FileId) -> FileView {
        let holder = |(node, peer): (&NodeId, &Peer)| {
            let held = peer.catalog.held(file)?;
            Some(HolderView {
                node: *node,
                held,
                parts: peer.catalog.parts(file),
                lasting: peer.catalog.lasts(file),
            })
        };
        FileView {
            file,
            shared: own.is_shared(file),
            holders: self.table.iter().filter_map(holder).collect(),
        }
    }

    /// What a peer offers `file` as. Its own file comes before what it keeps for others.
    #[must_use]
    pub fn offer_of(&self, node: &NodeId, file: FileId) -> Option<(RelPath, Offer)> {
        let names = self.table.get(node)?.catalog.names_of(file);
        let (name, offer) = names.min_by_key(|(name, offer)| (offer.held as u8, *name))?;
        Some((RelPath::parse(name).ok()?, offer.offer()))
    }

    /// Who keeps a part of `file`.
    #[must_use]
    pub fn keepers(&self, file: FileId) -> Vec<Replica> {
        let keeper = |(&node, peer): (&NodeId, &Peer)| {
            let held = peer.catalog.held(file);
            let parts = held.filter(|held| *held == Held::Replica);
            let parts = parts.and_then(|_| peer.catalog.parts(file))?;
            Some(Replica { node, file, parts })
        };
        self.table.iter().filter_map(keeper).collect()
    }

    /// How its owner, some other peer, or this node, describes `file` under `name`.
    pub fn describe<'a>(
        &'a self,
        own: &'a OwnCatalog,
        name: &str,
        file: FileId,
    ) -> Option<Told<'a>> {
        let told = self.table.values();
        let told = told.filter_map(|peer| peer.catalog.get(name, file));
        // An older node does not say all of the permissions.
        told.min_by_key(|offer| (offer.held as u8, offer.mode.is_none(), offer.mode))
            .or_else(|| own.get(name, file))
    }
}
