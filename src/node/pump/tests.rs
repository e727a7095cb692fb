//! What becomes of orders when streams end.

use super::*;
use crate::{
    core::id::ChunkId,
    net::{Inbound, NetConfig, NetEvent, Router},
};
use std::net::Ipv4Addr;

const DEADLINE: Duration = Duration::from_secs(30);

fn net(seed: u8) -> (Net, mpsc::Receiver<NetEvent>, mpsc::Receiver<Inbound>) {
    let mut router = Router::default();
    let streams = router.register(crate::wire::chunk::PROTOCOL);
    let config = NetConfig {
        secret: [seed; 32],
        transfer_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        interfaces: Vec::new(),
        mdns: false,
        swarm_key: None,
        relayed: true,
        agent: "sprat/test".into(),
    };
    let (net, events) = Net::start(config, router).unwrap();
    (net, events, streams)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_order_has_an_outcome_although_streams_end_at_once() {
    let (here, mut events, _streams) = net(1);
    let (there, mut others, mut streams) = net(2);
    let hang_up = tokio::spawn(async move {
        loop {
            tokio::select! {
                one = streams.recv() => drop(one),
                event = others.recv() => drop(event),
            }
        }
    });
    here.dial(Some(there.node()), there.addresses()).await;
    let met = async {
        while here.paths(there.node()).await.is_empty() {
            events.recv().await;
        }
    };
    timeout(DEADLINE, met).await.expect("a connection");
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    let (outcomes, mut told) = mpsc::channel(16);
    let limit = Limiter::default();
    let mut pump = Pump::start(&here, there.node(), &limit, &Arriving::default(), &outcomes);
    for at in 0..200 {
        let order = Order {
            chunk: UniqueChunk(at),
            id: ChunkId([1; 32]),
            len: 1000,
            targets: Vec::new(),
        };
        assert!(pump.get(order));
        let told = timeout(DEADLINE, told.recv()).await;
        let outcome = told.expect("every order ends").expect("the pump runs");
        assert_eq!(outcome.chunk, UniqueChunk(at));
        assert!(matches!(outcome.result, OrderStatus::Broken));
    }
    hang_up.abort();
}
