//! What the server answers to the directory's requests.
//!
//! Never waits for the disk with the table in hand: changes go to a blocking thread in batches, and
//! the answers that depend on them wait for their batch.

use super::{
    ServerNews, record,
    wide::{self, Doubt, Wide},
};
use crate::{
    core::{id::NodeId, peer_servers::Said, rate::Rate},
    server::{
        desk::{Counter, Free, Overview, Question},
        directory::{Directory, Limits, SignUp, Verdict},
        net::{Load, PeerServer, Peers, ServerEvent},
        visitors::Visitors,
    },
    store::{DirectoryStore, OpenedDirectory, clock::unix_now},
    wire::directory::{Entry, MAX_ADDRESSES, MAX_PEOPLE, Request, Response, SignedClaim},
};
use serde_bytes::ByteBuf;
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// What one key may ask of the directory.
const PER_NODE: Rate = Rate {
    per_second: 4.0,
    burst: 60.0,
};
/// What one address may ask: some hundred nodes behind a router, all at once.
const PER_ADDRESS: Rate = Rate {
    per_second: 100.0,
    burst: 2000.0,
};
/// Sign-ups of one address: keys are free to make, and names are few.
const SIGN_UPS: Rate = Rate {
    per_second: 1.0 / 60.0,
    burst: 400.0,
};
/// What each of the servers that this one knows may ask: they pass on what their nodes ask.
const PER_PEER_SERVER: Rate = Rate {
    per_second: 100.0,
    burst: 1000.0,
};
/// How often unused names are looked for.
const TICK: Duration = Duration::from_secs(60);

/// Relayed bytes that are news.
const WORTH_TELLING: u64 = 1 << 20;

type Waiting = Vec<(oneshot::Sender<Response>, Response)>;

/// See the module.
pub struct Service {
    me: NodeId,
    begun: Instant,
    directory: Directory<SignedClaim>,
    visitors: Visitors,
    sign_ups: Visitors,
    /// The servers that this one knows, by their keys, and what is asked of them.
    known: BTreeSet<NodeId>,
    of_servers: Visitors,
    wide: Wide,
    /// From where each node is connected.
    connected: HashMap<NodeId, HashMap<u64, IpAddr>>,
    store: DirectoryStore,
    /// A batch on its way to the disk.
    writing: Option<JoinHandle<bool>>,
    written: Waiting,
    /// What waits for the next one.
    waiting: Waiting,
    news: mpsc::Sender<ServerNews>,
    /// The disk refused, and that was said.
    failing: bool,
    /// How often its owner is told how much goes on.
    report: Option<Duration>,
    load: Load,
    told: Load,
    connections: usize,
    counter: Counter,
}

impl Service {
    pub fn new(
        me: NodeId,
        opened: OpenedDirectory,
        news: mpsc::Sender<ServerNews>,
        report: Option<Duration>,
        counter: Counter,
        (known, peers): (&[PeerServer], Option<Peers>),
    ) -> Self {
        let mut directory = Directory::new(Limits::default());
        let mut lost = 0;
        for (_, bytes) in opened.records {
            let kept = record::read(&bytes, me).is_ok_and(|name| directory.recall(name));
            lost += usize::from(!kept);
        }
        if lost > 0 {
            let text = format!("{lost} names in the directory were damaged, and are free again");
            drop(news.try_send(ServerNews::Notice(text)));
        }
        let seed = unix_now();
        Self {
            me,
            begun: Instant::now(),
            directory,
            visitors: Visitors::new(PER_NODE, PER_ADDRESS, seed),
            sign_ups: Visitors::new(PER_NODE, SIGN_UPS, seed),
            known: known.iter().map(|server| server.key).collect(),
            of_servers: Visitors::new(PER_PEER_SERVER, PER_PEER_SERVER, seed),
            wide: Wide::new(peers),
            connected: HashMap::new(),
            store: opened.store,
            writing: None,
            written: Vec::new(),
            waiting: Vec::new(),
            news,
            failing: false,
            report,
            load: Load::default(),
            told: Load::default(),
            connections: 0,
            counter,
        }
    }

