//! What a node finds out about its networks when a person wonders why nobody is there.
//!
//! Looks and asks; what it means is `core::doctor`'s. Also the other end: dialling back a node that
//! asks for it. Invariants: a dial back goes to the address that the asker's own connection comes
//! from, to nobody through a relay, and seldom.

use super::{
    Node,
    command::{Command, Seen},
};
use crate::{
    core::{
        doctor::{Findings, PeerTest, Server},
        id::{ChunkId, NodeId},
        rate::{Bucket, Rate},
        via::Via,
    },
    net::{MeetingEvent, Reply, RequestError, reaches},
    store::clock::unix_now,
    wire::{
        control::{Request, Response},
        directory::{self, tag},
    },
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// Peers that are asked to dial back.
const ASKED: usize = 3;
/// Names of chunks in a question that is longer than any packet on Ethernet, jumbo frames included.
const LARGE: usize = 400;
/// Servers that are remembered: as many as may be named, and found.
const SERVERS: usize = 48;
/// Addresses that mDNS told of.
const FOUND: usize = 256;
/// Dials back for all who ask together.
const DIALS: Rate = Rate {
    per_second: 0.5,
    burst: 5.0,
};
/// So long the DHT may take to answer.
const LOOK_UP: Duration = Duration::from_secs(12);
/// So long a server may take to dial back and to say that it forwards.
const VIEW: Duration = Duration::from_secs(4);

/// What the actor notes for it in passing.
pub struct Notes {
    dials: Bucket,
    found: Vec<IpAddr>,
    servers: BTreeMap<NodeId, Server>,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            dials: Bucket::new(DIALS, Duration::ZERO),
            found: Vec::new(),
            servers: BTreeMap::new(),
        }
    }
}

impl Notes {
    /// mDNS told of a node.
    pub fn found(&mut self, addresses: &[SocketAddr]) {
        for address in addresses {
            if self.found.len() < FOUND && !self.found.contains(&address.ip()) {
                self.found.push(address.ip());
            }
        }
    }

    /// Something happened with a server.
    pub fn meeting(&mut self, event: &MeetingEvent) {
        let (MeetingEvent::Connected { server, .. }
        | MeetingEvent::Lost { server }
        | MeetingEvent::Observed { server, .. }
        | MeetingEvent::Reachable { server, .. }
        | MeetingEvent::Reserved { server }
        | MeetingEvent::Unreserved { server, .. }
        | MeetingEvent::Failed {
            server: Some(server),
            ..
        }) = event
        else {
            return;
        };
        if self.servers.len() >= SERVERS && !self.servers.contains_key(server) {
            return;
        }
        let known = self.servers.entry(*server).or_default();
        match event {
            MeetingEvent::Connected { .. } => (known.connected, known.why) = (true, None),
            MeetingEvent::Lost { .. } => known.connected = false,
            MeetingEvent::Failed { why, .. } => known.why = Some(why.clone()),
            MeetingEvent::Observed {
                address,
                quic: false,
                ..
            } => known.tcp = Some(*address),
            MeetingEvent::Observed { address, .. } => known.quic = Some(*address),
            MeetingEvent::Reachable { yes, .. } => {
                known.reaches = Some(known.reaches.unwrap_or(false) || *yes);
            }
            MeetingEvent::Reserved { .. } => known.reserved = Some(true),
            MeetingEvent::Unreserved { why, .. } => {
                known.reserved = Some(false);
                known.why = Some(why.clone());
            }
            _ => {}
        }
    }

    /// What was noted.
    pub fn tell(&self) -> (Vec<IpAddr>, BTreeMap<NodeId, Server>) {
        (self.found.clone(), self.servers.clone())
    }

    /// Dials back to the asker, if there is not too much of it. `from` is where its connection comes
    /// from; `None` is nowhere that could be dialled.
    pub fn reach(&mut self, from: Option<IpAddr>, port: u16, now: Duration, reply: Reply) {
        match from {
            None => reply.send(Response::Missing),
            Some(_) if !self.dials.take(now) => reply.send(Response::Busy),
            Some(ip) => {
                tokio::spawn(async move {
                    let yes = reaches(SocketAddr::new(ip, port)).await;
                    reply.send(Response::Reached { yes });
                });
            }
        }
    }
}

