//! Rendezvous servers, as the node uses them: the task that runs `core::meeting`, and the way to
//! ask it things.
//!
//! Decides nothing that the machine can decide. Invariants: without a configured server and without
//! `--dht` there is no task and nothing is sent anywhere; the actor never waits for the task (what does not fit its
//! queue is lost, and the machine's own deadlines make up for it).

mod address;
mod codes;
mod seek;
mod task;

pub use address::{Address, parse_all};

use super::api::ServerInfo;
use crate::{
    core::{
        dht::SeekInput,
        doctor,
        id::NodeId,
        meeting::{HOMES, MeetingInput, News},
        via::Via,
    },
    net::{MeetingEvent, Net},
    node::{api::NodeEvent, command::Command, reach::Named},
    store::ServersFile,
    wire::signer::Signer,
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::timeout_at,
};
use tokio_util::sync::CancellationToken;

/// What the task may be behind. Peers come and go far more slowly.
const INBOX: usize = 1024;
/// With one server joined, so long is waited for the others.
const OTHERS: Duration = Duration::from_millis(700);
/// The same where there are some that are only visited.
const VISITED: Duration = Duration::from_secs(3);

/// What reaches the task.
pub enum Input {
    /// Something at a server, as the network tells it.
    Net(MeetingEvent),
    /// Something else.
    Event(MeetingInput),
    /// A person asks something of the servers. Answered when that is known.
    Needed(oneshot::Sender<()>),
    /// Where a server is, or why that is not known.
    Resolved(usize, Result<Vec<SocketAddr>, String>),
    /// Whether something is being looked up in the DHT.
    Looking(bool),
}

/// What everybody may see of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Somebody may be here in a moment.
    pub expects: bool,
    /// Some server was not even tried yet.
    pub starting: bool,
    /// The configured servers.
    pub servers: Vec<ServerInfo>,
    /// How many of them were found, and answered.
    pub found: usize,
    /// Those that know in which swarm this node is.
    pub entered: Vec<NodeId>,
    /// Where those are at which this node is found.
    pub found_at: Vec<(NodeId, Vec<SocketAddr>)>,
}

/// What the task works with.
pub struct Setup {
    pub net: Net,
    pub servers: Vec<Address>,
    /// What became of them.
    pub named: Named,
    /// The keys that earlier runs learned.
    pub learned: Vec<(String, NodeId)>,
    pub file: ServersFile,
    pub swarm_key: Option<[u8; 32]>,
    /// Whether others are to find this node.
    pub found: bool,
    /// Whether to leave the servers while somebody is connected straight.
    pub leave: bool,
    /// Whether to meet nobody but by a code.
    pub hidden: bool,
    pub seed: u64,
    /// How to find servers and people by the DHT: its entries, and the key to publish with.
    pub dht: Option<(Vec<String>, Signer)>,
    pub events: broadcast::Sender<NodeEvent>,
    pub commands: mpsc::Sender<Command>,
}

/// The way to the task. Clones lead to the same one.
#[derive(Clone)]
pub struct Meeting {
    inbox: Option<mpsc::Sender<Input>>,
    /// What looks things up in the DHT.
    seek: Option<mpsc::Sender<SeekInput>>,
    /// How it goes there.
    dht: Option<watch::Receiver<(u64, doctor::Dht)>>,
    view: watch::Receiver<View>,
    /// None without a server, and without the DHT.
    codes: Option<codes::Codes>,
    stopped: CancellationToken,
}

impl Meeting {
    /// Starts the task, if there is a server, or the DHT to find one.
    pub fn start(mut setup: Setup, stop: &CancellationToken) -> Self {
        let (publish, view) = watch::channel(View::default());
        let stopped = CancellationToken::new();
        if setup.servers.is_empty() && setup.dht.is_none() {
            stopped.cancel();
            return Self {
                inbox: None,
                seek: None,
                dht: None,
                view,
                codes: None,
                stopped,
            };
        }
        let (inbox, inputs) = mpsc::channel(INBOX);
        let codes = codes::Codes {
            net: setup.net.clone(),
            swarm_key: setup.swarm_key,
            news: broadcast::channel(codes::NEWS).0,
            inbox: inbox.clone(),
        };
        let seek = setup.dht.take().map(|(bootstrap, signer)| {
            let setup = seek::Setup {
                net: setup.net.clone(),
                bootstrap,
                signer,
                swarm_key: setup.swarm_key,
                published: setup.found,
                seed: setup.seed.rotate_left(32),
                view: view.clone(),
                found: inbox.clone(),
            };
            seek::start(setup, stop)
        });
        let (seek, dht) = seek.unzip();
        let task = task::Task::new(setup, inbox.clone(), publish, codes.news.clone());
        let (stop, ended) = (stop.clone(), stopped.clone());
        tokio::spawn(async move {
            task.run(inputs, stop).await;
            ended.cancel();
        });
        Self {
            inbox: Some(inbox),
            seek,
            dht,
            view,
            codes: Some(codes),
            stopped,
        }
    }

