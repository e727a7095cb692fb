//! A rendezvous server of the plainest kind, made of libp2p's own parts.

use super::{altering::Altering, *};
use crate::net::substreams::Substreams;
use libp2p::{
    Swarm, SwarmBuilder, Transport, autonat,
    core::{muxing::StreamMuxerBox, upgrade::Version},
    futures::StreamExt,
    identify, noise, ping, relay, rendezvous,
    request_response::{self, Message},
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use serde_bytes::ByteBuf;
use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::sync::watch;

#[derive(NetworkBehaviour)]
struct ServerBehaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    relay: relay::Behaviour,
    rendezvous: rendezvous::server::Behaviour,
    autonat: autonat::v2::server::Behaviour,
    directory: codec::Behaviour<codec::Directory>,
}

pub(crate) struct Server {
    pub id: NodeId,
    pub at: SocketAddr,
    /// Whether it says truly from where it sees nodes, so that they may punch holes.
    pub honest: Arc<AtomicBool>,
    /// Whether it alters what it carries.
    pub alter: Arc<AtomicBool>,
    /// Circuits so far.
    pub circuits: Arc<AtomicUsize>,
    /// How many of them ended.
    pub ended: watch::Receiver<usize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn new(seed: u8) -> Self {
        let keys = identity::keypair([seed; 32]).unwrap();
        let local = keys.public().to_peer_id();
        let alter = Arc::new(AtomicBool::new(false));
        let altered = alter.clone();
        let mut swarm = SwarmBuilder::with_existing_identity(keys)
            .with_tokio()
            .with_quic()
            .with_other_transport(|keys| {
                let alter = altered.clone();
                let noise = noise::Config::new(keys).unwrap();
                tcp::tokio::Transport::new(tcp::Config::default())
                    .upgrade(Version::V1Lazy)
                    .authenticate(noise)
                    .multiplex(yamux::Config::default())
                    .map(move |(peer, inner), _| {
                        let alter = alter.clone();
                        let alter = move |stream| Altering::new(stream, alter.clone());
                        (peer, StreamMuxerBox::new(Substreams::new(inner, alter)))
                    })
            })
            .unwrap()
            .with_behaviour(|keys| ServerBehaviour {
                identify: identify::Behaviour::new(identify::Config::new(
                    "/sprat/1".into(),
                    keys.public(),
                )),
                ping: ping::Behaviour::default(),
                relay: relay::Behaviour::new(
                    local,
                    relay::Config {
                        max_circuit_bytes: 64 << 20,
                        ..relay::Config::default()
                    },
                ),
                rendezvous: rendezvous::server::Behaviour::new(
                    rendezvous::server::Config::default(),
                ),
                autonat: autonat::v2::server::Behaviour::default(),
                directory: codec::directory_server(),
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(DEADLINE))
            .build();
        swarm
            .listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap())
            .unwrap();
        let at = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address::socket(&address).unwrap();
            }
        };
        swarm.add_external_address(address::tcp(at));
        swarm.listen_on(address::quic(at)).unwrap();
        let honest = Arc::new(AtomicBool::new(true));
        let circuits = Arc::new(AtomicUsize::new(0));
        let (ends, ended) = watch::channel(0);
        let task = tokio::spawn(run(swarm, honest.clone(), circuits.clone(), ends));
        Self {
            id: identity::node(&local).unwrap(),
            at,
            honest,
            alter,
            circuits,
            ended,
            task,
        }
    }
}

async fn run(
    mut swarm: Swarm<ServerBehaviour>,
    honest: Arc<AtomicBool>,
    circuits: Arc<AtomicUsize>,
    ends: watch::Sender<usize>,
) {
    let mut seen: HashMap<PeerId, HashSet<IpAddr>> = HashMap::new();
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished {
                peer_id, endpoint, ..
            } => {
                let from = address::ip(endpoint.get_remote_address()).unwrap();
                seen.entry(peer_id).or_default().insert(from);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => drop(seen.remove(&peer_id)),
            SwarmEvent::Behaviour(ServerBehaviourEvent::Relay(
                relay::Event::CircuitReqAccepted { .. },
            )) => drop(circuits.fetch_add(1, Ordering::SeqCst)),
            SwarmEvent::Behaviour(ServerBehaviourEvent::Relay(relay::Event::CircuitClosed {
                ..
            })) => {
                ends.send_modify(|ended| *ended += 1);
            }
            SwarmEvent::Behaviour(ServerBehaviourEvent::Directory(
                request_response::Event::Message {
                    message:
                        Message::Request {
                            request, channel, ..
                        },
                    ..
                },
            )) => {
                let answer = match request {
                    directory_wire::Request::Whence { node } => {
                        let mut from: Vec<IpAddr> = seen
                            .get(&identity::peer(node).unwrap())
                            .into_iter()
                            .flatten()
                            .copied()
                            .collect();
                        if !honest.load(Ordering::SeqCst) {
                            from = vec![[192, 0, 2, 1].into()];
                        }
                        let bytes = |ip: IpAddr| match ip {
                            IpAddr::V4(ip) => ByteBuf::from(ip.octets()),
                            IpAddr::V6(ip) => ByteBuf::from(ip.octets()),
                        };
                        directory_wire::Response::Whence {
                            addresses: from.into_iter().map(bytes).collect(),
                        }
                    }
                    _ => directory_wire::Response::Unknown,
                };
                let _ = swarm
                    .behaviour_mut()
                    .directory
                    .send_response(channel, answer);
            }
            _ => {}
        }
    }
}
