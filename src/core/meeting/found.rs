//! Servers that nobody configured: who told of them is a stranger, or a person by their key.
//!
//! Invariants: at most [`MAX_FOUND`] places, of them [`MAX_VISITED`] for servers of the public
//! swarm's people; each is dialled for the key that was told, and another one that answers is left;
//! a place is given to another server only when it was tried in vain, or when those of the swarm are
//! told of and it is none of them any more: never one that is connected.

use super::{
    Meeting, Stage,
    event::{FoundServers, FoundWhere},
    homes::YOUNG,
    server::{Pool, ServerEntry},
};
use crate::core::id::NodeId;
use ::core::net::SocketAddr;
use std::collections::BTreeSet;

/// Found servers that are remembered: as many as stand in a record of the DHT.
pub const MAX_FOUND: usize = 12;
/// Of one person so many are taken, and so many are only visited at a time.
const MAX_VISITED: usize = 4;

impl Meeting {
    /// Where the joined servers are, as far as others are to find this node there.
    #[must_use]
    pub fn found_at(&self) -> Vec<(NodeId, Vec<SocketAddr>)> {
        let entries = self.servers.iter();
        let entries = entries.filter(|entry| entry.home && !entry.is_visit());
        let at = |entry: &ServerEntry| Some((entry.joined()?.server, entry.addresses.clone()));
        entries.filter_map(at).collect()
    }

