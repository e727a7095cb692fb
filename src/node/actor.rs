//! The actor: the one task that owns who is here and what is offered.
//!
//! It decides and never waits: not for a socket, a disk or a person. Whatever takes time runs in a task of its own and
//! comes back as a [`Note`]. Downloads are tasks too (`job`); they ask here who has what. Invariant: every queue into
//! the actor is bounded, and nothing that the actor does waits for a queue that only the actor empties.

mod catalogs;
mod double;
mod exchange;
mod inbound;
mod looking;
mod people;
mod shortage;

use super::{
    api::{Kept, Leftovers, NodeEvent, PathInfo, Safe, Status},
    catalog::OwnCatalog,
    command::{Command, Seen},
    context::Context,
    doctor::Notes,
    peers::Peers,
};
use crate::{
    core::{
        Now,
        changes::Changes,
        exchange::Exchange,
        id::{FileId, NodeId},
        membership::{Kind, Membership, MembershipEvent},
        path::RelPath,
        people::People,
        via::Via,
    },
    net::{Beacons, Heard, NetEvent, RequestError},
    store::{PeopleFile, ShareEvent},
    wire::control::{Held, Offer, Request, Response, Scan},
};
use futures::future::join_all;
use looking::Looker;
use shortage::Shortage;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::sleep_until,
};

/// How often followers of a download hear what is new.
const FOLLOW: Duration = Duration::from_millis(100);
/// How long the rendezvous servers' task may take to end.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// What a task brings back.
pub enum Note {
    Catalog(NodeId, Result<Response, RequestError>),
    /// Who else it is connected to.
    Peers(NodeId, Result<Response, RequestError>),
    /// It had time enough to say what it is.
    Acquainted(NodeId),
    AskCatalog(NodeId),
    /// It answered, or failed to answer, that the own catalog changed.
    Hinted(NodeId),
    /// The same for news of a download.
    Told(NodeId),
    /// What was remembered of people is written down.
    PeopleKept,
}

/// What the actor needs to begin.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub struct Parts {
    pub name: String,
    /// Whether nobody chose that name.
    pub unchosen: bool,
    /// Whether this node keeps replicas.
    pub keeps: bool,
    /// Whether bytes may go through a server.
    pub relay: bool,
    /// Whether nobody is to hear of this node yet.
    pub hidden: bool,
    pub epoch: u64,
    pub net_events: mpsc::Receiver<NetEvent>,
    pub beacons: Beacons,
    pub heard: mpsc::Receiver<Heard>,
    pub share: mpsc::Receiver<ShareEvent>,
    pub commands: mpsc::Receiver<Command>,
    /// It only looks or fetches, and offers nothing.
    pub visiting: bool,
    pub events: broadcast::Sender<NodeEvent>,
    pub changed: watch::Sender<u64>,
    /// What is remembered of people, and where.
    pub people: (People, PeopleFile),
    /// What the jobs work with, too.
    pub context: Context,
}

/// The actor's state.
pub struct Actor {
    parts: Parts,
    started: Instant,
    membership: Membership,
    peers: Peers,
    catalog: OwnCatalog,
    sequence: u64,
    waiting: Vec<(Instant, oneshot::Sender<()>)>,
    /// Those who wait for what the others offer.
    looking: Vec<Looker>,
    notes: mpsc::Sender<Note>,
    notes_in: mpsc::Receiver<Note>,
    /// What is kept for the swarm, by name and contents: shown unless something better is offered by the same.
    kept: HashMap<(String, FileId), Offer>,
    /// What is remembered of people is being written down.
    keeping_people: bool,
    /// When the others are told of the own catalog's changes.
    publish_at: Option<Instant>,
    /// How far the shared folder is read, while it is.
    scanning: Option<Scan>,
    /// When the others were told of that.
    scan_told: Option<Instant>,
    /// It was read for the first time.
    scanned: bool,
    /// What changed in it since, as far as people were not told.
    changes: Changes,
    doctor: Notes,
    double: double::Double,
    exchange: Exchange,
    shortage: Shortage,
}

impl Actor {
    /// Takes the parts; [`Actor::run`] begins.
    pub fn new(parts: Parts, seed: u64) -> Self {
        let (notes, notes_in) = mpsc::channel(1024);
        let catalog = OwnCatalog::new(parts.name.clone(), parts.epoch, parts.keeps);
        let mut catalog = catalog.with(parts.unchosen, parts.visiting);
        // A node that only looks or fetches leaves its folder alone.
        let scanning = (!parts.visiting).then(Scan::default);
        catalog.set_scan(scanning, false);
        let begin = if parts.hidden {
            Membership::hidden
        } else {
            Membership::new
        };
        let membership = begin(parts.context.net.node(), seed, Now::ZERO);
        let exchange = Exchange::new(parts.context.net.node(), seed ^ 1, Now::ZERO);
        Self {
            parts,
            started: Instant::now(),
            membership,
            peers: Peers::default(),
            catalog,
            sequence: 0,
            waiting: Vec::new(),
            looking: Vec::new(),
            notes,
            notes_in,
            kept: HashMap::new(),
            keeping_people: false,
            publish_at: None,
            scanned: scanning.is_none(),
            scanning,
            scan_told: None,
            changes: Changes::default(),
            doctor: Notes::default(),
            double: double::Double::default(),
            exchange,
            shortage: Shortage::default(),
        }
    }

