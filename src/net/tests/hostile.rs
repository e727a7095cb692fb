//! Strangers, floods, nonsense, and ports that cannot be had.

use super::*;
use crate::{
    net::{streams, transport},
    wire::CONTROL_PROTOCOL,
};
use libp2p::{
    StreamProtocol, Swarm,
    futures::{StreamExt, stream::FuturesUnordered},
    swarm::{self, SwarmEvent, dial_opts::DialOpts},
};
use std::{io, net::SocketAddr};
use tokio::sync::oneshot;

const CONTROL: &[StreamProtocol] = &[StreamProtocol::new(CONTROL_PROTOCOL)];

/// A peer that writes what it likes on the control protocol.
struct Stranger {
    swarm: Swarm<streams::Behaviour>,
}

impl Stranger {
    fn new(seed: u8) -> Self {
        let keys = identity::keypair([seed; 32]).unwrap();
        let swarm = Swarm::new(
            transport::build(
                &keys,
                None,
                libp2p::relay::client::new(keys.public().to_peer_id()).0,
                std::sync::Arc::default(),
                std::sync::Arc::default(),
                None,
            )
            .unwrap(),
            streams::Behaviour::new(CONTROL.into()),
            keys.public().to_peer_id(),
            swarm::Config::with_tokio_executor().with_idle_connection_timeout(DEADLINE),
        );
        Self { swarm }
    }