    fn tell(&self, input: Input) {
        if let Some(inbox) = &self.inbox
            && inbox.try_send(input).is_err()
        {
            tracing::debug!("news for the rendezvous servers' task are lost");
        }
    }

    fn seek(&self, input: SeekInput) {
        if let Some(seek) = &self.seek
            && seek.try_send(input).is_err()
        {
            tracing::debug!("news for the DHT's task are lost");
        }
    }

    /// Something happened at a server. Never waits; nor do those below.
    pub fn heard(&self, event: MeetingEvent) {
        self.tell(Input::Net(event));
    }

    /// A node is connected, or its path changed.
    pub fn here(&self, node: NodeId, via: Via) {
        self.tell(Input::Event(MeetingInput::Here { node, via }));
        self.seek(SeekInput::Here(node));
    }

    /// A node's last connection is gone, which carried so many bytes.
    pub fn gone(&self, node: NodeId, carried: u64) {
        self.tell(Input::Event(MeetingInput::Gone { node, carried }));
        self.seek(SeekInput::Gone(node));
    }

    /// A node could not be reached.
    pub fn not_met(&self, node: NodeId) {
        self.tell(Input::Event(MeetingInput::NotMet { node }));
    }

    /// A person wants to reach this node.
    pub fn want(&self, node: NodeId) {
        self.tell(Input::Event(MeetingInput::Wanted { node }));
        self.seek(SeekInput::Wanted(node));
    }

    /// What is known of the servers, as it changes.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// The configured servers.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerInfo> {
        self.view.borrow().servers.clone()
    }

    /// What is known of the DHT; `None` without `--dht`.
    #[must_use]
    pub fn dht(&self) -> Option<doctor::Dht> {
        let known = self.dht.as_ref()?.borrow().1.clone();
        let joined = self.view.borrow().found;
        Some(doctor::Dht { joined, ..known })
    }

    /// The same, once it answered again, or did not, or `wait` is over.
    pub async fn ask_dht(&self, wait: Duration) -> Option<doctor::Dht> {
        let mut dht = self.dht.clone()?;
        let before = dht.borrow().0;
        self.seek(SeekInput::Asked);
        let again = dht.wait_for(|(times, _)| *times > before);
        let _ = tokio::time::timeout(wait, again).await;
        self.dht()
    }

    /// Whether any is configured, or may be found.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.inbox.is_some()
    }

    /// Waits at most `wait` for servers that can be asked, and a moment longer for the others.
    /// Gives each with how it was written.
    pub async fn entered(&self, wait: Duration) -> Vec<(NodeId, String)> {
        let until = Instant::now() + wait;
        let (known, heard) = oneshot::channel();
        self.tell(Input::Needed(known));
        let _ = timeout_at(until.into(), heard).await;
        let mut view = self.view.clone();
        let servers = view.borrow().servers.len();
        let others = if servers > HOMES { VISITED } else { OTHERS };
        let one = |view: &View| !view.entered.is_empty();
        let all = |view: &View| !view.starting && view.entered.len() >= view.joined();
        let joined = timeout_at(until.into(), view.wait_for(one)).await;
        if joined.is_ok_and(|joined| joined.is_ok()) {
            let until = until.min(Instant::now() + others);
            let _ = timeout_at(until.into(), view.wait_for(all)).await;
        }
        let view = view.borrow();
        let name = |server: &NodeId| {
            let mut servers = view.servers.iter();
            let known = servers.find(|info| info.server == Some(*server));
            known.map_or_else(|| server.short(), |info| info.address.clone())
        };
        view.entered.iter().map(|key| (*key, name(key))).collect()
    }

    /// Waits until what is registered was taken back, after the node was told to stop.
    pub async fn stopped(&self) {
        self.stopped.cancelled().await;
    }
}

impl View {
    fn joined(&self) -> usize {
        let keys = self.servers.iter().filter(|server| server.joined);
        let keys: std::collections::BTreeSet<_> = keys.map(|server| server.server).collect();
        keys.len()
    }
}

/// What the actor is to tell, because it knows names.
pub type PathNews = (NodeId, Option<Via>);

fn path_news(news: &News) -> Option<PathNews> {
    match news {
        News::Relayed { node } => Some((*node, None)),
        News::Straight { node, via } => Some((*node, Some(*via))),
        _ => None,
    }
}
