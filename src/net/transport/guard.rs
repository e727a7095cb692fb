//! Which way a dial goes, and whether it may go at all.
//!
//! libp2p's dcutr dials whatever addresses the other side names. Those dials are known by leaving
//! from the listening port (our own to peers never do): each goes out only to an address from which
//! the server sees that very node, in time, and so often and no more. Invariant: nothing without
//! the swarm's prologue is dialled but servers' sockets.

use super::{StreamMuxerBox, Wire};
use crate::net::{
    address,
    meeting::{Leave, Table},
};
use futures::{FutureExt, future::BoxFuture};
use libp2p::{
    Multiaddr, PeerId, Transport,
    core::{
        Endpoint,
        transport::{DialOpts, ListenerId, PortUse, TransportError, TransportEvent},
    },
    multiaddr::Protocol,
};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// How long a dial may take that is to make a hole: both ends dial at once, so it takes no longer
/// than a round trip, or never works.
const PUNCH: Duration = Duration::from_secs(3);
/// How long such a dial waits for the server to say from where it sees the node.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much later the end dials that is to answer the handshake. Where nothing blocks the way, the
/// other's dial then arrives first and is accepted; behind a NAT it still finds the hole.
const HANDICAP: Duration = Duration::from_millis(30);

/// How much later QUIC begins: TCP carries bulk faster, and gets through most routers within a few
/// round trips.
const AFTER_TCP: Duration = Duration::from_millis(250);

/// See the module.
pub(super) struct Guard {
    members: Wire,
    servers: Wire,
    table: Arc<Table>,
}

impl Guard {
    pub(super) fn new(members: Wire, servers: Wire, table: Arc<Table>) -> Self {
        Self {
            members,
            servers,
            table,
        }
    }
}

/// The node at the end of an address that the swarm dials.
fn whom(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last()? {
        Protocol::P2p(peer) => Some(peer),
        _ => None,
    }
}

/// Lets the dial begin when it is known that it may.
async fn punch(
    table: Arc<Table>,
    peer: PeerId,
    (to, tcp): (SocketAddr, bool),
    role: Endpoint,
    dial: BoxFuture<'static, io::Result<(PeerId, StreamMuxerBox)>>,
) -> io::Result<(PeerId, StreamMuxerBox)> {
    let leave = tokio::time::timeout(PATIENCE, table.leave(peer, to.ip())).await;
    if leave != Ok(Leave::Given) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the server does not see that node there",
        ));
    }
    if !tcp {
        tokio::time::sleep(AFTER_TCP).await;
    }
    if role == Endpoint::Listener {
        tokio::time::sleep(HANDICAP).await;
    }
    tokio::time::timeout(PUNCH, dial)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl Transport for Guard {
    type Output = (PeerId, StreamMuxerBox);
    type Error = io::Error;
    type ListenerUpgrade = <Wire as Transport>::ListenerUpgrade;
    type Dial = BoxFuture<'static, io::Result<Self::Output>>;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        self.members.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.members.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        if self
            .table
            .leads_to_server(&address, options.port_use, options.role)
        {
            let way = if address::is_tcp(&address) {
                &mut self.servers
            } else {
                &mut self.members
            };
            return way.dial(address, options).map(FutureExt::boxed);
        }
        if options.port_use == PortUse::New || address::is_relayed(&address) {
            return self.members.dial(address, options).map(FutureExt::boxed);
        }
        let refused = TransportError::MultiaddrNotSupported(address.clone());
        let to = address::socket(&address).filter(|to| address::is_dialable(*to));
        let (Some(to), Some(peer)) = (to, whom(&address)) else {
            return Err(refused);
        };
        let to = (to, address::is_tcp(&address));
        let dial = self.members.dial(address, options)?.boxed();
        Ok(punch(self.table.clone(), peer, to, options.role, dial).boxed())
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let _ = Pin::new(&mut self.servers).poll(cx);
        Pin::new(&mut self.members).poll(cx)
    }
}
