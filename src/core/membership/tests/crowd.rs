//! Many nodes: with most of them no connection is kept.

use super::*;
use crate::core::neighbours::MESH;
use std::collections::BTreeSet;

/// A real id, unlike [`id`], which is not spread on a ring.
pub fn one(n: u64) -> NodeId {
    NodeId(*blake3::hash(&n.to_be_bytes()).as_bytes())
}

pub fn place(n: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 50_000))
}

pub fn listens(n: u64) -> SocketAddr {
    let mut at = place(n);
    at.set_port(4000);
    at
}

/// What was said of who rests, in the end.
#[derive(Default)]
pub struct Told(pub BTreeSet<NodeId>);

impl Told {
    pub fn take(&mut self, actions: &[MembershipAction]) {
        for action in actions {
            match action {
                MembershipAction::Rest { node, addresses } => {
                    assert!(!addresses.is_empty());
                    self.0.insert(*node);
                }
                MembershipAction::Stay { node } => assert!(self.0.remove(node), "not at rest"),
                MembershipAction::Left { node, .. } => assert!(!self.0.contains(node)),
                _ => {}
            }
        }
    }
}

/// A membership with so many peers, all heard and connected at `now`.
pub fn crowd(count: u64, now: Now) -> (Membership, Told) {
    let (mut it, mut told) = (new(), Told::default());
    for n in 1..=count {
        told.take(&it.handle(heard(Kind::Ping, one(n), 1, place(n)), now));
        let (node, address) = (one(n), listens(n));
        told.take(&it.handle(MembershipEvent::Connected { node, address }, now));
    }
    (it, told)
}

pub fn dialled(actions: &[MembershipAction]) -> Vec<NodeId> {
    let dial = |action: &MembershipAction| match action {
        MembershipAction::Dial { node, .. } => Some(*node),
        _ => None,
    };
    actions.iter().filter_map(dial).collect()
}

#[test]
fn few_stay_connected_and_of_many_most_rest() {
    let (it, told) = crowd(MESH as u64, ms(0));
    assert!(told.0.is_empty() && it.connected().count() == MESH);
    let (it, told) = crowd(150, ms(0));
    assert_eq!(150 - told.0.len(), 8);
    assert!((1..=150).all(|n| it.rests(&one(n)) == told.0.contains(&one(n))));
}

#[test]
fn who_rests_is_here_without_a_connection_and_is_not_dialled() {
    let (mut it, told) = crowd(150, ms(0));
    for n in 1..=150 {
        let node = one(n);
        it.handle(MembershipEvent::Disconnected { node }, ms(1_000));
    }
    let mut now = ms(1_000);
    let mut dials = BTreeSet::new();
    for seq in 2..10 {
        for n in 1..=150 {
            let actions = it.handle(heard(Kind::Ping, one(n), seq, place(n)), now);
            let left = |action: &MembershipAction| matches!(action, MembershipAction::Left { .. });
            assert!(!actions.iter().any(left));
            dials.extend(dialled(&actions));
        }
        now += ms(9_000);
    }
    // Those that are its neighbours are.
    assert_eq!(dials.len(), 8);
    assert!(dials.is_disjoint(&told.0) && it.known() == 150);
}

#[test]
fn a_resting_node_that_falls_silent_is_gone_within_a_minute() {
    let (mut it, mut told) = crowd(54, ms(0));
    let node = *told.0.first().unwrap();
    it.handle(MembershipEvent::Disconnected { node }, ms(0));
    let done = run(&mut it, ms(59_000));
    let gone = done.iter().find(|(_, action)| {
        *action
            == MembershipAction::Left {
                node,
                announced: false,
            }
    });
    assert!(gone.is_some_and(|(at, _)| *at > ms(14_000)), "{gone:?}");
    told.take(
        &done
            .into_iter()
            .map(|(_, action)| action)
            .collect::<Vec<_>>(),
    );
    assert!(!told.0.contains(&node));
}

#[test]
fn a_resting_node_that_does_not_answer_twice_is_gone_at_once() {
    let (mut it, told) = crowd(100, ms(0));
    let node = *told.0.first().unwrap();
    let n = (1..=100).find(|n| one(*n) == node).unwrap();
    it.handle(MembershipEvent::Disconnected { node }, ms(0));
    // A word of its own between two failures shows that it lives.
    it.handle(MembershipEvent::DialFailed { node }, ms(1_000));
    it.handle(heard(Kind::Ping, node, 2, place(n)), ms(2_000));
    it.handle(MembershipEvent::DialFailed { node }, ms(3_000));
    assert!(
        run(&mut it, ms(6_000))
            .iter()
            .all(|(_, action)| !matches!(action, MembershipAction::Left { .. }))
    );
    it.handle(MembershipEvent::DialFailed { node }, ms(6_000));
    let done = run(&mut it, ms(8_000));
    let left = MembershipAction::Left {
        node,
        announced: false,
    };
    assert!(done.contains(&(ms(8_000), left)), "{done:?}");
}

