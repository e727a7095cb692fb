//! Nodes that were named by hand: what may be named, and trying until they answer.

use crate::net::Net;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Between two attempts at first, when both sides may be starting.
const SOON: Duration = Duration::from_secs(1);
/// So many of them.
const SOON_TIMES: u32 = 15;
/// Between two attempts later.
const LATER: Duration = Duration::from_secs(5);

/// Reads each of `peers` by [`parse`].
///
/// # Errors
/// The first one's.
pub fn parse_all(peers: &[String]) -> Result<Vec<String>, String> {
    peers.iter().map(|peer| parse(peer)).collect()
}

/// Reads `host:port`, or a multiaddress such as `/ip4/10.0.0.2/tcp/4000`, into `host:port`.
///
/// # Errors
/// A sentence that says what is expected.
pub fn parse(peer: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "--peer {peer}: expected host:port, [IPv6]:port, or a multiaddress such as /ip4/10.0.0.2/tcp/4000"
        )
    };
    let (host, port) = if let Some(parts) = peer.strip_prefix('/') {
        let parts: Vec<&str> = parts.split('/').collect();
        match parts[..] {
            [
                "ip4" | "ip6" | "dns" | "dns4" | "dns6",
                host,
                "tcp",
                port,
                ref rest @ ..,
            ] if matches!(rest, [] | ["p2p", _]) => (host.to_owned(), port),
            _ => return Err(wrong()),
        }
    } else {
        let (host, port) = peer.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        if bare.is_none() && host.contains(':') {
            return Err(wrong());
        }
        (bare.unwrap_or(host).to_owned(), port)
    };
    if host.is_empty() || host.contains(['[', ']']) || port.parse::<u16>().map_or(true, |n| n == 0)
    {
        return Err(wrong());
    }
    Ok(if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    })
}

/// Keeps trying a node, `host:port`, until `stop`. The driver ignores what it is connected to already.
pub async fn reach(net: Net, peer: String, stop: CancellationToken) {
    let mut told = None;
    for attempt in 0u32.. {
        match tokio::net::lookup_host(&peer).await {
            Ok(found) => {
                told = None;
                let addresses: Vec<SocketAddr> =
                    found.filter(|at| is_host(at.ip())).take(8).collect();
                net.dial(None, addresses).await;
            }
            Err(error) => {
                let why = error.to_string();
                if told.as_ref() != Some(&why) {
                    tracing::warn!("--peer {peer}: {why}");
                    told = Some(why);
                }
            }
        }
        let pause = if attempt < SOON_TIMES { SOON } else { LATER };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn is_host(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_multiaddresses_are_read() {
        for (given, expected) in [
            ("10.0.0.2:4000", "10.0.0.2:4000"),
            ("nas.local:4000", "nas.local:4000"),
            ("[fd00::2]:4000", "[fd00::2]:4000"),
            ("/ip4/10.0.0.2/tcp/4000", "10.0.0.2:4000"),
            ("/ip6/fd00::2/tcp/4000", "[fd00::2]:4000"),
            ("/dns4/nas.local/tcp/4000/p2p/12D3Koo", "nas.local:4000"),
        ] {
            assert_eq!(parse(given).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_cannot_be_reached_is_refused_with_an_example() {
        for given in [
            "",
            "nas",
            "nas:",
            "nas:0",
            "nas:70000",
            ":4000",
            "fd00::2:4000",
            "/ip4/10.0.0.2/udp/4000/quic-v1",
            "/ip4/10.0.0.2/tcp/x",
            "/unix/x",
        ] {
            assert!(parse(given).unwrap_err().contains("/ip4/"), "{given}");
        }
    }
}
