//! Real sockets, on loopback alone. Nothing waits but for an event, with a deadline.

use super::*;
use crate::core::membership::Kind;
use std::{net::Ipv4Addr, time::Duration};
use tokio::{net::UdpSocket, time::timeout};

const DEADLINE: Duration = Duration::from_secs(10);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A port that is free now, and that no other process is likely to be given.
fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.local_addr().unwrap().port()
}

fn start(port: u16, n: u8, swarm_key: Option<[u8; 32]>) -> (Beacons, mpsc::Receiver<Heard>) {
    Beacons::start(BeaconConfig {
        discovery_port: port,
        listen: vec![LOOPBACK],
        interfaces: vec![],
        swarm_key,
        secret: [n; 32],
        epoch: 1,
    })
    .unwrap()
}

fn beacon(of: &Beacons, kind: Kind, seq: u64) -> Beacon {
    Beacon {
        kind,
        node: of.node(),
        name: "anna".into(),
        tcp: 4000,
        udp: 4000,
        epoch: 1,
        revision: 0,
        seq,
        suspects: Vec::new(),
    }
}

async fn next(receiver: &mut mpsc::Receiver<Heard>) -> Heard {
    let heard = timeout(DEADLINE, receiver.recv()).await;
    heard.expect("a beacon in time").expect("an open socket")
}

#[tokio::test]
async fn two_on_loopback_hear_each_other_and_answer_by_unicast() {
    let port = free_port();
    let (anna, mut to_anna) = start(port, 1, None);
    let (bert, mut to_bert) = start(port, 2, None);
    let (_carl, mut to_carl) = start(port, 3, None);

    anna.announce(beacon(&anna, Kind::Join, 1)).await;
    let join = next(&mut to_bert).await;
    assert_eq!(join.beacon, beacon(&anna, Kind::Join, 1));
    assert!(join.from.ip().is_loopback() && join.from.port() != port);
    assert_eq!(next(&mut to_carl).await, join);

    bert.answer(beacon(&bert, Kind::Ping, 1), join.from, join.room)
        .await;
    let answer = next(&mut to_anna).await;
    assert_eq!(answer.beacon, beacon(&bert, Kind::Ping, 1));
    assert!(answer.room <= join.room);

    // One longer than the question is not sent; the next thing that Anna hears is what is said
    // after it.
    bert.answer(beacon(&bert, Kind::Ping, 2), join.from, answer.room - 1)
        .await;
    bert.answer(beacon(&bert, Kind::Ping, 3), join.from, answer.room)
        .await;
    assert_eq!(next(&mut to_anna).await.beacon.seq, 3);
    // Each copy was heard once, none heard itself, and the answers reached Anna alone.
    for receiver in [&mut to_anna, &mut to_bert, &mut to_carl] {
        assert!(receiver.try_recv().is_err());
    }
}

#[tokio::test]
async fn all_that_share_the_port_hear_a_broadcast() {
    let port = free_port();
    let mut all: Vec<_> = (1..=5).map(|n| start(port, n, None)).collect();
    let speaker = all[0].0.clone();
    for seq in 1..=3 {
        speaker.announce(beacon(&speaker, Kind::Ping, seq)).await;
        for (_, receiver) in &mut all[1..] {
            assert_eq!(next(receiver).await.beacon.seq, seq);
        }
    }
}

#[tokio::test]
async fn swarms_on_one_port_do_not_see_each_other() {
    let port = free_port();
    let keys = [None, Some([1; 32]), Some([2; 32])];
    let mut all = Vec::new();
    for (n, key) in keys.iter().enumerate() {
        all.push((
            start(port, 10 + n as u8, *key),
            start(port, 20 + n as u8, *key),
        ));
    }
    for ((speaker, _), _) in &all {
        speaker.announce(beacon(speaker, Kind::Join, 1)).await;
    }
    for ((speaker, _), (_, receiver)) in &mut all {
        assert_eq!(next(receiver).await.beacon.node, speaker.node());
        assert!(receiver.try_recv().is_err());
    }
}

#[tokio::test]
async fn a_flood_on_the_port_does_not_silence_the_real_one() {
    let port = free_port();
    let (anna, _to_anna) = start(port, 1, None);
    let (_bert, mut to_bert) = start(port, 2, None);
    let flooder = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    flooder.set_broadcast(true).unwrap();
    let to = SocketAddr::from(([127, 255, 255, 255], port));
    let flood = tokio::spawn(async move {
        for n in 0..7_000u32 {
            let mut bytes = vec![n as u8; 300];
            if n % 7 < 2 {
                let mut secret = [9; 32];
                secret[..4].copy_from_slice(&n.to_be_bytes());
                let signer = Signer::new(secret).unwrap();
                let beacon = Beacon {
                    kind: Kind::Join,
                    node: signer.node(),
                    name: String::new(),
                    tcp: 1,
                    udp: 1,
                    epoch: 1,
                    revision: 1,
                    seq: 1,
                    suspects: Vec::new(),
                };
                bytes = encode(&beacon, &signer, None).unwrap();
            }
            let _ = flooder.send_to(&bytes, to).await;
        }
    });
    let heard = async {
        let mut seq = 0;
        let mut again = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                _ = again.tick() => {
                    seq += 1;
                    anna.announce(beacon(&anna, Kind::Ping, seq)).await;
                }
                heard = to_bert.recv() => {
                    if heard.unwrap().beacon.node == anna.node() {
                        return;
                    }
                }
            }
        }
    };
    timeout(DEADLINE, heard).await.expect("the real one");
    flood.abort();
}

#[tokio::test]
async fn a_port_that_is_not_shared_is_explained() {
    let alone = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let config = BeaconConfig {
        discovery_port: alone.local_addr().unwrap().port(),
        listen: vec![LOOPBACK],
        interfaces: vec![],
        swarm_key: None,
        secret: [1; 32],
        epoch: 1,
    };
    let Err(error) = Beacons::start(config) else {
        panic!("the port was taken twice")
    };
    assert!(error.to_string().contains("--discovery-port"), "{error}");
}

#[tokio::test]
async fn closing_the_last_handle_frees_the_sockets() {
    let port = free_port();
    let (anna, mut to_anna) = start(port, 1, None);
    drop(anna);
    assert!(timeout(DEADLINE, to_anna.recv()).await.unwrap().is_none());
}