#[test]
fn a_neighbour_without_room_is_dialled_no_more_and_another_one_takes_its_place() {
    let (mut it, told) = crowd(150, ms(0));
    let neighbours = |it: &Membership| -> BTreeSet<NodeId> {
        let all = (1..=150).map(one);
        all.filter(|node| !it.rests(node)).collect()
    };
    for node in &told.0 {
        it.handle(MembershipEvent::Disconnected { node: *node }, ms(1));
    }
    let before = neighbours(&it);
    let node = *before.first().unwrap();
    it.handle(MembershipEvent::Disconnected { node }, ms(2));
    let (mut dials, mut refused) = (Vec::new(), 0);
    for second in 1..100 {
        for n in 1..=150 {
            it.handle(
                heard(Kind::Ping, one(n), second + 1, place(n)),
                ms(second * 1000),
            );
        }
        for (at, action) in run(&mut it, ms(second * 1000 + 999)) {
            let MembershipAction::Dial { node: whom, .. } = action else {
                continue;
            };
            dials.push(whom);
            if whom == node {
                refused += 1;
                it.handle(MembershipEvent::Full { node }, at);
            } else {
                let address = listens(1);
                it.handle(
                    MembershipEvent::Connected {
                        node: whom,
                        address,
                    },
                    at,
                );
            }
        }
    }
    assert_eq!(refused, 1, "{dials:?}");
    let after = neighbours(&it);
    assert!(it.rests(&node) && after.len() == before.len());
    assert!(after.iter().all(|node| it.is_connected(node)));
    // It may have room later, when there is a reason to choose anew.
    let mut all = (1..=150).map(one);
    let other = all.find(|it| !before.contains(it) && !after.contains(it));
    let other = other.unwrap();
    for second in 100..140 {
        for n in (1..=150).filter(|n| one(*n) != other || second < 130) {
            let beacon = heard(Kind::Ping, one(n), second + 1, place(n));
            it.handle(beacon, ms(second * 1000));
        }
        if second == 130 {
            it.handle(MembershipEvent::Leaving { node: other }, ms(130_000));
        }
    }
    assert!(before.is_subset(&neighbours(&it)));
}

#[test]
fn who_rests_and_has_no_room_for_a_connection_is_not_taken_for_gone() {
    let (mut it, told) = crowd(100, ms(0));
    let node = *told.0.first().unwrap();
    it.handle(MembershipEvent::Disconnected { node }, ms(0));
    for n in 1..6 {
        it.handle(MembershipEvent::Full { node }, ms(n * 1000));
    }
    let left =
        |(_, action): &(Now, MembershipAction)| matches!(action, MembershipAction::Left { .. });
    assert!(!run(&mut it, ms(13_000)).iter().any(left));
    assert!(it.rests(&node));
}

#[test]
fn who_announces_itself_and_cannot_be_connected_is_missing_until_it_is_vouched_for() {
    for count in [3, 100] {
        let (mut it, _) = crowd(count, ms(0));
        let node = one(900);
        let missing = |it: &Membership| {
            let missing = it.expected().chain(it.unreached());
            missing.map(|(node, _)| node).collect::<Vec<_>>()
        };
        let mut seq = 0;
        for second in 1..40 {
            seq += 1;
            it.handle(heard(Kind::Ping, node, seq, place(900)), ms(second * 1000));
            for (at, action) in run(&mut it, ms(second * 1000 + 999)) {
                if matches!(action, MembershipAction::Dial { node: whom, .. } if whom == node) {
                    it.handle(MembershipEvent::Full { node }, at);
                    let expected = it.expected().count();
                    // A first failure is forgiven, and in a crowd others may tell of it.
                    assert!(count < 100 || at > ms(16_000) || expected == 1, "{at:?}");
                }
            }
            assert_eq!(missing(&it), [node], "of {count} after {second} s");
        }
        it.handle(MembershipEvent::Vouched { node }, ms(41_000));
        assert_eq!(missing(&it), []);
    }
}

