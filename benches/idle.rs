//! What clients that only wait cost a rendezvous server: memory before and after so many of them
//! came.
//!
//! `idle SPRAT CLIENTS` starts that program's server on loopback. Each client connects by TCP,
//! enters, reserves and registers, then keeps still. Run by `benches/compare/idle-clients.sh`,
//! which raises the number of open files.

#[path = "../tests/common/visitor.rs"]
mod visitor;

use libp2p::Multiaddr;
use sprat::wire::directory::{Request, Response, SwarmTag};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, task::JoinSet};
use visitor::Visitor;

/// Those that arrive at the same time.
const AT_ONCE: usize = 16;
/// How long they keep still before the last look: some pings each.
const STILL: Duration = Duration::from_secs(60);
/// A client may cost so much, and the whole server.
const EACH_KIB: u64 = 64;
const ALL_MIB: u64 = 128;

fn kib(server: &Child, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn come(number: u16, address: Multiaddr) -> Visitor {
    let mut visitor = Visitor::arrive(number, &address).await.unwrap();
    let swarm = SwarmTag::default();
    let entered = visitor.ask(&Request::Enter { swarm }).await;
    assert!(matches!(entered, Some(Response::Entered { .. })));
    assert!(visitor.reserve().await, "no reservation for {number}");
    let registered = visitor.register(&format!("space {}", number / 50)).await;
    assert!(registered, "{number} is not registered");
    visitor
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().filter(|word| word != "--bench").collect();
    let [_, sprat, count] = &words[..] else {
        eprintln!("usage: benches/compare/idle-clients.sh [CLIENTS]");
        return;
    };
    let count: u16 = count.parse().unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut server = Command::new(sprat)
        .args(["--json", "--listen", "127.0.0.1", "--home"])
        .arg(home.path())
        .args(["rendezvous", "--port", "0", "--per-address", "20000"])
        .args(["--reservations", "20000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let address: Multiaddr = ready["addresses"][0].as_str().unwrap().parse().unwrap();
    let before = kib(&server, "VmRSS:");
    let begun = Instant::now();
    let (places, mut coming) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for number in 0..count {
        let (places, address) = (places.clone(), address.clone());
        coming.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            come(number, address).await
        });
    }
    let mut waiting = JoinSet::new();
    while let Some(visitor) = coming.join_next().await {
        waiting.spawn(visitor.unwrap().idle());
    }
    let there = kib(&server, "VmRSS:");
    println!(
        "{count} clients came in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    tokio::time::sleep(STILL).await;
    assert!(waiting.try_join_next().is_none(), "a client was dropped");
    let (after, peak) = (kib(&server, "VmRSS:"), kib(&server, "VmHWM:"));
    let each = (after.max(there) - before) as f64 / f64::from(count);
    println!(
        "server: {before} KiB before, {there} KiB with all, {after} KiB when they had kept still for {} s, {peak} KiB at most",
        STILL.as_secs()
    );
    println!(
        "{each:.1} KiB a client (limit {EACH_KIB}), {:.1} MiB in all (limit {ALL_MIB})",
        peak as f64 / 1024.0
    );
    server.kill().unwrap();
    server.wait().unwrap();
    let well = each <= EACH_KIB as f64 && peak <= ALL_MIB << 10;
    std::process::exit(i32::from(!well));
}
