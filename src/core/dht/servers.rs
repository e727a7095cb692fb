//! The servers in a record: which are believed, and what a server writes beside the others.

use super::{MAX_AT, MAX_SERVERS, Reach, Record, ServerAt};
use std::cmp::Reverse;

/// What was said so long ago is not believed any more. It is said again each hour.
const OLD: u64 = 3 * 3600;
/// Clocks differ.
const SKEW: u64 = 3600;

/// Whether what was said at `made` counts at `wall` (seconds since 1970).
fn counts(made: u64, wall: u64) -> bool {
    made.saturating_add(OLD) >= wall && made <= wall.saturating_add(SKEW)
}

/// What of a record is to be used: what is fresh, and may be named by a DHT that reaches so far.
#[must_use]
pub fn believed(record: Record, reach: Reach, wall: u64) -> Record {
    let usable = |at: &::core::net::SocketAddr| at.port() != 0 && reach.takes(at.ip());
    let mut believed = Record::default();
    for mut server in record.servers.into_iter().take(MAX_SERVERS) {
        server.at.retain(usable);
        server.at.truncate(MAX_AT);
        let known = believed.servers.iter().any(|one| one.key == server.key);
        if counts(server.made, wall) && !server.at.is_empty() && !known {
            believed.servers.push(server);
        }
    }
    // The item's number says nothing: who plays an old one back plays that back, too.
    believed.made = record.made;
    if counts(record.made, wall) {
        let at = record.at.into_iter().filter(usable);
        believed.at = at.take(super::MAX_ADDRESSES).collect();
    }
    believed
}

/// What a server writes: itself, and those of the others that count still, the latest first. One
/// that says to be of a time to come is the last, so nobody has a place for longer by saying so.
#[must_use]
pub fn merged(known: &[ServerAt], own: ServerAt, wall: u64) -> Vec<ServerAt> {
    let others = known
        .iter()
        .filter(|server| server.key != own.key && counts(server.made, wall));
    let mut others: Vec<&ServerAt> = others.collect();
    others.sort_by_key(|server| (server.made > wall, Reverse(server.made), server.key));
    let mut servers = vec![own];
    for server in others {
        let known = servers.iter().any(|one| one.key == server.key);
        if !known && servers.len() < MAX_SERVERS {
            servers.push(server.clone());
        }
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::NodeId;

    const WALL: u64 = 1_790_000_000;

    fn server(n: u8, made: u64, at: &[&str]) -> ServerAt {
        ServerAt {
            key: NodeId([n; 32]),
            made,
            at: at.iter().map(|at| at.parse().unwrap()).collect(),
        }
    }

    fn keys(servers: &[ServerAt]) -> Vec<u8> {
        servers.iter().map(|server| server.key.0[0]).collect()
    }

    #[test]
    fn what_is_old_or_leads_nowhere_is_not_believed() {
        let record = Record {
            made: WALL - OLD,
            servers: vec![
                server(1, WALL, &["8.8.8.8:1"]),
                server(2, WALL - OLD - 1, &["8.8.8.8:2"]),
                server(3, WALL + SKEW + 1, &["8.8.8.8:3"]),
                server(4, WALL, &["10.0.0.1:4", "127.0.0.1:4", "8.8.8.8:0"]),
                server(5, WALL - OLD, &["10.0.0.1:5", "8.8.8.8:5"]),
                server(1, WALL, &["9.9.9.9:1"]),
            ],
            at: vec![
                "192.168.1.1:80".parse().unwrap(),
                "[2001:db8::1]:4001".parse().unwrap(),
            ],
        };
        let global = believed(record.clone(), Reach::Global, WALL);
        let mut found = keys(&global.servers);
        found.sort_unstable();
        assert_eq!(found, [1, 5]);
        let five = global.servers.iter().find(|one| one.key.0[0] == 5).unwrap();
        assert_eq!(five.at, ["8.8.8.8:5".parse().unwrap()]);
        assert_eq!(global.at, ["[2001:db8::1]:4001".parse().unwrap()]);
        let local = believed(record.clone(), Reach::Loopback, WALL);
        assert_eq!(local.servers.len(), 3);
        assert_eq!(local.at.len(), 2);
        // What was true once is played back.
        for wall in [WALL + 1, WALL + 4 * OLD, 0] {
            let late = believed(record.clone(), Reach::Loopback, wall);
            assert_eq!(late.at, []);
        }
        let late = believed(record, Reach::Loopback, WALL + 4 * OLD);
        assert_eq!(late.servers, []);
    }

    #[test]
    fn a_server_writes_itself_first_and_keeps_the_others_that_count() {
        let known = [
            server(1, WALL - 10, &["8.8.8.8:1"]),
            server(2, WALL - OLD - 1, &["8.8.8.8:2"]),
            server(3, WALL - 5, &["8.8.8.8:3"]),
            server(9, WALL - 1, &["8.8.8.8:9"]),
        ];
        let own = server(9, WALL, &["8.8.8.8:10"]);
        let written = merged(&known, own.clone(), WALL);
        assert_eq!(keys(&written), [9, 3, 1]);
        assert_eq!(written[0], own);
        let many: Vec<_> = (10..60)
            .map(|n| server(n, WALL - u64::from(n), &["8.8.8.8:1"]))
            .collect();
        let written = merged(&many, own.clone(), WALL);
        assert_eq!(written.len(), MAX_SERVERS);
        assert_eq!(keys(&written)[..3], [9, 10, 11]);
        // Whoever writes a time to come is no later for that, and nobody stands there twice.
        let mut lying = many.clone();
        lying.extend((100..120).map(|n| server(n, WALL + SKEW, &["9.9.9.9:1"])));
        lying.push(server(10, WALL - 11, &["9.9.9.9:1"]));
        assert_eq!(merged(&lying, own, WALL), written);
    }
}
