//! What comes to the actor from outside: the network's events, beacons, and changes of the shared
//! folder.
//!
//! Invariant: nothing here waits; a request that needs the disk is handed on with its reply.

use super::{Actor, compare::introduced_to, everybody::everybody_but};
use crate::{
    core::{
        changes::Change,
        id::NodeId,
        membership::{Beacon, Kind, MembershipAction, MembershipEvent},
        path::printable,
        via::Via,
    },
    net::{NetEvent, Reply},
    node::{
        api::NodeEvent,
        swarm::{Position, Sought, State},
    },
    store::{Offered, ShareEvent},
    wire::control::{Held, Offer, Request, Response},
};
use std::{net::SocketAddr, time::Duration};

/// That a peer goes by another name is told so often at most.
const RENAMED: Duration = Duration::from_secs(60);
/// What the share thread tells is taken by so many in a turn: a microsecond or two each.
const SHARE_EVENTS: usize = 256;

impl Actor {
    pub(super) fn net_event(&mut self, swarm: &mut State, event: NetEvent) {
        match event {
            NetEvent::Connected { node, address, via } => self.connected(swarm, node, address, via),
            NetEvent::Disconnected { node, carried } => {
                // Who rests is still here.
                if !swarm.membership.rests(&node) {
                    self.parts.services.meeting.gone(node, carried);
                }
                self.member(swarm, MembershipEvent::Disconnected { node });
            }
            NetEvent::DialFailed {
                node: Some(node),
                full,
                refused,
                ..
            } => {
                if refused {
                    swarm.is_not_there(&node);
                }
                self.parts.services.meeting.not_met(node);
                self.member(swarm, MembershipEvent::dial_failed(node, full));
                // It may have no room for a connection: others can tell what it offers.
                self.card_news(swarm, node);
            }
            NetEvent::DialFailed {
                node: None,
                addresses,
                why,
                ..
            } => {
                self.parts.services.named.failed(&addresses, &why);
                let at: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                tracing::info!("no sprat answers at {}: {}", at.join(", "), printable(&why));
            }
            NetEvent::Found { node, addresses } => {
                self.doctor.found(&addresses);
                self.member(swarm, MembershipEvent::Found { node, addresses });
            }
            NetEvent::Rtt { node, rtt } => {
                if let Some(peer) = swarm.peers.get_mut(&node) {
                    peer.rtt = Some(rtt);
                }
            }
            NetEvent::Request {
                node,
                request,
                reply,
            } => self.request(swarm, node, &request, reply),
            NetEvent::Path { node, address, via } => {
                if let Some(peer) = swarm.peers.get_mut(&node) {
                    (peer.address, peer.via) = (address, via);
                    // Copies go by straight paths alone.
                    self.parts.services.news.came(node);
                }
                self.may_know_others(swarm, node, via);
                self.parts.services.meeting.here(node, via);
            }
            NetEvent::Meeting(event) => {
                self.doctor.meeting(&event);
                self.parts.services.meeting.heard(event);
            }
            NetEvent::Listening { .. } => {}
            NetEvent::Notice(text) => self.tell(NodeEvent::Notice(text)),
        }
    }

    fn connected(&mut self, swarm: &mut State, node: NodeId, address: SocketAddr, via: Via) {
        let name = swarm.people.added(&node);
        let name = name.or_else(|| swarm.membership.name_of(&node));
        let name = name.map_or_else(|| node.short(), str::to_owned);
        let now = swarm.now();
        self.parts.services.meeting.here(node, via);
        self.parts.services.named.reached(address);
        swarm.peers.connected(node, name, address, via, now);
        // Of one that was connected before, the beacon may have said that nothing is new.
        let known = swarm.peers.get(&node).filter(|peer| {
            let version = swarm.membership.catalog_of(&node);
            let behind = |(epoch, revision)| peer.catalog.is_behind(epoch, revision);
            peer.catalog.is_told() && version.is_some_and(|version| !behind(version))
        });
        if known.is_none() {
            self.ask_catalog(swarm, node);
            self.await_acquaintance(node);
        }
        self.member(swarm, MembershipEvent::Connected { node, address });
        self.may_know_others(swarm, node, via);
        self.card_news(swarm, node);
        self.may_know_everybody(swarm, node, via);
    }

