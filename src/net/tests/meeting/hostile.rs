//! A peer that wants others to send packets at a third party.

use super::*;
use crate::net::{
    meeting::Table,
    scoped::{self, Scope},
    transport,
};
use libp2p::{
    Swarm, dcutr,
    futures::StreamExt,
    relay,
    swarm::{self, NetworkBehaviour, SwarmEvent},
};
use std::{
    collections::HashSet,
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::Arc,
};

#[derive(NetworkBehaviour)]
struct AttackerBehaviour {
    relay: relay::client::Behaviour,
    punch: scoped::Behaviour<dcutr::Behaviour>,
}

/// Dials the victim over the server and names these addresses as its own.
async fn attack(server: (NodeId, SocketAddr), victim: NodeId, names: Vec<libp2p::Multiaddr>) {
    let keys = identity::keypair([66; 32]).unwrap();
    let local = keys.public().to_peer_id();
    let table = Arc::new(Table::default());
    table.set_servers(HashSet::from([server.1]), std::iter::empty());
    let (circuits, relay) = relay::client::new(local);
    let transport =
        transport::build(&keys, None, circuits, table.clone(), Arc::default(), None).unwrap();
    let mut punch = scoped::Behaviour::new(dcutr::Behaviour::new(local), Scope::Everywhere, table);
    for name in &names {
        punch.candidate(name);
    }
    let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(DEADLINE);
    let mut swarm = Swarm::new(
        transport,
        AttackerBehaviour { relay, punch },
        local,
        settings,
    );
    swarm.dial(address::tcp(server.1)).unwrap();
    loop {
        if let SwarmEvent::ConnectionEstablished { endpoint, .. } = swarm.select_next_some().await
            && !endpoint.is_relayed()
        {
            let over = identity::peer(server.0).unwrap();
            let to = address::circuit(over, server.1, identity::peer(victim));
            swarm.dial(to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_made_to_send_packets_at_a_third_party() {
    let tcp = TcpListener::bind("127.0.0.2:0").unwrap();
    tcp.set_nonblocking(true).unwrap();
    let udp = UdpSocket::bind("127.0.0.2:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    let names = vec![
        address::tcp(tcp.local_addr().unwrap()),
        address::quic(udp.local_addr().unwrap()),
    ];
    let server = Server::new(100).await;
    let mut victim = Node::new(1);
    victim.settle(&server).await;
    let attacker = tokio::spawn(attack((server.id, server.at), victim.id(), names));
    let yes = victim
        .said(|event| match event {
            MeetingEvent::Punched { yes, .. } => Some(yes),
            _ => None,
        })
        .await;
    assert!(!yes);
    // All attempts are over, and what was sent on loopback has arrived.
    let connections = std::iter::from_fn(|| tcp.accept().ok()).count();
    let datagrams = std::iter::from_fn(|| udp.recv_from(&mut [0; 2048]).ok()).count();
    assert_eq!((connections, datagrams), (0, 0));
    attacker.abort();
}
