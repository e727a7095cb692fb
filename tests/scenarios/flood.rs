//! A flood on the discovery port, as fast as a machine can send it to itself: the real peer is
//! found all the same.
//!
//! By hand, with a release build: `SPRAT_BINARY=target/release/sprat cargo test --test scenarios
//! flood:: -- --ignored --nocapture`.

use crate::common::{
    Running, Swarm,
    beacons::{self, EVERYONE, signer},
    noise,
};
use sprat::{core::membership::Kind, wire::beacon::encode};
use std::{
    net::UdpSocket,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// What a flood is made of.
#[derive(Clone, Copy, Debug)]
enum Made {
    /// Bytes without meaning.
    Garbage,
    /// Beacons of many nodes that there are not, each signed as it should be.
    Strangers,
    /// The same with wrong signatures.
    Forged,
    /// Datagrams that begin as beacons and do not go on so.
    Broken,
}

fn datagrams(kind: Made) -> Vec<Vec<u8>> {
    let beacon = |number: u64| {
        let signer = signer(number);
        let kind = [Kind::Join, Kind::Ping][number as usize % 2];
        encode(&beacons::beacon(kind, &signer, 1), &signer, None).unwrap()
    };
    (0..2000)
        .map(|number| match kind {
            Made::Garbage => noise(number, 400),
            Made::Strangers => beacon(number),
            Made::Forged => {
                let mut bytes = beacon(number);
                *bytes.last_mut().unwrap() ^= 1;
                bytes
            }
            Made::Broken => {
                let mut bytes = beacon(number);
                let rest = noise(number, bytes.len() - 20);
                bytes[20..].copy_from_slice(&rest);
                bytes
            }
        })
        .collect()
}

/// Sends so many a second from so many sockets until it is dropped.
struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    since: Instant,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Flood {
    fn start(port: u16, kind: Made, sockets: usize, a_second: usize) -> Self {
        let (stop, sent) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let all = datagrams(kind);
        let (stopped, counter) = (stop.clone(), sent.clone());
        let flood = move || {
            let sockets: Vec<UdpSocket> = (0..sockets)
                .map(|_| {
                    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    socket.set_broadcast(true).unwrap();
                    socket
                })
                .collect();
            let begun = Instant::now();
            let mut count = 0;
            while !stopped.load(Ordering::Relaxed) {
                let due = (begun.elapsed().as_secs_f64() * a_second as f64) as usize;
                if count >= due {
                    std::thread::sleep(Duration::from_micros(200)); // The pace of the flood.
                    continue;
                }
                let socket = &sockets[count % sockets.len()];
                let _ = socket.send_to(&all[count % all.len()], (EVERYONE, port));
                count += 1;
                counter.store(count, Ordering::Relaxed);
            }
        };
        Self {
            stop,
            sent,
            since: Instant::now(),
            threads: vec![std::thread::spawn(flood)],
        }
    }

    fn rate(&self) -> usize {
        (self.sent.load(Ordering::Relaxed) as f64 / self.since.elapsed().as_secs_f64()) as usize
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A node of the binary that is to be measured.
fn serve(swarm: &Swarm, name: &str) -> Running {
    let command = swarm.command(name, &["serve", "--json"]);
    let mut node = match std::env::var_os("SPRAT_BINARY") {
        Some(binary) => {
            let mut other = Command::new(binary);
            other.args(command.get_args());
            crate::common::with_environment(&mut other, &command);
            Running::start(other.stderr(Stdio::inherit()))
        }
        None => Running::of(command),
    };
    node.event("ready");
    node
}

/// Seconds until a node that was there before the flood and one that came into it know each other;
/// `None` if they do not within half a minute.
fn found(kind: Made, sockets: usize, a_second: usize) -> Option<f64> {
    let swarm = Swarm::new();
    let mut old = serve(&swarm, "old");
    let flood = Flood::start(swarm.port, kind, sockets, a_second);
    let begun = Instant::now();
    let mut new = serve(&swarm, "new");
    let joined = |node: &mut Running, name: &str| {
        let name = format!("\"{name}\"");
        while node.try_line() {}
        let told = |line: &String| line.contains(r#""joined""#) && line.contains(&name);
        node.seen.iter().any(told)
    };
    let seconds = loop {
        let seconds = begun.elapsed().as_secs_f64();
        if joined(&mut old, "new") && joined(&mut new, "old") {
            break Some(seconds);
        }
        if seconds > 30.0 {
            break None;
        }
        std::thread::sleep(Duration::from_millis(10)); // Between two looks, not in place of one.
    };
    let rate = flood.rate();
    println!("{kind:?} from {sockets} sockets, {rate} a second: found after {seconds:.2?} s");
    seconds
}

#[test]
fn a_real_peer_is_found_in_every_kind_of_flood() {
    for (kind, sockets) in [
        (Made::Garbage, 1),
        (Made::Broken, 1),
        (Made::Strangers, 1),
        (Made::Forged, 1),
        (Made::Forged, 500),
        (Made::Strangers, 500),
    ] {
        // Slower than a release build bears, and for a machine that has other work.
        let seconds = found(kind, sockets, 10_000);
        assert!(seconds.is_some(), "{kind:?} from {sockets} sockets");
    }
}

#[test]
#[ignore = "measures; needs a release build and a machine without other work"]
fn seconds_until_a_real_peer_is_found_in_seventy_thousand_a_second() {
    for (kind, sockets) in [
        (Made::Garbage, 1),
        (Made::Broken, 1),
        (Made::Strangers, 1),
        (Made::Strangers, 500),
        (Made::Forged, 1),
        (Made::Forged, 500),
    ] {
        for _ in 0..3 {
            found(kind, sockets, 70_000);
        }
    }
}
