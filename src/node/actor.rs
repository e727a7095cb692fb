//! The actor: the one task that changes who is here and what is offered (`swarm`), one turn an
//! event.
//!
//! It decides and never waits: not for a socket, a disk or a person. What takes time runs in a task
//! of its own and comes back as a [`Note`]. Invariants: every queue into the actor is bounded, and
//! nothing that the actor does waits for a queue that only the actor empties; a turn has the
//! swarm's lock, so nothing in it asks the handle.

mod awaiting;
mod cards;
mod catalogs;
mod compare;
mod double;
mod everybody;
mod exchange;
mod inbound;
mod localsend;
mod people;
mod shortage;
mod told;

use super::{
    api::{DhtInfo, Kept, Leftovers, NodeEvent, PathInfo, Safe, Status},
    command::{Command, Seen},
    doctor::Notes,
    services::Services,
    swarm::{Peers, State},
};
use crate::{
    core::{
        cards::Walk,
        changes::Changes,
        id::NodeId,
        membership::{Kind, MembershipEvent},
        neighbours::MESH,
        turns::{PAUSE, Turns},
        via::Via,
    },
    net::{Beacons, Heard, NetEvent, RequestError, timers::calm},
    store::{PeopleFile, ShareEvent},
    wire::{
        control::{Request, Response},
        signer::Signer,
    },
};
use awaiting::Awaiting;
use cards::Desk;
use compare::Comparison;
use futures::future::join_all;
use shortage::Shortage;
use std::{
    net::SocketAddr,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::sleep_until,
};
use told::Told;

/// How often followers of a download hear what is new.
const FOLLOW: Duration = Duration::from_millis(100);
/// How often it is looked whether those who wait can be answered.
const LOOK: Duration = Duration::from_millis(5);
/// How long the rendezvous servers' task may take to end.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What a task brings back.
pub enum Note {
    Catalog(NodeId, Result<Response, RequestError>),
    /// Cards of these, by this one.
    Cards(NodeId, Vec<NodeId>, Told),
    /// Everybody whom this one knows, or some of them, and then whom to ask for next.
    Everybody(NodeId, Told, Option<Walk>),
    /// In what this one's view differs.
    Compared(NodeId, Comparison),
    /// What was lacking here, by this one.
    Introduced(NodeId, Told),
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
pub struct ActorParts {
    pub name: String,
    /// Whether bytes may go through a server.
    pub relay: bool,
    pub net_events: mpsc::Receiver<NetEvent>,
    pub beacons: Beacons,
    pub heard: mpsc::Receiver<Heard>,
    pub share: mpsc::Receiver<ShareEvent>,
    pub commands: mpsc::Receiver<Command>,
    pub events: broadcast::Sender<NodeEvent>,
    pub changed: watch::Sender<u64>,
    /// Where it is kept who goes by which name.
    pub people: PeopleFile,
    /// Signs what this node offers.
    pub signer: Signer,
    /// What the jobs work with, too.
    pub services: Services,
}

/// What a turn is about.
enum Input {
    Command(Command),
    Net(NetEvent),
    Heard(Heard),
    Share(ShareEvent),
    Back(Note),
    Follow,
    Due,
}

impl Input {
    fn about(&self) -> &'static str {
        match self {
            Self::Command(_) => "a command",
            Self::Net(_) => "the network",
            Self::Heard(_) => "a beacon",
            Self::Share(_) => "the shared folder",
            Self::Back(_) => "what a task brought back",
            Self::Follow => "followers",
            Self::Due => "what is due",
        }
    }
}

