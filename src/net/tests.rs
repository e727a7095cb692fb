//! Nodes on loopback, talking to each other and to strangers that misbehave.

mod bulk;
mod hostile;
pub(crate) mod meeting;
mod proof;
mod resting;
mod surplus;

use super::*;
use crate::{
    core::id::{FileId, NodeId},
    core::via::Via,
    wire::control::{Request, Response},
};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{net::Ipv4Addr, time::Duration};
use tokio::sync::mpsc;

/// Above every deadline of the module itself.
const DEADLINE: Duration = Duration::from_secs(20);

fn config(seed: u8) -> NetConfig {
    NetConfig {
        secret: [seed; 32],
        transfer_port: 0,
        listen: vec![Ipv4Addr::LOCALHOST.into()],
        interfaces: Vec::new(),
        mdns: false,
        swarm_key: None,
        relayed: true,
        agent: "sprat/test".into(),
    }
}

struct Node {
    net: Net,
    events: mpsc::Receiver<NetEvent>,
    streams: mpsc::Receiver<Inbound>,
}

impl Node {
    fn start(config: NetConfig) -> Self {
        Self::with(config, Router::default())
    }

    /// One that knows nothing of bulk connections.
    fn older(seed: u8) -> Self {
        let mut router = Router::default();
        router.without_bulk();
        Self::with(config(seed), router)
    }

    fn with(config: NetConfig, mut router: Router) -> Self {
        let streams = router.register(crate::wire::chunk::PROTOCOL);
        let (net, events) = Net::start(config, router).unwrap();
        Self {
            net,
            events,
            streams,
        }
    }

    fn new(seed: u8) -> Self {
        Self::start(config(seed))
    }

    fn id(&self) -> NodeId {
        self.net.node()
    }

    async fn dial(&self, other: &Self) {
        self.net.dial(Some(other.id()), other.net.addresses()).await;
    }

