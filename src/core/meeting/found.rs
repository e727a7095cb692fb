//! Servers that nobody configured: who told of them is a stranger, or a person by their key.
//!
//! Invariants: at most [`MAX_FOUND`] places, and of those told of at a time at most so many are
//! taken; each is dialled for the key that was told, and another one that answers is left; a place
//! is given to another server only when it was tried in vain.

use super::{Meeting, event::FoundServers, server::ServerEntry};
use crate::core::id::NodeId;
use ::core::net::SocketAddr;

/// Found servers that are remembered.
pub const MAX_FOUND: usize = 4;
/// Of those that are found for a swarm so many are joined: with the first everybody meets, and the
/// second is for when it fails.
const JOINED: usize = 2;

impl Meeting {
    /// Where the joined servers are, as far as others are to find this node there.
    #[must_use]
    pub fn found_at(&self) -> Vec<(NodeId, Vec<SocketAddr>)> {
        let entries = self.servers.iter();
        let entries = entries.filter(|entry| entry.home && !entry.is_visit());
        let at = |entry: &ServerEntry| Some((entry.joined()?.server, entry.addresses.clone()));
        entries.filter_map(at).collect()
    }

    /// Others told of servers. Those of the swarm count before those that are only visited.
    pub(super) fn found(&mut self, found: FoundServers) {
        let (now, visit) = (self.now, found.visit);
        let most = if visit { MAX_FOUND } else { JOINED };
        for (key, at) in found.servers.into_iter().take(most) {
            let known = |entry: &ServerEntry| entry.known.key == Some(key);
            if let Some(entry) = self.servers.iter_mut().find(|entry| known(entry)) {
                // Of a configured one nobody else says where it is.
                if let Some(told) = entry.found.as_mut() {
                    told.at = at;
                    if told.visit && !visit {
                        told.visit = false;
                        entry.stay(self.config.found, now);
                    }
                    entry.hurry(now, &mut self.chance);
                }
                continue;
            }
            let fresh = ServerEntry::found(key, at, visit, now);
            let places = self.servers.iter().filter(|entry| entry.found.is_some());
            if places.count() < MAX_FOUND {
                self.servers.push(fresh);
            } else if let Some(spent) = self.servers.iter_mut().find(|entry| entry.is_spent()) {
                *spent = fresh;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        Now,
        meeting::{Config, Known, MeetingAction, MeetingInput},
    };
    use std::time::Duration;

    const ME: NodeId = NodeId([100; 32]);

    fn key(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    fn at(n: u8) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, n], 12000))
    }

    fn machine(servers: usize) -> Meeting {
        let config = Config {
            me: ME,
            servers: vec![Known::default(); servers],
            found: true,
            leave: false,
            swarm: [0; 32],
            seed: 1,
        };
        Meeting::new(config, Now::ZERO)
    }

    fn told(servers: &[u8], visit: bool) -> MeetingInput {
        let servers = servers.iter().map(|n| (key(*n), vec![at(*n)])).collect();
        MeetingInput::Found(FoundServers { servers, visit })
    }

    fn dialled(actions: &[MeetingAction]) -> Vec<u8> {
        let dials = actions.iter().filter_map(|action| match action {
            MeetingAction::Dial {
                server: Some(key), ..
            } => Some(key.0[0]),
            _ => None,
        });
        dials.collect()
    }

    fn connect(meeting: &mut Meeting, n: u8, now: Now) -> Vec<MeetingAction> {
        let (server, address) = (key(n), at(n));
        meeting.handle(MeetingInput::Connected { server, address }, now)
    }

    #[test]
    fn of_the_servers_of_a_swarm_the_first_two_are_dialled_for_their_keys() {
        let mut meeting = machine(0);
        let actions = meeting.handle(told(&[1, 2, 3, 4, 5], false), Now::ZERO);
        assert_eq!(dialled(&actions), [1, 2]);
        let actions = connect(&mut meeting, 1, Now::ZERO);
        assert!(actions.contains(&MeetingAction::Discover(key(1))));
        assert_eq!(meeting.found_at(), [(key(1), vec![at(1)])]);
        let shown = meeting.view();
        assert_eq!((shown[0].found, shown[0].joined), (Some(at(1)), true));
        // Who is there is not dialled again.
        let actions = meeting.handle(told(&[1, 2], false), Duration::from_secs(1));
        assert_eq!(dialled(&actions), [] as [u8; 0]);
        // Another key at that address is left.
        let (server, address) = (key(9), at(2));
        let actions = meeting.handle(MeetingInput::Connected { server, address }, Now::ZERO);
        assert!(actions.contains(&MeetingAction::Leave(key(9))));
        assert_eq!(meeting.joined(), [key(1)]);
    }

    #[test]
    fn who_is_visited_is_told_nothing_but_who_is_wanted() {
        let mut meeting = machine(0);
        let now = Now::ZERO;
        let actions = meeting.handle(told(&[1], true), now);
        assert_eq!(dialled(&actions), [1]);
        meeting.handle(MeetingInput::Wanted { node: key(50) }, now);
        let mut actions = connect(&mut meeting, 1, now);
        let mut time = now;
        for _ in 0..200 {
            time += Duration::from_secs(1);
            actions.extend(meeting.handle(MeetingInput::Tick, time));
        }
        let (node, servers) = (key(50), vec![key(1)]);
        assert!(actions.contains(&MeetingAction::Meet { node, servers }));
        assert!(actions.contains(&MeetingAction::Enter(key(1))));
        let shown = |action: &MeetingAction| {
            matches!(
                action,
                MeetingAction::Register(_) | MeetingAction::Discover(_)
            )
        };
        assert!(!actions.iter().any(shown), "{actions:?}");
        assert!(meeting.found_at().is_empty());
        // When it proves to be one of the swarm, it is used as such.
        let actions = meeting.handle(told(&[1], false), time);
        assert!(actions.contains(&MeetingAction::Discover(key(1))));
        assert!(actions.contains(&MeetingAction::Register(key(1))));
    }

    #[test]
    fn thousands_of_servers_take_four_places_and_no_other_servers_place() {
        let mut meeting = machine(1);
        let now = Now::ZERO;
        for n in (10..200).step_by(2) {
            meeting.handle(told(&[n, n + 1], false), now);
        }
        assert_eq!(meeting.view().len(), 1 + MAX_FOUND);
        connect(&mut meeting, 10, now);
        // One that failed makes room, one that is joined does not.
        for n in 11..14 {
            let (server, addresses) = (Some(key(n)), vec![at(n)]);
            meeting.handle(MeetingInput::Failed { server, addresses }, now);
        }
        let actions = meeting.handle(told(&[201, 202], false), now);
        assert_eq!(dialled(&actions), [201, 202]);
        assert_eq!(meeting.view().len(), 1 + MAX_FOUND);
        assert_eq!(meeting.joined(), [key(10)]);
        // Nobody else says where a configured server is.
        let found = |view: &crate::core::meeting::View| view.found.is_some();
        assert!(!found(&meeting.view()[0]));
    }

    #[test]
    fn one_that_does_not_answer_is_not_told_of() {
        let mut meeting = machine(0);
        let mut now = Now::ZERO;
        let mut actions = meeting.handle(told(&[1], false), now);
        for _ in 0..20 {
            let (server, addresses) = (Some(key(1)), vec![at(1)]);
            actions.extend(meeting.handle(MeetingInput::Failed { server, addresses }, now));
            now = meeting.next_tick().unwrap();
            actions.extend(meeting.handle(MeetingInput::Tick, now));
        }
        let told = |action: &MeetingAction| matches!(action, MeetingAction::Tell(_));
        assert!(!actions.iter().any(told));
        assert!(dialled(&actions).len() > 10);
    }
}
