//! Several machines and several servers, in virtual time.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// One way.
const TRIP: Duration = Duration::from_millis(20);

/// What a server keeps, and what it was asked.
#[derive(Default)]
pub(super) struct Host {
    pub(super) down: bool,
    /// It takes registrations, and tells nobody of them.
    pub(super) silent: bool,
    registered: BTreeMap<NodeId, u64>,
    reserved: BTreeSet<NodeId>,
    next: u64,
    /// Connections that were made, questions for who is there, and records that were told.
    pub(super) joins: usize,
    pub(super) discovers: usize,
    pub(super) records: usize,
}

impl Host {
    pub(super) fn registrations(&self) -> usize {
        self.registered.len()
    }

    fn left(&mut self, node: &NodeId) {
        self.registered.remove(node);
        self.reserved.remove(node);
    }
}

pub(super) struct Player {
    pub(super) me: NodeId,
    machine: Meeting,
    /// Which server is meant by each place.
    list: Vec<usize>,
    connected: BTreeSet<usize>,
    read: BTreeMap<usize, u64>,
    pub(super) here: BTreeSet<NodeId>,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) now: Now,
    pub(super) hosts: Vec<Host>,
    pub(super) players: Vec<Player>,
    mail: BTreeMap<(Now, u64), (usize, MeetingInput)>,
    sent: u64,
}

fn at(host: usize) -> SocketAddr {
    SocketAddr::from(([10, 1, 0, host as u8], 12000))
}

pub(super) fn host(n: usize) -> NodeId {
    NodeId(*blake3::hash(&n.to_be_bytes()).as_bytes())
}

pub(super) fn player(n: usize) -> NodeId {
    NodeId(*blake3::hash(&(1000 + n).to_be_bytes()).as_bytes())
}

impl World {
    pub(super) fn new(hosts: usize) -> Self {
        Self {
            hosts: (0..hosts).map(|_| Host::default()).collect(),
            ..Self::default()
        }
    }

    /// A node comes that was told of these servers.
    pub(super) fn join(&mut self, list: &[usize], found: bool) -> usize {
        let number = self.players.len();
        self.arrive(list, list.len(), found);
        self.event(number, MeetingInput::Tick);
        number
    }

    /// A node comes that finds these servers, and was told of none.
    pub(super) fn join_found(&mut self, list: &[usize], found: bool) -> usize {
        let number = self.players.len();
        self.arrive(&[], 0, found);
        self.tell(number, list);
        number
    }

    /// A node finds these servers.
    pub(super) fn tell(&mut self, number: usize, list: &[usize]) {
        let servers = list.iter().map(|n| (host(*n), vec![at(*n)])).collect();
        let told = FoundWhere::OfSwarm;
        let found = FoundServers { servers, told };
        self.event(number, MeetingInput::Found(found));
    }

    fn arrive(&mut self, list: &[usize], named: usize, found: bool) {
        let number = self.players.len();
        let me = player(number);
        let config = Config {
            me,
            servers: vec![Known::default(); named],
            found,
            seed: number as u64,
            ..config(0)
        };
        self.players.push(Player {
            me,
            machine: Meeting::new(config, self.now),
            list: list.to_vec(),
            connected: BTreeSet::new(),
            read: BTreeMap::new(),
            here: BTreeSet::new(),
        });
    }

    /// A server ends.
    pub(super) fn kill(&mut self, dead: usize) {
        self.hosts[dead] = Host {
            down: true,
            ..Host::default()
        };
        for number in 0..self.players.len() {
            if self.players[number].connected.remove(&dead) {
                let server = host(dead);
                self.post(number, TRIP, MeetingInput::Lost { server });
            }
        }
    }

    pub(super) fn revive(&mut self, host: usize) {
        self.hosts[host].down = false;
    }

    fn post(&mut self, to: usize, after: Duration, event: MeetingInput) {
        self.sent += 1;
        self.mail.insert((self.now + after, self.sent), (to, event));
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let mail = self.mail.first_key_value().map(|((at, _), _)| *at);
            let ticks = self.players.iter().enumerate();
            let ticks = ticks.filter_map(|(n, player)| Some((player.machine.next_tick()?, n)));
            let tick = ticks.min();
            let next = [mail, tick.map(|(at, _)| at)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            match (mail, tick) {
                (Some(at), _) if at <= next => {
                    let (_, (to, event)) = self.mail.pop_first().unwrap();
                    self.event(to, event);
                }
                (_, Some((_, number))) => self.event(number, MeetingInput::Tick),
                _ => {}
            }
        }
        self.now = until;
    }