    /// Answers what is about who is here and what they offer.
    pub(super) fn request(
        &mut self,
        swarm: &mut State,
        node: NodeId,
        request: &Request,
        reply: Reply,
    ) {
        match *request {
            Request::Catalog {
                epoch,
                since,
                until,
                heard,
                ref matching,
                ref wanted,
            } => {
                let from = Position {
                    epoch,
                    since,
                    until,
                    heard,
                };
                let sought = match (wanted, matching) {
                    (Some(wanted), _) => Some(Sought::wanted(wanted)),
                    (None, Some(words)) => Some(Sought::listed(words)),
                    (None, None) => None,
                };
                match sought {
                    Some(sought) if swarm.own.is_far(&from) => {
                        let shared = self.parts.services.swarm.clone();
                        tokio::spawn(async move {
                            let page = shared.page(node, from, sought).await;
                            reply.send(page.map_or(Response::Busy, Response::Catalog));
                        });
                    }
                    sought => {
                        let page = swarm.own.page_of(&from, sought.as_ref());
                        reply.send(Response::Catalog(page));
                    }
                }
            }
            Request::CatalogChanged { epoch, revision } => {
                self.catalog_news(swarm, node, (epoch, revision));
                reply.send(Response::Done);
            }
            Request::Goodbye => {
                reply.send(Response::Done);
                self.member(swarm, MembershipEvent::Leaving { node });
            }
            Request::Reach { port } => {
                let peer = swarm
                    .peers
                    .get_mut(&node)
                    .map(|peer| (peer.via, peer.address));
                let from = peer.filter(|(via, _)| *via != Via::Relay);
                let now = swarm.now();
                let ip = from.map(|(_, address)| address.ip());
                self.doctor.reach(ip, port, now, reply);
            }
            Request::Cards { ref of } => {
                let cards = self.cards.told_to(swarm, of);
                reply.send(Response::Cards { cards });
            }
            Request::Everybody {
                ref but,
                after,
                until,
            } => reply.send(everybody_but(swarm, node, but, (after, until))),
            Request::Compare { salt, ref of } => {
                let comparing = &mut self.cards.comparing;
                reply.send(comparing.answer(swarm, node, salt, of));
            }
            Request::Introduce { ref of } => reply.send(introduced_to(swarm, node, of)),
            Request::Peers { port } => Self::peers_asked(swarm, node, port, reply),
            // Those about files have a task of their own.
            _ => reply.send(Response::Missing),
        }
    }

    /// Hands an event to the membership machine and does what it says.
    pub(super) fn member(&mut self, swarm: &mut State, event: MembershipEvent) {
        let actions = swarm.membership.handle(event, swarm.now());
        for action in actions {
            match action {
                MembershipAction::Announce(kind) => {
                    let (beacons, beacon) = (self.parts.beacons.clone(), self.beacon(swarm, kind));
                    tokio::spawn(async move { beacons.announce(beacon).await });
                }
                MembershipAction::Suspect { of } => {
                    let mut beacon = self.beacon(swarm, Kind::Suspect);
                    beacon.suspects = of;
                    let beacons = self.parts.beacons.clone();
                    tokio::spawn(async move { beacons.announce(beacon).await });
                }
                MembershipAction::Answer { to, room } => {
                    let (beacons, beacon) =
                        (self.parts.beacons.clone(), self.beacon(swarm, Kind::Ping));
                    tokio::spawn(async move { beacons.answer(beacon, to, room).await });
                }
                MembershipAction::Dial { node, addresses } => {
                    let net = self.parts.services.net.clone();
                    tokio::spawn(async move { net.dial(Some(node), addresses).await });
                }
                MembershipAction::Elsewhere { node, addresses } => {
                    let net = self.parts.services.net.clone();
                    tokio::spawn(async move { net.elsewhere(node, addresses).await });
                }
                MembershipAction::Rest { node, addresses } => {
                    self.parts.services.net.rest(node, addresses);
                }
                MembershipAction::Stay { node } => {
                    self.parts.services.net.rest(node, Vec::new());
                    if !swarm.membership.is_connected(&node) {
                        self.parts.services.meeting.gone(node, 0);
                    }
                }
                MembershipAction::Joined { node } => self.introduce(swarm, node, None),
                MembershipAction::Left { node, announced } => self.left(swarm, node, announced),
                MembershipAction::CatalogHint {
                    node,
                    epoch,
                    revision,
                } => self.catalog_news(swarm, node, (epoch, revision)),
            }
        }
    }

    /// Tells once that a peer is here, as soon as its name is known, by beacon or by its catalog,
    /// and what it says of that name and of itself, by its catalog. After that, that it goes by
    /// another name, or is no visitor after all.
    pub(super) fn introduce(&mut self, swarm: &mut State, node: NodeId, catalog: Option<&str>) {
        let now = swarm.now();
        let Some(peer) = swarm.peers.get_mut(&node) else {
            return;
        };
        // A node that was added goes by that name, whatever it calls itself.
        let added = swarm.people.added(&node);
        let Some(name) = added.or(swarm.membership.name_of(&node)).or(catalog) else {
            return;
        };
        let name = name.to_owned();
        let called = std::mem::replace(&mut peer.name, name.clone());
        if !peer.acquainted {
            // Somebody may wait for this name.
            return self.wake_jobs();
        }
        let visiting = peer.catalog.is_visiting();
        let stays = peer.visiting && !visiting;
        peer.visiting = visiting;
        let joined = !std::mem::replace(&mut peer.introduced, true) || stays;
        if !joined && called == name {
            return;
        }
        let often = peer
            .renamed
            .is_some_and(|last| now.saturating_sub(last) < RENAMED);
        if !joined && !often {
            peer.renamed = Some(now);
        }
        if joined {
            let (via, address) = (peer.via.as_str(), peer.address);
            let (who, id) = (printable(&name), node.short());
            tracing::info!("{who} ({id}) is here, by {via} at {address}");
        }
        let before = swarm.see(node, &name);
        let key_changed = swarm.key_changed(&name, &node);
        // Somebody may wait for this name.
        self.wake_jobs();
        if joined {
            self.tell(NodeEvent::PeerJoined {
                node,
                name,
                before,
                key_changed,
                visiting,
            });
        } else if !often {
            self.tell(NodeEvent::PeerRenamed {
                node,
                name,
                before: called,
                key_changed,
            });
        }
    }

