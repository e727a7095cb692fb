//! Floods against a running rendezvous server, while honest nodes from another address want to meet.
#![cfg(target_os = "linux")] // Where all of 127.0.0.0/8 is this machine.

mod common;
#[path = "common/server.rs"]
mod server;
#[path = "common/visitor.rs"]
mod visitor;

use common::{Swarm, until};
use libp2p::{Multiaddr, multiaddr::Protocol};
use server::Server;
use socket2::{Domain, Socket, Type};
use sprat::wire::directory::{Request, Response, SwarmTag};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::net::{TcpListener, TcpSocket};
use visitor::Visitor;

/// Where the honest ones come from.
const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// How much a flood may make a server grow.
const GROWTH: u64 = 96 << 20;

/// Where it listens.
fn socket(server: &Server) -> SocketAddr {
    let port = server.address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap()))
}

/// A port that leads to the server, which sees those who take it coming from another address.
async fn back_door(server: &Server) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (here, there) = (listener.local_addr().unwrap(), socket(server));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind(SocketAddr::from((HONEST, 0))).unwrap();
                if let Ok(mut server) = socket.connect(there).await {
                    let carried = tokio::io::copy_bidirectional(&mut client, &mut server);
                    let _ = carried.await;
                }
            });
        }
    });
    here
}

/// Each flood takes all that the machine has: two at once would only show that a machine can be full.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Keeps registering, finding and signing up, as fast as it is answered.
async fn pester(number: u16, server: Multiaddr, asked: Arc<AtomicUsize>) {
    let mut visitor = Visitor::arrive(number, &server).await.unwrap();
    let filler = "x".repeat(200);
    for turn in 0_u32.. {
        let namespace = format!("{number}-{turn}-{filler}");
        visitor.register(&namespace).await;
        visitor.discover(&namespace).await;
        let swarm = SwarmTag([turn as u8; 32]);
        visitor.ask(&Request::Enter { swarm }).await;
        let name = format!("nobody {turn}");
        visitor.ask(&Request::Person { name }).await;
        asked.fetch_add(4, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_nodes_meet_while_others_flood_the_server_with_registrations() {
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]);
    let before = server.memory();
    let asked = Arc::new(AtomicUsize::new(0));
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..50 {
        flood.spawn(pester(number, server.address.clone(), asked.clone()));
    }
    let far = Instant::now() + common::DEADLINE;
    while asked.load(Ordering::Relaxed) < 5_000 {
        assert!(Instant::now() < far, "the flood does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let door = back_door(&server).await.to_string();
    let met = tokio::task::spawn_blocking(move || {
        // Two networks of one node each: nobody hears anybody's beacons.
        let (here, there) = (Swarm::new(), Swarm::new());
        let own = ["--no-mdns", "--rendezvous", &door];
        let _alice = here.serve("alice", &own);
        let mut met = false;
        until("a meeting", || {
            let ran = there.run(
                "bob",
                &[&["peers", "--json", "--wait", "10"], &own[..]].concat(),
            );
            met = ran.json().iter().any(|row| row["name"] == "alice");
            met
        });
        met
    });
    assert!(met.await.unwrap());
    let grown = server.memory().saturating_sub(before);
    println!(
        "{} requests, {} MiB more",
        asked.load(Ordering::Relaxed),
        grown >> 20
    );
    assert!(grown <= GROWTH, "{grown} bytes more");
    assert!(flood.try_join_next().is_none());
}

/// Connects again and again, says nothing, and keeps what it gets.
fn knock(server: SocketAddr, stop: &AtomicBool, knocks: &AtomicUsize) {
    let mut kept = std::collections::VecDeque::<TcpStream>::new();
    while !stop.load(Ordering::Relaxed) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if socket
            .connect_timeout(&server.into(), Duration::from_secs(1))
            .is_ok()
        {
            kept.push_back(socket.into());
        }
        if kept.len() > 200 {
            kept.pop_front();
        }
        knocks.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_clients_get_in_while_one_address_floods_the_server_with_connections() {
    let _alone = ALONE.lock().await;
    let server = Server::start(&[]);
    let before = server.memory();
    let (stop, knocks) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let flood: Vec<_> = (0..4)
        .map(|_| {
            let (stop, knocks, server) = (stop.clone(), knocks.clone(), socket(&server));
            std::thread::spawn(move || knock(server, &stop, &knocks))
        })
        .collect();
    let far = Instant::now() + common::DEADLINE;
    while knocks.load(Ordering::Relaxed) < 2_000 {
        assert!(Instant::now() < far, "the flood does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let key = server.address.iter().last().unwrap();
    let door = back_door(&server).await;
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{}", door.port())
        .parse()
        .unwrap();
    let address = address.with(key);
    let mut longest = Duration::ZERO;
    for number in 0..10 {
        let begun = Instant::now();
        let coming = async {
            let mut visitor = Visitor::arrive(number, &address).await?;
            let swarm = SwarmTag::default();
            let answer = visitor.ask(&Request::Enter { swarm }).await;
            assert!(matches!(answer, Some(Response::Entered { .. })));
            Ok::<_, String>(())
        };
        let came = tokio::time::timeout(Duration::from_secs(20), coming).await;
        came.expect("it takes too long").expect("it is not let in");
        longest = longest.max(begun.elapsed());
    }
    let grown = server.memory().saturating_sub(before);
    stop.store(true, Ordering::Relaxed);
    for thread in flood {
        thread.join().unwrap();
    }
    println!(
        "{} connections, {} MiB more, the slowest client was in after {longest:?}",
        knocks.load(Ordering::Relaxed),
        grown >> 20
    );
    assert!(grown <= GROWTH, "{grown} bytes more");
}
