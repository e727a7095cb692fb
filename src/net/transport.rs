//! How bytes get on and off the wire, and which sockets they come in by.
//!
//! TCP with Noise and Yamux carries everything but bulk between nodes with a straight path, whose
//! own connections come to the same port (`net/bulk`); QUIC stands beside it on the same port number; a
//! circuit through a server is encrypted once more, from end to end. A private swarm mixes its key
//! into the Noise prologue, circuits included. QUIC has no prologue, so a stranger can complete its
//! handshake: the driver has such connections proven (`driver::proof`). Only a dial to a rendezvous
//! server goes without the prologue, for a server knows no key.

mod guard;
mod listen;
mod meter;
mod shared;
mod sniff;

pub(crate) use listen::{Bound, listen, released};
pub(super) use sniff::Sockets;

use super::{meeting::Table, segments::Segments};
use guard::Guard;
use libp2p::{
    PeerId, Transport,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    futures::{future::Either, io::BufReader},
    identity::Keypair,
    noise, quic, relay, tcp,
};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpStream;

/// How long a connection may take from the first packet to the last step of its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Bytes read from a socket at a time. Noise asks for 8 KiB, which would be two system calls for
/// each of its frames.
const READ_AHEAD: usize = 64 << 10;
/// How long sent bytes may stay unacknowledged. Pings see to it that there are some, so a dead host
/// is noticed, and the sockets that wait for it fail, within 15 s.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(11);
/// Bytes that wait in a socket for their turn on the line. More would only put what is urgent
/// behind what is not, and chunks on their way to those who no longer want them.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 64 << 10;

/// One way to a peer, upgraded.
type Wire = Boxed<(PeerId, StreamMuxerBox)>;

/// What the swarm speaks through.
pub(super) fn build(
    keys: &Keypair,
    swarm_key: Option<[u8; 32]>,
    circuits: relay::client::Transport,
    table: Arc<Table>,
    segments: Arc<Segments>,
    bulk: Option<Sockets>,
) -> Result<Wire, noise::Error> {
    let plain = noise::Config::new(keys)?;
    let proven = match swarm_key {
        Some(key) => plain.clone().with_prologue(key.to_vec()),
        None => plain.clone(),
    };
    // One transport, so that both kinds of dial can leave from the port that it listens on.
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true));
    let (listening, dialling) = shared::split(tcp, segments);
    let listening = listening.and_then(move |stream, ends| {
        let bulk = bulk.clone().filter(|_| ends.is_listener());
        async move {
            match bulk {
                Some(bulk) => sniff::sniff(stream, bulk).await,
                None => Ok(stream),
            }
        }
    });
    let circuits = circuits
        .upgrade(Version::V1Lazy)
        .authenticate(proven.clone())
        .multiplex(meter::Config::default())
        .timeout(HANDSHAKE)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let quic = quic::tokio::Transport::new(quic::Config::new(keys))
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)));
    let members = circuits
        .or_transport(over(listening, proven))
        .or_transport(quic)
        .map(|either, _| match either {
            Either::Left(Either::Left(output) | Either::Right(output)) | Either::Right(output) => {
                output
            }
        });
    Ok(Guard::new(members.boxed(), over(dialling, plain), table).boxed())
}

/// TCP, encrypted and multiplexed.
fn over<T>(tcp: T, noise: noise::Config) -> Wire
where
    T: Transport<Output = tcp::tokio::TcpStream> + Send + Unpin + 'static,
    T::Error: Send + Sync,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    tcp.map(|stream, _| {
        tune(&stream.0);
        BufReader::with_capacity(READ_AHEAD, stream)
    })
    .upgrade(Version::V1Lazy)
    .authenticate(noise)
    .multiplex(meter::Config::default())
    .timeout(HANDSHAKE)
    .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
    .boxed()
}

/// Sets what every connection has.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn tune(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    // Only precautions: without the first the kernel waits a quarter of an hour, without the second
    // it queues megabytes.
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn tune(_: &TcpStream) {}

/// The innermost reason of an error: libp2p wraps each in half a dozen others.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}
