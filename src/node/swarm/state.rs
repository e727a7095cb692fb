//! The state of the room, and what follows from its parts together.
//!
//! Pure but for the clock. Invariant: a node is a peer to `membership` exactly while it has an entry
//! in `peers`.

mod neighbours;

pub use neighbours::Arrival;

use super::{Looking, OwnCatalog, Peers, Question, Resolution};
use crate::{
    core::{
        Now,
        exchange::Exchange,
        id::{FileId, NodeId},
        membership::{MAX_KNOWN, Membership},
        path::RelPath,
        patience::Sight,
        people::{People, PresentPerson},
    },
    node::{
        api::{Gap, Gaps, LooksFor, Missing, Owner, PeerInfo, Person, WhoError},
        meeting::View,
        reach::Named,
    },
    store::clock::unix_now,
    wire::control::{Held, Offer, Scan},
};
use neighbours::Neighbours;
use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Of whom others told is missing for so long.
const MISSING: Duration = Duration::from_secs(15);

/// Whom a word means, as one look shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Among those who are here.
    pub who: Result<Person, WhoError>,
    /// It means somebody who announced themselves and is not connected yet.
    pub coming: bool,
}

#[cfg(test)]
impl Found {
    /// Nobody, and nobody is expected.
    pub const NOBODY: Self = Self {
        who: Err(WhoError::Nobody),
        coming: false,
    };
}

/// What the room begins with.
pub struct Seed {
    pub me: NodeId,
    pub name: String,
    /// Nobody is to hear of this node yet.
    pub hidden: bool,
    pub own: OwnCatalog,
    /// What is remembered of people.
    pub people: People,
    /// How far the shared folder is read, if this node has one.
    pub scanning: Option<Scan>,
    /// Of the others' names only these are asked for.
    pub looks_for: Option<LooksFor>,
    /// What is known of the rendezvous servers.
    pub servers: watch::Receiver<View>,
    /// Who was named by hand.
    pub named: Named,
    pub random: u64,
}

/// Who is here, what is offered, and who is who.
pub struct State {
    me: NodeId,
    name: String,
    started: Instant,
    /// Who is heard of.
    pub membership: Membership,
    /// What the others tell of further nodes.
    pub exchange: Exchange,
    /// Who is here, and what they offer.
    pub peers: Peers,
    /// What this node offers.
    pub own: OwnCatalog,
    /// How far the shared folder is read, while it is.
    pub scanning: Option<Scan>,
    /// Of the others' names only these are asked for.
    pub looking: Option<Looking>,
    /// Who goes by which name.
    pub people: People,
    /// People of LocalSend.
    neighbours: Neighbours,
    /// What is kept for the swarm, by name and contents: shown unless something better is offered
    /// by the same.
    kept: HashMap<(String, FileId), Offer>,
    servers: watch::Receiver<View>,
    named: Named,
    /// Who was asked for everybody, and has not answered.
    pub asked_for_everybody: Option<NodeId>,
    /// Of whom others told, and since when: they are missing until more is known of them.
    told_of: HashMap<NodeId, Now>,
}

