//! What a flood of strangers may cost.

use super::*;

#[test]
fn a_flood_of_fresh_identities_leaves_room_for_the_real_one() {
    for same_source in [false, true] {
        let mut it = new();
        let node = NodeId([0x7f; 32]);
        let mut pending: std::collections::VecDeque<NodeId> = [].into();
        let mut answers = 0;
        let mut reached = 0;
        // Five hundred a second, all that the socket lets through, for far more than the tables
        // hold.
        for n in 0..30_000u64 {
            let now = ms(n * 2);
            let from = if same_source { ip(1) } else { ip(n as u8) };
            let kind = if n % 2 == 0 { Kind::Join } else { Kind::Ping };
            let mut actions = it.handle(heard(kind, id(n), 1, from), now);
            if n % 1_500 == 1_000 {
                // The real one, every three seconds.
                actions.extend(it.handle(heard(Kind::Ping, node, n, ip(1)), now));
            }
            // The flooder's addresses fail, one in ten milliseconds.
            if n % 5 == 0
                && let Some(node) = pending.pop_front()
            {
                actions.extend(it.handle(MembershipEvent::DialFailed { node }, now));
            }
            for action in actions {
                match action {
                    MembershipAction::Dial { node: other, .. } if other == node => reached += 1,
                    MembershipAction::Dial { node, .. } => pending.push_back(node),
                    MembershipAction::Answer { .. } => answers += 1,
                    _ => {}
                }
            }
            let limit = if same_source { 33 } else { MAX_UNCONFIRMED };
            assert!(it.known() <= limit && it.replays.len() <= replays::MAX);
            assert!(pending.len() <= MAX_DIALS);
        }
        assert!(reached > 0, "the real one was never dialled");
        assert!(answers <= 100 + 60 * 50, "{answers}");
        assert!(it.answers_per_source.len() <= MAX_SOURCES);
    }
}

fn any_event() -> impl Strategy<Value = MembershipEvent> {
    let node = (0..2_000u64).prop_map(id);
    prop_oneof![
        6 => (node.clone(), 0..3u8, 0..4u64, 0..60u64, any::<u8>()).prop_map(
            |(node, kind, epoch, seq, from)| {
                let kind = [Kind::Join, Kind::Ping, Kind::Leave][usize::from(kind)];
                let beacon = Beacon { epoch, ..beacon(kind, node, seq) };
                MembershipEvent::Heard { beacon, from: ip(from), room: 512 }
            }
        ),
        2 => (node.clone(), any::<u8>()).prop_map(|(node, n)| MembershipEvent::Connected { node, address: at(n, 4000) }),
        1 => node.clone().prop_map(|node| MembershipEvent::Disconnected { node }),
        1 => node.clone().prop_map(|node| MembershipEvent::DialFailed { node }),
        1 => (node.clone(), any::<u8>())
            .prop_map(|(node, n)| MembershipEvent::Found { node, addresses: vec![at(n, 1); 9] }),
        1 => node.clone().prop_map(|node| MembershipEvent::Leaving { node }),
        1 => node.prop_map(|node| MembershipEvent::Banned { node }),
        2 => Just(MembershipEvent::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn whatever_comes_memory_is_bounded_and_join_and_leave_alternate(
        events in prop::collection::vec((any_event(), 0..200u64), 0..2_000)
    ) {
        let mut it = new();
        let (mut now, mut here) = (0, std::collections::BTreeSet::new());
        let mut resting = std::collections::BTreeSet::new();
        for (nth, (event, pause)) in events.into_iter().enumerate() {
            now += pause;
            for action in it.handle(event, ms(now)) {
                match action {
                    MembershipAction::Joined { node } => prop_assert!(here.insert(node)),
                    MembershipAction::Left { node, .. } => prop_assert!(here.remove(&node)),
                    MembershipAction::Rest { node, .. } => drop(resting.insert(node)),
                    MembershipAction::Stay { node } => prop_assert!(resting.remove(&node)),
                    _ => {}
                }
            }
            prop_assert!(it.known() <= MAX_KNOWN);
            prop_assert!(nth % 16 > 0 || it.peers.is_in_order());
            prop_assert!(it.peers.iter().filter(|(_, p)| !p.confirmed).count() <= MAX_UNCONFIRMED);
            prop_assert!(it.peers.iter().filter(|(_, p)| p.dial_ends().is_some()).count() <= MAX_DIALS);
            prop_assert!(it.replays.len() <= replays::MAX && it.banned.len() <= MAX_BANNED);
            let rests = it.peers.after(None).filter(|(_, peer)| peer.resting);
            prop_assert!(rests.map(|(node, _)| node).eq(&resting));
            prop_assert!(resting.is_subset(&here));
            prop_assert!(it.connected().all(|node| here.contains(&node)));
            prop_assert!(it.next_tick() > ms(now) || it.next_tick() == it.announcing.next);
        }
    }
}