#[test]
fn when_most_leave_the_rest_is_connected_again() {
    let (mut it, mut told) = crowd(60, ms(0));
    for n in 1..=60 {
        let node = one(n);
        told.take(&it.handle(MembershipEvent::Disconnected { node }, ms(0)));
    }
    let mut dials = BTreeSet::new();
    for n in 21..=60 {
        let actions = it.handle(heard(Kind::Leave, one(n), 9, place(n)), ms(5_000));
        told.take(&actions);
        dials.extend(dialled(&actions));
    }
    assert!(told.0.is_empty());
    let done = run(&mut it, ms(6_000));
    dials.extend(dialled(
        &done
            .into_iter()
            .map(|(_, action)| action)
            .collect::<Vec<_>>(),
    ));
    assert!((1..=20).all(|n| dials.contains(&one(n))), "{}", dials.len());
}

#[test]
fn who_is_not_heard_by_beacons_stays_connected() {
    let (mut it, told) = crowd(100, ms(0));
    let (node, address) = (one(500), listens(500));
    it.handle(MembershipEvent::Connected { node, address }, ms(1));
    assert!(!it.rests(&node));
    it.handle(MembershipEvent::Disconnected { node }, ms(10_000));
    assert_eq!(it.known(), 101);
    // Nor does one whose beacons do not come any more, though it is connected.
    let silent = *told.0.first().unwrap();
    run(&mut it, ms(90_000));
    assert!(!it.rests(&silent) && it.is_connected(&silent));
}

#[test]
fn the_more_there_are_the_less_each_says() {
    for (count, least, most) in [
        (10, 10, 13),
        (40, 10, 13),
        (80, 5, 7),
        (150, 1, 2),
        (450, 0, 1),
    ] {
        let (mut it, _) = crowd(count, ms(0));
        run(&mut it, ms(10_000));
        // Nobody may fall silent meanwhile.
        let mut said = 0;
        for second in 10..70 {
            for n in (1..=count).filter(|n| n % 10 == second % 10) {
                it.handle(
                    heard(Kind::Ping, one(n), second, place(n)),
                    ms(second * 1000),
                );
            }
            let done = run(&mut it, ms(second * 1000 + 999));
            let word = |(_, action): &&(Now, MembershipAction)| {
                matches!(action, MembershipAction::Announce(_))
            };
            said += done.iter().filter(word).count();
        }
        assert!((least..=most).contains(&said), "{count}: {said}");
    }
}

#[test]
fn a_change_is_told_to_those_who_rest_soon_and_asked_for_by_turns() {
    let (mut it, _) = crowd(150, ms(0));
    run(&mut it, ms(13_000));
    let soon = it.handle(MembershipEvent::Changed, ms(13_000));
    let next = it.next_tick();
    assert!(
        soon.contains(&MembershipAction::Announce(Kind::Ping)) || next <= ms(15_000),
        "{next:?}"
    );
    // Where all are connected they hear of it otherwise.
    let (mut few, _) = crowd(20, ms(0));
    run(&mut few, ms(13_000));
    let before = few.next_tick();
    few.handle(MembershipEvent::Changed, ms(13_000));
    assert_eq!(few.next_tick(), before);
}

#[test]
fn news_of_who_rests_are_told_once() {
    let (mut it, told) = crowd(150, ms(0));
    let node = *told.0.first().unwrap();
    let n = (1..=150).find(|n| one(*n) == node).unwrap();
    let news = |seq| {
        let beacon = Beacon {
            revision: 7,
            ..beacon(Kind::Ping, node, seq)
        };
        let (from, room) = (place(n), 512);
        MembershipEvent::Heard { beacon, from, room }
    };
    it.handle(MembershipEvent::Disconnected { node }, ms(10));
    let hint = MembershipAction::CatalogHint {
        node,
        epoch: 1,
        revision: 7,
    };
    assert!(it.handle(news(3), ms(100)).contains(&hint));
    assert!(!it.handle(news(4), ms(200)).contains(&hint));
}

#[test]

fn a_join_to_a_crowd_is_answered_by_a_few_and_to_few_by_all() {
    for (count, answers) in [(24, 24), (60, ANSWERERS)] {
        for newcomer in [900, 901] {
            let mut said = 0;
            for me in 1..=count {
                let mut it = Membership::new(one(me), me, ms(0));
                for n in (1..=count).filter(|n| *n != me) {
                    it.handle(heard(Kind::Ping, one(n), 1, place(n)), ms(0));
                    let (node, address) = (one(n), listens(n));
                    it.handle(MembershipEvent::Connected { node, address }, ms(0));
                }
                let join = heard(Kind::Join, one(newcomer), 1, place(newcomer));
                let done = it.handle(join, ms(10));
                let answer = |it: &&MembershipAction| matches!(it, MembershipAction::Answer { .. });
                said += done.iter().filter(answer).count();
            }
            assert_eq!(said, answers);
        }
    }
}

