//! Floods against a running rendezvous server, while honest nodes from another address want to
//! meet.
#![cfg(target_os = "linux")] // Where all of 127.0.0.0/8 is this machine.

use crate::common::{Running, Swarm, until};
use crate::visitor::Visitor;
use libp2p::{
    Multiaddr, Transport,
    core::{
        Endpoint,
        transport::{DialOpts, PortUse},
    },
    multiaddr::Protocol,
    quic,
};
use socket2::{Domain, Socket, Type};
use sprat::wire::directory::{Request, Response, SwarmTag};
use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};

/// Where the honest ones come from.
const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// How much a flood may make a server grow.
const GROWTH: u64 = 96 << 20;

struct Server {
    running: Running,
    address: Multiaddr,
    port: u16,
    _home: tempfile::TempDir,
}

fn start(listen: &str, arguments: &[&str]) -> Server {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sprat"));
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("SPRAT_")) {
        command.env_remove(key);
    }
    command
        .args(["--json", "--listen", listen, "--home"])
        .arg(home.path())
        .args(["rendezvous", "--port", "0"])
        .args(arguments);
    let mut running = Running::of(command);
    let ready = running.event("ready");
    let text = ready["addresses"][0].as_str().unwrap();
    let port = text.split('/').nth(4).unwrap().parse().unwrap();
    Server {
        running,
        address: text.parse().unwrap(),
        port,
        _home: home,
    }
}

impl Server {
    fn socket(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Bytes in memory.
    fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.running.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = rss.and_then(|rest| rest.split_whitespace().next());
        kib.unwrap().parse::<u64>().unwrap() << 10
    }

    /// Its key.
    fn key(&self) -> libp2p::PeerId {
        match self.address.iter().last() {
            Some(Protocol::P2p(key)) => key,
            _ => panic!("no key in {}", self.address),
        }
    }

    /// The same as [`Self::back_door`] for QUIC, for one client.
    async fn back_door_of_datagrams(&self) -> SocketAddr {
        let inside = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let outside = UdpSocket::bind((HONEST, 0)).await.unwrap();
        outside.connect(self.socket()).await.unwrap();
        let here = inside.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut out, mut back) = ([0; 2048], [0; 2048]);
            let mut client = None;
            loop {
                tokio::select! {
                    came = inside.recv_from(&mut out) => {
                        let (length, from) = came.unwrap();
                        client = Some(from);
                        let _ = outside.send(&out[..length]).await;
                    }
                    came = outside.recv(&mut back) => {
                        if let (Ok(length), Some(client)) = (came, client) {
                            let _ = inside.send_to(&back[..length], client).await;
                        }
                    }
                }
            }
        });
        here
    }

    /// A port that leads to the server, which sees those who take it coming from another address.
    async fn back_door(&self) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (here, there) = (listener.local_addr().unwrap(), self.socket());
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
}

