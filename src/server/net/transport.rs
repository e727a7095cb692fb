//! How bytes get on and off a server's wire: TCP with Noise and Yamux, and QUIC, for public and
//! private swarms alike.

use super::{
    carrier::Carrier,
    circuits::Circuits,
    reader::Reader,
    throttle::{Rate, Substream},
};
use crate::{
    core::origin::origin,
    net::{address, substreams::Substreams},
};
use libp2p::{
    PeerId, Transport,
    core::{
        ConnectedPoint, StreamMuxer, muxing::StreamMuxerBox, transport::Boxed, upgrade::Version,
    },
    futures::future::Either,
    identity::Keypair,
    noise, quic, tcp, yamux,
};
use std::time::Duration;

/// How long a connection may take from the first packet to the last step of its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Substreams of a connection at a time, besides circuits, all of which may lead to one node. More
/// end it.
const STREAMS: usize = 128;
/// What a QUIC client may send unread, on one stream and on all.
const UNREAD_STREAM: u32 = 512 << 10;
const UNREAD: u32 = 2 << 20;
/// How long sent bytes may stay unacknowledged.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

pub(super) fn build(
    keys: &Keypair,
    rate: &Rate,
    circuits: &Circuits,
    most_circuits: usize,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let noise = noise::Config::new(keys)?;
    let mut muxing = yamux::Config::default();
    muxing.set_max_num_streams(most_circuits.saturating_add(STREAMS));
    let of_tcp = (rate.clone(), circuits.clone());
    let of_quic = of_tcp.clone();
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .map(|stream, _| {
            tune(&stream);
            Reader::new(stream)
        })
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(muxing)
        .timeout(HANDSHAKE)
        .map(move |(peer, muxer), end| (peer, watched(muxer, &of_tcp, &end)));
    let mut config = quic::Config::new(keys);
    config.max_stream_data = UNREAD_STREAM;
    config.max_connection_data = UNREAD;
    let quic = quic::tokio::Transport::new(config)
        .map(move |(peer, muxer), end| (peer, watched(muxer, &of_quic, &end)));
    Ok(tcp
        .or_transport(quic)
        .map(|either, _| match either {
            Either::Left(output) | Either::Right(output) => output,
        })
        .boxed())
}

fn watched<M>(muxer: M, (rate, circuits): &(Rate, Circuits), end: &ConnectedPoint) -> StreamMuxerBox
where
    M: StreamMuxer + Unpin + Send + 'static,
    M::Substream: Unpin + Send + 'static,
    M::Error: Send + Sync + 'static,
{
    let (rate, circuits) = (rate.clone(), circuits.clone());
    let origin = address::ip(end.get_remote_address()).map(origin);
    StreamMuxerBox::new(Substreams::new(muxer, move |substream| {
        let throttled = Substream::new(substream, rate.clone());
        Carrier::new(throttled, circuits.clone(), origin)
    }))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn tune(stream: &tcp::tokio::TcpStream) {
    // Only a precaution: without it the kernel waits a quarter of an hour.
    let _ = socket2::SockRef::from(&stream.0).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn tune(_: &tcp::tokio::TcpStream) {}
