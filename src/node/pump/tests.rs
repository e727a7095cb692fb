//! What becomes of orders when streams end.

use super::*;
use crate::{
    core::{chunk::VerifiedChunk, id::ChunkId},
    net::{Inbound, NetConfig, NetEvent, Router},
    wire::chunk::{Header, Status},
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

/// Connects two nodes; what happens at the first one is of no interest then.
async fn meet(here: &Net, there: &Net, mut events: mpsc::Receiver<NetEvent>) {
    here.dial(Some(there.node()), there.addresses()).await;
    let met = async {
        while here.paths(there.node()).await.is_empty() {
            events.recv().await;
        }
    };
    timeout(DEADLINE, met).await.expect("a connection");
    tokio::spawn(async move { while events.recv().await.is_some() {} });
}

#[tokio::test(flavor = "multi_thread")]
async fn each_order_has_an_outcome_although_streams_end_at_once() {
    let (here, events, _streams) = net(1);
    let (there, mut others, mut streams) = net(2);
    let hang_up = tokio::spawn(async move {
        loop {
            tokio::select! {
                one = streams.recv() => drop(one),
                event = others.recv() => drop(event),
            }
        }
    });
    meet(&here, &there, events).await;
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

/// Questions of a stream.
const ORDERS: u32 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn wherever_receiving_is_broken_off_no_order_is_lost() {
    let (here, events, _streams) = net(3);
    let (there, mut others, mut streams) = net(4);
    // Too long to be kept where it is received.
    let body = vec![7; LIGHT + 1];
    let (id, len) = (VerifiedChunk::hash(&body).id(), body.len() as u32);
    let answer = tokio::spawn(async move {
        loop {
            tokio::select! {
                one = streams.recv() => {
                    let Some(Inbound { mut stream, .. }) = one else { return };
                    let body = body.clone();
                    tokio::spawn(async move {
                        for tag in 1..=ORDERS {
                            let status = Status::Bytes(body.len() as u32);
                            let header = Header { tag, status }.to_bytes();
                            let _ = stream.write_all(&header).await;
                            let _ = stream.write_all(&body).await;
                        }
                        let _ = stream.flush().await;
                        let mut rest = [0; 1024];
                        while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
                    });
                }
                event = others.recv() => drop(event),
            }
        }
    });
    meet(&here, &there, events).await;
    let route = Route::new(here, there.node(), 0, Paths::default());
    let (limit, arriving) = (Limiter::default(), Arriving::default());
    for heard in 1..2 * ORDERS {
        let (ledger, mut tag, mut bytes) = (Ledger::default(), 0, Vec::new());
        for at in 0..ORDERS {
            let order = Order {
                chunk: UniqueChunk(at),
                id,
                len,
                targets: Vec::new(),
            };
            enter(Command::Get(order), &mut tag, &ledger, &mut bytes);
        }
        let stream = route.open().await.expect("a stream");
        let path = stream.path();
        let (read, mut write) = stream.split();
        write.write_all(&bytes).await.unwrap();
        write.flush().await.unwrap();
        // With room for one outcome, what is stored waits for somebody who listens.
        let (outcomes, mut told) = mpsc::channel(1);
        let mut stored = 0;
        let mut count = |outcome: &Outcome| {
            stored += usize::from(matches!(outcome.result, OrderStatus::Stored { .. }));
        };
        let listen = async {
            for _ in 0..heard {
                count(&told.recv().await.expect("an outcome"));
            }
            // The next one is on its way, and nobody listens.
            tokio::task::yield_now().await;
        };
        tokio::select! {
            end = receive(read, (&route, path), (&limit, &arriving), &ledger, &outcomes) => {
                panic!("{heard}: {end:?}");
            }
            done = timeout(DEADLINE, listen) => done.expect("outcomes"),
        }
        drop(outcomes);
        while let Some(outcome) = told.recv().await {
            count(&outcome);
        }
        assert_eq!(stored + lock(&ledger).len(), ORDERS as usize, "{heard}");
    }
    answer.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn news_go_by_the_stream_of_questions_and_it_is_known_when_some_may_be_lost() {
    let (here, events, _streams) = net(5);
    let (there, mut others, mut streams) = net(6);
    tokio::spawn(async move { while others.recv().await.is_some() {} });
    meet(&here, &there, events).await;
    let (outcomes, _told) = mpsc::channel(16);
    let (limit, file) = (Limiter::default(), FileId([9; 32]));
    let pump = Pump::start(&here, there.node(), &limit, &Arriving::default(), &outcomes);
    assert!(pump.tell(file, Arc::new(vec![3, 7])));
    let inbound = timeout(DEADLINE, streams.recv()).await.unwrap();
    let Inbound { mut stream, .. } = inbound.expect("a stream");
    let question = timeout(DEADLINE, Question::read(&mut stream)).await;
    let told = Some(Question::Held(file, vec![3, 7]));
    assert_eq!(question.unwrap().unwrap(), told);
    assert!(!pump.lost_news());
    // What is said on a stream that ends may be lost.
    drop(stream);
    let lost = async {
        while !pump.lost_news() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, lost).await.expect("it notices");
    assert!(!pump.lost_news(), "once");
}