/// Each flood takes all that the machine has: two at once would only show that a machine can be
/// full.
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
        let wide = turn % 2 == 0;
        visitor.ask(&Request::Person { name, wide }).await;
        asked.fetch_add(4, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_nodes_meet_while_others_flood_the_server_with_registrations() {
    let _alone = ALONE.lock().await;
    let server = start("127.0.0.1", &[]);
    let before = server.memory();
    let asked = Arc::new(AtomicUsize::new(0));
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..50 {
        flood.spawn(pester(number, server.address.clone(), asked.clone()));
    }
    let far = Instant::now() + crate::common::DEADLINE;
    while asked.load(Ordering::Relaxed) < 5_000 {
        assert!(Instant::now() < far, "the flood does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let door = server.back_door().await.to_string();
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

/// How often somebody knocked, and when to stop.
#[derive(Clone, Default)]
struct Knocks {
    count: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Knocks {
    fn go_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn one(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    async fn so_many(&self, count: usize) {
        let far = Instant::now() + crate::common::DEADLINE;
        while self.count.load(Ordering::Relaxed) < count {
            assert!(Instant::now() < far, "the flood does not come");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// How many connections each of those who flood keeps.
const KEPT: usize = 200;

/// Connects again and again, says nothing, and keeps what it gets.
fn knock(server: SocketAddr, knocks: &Knocks) {
    let mut kept = std::collections::VecDeque::<TcpStream>::new();
    while knocks.go_on() {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
        if socket
            .connect_timeout(&server.into(), Duration::from_secs(1))
            .is_ok()
        {
            kept.push_back(socket.into());
        }
        if kept.len() > KEPT {
            kept.pop_front();
        }
        knocks.one();
    }
}

/// The same by QUIC, each time with the whole handshake.
async fn knock_by_quic(server: Multiaddr, knocks: Knocks) {
    let mut kept = std::collections::VecDeque::new();
    let options = DialOpts {
        role: Endpoint::Dialer,
        port_use: PortUse::New,
    };
    while knocks.go_on() {
        let keys = libp2p::identity::Keypair::generate_ed25519();
        let mut transport = quic::tokio::Transport::new(quic::Config::new(&keys));
        for _ in 0..KEPT {
            let dial = transport.dial(server.clone(), options).unwrap();
            if let Ok(Ok(connection)) = tokio::time::timeout(Duration::from_secs(1), dial).await {
                kept.push_back(connection);
            }
            if kept.len() > KEPT {
                kept.pop_front();
            }
            knocks.one();
        }
    }
}

/// Ten come one after the other, each to the address that `door` gives; how long the slowest took
/// to be served.
async fn all_are_served<D>(door: impl Fn() -> D) -> Duration
where
    D: Future<Output = Multiaddr>,
{
    let mut longest = Duration::ZERO;
    for number in 0..10 {
        let address = door().await;
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
    longest
}

/// What a flood did to a server that had so much in memory before.
#[track_caller]
fn it_stayed_small(server: &Server, before: u64, knocks: &Knocks, slowest: Duration) {
    let grown = server.memory().saturating_sub(before);
    println!(
        "{} connections, {} MiB more, the slowest client was in after {slowest:?}",
        knocks.count.load(Ordering::Relaxed),
        grown >> 20
    );
    assert!(grown <= GROWTH, "{grown} bytes more");
}

async fn a_flood_by_tcp(server: &Server, at: SocketAddr) {
    let before = server.memory();
    let knocks = Knocks::default();
    let flood: Vec<_> = (0..4)
        .map(|_| {
            let knocks = knocks.clone();
            std::thread::spawn(move || knock(at, &knocks))
        })
        .collect();
    knocks.so_many(2_000).await;
    let key = server.key();
    let door = server.back_door().await;
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{}/p2p/{key}", door.port())
        .parse()
        .unwrap();
    let slowest = all_are_served(|| std::future::ready(address.clone())).await;
    it_stayed_small(server, before, &knocks, slowest);
    knocks.stop.store(true, Ordering::Relaxed);
    for thread in flood {
        thread.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_clients_get_in_while_one_address_floods_the_server_with_connections() {
    let _alone = ALONE.lock().await;
    let server = start("127.0.0.1", &[]);
    a_flood_by_tcp(&server, server.socket()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_clients_get_in_while_an_ipv6_address_floods_the_server_with_connections() {
    let _alone = ALONE.lock().await;
    if std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("left out, because this machine has no IPv6");
        return;
    }
    let server = start("127.0.0.1,::1", &[]);
    a_flood_by_tcp(
        &server,
        SocketAddr::from((Ipv6Addr::LOCALHOST, server.port)),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_clients_get_in_by_quic_and_tcp_while_one_address_floods_the_server_by_quic() {
    let _alone = ALONE.lock().await;
    let server = start("127.0.0.1", &[]);
    let before = server.memory();
    let knocks = Knocks::default();
    let at: Multiaddr = format!("/ip4/127.0.0.1/udp/{}/quic-v1", server.port)
        .parse()
        .unwrap();
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..4 {
        flood.spawn(knock_by_quic(at.clone(), knocks.clone()));
    }
    knocks.so_many(2_000).await;
    let key = server.key();
    let by_quic = all_are_served(async || {
        let door = server.back_door_of_datagrams().await;
        let address = format!("/ip4/127.0.0.1/udp/{}/quic-v1/p2p/{key}", door.port());
        address.parse().unwrap()
    })
    .await;
    let door = server.back_door().await;
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{}/p2p/{key}", door.port())
        .parse()
        .unwrap();
    let by_tcp = all_are_served(|| std::future::ready(address.clone())).await;
    it_stayed_small(&server, before, &knocks, by_quic.max(by_tcp));
    assert!(flood.try_join_next().is_none());
}
