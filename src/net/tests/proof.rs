//! Private swarms over QUIC: members prove that they are, and strangers learn nothing.

use super::*;
use crate::{
    net::{streams, transport},
    wire::{
        CONTROL_PROTOCOL, MEMBER_PROTOCOL, chunk,
        member::{CODE, Exchange, NONCE},
    },
};
use libp2p::{
    StreamProtocol, Swarm,
    futures::StreamExt,
    swarm::{self, ConnectionId, SwarmEvent, dial_opts::DialOpts},
};
use std::{net::SocketAddr, sync::Arc, time::Instant};
use tokio::sync::{mpsc, oneshot};

const KEY: [u8; 32] = [9; 32];
/// How long a node that is no member may stay.
const STAY: Duration = Duration::from_secs(5);

fn private(seed: u8, key: [u8; 32]) -> Node {
    Node::start(NetConfig {
        swarm_key: Some(key),
        ..config(seed)
    })
}

impl Node {
    fn quic(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.net.port()).into()
    }

    async fn dial_by_quic(&self, other: &Self) {
        self.net.dial_quic(other.id(), other.quic()).await;
    }

    /// Nothing was ever said of anyone but `member`.
    fn knows_nobody_but(&mut self, member: Option<NodeId>) {
        while let Ok(event) = self.events.try_recv() {
            match event {
                NetEvent::Connected { node, .. }
                | NetEvent::Path { node, .. }
                | NetEvent::Rtt { node, .. }
                | NetEvent::Disconnected { node, .. }
                | NetEvent::Request { node, .. } => assert_eq!(Some(node), member),
                _ => {}
            }
        }
        while let Ok(inbound) = self.streams.try_recv() {
            assert_eq!(Some(inbound.node), member);
        }
    }
}

async fn ask(from: &Node, to: &mut Node) {
    let (net, whom) = (from.net.clone(), to.id());
    let asking = tokio::spawn(async move { net.request(whom, question()).await });
    let (who, _, reply) = to.request().await;
    assert_eq!(who, from.id());
    reply.send(Response::Done);
    assert_eq!(asking.await.unwrap(), Ok(Response::Done));
}

