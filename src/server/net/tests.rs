//! The server among plain libp2p clients, on loopback: what they call standard works with it.

use super::{Quotas, Server, ServerConfig, ServerEvent};
use crate::net::{address, identity};
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder,
    futures::StreamExt,
    identify,
    multiaddr::Protocol,
    noise, ping, relay, rendezvous,
    swarm::{
        NetworkBehaviour, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
    tcp, yamux,
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::mpsc,
};

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

/// The server as it is seen by those whose connections come from this address of the loopback
/// network.
async fn door(from: &'static str, server: &Multiaddr) -> Multiaddr {
    let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inner.local_addr().unwrap().port();
    let to = address::socket(server).unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = inner.accept().await {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
            tokio::spawn(async move {
                let mut far = socket.connect(to).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    let key = server.iter().last().unwrap();
    address::tcp(SocketAddr::from(([127, 0, 0, 1], port))).with(key)
}

fn circuit(server: &Multiaddr, to: PeerId) -> DialOpts {
    let through = server.clone().with(Protocol::P2pCircuit);
    DialOpts::peer_id(to)
        .addresses(vec![through.with(Protocol::P2p(to))])
        .condition(PeerCondition::Always)
        .build()
}

/// Waits to be reached, and is, for ever.
async fn waiting(seed: u8, server: &Multiaddr) -> PeerId {
    let mut swarm = client(seed);
    reserve(&mut swarm, server).await;
    let here = *swarm.local_peer_id();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    here
}

/// Opens so many circuits to a node and tries again whenever one is refused or ends; counts those
/// that stood.
fn flood(mut swarm: Swarm<Client>, server: Multiaddr, to: PeerId, stood: mpsc::Sender<()>) {
    tokio::spawn(async move {
        for _ in 0..16 {
            swarm.dial(circuit(&server, to)).unwrap();
        }
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, .. } if peer_id == to => {
                    let _ = stood.try_send(());
                }
                SwarmEvent::OutgoingConnectionError { .. }
                | SwarmEvent::ConnectionClosed { .. } => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    let _ = swarm.dial(circuit(&server, to));
                }
                _ => {}
            }
        }
    });
}

/// Reaches a node by relay, so that something comes back, and tells how long that took.
async fn reach(mut swarm: Swarm<Client>, server: &Multiaddr, to: PeerId) -> Duration {
    let began = Instant::now();
    swarm.dial(circuit(server, to)).unwrap();
    until(&mut swarm, |event| match event {
        SwarmEvent::Behaviour(ClientEvent::Ping(ping)) if ping.peer == to => ping.result.ok(),
        SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
        _ => None,
    })
    .await;
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_shut_others_out_of_the_relay() {
    let quotas = Quotas {
        circuits: 64,
        ..Quotas::default()
    };
    let (_server, _events, address, _) = start(quotas);
    let target = waiting(1, &address).await;
    let (stood, mut standing) = mpsc::channel(64);
    for seed in 2..12 {
        flood(client(seed), address.clone(), target, stood.clone());
    }
    // The other places are held by circuits whose ends have not heard of each other yet, and on a
    // busy machine may never.
    for _ in 0..48 {
        let stands = tokio::time::timeout(Duration::from_secs(30), standing.recv());
        stands.await.expect("the flood does not fill the relay");
    }
    let began = Instant::now();
    let (here, there) = (
        door("127.0.0.2", &address).await,
        door("127.0.0.3", &address).await,
    );
    let honest = waiting(100, &here).await;
    let took = reach(client(101), &there, honest).await;
    println!(
        "reached after {took:?}, found and reached after {:?}",
        began.elapsed()
    );
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_take_all_reservations_and_connections() {
    let quotas = Quotas {
        reservations: 8,
        connections: 24,
        ..Quotas::default()
    };
    let (_server, _events, address, _) = start(quotas);
    for seed in 1..9 {
        waiting(seed, &address).await;
    }
    let mut crowd = Vec::new();
    for seed in 10..26 {
        let mut one = client(seed);
        one.dial(address.clone()).unwrap();
        until(&mut one, |event| {
            matches!(event, SwarmEvent::ConnectionEstablished { .. }).then_some(())
        })
        .await;
        crowd.push(one);
    }
    let began = Instant::now();
    let (here, there) = (
        door("127.0.0.2", &address).await,
        door("127.0.0.3", &address).await,
    );
    let honest = waiting(100, &here).await;
    reach(client(101), &there, honest).await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_answers_holds_no_circuit_for_long() {
    let quotas = Quotas {
        circuits: 1,
        ..Quotas::default()
    };
    let (_server, _events, address, _) = start(quotas);
    // It has a reservation, and is not run any more.
    let mut deaf = client(1);
    reserve(&mut deaf, &address).await;
    let mut source = client(2);
    source
        .dial(circuit(&address, *deaf.local_peer_id()))
        .unwrap();
    let began = Instant::now();
    until(&mut source, |event| {
        matches!(event, SwarmEvent::OutgoingConnectionError { .. }).then_some(())
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
}
