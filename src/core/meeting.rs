//! Rendezvous servers: which to dial when, what to ask of them, whom to meet through them, and when
//! to leave them.
//!
//! Owns the entries of the configured servers and the table of nodes that they told of. Never opens
//! a socket, resolves a name or reads a clock: addresses and answers arrive as events, time is an
//! argument.
//!
//! Invariants: at most one dial a server is under way, and one question of each kind; a node that
//! is connected is not met; whatever servers and strangers say, the tables stay bounded; a server
//! whose key is not the one that was known is left.

mod event;
mod found;
mod homes;
mod known;
mod server;
#[cfg(test)]
mod tests;
mod visits;

use super::{Now, chance::Chance, id::NodeId, via::Via};
pub use event::{FoundServers, FoundWhere, Known, MeetingAction, MeetingInput, News};
pub use found::MAX_FOUND;
pub use homes::{HOMES, ranked};
use known::Nodes;
pub use known::{MAX_MET, MAX_PER_SERVER, MAX_WANTED};
use server::{ServerEntry, Stage};
use std::{collections::BTreeMap, time::Duration};

/// Configured servers.
pub const MAX_SERVERS: usize = 32;
/// Connected peers that are remembered; there are never so many.
const MAX_HERE: usize = 1024;
/// So long a straight path is tried before the person hears that there is none.
const PUNCHING: Duration = Duration::from_secs(5);
/// With the answer of one server, so long is waited for another one's.
const OTHERS: Duration = Duration::from_millis(500);
/// A server that is connected and says nothing for so long is not waited for.
const FIRST_WORD: Duration = Duration::from_secs(5);
/// A path by relay that held so long was of use.
const RELAYED: Duration = Duration::from_secs(30);
/// So does one that carried so many bytes.
const USEFUL: u64 = 512 << 10;
/// So long a node is connected straight before the servers are left.
const STANDS: Duration = Duration::from_secs(2);
/// So long they are kept after a person asked them something.
const NEEDED: Duration = Duration::from_secs(60);

/// How this node uses servers.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node.
    pub me: NodeId,
    /// The configured servers: at most [`MAX_SERVERS`].
    pub servers: Vec<Known>,
    /// Whether others are to find this node. One that only looks is not to be found.
    pub found: bool,
    /// Whether to leave the servers while a node is connected straight.
    pub leave: bool,
    /// The swarm's key; zeros for the public one. With it servers are ranked.
    pub swarm: [u8; 32],
    /// For choices.
    pub seed: u64,
}

/// A connected peer.
#[derive(Debug)]
struct ConnectedPeer {
    via: Via,
    since: Now,
    /// That there is no straight path was told.
    told: bool,
}

/// How a configured server does, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Its key, when it is known.
    pub server: Option<NodeId>,
    /// Whether it is joined, by this entry or by another one, or answered when it was visited.
    pub joined: bool,
    /// How many of the nodes that it told of are here.
    pub met: usize,
    /// Where it was found, if nobody configured it.
    pub found: Option<::core::net::SocketAddr>,
}

/// The machine.
#[derive(Debug)]
pub struct Meeting {
    config: Config,
    chance: Chance,
    now: Now,
    servers: Vec<ServerEntry>,
    nodes: Nodes,
    here: BTreeMap<NodeId, ConnectedPeer>,
    /// Since when a node is connected straight.
    straight: Option<Now>,
    /// Until when a person may ask the servers more.
    needed: Now,
    begun: Now,
    /// It was decided at which of many servers this node is found.
    chosen: bool,
}

impl Meeting {
    /// Nothing is done before the first [`MeetingInput::Tick`].
    #[must_use]
    pub fn new(mut config: Config, now: Now) -> Self {
        config.servers.truncate(MAX_SERVERS);
        let home = config.servers.len() <= HOMES;
        let entry = |known: &Known| ServerEntry {
            home,
            ..ServerEntry::new(*known, now)
        };
        Self {
            chance: Chance::new(config.seed),
            now,
            servers: config.servers.iter().map(entry).collect(),
            nodes: Nodes::new(config.servers.len()),
            here: BTreeMap::new(),
            straight: None,
            needed: now,
            begun: now,
            chosen: false,
            config,
        }
    }

