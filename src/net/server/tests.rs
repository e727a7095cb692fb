//! The server among plain libp2p clients, on loopback: what they call standard works with it.

use super::{Quotas, Server, ServerConfig, ServerEvent};
use crate::net::identity;
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder,
    futures::StreamExt,
    identify,
    multiaddr::Protocol,
    noise, ping, relay, rendezvous,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use std::time::Duration;
use tokio::sync::mpsc;

#[derive(NetworkBehaviour)]
struct Client {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    relay: relay::client::Behaviour,
    rendezvous: rendezvous::client::Behaviour,
}

fn client(seed: u8) -> Swarm<Client> {
    let keys = identity::keypair([seed; 32]).unwrap();
    SwarmBuilder::with_existing_identity(keys)
        .with_tokio()
        .with_tcp(
            tcp::Config::new(),
            noise::Config::new,
            yamux::Config::default,
        )
        .unwrap()
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|keys, relay| Client {
            identify: identify::Behaviour::new(identify::Config::new("/x".into(), keys.public())),
            ping: ping::Behaviour::default(),
            relay,
            rendezvous: rendezvous::client::Behaviour::new(keys.clone()),
        })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::MAX))
        .build()
}

fn start(quotas: Quotas) -> (Server, mpsc::Receiver<ServerEvent>, Multiaddr, PeerId) {
    let (server, events) = Server::start(ServerConfig {
        secret: [200; 32],
        port: 0,
        listen: vec!["127.0.0.1".parse().unwrap()],
        external: Vec::new(),
        quotas,
        agent: "test".into(),
    })
    .unwrap();
    let peer = identity::peer(server.node()).unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}/p2p/{peer}", server.port());
    (server, events, address.parse().unwrap(), peer)
}

/// Runs the swarm until an event is what is wanted.
async fn until<T>(
    swarm: &mut Swarm<Client>,
    mut wanted: impl FnMut(SwarmEvent<ClientEvent>) -> Option<T>,
) -> T {
    let looking = async {
        loop {
            if let Some(found) = wanted(swarm.select_next_some().await) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking)
        .await
        .unwrap()
}

/// Waits for a reservation, with which a client has an external address.
async fn reserve(swarm: &mut Swarm<Client>, server: &Multiaddr) {
    swarm
        .listen_on(server.clone().with(Protocol::P2pCircuit))
        .unwrap();
    let (mut reserved, mut confirmed) = (false, false);
    until(swarm, |event| {
        match event {
            SwarmEvent::Behaviour(ClientEvent::Relay(
                relay::client::Event::ReservationReqAccepted { .. },
            )) => reserved = true,
            SwarmEvent::ExternalAddrConfirmed { .. } => confirmed = true,
            _ => {}
        }
        (reserved && confirmed).then_some(())
    })
    .await;
}

#[tokio::test]
async fn plain_clients_reserve_register_find_and_reach_each_other() {
    let (_server, _events, address, peer) = start(Quotas::default());
    let (mut one, mut two) = (client(1), client(2));
    reserve(&mut one, &address).await;
    let space = rendezvous::Namespace::from_static("sprat");
    one.behaviour_mut()
        .rendezvous
        .register(space.clone(), peer, Some(60))
        .unwrap();
    until(&mut one, |event| match event {
        SwarmEvent::Behaviour(ClientEvent::Rendezvous(rendezvous::client::Event::Registered {
            ttl,
            ..
        })) => {
            assert_eq!(ttl, 60);
            Some(())
        }
        SwarmEvent::Behaviour(ClientEvent::Rendezvous(event)) => panic!("{event:?}"),
        _ => None,
    })
    .await;
    let here = *one.local_peer_id();
    tokio::spawn(async move {
        loop {
            one.select_next_some().await;
        }
    });
    reserve(&mut two, &address).await;
    two.behaviour_mut()
        .rendezvous
        .discover(Some(space), None, None, peer);
    let found = until(&mut two, |event| match event {
        SwarmEvent::Behaviour(ClientEvent::Rendezvous(rendezvous::client::Event::Discovered {
            registrations,
            ..
        })) => Some(registrations),
        SwarmEvent::Behaviour(ClientEvent::Rendezvous(event)) => panic!("{event:?}"),
        _ => None,
    })
    .await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].record.peer_id(), here);
    let through = address.with(Protocol::P2pCircuit).with(Protocol::P2p(here));
    two.dial(through).unwrap();
    until(&mut two, |event| match event {
        SwarmEvent::ConnectionEstablished {
            peer_id, endpoint, ..
        } if peer_id == here => {
            assert!(endpoint.is_relayed());
            Some(())
        }
        SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
        _ => None,
    })
    .await;
}