    /// The first event that `pick` takes; others are passed over.
    async fn until<T>(&mut self, mut pick: impl FnMut(NetEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the network ended");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(DEADLINE, search)
            .await
            .expect("nothing of the kind happened in time")
    }

    async fn connected(&mut self) -> (NodeId, Via) {
        self.until(|event| match event {
            NetEvent::Connected { node, via, .. } => Some((node, via)),
            _ => None,
        })
        .await
    }

    async fn disconnected(&mut self) -> NodeId {
        self.until(|event| match event {
            NetEvent::Disconnected { node, .. } => Some(node),
            _ => None,
        })
        .await
    }

    async fn dial_failed(&mut self) -> String {
        self.dial_refused().await.0
    }

    /// With whether nobody listens there.
    async fn dial_refused(&mut self) -> (String, bool) {
        self.until(|event| match event {
            NetEvent::DialFailed { why, refused, .. } => Some((why, refused)),
            _ => None,
        })
        .await
    }

    async fn stream(&mut self) -> Stream {
        let inbound = tokio::time::timeout(DEADLINE, self.streams.recv()).await;
        inbound
            .expect("no stream came in time")
            .expect("the network ended")
            .stream
    }

    async fn request(&mut self) -> (NodeId, Request, Reply) {
        self.until(|event| match event {
            NetEvent::Request {
                node,
                request,
                reply,
            } => Some((node, request, reply)),
            _ => None,
        })
        .await
    }
}

async fn pair() -> (Node, Node) {
    let (mut a, mut b) = (Node::new(1), Node::new(2));
    a.dial(&b).await;
    assert_eq!(a.connected().await, (b.id(), Via::Lan));
    assert_eq!(b.connected().await, (a.id(), Via::Lan));
    (a, b)
}

fn question() -> Request {
    Request::Have {
        file: FileId([5; 32]),
        follow: false,
        stream: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_exchange_a_question_and_an_answer() {
    let (a, mut b) = pair().await;
    let (net, to) = (a.net.clone(), b.id());
    let asking = tokio::spawn(async move { net.request(to, question()).await });
    let (from, request, reply) = b.request().await;
    assert_eq!((from, request), (a.id(), question()));
    reply.send(Response::Missing);
    assert_eq!(asking.await.unwrap(), Ok(Response::Missing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_dropped_gives_an_error_at_once() {
    let (a, mut b) = pair().await;
    let (net, to) = (a.net.clone(), b.id());
    let asking = tokio::spawn(async move { net.request(to, question()).await });
    drop(b.request().await);
    assert_eq!(asking.await.unwrap(), Err(RequestError::Refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_trip_is_measured() {
    let (mut a, b) = pair().await;
    let node = a
        .until(|event| match event {
            NetEvent::Rtt { node, .. } => Some(node),
            _ => None,
        })
        .await;
    assert_eq!(node, b.id());
}

/// Sends and reads at once, each to the end.
async fn both(stream: Stream, send: Vec<u8>) -> Vec<u8> {
    let (mut reader, mut writer) = stream.split();
    let mut got = Vec::new();
    let write = async {
        writer.write_all(&send).await.unwrap();
        writer.close().await.unwrap();
    };
    let read = async { reader.read_to_end(&mut got).await.unwrap() };
    tokio::join!(write, read);
    got
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_carries_megabytes_both_ways() {
    // Beyond every window and buffer between the two ends.
    const SIZE: usize = 8 << 20;
    let data = |seed: u8| -> Vec<u8> { (0..SIZE).map(|at| (at / 251) as u8 ^ seed).collect() };
    let (a, mut b) = pair().await;
    let ours = a.net.chunk_stream(b.id()).await.unwrap();
    let (one, two) = (data(1), data(2));
    let here = tokio::spawn(both(ours, one.clone()));
    let there = tokio::spawn(both(b.stream().await, two.clone()));
    assert!(here.await.unwrap() == two);
    assert!(there.await.unwrap() == one);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_opened_at_once_all_arrive() {
    let (a, mut b) = pair().await;
    let open = async |number: u8| {
        let mut stream = a.net.chunk_stream(b.id()).await.unwrap();
        stream.write_all(&[number]).await.unwrap();
        stream.flush().await.unwrap();
        stream
    };
    let mut kept = Vec::from(<[Stream; 4]>::from(tokio::join!(
        open(1),
        open(2),
        open(3),
        open(4)
    )));
    let mut numbers = Vec::new();
    for _ in 0..4 {
        let mut stream = b.stream().await;
        let mut number = [0];
        stream.read_exact(&mut number).await.unwrap();
        numbers.push(number[0]);
        kept.push(stream);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_connected_cannot_be_asked() {
    let a = Node::new(1);
    let nobody = NodeId([7; 32]);
    let answer = a.net.request(nobody, question()).await;
    assert_eq!(answer, Err(RequestError::NotConnected));
    let stream = a.net.chunk_stream(nobody).await;
    assert_eq!(stream.unwrap_err(), StreamError::NotConnected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_enough_to_find_who_is_there() {
    let (mut a, b) = (Node::new(1), Node::new(2));
    a.net.dial(None, b.net.addresses()).await;
    assert_eq!(a.connected().await.0, b.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn dials_that_lead_nowhere_say_why() {
    let mut a = Node::new(1);
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    a.net.dial(Some(NodeId([7; 32])), vec![closed]).await;
    let (why, refused) = a.dial_refused().await;
    assert!(refused && why.contains("refused"), "{why}");
    a.net.dial(None, a.net.addresses()).await;
    let why = a.dial_failed().await;
    assert!(why.contains("this node"), "{why}");
    let b = Node::new(2);
    let mistaken = Node::new(3);
    a.net.dial(Some(b.id()), mistaken.net.addresses()).await;
    let (why, refused) = a.dial_refused().await;
    assert!(
        !refused && why.contains(&mistaken.id().to_string()),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_may_dial_at_once() {
    for _ in 0..10 {
        let (mut a, mut b) = (Node::new(1), Node::new(2));
        tokio::join!(a.dial(&b), b.dial(&a), a.dial(&b), b.dial(&a));
        assert_eq!(a.connected().await.0, b.id());
        assert_eq!(b.connected().await.0, a.id());
        // And the connection lasts: something can be asked over it.
        let (net, to) = (a.net.clone(), b.id());
        let asking = tokio::spawn(async move { net.request(to, question()).await });
        b.request().await.2.send(Response::Done);
        assert_eq!(asking.await.unwrap(), Ok(Response::Done));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_is_gone_at_once() {
    let (mut a, b) = pair().await;
    let asked = std::time::Instant::now();
    b.net.shutdown().await;
    assert_eq!(a.disconnected().await, b.id());
    assert!(asked.elapsed() < Duration::from_secs(2));
    // What is asked of a network that has ended is answered too.
    let answer = b.net.request(a.id(), question()).await;
    assert_eq!(answer, Err(RequestError::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_node_loses_no_event_and_its_commands_are_still_taken() {
    // Four askers with 90 questions each (a connection allows 100): more than the queue of events
    // holds.
    const EACH: usize = 90;
    let mut slow = Node::new(1);
    let mut askers: Vec<Node> = (2..6).map(Node::new).collect();
    let mut asking = tokio::task::JoinSet::new();
    // All are connected first: who comes to a node whose queue is full waits.
    for asker in &mut askers {
        asker.dial(&slow).await;
        asker.connected().await;
    }
    for asker in &askers {
        for _ in 0..EACH {
            let (net, to) = (asker.net.clone(), slow.id());
            asking.spawn(async move { net.request(to, question()).await });
        }
    }
    let full = async {
        while slow.events.len() < slow.events.max_capacity() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, full).await.unwrap();
    // More commands than their queue holds, while nothing of the network moves.
    for _ in 0..300 {
        slow.net.disconnect(NodeId([7; 32])).await;
    }
    for _ in 0..EACH * askers.len() {
        slow.request().await.2.send(Response::Done);
    }
    while let Some(answer) = asking.join_next().await {
        assert_eq!(answer.unwrap(), Ok(Response::Done));
    }
}
