//! How people write where a rendezvous server is: `host`, `host:port`, `host:port/KEY` or a
//! multiaddress.
//!
//! Owns that spelling, in both directions. Never resolves a name.

use super::id::NodeId;
use core::{fmt, net::Ipv6Addr};

/// The port when none is given.
pub const PORT: u16 = 12000;

/// Where a server is, and which one it is, if that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// TCP and UDP.
    pub port: u16,
    /// Its key.
    pub key: Option<NodeId>,
}

impl ServerAddress {
    /// Reads any of the spellings; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('/') {
            return Self::of_multiaddress(text);
        }
        let (place, key) = match text.split_once('/') {
            Some((place, key)) => {
                let key = key.strip_prefix("p2p/").unwrap_or(key);
                (place, Some(NodeId::parse(key)?))
            }
            None => (text, None),
        };
        let (host, port) = if let Some(rest) = place.strip_prefix('[') {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (
                host,
                rest.strip_prefix(':').or(rest.is_empty().then_some("")),
            )
        } else if place.parse::<Ipv6Addr>().is_ok() {
            (place, Some(""))
        } else {
            match place.rsplit_once(':') {
                Some((host, port)) if !port.is_empty() => (host, Some(port)),
                Some(_) => return None,
                None => (place, Some("")),
            }
        };
        let port = match port? {
            "" => PORT,
            port => port.parse().ok()?,
        };
        Self::of(host, port, key)
    }

    fn of(host: &str, port: u16, key: Option<NodeId>) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let named = !host.is_empty() && host.len() <= 253 && host.chars().all(plain);
        let usable = (named || host.parse::<Ipv6Addr>().is_ok()) && port != 0;
        usable.then(|| Self {
            host: host.to_owned(),
            port,
            key,
        })
    }

    fn of_multiaddress(text: &str) -> Option<Self> {
        let mut parts = text.split('/').skip(1);
        let kind = parts.next()?;
        let host = parts.next()?;
        let fits = match kind {
            "ip4" => host.parse::<core::net::Ipv4Addr>().is_ok(),
            "ip6" => host.parse::<Ipv6Addr>().is_ok(),
            "dns" | "dns4" | "dns6" => true,
            _ => false,
        };
        let transport = parts.next()?;
        let port = parts.next()?.parse().ok()?;
        if !fits || !matches!(transport, "tcp" | "udp") {
            return None;
        }
        let mut rest: Vec<_> = parts.collect();
        if transport == "udp" {
            if rest.first() != Some(&"quic-v1") {
                return None;
            }
            rest.remove(0);
        }
        let key = match rest.as_slice() {
            [] => None,
            ["p2p", key] => Some(NodeId::parse(key)?),
            _ => return None,
        };
        Self::of(host, port, key)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "{}:{}", self.host, self.port)?;
        }
        match &self.key {
            Some(key) => write!(f, "/{key}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_mean_the_same() {
        let key = NodeId([7; 32]);
        for (text, expected) in [
            ("example.org".to_owned(), "example.org:12000".to_owned()),
            ("example.org:9".to_owned(), "example.org:9".to_owned()),
            (format!("10.0.0.1:9/{key}"), format!("10.0.0.1:9/{key}")),
            (
                format!("/ip4/10.0.0.1/tcp/9/p2p/{key}"),
                format!("10.0.0.1:9/{key}"),
            ),
            (
                "/dns4/example.org/udp/9/quic-v1".to_owned(),
                "example.org:9".to_owned(),
            ),
            (
                "/ip6/2001:db8::1/tcp/9".to_owned(),
                "[2001:db8::1]:9".to_owned(),
            ),
            ("[2001:db8::1]:9".to_owned(), "[2001:db8::1]:9".to_owned()),
            ("2001:db8::1".to_owned(), "[2001:db8::1]:12000".to_owned()),
        ] {
            let parsed = ServerAddress::parse(&text).expect(&text);
            assert_eq!(parsed.to_string(), expected);
            assert_eq!(ServerAddress::parse(&expected), Some(parsed));
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            ":9",
            "a:",
            "a:0",
            "a:70000",
            "a:9/key",
            "a b:9",
            "/ip4/1.2.3.4",
            "/ip4/x/tcp/9",
            "/ip4/1.2.3.4/udp/9",
            "/ip4/1.2.3.4/tcp/9/ws",
            "[::1",
            "http://a:9",
        ] {
            assert_eq!(ServerAddress::parse(text), None, "{text}");
        }
    }
}
