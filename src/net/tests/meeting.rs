//! Nodes that find each other through a server, and the paths that they take then.

mod altering;
mod hostile;
pub(crate) mod server;

use super::*;
use crate::wire::directory as directory_wire;
use libp2p::PeerId;
use server::Server;
use std::{sync::atomic::Ordering, time::Instant};

const ROOM: &str = "sprat";

impl Node {
    async fn said<T>(&mut self, mut pick: impl FnMut(MeetingEvent) -> Option<T>) -> T {
        self.until(|event| match event {
            NetEvent::Meeting(event) => pick(event),
            _ => None,
        })
        .await
    }

    /// Joins a server and waits until this node can be found there.
    async fn settle(&mut self, server: &Server) {
        self.net.join(Some(server.id), vec![server.at]).await;
        self.said(|event| match event {
            MeetingEvent::Connected { server, .. } => Some(server),
            MeetingEvent::Failed { why, .. } => panic!("{why}"),
            _ => None,
        })
        .await;
        self.net.reserve(server.id).await;
        self.said(|event| match event {
            MeetingEvent::Reserved { .. } => Some(()),
            MeetingEvent::Unreserved { why, .. } => panic!("{why}"),
            _ => None,
        })
        .await;
        self.net.register(server.id, ROOM.into()).await;
        self.said(|event| match event {
            MeetingEvent::Registered { namespace, .. } => {
                assert_eq!(namespace, ROOM);
                Some(())
            }
            MeetingEvent::NotRegistered { why, .. } => panic!("{why}"),
            _ => None,
        })
        .await;
    }

    async fn discover(&mut self, server: &Server) -> Vec<NodeId> {
        self.net.discover(server.id, ROOM.into()).await;
        self.said(|event| match event {
            MeetingEvent::Discovered { nodes, .. } => Some(nodes),
            MeetingEvent::NotDiscovered { why, .. } => panic!("{why}"),
            _ => None,
        })
        .await
    }

    /// Waits for a path of this kind to a node, whatever comes before.
    async fn reached(&mut self, whom: NodeId, how: Via) {
        self.until(|event| match event {
            NetEvent::Connected { node, via, .. } | NetEvent::Path { node, via, .. } => {
                (node == whom && via == how).then_some(())
            }
            _ => None,
        })
        .await;
    }
}

/// Two nodes that can be found at a server.
async fn settled(server: &Server, a: NetConfig, b: NetConfig) -> (Node, Node) {
    let (mut a, mut b) = (Node::start(a), Node::start(b));
    a.settle(server).await;
    b.settle(server).await;
    (a, b)
}

