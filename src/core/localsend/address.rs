//! The address that an app shows for what it offers, as people type it. Pure; no name is resolved.

use core::{fmt, net::Ipv6Addr, str::FromStr};

/// The port where an app usually is.
const PORT: u16 = 53317;
/// Bytes of the longest name of a host.
const LONGEST: usize = 253;

/// Where somebody offers files by LocalSend's protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareAddress {
    /// Whether it is spoken to with TLS.
    pub encrypted: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// It is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAddress {
    /// It has a path, as the link of a node for browsers.
    Path,
    /// It makes no sense.
    Nonsense,
}

impl fmt::Display for NoAddress {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Path => {
                "that is a page for a browser: the address of a LocalSend app has nothing behind its port"
            }
            Self::Nonsense => "that is no address: it should be such as https://192.168.1.20:53317",
        })
    }
}

impl ShareAddress {
    /// Whether this is meant as one: no code looks like it.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        scheme(text).is_some()
    }
}

/// Whether it is encrypted, and what stands behind.
fn scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.trim().split_once("://")?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Some((true, rest)),
        "http" => Some((false, rest)),
        _ => None,
    }
}

impl FromStr for ShareAddress {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let (encrypted, rest) = scheme(text).ok_or(NoAddress::Nonsense)?;
        let (place, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(path, "" | "/") {
            return Err(NoAddress::Path);
        }
        let (host, port) = if let Some(rest) = place.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or(NoAddress::Nonsense)?;
            let ip = host.parse::<Ipv6Addr>();
            ip.map_err(|_| NoAddress::Nonsense)?;
            (host, rest)
        } else {
            let (host, port) = place.split_at(place.find(':').unwrap_or(place.len()));
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            let named = !host.is_empty() && host.len() <= LONGEST && host.chars().all(plain);
            let host = Some(host).filter(|_| named);
            (host.ok_or(NoAddress::Nonsense)?, port)
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => Some(PORT),
            None => None,
            Some(port) => port.parse().ok().filter(|port| *port > 0),
        };
        Ok(Self {
            encrypted,
            host: host.to_owned(),
            port: port.ok_or(NoAddress::Nonsense)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(bool, String, u16), NoAddress> {
        let read = text.parse::<ShareAddress>()?;
        Ok((read.encrypted, read.host, read.port))
    }

    #[test]
    fn addresses_are_read_as_people_type_them() {
        for (text, encrypted, host, port) in [
            ("https://192.168.1.20:53317", true, "192.168.1.20", 53317),
            ("http://192.168.1.20:53317/", false, "192.168.1.20", 53317),
            (" HTTPS://phone.local ", true, "phone.local", PORT),
            ("https://[fd00::1]:4000", true, "fd00::1", 4000),
            ("https://[fd00::1]", true, "fd00::1", PORT),
        ] {
            assert_eq!(read(text), Ok((encrypted, host.to_owned(), port)), "{text}");
            assert!(ShareAddress::is_meant(text));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let page = "http://192.0.2.7:45681/5f0c/";
        assert_eq!(read(page), Err(NoAddress::Path));
        for text in [
            "https://",
            "https://:53317",
            "https://a:0",
            "https://a:70000",
            "https://a:b",
            "https://me@a:53317",
            "https://a b",
            "https://[fd00::1",
            "https://[a]:1",
            "https://[fd00::1]5",
            "https://fd00::1",
            "ftp://a",
            "7-amber-falcon",
            "",
        ] {
            assert_eq!(read(text), Err(NoAddress::Nonsense), "{text}");
        }
        assert!(!ShareAddress::is_meant("7-amber-falcon") && !ShareAddress::is_meant("ftp://a"));
    }
}
