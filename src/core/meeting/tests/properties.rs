//! What holds whatever servers and strangers say, and whenever.

use super::*;
use proptest::prelude::*;

fn any_event() -> impl Strategy<Value = MeetingInput> {
    let node = || (0..40u8).prop_map(id);
    let of_server = || (0..4u8).prop_map(server);
    let via = prop_oneof![Just(Via::Lan), Just(Via::Direct), Just(Via::Relay)];
    let yes = any::<bool>;
    prop_oneof![
        (0..5usize, yes()).prop_map(|(place, yes)| MeetingInput::Resolved {
            place,
            addresses: if yes { vec![address(place)] } else { vec![] },
        }),
        (of_server(), 0..5usize).prop_map(|(server, at)| MeetingInput::Connected {
            server,
            address: address(at)
        }),
        (0..5usize).prop_map(|at| MeetingInput::Failed {
            server: None,
            addresses: vec![address(at)]
        }),
        of_server().prop_map(|server| MeetingInput::Lost { server }),
        (of_server(), yes()).prop_map(|(server, yes)| MeetingInput::Entered { server, yes }),
        (of_server(), yes()).prop_map(|(server, yes)| MeetingInput::Reserved { server, yes }),
        (of_server(), proptest::option::of(0..100_000u64)).prop_map(|(server, ttl)| {
            let ttl = ttl.map(Duration::from_secs);
            MeetingInput::Registered { server, ttl }
        }),
        (
            of_server(),
            proptest::option::of(proptest::collection::vec(node(), 0..40))
        )
            .prop_map(|(server, nodes)| MeetingInput::Discovered { server, nodes }),
        (node(), via).prop_map(|(node, via)| MeetingInput::Here { node, via }),
        node().prop_map(|node| MeetingInput::Gone { node, carried: 0 }),
        node().prop_map(|node| MeetingInput::NotMet { node }),
        (node(), yes()).prop_map(|(node, yes)| MeetingInput::Punched { node, yes }),
        node().prop_map(|node| MeetingInput::Wanted { node }),
        (0..40u8, 1..16u8, 0..3u8).prop_map(|(first, count, told)| {
            let servers = (0..count).map(|n| first + n);
            let servers = servers.map(|n| (server(n), vec![address(n.into())]));
            let told = [
                FoundWhere::OfSwarm,
                FoundWhere::OfMember,
                FoundWhere::OfStranger,
            ][usize::from(told)];
            let servers = servers.collect();
            MeetingInput::Found(FoundServers { servers, told })
        }),
        Just(MeetingInput::Needed),
        Just(MeetingInput::Tick),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_it_stays_bounded_and_never_spins(
        seed in any::<u64>(),
        leave in any::<bool>(),
        servers in 1..5usize,
        events in proptest::collection::vec((any_event(), 0..5000u64), 1..300),
    ) {
        let mut machine = Meeting::new(Config { leave, seed, ..config(servers) }, Now::ZERO);
        let mut now = Now::ZERO;
        let mut here = std::collections::BTreeSet::new();
        for (event, pause) in events {
            match &event {
                MeetingInput::Here { node, .. } => drop(here.insert(*node)),
                MeetingInput::Gone { node, .. } => drop(here.remove(node)),
                _ => {}
            }
            for action in machine.handle(event, now) {
                match action {
                    MeetingAction::Meet { node, servers } => {
                        prop_assert!(!here.contains(&node) && node != ME);
                        prop_assert!(!servers.is_empty());
                        let joined = machine.joined();
                        prop_assert!(servers.iter().all(|server| joined.contains(server)));
                    }
                    MeetingAction::Dial { addresses, .. } => prop_assert!(!addresses.is_empty()),
                    _ => {}
                }
            }
            prop_assert!(machine.view().len() <= servers + MAX_FOUND);
            let mut joined = machine.joined();
            joined.sort_unstable();
            joined.dedup();
            prop_assert_eq!(joined.len(), machine.joined().len());
            // A tick that is due leaves nothing that is due.
            if let Some(at) = machine.next_tick() {
                machine.handle(MeetingInput::Tick, now.max(at));
                now = now.max(at);
                prop_assert!(machine.next_tick().is_none_or(|next| next > now), "{:?} {:?}", now, machine.next_tick());
            }
            now += Duration::from_millis(pause);
        }
    }

}

proptest! {
    // Each case is thousands of events.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_flood_of_registrations_stays_within_its_server(count in 1..2000usize, seed in any::<u64>()) {
        let mut sim = Simulation::joined(Config { seed, ..config(2) }, &[]);
        let many = |base: u8| (0..count).map(|n| {
            let mut bytes = [base; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            NodeId(bytes)
        }).collect::<Vec<_>>();
        sim.discover(0, &many(1));
        sim.discover(1, &many(2));
        prop_assert!(sim.meeting.nodes.len() <= 2 * MAX_PER_SERVER);
        prop_assert!(sim.meeting.nodes.under_way() <= MAX_MET);
    }
}