async fn straight(server: &Server, a: NetConfig, b: NetConfig) -> (Node, Node) {
    let (mut a, mut b) = settled(server, a, b).await;
    assert_eq!(a.discover(server).await, [b.id()]);
    a.net.meet(b.id(), vec![server.id]).await;
    a.reached(b.id(), Via::Lan).await;
    b.reached(a.id(), Via::Lan).await;
    (a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_meet_at_a_server_and_find_a_straight_path() {
    let server = Server::new(100).await;
    let (mut a, mut b) = settled(&server, config(1), config(2)).await;
    assert_eq!(a.discover(&server).await, [b.id()]);
    // No new node since.
    assert!(a.discover(&server).await.is_empty());
    let began = Instant::now();
    a.net.meet(b.id(), vec![server.id]).await;
    assert_eq!(a.connected().await, (b.id(), Via::Relay));
    a.reached(b.id(), Via::Lan).await;
    b.reached(a.id(), Via::Lan).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let (net, to) = (a.net.clone(), b.id());
    let asking = tokio::spawn(async move { net.request(to, question()).await });
    b.request().await.2.send(Response::Done);
    assert_eq!(asking.await.unwrap(), Ok(Response::Done));
    assert_eq!(server.circuits.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayed_connection_is_closed_when_a_straight_one_stands() {
    let server = Server::new(100).await;
    let (a, mut b) = straight(&server, config(1), config(2)).await;
    // What is opened now is on the straight one, and lasts longer than the relayed one.
    let mut stream = a.net.chunk_stream(b.id()).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.flush().await.unwrap();
    let mut other = b.stream().await;
    let mut ended = server.ended.clone();
    let closed = tokio::time::timeout(DEADLINE, ended.wait_for(|ended| *ended > 0)).await;
    closed.expect("the relayed one stays").unwrap();
    other.read_exact(&mut [0]).await.unwrap();
    stream.write_all(b"y").await.unwrap();
    stream.flush().await.unwrap();
    other.read_exact(&mut [0]).await.unwrap();
    // The server gone, the straight path stays.
    drop(server);
    let mut a = a;
    a.said(|event| matches!(event, MeetingEvent::Lost { .. }).then_some(()))
        .await;
    stream.write_all(b"z").await.unwrap();
    stream.flush().await.unwrap();
    other.read_exact(&mut [0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcards_and_a_swarm_key_change_nothing() {
    let server = Server::new(100).await;
    let private = |seed| NetConfig {
        swarm_key: Some([9; 32]),
        listen: vec![Ipv4Addr::UNSPECIFIED.into()],
        ..config(seed)
    };
    straight(&server, private(1), private(2)).await;
    let server = Server::new(101).await;
    let public = |seed| NetConfig {
        listen: Vec::new(),
        ..config(seed)
    };
    straight(&server, public(3), public(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_swarm_key_never_connects() {
    let server = Server::new(100).await;
    let private = |seed, key| NetConfig {
        swarm_key: Some([key; 32]),
        ..config(seed)
    };
    let (a, mut b) = settled(&server, private(1, 8), private(2, 9)).await;
    b.net.meet(a.id(), vec![server.id]).await;
    b.dial_failed().await;
    let (mut a, mut c) = (a, Node::start(config(3)));
    c.settle(&server).await;
    c.net.meet(a.id(), vec![server.id]).await;
    c.dial_failed().await;
    // The first that gets in is a member.
    let mut d = Node::start(private(4, 8));
    d.settle(&server).await;
    d.net.meet(a.id(), vec![server.id]).await;
    assert_eq!(a.connected().await.0, d.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_straight_path_the_relay_carries_after_a_while() {
    let server = Server::new(100).await;
    let (a, mut b) = settled(&server, config(1), config(2)).await;
    server.honest.store(false, Ordering::SeqCst);
    a.net.meet(b.id(), vec![server.id]).await;
    assert_eq!(b.connected().await, (a.id(), Via::Relay));
    let began = Instant::now();
    let mut stream = b.net.chunk_stream(a.id()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    stream.write_all(b"x").await.unwrap();
    stream.flush().await.unwrap();
    let mut a = a;
    let mut other = a.stream().await;
    other.read_exact(&mut [0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_refuses_relays_is_connected_straight_or_not_at_all() {
    let server = Server::new(100).await;
    let strict = |seed| NetConfig {
        relayed: false,
        ..config(seed)
    };
    let (mut a, b) = settled(&server, strict(1), config(2)).await;
    a.net.meet(b.id(), vec![server.id]).await;
    assert_eq!(a.connected().await, (b.id(), Via::Lan));
    server.honest.store(false, Ordering::SeqCst);
    let (c, mut d) = settled(&server, strict(3), strict(4)).await;
    d.net.meet(c.id(), vec![server.id]).await;
    let why = d.dial_failed().await;
    assert!(why.contains("--no-relay"), "{why}");
    let stream = d.net.chunk_stream(c.id()).await;
    assert!(matches!(
        stream.unwrap_err(),
        StreamError::NotConnected | StreamError::OnlyRelayed
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_in_a_servers_place_is_named() {
    let mut a = Node::new(1);
    let (b, server) = (Node::new(2), Server::new(100).await);
    let failed = |event| match event {
        MeetingEvent::Failed { why, .. } => Some(why),
        _ => None,
    };
    a.net.join(None, b.net.addresses()).await;
    let why = a.said(failed).await;
    assert!(why.contains("no rendezvous server"), "{why}");
    a.net.join(Some(b.id()), vec![server.at]).await;
    let why = a.said(failed).await;
    for id in [b.id(), server.id] {
        assert!(why.contains(&id.to_string()), "{why}");
    }
    // A server is no peer, whatever it is dialled as.
    a.net.join(None, vec![server.at]).await;
    a.said(|event| matches!(event, MeetingEvent::Connected { .. }).then_some(()))
        .await;
    let answer = a.net.request(server.id, question()).await;
    assert_eq!(answer, Err(RequestError::NotConnected));
    a.net.leave_server(server.id).await;
    a.said(|event| matches!(event, MeetingEvent::Lost { .. }).then_some(()))
        .await;
}