    pub(super) fn left(&mut self, swarm: &mut State, node: NodeId, announced: bool) {
        self.parts.services.holdings.unfollow(node);
        self.parts.services.known.forget(node);
        self.cards.gone(&node);
        swarm.exchange.gone(&node);
        if let Some(peer) = swarm.peers.remove(&node) {
            self.parts.services.news.gone(node);
            let how = if announced { "left" } else { "went silent" };
            tracing::info!("{} ({}) {how}", printable(&peer.name), node.short());
            if peer.introduced {
                self.tell(NodeEvent::PeerLeft {
                    node,
                    name: peer.name,
                    announced,
                    visiting: peer.visiting,
                });
            }
            self.read_on(swarm);
            self.stir(swarm);
        }
        if announced {
            let net = self.parts.services.net.clone();
            tokio::spawn(async move { net.disconnect(node).await });
        }
    }

    pub(super) fn beacon(&mut self, swarm: &State, kind: Kind) -> Beacon {
        self.sequence += 1;
        let (epoch, revision) = swarm.own.version();
        let port = self.parts.services.net.port();
        let (node, name) = (self.parts.services.net.node(), self.parts.name.clone());
        Beacon {
            kind,
            node,
            name,
            tcp: port,
            udp: port,
            epoch,
            revision,
            seq: self.sequence,
            suspects: Vec::new(),
        }
    }

    /// Takes what the share thread told, some of what waits in one turn: it tells of each file.
    pub(super) fn share_events(&mut self, swarm: &mut State, event: ShareEvent) {
        self.share_event(swarm, event);
        for _ in 0..SHARE_EVENTS {
            match self.parts.share.try_recv() {
                Ok(event) => self.share_event(swarm, event),
                Err(_) => return,
            }
        }
    }

    fn share_event(&mut self, swarm: &mut State, event: ShareEvent) {
        match event {
            ShareEvent::Progress(scan) => {
                let before = swarm.scanning.and_then(|scan| scan.of_bytes);
                self.scanning(swarm, Some(scan));
                if let Some(total) = scan.of_bytes {
                    if before.is_none() {
                        tracing::info!("reading the shared folder: {total} bytes");
                    }
                    let done = scan.bytes;
                    self.tell(NodeEvent::Scanning { done, total });
                }
            }
            // The first look ends with a word of its own.
            ShareEvent::Read if !self.scanned => {}
            ShareEvent::Read => self.scanning(swarm, None),
            ShareEvent::Offered(offered) => {
                let offer = offer_of(&offered, Held::Shared);
                self.offer(swarm, &offered.name, offered.file, Some(offer));
                if self.scanned {
                    let (name, size, now) = (offered.name.as_str(), offered.size, swarm.now());
                    self.changes.offered(name, size, offered.file, now);
                    self.tell(NodeEvent::Offered {
                        name: name.to_owned(),
                        size,
                    });
                }
            }
            ShareEvent::Remains { offered, shared } => {
                let held = if shared { Held::Shared } else { Held::Fetched };
                let offer = offer_of(&offered, held);
                self.offer(swarm, &offered.name, offered.file, Some(offer));
            }
            ShareEvent::Withdrawn { name, file } => {
                self.offer(swarm, &name, file, None);
                if self.scanned {
                    let now = swarm.now();
                    self.changes.withdrawn(name.as_str(), file, now);
                    self.tell(NodeEvent::Withdrawn {
                        name: name.as_str().to_owned(),
                    });
                }
            }
            ShareEvent::Scanned { files, bytes, read } => {
                self.scanned = true;
                self.scanning(swarm, None);
                tracing::info!("indexed the shared folder: {files} files, {read} of them read");
                self.tell(NodeEvent::Scanned { files, bytes, read });
            }
            ShareEvent::Problem { name, why } => {
                self.tell(NodeEvent::Notice(format!("{}: {why}", printable(&name))));
            }
        }
    }

    /// Tells people what changed in the shared folder, once it rests.
    pub(super) fn tell_changes(&mut self, swarm: &mut State) {
        for change in self.changes.take(swarm.now()) {
            match &change {
                Change::New { name, size } => {
                    tracing::info!("indexed {}, {size} bytes", printable(name));
                }
                Change::NewFiles { files, bytes, .. } => {
                    tracing::info!("indexed {files} files, {bytes} bytes");
                }
                _ => {}
            }
            self.tell(NodeEvent::Files(change));
        }
    }
}

/// What is told to others of it.
fn offer_of(offered: &Offered, held: Held) -> Offer {
    Offer {
        size: offered.size,
        mtime: offered.mtime,
        executable: offered.rights.executable(),
        mode: offered.rights.mode(),
        media: offered.media.clone(),
        held,
        parts: None,
    }
}
