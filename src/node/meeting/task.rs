//! The task between the network, the actor and `core::meeting`.
//!
//! Owns the machine's clock and what its actions take: names are resolved, servers asked, keys
//! written down. Invariant: it waits only for what comes and for the next tick; everything slow
//! runs in a task of its own, of which the machine has one a server and kind at a time.

use super::{Address, Input, Setup, View, path_news};
use crate::{
    core::{
        id::NodeId,
        meeting::{self, Config, Known, Meeting, MeetingAction, MeetingInput, News},
    },
    net::{MeetingEvent, timers::calm},
    node::{
        api::{NodeEvent, ServerInfo, ServerNews, ServerState},
        command::Command,
    },
    wire::directory::{Request, Response, namespace, tag},
};
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::{sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long a name may take.
const RESOLVE: Duration = Duration::from_secs(10);
/// While somebody is expected, it is looked so often whether that still holds.
const LOOK: Duration = Duration::from_millis(100);
/// Addresses of one server.
const MAX_ADDRESSES: usize = 8;

pub struct Task {
    setup: Setup,
    machine: Meeting,
    started: Instant,
    inbox: mpsc::Sender<Input>,
    publish: watch::Sender<View>,
    entered: BTreeSet<NodeId>,
    /// Something is being looked up in the DHT.
    looking: bool,
    /// What concerns other namespaces.
    codes: broadcast::Sender<MeetingEvent>,
}

impl Task {
    pub fn new(
        setup: Setup,
        inbox: mpsc::Sender<Input>,
        publish: watch::Sender<View>,
        codes: broadcast::Sender<MeetingEvent>,
    ) -> Self {
        let known = |server: &Address| {
            let mut learned = setup.learned.iter().rev();
            let learned = learned.find(|(host, _)| *host == server.host);
            Known {
                key: server.key.or(learned.map(|(_, key)| *key)),
                named: server.key.is_some(),
            }
        };
        let config = Config {
            me: setup.net.node(),
            servers: setup.servers.iter().map(known).collect(),
            found: setup.found,
            leave: setup.leave,
            swarm: setup.swarm_key.unwrap_or_default(),
            seed: setup.seed,
        };
        let task = Self {
            machine: Meeting::new(config, Duration::ZERO),
            setup,
            started: Instant::now(),
            inbox,
            publish,
            entered: BTreeSet::new(),
            looking: false,
            codes,
        };
        task.show();
        task
    }

    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>, stop: CancellationToken) {
        self.event(MeetingInput::Tick).await;
        loop {
            let tick = self.machine.next_tick().map(|at| self.started + at);
            let look = self
                .machine
                .expects_somebody()
                .then(|| Instant::now() + LOOK);
            let due = [tick, look].into_iter().flatten().min();
            tokio::select! {
                () = stop.cancelled() => break,
                input = inputs.recv() => match input {
                    Some(input) => self.input(input).await,
                    None => break,
                },
                () = sleep_until(due.map_or_else(Instant::now, calm).into()), if due.is_some() => {
                    self.event(MeetingInput::Tick).await;
                }
            }
        }
        if self.setup.found {
            // Nobody is to look for this node any more.
            for server in self.machine.joined() {
                let namespace = self.namespace(&server);
                self.setup.net.unregister(server, namespace).await;
            }
        }
    }

    fn namespace(&self, server: &NodeId) -> String {
        namespace(self.setup.swarm_key.as_ref(), server)
    }

    async fn input(&mut self, input: Input) {
        let event = match input {
            Input::Event(event) => event,
            Input::Needed(known) => {
                self.event(MeetingInput::Needed).await;
                let _ = known.send(()); // Whoever asks may have gone.
                return;
            }
            Input::Resolved(place, Ok(addresses)) => {
                self.resolved(place, Ok(&addresses));
                MeetingInput::Resolved { place, addresses }
            }
            Input::Resolved(place, Err(why)) => {
                self.resolved(place, Err(&why));
                let addresses = Vec::new();
                MeetingInput::Resolved { place, addresses }
            }
            Input::Looking(looking) => {
                self.looking = looking;
                MeetingInput::Tick
            }
            Input::Net(event) => match self.net(event) {
                Some(event) => event,
                None => return,
            },
        };
        self.event(event).await;
    }

    /// What the network tells, in the machine's words.
    fn net(&mut self, event: MeetingEvent) -> Option<MeetingInput> {
        let ours = |server: &NodeId, namespace: &str| self.namespace(server) == namespace;
        Some(match event {
            MeetingEvent::Connected { server, address } => {
                self.setup.named.reached(address);
                MeetingInput::Connected { server, address }
            }
            MeetingEvent::Failed {
                server,
                addresses,
                why,
            } => {
                self.setup.named.failed(&addresses, &why);
                MeetingInput::Failed { server, addresses }
            }
            MeetingEvent::Lost { server } => {
                self.entered.remove(&server);
                MeetingInput::Lost { server }
            }
            MeetingEvent::Reserved { server } => {
                let yes = true;
                MeetingInput::Reserved { server, yes }
            }
            MeetingEvent::Unreserved { server, why } => {
                tracing::info!(server = %server.short(), "no relaying to this node: {why}");
                let yes = false;
                MeetingInput::Reserved { server, yes }
            }
            MeetingEvent::Registered {
                server,
                namespace,
                ttl,
            } if ours(&server, &namespace) => {
                let ttl = Some(ttl);
                MeetingInput::Registered { server, ttl }
            }
            MeetingEvent::NotRegistered {
                server,
                namespace,
                why,
            } if ours(&server, &namespace) => {
                tracing::info!(server = %server.short(), "not registered: {why}");
                let ttl = None;
                MeetingInput::Registered { server, ttl }
            }
            MeetingEvent::Discovered {
                server,
                namespace,
                nodes,
            } if ours(&server, &namespace) => {
                let nodes = Some(if self.setup.hidden { vec![] } else { nodes });
                MeetingInput::Discovered { server, nodes }
            }
            MeetingEvent::NotDiscovered {
                server,
                namespace,
                why,
            } if ours(&server, &namespace) => {
                tracing::info!(server = %server.short(), "who is there is not said: {why}");
                let nodes = None;
                MeetingInput::Discovered { server, nodes }
            }
            MeetingEvent::Punched { node, yes } => MeetingInput::Punched { node, yes },
            // Another namespace is a code's; addresses are for `doctor`.
            other => {
                let _ = self.codes.send(other); // Nobody pairs: fine.
                return None;
            }
        })
    }

    async fn event(&mut self, event: MeetingInput) {
        if let MeetingInput::Entered { server, yes: true } = &event {
            self.entered.insert(*server);
        }
        let actions = self.machine.handle(event, self.started.elapsed());
        for action in actions {
            self.act(action).await;
        }
        self.show();
    }

    /// Telling the driver takes no longer than it takes to take it in.
    async fn act(&mut self, action: MeetingAction) {
        let net = &self.setup.net;
        match action {
            MeetingAction::Resolve { place } => self.resolve(place),
            MeetingAction::Dial { server, addresses } => net.join(server, addresses).await,
            MeetingAction::Enter(server) => self.enter(server),
            MeetingAction::Reserve(server) => net.reserve(server).await,
            MeetingAction::Register(server) => net.register(server, self.namespace(&server)).await,
            MeetingAction::Unregister(server) => {
                net.unregister(server, self.namespace(&server)).await;
            }
            MeetingAction::Discover(server) => net.discover(server, self.namespace(&server)).await,
            MeetingAction::Meet { node, servers } => net.meet(node, servers).await,
            MeetingAction::Leave(server) => {
                self.entered.remove(&server);
                net.leave_server(server).await;
            }
            MeetingAction::EndVisit(server) => {
                self.entered.remove(&server);
                net.end_visit(server).await;
            }
            MeetingAction::Tell(news) => self.told(news).await,
        }
    }

    fn resolve(&self, place: usize) {
        let Some(server) = self.setup.servers.get(place) else {
            return;
        };
        let (host, inbox) = (server.host.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let found = timeout(RESOLVE, tokio::net::lookup_host(&host)).await;
            let found = match found {
                Ok(Ok(found)) => {
                    let usable = found.filter(|at| is_host(at.ip()));
                    let all: Vec<SocketAddr> = usable.take(MAX_ADDRESSES).collect();
                    let none = || "its name leads to no address".to_owned();
                    if all.is_empty() { Err(none()) } else { Ok(all) }
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("its name is not found out in time".to_owned()),
            };
            let _ = inbox.send(Input::Resolved(place, found)).await;
        });
    }

    fn enter(&self, server: NodeId) {
        let swarm = tag(self.setup.swarm_key.as_ref(), &server);
        let (net, inbox) = (self.setup.net.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let answer = net.ask_server(server, Request::Enter { swarm }).await;
            let yes = matches!(answer, Ok(Response::Entered { .. }));
            if !yes {
                tracing::debug!(server = %server.short(), ?answer, "not entered");
            }
            let entered = MeetingInput::Entered { server, yes };
            let _ = inbox.send(Input::Event(entered)).await;
        });
    }

    async fn told(&mut self, news: News) {
        if let Some((node, via)) = path_news(&news) {
            // The actor never waits for this task.
            let path = Command::PathNews(node, via);
            let _ = self.setup.commands.send(path).await;
            return;
        }
        let (place, state) = match news {
            News::Joined { place, server } => {
                self.remember(place, server);
                (place, ServerState::Joined)
            }
            News::Lost { place } => (place, ServerState::Lost),
            News::Left { place } => (place, ServerState::Left),
            News::Unreachable { place } => {
                let host = self.setup.servers.get(place).map(|at| at.host.as_str());
                let why = self.setup.named.why(host.unwrap_or_default());
                (place, ServerState::Unreachable(why))
            }
            News::NewKey { place, known, now } => (place, ServerState::NewKey { known, now }),
            News::Relayed { .. } | News::Straight { .. } => return,
        };
        let view = self.machine.view().get(place).copied();
        let Some(address) = view.and_then(|view| self.address(place, &view)) else {
            return;
        };
        let news = ServerNews {
            address,
            server: view.and_then(|view| view.server),
            state,
        };
        let _ = self.setup.events.send(NodeEvent::Server(news)); // Nobody watches: fine.
    }

    fn resolved(&self, place: usize, found: Result<&[SocketAddr], &str>) {
        if let Some(server) = self.setup.servers.get(place) {
            self.setup.named.resolved(&server.host, found);
        }
    }

    fn remember(&self, place: usize, server: NodeId) {
        let Some(address) = self.setup.servers.get(place) else {
            return;
        };
        let (file, host) = (self.setup.file.clone(), address.host.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = file.remember(&host, server) {
                tracing::warn!(%error, "the key of a rendezvous server cannot be written down");
            }
        });
    }

    /// How a server was configured, or where it was found.
    fn address(&self, place: usize, view: &meeting::View) -> Option<String> {
        let configured = self.setup.servers.get(place);
        let configured = configured.map(|address| address.host.clone());
        configured.or_else(|| view.found.map(|at| at.to_string()))
    }

    fn show(&self) {
        let servers = self.machine.view();
        let found = servers
            .iter()
            .filter(|view| view.found.is_some() && view.joined);
        let found = found.count();
        let servers = servers.iter().enumerate().filter_map(|(place, view)| {
            Some(ServerInfo {
                address: self.address(place, view)?,
                server: view.server,
                joined: view.joined,
                met: view.met as u32,
            })
        });
        let joined = self.machine.joined();
        let entered = self.entered.iter().filter(|key| joined.contains(key));
        let fresh = View {
            expects: self.looking || self.machine.expects_somebody(),
            starting: self.machine.is_starting(),
            servers: servers.collect(),
            found,
            entered: entered.copied().collect(),
            found_at: self.machine.found_at(),
        };
        self.publish.send_if_modified(|view| {
            let changed = *view != fresh;
            *view = fresh;
            changed
        });
    }
}

fn is_host(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast()
}
