//! Nodes and servers that were named by hand: what may be named, trying until they answer, and why
//! they do not.

use crate::net::{Net, zoned};
use parking_lot::{Mutex, MutexGuard};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
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

/// What became of those that were named. Clones are handles to the same table, which has the size
/// of the command line.
#[derive(Clone, Debug, Default)]
pub struct Named(Arc<Mutex<Vec<Entry>>>);

#[derive(Debug)]
struct Entry {
    /// The option by which it was named.
    option: &'static str,
    peer: String,
    addresses: Vec<SocketAddr>,
    reached: bool,
    why: Option<String>,
}

impl Named {
    /// Of none is anything known yet.
    pub fn new<'a>(
        peers: impl Iterator<Item = &'a String>,
        servers: impl Iterator<Item = &'a String>,
    ) -> Self {
        let peers = peers.map(|peer| ("--peer", peer));
        let all = peers.chain(servers.map(|server| ("--rendezvous", server)));
        let entry = |(option, peer): (&'static str, &String)| Entry {
            option,
            peer: peer.clone(),
            addresses: Vec::new(),
            reached: false,
            why: None,
        };
        Self(Arc::new(Mutex::new(all.map(entry).collect())))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock()
    }

    /// It stands for these addresses, or for none.
    pub fn resolved(&self, peer: &str, found: Result<&[SocketAddr], &str>) {
        for entry in self.lock().iter_mut().filter(|entry| entry.peer == peer) {
            match found {
                Ok(addresses) => entry.addresses = addresses.to_vec(),
                Err(why) => entry.why = Some(why.to_owned()),
            }
        }
    }

    /// Why one was not reached when it was last tried.
    pub fn why(&self, peer: &str) -> String {
        let table = self.lock();
        let entry = table.iter().find(|entry| entry.peer == peer);
        let why = entry.and_then(|entry| entry.why.clone());
        why.unwrap_or_else(|| NO_ANSWER.into())
    }

    /// Nobody of the swarm answers at these addresses.
    pub fn failed(&self, addresses: &[SocketAddr], why: &str) {
        let at = |entry: &&mut Entry| entry.addresses.iter().any(|at| addresses.contains(at));
        for entry in self.lock().iter_mut().filter(at) {
            (entry.reached, entry.why) = (false, Some(in_short(why)));
        }
    }

    /// Somebody does there.
    pub fn reached(&self, address: SocketAddr) {
        for entry in self.lock().iter_mut() {
            entry.reached |= entry.addresses.contains(&address);
        }
    }

    /// Whether none is missing.
    pub fn all_reached(&self) -> bool {
        self.lock().iter().all(|entry| entry.reached)
    }

    /// Those that were not reached, as they were named, and why not.
    pub fn unreached(&self) -> Vec<Unreached> {
        let table = self.lock();
        let missing = table.iter().filter(|entry| !entry.reached);
        missing
            .map(|entry| {
                let why = entry.why.clone().unwrap_or_else(|| NO_ANSWER.into());
                let named = format!("{} {}", entry.option, entry.peer);
                Unreached { named, why }
            })
            .collect()
    }
}

/// A node or server that was named by hand and not reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreached {
    /// The option that named it, and what it said.
    pub named: String,
    /// Why not.
    pub why: String,
}

const NO_ANSWER: &str = "no answer";

/// What the system says about a connection that failed, as people understand it.
pub fn in_short(why: &str) -> String {
    let low = why.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| low.contains(word));
    if says(&["refused"]) {
        "refused: nothing listens at that port there".into()
    } else if says(&["no route", "unreachable"]) {
        "unreachable: no way leads there from this machine".into()
    } else if says(&["timeout", "timed out", "did not properly respond"]) {
        NO_ANSWER.into()
    } else if says(&[
        "decrypt",
        "handshake",
        "end of file",
        "reset by peer",
        "broken pipe",
        "negotiation",
    ]) {
        "something answers that is not of this swarm: no sprat, or one with another passphrase"
            .into()
    } else {
        why.to_owned()
    }
}

