//! mDNS with bounds around it.
//!
//! libp2p's mDNS trusts the TTL of strangers and keeps a table without end. This one counts what
//! the table holds, throws the whole thing away when that is too much and starts anew a minute
//! later, remembers nothing itself, and reports at most [`FOUND_A_MINUTE`] nodes a minute, each
//! with at most [`ADDRESSES`] TCP addresses. A flood blinds mDNS, not the beacon. Anyone may write
//! any address into a record, so only those on a network that we are on are reported: a stranger
//! cannot make us knock at a third party's door. libp2p uses every interface; those that we were
//! told to leave alone get no address of ours and are not believed.

use super::{address, identity, interfaces, streamless::Streamless};
use crate::core::id::NodeId;
use libp2p::{
    Multiaddr, PeerId,
    core::transport::ListenerId,
    mdns,
    swarm::{FromSwarm, NetworkBehaviour as _, NewListenAddr, ToSwarm},
};
use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// Nodes reported in a minute.
pub(super) const FOUND_A_MINUTE: usize = 256;
/// Addresses reported of a node.
pub(super) const ADDRESSES: usize = 8;
/// Records that libp2p's table may hold: it is searched one by one for each record that comes.
const MAX_RECORDS: usize = 2048;
const MINUTE: Duration = Duration::from_secs(60);

/// A node that says it is on this network.
#[derive(Debug)]
pub struct Found {
    /// Who.
    pub node: NodeId,
    /// Where it listens, by its own word.
    pub addresses: Vec<SocketAddr>,
}

/// See the module.
pub(super) struct Mdns {
    local: PeerId,
    /// The interfaces to use; none: all.
    interfaces: Vec<String>,
    /// The addresses listened on; none: all.
    listened: Vec<IpAddr>,
    /// `None` while a flood is sat out, and when it could not be started.
    inner: Option<mdns::tokio::Behaviour>,
    listen: Vec<(ListenerId, Multiaddr)>,
    records: usize,
    /// Reports left in this minute.
    budget: usize,
    minute: Pin<Box<Sleep>>,
    found: VecDeque<Found>,
}

impl Mdns {
    /// Starts it. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the interfaces cannot be watched.
    pub(crate) fn new(
        local: PeerId,
        interfaces: Vec<String>,
        listened: Vec<IpAddr>,
    ) -> io::Result<Self> {
        Ok(Self {
            local,
            interfaces,
            listened,
            inner: Some(mdns::tokio::Behaviour::new(mdns::Config::default(), local)?),
            listen: Vec::new(),
            records: 0,
            budget: FOUND_A_MINUTE,
            minute: Box::pin(tokio::time::sleep(MINUTE)),
            found: VecDeque::new(),
        })
    }

    fn restart(&mut self) {
        let Ok(mut inner) = mdns::tokio::Behaviour::new(mdns::Config::default(), self.local) else {
            return;
        };
        for (listener_id, addr) in &self.listen {
            inner.on_swarm_event(FromSwarm::NewListenAddr(NewListenAddr {
                listener_id: *listener_id,
                addr,
            }));
        }
        self.records = 0;
        self.inner = Some(inner);
    }

    /// The networks that we are on and may use. Loopback is none: a record that names it is a
    /// trick.
    fn networks(&self) -> Vec<interfaces::InterfaceAddr> {
        let mut links = interfaces::links(&self.interfaces, &self.listened).unwrap_or_default();
        links.retain(|link| !link.ip.is_loopback());
        links
    }

    /// Whether the address of a listener may be told to others.
    fn announces(&self, address: &Multiaddr) -> bool {
        self.interfaces.is_empty()
            || address::ip(address)
                .is_some_and(|ip| self.networks().iter().any(|link| link.ip == ip))
    }

    /// Takes in one batch of records: sorted by node, cut to the budget and to the addresses that
    /// are `near`.
    fn discovered(&mut self, mut records: Vec<(PeerId, Multiaddr)>, near: impl Fn(IpAddr) -> bool) {
        self.records += records.len();
        records.sort_by_key(|(peer, _)| *peer);
        for group in records.chunk_by(|a, b| a.0 == b.0) {
            if self.budget == 0 {
                return;
            }
            let Some(node) = identity::node(&group[0].0) else {
                continue;
            };
            let addresses: Vec<_> = group
                .iter()
                .filter_map(|(_, address)| address::tcp_socket(address))
                .filter(|address| address::is_dialable(*address) && near(address.ip()))
                .take(ADDRESSES)
                .collect();
            if !addresses.is_empty() {
                self.budget -= 1;
                self.found.push_back(Found { node, addresses });
            }
        }
    }
}