    /// Takes in one event.
    pub fn handle(&mut self, event: MeetingInput, now: Now) -> Vec<MeetingAction> {
        self.now = self.now.max(now);
        let now = self.now;
        let mut out = Vec::new();
        match event {
            MeetingInput::Resolved { place, addresses } => {
                self.resolved(place, addresses, &mut out);
            }
            MeetingInput::Connected { server, address } => {
                self.connected(server, address, &mut out);
            }
            MeetingInput::Failed { server, addresses } => self.failed(server, &addresses),
            MeetingInput::Lost { server } => self.lost(&server, &mut out),
            MeetingInput::Here { node, via } => self.peer_here(node, via, &mut out),
            MeetingInput::Gone { node, carried } => {
                if let Some(here) = self.here.remove(&node) {
                    let wait = self.config.found && node < self.config.me;
                    // A server may end a circuit after few bytes, however fast they went.
                    let held = now.saturating_sub(here.since) >= RELAYED || carried >= USEFUL;
                    if here.via == Via::Relay && !held {
                        self.nodes.broke(&node, now, &mut self.chance);
                    } else {
                        self.nodes.gone(&node, wait, now, &mut self.chance);
                    }
                }
            }
            MeetingInput::NotMet { node } => self.nodes.failed(&node, now, &mut self.chance),
            MeetingInput::Punched { node, yes } => {
                let relayed = |here: &&mut ConnectedPeer| here.via == Via::Relay && !here.told;
                if let (false, Some(here)) = (yes, self.here.get_mut(&node).filter(relayed)) {
                    here.told = true;
                    out.push(MeetingAction::Tell(News::Relayed { node }));
                }
            }
            MeetingInput::Wanted { node } => {
                if node != self.config.me && !self.here.contains_key(&node) {
                    self.nodes.wanted(node, now);
                    self.come_back();
                }
            }
            MeetingInput::Entered { server, .. }
            | MeetingInput::Reserved { server, .. }
            | MeetingInput::Registered { server, .. }
            | MeetingInput::Discovered { server, .. } => self.answered(&server, event),
            MeetingInput::Found(found) => self.found(found),
            MeetingInput::Needed => {
                self.needed = now + NEEDED;
                self.come_back();
            }
            MeetingInput::Tick => {}
        }
        self.nodes.expire(now, &mut self.chance);
        self.tell_relayed(&mut out);
        self.leave_or_return(&mut out);
        self.choose_homes(&mut out);
        self.tend_visits(&mut out);
        self.tend_servers(&mut out);
        self.meet(&mut out);
        out
    }

    /// When [`MeetingInput::Tick`] should come at the latest; `None` when only an event can change
    /// anything.
    #[must_use]
    pub fn next_tick(&self) -> Option<Now> {
        let joined = self.joined();
        let servers = self.servers.iter().filter_map(ServerEntry::next);
        let nodes = self.nodes.next(&joined, self.now);
        let tell = |here: &ConnectedPeer| {
            (here.via == Via::Relay && !here.told).then_some(here.since + PUNCHING)
        };
        let told = self.here.values().filter_map(tell).min();
        let leave = self.straight.map(|since| (since + STANDS).max(self.needed));
        let leave = leave.filter(|at| self.config.leave && *at > self.now);
        let visit = self.next_visit();
        let each = servers.chain(nodes).chain(told);
        each.chain(leave).chain(visit).min()
    }

    /// The servers that are joined, each once.
    #[must_use]
    pub fn joined(&self) -> Vec<NodeId> {
        let joined = self.servers.iter().filter_map(ServerEntry::joined);
        joined.map(|joined| joined.server).collect()
    }

    /// The configured servers, in their order, and behind them those that were found.
    #[must_use]
    pub fn view(&self) -> Vec<View> {
        let view = |entry: &ServerEntry| {
            let server = entry.known.key;
            View {
                server,
                joined: match &entry.stage {
                    Stage::Joined(_) | Stage::Double => true,
                    _ => !entry.home && entry.visits > 0 && entry.failures == 0,
                },
                met: server.map_or(0, |server| self.nodes.met_through(&server)),
                found: entry
                    .found
                    .as_ref()
                    .and_then(|found| found.at.first().copied()),
            }
        };
        self.servers.iter().map(view).collect()
    }

