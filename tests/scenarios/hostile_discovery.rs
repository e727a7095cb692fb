//! Beacons from strangers: floods, questions that want long answers, and nonsense on the discovery
//! port.

use crate::common::{
    DEADLINE, Swarm,
    beacons::{EVERYONE, beacon, signer},
    faulty::{Fault, Faulty, File},
    noise, peak,
};
use sprat::{
    core::{id::NodeId, membership::Kind},
    wire::beacon::{decode, encode},
};
use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_broadcast(true).unwrap();
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_flood_of_beacons_the_real_peer_is_found() {
    let swarm = Swarm::new();
    let node = swarm.serve("victim", &[]);
    let flood: Vec<Vec<u8>> = (0..3000)
        .map(|number| {
            let (signer, kind) = (
                signer(number),
                [Kind::Join, Kind::Ping][number as usize % 2],
            );
            encode(&beacon(kind, &signer, 1), &signer, None).unwrap()
        })
        .chain((0..200).map(|seed| noise(seed, 1200)))
        .collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = socket();
            for datagram in flood.iter().cycle() {
                let _ = socket.send_to(datagram, (EVERYONE, swarm.port));
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(Duration::from_micros(100)); // Ten thousand a second, not all that a core can send.
            }
        });
        let file = File::new("real.bin", noise(30, 9_000));
        let _real = Faulty::join(swarm.port, "real", file, Fault::None);
        let until = Instant::now() + DEADLINE;
        loop {
            let ran = swarm.run("carol", &["list", "--json", "--wait", "5"]);
            if ran.out().contains("real.bin") {
                break;
            }
            assert!(Instant::now() < until, "{}", ran.err());
        }
        let ran = swarm.run("carol", &["download", "real.bin", "--wait", "20"]);
        stop.store(true, Ordering::Relaxed);
        ran.succeeds();
    });
    #[cfg(target_os = "linux")]
    assert!(
        peak(node.child.id()) < 200_000,
        "{} kB",
        peak(node.child.id())
    );
    drop(node);
}

#[test]
fn answers_are_no_longer_than_questions_and_not_many() {
    let swarm = Swarm::new();
    let _node = swarm.serve(&"n".repeat(60), &[]);
    let (asker, socket) = (signer(1), socket());
    socket
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let mut answers = 0;
    let mut buffer = [0; 2000];
    let mut question = Vec::new();
    // One that is repeated, and many that differ.
    for seq in (1..=300).flat_map(|seq| [seq, seq]) {
        question = encode(&beacon(Kind::Join, &asker, seq), &asker, None).unwrap();
        socket.send_to(&question, (EVERYONE, swarm.port)).unwrap();
    }
    while let Ok((len, _)) = socket.recv_from(&mut buffer) {
        assert!(len <= question.len(), "{len} > {}", question.len());
        assert_ne!(decode(&buffer[..len], None).unwrap().node, NodeId([0; 32]));
        answers += 1;
    }
    assert!(
        (1..100).contains(&answers),
        "{answers} answers to 300 questions"
    );
    // The oldest question once more: nobody answers a replay.
    let old = encode(&beacon(Kind::Join, &asker, 1), &asker, None).unwrap();
    socket.send_to(&old, (EVERYONE, swarm.port)).unwrap();
    assert!(socket.recv_from(&mut buffer).is_err());
}

#[test]
fn a_false_leave_sends_nobody_away() {
    let swarm = Swarm::new();
    crate::common::share(&swarm.home("alice"), "a.bin", &noise(31, 9_000));
    let mut alice = swarm.serve_scanned("alice", &[]);
    let mut bob = swarm.serve("bob", &[]);
    bob.wait("joined", |line| line.contains(r#""event":"joined""#));
    // Signed by somebody else, cut short, and flipped.
    let (stranger, socket) = (signer(2), socket());
    let good = encode(&beacon(Kind::Leave, &stranger, u64::MAX), &stranger, None).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        socket.send_to(&bad, (EVERYONE, swarm.port)).unwrap();
        socket.send_to(&good[..at], (EVERYONE, swarm.port)).unwrap();
    }
    let listed = swarm.run("carol", &["list", "--json"]).succeeds().json();
    assert_eq!(listed[0]["holders"], 1);
    alice.signal("TERM");
    assert_eq!(alice.end(), 0);
    let left = bob.wait("left", |line| {
        line.contains(r#""event":"left""#) && line.contains("alice")
    });
    assert!(left.contains("true"), "{left}");
    assert!(
        !bob.seen
            .iter()
            .any(|line| line.contains("left") && line.contains("alice") && line.contains("false"))
    );
}
