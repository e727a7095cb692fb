//! Several servers: which hold a node, and that all meet.

use super::{
    world::{Host, World, host, player},
    *,
};
use crate::core::meeting::{HOMES, ranked};
use proptest::prelude::*;

fn homes(node: usize, servers: &[usize]) -> Vec<NodeId> {
    let keys = servers.iter().map(|n| host(*n));
    let mut homes = ranked(&[1; 32], &player(node), keys);
    homes.truncate(HOMES);
    homes
}

proptest! {
    #[test]
    fn a_server_that_comes_or_goes_moves_only_who_has_it_among_the_first(
        node in 0..10_000usize,
        count in 3..32usize,
        gone in 0..32usize,
    ) {
        let all: Vec<usize> = (0..count).collect();
        let gone = gone % count;
        let rest: Vec<usize> = all.iter().copied().filter(|n| *n != gone).collect();
        let (before, after) = (homes(node, &all), homes(node, &rest));
        if before.contains(&host(gone)) {
            // The other one stays, and one comes for it.
            let stays: Vec<_> = before.iter().filter(|key| after.contains(key)).collect();
            prop_assert_eq!(stays.len(), 1);
        } else {
            prop_assert_eq!(before, after);
        }
    }
}

#[test]
fn each_server_has_its_part_of_the_nodes_and_swarms_differ() {
    let all: Vec<usize> = (0..25).collect();
    let mut held = [0usize; 25];
    for node in 0..10_000 {
        for home in homes(node, &all) {
            held[(0..25).find(|n| host(*n) == home).unwrap()] += 1;
        }
    }
    // 800 each.
    assert!(held.iter().all(|n| (680..=920).contains(n)), "{held:?}");
    let keys = || all.iter().map(|n| host(*n));
    let (one, two) = ([1; 32], [2; 32]);
    let same = (0..1000).filter(|n| {
        let node = player(*n);
        ranked(&one, &node, keys())[0] == ranked(&two, &node, keys())[0]
    });
    assert!(same.count() < 100, "one of 25 by chance");
}

#[test]
fn with_two_servers_a_node_is_at_both_all_the_time() {
    let mut world = World::new(2);
    for _ in 0..4 {
        world.join(&[0, 1], true);
    }
    world.pass(seconds(600));
    assert_eq!(world.apart(), None);
    assert_eq!(world.registrations(), 8);
    assert!(world.hosts.iter().all(|host| host.joins == 4));
}

#[test]
fn with_more_it_is_at_two_and_visits_the_others_once_a_minute_in_all() {
    for servers in [3, 5, 10, 25] {
        let mut world = World::new(servers);
        let list: Vec<usize> = (0..servers).collect();
        for _ in 0..10 {
            world.join(&list, true);
            world.pass(Duration::from_millis(500));
        }
        world.pass(seconds(20));
        assert_eq!(world.apart(), None, "{servers}");
        world.pass(seconds(600));
        assert_eq!(world.registrations(), 20, "{servers}");
        let joins = |world: &World| world.hosts.iter().map(|host| host.joins).sum::<usize>();
        let before = joins(&world);
        world.pass(seconds(1200));
        // One a minute of each of ten nodes, whatever the number of servers.
        let visits = joins(&world) - before;
        assert!((165..=225).contains(&visits), "{servers}: {visits}");
    }
}

#[test]
fn who_only_looks_finds_all_at_once_wherever_they_are() {
    let mut world = World::new(7);
    let list: Vec<usize> = (0..7).collect();
    for _ in 0..20 {
        world.join(&list, true);
    }
    world.pass(seconds(60));
    let newcomer = world.join(&list, false);
    world.pass(seconds(1));
    assert_eq!(world.players[newcomer].here.len(), 20);
}

#[test]
fn a_home_that_fails_is_replaced_by_the_next_and_has_its_nodes_again_when_it_is_back() {
    let mut world = World::new(4);
    let list = [0, 1, 2, 3];
    for _ in 0..12 {
        world.join(&list, true);
    }
    world.pass(seconds(60));
    let held = |world: &World| -> Vec<usize> {
        let hosts = world.hosts.iter();
        hosts.map(Host::registrations).collect()
    };
    let before = held(&world);
    world.kill(0);
    world.pass(seconds(5));
    let after = held(&world);
    assert_eq!(after[0], 0);
    assert_eq!(world.registrations(), 24, "two each, and soon: {after:?}");
    // Who comes now finds all of them.
    let newcomer = world.join(&list, true);
    world.pass(seconds(5));
    assert_eq!(world.players[newcomer].here.len(), 12);
    world.revive(0);
    // The longest pause is five minutes.
    world.pass(seconds(400));
    let again = held(&world);
    assert_eq!(again.iter().sum::<usize>(), 26);
    assert!(again[0] >= before[0], "{before:?} {again:?}");
}