    /// Until the network ends.
    pub async fn run(&mut self, events: &mut mpsc::Receiver<ServerEvent>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut report = self.report.map(tokio::time::interval);
        loop {
            self.publish();
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.event(event),
                    None => return,
                },
                Some(question) = self.counter.questions.recv() => self.is_free(question),
                Some((doubt, said)) = self.wide.next() => self.resolved(doubt, said),
                done = async {
                    match &mut self.writing {
                        Some(writing) => writing.await,
                        None => std::future::pending().await,
                    }
                } => self.on_disk(done.unwrap_or(false)),
                _ = tick.tick() => self.directory.expire(unix_now()),
                () = async {
                    match &mut report {
                        Some(report) => drop(report.tick().await),
                        None => std::future::pending().await,
                    }
                } => self.report(),
            }
            self.write();
        }
    }

    /// Puts down what is still in memory.
    pub async fn close(&mut self) {
        while let Some(writing) = self.writing.take() {
            let done = writing.await.unwrap_or(false);
            self.on_disk(done);
            self.write();
        }
    }

    /// Shows how much goes on to those who look.
    fn publish(&self) {
        let now = Overview {
            load: self.load,
            connections: self.connections,
            names: self.directory.count(),
            failing: self.failing,
        };
        self.counter
            .now
            .send_if_modified(|shown| std::mem::replace(shown, now) != now);
    }

    fn is_free(&mut self, question: Question) {
        let Question { name, reply } = question;
        let answer = match self.directory.is_free(&name, unix_now()) {
            None => Free::NoName,
            Some(false) => Free::No,
            Some(true) if !self.wide.is_alone() => {
                let doubt = Doubt::Free(reply);
                if let Err(Doubt::Free(reply)) = self.wide.ask(name, doubt, self.begun.elapsed()) {
                    let _ = reply.send(Free::Busy);
                }
                return;
            }
            Some(true) => Free::Yes,
        };
        let _ = reply.send(answer); // Who asked may have gone.
    }

    /// Tells how much goes on, if that is news.
    fn report(&mut self) {
        let (load, told) = (self.load, self.told);
        // Circuits that only wait carry a little all the time.
        let much = load.relayed - told.relayed >= WORTH_TELLING;
        let relayed = told.relayed;
        // Each node that comes registers: that is not told twice.
        let registrations = told.registrations;
        let usual = Load {
            registrations,
            relayed,
            ..load
        };
        if much || usual != told {
            self.told = load;
            drop(self.news.try_send(ServerNews::Load(load)));
        }
    }

    fn event(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Load(load) => self.load = load,
            ServerEvent::Connected {
                node,
                connection,
                address,
            } => {
                let of = self.connected.entry(node).or_default();
                self.connections += usize::from(of.insert(connection, address).is_none());
                self.directory.arrived(node, unix_now());
            }
            ServerEvent::Closed { node, connection } => {
                if let Some(of) = self.connected.get_mut(&node) {
                    self.connections -= usize::from(of.remove(&connection).is_some());
                    if of.is_empty() {
                        self.connected.remove(&node);
                        self.directory.left(node, unix_now());
                    }
                }
            }
            ServerEvent::Seen(address) => drop(self.news.try_send(ServerNews::Seen(address))),
            ServerEvent::Asked {
                node,
                address,
                request,
                reply,
            } => {
                let now = self.begun.elapsed();
                let visitors = if self.known.contains(&node) {
                    &mut self.of_servers
                } else {
                    &mut self.visitors
                };
                let may = visitors.may_ask(node, address, now)
                    && (!matches!(request, Request::SignUp { .. })
                        || self.sign_ups.may_ask(node, address, now));
                let response = match (may, request) {
                    (false, _) => Response::Busy,
                    (true, Request::SignUp { claim }) => return self.sign_up(node, claim, reply),
                    (true, Request::Person { name, wide: true }) => {
                        return self.person(name, reply);
                    }
                    (true, request) => self.answer(node, request),
                };
                self.reply(reply, response);
            }
        }
    }

    /// What is done is said when it is on the disk.
    fn reply(&mut self, reply: oneshot::Sender<Response>, response: Response) {
        if response == Response::Done {
            self.waiting.push((reply, response));
        } else {
            let _ = reply.send(response); // The asker may have gone.
        }
    }

    fn answer(&mut self, node: NodeId, request: Request) -> Response {
        match request {
            Request::Enter { swarm } => {
                self.directory.enter(node, swarm.0);
                Response::Entered { time: unix_now() }
            }
            // See `sign_up`.
            Request::SignUp { .. } => Response::Busy,
            Request::Release { name } => verdict(self.directory.release(node, &name)),
            Request::People { pattern, after } => {
                let (pattern, after) = (pattern.as_deref(), after.as_deref());
                match self.directory.people(node, pattern, after, MAX_PEOPLE) {
                    Some((people, more)) => Response::People {
                        people: people.into_iter().map(|name| self.entry(name)).collect(),
                        more,
                    },
                    None => Response::Refused,
                }
            }
            Request::Person { name, .. } => self.narrow(&name),
            Request::Whence { node: whom } => {
                let may = self.directory.may_know(&node, &whom);
                let from = self.connected.get(&whom).filter(|_| may);
                let from: BTreeSet<IpAddr> = from
                    .into_iter()
                    .flat_map(HashMap::values)
                    .copied()
                    .collect();
                let octets = |ip| match ip {
                    IpAddr::V4(ip) => ByteBuf::from(ip.octets().to_vec()),
                    IpAddr::V6(ip) => ByteBuf::from(ip.octets().to_vec()),
                };
                let addresses = from.into_iter().take(MAX_ADDRESSES).map(octets).collect();
                Response::Whence { addresses }
            }
        }
    }

    /// A name that another key has, here or at a server that this one knows, is taken. Where they
    /// do not say so in time, it is not.
    fn sign_up(&mut self, node: NodeId, claim: SignedClaim, reply: oneshot::Sender<Response>) {
        let name = match record::name(claim, self.me, unix_now()) {
            Ok(name) if name.node == node => name,
            _ => return self.reply(reply, Response::Refused),
        };
        let own = self.directory.is_theirs(&name.name, &node);
        let free = self.directory.is_free(&name.name, unix_now()) == Some(true);
        if own || !free || self.wide.is_alone() {
            let response = verdict(self.directory.sign_up(name));
            return self.reply(reply, response);
        }
        let (text, now) = (name.name.clone(), self.begun.elapsed());
        let doubt = Doubt::SignUp(Box::new(name), reply);
        if let Err(Doubt::SignUp(_, reply)) = self.wide.ask(text, doubt, now) {
            self.reply(reply, Response::Busy);
        }
    }

    /// Who has a name: here, or else at the servers that this one knows.
    fn person(&mut self, name: String, reply: oneshot::Sender<Response>) {
        if self.directory.person(&name).is_some() || self.wide.is_alone() {
            let response = self.narrow(&name);
            return self.reply(reply, response);
        }
        let now = self.begun.elapsed();
        if let Err(Doubt::Person(reply)) = self.wide.ask(name, Doubt::Person(reply), now) {
            self.reply(reply, Response::Busy);
        }
    }

    fn narrow(&self, name: &str) -> Response {
        match self.directory.person(name) {
            Some(name) => Response::People {
                people: vec![self.entry(name)],
                more: false,
            },
            None => Response::Unknown,
        }
    }

    /// The servers that this one knows said whose a name is.
    fn resolved(&mut self, doubt: Doubt, said: Said<Entry>) {
        match doubt {
            Doubt::Person(reply) => self.reply(reply, wide::told(said)),
            Doubt::SignUp(name, reply) => {
                let response = if wide::is_taken(&said, &name.node) {
                    Response::Taken
                } else {
                    verdict(self.directory.sign_up(*name))
                };
                self.reply(reply, response);
            }
            Doubt::Free(reply) => {
                let free = said.found.is_empty();
                let _ = reply.send(if free { Free::Yes } else { Free::No });
            }
        }
    }

    fn entry(&self, name: &SignUp<SignedClaim>) -> Entry {
        let present = self.directory.is_present(&name.node);
        Entry {
            claim: name.claim.clone(),
            present,
            seen: if present { unix_now() } else { name.seen },
        }
    }

    /// Begins to write what changed, unless something is being written.
    fn write(&mut self) {
        if self.writing.is_some() {
            return;
        }
        let changes = self.directory.take_changes();
        if changes.is_empty() {
            for (reply, response) in self.waiting.drain(..) {
                let _ = reply.send(response);
            }
            return;
        }
        self.written = std::mem::take(&mut self.waiting);
        let store = self.store.clone();
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let records = changes.iter();
            let records: Vec<_> = records
                .map(|(key, name)| (key.clone(), name.as_ref().map(record::write)))
                .collect();
            let done = store.write(&records);
            if let Err(error) = &done {
                tracing::warn!(%error, "names could not be written down");
            }
            done.is_ok()
        }));
    }

    fn on_disk(&mut self, done: bool) {
        self.writing = None;
        if !done && !self.failing {
            let text = "the disk does not take the directory of names: make room; until then sign-ups are refused";
            drop(self.news.try_send(ServerNews::Notice(text.into())));
        }
        self.failing = !done;
        for (reply, response) in self.written.drain(..) {
            let _ = reply.send(if done { response } else { Response::Busy });
        }
    }
}

fn verdict(verdict: Verdict) -> Response {
    match verdict {
        Verdict::Done => Response::Done,
        Verdict::Taken => Response::Taken,
        Verdict::Unknown => Response::Unknown,
        Verdict::Full => Response::Busy,
    }
}