impl Node {
    /// Looks at the networks, asks peers to dial back, and the servers what they see. Takes some
    /// seconds.
    pub async fn examine(&self, wait: Duration) -> Findings {
        let services = &self.shared.services;
        let dht = services.meeting.ask_dht(LOOK_UP);
        let (dht, mut findings) = tokio::join!(dht, self.see_networks(wait));
        findings.dht = dht;
        findings
    }

    async fn see_networks(&self, wait: Duration) -> Findings {
        let services = &self.shared.services;
        let joined = services.meeting.entered(wait).await;
        for (server, _) in &joined {
            services.net.reserve(*server).await;
        }
        let until = Instant::now() + VIEW;
        let mut ahead = BTreeMap::new();
        for (server, _) in &joined {
            ahead.insert(*server, self.ahead_of(server).await);
        }
        let seen = loop {
            let seen: Seen = self.ask(Command::Examine).await;
            let told = |(server, _): &(NodeId, String)| {
                let view = seen.servers.get(server);
                view.is_some_and(|view| view.reserved.is_some() && view.reaches.is_some())
            };
            if joined.iter().all(told) || Instant::now() > until {
                break seen;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let (dialled_back, large) = self.asked(&seen).await;
        let mut interfaces = seen.interfaces;
        for interface in &mut interfaces {
            // Which interface mDNS came by is not told; which one it would be answered by is.
            let near = |found: &&IpAddr| same_network(&interface.addresses, **found);
            interface.mdns = seen.found.iter().filter(near).count() as u64;
        }
        let servers = services.meeting.servers().into_iter().map(|info| {
            let key = info.server;
            let known = key.and_then(|key| seen.servers.get(&key)).cloned();
            Server {
                name: info.address,
                connected: info.joined,
                ahead: key.and_then(|key| ahead.get(&key).copied().flatten()),
                ..known.unwrap_or_default()
            }
        });
        Findings {
            interfaces,
            discovery_port: seen.discovery_port,
            port: services.net.port(),
            private: self.shared.names.swarm_key.is_some(),
            peers: seen.peers.len(),
            dialled_back,
            large,
            servers: servers.collect(),
            dht: None,
        }
    }

    /// By how many seconds this clock is ahead of a server's.
    async fn ahead_of(&self, server: &NodeId) -> Option<i64> {
        let swarm = tag(self.shared.names.swarm_key.as_ref(), server);
        let enter = directory::Request::Enter { swarm };
        let answer = self.shared.services.net.ask_server(*server, enter).await;
        let directory::Response::Entered { time } = answer.ok()? else {
            return None;
        };
        i64::try_from(unix_now())
            .ok()?
            .checked_sub(i64::try_from(time).ok()?)
    }

    /// What some peers said who were asked to dial back, and whether a question in large packets
    /// reached them after that small one. It is asked last: where these get lost, the connection is
    /// at its end.
    async fn asked(&self, seen: &Seen) -> (Vec<PeerTest>, Vec<PeerTest>) {
        let net = &self.shared.services.net;
        let straight = seen.peers.iter().filter(|(.., via)| *via != Via::Relay);
        let asks = straight.take(ASKED).map(|(node, name, _)| async move {
            let port = net.port();
            let Ok(small) = net.request(*node, Request::Reach { port }).await else {
                return None; // Of an earlier version, or not to be reached at all.
            };
            let test = |passed| PeerTest {
                name: name.clone(),
                passed,
            };
            let yes = match small {
                Response::Reached { yes } => Some(test(yes)),
                _ => None, // Too busy.
            };
            let ids = vec![ChunkId([0; 32]); LARGE];
            let large = match net.request(*node, Request::Chunks { ids }).await {
                Ok(_) => Some(test(true)),
                Err(RequestError::Timeout | RequestError::Closed) => Some(test(false)),
                Err(_) => None,
            };
            Some((yes, large))
        });
        let answers = futures::future::join_all(asks).await;
        let (back, large): (Vec<_>, Vec<_>) = answers.into_iter().flatten().unzip();
        (
            back.into_iter().flatten().collect(),
            large.into_iter().flatten().collect(),
        )
    }
}

/// Roughly: the first 24 bits of IPv4, or 64 of IPv6.
fn same_network(ours: &[IpAddr], other: IpAddr) -> bool {
    ours.iter().any(|ip| match (ip, other) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.octets()[..8] == b.octets()[..8],
        _ => false,
    })
}