#[test]
fn who_came_and_hung_up_unheard_is_not_gone_before_its_beacon_should_have_come() {
    let (mut it, _) = crowd(50, ms(0));
    let (node, address) = (one(900), place(900));
    it.handle(MembershipEvent::Connected { node, address }, ms(1));
    it.handle(MembershipEvent::Disconnected { node }, ms(20_000));
    run(&mut it, ms(30_000));
    assert!(it.knows(&node));
    it.handle(heard(Kind::Ping, node, 1, place(900)), ms(30_000));
    run(&mut it, ms(40_000));
    assert!(it.knows(&node));
    // One that never says a word is gone.
    let (node, address) = (one(901), place(901));
    it.handle(MembershipEvent::Connected { node, address }, ms(40_000));
    it.handle(MembershipEvent::Disconnected { node }, ms(41_000));
    run(&mut it, ms(70_000));
    assert!(!it.knows(&node));
}

#[test]
fn two_beacons_in_a_row_may_be_lost_in_a_crowd() {
    let (mut it, told) = crowd(50, ms(0));
    let node = *told.0.first().unwrap();
    it.handle(MembershipEvent::Disconnected { node }, ms(1));
    // At 6 s and at 12 s nothing comes of it.
    run(&mut it, ms(18_500));
    assert!(it.knows(&node));
    run(&mut it, ms(24_000));
    assert!(!it.knows(&node));
}

#[test]
fn and_in_one_of_fifty_though_a_death_is_known_within_a_minute() {
    let (mut it, _) = crowd(54, ms(0));
    it.handle(MembershipEvent::Tick, ms(1_000));
    let node = (1..=54).map(one).find(|node| it.rests(node)).unwrap();
    it.handle(MembershipEvent::Disconnected { node }, ms(1_001));
    let mut said = Vec::new();
    for _ in 0..3 {
        let at = it.announcing.next;
        it.handle(MembershipEvent::Tick, at);
        said.push(it.announcing.next.saturating_sub(at));
    }
    // The third of its beacons comes in time, on average.
    assert!(
        said.iter()
            .all(|pause| *pause * 3 < it.announcing.silence() + ms(6_000))
    );
    run(&mut it, ms(20_000));
    assert!(it.knows(&node));
    run(&mut it, ms(24_000));
    assert!(!it.knows(&node));
}

#[test]
fn a_node_that_was_too_busy_to_hear_takes_nobody_for_gone() {
    let (mut it, told) = crowd(50, ms(0));
    for node in &told.0 {
        it.handle(MembershipEvent::Disconnected { node: *node }, ms(1));
    }
    let left = |actions: &[MembershipAction]| {
        let left = |it: &&MembershipAction| matches!(it, MembershipAction::Left { .. });
        actions.iter().filter(left).count()
    };
    // Nothing was done for forty seconds. What was said meanwhile is taken in now, but of one.
    let busy = ms(40_000);
    assert_eq!(left(&it.handle(MembershipEvent::Tick, busy)), 0);
    let dead = *told.0.first().unwrap();
    for n in (1..=50).filter(|n| one(*n) != dead) {
        let said = it.handle(heard(Kind::Ping, one(n), 9, place(n)), busy + ms(n));
        assert_eq!(left(&said), 0);
    }
    for n in (1..=50).filter(|n| one(*n) != dead) {
        it.handle(heard(Kind::Ping, one(n), 10, place(n)), busy + ms(9_000));
    }
    let done = run(&mut it, busy + ms(14_900));
    let gone: Vec<_> = done.into_iter().map(|(_, action)| action).collect();
    assert_eq!(left(&gone), 1);
    assert!(!it.knows(&dead));
}

#[test]
fn nobody_is_vouched_for_who_does_not_announce_itself_nor_many_of_one_address() {
    let (mut it, _) = crowd(40, ms(0));
    let node = one(900);
    assert_eq!(it.handle(MembershipEvent::Vouched { node }, ms(1)), []);
    let addresses = vec![listens(900)];
    it.handle(MembershipEvent::Found { node, addresses }, ms(1));
    it.handle(MembershipEvent::Vouched { node }, ms(1));
    assert!(!it.expected().any(|(found, _)| found == node) && it.may_vouch(&node).is_none());
    let mut vouched = 0;
    for n in 1_000..1_400 {
        it.handle(heard(Kind::Ping, one(n), 1, place(77)), ms(2));
        let node = one(n);
        let actions = it.handle(MembershipEvent::Vouched { node }, ms(2));
        vouched += usize::from(actions.contains(&MembershipAction::Joined { node }));
    }
    assert_eq!(vouched, MAX_VOUCHED_PER_SOURCE);
}