impl Streamless for Mdns {
    type Event = Found;

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::NewListenAddr(new) if !self.announces(new.addr) => return,
            FromSwarm::NewListenAddr(new) => self.listen.push((new.listener_id, new.addr.clone())),
            FromSwarm::ExpiredListenAddr(old) => self
                .listen
                .retain(|(id, addr)| *id != old.listener_id || addr != old.addr),
            _ => {}
        }
        if let Some(inner) = &mut self.inner {
            inner.on_swarm_event(event);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Found> {
        loop {
            if let Some(found) = self.found.pop_front() {
                return Poll::Ready(found);
            }
            if self.minute.as_mut().poll(cx).is_ready() {
                self.minute.as_mut().reset(Instant::now() + MINUTE);
                self.budget = FOUND_A_MINUTE;
                if self.inner.is_none() {
                    self.restart();
                }
                continue;
            }
            if self.records > MAX_RECORDS {
                self.inner = None;
            }
            let Some(inner) = &mut self.inner else {
                return Poll::Pending;
            };
            match inner.poll(cx) {
                Poll::Ready(ToSwarm::GenerateEvent(mdns::Event::Discovered(records))) => {
                    let networks = self.networks();
                    self.discovered(records, |ip| networks.iter().any(|link| link.reaches(ip)));
                }
                Poll::Ready(ToSwarm::GenerateEvent(mdns::Event::Expired(records))) => {
                    self.records = self.records.saturating_sub(records.len());
                }
                // What it tells other behaviours would fill their tables too.
                Poll::Ready(_) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::identity::Keypair;

    fn stranger() -> PeerId {
        Keypair::generate_ed25519().public().to_peer_id()
    }

    #[tokio::test]
    async fn a_flood_is_cut_and_leaves_nothing_behind() {
        let Ok(mut mdns) = Mdns::new(stranger(), vec![], vec![]) else {
            return; // No list of interfaces on this system.
        };
        let address: Multiaddr = "/ip4/10.1.2.3/tcp/9".parse().unwrap();
        let records = (0..3000).map(|_| (stranger(), address.clone())).collect();
        mdns.discovered(records, |_| true);
        assert_eq!(mdns.found.len(), FOUND_A_MINUTE);
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        for _ in 0..FOUND_A_MINUTE {
            assert!(mdns.poll(cx).is_ready());
        }
        assert!(mdns.poll(cx).is_pending());
        assert!(mdns.inner.is_none());
    }

    #[tokio::test]
    async fn loopback_is_not_a_network_where_mdns_finds_anyone() {
        let Ok(mdns) = Mdns::new(stranger(), vec!["lo".into()], vec![]) else {
            return;
        };
        assert!(mdns.networks().is_empty());
        assert!(!mdns.announces(&"/ip4/10.0.0.1/tcp/9".parse().unwrap()));
    }

    #[tokio::test]
    async fn only_near_tcp_addresses_that_can_be_dialled_are_reported_and_few_of_them() {
        let Ok(mut mdns) = Mdns::new(stranger(), vec![], vec![]) else {
            return;
        };
        let peer = stranger();
        let mut records: Vec<Multiaddr> = [
            "/ip4/10.0.0.1/udp/9/quic-v1",
            "/ip4/0.0.0.0/tcp/9",
            "/ip4/224.0.0.1/tcp/9",
            "/ip4/10.0.0.1/tcp/0",
            "/ip4/203.0.113.5/tcp/9",
            "/dns4/example.org/tcp/9",
        ]
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
        records.extend((1..=20).map(|n| format!("/ip4/10.0.0.{n}/tcp/9").parse().unwrap()));
        let records = records.into_iter().map(|address| (peer, address));
        let far: IpAddr = "203.0.113.5".parse().unwrap();
        mdns.discovered(records.collect(), |ip| ip != far);
        let found = mdns.found.pop_front().unwrap();
        assert_eq!(found.addresses.len(), ADDRESSES);
        let dialled = |address: &SocketAddr| address.port() == 9 && address.ip() != far;
        assert!(found.addresses.iter().all(dialled));
        assert!(mdns.found.is_empty());
    }
}
