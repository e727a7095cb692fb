//! Peers that no beacon reaches hear of one another by those to whom they are connected.

use crate::common::{DEADLINE, Running, Swarm, downloaded, faulty, noise, share};
use sprat::{
    core::id::NodeId,
    net::NetEvent,
    wire::control::{CatalogPage, PeerAddress, Request, Response},
};
use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Where a node that is ready listens.
fn address(node: &Running) -> String {
    let ready = node.seen.iter().find(|line| line.contains(r#""ready""#));
    let ready: serde_json::Value = serde_json::from_str(ready.unwrap()).unwrap();
    ready["addresses"][0].as_str().unwrap().to_owned()
}

#[test]
fn two_who_name_the_same_third_one_find_each_other() {
    // Each has a discovery port of its own, so nobody hears anybody's beacon.
    let [hub, left, right, late] = [(); 4].map(|()| Swarm::new());
    let a = hub.serve("a", &["--no-mdns"]);
    let at = address(&a);
    share(&left.home("b"), "b.bin", &noise(1, 300_000));
    let mut b = left.serve_scanned("b", &["--no-mdns", "--peer", &at]);
    let mut c = right.serve("c", &["--no-mdns", "--peer", &at]);
    c.wait("b", |line| {
        line.contains(r#""joined""#) && line.contains(r#""b""#)
    });
    b.wait("c", |line| {
        line.contains(r#""joined""#) && line.contains(r#""c""#)
    });
    // A node that only fetches finds the holder through the hub, though the hub has nothing.
    let listed = late.run("d", &["list", "--json", "--no-mdns", "--peer", &at]);
    assert_eq!(listed.succeeds().json()[0]["holders"], 1);
    let fetch = ["download", "b.bin", "--no-mdns", "--peer", &at];
    late.run("d", &fetch).succeeds();
    assert_eq!(downloaded(&late.home("d"), "b.bin"), noise(1, 300_000));
    // They stay connected without the one who introduced them.
    a.leave();
    b.wait("a's end", |line| {
        line.contains(r#""left""#) && line.contains(r#""a""#)
    });
    share(&left.home("b"), "later.bin", b"later");
    c.wait("b's news", |line| line.contains(r#""event":"catalog""#));
}

/// Answers every question for peers with `names` at `target`, made up anew each time.
async fn liar(victim: SocketAddr, target: SocketAddr, names: usize) -> sprat::net::Net {
    let (net, mut events, _) = faulty::start(faulty::secret());
    net.dial(None, vec![victim]).await;
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            let NetEvent::Request { request, reply, .. } = event else {
                continue;
            };
            reply.send(match request {
                Request::Peers { .. } => {
                    let lie = |_| PeerAddress::new(NodeId(faulty::secret()), target);
                    Response::Peers((0..names).map(lie).collect())
                }
                Request::Catalog { .. } => Response::Catalog(CatalogPage {
                    name: "liar".into(),
                    keeps: false,
                    unchosen: false,
                    visiting: false,
                    epoch: 1,
                    revision: 0,
                    reset: false,
                    more: false,
                    through: None,
                    names: None,
                    entries: Vec::new(),
                    scan: None,
                    holds: Vec::new(),
                }),
                _ => Response::Missing,
            });
        }
    });
    net
}

#[tokio::test(flavor = "multi_thread")]
async fn liars_who_name_ten_thousand_have_few_dialled() {
    let swarm = Swarm::new();
    let mut victim = swarm.serve("victim", &["--no-mdns"]);
    let at: SocketAddr = address(&victim).parse().unwrap();
    // A third party counts who knocks.
    let third = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = third.local_addr().unwrap();
    let knocks = Arc::new(AtomicUsize::new(0));
    let counter = knocks.clone();
    std::thread::spawn(move || {
        for stream in third.incoming() {
            drop(stream);
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    // More names than an answer may have are no answer.
    let mut liars = vec![liar(at, target, 10_000).await];
    victim.wait("the first liar", |line| line.contains(r#""joined""#));
    // As many as it may have, from many.
    for _ in 0..12 {
        liars.push(liar(at, target, 64).await);
        victim.wait("a liar", |line| line.contains(r#""joined""#));
    }
    crate::common::until("the third party is tried", || {
        knocks.load(Ordering::SeqCst) >= 16
    });
    // Meanwhile an honest one gets through.
    let other = Swarm::new();
    let honest = address(&victim);
    share(&swarm.home("victim"), "x.bin", b"x");
    let listed = other.run("honest", &["list", "--no-mdns", "--peer", &honest]);
    assert_eq!(listed.code(), 0, "{}", listed.err());
    // Twice each at most for what the budget allows: 64 at once, one more a second.
    let seconds = 8;
    tokio::time::sleep(Duration::from_secs(seconds)).await; // What must not happen has no event.
    let allowed = 2 * (64 + (DEADLINE.as_secs() + seconds) as usize);
    let knocked = knocks.load(Ordering::SeqCst);
    assert!(knocked <= allowed, "{knocked} knocks at a third party");
    eprintln!("{knocked} knocks for 768 lies of 12 liars");
    drop(liars);
}