/// The actor's state, besides what everybody may read.
pub struct Actor {
    parts: ActorParts,
    sequence: u64,
    waiting: Vec<(Instant, oneshot::Sender<()>)>,
    /// When it was looked for those who wait.
    looked: Instant,
    /// Those who wait for what the others offer.
    awaiting: Vec<Awaiting>,
    notes: mpsc::Sender<Note>,
    notes_in: mpsc::Receiver<Note>,
    /// What is remembered of people is being written down.
    keeping_people: bool,
    /// When the others are told of the own catalog's changes.
    publish_at: Option<Instant>,
    /// When the others were told how far the shared folder is read.
    scan_told: Option<Instant>,
    /// It was read for the first time.
    scanned: bool,
    /// What changed in it since, as far as people were not told.
    changes: Changes,
    doctor: Notes,
    cards: Desk,
    double: double::Double,
    shortage: Shortage,
    turns: Turns,
}

impl Actor {
    /// Takes the parts; [`Actor::run`] begins.
    pub fn new(parts: ActorParts) -> Self {
        let (notes, notes_in) = mpsc::channel(1024);
        let scanned = parts.services.swarm.turn().scanning.is_none();
        let cards = Desk::new(&parts);
        Self {
            parts,
            sequence: 0,
            waiting: Vec::new(),
            looked: Instant::now(),
            awaiting: Vec::new(),
            notes,
            notes_in,
            keeping_people: false,
            publish_at: None,
            scan_told: None,
            scanned,
            changes: Changes::default(),
            doctor: Notes::default(),
            cards,
            double: double::Double::default(),
            shortage: Shortage::default(),
            turns: Turns::default(),
        }
    }

    /// Runs until `Leave`.
    pub async fn run(mut self) {
        let mut follow = tokio::time::interval(FOLLOW);
        follow.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tick = Instant::now();
        loop {
            let holdings = &self.parts.services.holdings;
            let idle = holdings.is_idle();
            let input = tokio::select! {
                command = self.parts.commands.recv() => match command {
                    Some(Command::Leave(done)) => {
                        self.leave().await;
                        let _ = done.send(());
                        return;
                    }
                    Some(command) => Input::Command(command),
                    None => return self.leave().await,
                },
                Some(event) = self.parts.net_events.recv() => Input::Net(event),
                Some(heard) = self.parts.heard.recv() => Input::Heard(heard),
                Some(event) = self.parts.share.recv() => Input::Share(event),
                Some(news) = self.notes_in.recv() => Input::Back(news),
                _ = follow.tick(), if !idle => Input::Follow,
                () = holdings.begins(), if idle => Input::Follow,
                () = sleep_until(calm(tick).into()) => Input::Due,
            };
            let (about, begun) = (input.about(), Instant::now());
            tick = self.turn(input);
            let took = begun.elapsed();
            self.turns.note(took);
            if took > PAUSE {
                tracing::debug!(about, ?took, "a long turn");
            }
        }
    }

    /// One turn, which others see whole or not at all. Gives the next moment at which something is
    /// due.
    fn turn(&mut self, input: Input) -> Instant {
        let shared = self.parts.services.swarm.clone();
        let swarm = &mut *shared.turn();
        match input {
            Input::Command(command) => {
                self.catch_up(swarm);
                self.command(swarm, command);
            }
            Input::Net(event) => self.net_event(swarm, event),
            Input::Heard(Heard { beacon, from, room }) => {
                let node = beacon.node;
                if node == self.parts.services.me {
                    self.same_key(swarm, &beacon, from, room);
                } else {
                    self.member(swarm, MembershipEvent::Heard { beacon, from, room });
                    self.introduce(swarm, node, None);
                    self.card_news(swarm, node);
                }
            }
            Input::Share(event) => self.share_events(swarm, event),
            Input::Back(news) => self.came_back(swarm, news),
            Input::Follow => self.tell_followers(swarm),
            Input::Due => {}
        }
        self.wake(swarm);
        self.next_wake(swarm)
    }

    /// Takes what the network told before a command came: a task that has a stream of a peer finds
    /// that peer here.
    fn catch_up(&mut self, swarm: &mut State) {
        for _ in 0..self.parts.net_events.len() {
            if let Ok(event) = self.parts.net_events.try_recv() {
                self.net_event(swarm, event);
            }
        }
    }

