//! A plain libp2p client of a rendezvous server, with a key of its own, that says what it likes to
//! the directory and at the rendezvous points.
#![allow(dead_code)] // Each program that has it uses its part.

use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt},
    identify,
    multiaddr::Protocol,
    noise, ping, relay, rendezvous,
    request_response::{self, Codec, Config, Event, Message, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use sprat::wire::{
    DIRECTORY_PROTOCOL, cbor,
    directory::{Request, Response},
    signer::Signer,
};
use std::{io, time::Duration};

/// Bytes each way.
#[derive(Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut bytes = Vec::new();
        io.take(1 << 20).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    relay: relay::client::Behaviour,
    rendezvous: rendezvous::client::Behaviour,
    directory: request_response::Behaviour<Raw>,
}

pub struct Visitor {
    pub swarm: Swarm<Behaviour>,
    pub signer: Signer,
    server: PeerId,
    address: Multiaddr,
}

impl Visitor {
    /// Connects; an error when the server does not let it.
    pub async fn arrive(number: u16, server: &Multiaddr) -> Result<Self, String> {
        let mut secret = [7; 32];
        secret[..2].copy_from_slice(&number.to_be_bytes());
        let signer = Signer::new(secret).unwrap();
        let keys = libp2p::identity::Keypair::ed25519_from_bytes(&mut secret).unwrap();
        let swarm = SwarmBuilder::with_existing_identity(keys)
            .with_tokio()
            .with_tcp(
                tcp::Config::new(),
                noise::Config::new,
                yamux::Config::default,
            )
            .unwrap()
            .with_quic()
            .with_relay_client(noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|keys, relay| Behaviour {
                identify: identify::Behaviour::new(identify::Config::new(
                    "/x".into(),
                    keys.public(),
                )),
                ping: ping::Behaviour::default(),
                relay,
                rendezvous: rendezvous::client::Behaviour::new(keys.clone()),
                directory: request_response::Behaviour::new(
                    [(
                        StreamProtocol::new(DIRECTORY_PROTOCOL),
                        ProtocolSupport::Outbound,
                    )],
                    Config::default(),
                ),
            })
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::MAX))
            .build();
        let mut visitor = Self {
            swarm,
            signer,
            server: PeerId::random(),
            address: server.clone(),
        };
        visitor
            .swarm
            .dial(server.clone())
            .map_err(|e| e.to_string())?;
        let mut identified = false;
        while !identified {
            match visitor.swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, .. } => visitor.server = peer_id,
                SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                    ..
                })) => identified = true,
                SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.to_string()),
                SwarmEvent::ConnectionClosed { .. } => return Err("closed".into()),
                _ => {}
            }
        }
        Ok(visitor)
    }

    /// Says these bytes to the directory; `None` when it does not answer.
    pub async fn say(&mut self, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let behaviour = self.swarm.behaviour_mut();
        behaviour.directory.send_request(&self.server, bytes);
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::Behaviour(BehaviourEvent::Directory(Event::Message {
                    message: Message::Response { response, .. },
                    ..
                })) => return Some(response).filter(|bytes| !bytes.is_empty()),
                SwarmEvent::Behaviour(BehaviourEvent::Directory(Event::OutboundFailure {
                    ..
                })) => return None,
                _ => {}
            }
        }
    }

    /// Asks the directory.
    pub async fn ask(&mut self, request: &Request) -> Option<Response> {
        let answer = self.say(cbor::encode(request)).await?;
        cbor::decode(&answer).ok()
    }

    /// Waits to be reached through the server; whether it lets this one.
    pub async fn reserve(&mut self) -> bool {
        let circuit = self.address.clone().with(Protocol::P2pCircuit);
        self.swarm.listen_on(circuit).unwrap();
        let (mut reserved, mut confirmed) = (false, false);
        while !(reserved && confirmed) {
            match self.swarm.select_next_some().await {
                SwarmEvent::Behaviour(BehaviourEvent::Relay(
                    relay::client::Event::ReservationReqAccepted { .. },
                )) => reserved = true,
                SwarmEvent::ExternalAddrConfirmed { .. } => confirmed = true,
                SwarmEvent::ListenerClosed { .. } => return false,
                _ => {}
            }
        }
        true
    }

    /// Registers under this namespace, for an hour; whether it is taken.
    pub async fn register(&mut self, namespace: &str) -> bool {
        // A record without addresses is not sent at all.
        let somewhere = "/ip4/127.0.0.1/tcp/9".parse().unwrap();
        self.swarm.add_external_address(somewhere);
        let namespace = rendezvous::Namespace::new(namespace.to_owned()).unwrap();
        let points = &mut self.swarm.behaviour_mut().rendezvous;
        points.register(namespace, self.server, Some(3600)).unwrap();
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(event)) => {
                    return matches!(event, rendezvous::client::Event::Registered { .. });
                }
                SwarmEvent::ConnectionClosed { .. } => return false,
                _ => {}
            }
        }
    }

    /// Who is registered under this namespace; `None` when the server does not say.
    pub async fn discover(&mut self, namespace: &str) -> Option<Vec<PeerId>> {
        let namespace = rendezvous::Namespace::new(namespace.to_owned()).unwrap();
        let points = &mut self.swarm.behaviour_mut().rendezvous;
        points.discover(Some(namespace), None, None, self.server);
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(
                    rendezvous::client::Event::Discovered { registrations, .. },
                )) => {
                    let peers = registrations.iter().map(|found| found.record.peer_id());
                    return Some(peers.collect());
                }
                SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(
                    rendezvous::client::Event::DiscoverFailed { .. },
                ))
                | SwarmEvent::ConnectionClosed { .. } => return None,
                _ => {}
            }
        }
    }

    /// Does nothing but what the protocols do by themselves, until the connection ends.
    pub async fn idle(mut self) {
        while !matches!(
            self.swarm.select_next_some().await,
            SwarmEvent::ConnectionClosed { .. }
        ) {}
    }
}