/// Keeps trying a node, `host:port`, until `stop`. The driver ignores what it is connected to
/// already.
pub async fn reach(net: Net, peer: String, named: Named, stop: CancellationToken) {
    let mut told = None;
    for attempt in 0u32.. {
        match lookup(&peer).await {
            Ok(addresses) => {
                told = None;
                named.resolved(&peer, Ok(&addresses));
                net.dial(None, addresses).await;
            }
            Err(why) => {
                named.resolved(&peer, Err(&why));
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

/// Where a host is. An IPv6 address of one link needs the name of the interface.
async fn lookup(peer: &str) -> Result<Vec<SocketAddr>, String> {
    if let Some(zoned) = zoned(peer) {
        return zoned.map(|address| vec![address]);
    }
    let found = tokio::net::lookup_host(peer).await;
    let found: Vec<SocketAddr> = found.map_err(|error| error.to_string())?.collect();
    let anywhere = |at: &SocketAddr| match at {
        SocketAddr::V6(at) => !at.ip().is_unicast_link_local() || at.scope_id() != 0,
        SocketAddr::V4(_) => true,
    };
    if !found.is_empty() && !found.iter().any(anywhere) {
        let (ip, port) = (found[0].ip(), found[0].port());
        return Err(format!(
            "a link-local address needs its interface, as in [{ip}%eth0]:{port}"
        ));
    }
    let usable = found
        .into_iter()
        .filter(|at| anywhere(at) && is_host(at.ip()));
    Ok(usable.take(8).collect())
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
            ("[fe80::2%eth0]:4000", "[fe80::2%eth0]:4000"),
            ("/ip4/10.0.0.2/tcp/4000", "10.0.0.2:4000"),
            ("/ip6/fd00::2/tcp/4000", "[fd00::2]:4000"),
            ("/dns4/nas.local/tcp/4000/p2p/12D3Koo", "nas.local:4000"),
        ] {
            assert_eq!(parse(given).as_deref(), Ok(expected));
        }
    }

    #[tokio::test]
    async fn a_link_local_address_without_its_interface_says_so() {
        let why = lookup("[fe80::2]:4000").await.unwrap_err();
        assert!(why.contains("[fe80::2%eth0]:4000"), "{why}");
        let found = lookup("[fe80::2%1]:4000").await.unwrap();
        assert_eq!(found, ["[fe80::2%1]:4000".parse().unwrap()]);
    }

    #[test]
    fn who_was_named_and_is_not_reached_is_told_with_the_reason() {
        let at = |port: u16| SocketAddr::from(([10, 0, 0, 2], port));
        let peers = ["a:1", "b:2", "c:3", "d:4"].map(str::to_owned);
        let named = Named::new(peers[..3].iter(), peers[3..].iter());
        for (peer, port) in [("a:1", 1), ("b:2", 2), ("c:3", 3)] {
            named.resolved(peer, Ok(&[at(port)]));
        }
        named.resolved("d:4", Err("Name or service not known"));
        named.failed(&[at(1)], "Connection refused (os error 111)");
        named.failed(&[at(3)], "No route to host (os error 113)");
        let mut told = named.unreached();
        assert_eq!(told.len(), 4);
        assert!(told[0].why.starts_with("refused"), "{told:?}");
        assert_eq!((&*told[1].named, &*told[1].why), ("--peer b:2", NO_ANSWER));
        assert!(told[2].why.starts_with("unreachable"), "{told:?}");
        assert!(told[3].why.contains("not known"), "{told:?}");
        assert_eq!(told[3].named, "--rendezvous d:4");
        named.reached(at(1));
        told = named.unreached();
        assert_eq!(told[0].named, "--peer b:2");
        assert!(!named.all_reached() && Named::default().all_reached());
        assert!(in_short("Input/output error: decrypt error").contains("passphrase"));
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