impl State {
    /// Nobody is here.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        let begin = if seed.hidden {
            Membership::hidden
        } else {
            Membership::new
        };
        let mut own = seed.own;
        own.set_scan(seed.scanning, false);
        Self {
            started: Instant::now(),
            membership: begin(seed.me, seed.random, Now::ZERO),
            exchange: Exchange::new(seed.me, seed.random ^ 1, Now::ZERO),
            me: seed.me,
            name: seed.name,
            peers: Peers::default(),
            own,
            scanning: seed.scanning,
            looking: seed.looks_for.and_then(Looking::new),
            people: seed.people,
            neighbours: Neighbours::default(),
            kept: HashMap::new(),
            servers: seed.servers,
            named: seed.named,
            asked_for_everybody: None,
            told_of: HashMap::new(),
        }
    }

    /// Others told that these are here, too.
    pub fn told_of(&mut self, nodes: impl Iterator<Item = NodeId>) {
        let now = self.now();
        let (me, membership) = (self.me, &self.membership);
        let known = |node: &NodeId| membership.accounts_for(node) || membership.has_left(node);
        self.told_of
            .retain(|node, since| now < *since + MISSING && !known(node));
        for node in nodes {
            let room = self.told_of.len() < MAX_KNOWN;
            if room && node != me && !known(&node) {
                self.told_of.insert(node, now);
            }
        }
    }

    /// Those of whom nothing more is known.
    fn missing(&self) -> impl Iterator<Item = NodeId> + '_ {
        let now = self.now();
        let recent = self.told_of.iter();
        let recent = recent.filter(move |(_, since)| now < **since + MISSING);
        let nodes = recent.map(|(node, _)| *node);
        let membership = &self.membership;
        nodes.filter(|node| !membership.accounts_for(node) && !membership.has_left(node))
    }

    /// Where one of them was said to be nobody listens.
    pub fn is_not_there(&mut self, node: &NodeId) {
        self.told_of.remove(node);
    }

    /// This node is called so from now on.
    pub fn rename(&mut self, name: String) {
        self.own.rename(name.clone());
        self.name = name;
    }

    /// Since the start.
    #[must_use]
    pub fn now(&self) -> Now {
        self.started.elapsed()
    }

    /// The moment of such a time.
    #[must_use]
    pub fn at(&self, time: Now) -> Instant {
        self.started + time
    }

    /// Offers, changes or (with `None`) withdraws a name. True when that changed anything.
    pub fn offer(&mut self, name: &RelPath, file: FileId, offer: Option<Offer>) -> bool {
        let kept = || self.kept.get(&(name.as_str().to_owned(), file)).cloned();
        let offer = offer.or_else(kept);
        self.own.set(name, file, offer)
    }

    /// The same for what is kept for the swarm: it shows where nothing better goes by that name.
    pub fn offer_replica(&mut self, name: &RelPath, file: FileId, offer: Option<Offer>) -> bool {
        let key = (name.as_str().to_owned(), file);
        match offer.clone() {
            Some(offer) => self.kept.insert(key, offer),
            None => self.kept.remove(&key),
        };
        let shown = self.own.get(name.as_str(), file);
        shown.is_none_or(|shown| shown.held == Held::Replica) && self.own.set(name, file, offer)
    }

    /// All files of the shared folder.
    #[must_use]
    pub fn shared(&self) -> Vec<FileId> {
        let shared = self.own.offers();
        let shared = shared.filter(|(.., offer)| offer.held == Held::Shared);
        shared.map(|(_, file, _)| file).collect()
    }

    /// What a peer offers a file as, and whether all of it is here.
    #[must_use]
    pub fn offer_of(&self, node: &NodeId, file: FileId) -> Option<(RelPath, Offer, bool)> {
        let (name, offer) = self.peers.offer_of(node, file)?;
        Some((name, offer, self.own.is_own(file)))
    }

    /// The rows of `peers`.
    #[must_use]
    pub fn peer_rows(&self) -> Vec<PeerInfo> {
        let mut rows = self.peers.info();
        for row in &mut rows {
            row.key_changed = self.key_changed(&row.name, &row.node);
        }
        let nodes = rows.len();
        rows.extend(self.neighbour_rows());
        rows[nodes..].sort_by(|one, other| one.name.cmp(&other.name));
        rows
    }

    /// Whether all who were heard of are here and told what they offer.
    #[must_use]
    pub fn everybody_told(&self) -> bool {
        let sight = Sight {
            reading: 0,
            failing: 0,
            // Whom a word means can turn on somebody who is slow to answer.
            answered: false,
            ..self.sight(false)
        };
        sight.is_settled()
    }

    /// What is known of the others; with `own`, this node's own folder counts, too.
    #[must_use]
    pub fn sight(&self, own: bool) -> Sight {
        let now = self.now();
        let mut sight = self.peers.sight(now);
        let expected = self.membership.expected().count() + self.missing().count();
        sight.expected = expected as u32;
        sight.listened = self.membership.has_listened(now);
        // A node that was heard of, here or at a server, may be here in a moment.
        sight.hoping = self.asked_for_everybody.is_some()
            || self.membership.expects_somebody()
            || self.exchange.expects_answers(now)
            || self.servers.borrow().expects;
        // Those who were named by hand may be too far to hear a beacon.
        sight.answered = self.membership.has_heard_answers(now) && self.named.all_reached();
        sight.reading += u32::from(own && self.scanning.is_some());
        sight
    }

    /// What is not known; with `own`, of this node's own folder, too.
    #[must_use]
    pub fn gaps(&self, own: bool) -> Gaps {
        let mut gaps = self.peers.gaps();
        let unreached = self
            .membership
            .expected()
            .chain(self.membership.unreached());
        let unreached = unreached.map(|(node, name)| Gap {
            node: Owner {
                node,
                name: if name.is_empty() {
                    node.short()
                } else {
                    name.to_owned()
                },
            },
            known: 0,
            of: None,
            why: Missing::Connection,
        });
        gaps.catalogs.extend(unreached);
        let nothing = |node: NodeId, name: String, why| Gap {
            node: Owner { node, name },
            known: 0,
            of: None,
            why,
        };
        let missing = self.missing();
        let missing = missing.map(|node| nothing(node, node.short(), Missing::Connection));
        gaps.catalogs.extend(missing);
        let silent = self.asked_for_everybody;
        gaps.catalogs.extend(silent.map(|node| {
            let name = self.peers.name(&node);
            nothing(node, name, Missing::Others)
        }));
        if let Some(scan) = self.scanning.filter(|_| own) {
            let me = Owner {
                node: self.me,
                name: self.name.clone(),
            };
            gaps.scanning.push((me, scan));
        }
        let key = |owner: &Owner| (owner.name.clone(), owner.node);
        gaps.catalogs.sort_by_key(|gap| key(&gap.node));
        gaps.scanning.sort_by_key(|(node, _)| key(node));
        gaps
    }

    /// What words mean now.
    #[must_use]
    pub fn resolve(&self, question: &Question) -> Resolution {
        let mut from = None;
        if let Some(who) = &question.from {
            match self.people.find(who, &self.peers.named(), false) {
                Ok(node) => from = Some(node),
                Err(why) => {
                    return Resolution {
                        missing: question.what.clone(),
                        sight: self.sight(false),
                        who: Some(why),
                        ..Resolution::default()
                    };
                }
            }
        }
        let now = self.now();
        let mut resolution = self.peers.resolve(&self.own, question, from, now);
        resolution.sight = self.sight(false);
        resolution
    }

    /// Whom a word means. Who is here and who is coming are of one moment: of two, the second could
    /// miss the one who was coming at the first.
    #[must_use]
    pub fn find(&self, who: &str) -> Found {
        let named = |node: NodeId| Person {
            name: self.peers.name(&node),
            node,
        };
        let here = self.people.find(who, &self.peers.named(), false);
        let expected = self.membership.expected();
        let expected = expected.map(|(node, name)| PresentPerson {
            node,
            name: name.to_owned(),
            unchosen: false,
        });
        let expected: Vec<_> = expected.collect();
        let coming = self.people.find(who, &expected, false);
        Found {
            who: here.map(named),
            coming: coming != Err(WhoError::Nobody),
        }
    }

    /// The same; a known name's new key is accepted, and remembered from now on.
    ///
    /// # Errors
    /// Nobody who is here is meant, or several are.
    pub fn trust(&mut self, who: &str) -> Result<Person, WhoError> {
        let node = self.people.find(who, &self.peers.named(), true)?;
        self.remember(node);
        let name = self.peers.name(&node);
        Ok(Person { name, node })
    }

    /// Whether any of these words means this one, who goes by this name.
    #[must_use]
    pub fn means(&self, words: &[String], one: &Person) -> bool {
        let one = PresentPerson {
            node: one.node,
            name: one.name.clone(),
            unchosen: self.peers.unchosen(&one.node),
        };
        words.iter().any(|who| self.people.means(who, &one))
    }

    /// What a node is called, and whether another key was known for that name; `None` when it is
    /// not here.
    #[must_use]
    pub fn named(&self, node: &NodeId) -> Option<(String, bool)> {
        let name = self.peers.get(node)?.name.clone();
        let changed = self.key_changed(&name, node);
        Some((name, changed))
    }

    /// Whether another key was known for the name of somebody who is here.
    #[must_use]
    pub fn key_changed(&self, name: &str, node: &NodeId) -> bool {
        let unchosen = self.peers.unchosen(node);
        self.people.changed(name, node, unchosen).is_some()
    }

    /// Where a peer is, and whether the user dealt with it.
    #[must_use]
    pub fn standing(&self, node: &NodeId) -> Option<(IpAddr, bool)> {
        let peer = self.peers.get(node)?;
        Some((peer.address.ip(), self.people.is_friend(node)))
    }

    /// Somebody is here whose name is known. Gives the name of before, when this one is new.
    pub fn see(&mut self, node: NodeId, name: &str) -> Option<String> {
        let unchosen = self.peers.unchosen(&node);
        self.people.see(name, node, unchosen, unix_now())
    }

    /// Something was sent to it by a person: it is remembered before others. But it may have taken
    /// somebody else's name meanwhile.
    pub fn met(&mut self, node: NodeId) {
        if node.is_localsend() {
            return self.neighbour_met(node);
        }
        if self.named(&node).is_some_and(|(_, changed)| !changed) {
            self.remember(node);
        }
    }

    /// Only a name that it gave itself is remembered.
    fn remember(&mut self, node: NodeId) {
        let unchosen = self.peers.unchosen(&node);
        if let Some(peer) = self.peers.get(&node).filter(|peer| peer.introduced) {
            self.people.meet(&peer.name, node, unchosen, unix_now());
        }
    }

    /// From now on this name means this key; with `trust_new`, in place of one that was known.
    ///
    /// # Errors
    /// The key that was known.
    pub fn add(&mut self, name: String, node: NodeId, trust_new: bool) -> Result<(), NodeId> {
        self.people.add(&name, node, trust_new, unix_now())?;
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.name = name;
        }
        Ok(())
    }
}
