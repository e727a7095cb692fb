//! What the transport must know of servers: which sockets are theirs, and from where they see which
//! node.
//!
//! Shared between the driver, which fills it, and the transport and the behaviours, which ask.
//! Invariants: bounded; a dial that another node asked for gets leave only to an address from which
//! a server sees that node, and only so often.

use super::super::{address, identity};
use crate::core::id::NodeId;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Nodes of which it is remembered from where they come. The oldest is forgotten first.
const MAX_SEEN: usize = 1024;
/// How long an answer counts: a node may have moved.
const FRESH: Duration = Duration::from_secs(60);
/// Dials to one node that one answer is good for: three attempts of dcutr to four addresses.
const BUDGET: u32 = 12;

/// Whether a dial may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Leave {
    /// It may.
    Given,
    /// The server does not see the node there, or there were too many.
    Refused,
}

struct Seen {
    addresses: Vec<IpAddr>,
    at: Instant,
    left: u32,
}

#[derive(Default)]
struct Inner {
    sockets: HashSet<SocketAddr>,
    servers: HashSet<PeerId>,
    seen: HashMap<PeerId, Seen>,
}

/// See the module.
pub(in crate::net) struct Table {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// The sockets and keys of all servers that are dialled or connected now. Bounded by who calls.
    pub(in crate::net) fn set_servers(
        &self,
        sockets: HashSet<SocketAddr>,
        servers: impl Iterator<Item = NodeId>,
    ) {
        let mut inner = self.lock();
        inner.sockets = sockets;
        inner.servers = servers.filter_map(identity::peer).collect();
    }

    /// Whether a dial like this is one of ours to a server.
    pub(in crate::net) fn leads_to_server(
        &self,
        address: &Multiaddr,
        port_use: PortUse,
        role: Endpoint,
    ) -> bool {
        port_use == PortUse::Reuse
            && role == Endpoint::Dialer
            && !address::is_relayed(address)
            && address::socket(address).is_some_and(|to| self.lock().sockets.contains(&to))
    }

    /// Whether that is the key of a server.
    pub(in crate::net) fn is_server(&self, peer: &PeerId) -> bool {
        self.lock().servers.contains(peer)
    }

    /// A server said from where it sees a node.
    pub(in crate::net) fn saw(&self, node: PeerId, addresses: &[IpAddr], now: Instant) {
        let mut inner = self.lock();
        if inner.seen.len() >= MAX_SEEN
            && !inner.seen.contains_key(&node)
            && let Some(oldest) = inner
                .seen
                .iter()
                .min_by_key(|(_, seen)| seen.at)
                .map(|(node, _)| *node)
        {
            inner.seen.remove(&oldest);
        }
        let addresses = addresses.iter().map(IpAddr::to_canonical).collect();
        let seen = Seen {
            addresses,
            at: now,
            left: BUDGET,
        };
        inner.seen.insert(node, seen);
        drop(inner);
        self.changed.send_replace(());
    }

    /// Whether an answer of late knows the node at this address.
    pub(in crate::net) fn sees(&self, node: PeerId, ip: IpAddr, now: Instant) -> bool {
        let inner = self.lock();
        inner.seen.get(&node).is_some_and(|seen| {
            now.duration_since(seen.at) < FRESH && seen.addresses.contains(&ip.to_canonical())
        })
    }

    /// The answer if there is one of late.
    fn ask(&self, node: PeerId, ip: IpAddr, now: Instant) -> Option<Leave> {
        let mut inner = self.lock();
        let seen = inner.seen.get_mut(&node)?;
        if now.duration_since(seen.at) >= FRESH {
            return None;
        }
        if !seen.addresses.contains(&ip.to_canonical()) || seen.left == 0 {
            return Some(Leave::Refused);
        }
        seen.left -= 1;
        Some(Leave::Given)
    }

    /// Whether a dial that `node` asked for may go to `ip`. Waits until a server has said something
    /// about the node.
    pub(in crate::net) async fn leave(&self, node: PeerId, ip: IpAddr) -> Leave {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(leave) = self.ask(node, ip, Instant::now()) {
                return leave;
            }
            if changed.changed().await.is_err() {
                return Leave::Refused;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn leave_is_given_for_that_node_at_that_address_so_often_and_so_long() {
        let (table, now) = (Table::default(), Instant::now());
        let (node, other) = (PeerId::random(), PeerId::random());
        assert_eq!(table.ask(node, HERE, now), None);
        table.saw(node, &[HERE], now);
        assert_eq!(table.ask(node, THERE, now), Some(Leave::Refused));
        assert_eq!(table.ask(other, HERE, now), None);
        for _ in 0..BUDGET {
            assert_eq!(table.ask(node, HERE, now), Some(Leave::Given));
        }
        assert_eq!(table.ask(node, HERE, now), Some(Leave::Refused));
        table.saw(node, &[HERE], now);
        assert_eq!(table.ask(node, HERE, now + FRESH), None);
        assert_eq!(table.ask(node, HERE, now), Some(Leave::Given));
    }

    #[test]
    fn only_the_newest_nodes_are_remembered() {
        let (table, now) = (Table::default(), Instant::now());
        let first = PeerId::random();
        table.saw(first, &[HERE], now);
        for _ in 0..MAX_SEEN {
            table.saw(PeerId::random(), &[HERE], now + Duration::from_secs(1));
        }
        assert_eq!(table.lock().seen.len(), MAX_SEEN);
        assert!(!table.sees(first, HERE, now));
    }

    #[test]
    fn only_our_own_dials_to_a_server_count_as_such() {
        let table = Table::default();
        let at: SocketAddr = "10.0.0.1:12000".parse().unwrap();
        table.set_servers(HashSet::from([at]), std::iter::empty());
        let to = address::tcp(at);
        let leads = |address, port, role| table.leads_to_server(address, port, role);
        assert!(leads(&to, PortUse::Reuse, Endpoint::Dialer));
        assert!(!leads(&to, PortUse::New, Endpoint::Dialer));
        assert!(!leads(&to, PortUse::Reuse, Endpoint::Listener));
        let circuit = to.clone().with(libp2p::multiaddr::Protocol::P2pCircuit);
        assert!(!leads(&circuit, PortUse::Reuse, Endpoint::Dialer));
    }
}