    /// Whether a server was not tried yet, or is visited for a person: it may be joined in a
    /// moment.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        let needed = self.now < self.needed;
        let coming = |entry: &ServerEntry| {
            !entry.home
                && entry.failures == 0
                && !matches!(entry.stage, Stage::Joined(_) | Stage::Double)
        };
        let mut servers = self.servers.iter();
        servers.any(|entry| !entry.tried || needed && coming(entry))
    }

    /// Whether a node may be here in a moment: a server was not heard yet, or a node is being met
    /// for the first time.
    #[must_use]
    pub fn expects_somebody(&self) -> bool {
        let answers = self.servers.iter().filter_map(ServerEntry::joined);
        let first = answers.filter_map(|joined| joined.discovered).min();
        let patient = first.is_none_or(|at| self.now < at + self.patience());
        let unheard = |entry: &ServerEntry| match &entry.stage {
            Stage::Joined(joined) => {
                joined.discovered.is_none() && self.now < joined.since + FIRST_WORD
            }
            Stage::Idle { .. } | Stage::Resolving { .. } | Stage::Dialing { .. } => !entry.tried,
            Stage::Double | Stage::Away => false,
        };
        (patient && self.servers.iter().any(unheard))
            || self.nodes.expects(&self.joined(), self.met() >= MAX_MET)
    }

    /// Peers that are here thanks to a server.
    fn met(&self) -> usize {
        let of = |(node, here): &(&NodeId, &ConnectedPeer)| {
            here.via != Via::Lan && self.nodes.knows(node)
        };
        self.here.iter().filter(of).count()
    }

    fn peer_here(&mut self, node: NodeId, via: Via, out: &mut Vec<MeetingAction>) {
        if !self.here.contains_key(&node) && self.here.len() >= MAX_HERE {
            return;
        }
        let since = self.now;
        let fresh = || ConnectedPeer {
            via,
            since,
            told: false,
        };
        let here = self.here.entry(node).or_insert_with(fresh);
        if via == Via::Relay && here.via != Via::Relay {
            here.since = since;
        }
        here.via = via;
        if via != Via::Relay && std::mem::take(&mut here.told) {
            out.push(MeetingAction::Tell(News::Straight { node, via }));
        }
        self.nodes.here(&node);
    }

    fn tell_relayed(&mut self, out: &mut Vec<MeetingAction>) {
        for (node, here) in &mut self.here {
            let late = here.via == Via::Relay && self.now >= here.since + PUNCHING;
            if late && !std::mem::replace(&mut here.told, true) {
                out.push(MeetingAction::Tell(News::Relayed { node: *node }));
            }
        }
    }

    /// Goes back to servers that were left.
    fn come_back(&mut self) {
        for entry in &mut self.servers {
            if matches!(entry.stage, Stage::Away) {
                entry.hurry(self.now, &mut self.chance);
            }
        }
    }

    fn leave_or_return(&mut self, out: &mut Vec<MeetingAction>) {
        if !self.here.values().any(|here| here.via != Via::Relay) {
            self.straight = None;
            return self.come_back();
        }
        let since = *self.straight.get_or_insert(self.now);
        // A relayed node needs the server, and so does one that is on the way.
        let needed = self.here.values().any(|here| here.via == Via::Relay)
            || self.nodes.under_way() > 0
            || self.nodes.wants()
            || self.now < self.needed
            || self.servers.iter().any(|entry| match &entry.stage {
                Stage::Joined(joined) => joined.discovered.is_none(),
                _ => !entry.tried,
            });
        if !self.config.leave || needed || self.now < since + STANDS {
            return;
        }
        for (number, entry) in self.servers.iter_mut().enumerate() {
            if let Some(joined) = entry.joined() {
                let server = joined.server;
                if self.config.found {
                    out.push(MeetingAction::Unregister(server));
                }
                out.push(MeetingAction::Leave(server));
                out.push(MeetingAction::Tell(News::Left { place: number }));
            }
            entry.stage = Stage::Away;
        }
    }

    fn tend_servers(&mut self, out: &mut Vec<MeetingAction>) {
        let now = self.now;
        for (number, entry) in self.servers.iter_mut().enumerate() {
            out.extend(entry.begin(number, now, &mut self.chance));
            let away = matches!(entry.stage, Stage::Idle { .. }) && entry.failures > 0;
            if away && entry.wrong.is_none() && !std::mem::replace(&mut entry.told, true) {
                out.push(MeetingAction::Tell(News::Unreachable { place: number }));
            }
            entry.duties(now, &mut self.chance, out);
        }
    }

    fn meet(&mut self, out: &mut Vec<MeetingAction>) {
        let (joined, met) = (self.joined(), self.met());
        let meetings = self.nodes.meet(&joined, met, self.now, &mut self.chance);
        for (node, servers) in meetings {
            out.push(MeetingAction::Meet { node, servers });
        }
    }
}