    /// Connects, writes `garbage` on a stream of its own, waits for the end of it, and answers
    /// every question with garbage too.
    async fn run(mut self, victim: SocketAddr, garbage: Vec<u8>, refused: oneshot::Sender<()>) {
        let options = DialOpts::unknown_peer_id()
            .address(address::tcp(victim))
            .allocate_new_port()
            .build();
        self.swarm.dial(options).unwrap();
        let mut refused = Some(refused);
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished {
                    peer_id,
                    connection_id,
                    ..
                } => {
                    let (opened, opening) = oneshot::channel();
                    let open = streams::Open {
                        protocol: StreamProtocol::new(CONTROL_PROTOCOL),
                        opened,
                    };
                    self.swarm
                        .behaviour_mut()
                        .open(peer_id, connection_id, open);
                    let (garbage, refused) = (garbage.clone(), refused.take());
                    tokio::spawn(async move {
                        let mut stream = opening.await.unwrap().unwrap();
                        let _ = stream.write_all(&garbage).await;
                        let _ = stream.close().await;
                        let mut answer = Vec::new();
                        let _ = stream.read_to_end(&mut answer).await;
                        assert!(answer.is_empty());
                        refused.map(|refused| refused.send(()));
                    });
                }
                SwarmEvent::Behaviour(mut incoming) => {
                    tokio::spawn(async move {
                        let _ = incoming.stream.write_all(b"\x9f\xff\xff nonsense").await;
                        let _ = incoming.stream.close().await;
                    });
                }
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_costs_its_sender_the_stream_and_nobody_else_anything() {
    let mut victim = Node::new(1);
    let at = victim.net.addresses()[0];
    for (seed, garbage) in [
        (10, b"\xff\xff\xff".to_vec()),
        // A byte string that declares 4 GiB.
        (11, b"\x5a\xff\xff\xff\xff".to_vec()),
        // More than any request may have.
        (12, vec![0x81; crate::wire::MAX_REQUEST + 1]),
        // Nothing at all.
        (13, Vec::new()),
    ] {
        let (refused, was_refused) = oneshot::channel();
        let stranger = tokio::spawn(Stranger::new(seed).run(at, garbage, refused));
        let (node, _) = victim.connected().await;
        tokio::time::timeout(DEADLINE, was_refused)
            .await
            .unwrap()
            .unwrap();
        let answer = victim.net.request(node, question()).await;
        assert!(
            matches!(answer, Err(RequestError::Malformed(_))),
            "{answer:?}"
        );
        stranger.abort();
    }
    let honest = Node::new(2);
    let (net, to) = (honest.net.clone(), victim.id());
    honest.dial(&victim).await;
    while victim.connected().await.0 != honest.id() {}
    let asking = tokio::spawn(async move { net.request(to, question()).await });
    victim.request().await.2.send(Response::Done);
    assert_eq!(asking.await.unwrap(), Ok(Response::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swarm_key_keeps_strangers_out_and_lets_members_in() {
    let private = |seed, key| {
        Node::start(NetConfig {
            swarm_key: Some([key; 32]),
            ..config(seed)
        })
    };
    let (mut a, mut b) = (private(1, 9), private(2, 9));
    for mut stranger in [Node::new(3), private(4, 8)] {
        stranger.dial(&a).await;
        stranger.dial_failed().await;
    }
    b.dial(&a).await;
    assert_eq!(b.connected().await.0, a.id());
    // The first that got in is the member: no stranger did before.
    assert_eq!(a.connected().await.0, b.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banned_node_is_gone_and_stays_out() {
    let (mut a, mut b) = pair().await;
    a.net.ban(b.id()).await;
    assert_eq!(a.disconnected().await, b.id());
    assert_eq!(b.disconnected().await, a.id());
    a.dial(&b).await;
    assert!(a.dial_failed().await.contains("banned"));
    // From the other side it may look like a connection for a moment, and then it is gone.
    b.dial(&a).await;
    b.until(|event| match event {
        NetEvent::DialFailed { .. } | NetEvent::Disconnected { .. } => Some(()),
        _ => None,
    })
    .await;
    let answer = a.net.request(b.id(), question()).await;
    assert_eq!(answer, Err(RequestError::NotConnected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections_is_capped_and_within_the_cap_others_get_in() {
    let mut victim = Node::new(1);
    let at = victim.net.addresses()[0];
    let mut flood = Vec::new();
    for _ in 0..per_address::PER_LOOPBACK {
        flood.push(tokio::net::TcpStream::connect(at).await.unwrap());
    }
    // One above the cap is closed without a word.
    let above = tokio::net::TcpStream::connect(at).await.unwrap();
    let closed = async {
        let mut byte = [0];
        loop {
            above.readable().await.unwrap();
            match above.try_read(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .expect("the one above the cap is closed");
    // As soon as some go, an honest one from the same address gets in, beside those who stay.
    flood.truncate(per_address::PER_LOOPBACK - 8);
    let mut honest = Node::new(2);
    let in_time = async {
        loop {
            honest.dial(&victim).await;
            let in_now = honest
                .until(|event| match event {
                    NetEvent::Connected { .. } => Some(true),
                    NetEvent::DialFailed { .. } => Some(false),
                    _ => None,
                })
                .await;
            if in_now {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, in_time).await.unwrap();
    assert_eq!(victim.connected().await.0, honest.id());
    drop(flood);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_streams_than_allowed_are_reset_and_the_rest_goes_on() {
    let (a, mut b) = pair().await;
    let (mut ours, mut refused) = (Vec::new(), 0);
    for _ in 0..=streams::MAX_INBOUND {
        let mut stream = a.net.chunk_stream(b.id()).await.unwrap();
        let wrote = async {
            stream.write_all(b"x").await?;
            stream.flush().await
        };
        match wrote.await {
            Ok(()) => ours.push(stream),
            // It was reset before that.
            Err(_) => refused += 1,
        }
    }
    let mut theirs = Vec::new();
    for _ in 0..streams::MAX_INBOUND {
        theirs.push(b.stream().await);
    }
    // Which of them is one too many depends on which was agreed on last.
    let mut ends: FuturesUnordered<_> = ours
        .iter_mut()
        .map(|stream| async { stream.read(&mut [0]).await })
        .collect();
    if refused == 0 {
        let read = tokio::time::timeout(DEADLINE, ends.next()).await;
        assert!(matches!(read.unwrap(), Some(Ok(0) | Err(_))));
    }
    assert!(refused < 2, "{refused}");
    drop(ends);
    // One ends, and there is room for one again.
    theirs.pop();
    let mut stream = a.net.chunk_stream(b.id()).await.unwrap();
    stream.write_all(b"again").await.unwrap();
    stream.flush().await.unwrap();
    let mut word = [0; 5];
    b.stream().await.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_another_node_is_busy() {
    let a = Node::new(1);
    for listen in [vec![Ipv4Addr::LOCALHOST.into()], Vec::new()] {
        let error = Net::start(
            NetConfig {
                transfer_port: a.net.port(),
                listen,
                ..config(2)
            },
            Router::default(),
        )
        .err()
        .unwrap();
        assert!(matches!(error, NetError::PortBusy(port) if port == a.net.port()));
        assert!(error.to_string().contains("-t"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_free_again_after_shutdown() {
    let (a, b) = pair().await;
    let port = b.net.port();
    b.net.shutdown().await;
    let again = Net::start(
        NetConfig {
            transfer_port: port,
            ..config(2)
        },
        Router::default(),
    );
    assert!(again.is_ok(), "{:?}", again.err());
    drop(a);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_another_machine_is_named() {
    let error = Net::start(
        NetConfig {
            listen: vec!["192.0.2.1".parse().unwrap()],
            ..config(1)
        },
        Router::default(),
    )
    .err()
    .unwrap();
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
    assert!(matches!(error, NetError::AddressNotHere(_)));
}

#[test]
fn a_privileged_port_says_so() {
    // An administrator may bind it, so the mapping is what can be tested everywhere.
    let at: SocketAddr = "0.0.0.0:80".parse().unwrap();
    let error = NetError::from_bind(at, io::ErrorKind::PermissionDenied.into());
    assert!(matches!(error, NetError::PortPrivileged(80)));
    assert!(error.to_string().contains("1024"));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_listened_on_at_once() {
    let started = std::time::Instant::now();
    let node = Node::start(NetConfig {
        listen: Vec::new(),
        mdns: true,
        ..config(1)
    });
    assert!(started.elapsed() < Duration::from_secs(1));
    let at: SocketAddr = ([127, 0, 0, 1], node.net.port()).into();
    assert!(node.net.addresses().contains(&at));
    assert!(std::net::TcpStream::connect(at).is_ok());
    // QUIC has the same number.
    assert!(std::net::UdpSocket::bind(at).is_err());
}