    /// The next moment at which something is due.
    fn next_wake(&self, swarm: &State) -> Instant {
        let mut at = swarm.at(swarm.membership.next_tick().min(swarm.exchange.next_tick()));
        if let Some(changes) = self.changes.next_tick() {
            at = at.min(swarm.at(changes));
        }
        if let Some(cards) = self.cards.next_tick() {
            at = at.min(swarm.at(cards));
        }
        if let Some(publish) = self.publish_at {
            at = at.min(publish);
        }
        if !self.waiting.is_empty() || !self.awaiting.is_empty() {
            at = at.min(Instant::now() + LOOK);
        }
        at.max(Instant::now() + Duration::from_millis(1))
    }

    /// Does what is due.
    fn wake(&mut self, swarm: &mut State) {
        let now = Instant::now();
        if swarm.now() >= swarm.membership.next_tick() {
            self.member(swarm, MembershipEvent::Tick);
        }
        self.ask_by_turns(swarm);
        self.ask_for_cards(swarm);
        self.tell_of_shortage();
        self.keep_people(swarm);
        self.tell_changes(swarm);
        if self.publish_at.is_some_and(|at| at <= now) {
            self.publish(swarm);
        }
        // A look goes through all; among many it is not done at each of a thousand beacons.
        if swarm.peers.len() > MESH && now < self.looked + LOOK {
            return;
        }
        self.looked = now;
        if !self.waiting.is_empty() {
            let settled = swarm.everybody_told();
            for (_, done) in self
                .waiting
                .extract_if(.., |(deadline, _)| settled || *deadline <= now)
            {
                let _ = done.send(());
            }
        }
        self.answer_those_who_look(swarm);
    }

    fn command(&mut self, swarm: &mut State, command: Command) {
        // A receiver that is gone no longer wants to know.
        match command {
            Command::Status(reply) => {
                let _ = reply.send(self.status(swarm));
            }
            Command::Settled(deadline, reply) => self.waiting.push((deadline, reply)),
            Command::AwaitOffers(wait, reply) => self.await_offers(swarm, wait, reply),
            Command::Tell(news) => self.tell_of(swarm, news),
            Command::Offers(offers) => {
                for (name, file, offer) in offers {
                    self.offer(swarm, &name, file, offer);
                }
            }
            Command::Wake => self.wake_jobs(),
            Command::LookFor(files) => self.look_for(swarm, &files),
            Command::OfferReplicas(offers) => {
                for (name, file, offer) in offers {
                    self.offer_replica(swarm, &name, file, offer);
                }
            }
            Command::Examine(reply) => {
                let (found, servers) = self.doctor.tell();
                let _ = reply.send(Seen {
                    interfaces: self.parts.beacons.interfaces(),
                    discovery_port: self.parts.beacons.port(),
                    found,
                    servers,
                    peers: swarm.peers.paths(),
                });
            }
            Command::PathNews(node, straight) => self.tell_path(swarm, node, straight),
            Command::Drop(node, why, done) => {
                self.drop_peer(swarm, node, why);
                let _ = done.send(());
            }
            Command::Trust(who, anybody, reply) => {
                let _ = reply.send(if anybody {
                    swarm.trust_anybody(&who)
                } else {
                    swarm.trust(&who)
                });
            }
            Command::Neighbour(node, name, at) => self.neighbour(swarm, node, &name, at),
            Command::NeighbourGone(node) => self.neighbour_gone(swarm, node),
            Command::Met(node, done) => {
                swarm.met(node);
                let _ = done.send(());
            }
            Command::Add(name, node, trust_new, reply) => {
                let _ = reply.send(swarm.add(name, node, trust_new));
                self.wake_jobs();
            }
            Command::Rename(name, done) => {
                self.parts.name.clone_from(&name);
                swarm.rename(name);
                self.publish_soon();
                let _ = done.send(());
            }
            Command::Keeps(keeps) => {
                swarm.own.set_keeps(keeps);
                self.publish_soon();
            }
            Command::CaughtUp(done) => {
                let _ = done.send(());
            }
            Command::Appear => {
                self.member(swarm, MembershipEvent::Appear);
                for (node, _, via) in swarm.peers.paths() {
                    self.may_know_others(swarm, node, via);
                }
            }
            Command::Leave(_) => unreachable!("handled by the loop"),
        }
    }