/// A node at two of so many servers, which has visited the others.
fn settled(servers: usize) -> Simulation {
    let mut sim = Simulation::new(config(servers));
    sim.answering = true;
    sim.pass(seconds(40));
    for place in 0..servers {
        let server = server(place as u8);
        sim.event(MeetingInput::Reserved { server, yes: true });
        let ttl = Some(seconds(7200));
        sim.event(MeetingInput::Registered { server, ttl });
    }
    sim.pass(seconds(60));
    while sim.meeting.joined().len() > HOMES {
        sim.pass(Duration::from_millis(100));
    }
    sim
}

#[test]
fn somebody_wanted_is_looked_for_at_their_homes_first() {
    let mut sim = settled(8);
    let wanted = id(77);
    let keys = (0..8).map(|n| server(n as u8));
    let ranked = ranked(&[0; 32], &wanted, keys);
    sim.event(MeetingInput::Wanted { node: wanted });
    sim.pass(seconds(1));
    let joined = sim.meeting.joined();
    assert!(ranked[..3].iter().all(|server| joined.contains(server)));
    assert!(joined.len() <= HOMES + 3 + 1, "{joined:?}");
    // Not there: at the others, too.
    sim.pass(seconds(6));
    assert_eq!(sim.meeting.joined().len(), 8);
    sim.pass(seconds(70));
    assert!(sim.meeting.joined().len() < 5, "nobody is wanted any more");
}

#[test]
fn a_person_who_asks_the_servers_has_all_of_them_and_can_be_reached_there() {
    let mut sim = settled(5);
    let before = sim.done.len();
    sim.event(MeetingInput::Needed);
    assert!(sim.meeting.is_starting(), "the others are on their way");
    sim.pass(seconds(1));
    assert_eq!(sim.meeting.joined().len(), 5);
    assert!(!sim.meeting.is_starting());
    let reserved = sim.done[before..]
        .iter()
        .filter(|(_, action)| matches!(action, MeetingAction::Reserve(_)));
    assert_eq!(reserved.count(), 3);
    sim.pass(seconds(70));
    assert!(
        sim.meeting.joined().len() <= HOMES + 1,
        "the others are left"
    );
}

#[test]
fn a_node_that_comes_by_relay_keeps_the_server_and_one_that_is_to_be_met_again_brings_it_back() {
    let mut sim = settled(4);
    let homes = sim.meeting.joined();
    let place = (0..4).find(|n| !homes.contains(&server(*n))).unwrap();
    while !sim.meeting.joined().contains(&server(place)) {
        let next = sim.meeting.next_tick().unwrap();
        sim.now = next;
        // The visit goes on until it is known who is there.
        for action in sim.event(MeetingInput::Tick) {
            if action
                == (MeetingAction::Resolve {
                    place: place.into(),
                })
            {
                sim.resolve(place.into());
                sim.connect(place.into());
            }
        }
    }
    let server = server(place);
    sim.event(MeetingInput::Entered { server, yes: true });
    sim.discover(place.into(), &[id(150)]);
    assert_eq!(sim.met(), [id(150)]);
    sim.here(id(150), Via::Relay);
    sim.pass(seconds(200));
    assert!(sim.meeting.joined().contains(&server));
    sim.here(id(150), Via::Direct);
    assert!(!sim.meeting.joined().contains(&server));
    let before = sim.done.len();
    sim.event(gone(150));
    sim.pass(seconds(3));
    let dialled = sim.done[before..].iter().any(|(_, action)| {
        *action
            == MeetingAction::Resolve {
                place: place.into(),
            }
    });
    assert!(dialled, "to meet it again");
}

/// Prints what stands in docs/measurements.md.
#[test]
fn what_a_server_has_to_do_falls_with_their_number() {
    const NODES: usize = 12;
    let mut before = f64::INFINITY;
    for servers in [1, 2, 3, 5, 10, 25] {
        let mut world = World::new(servers);
        let list: Vec<usize> = (0..servers).collect();
        for _ in 0..NODES {
            world.join(&list, true);
            world.pass(Duration::from_millis(100));
        }
        world.pass(seconds(300));
        let (mut joins, mut asked) = (0, 0);
        for host in &mut world.hosts {
            (joins, asked) = (joins + host.joins, asked + host.discovers);
            (host.joins, host.discovers) = (0, 0);
        }
        let mean = |sum: usize| sum as f64 / servers as f64;
        let coming = [mean(joins), mean(asked)];
        world.pass(seconds(600));
        let sum = |of: fn(&Host) -> usize| world.hosts.iter().map(of).sum();
        let registered = mean(world.registrations());
        let joins = mean(sum(|host| host.joins)) / 10.0;
        let asked = mean(sum(|host| host.discovers)) / 10.0;
        println!(
            "{servers} servers: {registered:.1} registrations each, {joins:.1} connections and \
             {asked:.1} questions a minute; while {NODES} came {:.0} and {:.0}",
            coming[0], coming[1],
        );
        assert!(asked < before * 0.9 || servers == 2, "{servers}: {asked}");
        let each = 2 * servers.min(HOMES) + usize::from(servers > HOMES);
        let due = mean(each * NODES);
        assert!((0.85..1.15).contains(&(asked / due)), "{servers}: {asked}");
        before = asked;
    }
}

