//! What a person writes for a rendezvous server: a host, a port, and perhaps its key.

use crate::core::{id::NodeId, server_address::ServerAddress};

/// A server as it was configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `host:port`: what is resolved, what is shown, and by what its key is remembered.
    pub host: String,
    /// The key, if it was written, too.
    pub key: Option<NodeId>,
}

/// Reads each of `servers` by [`parse`], without doubles.
///
/// # Errors
/// The first one's, or that there are too many.
pub fn parse_all(servers: &[String]) -> Result<Vec<Address>, String> {
    let mut all: Vec<Address> = Vec::new();
    for server in servers {
        let address = parse(server)?;
        match all.iter_mut().find(|known| known.host == address.host) {
            Some(known) => known.key = known.key.or(address.key),
            None => all.push(address),
        }
    }
    let most = crate::core::meeting::MAX_SERVERS;
    if all.len() > most {
        return Err(format!("--rendezvous: at most {most} servers"));
    }
    Ok(all)
}

/// Reads `host`, `host:port`, `host:port/KEY`, or a multiaddress such as
/// `/ip4/203.0.113.5/tcp/12000/p2p/KEY`.
///
/// # Errors
/// A sentence that says what is expected.
pub fn parse(server: &str) -> Result<Address, String> {
    let wrong = || {
        format!(
            "--rendezvous {server}: expected host, host:port, host:port/KEY, or a multiaddress such as \
             /ip4/203.0.113.5/tcp/12000/p2p/KEY"
        )
    };
    let address = ServerAddress::parse(server).ok_or_else(wrong)?;
    let key = address.key;
    let place = ServerAddress {
        key: None,
        ..address
    };
    let host = place.to_string();
    Ok(Address { host, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_keys_and_multiaddresses_are_read() {
        let key = NodeId([7; 32]);
        let with_key = |text: &str| text.replace("KEY", &key.to_string());
        for (given, host, has_key) in [
            ("meet.example.org", "meet.example.org:12000", false),
            ("meet.example.org:4000", "meet.example.org:4000", false),
            ("203.0.113.5:12000/KEY", "203.0.113.5:12000", true),
            ("203.0.113.5:12000/p2p/KEY", "203.0.113.5:12000", true),
            ("203.0.113.5/KEY", "203.0.113.5:12000", true),
            ("[fd00::2]:4000", "[fd00::2]:4000", false),
            ("[fd00::2]/KEY", "[fd00::2]:12000", true),
            ("fd00::2", "[fd00::2]:12000", false),
            ("/ip4/203.0.113.5/tcp/4000", "203.0.113.5:4000", false),
            ("/ip6/fd00::2/tcp/4000/p2p/KEY", "[fd00::2]:4000", true),
            // The port is the same for TCP.
            ("/ip4/1.2.3.4/udp/4000/quic-v1", "1.2.3.4:4000", false),
            ("/dns4/meet.local/tcp/4000/p2p/KEY", "meet.local:4000", true),
        ] {
            let host = host.to_owned();
            let key = has_key.then_some(key);
            assert_eq!(
                parse(&with_key(given)),
                Ok(Address { host, key }),
                "{given}"
            );
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_an_example() {
        for given in [
            "",
            "host:",
            "host:0",
            "host:70000",
            ":12000",
            "host:1/x",
            "host:1/",
            "a b:1",
            "[fd00::2]x",
            "[fd00::2",
            "/ip4/1.2.3.4/tcp/4000/p2p/x",
            "/unix/x",
        ] {
            assert!(parse(given).unwrap_err().contains("/ip4/"), "{given}");
        }
    }

    #[test]
    fn a_server_named_twice_is_one() {
        let key = NodeId([7; 32]);
        let all = ["a:1".to_owned(), format!("a:1/{key}"), "b".to_owned()];
        let all = parse_all(&all).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].key, Some(key));
        let many = |count| -> Vec<String> { (0..count).map(|n| format!("h{n}")).collect() };
        let most = crate::core::meeting::MAX_SERVERS;
        assert_eq!(parse_all(&many(most)).unwrap().len(), most);
        assert!(parse_all(&many(most + 1)).is_err());
    }
}