    fn now(&self) -> Now {
        self.started.elapsed()
    }

    /// Offers what an earlier run downloaded.
    pub fn offer_fetched(&mut self, name: &RelPath, file: FileId, offer: Offer) {
        self.catalog.set(name, file, Some(offer));
    }

    /// Runs until `Leave`.
    pub async fn run(mut self) {
        let mut follow = tokio::time::interval(FOLLOW);
        follow.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let tick = self.next_wake();
            tokio::select! {
                command = self.parts.commands.recv() => match command {
                    Some(Command::Leave(done)) => {
                        self.leave().await;
                        let _ = done.send(());
                        return;
                    }
                    Some(command) => {
                        self.catch_up();
                        self.command(command);
                    }
                    None => return self.leave().await,
                },
                Some(event) = self.parts.net_events.recv() => self.net_event(event),
                Some(heard) = self.parts.heard.recv() => {
                    let Heard { beacon, from, room } = heard;
                    let node = beacon.node;
                    if node == self.parts.context.me {
                        self.same_key(&beacon, from, room);
                        continue;
                    }
                    self.member(MembershipEvent::Heard { beacon, from, room });
                    self.introduce(node, None);
                }
                Some(event) = self.parts.share.recv() => self.share_event(event),
                Some(news) = self.notes_in.recv() => self.came_back(news),
                _ = follow.tick() => self.tell_followers(),
                () = sleep_until(tick.into()) => {}
            }
            self.wake();
        }
    }

    /// Takes what the network told before a command came: a task that has a stream of a peer finds that peer here.
    fn catch_up(&mut self) {
        for _ in 0..self.parts.net_events.len() {
            if let Ok(event) = self.parts.net_events.try_recv() {
                self.net_event(event);
            }
        }
    }

    /// The next moment at which something is due.
    fn next_wake(&self) -> Instant {
        let mut at = self.started + self.membership.next_tick().min(self.exchange.next_tick());
        if let Some(changes) = self.changes.next_tick() {
            at = at.min(self.started + changes);
        }
        if let Some(publish) = self.publish_at {
            at = at.min(publish);
        }
        if !self.waiting.is_empty() || !self.looking.is_empty() {
            at = at.min(Instant::now() + Duration::from_millis(25));
        }
        at.max(Instant::now() + Duration::from_millis(1))
    }

    /// Does what is due.
    fn wake(&mut self) {
        let now = Instant::now();
        if self.now() >= self.membership.next_tick() {
            self.member(MembershipEvent::Tick);
        }
        self.ask_by_turns();
        self.tell_of_shortage();
        self.keep_people();
        self.tell_changes();
        if self.publish_at.is_some_and(|at| at <= now) {
            self.publish();
        }
        if !self.waiting.is_empty() {
            let settled = self.everybody_told();
            for (_, done) in self
                .waiting
                .extract_if(.., |(deadline, _)| settled || *deadline <= now)
            {
                let _ = done.send(());
            }
        }
        self.answer_those_who_look();
    }

    fn command(&mut self, command: Command) {
        // A receiver that is gone no longer wants to know.
        match command {
            Command::List(pattern, reply) => {
                let _ = reply.send(self.peers.list(&self.catalog, pattern.as_deref()));
            }
            Command::Peers(reply) => {
                let _ = reply.send(self.peer_rows());
            }
            Command::People(ask) => self.asked_about_people(ask),
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Command::Settled(deadline, reply) => self.waiting.push((deadline, reply)),
            Command::Look(wait, reply) => self.look(wait, reply),
            Command::Gaps(reply) => {
                let _ = reply.send(self.gaps(false));
            }
            Command::Resolve(question, reply) => {
                let _ = reply.send(self.resolve(&question));
            }
            Command::Sources(files, reply) => {
                let _ = reply.send(
                    files
                        .into_iter()
                        .map(|file| self.peers.sources(file))
                        .collect(),
                );
            }
            Command::Offers(offers) => {
                for (name, file, offer) in offers {
                    self.offer(&name, file, offer);
                }
            }
            Command::Present(nodes, reply) => {
                let _ = reply.send(self.peers.present(&nodes));
            }
            Command::Wake => self.wake_jobs(),
            Command::Owned(files, reply) => {
                let _ = reply.send(self.peers.owned(&files));
            }
            Command::Versions(files, reply) => {
                let _ = reply.send(self.peers.versions(&files));
            }
            Command::OfferReplica(name, file, offer) => self.offer_replica(&name, file, offer),
            Command::Survey(files, reply) => {
                let _ = reply.send(self.peers.survey(&self.catalog, &files));
            }
            Command::Shared(reply) => {
                let shared = self.catalog.offers();
                let shared = shared.filter(|(.., offer)| offer.held == Held::Shared);
                let _ = reply.send(shared.map(|(_, file, _)| file).collect());
            }
            Command::OfferOf(node, file, reply) => {
                let offer = self.peers.offer_of(&node, file);
                let here = self.catalog.is_own(file);
                let _ = reply.send(offer.map(|(name, offer)| (name, offer, here)));
            }
            Command::Standing(node, reply) => {
                let friend = self.parts.people.0.is_friend(&node);
                let peer = self.peers.get_mut(&node);
                let _ = reply.send(peer.map(|peer| (peer.address.ip(), friend)));
            }
            Command::Keepers(files, reply) => {
                let _ = reply.send(self.peers.keepers(&files));
            }
            Command::Examine(reply) => {
                let (found, servers) = self.doctor.tell();
                let _ = reply.send(Seen {
                    interfaces: self.parts.beacons.interfaces(),
                    discovery_port: self.parts.beacons.port(),
                    found,
                    servers,
                    peers: self.peers.paths(),
                });
            }
            Command::PathNews(node, straight) => self.tell_path(node, straight),
            Command::Drop(node, why) => self.drop_peer(node, why),
            Command::Appear => {
                self.member(MembershipEvent::Appear);
                for (node, _, via) in self.peers.paths() {
                    self.may_know_others(node, via);
                }
            }
            Command::Leave(_) => unreachable!("handled by the loop"),
        }
    }

    fn tell_path(&self, node: NodeId, straight: Option<Via>) {
        self.tell(NodeEvent::Path(PathInfo {
            node,
            name: self.peers.name(&node),
            via: straight.unwrap_or(Via::Relay),
            relay: self.parts.relay,
        }));
    }

    fn drop_peer(&mut self, node: NodeId, why: String) {
        let name = self.peers.name(&node);
        self.tell(NodeEvent::PeerDropped { node, name, why });
        let net = self.parts.context.net.clone();
        tokio::spawn(async move { net.ban(node).await });
        self.member(MembershipEvent::Banned { node });
    }

    fn tell(&self, event: NodeEvent) {
        let _ = self.parts.events.send(event); // Nobody watches: fine.
    }

    /// Somebody came or went: others may follow.
    fn stir(&mut self) {
        let now = self.now();
        self.peers.news(now);
        self.wake_jobs();
    }

    /// Wakes the jobs: who has what may have changed.
    fn wake_jobs(&self) {
        self.parts.changed.send_modify(|version| *version += 1);
    }

    fn status(&self) -> Status {
        let shared = self
            .catalog
            .offers()
            .filter(|(.., offer)| matches!(offer.held, Held::Shared | Held::Fetched));
        let (shared_files, shared_bytes) = shared.fold((0, 0), |(files, bytes), (_, _, offer)| {
            (files + 1, bytes + offer.size)
        });
        let jobs = self.parts.context.jobs.lock();
        Status {
            node: self.parts.context.net.node(),
            name: self.parts.name.clone(),
            addresses: self
                .parts
                .context
                .net
                .addresses()
                .iter()
                .map(SocketAddr::to_string)
                .collect(),
            peers: self.peers.len() as u32,
            servers: self.parts.context.meeting.servers(),
            shared_files,
            shared_bytes,
            safe: Safe {
                reading: !self.scanned,
                ..Safe::default()
            },
            resting_on: Vec::new(),
            replicas: Kept {
                received: self.parts.context.copied_in.load(Ordering::Relaxed),
                sent: self.parts.context.copied_out.load(Ordering::Relaxed),
                ..Kept::default()
            },
            leftovers: Leftovers::default(),
            scanning: self.scanning,
            downloads: jobs
                .values()
                .map(|job| (job.name.clone(), job.progress))
                .collect(),
            received: self.parts.context.received.load(Ordering::Relaxed),
            sent: self.parts.context.sent.load(Ordering::Relaxed),
        }
    }

    /// Says goodbye three times (datagrams get lost) and closes everything.
    async fn leave(&mut self) {
        // Its last words to the servers are on their way while the others hear goodbye.
        let meeting = self.parts.context.meeting.clone();
        let _ = tokio::time::timeout(LAST_WORDS, meeting.stopped()).await;
        // Nobody has heard of a hidden one.
        let goodbyes = if self.membership.is_hidden() { 0 } else { 3 };
        for _ in 0..goodbyes {
            let beacon = self.beacon(Kind::Leave);
            self.parts.beacons.announce(beacon).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Those who were met through a server, or named by hand, hear no beacon.
        let peers: Vec<_> = self.peers.nodes().collect();
        let net = &self.parts.context.net;
        let told = join_all(
            peers
                .into_iter()
                .map(|node| net.request(node, Request::Goodbye)),
        );
        let _ = tokio::time::timeout(LAST_WORDS, told).await;
        net.shutdown().await;
        self.keep_people_at_last().await;
    }
}