#[test]
fn servers_that_were_found_share_the_swarm_like_those_that_were_named() {
    let mut world = World::new(12);
    let all: Vec<usize> = (0..12).collect();
    for _ in 0..48 {
        world.join_found(&all, true);
        world.pass(Duration::from_millis(200));
    }
    world.pass(seconds(120));
    assert_eq!(world.registrations(), 96);
    let held: Vec<usize> = world.hosts.iter().map(Host::registrations).collect();
    assert!(
        held.iter().all(|n| (2..=16).contains(n)),
        "8 each: {held:?}"
    );
    assert_eq!(world.apart(), None);
    // Who only looks finds all, and a server that ends moves those alone who were there.
    let newcomer = world.join_found(&all, false);
    world.pass(seconds(2));
    assert_eq!(world.players[newcomer].here.len(), 48);
    let before: Vec<_> = (0..48).map(|n| world.homes(n)).collect();
    world.kill(5);
    world.pass(seconds(10));
    for (n, before) in before.iter().enumerate() {
        let after = world.homes(n);
        assert_eq!(after.len(), HOMES, "{n}");
        assert!(
            before.contains(&5) || *before == after,
            "{n}: {before:?} {after:?}"
        );
    }
}

#[test]
fn servers_that_tell_nobody_of_anybody_have_their_share_and_part_only_who_is_at_two_of_them() {
    let mut world = World::new(12);
    let all: Vec<usize> = (0..12).collect();
    let silent = 0..4;
    for n in silent.clone() {
        world.hosts[n].silent = true;
    }
    for _ in 0..32 {
        world.join_found(&all, true);
        world.pass(Duration::from_millis(200));
    }
    world.pass(seconds(120));
    let lost = |n: usize| world.homes(n).iter().all(|home| silent.contains(home));
    for a in 0..32 {
        for b in 0..a {
            let (one, other) = (&world.players[a], &world.players[b]);
            let met = one.here.contains(&other.me);
            assert!(met || lost(a) && lost(b), "{a} and {b}");
        }
    }
    let drawn: usize = silent.map(|n| world.hosts[n].registrations()).sum();
    assert!(drawn <= 32, "of 64, where a third is due: {drawn}");
}

/// What one node's list lacks, if anything, when it comes, and whether it is to be found.
fn players() -> impl Strategy<Value = Vec<(Option<usize>, u64)>> {
    let one = (proptest::option::of(0..12usize), 0..20_000u64);
    proptest::collection::vec(one, 2..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Lists that differ by one server, one server that is down from the beginning or ends, and
    /// any times of coming.
    #[test]
    fn any_two_find_one_another(
        servers in 4..12usize,
        mut players in players(),
        dead in proptest::option::of((0..12usize, 0..40_000u64)),
        told in any::<bool>(),
    ) {
        players.sort_by_key(|(_, at)| *at);
        let mut world = World::new(servers);
        let dead = dead.map(|(host, at)| (host % servers, Duration::from_millis(at)));
        let mut killed = false;
        for (lacks, at) in &players {
            let at = Duration::from_millis(*at);
            if let Some((host, when)) = dead.filter(|(_, when)| !killed && *when <= at) {
                world.pass(when.saturating_sub(world.now));
                world.kill(host);
                killed = true;
            }
            world.pass(at.saturating_sub(world.now));
            let lacks = lacks.map(|n| n % servers);
            let list: Vec<usize> = (0..servers).filter(|n| Some(*n) != lacks).collect();
            if told {
                world.join_found(&list, true);
            } else {
                world.join(&list, true);
            }
        }
        world.pass(seconds(20));
        if let Some((host, _)) = dead.filter(|_| !killed) {
            prop_assert_eq!(world.apart(), None, "before the end of one");
            world.kill(host);
        }
        world.pass(seconds(20));
        prop_assert_eq!(world.apart(), None);
        // At two each.
        world.pass(seconds(60));
        prop_assert_eq!(world.registrations(), 2 * players.len());
    }
}