    fn tell_path(&self, swarm: &State, node: NodeId, straight: Option<Via>) {
        self.tell(NodeEvent::Path(PathInfo {
            node,
            name: swarm.peers.name(&node),
            via: straight.unwrap_or(Via::Relay),
            relay: self.parts.relay,
        }));
    }

    fn drop_peer(&mut self, swarm: &mut State, node: NodeId, why: String) {
        let name = swarm.peers.name(&node);
        self.tell(NodeEvent::PeerDropped { node, name, why });
        let net = self.parts.services.net.clone();
        tokio::spawn(async move { net.ban(node).await });
        self.member(swarm, MembershipEvent::Banned { node });
    }

    fn tell(&self, event: NodeEvent) {
        let _ = self.parts.events.send(event); // Nobody watches: fine.
    }

    /// Somebody came or went: others may follow.
    fn stir(&mut self, swarm: &mut State) {
        let now = swarm.now();
        swarm.peers.news(now);
        self.wake_jobs();
    }

    /// Wakes the jobs: who has what may have changed.
    fn wake_jobs(&self) {
        self.parts.changed.send_modify(|version| *version += 1);
    }

    fn status(&self, swarm: &State) -> Status {
        let (shared_files, shared_bytes) = swarm.own.of_user();
        Status {
            node: self.parts.services.net.node(),
            name: self.parts.name.clone(),
            addresses: self
                .parts
                .services
                .net
                .addresses()
                .iter()
                .map(SocketAddr::to_string)
                .collect(),
            peers: swarm.peers.len() as u32,
            servers: self.parts.services.meeting.servers(),
            dht: self.parts.services.meeting.dht().map(DhtInfo::from),
            shared_files,
            shared_bytes,
            safe: Safe {
                reading: !self.scanned,
                ..Safe::default()
            },
            resting_on: Vec::new(),
            replicas: Kept {
                received: self.parts.services.copied_in.load(Ordering::Relaxed),
                sent: self.parts.services.copied_out.load(Ordering::Relaxed),
                ..Kept::default()
            },
            leftovers: Leftovers::default(),
            scanning: swarm.scanning,
            downloads: self.parts.services.book.downloading(),
            received: self.parts.services.received.load(Ordering::Relaxed),
            sent: self.parts.services.sent.load(Ordering::Relaxed),
            turns: self.turns,
        }
    }

    /// Says goodbye three times (datagrams get lost) and closes everything.
    async fn leave(&mut self) {
        // Its last words to the servers are on their way while the others hear goodbye.
        let meeting = self.parts.services.meeting.clone();
        let _ = tokio::time::timeout(LAST_WORDS, meeting.stopped()).await;
        let swarm = self.parts.services.swarm.clone();
        // Nobody has heard of a hidden one.
        let hidden = swarm.turn().membership.is_hidden();
        let goodbyes = if hidden { 0 } else { 3 };
        // Those who were met through a server, or named by hand, hear no beacon.
        let peers: Vec<_> = swarm.turn().membership.connected().collect();
        let net = self.parts.services.net.clone();
        let told = peers
            .into_iter()
            .map(|node| net.request(node, Request::Goodbye));
        let told = tokio::time::timeout(LAST_WORDS, join_all(told));
        let said = async {
            for goodbye in 0..goodbyes {
                if goodbye > 0 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                let beacon = self.beacon(&swarm.turn(), Kind::Leave);
                self.parts.beacons.announce(beacon).await;
            }
        };
        let _ = tokio::join!(told, said);
        net.shutdown().await;
        self.keep_people_at_last().await;
        // Nobody is here any more.
        swarm.turn().peers = Peers::default();
    }
}