    /// Others told of servers.
    pub(super) fn found(&mut self, found: FoundServers) {
        let (now, told_where) = (self.now, found.told);
        let visit = told_where == FoundWhere::OfStranger;
        let (most, places) = match told_where {
            FoundWhere::OfSwarm => (MAX_FOUND, MAX_FOUND),
            FoundWhere::OfMember => (MAX_VISITED, MAX_FOUND),
            FoundWhere::OfStranger => (MAX_VISITED, MAX_VISITED),
        };
        let of_swarm = |entry: &ServerEntry| entry.pool() == Some(Pool::Found);
        // Who came first has shown something.
        let young = self.servers.iter().any(of_swarm);
        let young_until = if young { now + YOUNG } else { now };
        let servers: Vec<_> = found.servers.into_iter().take(most).collect();
        let keys: BTreeSet<NodeId> = servers.iter().map(|(key, _)| *key).collect();
        for (key, at) in servers {
            let known = |entry: &ServerEntry| entry.known.key == Some(key);
            if let Some(entry) = self.servers.iter_mut().find(|entry| known(entry)) {
                // Of a configured one nobody else says where it is.
                if let Some(told) = entry.found.as_mut() {
                    told.at = at;
                    if told.visit && !visit {
                        told.visit = false;
                        entry.stay(self.config.found, now);
                    }
                    // One that is visited in its turn is not visited more often for that.
                    if entry.home || entry.failures > 0 {
                        entry.hurry(now, &mut self.chance);
                    }
                }
                continue;
            }
            let fresh = ServerEntry {
                young_until,
                ..ServerEntry::found(key, at, visit, now)
            };
            let taken = self.servers.iter().filter(|entry| entry.found.is_some());
            if taken.count() < places {
                self.servers.push(fresh);
                continue;
            }
            let is_told =
                |entry: &ServerEntry| entry.known.key.is_some_and(|key| keys.contains(&key));
            let idle = |entry: &ServerEntry| matches!(entry.stage, Stage::Idle { .. });
            let gone = |entry: &ServerEntry| {
                told_where == FoundWhere::OfSwarm
                    && of_swarm(entry)
                    && idle(entry)
                    && !is_told(entry)
            };
            let entries = &self.servers;
            let spent = entries.iter().position(ServerEntry::is_spent);
            if let Some(place) = spent.or_else(|| entries.iter().position(gone)) {
                self.servers[place] = fresh;
            }
        }
        self.nodes.set_servers(self.servers.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        Now,
        meeting::{Config, HOMES, Known, MeetingAction, MeetingInput, ranked},
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

    fn told(servers: &[u8], told: FoundWhere) -> MeetingInput {
        let servers = servers.iter().map(|n| (key(*n), vec![at(*n)])).collect();
        MeetingInput::Found(FoundServers { servers, told })
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

    /// It answers, has this node registered, and says that nobody is there.
    fn serve(meeting: &mut Meeting, n: u8, now: Now) -> Vec<MeetingAction> {
        let mut actions = connect(meeting, n, now);
        let (server, ttl) = (key(n), Some(Duration::from_secs(7200)));
        let nodes = Some(Vec::new());
        let (yes, answers) = (true, &mut actions);
        answers.extend(meeting.handle(MeetingInput::Entered { server, yes }, now));
        answers.extend(meeting.handle(MeetingInput::Reserved { server, yes }, now));
        answers.extend(meeting.handle(MeetingInput::Registered { server, ttl }, now));
        answers.extend(meeting.handle(MeetingInput::Discovered { server, nodes }, now));
        actions
    }

    /// Time passes, and those of `alive` serve whenever they are dialled; nobody else answers.
    fn pass(meeting: &mut Meeting, from: Now, until: Now, alive: &[u8]) -> Vec<(Now, u8)> {
        let (mut now, mut dials) = (from, Vec::new());
        let mut actions = meeting.handle(MeetingInput::Tick, now);
        loop {
            for n in dialled(&actions) {
                dials.push((now, n));
                let more = if alive.contains(&n) {
                    serve(meeting, n, now)
                } else {
                    let (server, addresses) = (Some(key(n)), vec![at(n)]);
                    meeting.handle(MeetingInput::Failed { server, addresses }, now)
                };
                actions.extend(more);
            }
            for action in std::mem::take(&mut actions) {
                let event = match action {
                    MeetingAction::Discover(server) => {
                        let nodes = Some(Vec::new());
                        MeetingInput::Discovered { server, nodes }
                    }
                    MeetingAction::Enter(server) => MeetingInput::Entered { server, yes: true },
                    MeetingAction::Reserve(server) => MeetingInput::Reserved { server, yes: true },
                    MeetingAction::Register(server) => {
                        let ttl = Some(Duration::from_secs(7200));
                        MeetingInput::Registered { server, ttl }
                    }
                    MeetingAction::EndVisit(server) | MeetingAction::Leave(server) => {
                        MeetingInput::Lost { server }
                    }
                    _ => continue,
                };
                actions.extend(meeting.handle(event, now));
            }
            if !dialled(&actions).is_empty() {
                continue;
            }
            match meeting.next_tick() {
                Some(at) if at <= until => now = now.max(at),
                _ => return dials,
            }
            actions.extend(meeting.handle(MeetingInput::Tick, now));
        }
    }

    fn homes(meeting: &Meeting) -> Vec<u8> {
        let mut homes: Vec<u8> = meeting.found_at().iter().map(|(key, _)| key.0[0]).collect();
        homes.sort_unstable();
        homes
    }

    fn first_of(servers: impl IntoIterator<Item = u8>) -> Vec<u8> {
        let ranked = ranked(&[0; 32], &ME, servers.into_iter().map(key));
        let mut first: Vec<u8> = ranked[..HOMES].iter().map(|key| key.0[0]).collect();
        first.sort_unstable();
        first
    }

    #[test]
    fn a_found_server_is_dialled_for_its_key_and_another_one_there_is_left() {
        let mut meeting = machine(0);
        let actions = meeting.handle(told(&[1, 2], FoundWhere::OfSwarm), Now::ZERO);
        assert_eq!(dialled(&actions), [1, 2]);
        let actions = connect(&mut meeting, 1, Now::ZERO);
        assert!(actions.contains(&MeetingAction::Discover(key(1))));
        assert_eq!(meeting.found_at(), [(key(1), vec![at(1)])]);
        let shown = meeting.view();
        assert_eq!((shown[0].found, shown[0].joined), (Some(at(1)), true));
        // Who is there is not dialled again.
        let again = told(&[1, 2], FoundWhere::OfSwarm);
        let actions = meeting.handle(again, Duration::from_secs(1));
        assert_eq!(dialled(&actions), [] as [u8; 0]);
        // Another key at that address is left.
        let (server, address) = (key(9), at(2));
        let actions = meeting.handle(MeetingInput::Connected { server, address }, Now::ZERO);
        assert!(actions.contains(&MeetingAction::Leave(key(9))));
        assert_eq!(meeting.joined(), [key(1)]);
    }

    #[test]
    fn of_many_a_node_is_at_the_first_two_of_its_own_and_dials_four_others_at_a_time() {
        let mut meeting = machine(0);
        let all: Vec<u8> = (1..=12).collect();
        let actions = meeting.handle(told(&all, FoundWhere::OfSwarm), Now::ZERO);
        let mut dials = dialled(&actions);
        assert_eq!(dials.len(), HOMES + 4);
        dials.retain(|n| first_of(1..=12).contains(n));
        assert_eq!(dials.len(), HOMES);
        let mut meeting = machine(0);
        meeting.handle(told(&all, FoundWhere::OfSwarm), Now::ZERO);
        let soon = Duration::from_secs(60);
        // The dials of the first moment are lost here; they fail of themselves.
        let asked = pass(&mut meeting, Now::ZERO, soon, &all);
        let asked: BTreeSet<u8> = asked.iter().map(|(_, n)| *n).collect();
        assert_eq!(asked.len(), 12, "each is visited");
        pass(&mut meeting, soon, Duration::from_secs(300), &all);
        assert_eq!(homes(&meeting), first_of(1..=12));
        // Those who do not answer are replaced by the next ones.
        let alive = [3, 7, 11];
        let mut meeting = machine(0);
        meeting.handle(told(&all, FoundWhere::OfSwarm), Now::ZERO);
        pass(&mut meeting, Now::ZERO, Duration::from_secs(400), &alive);
        assert_eq!(homes(&meeting), first_of(alive));
    }

    #[test]
    fn what_is_found_takes_no_place_of_what_was_named() {
        for servers in [1, 2, 4] {
            let mut meeting = machine(servers);
            let mut actions = meeting.handle(MeetingInput::Tick, Now::ZERO);
            for place in 0..servers {
                let addresses = vec![at(100 + place as u8)];
                let event = MeetingInput::Resolved { place, addresses };
                actions.extend(meeting.handle(event, Now::ZERO));
            }
            for place in 0..servers {
                serve(&mut meeting, 100 + place as u8, Now::ZERO);
            }
            let before = homes(&meeting);
            let found: Vec<u8> = (1..=12).collect();
            meeting.handle(told(&found, FoundWhere::OfSwarm), Now::ZERO);
            let soon = Duration::from_secs(100);
            pass(&mut meeting, Now::ZERO, soon, &found);
            let after = homes(&meeting);
            assert_eq!(after.len(), before.len() + HOMES);
            assert!(before.iter().all(|home| after.contains(home)), "{after:?}");
        }
    }

    #[test]
    fn who_is_told_of_later_comes_after_those_that_hold_and_pushes_no_home_out() {
        let mut meeting = machine(0);
        let honest: Vec<u8> = (1..=12).collect();
        meeting.handle(told(&honest, FoundWhere::OfSwarm), Now::ZERO);
        let soon = Duration::from_secs(400);
        pass(&mut meeting, Now::ZERO, soon, &honest);
        let kept = homes(&meeting);
        // Somebody writes a dozen of their own, all of which answer.
        let liars: Vec<u8> = (20..32).collect();
        meeting.handle(told(&liars, FoundWhere::OfSwarm), soon);
        assert_eq!(meeting.view().len(), MAX_FOUND);
        let all: Vec<u8> = honest.iter().chain(&liars).copied().collect();
        let later = soon + YOUNG.mul_f64(0.9);
        pass(&mut meeting, soon, later, &all);
        assert_eq!(homes(&meeting), kept);
        // What one member says of themselves takes no other server's place at all.
        let mut meeting = machine(0);
        meeting.handle(told(&honest, FoundWhere::OfSwarm), Now::ZERO);
        pass(&mut meeting, Now::ZERO, soon, &honest);
        let before = meeting.view();
        meeting.handle(told(&liars, FoundWhere::OfMember), soon);
        assert_eq!(meeting.view(), before);
        // When those who held go, the newcomers are there.
        meeting.handle(told(&liars, FoundWhere::OfSwarm), soon);
        for home in &kept {
            meeting.handle(MeetingInput::Lost { server: key(*home) }, soon);
        }
        pass(&mut meeting, soon, later, &liars);
        assert!(homes(&meeting).iter().all(|home| liars.contains(home)));
    }

    #[test]
    fn who_is_visited_is_told_nothing_but_who_is_wanted() {
        let mut meeting = machine(0);
        let now = Now::ZERO;
        let actions = meeting.handle(told(&[1], FoundWhere::OfStranger), now);
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
        let actions = meeting.handle(told(&[1], FoundWhere::OfSwarm), time);
        assert!(actions.contains(&MeetingAction::Discover(key(1))));
        assert!(actions.contains(&MeetingAction::Register(key(1))));
    }

    #[test]
    fn thousands_of_servers_take_so_many_places_and_no_other_servers_place() {
        for (of, places) in [
            (FoundWhere::OfSwarm, MAX_FOUND),
            (FoundWhere::OfMember, MAX_FOUND),
            (FoundWhere::OfStranger, MAX_VISITED),
        ] {
            let mut meeting = machine(1);
            let now = Now::ZERO;
            for n in (10..200).step_by(2) {
                meeting.handle(told(&[n, n + 1], of), now);
            }
            assert_eq!(meeting.view().len(), 1 + places);
            let many: Vec<u8> = (10..200).collect();
            meeting.handle(told(&many, of), now);
            assert_eq!(meeting.view().len(), 1 + places);
            // Nobody else says where a configured server is.
            assert_eq!(meeting.view()[0].found, None);
        }
        // One that failed makes room, one that is joined does not.
        let mut meeting = machine(0);
        let now = Now::ZERO;
        meeting.handle(told(&[10, 11, 12, 13], FoundWhere::OfStranger), now);
        connect(&mut meeting, 10, now);
        for n in 11..14 {
            let (server, addresses) = (Some(key(n)), vec![at(n)]);
            meeting.handle(MeetingInput::Failed { server, addresses }, now);
        }
        let actions = meeting.handle(told(&[201, 202], FoundWhere::OfStranger), now);
        assert_eq!(dialled(&actions), [201, 202]);
        assert_eq!(meeting.view().len(), MAX_VISITED);
        assert_eq!(meeting.joined(), [key(10)]);
    }

    #[test]
    fn one_that_does_not_answer_is_not_told_of() {
        let mut meeting = machine(0);
        let mut now = Now::ZERO;
        let mut actions = meeting.handle(told(&[1], FoundWhere::OfSwarm), now);
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