async fn send(from: &Node, to: &mut Node) {
    let mut stream = from.net.chunk_stream(to.id()).await.unwrap();
    stream.write_all(b"word").await.unwrap();
    stream.flush().await.unwrap();
    let mut word = [0; 4];
    to.stream().await.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"word");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_connect_over_quic_alone_and_each_may_speak_first() {
    for turn in 0..8 {
        let (mut a, mut b) = (private(1, KEY), private(2, KEY));
        match turn % 2 {
            0 => a.dial_by_quic(&b).await,
            _ => b.dial_by_quic(&a).await,
        }
        // Either may have to begin with the proof.
        if turn % 4 < 2 {
            assert_eq!(a.connected().await.0, b.id());
            ask(&a, &mut b).await;
            send(&a, &mut b).await;
            ask(&b, &mut a).await;
        } else {
            assert_eq!(b.connected().await.0, a.id());
            send(&b, &mut a).await;
            ask(&b, &mut a).await;
            send(&a, &mut b).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proven_connection_lasts() {
    let (mut a, mut b) = (private(1, KEY), private(2, KEY));
    a.dial_by_quic(&b).await;
    assert_eq!(a.connected().await.0, b.id());
    let later = Instant::now() + STAY;
    while Instant::now() < later {
        a.until(|event| match event {
            NetEvent::Rtt { .. } => Some(()),
            NetEvent::Disconnected { .. } => panic!("it was closed"),
            _ => None,
        })
        .await;
    }
    ask(&a, &mut b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_by_tcp_may_come_by_quic_as_well() {
    let (mut a, mut b) = (private(1, KEY), private(2, KEY));
    tokio::join!(a.dial(&b), a.dial_by_quic(&b), b.dial_by_quic(&a));
    assert_eq!(a.connected().await.0, b.id());
    for _ in 0..20 {
        ask(&a, &mut b).await;
        send(&b, &mut a).await;
        ask(&b, &mut a).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_no_key_or_another_is_told_of_to_no_one() {
    let mut a = private(1, KEY);
    for stranger in [private(4, [8; 32]), Node::new(3)] {
        stranger.dial_by_quic(&a).await;
        a.dial_by_quic(&stranger).await;
    }
    let mut member = private(2, KEY);
    member.dial_by_quic(&a).await;
    assert_eq!(member.connected().await.0, a.id());
    let (node, _) = a.connected().await;
    assert_eq!(node, member.id());
}

/// What a node does on a stream of each kind that it opens.
#[derive(Clone, Copy, PartialEq)]
enum Trick {
    /// Nothing of the proof: it asks and wants chunks at once.
    Straight,
    /// Sends back the code that it was sent.
    Reflect,
    /// Answers what the victim begins, with what it sent.
    Answer,
    /// Sends what a member once sent.
    Replay([u8; NONCE], [u8; CODE]),
}

/// A peer that completes QUIC's handshake with a node of a private swarm, and has no key.
struct Stranger {
    swarm: Swarm<streams::Behaviour>,
}

const SPOKEN: &[StreamProtocol] = &[
    StreamProtocol::new(CONTROL_PROTOCOL),
    StreamProtocol::new(chunk::PROTOCOL.name),
    StreamProtocol::new(MEMBER_PROTOCOL),
];

impl Stranger {
    fn new(seed: u8) -> Self {
        let keys = identity::keypair([seed; 32]).unwrap();
        let local = keys.public().to_peer_id();
        let circuits = libp2p::relay::client::new(local).0;
        let transport =
            transport::build(&keys, None, circuits, Arc::default(), Arc::default(), None).unwrap();
        let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(DEADLINE);
        let spoken = streams::Behaviour::new(SPOKEN.into());
        let swarm = Swarm::new(transport, spoken, local, settings);
        Self { swarm }
    }

    fn open(
        &mut self,
        peer: libp2p::PeerId,
        id: ConnectionId,
        protocol: &'static str,
    ) -> oneshot::Receiver<Result<Stream, StreamError>> {
        let (opened, opening) = oneshot::channel();
        let protocol = StreamProtocol::new(protocol);
        let open = streams::Open { protocol, opened };
        self.swarm.behaviour_mut().open(peer, id, open);
        opening
    }

    /// How long the connection stood, after the node tried everything.
    async fn run(mut self, victim: SocketAddr, trick: Trick) -> Duration {
        let to = DialOpts::unknown_peer_id()
            .address(address::quic(victim))
            .allocate_new_port()
            .build();
        self.swarm.dial(to).unwrap();
        let mut began = Instant::now();
        let mut tried = tokio::task::JoinSet::new();
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished {
                    peer_id,
                    connection_id,
                    ..
                } => {
                    began = Instant::now();
                    // The question is well formed: a member would get an answer.
                    let word = cbor(&question());
                    for protocol in [CONTROL_PROTOCOL, chunk::PROTOCOL.name] {
                        let opening = self.open(peer_id, connection_id, protocol);
                        let word = word.clone();
                        tried.spawn(async move {
                            // The victim may have closed it all by then.
                            let Ok(Ok(mut stream)) = opening.await else {
                                return;
                            };
                            let _ = stream.write_all(&word).await;
                            let _ = stream.close().await;
                            let mut answer = Vec::new();
                            let _ = stream.read_to_end(&mut answer).await;
                            assert!(answer.is_empty());
                        });
                    }
                    if matches!(trick, Trick::Reflect | Trick::Replay(..)) {
                        let opening = self.open(peer_id, connection_id, MEMBER_PROTOCOL);
                        tried.spawn(async move {
                            let mut stream = opening.await.unwrap().unwrap();
                            let nonce = match trick {
                                Trick::Replay(nonce, _) => nonce,
                                _ => [7; NONCE],
                            };
                            stream.write_all(&nonce).await.unwrap();
                            stream.flush().await.unwrap();
                            let mut answer = [0; NONCE + CODE];
                            stream.read_exact(&mut answer).await.unwrap();
                            let code = match trick {
                                Trick::Replay(_, code) => code,
                                _ => answer[NONCE..].try_into().unwrap(),
                            };
                            stream.write_all(&code).await.unwrap();
                            stream.flush().await.unwrap();
                            let mut word = Vec::new();
                            let _ = stream.read_to_end(&mut word).await;
                            assert!(word.is_empty());
                        });
                    }
                }
                SwarmEvent::Behaviour(mut incoming) if trick == Trick::Answer => {
                    tried.spawn(async move {
                        let stream = &mut incoming.stream;
                        let mut nonce = [0; NONCE];
                        stream.read_exact(&mut nonce).await.unwrap();
                        stream.write_all(&[nonce, nonce].concat()).await.unwrap();
                        stream.flush().await.unwrap();
                        let mut word = Vec::new();
                        let _ = stream.read_to_end(&mut word).await;
                        assert!(word.is_empty());
                    });
                }
                SwarmEvent::ConnectionClosed { .. } => {
                    let stood = began.elapsed();
                    while let Some(tried) = tried.join_next().await {
                        tried.unwrap();
                    }
                    return stood;
                }
                SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
    }
}

/// The secret of a node that begins, or does not, with a proof to `victim`.
fn seed(begins: bool, victim: NodeId) -> u8 {
    let id = |seed| {
        let keys = identity::keypair([seed; 32]).unwrap();
        identity::node(&keys.public().to_peer_id()).unwrap()
    };
    let fits = |seed: &u8| (id(*seed) < victim) == begins;
    (100..=255).find(fits).unwrap()
}

fn cbor(request: &Request) -> Vec<u8> {
    crate::wire::cbor::encode(request)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_no_answer_and_is_closed_in_time() {
    let mut victim = private(1, KEY);
    let id = victim.id();
    // What the stranger sent to the victim when it was a member, with the nonce of that time.
    let (first, second) = (seed(true, id), seed(false, id));
    let old = Exchange {
        first: Node::new(first).id(),
        second: id,
        first_nonce: [3; NONCE],
        second_nonce: [4; NONCE],
    };
    let old = (old.first_nonce, *old.first_code(&KEY).as_bytes());
    for (seed, trick, most) in [
        (first, Trick::Straight, STAY),
        (second, Trick::Straight, STAY),
        // Who proves wrong goes at once.
        (first, Trick::Reflect, Duration::from_secs(2)),
        (first, Trick::Replay(old.0, old.1), Duration::from_secs(2)),
        (second, Trick::Answer, Duration::from_secs(2)),
    ] {
        let running = Stranger::new(seed).run(victim.quic(), trick);
        let stood = tokio::time::timeout(DEADLINE, running).await.unwrap();
        assert!(stood <= most, "{stood:?}");
    }
    victim.knows_nobody_but(None);
    // And members still get in.
    let mut member = private(2, KEY);
    member.dial_by_quic(&victim).await;
    assert_eq!(member.connected().await.0, id);
    ask(&member, &mut victim).await;
    victim.knows_nobody_but(Some(member.id()));
}

/// A member as far as TCP shows, who proves nothing on the connection by QUIC that it has as well.
/// On both it asks; what it is asked it answers, and tells whether that was asked by TCP.
async fn half_proven(victim: SocketAddr, asked: mpsc::Sender<bool>) {
    let keys = identity::keypair([77; 32]).unwrap();
    let local = keys.public().to_peer_id();
    let circuits = libp2p::relay::client::new(local).0;
    let transport = transport::build(
        &keys,
        Some(KEY),
        circuits,
        Arc::default(),
        Arc::default(),
        None,
    )
    .unwrap();
    let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(DEADLINE);
    let spoken = streams::Behaviour::new(SPOKEN.into());
    let swarm = Swarm::new(transport, spoken, local, settings);
    let mut here = Stranger { swarm };
    for address in [address::tcp(victim), address::quic(victim)] {
        let to = DialOpts::unknown_peer_id()
            .address(address)
            .allocate_new_port()
            .build();
        here.swarm.dial(to).unwrap();
    }
    let mut quic = None;
    loop {
        match here.swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } if !address::is_tcp(endpoint.get_remote_address()) => {
                quic = Some(connection_id);
                let opening = here.open(peer_id, connection_id, CONTROL_PROTOCOL);
                tokio::spawn(async move {
                    let mut stream = opening.await.unwrap().unwrap();
                    let _ = stream.write_all(&cbor(&question())).await;
                    let _ = stream.close().await;
                    let mut answer = Vec::new();
                    let _ = stream.read_to_end(&mut answer).await;
                    assert!(answer.is_empty());
                });
            }
            SwarmEvent::Behaviour(mut incoming) if incoming.protocol != streams::MEMBER => {
                asked.send(Some(incoming.connection) != quic).await.unwrap();
                tokio::spawn(async move {
                    let answer = crate::wire::cbor::encode(&Response::Done);
                    incoming.stream.write_all(&answer).await.unwrap();
                    incoming.stream.close().await.unwrap();
                });
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_or_answered_on_what_is_not_proven_though_its_node_is() {
    let mut victim = private(1, KEY);
    let (asked, mut was_asked) = mpsc::channel(8);
    let member = tokio::spawn(half_proven(victim.quic(), asked));
    let (node, _) = victim.connected().await;
    // While the connection by QUIC comes, stands, and is given up.
    let later = Instant::now() + STAY;
    let mut count = 0;
    while Instant::now() < later {
        assert_eq!(
            victim.net.request(node, question()).await,
            Ok(Response::Done)
        );
        assert_eq!(was_asked.recv().await, Some(true));
        count += 1;
    }
    assert!(count > 0);
    // No node was heard asking.
    while let Ok(event) = victim.events.try_recv() {
        assert!(!matches!(event, NetEvent::Request { .. }), "{event:?}");
    }
    member.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_to_be_met_while_its_connection_is_not_proven_is_met_later_and_not_forgotten() {
    let mut victim = private(1, KEY);
    // The victim begins with the proof, so its stream tells that it knows the connection.
    let mut stranger = Stranger::new(seed(false, victim.id()));
    let node = identity::node(stranger.swarm.local_peer_id()).unwrap();
    let to = DialOpts::unknown_peer_id()
        .address(address::quic(victim.quic()))
        .allocate_new_port()
        .build();
    stranger.swarm.dial(to).unwrap();
    let _silent = loop {
        if let SwarmEvent::Behaviour(incoming) = stranger.swarm.select_next_some().await {
            break incoming.stream;
        }
    };
    victim.net.meet(node, Vec::new()).await;
    let why = victim
        .until(|event| match event {
            NetEvent::DialFailed {
                node: Some(whom),
                why,
                ..
            } if whom == node => Some(why),
            _ => None,
        })
        .await;
    assert!(why.contains("proven"), "{why}");
}
