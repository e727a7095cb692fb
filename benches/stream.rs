//! What one chunk stream carries: from one network to another on loopback, encrypted and
//! multiplexed, without disks.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::{AsyncReadExt, AsyncWriteExt};
use sprat::net::{Net, NetConfig, NetEvent, Router, Stream};
use std::{net::Ipv4Addr, time::Duration};
use tokio::{runtime::Runtime, sync::mpsc};

const SIZE: usize = 256 << 20;
/// A chunk of the usual length: what the node writes at once.
const PIECE: usize = 256 << 10;

fn config(seed: u8) -> NetConfig {
    NetConfig {
        secret: [seed; 32],
        transfer_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        interfaces: Vec::new(),
        mdns: false,
        swarm_key: None,
        relayed: true,
        agent: "sprat/bench".into(),
    }
}

async fn until<T>(
    events: &mut mpsc::Receiver<NetEvent>,
    pick: impl Fn(NetEvent) -> Option<T>,
) -> T {
    loop {
        let event = events.recv().await.expect("a network that runs");
        if let Some(found) = pick(event) {
            return found;
        }
    }
}

/// Takes every event from here on: a full queue would stop the network.
fn drain(mut events: mpsc::Receiver<NetEvent>) {
    tokio::spawn(async move { while events.recv().await.is_some() {} });
}

/// Two networks and the two ends of one stream between them.
async fn connect() -> (Net, Net, Stream, Stream) {
    let mut router = Router::default();
    let mut inbound = router.register(sprat::wire::chunk::PROTOCOL);
    let (one, mut one_events) = Net::start(config(1), Router::default()).expect("a network");
    let (two, two_events) = Net::start(config(2), router).expect("a network");
    one.dial(Some(two.node()), two.addresses()).await;
    let connected = |event| matches!(event, NetEvent::Connected { .. }).then_some(());
    until(&mut one_events, connected).await;
    let mut here = one.chunk_stream(two.node()).await.expect("a stream");
    // The other side hears of it with the first byte.
    here.write_all(&[0]).await.expect("a writable stream");
    here.flush().await.expect("a writable stream");
    let mut there = inbound.recv().await.expect("a stream").stream;
    there.read_exact(&mut [0]).await.expect("the first byte");
    drain(one_events);
    drain(two_events);
    (one, two, here, there)
}

fn carry(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let (_one, _two, mut here, mut there) = runtime.block_on(connect());
    let piece: Vec<u8> = (0..PIECE).map(|at| (at / 251) as u8).collect();
    let mut buffer = vec![0; PIECE];
    let mut group = criterion.benchmark_group("one stream");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .throughput(Throughput::Bytes(SIZE as u64));
    group.bench_function("256 MiB", |bench| {
        bench.iter(|| {
            runtime.block_on(async {
                let write = async {
                    for _ in 0..SIZE / PIECE {
                        here.write_all(&piece).await.expect("a writable stream");
                    }
                    here.flush().await.expect("a writable stream");
                };
                let read = async {
                    for _ in 0..SIZE / PIECE {
                        there.read_exact(&mut buffer).await.expect("a readable one");
                    }
                };
                tokio::join!(write, read);
            });
        });
    });
    group.finish();
}

criterion_group!(benches, carry);
criterion_main!(benches);