    fn event(&mut self, number: usize, event: MeetingInput) {
        let now = self.now;
        if let MeetingInput::Here { node, .. } = &event {
            self.players[number].here.insert(*node);
        }
        for action in self.players[number].machine.handle(event, now) {
            self.act(number, action);
        }
    }

    fn act(&mut self, number: usize, action: MeetingAction) {
        let index = |server: NodeId| (0..100).find(|n| host(*n) == server).unwrap();
        let me = self.players[number].me;
        let here = |world: &Self, at: usize| world.players[number].connected.contains(&at);
        let answer = match action {
            MeetingAction::Resolve { place } => MeetingInput::Resolved {
                place,
                addresses: vec![at(self.players[number].list[place])],
            },
            MeetingAction::Dial { addresses, .. } => {
                let to = addresses[0];
                let to = (0..self.hosts.len()).find(|n| at(*n) == to).unwrap();
                if self.hosts[to].down {
                    let server = None;
                    MeetingInput::Failed { server, addresses }
                } else {
                    self.hosts[to].joins += 1;
                    self.players[number].connected.insert(to);
                    MeetingInput::Connected {
                        server: host(to),
                        address: at(to),
                    }
                }
            }
            MeetingAction::Enter(server) if here(self, index(server)) => {
                MeetingInput::Entered { server, yes: true }
            }
            MeetingAction::Reserve(server) if here(self, index(server)) => {
                self.hosts[index(server)].reserved.insert(me);
                MeetingInput::Reserved { server, yes: true }
            }
            MeetingAction::Register(server) if here(self, index(server)) => {
                let host = &mut self.hosts[index(server)];
                host.next += 1;
                let number = host.next;
                host.registered.entry(me).or_insert(number);
                let ttl = Some(seconds(7200));
                MeetingInput::Registered { server, ttl }
            }
            MeetingAction::Unregister(server) => {
                self.hosts[index(server)].registered.remove(&me);
                return;
            }
            MeetingAction::Discover(server) if here(self, index(server)) => {
                let place = index(server);
                let read = self.players[number].read.entry(place).or_default();
                let host = &mut self.hosts[place];
                let new = host.registered.iter().filter(|(_, n)| **n > *read);
                let new = new.filter(|_| !host.silent);
                let nodes: Vec<NodeId> = new.map(|(node, _)| *node).collect();
                *read = host.next;
                host.discovers += 1;
                host.records += nodes.len();
                let nodes = Some(nodes);
                MeetingInput::Discovered { server, nodes }
            }
            MeetingAction::Meet { node, servers } => {
                let other = self.players.iter().position(|player| player.me == node);
                let there = |server: &NodeId| {
                    let at = index(*server);
                    let other = other.is_some_and(|n| self.players[n].connected.contains(&at));
                    other && here(self, at) && self.hosts[at].reserved.contains(&node)
                };
                if servers.iter().any(there) {
                    let via = Via::Direct;
                    let (to, node_of) = (other.unwrap(), me);
                    self.post(to, 4 * TRIP, MeetingInput::Here { node: node_of, via });
                    self.post(number, 4 * TRIP, MeetingInput::Here { node, via });
                } else {
                    self.post(number, 2 * TRIP, MeetingInput::NotMet { node });
                }
                return;
            }
            MeetingAction::Leave(server) | MeetingAction::EndVisit(server) => {
                let end = matches!(action, MeetingAction::Leave(_));
                let place = index(server);
                if self.players[number].connected.remove(&place) {
                    self.hosts[place].left(&me);
                    self.post(number, TRIP, MeetingInput::Lost { server });
                }
                if end {
                    self.players[number].read.remove(&place);
                }
                return;
            }
            _ => return,
        };
        self.post(number, 2 * TRIP, answer);
    }

    /// The first two that do not know each other.
    pub(super) fn apart(&self) -> Option<(usize, usize)> {
        let pairs = (0..self.players.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        let mut pairs = pairs;
        pairs.find(|(a, b)| {
            let (a, b) = (&self.players[*a], &self.players[*b]);
            !a.here.contains(&b.me) || !b.here.contains(&a.me)
        })
    }

    /// Where a node is registered.
    pub(super) fn homes(&self, number: usize) -> Vec<usize> {
        let me = self.players[number].me;
        let hosts = self.hosts.iter().enumerate();
        let holding = hosts.filter(|(_, host)| host.registered.contains_key(&me));
        holding.map(|(n, _)| n).collect()
    }

    /// Registrations in all.
    pub(super) fn registrations(&self) -> usize {
        self.hosts.iter().map(Host::registrations).sum()
    }
}
