//! Scenarios, in virtual time.

mod properties;
mod world;

use super::*;
use ::core::net::SocketAddr;
use std::time::Duration;
use world::World;

const ME: NodeId = NodeId([100; 32]);

fn id(n: u8) -> NodeId {
    NodeId([n; 32])
}

fn server(n: u8) -> NodeId {
    NodeId([200 + n; 32])
}

fn address(place: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, place as u8 + 1], 12000))
}

/// It is gone, and nothing went through.
fn gone(n: u8) -> Event {
    Event::Gone {
        node: id(n),
        carried: 0,
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn config(servers: usize) -> Config {
    Config {
        me: ME,
        servers: vec![Known::default(); servers],
        found: true,
        leave: false,
        seed: 1,
    }
}

#[test]
fn everything_is_asked_at_once_and_whoever_is_there_is_met() {
    let mut world = World::new(config(1));
    assert!(world.meeting.expects_somebody());
    assert_eq!(
        world.event(Event::Tick),
        [Action::Resolve { place: 0 }],
        "first of all"
    );
    world.resolve(0);
    world.connect(0);
    for wanted in [
        Action::Enter(server(0)),
        Action::Reserve(server(0)),
        Action::Discover(server(0)),
    ] {
        assert!(world.done.contains(&(Now::ZERO, wanted)));
    }
    assert!(world.meeting.expects_somebody(), "who is there?");
    world.discover(0, &[id(1), id(150), ME]);
    assert_eq!(world.met().len(), 2, "not itself");
    assert!(world.meeting.expects_somebody());
    // It registers as soon as it can be reached.
    let yes = true;
    let server = server(0);
    assert_eq!(
        world.event(Event::Reserved { server, yes }),
        [Action::Register(server)]
    );
    world.here(id(1), Via::Relay);
    world.event(Event::NotMet { node: id(150) });
    assert!(
        !world.meeting.expects_somebody(),
        "who is not there is not waited for"
    );
    assert_eq!(world.meeting.view()[0].met, 1);
}

#[test]
fn a_node_that_only_looks_is_not_to_be_found() {
    let found = false;
    let mut world = World::joined(Config { found, ..config(1) }, &[id(1)]);
    world.pass(seconds(600));
    assert!(
        world
            .times(|action| matches!(action, Action::Register(_)))
            .is_empty()
    );
    assert_eq!(world.met()[0], id(1));
}

#[test]
fn a_lost_server_is_tried_with_growing_pauses_and_told_once() {
    let mut world = World::new(config(1));
    world.event(Event::Tick);
    for _ in 0..15 {
        world.resolve(0);
        let (server, addresses) = (None, vec![address(0)]);
        world.event(Event::Failed { server, addresses });
        let next = world.meeting.next_tick().unwrap();
        world.now = next;
        world.event(Event::Tick);
    }
    let tries = world.times(|action| matches!(action, Action::Resolve { .. }));
    let pauses: Vec<f64> = tries
        .windows(2)
        .map(|two| two[1].saturating_sub(two[0]).as_secs_f64())
        .collect();
    assert!(pauses[0] <= 1.0 && pauses[0] >= 0.7, "{pauses:?}");
    assert!(
        pauses
            .windows(2)
            .all(|two| two[1] > two[0] * 1.4 || two[0] > 200.0)
    );
    assert!(*pauses.last().unwrap() <= 300.0 && *pauses.last().unwrap() >= 225.0);
    let told = |action: &Action| matches!(action, Action::Tell(News::Unreachable { .. }));
    assert_eq!(world.times(told).len(), 1);
    assert!(!world.meeting.expects_somebody());
}

#[test]
fn one_server_that_answers_is_enough_and_all_are_tried() {
    let mut world = World::new(config(2));
    world.event(Event::Tick);
    world.resolve(0);
    world.resolve(1);
    world.connect(1);
    world.discover(1, &[id(1)]);
    world.here(id(1), Via::Direct);
    assert!(
        world.meeting.expects_somebody(),
        "the other one, for a moment"
    );
    world.now += seconds(1);
    world.event(Event::Tick);
    assert!(!world.meeting.expects_somebody());
    // The dead one is tried for ever.
    world.pass(seconds(3600));
    let tries = world.times(|action| *action == Action::Resolve { place: 0 });
    assert!(tries.len() > 8, "{}", tries.len());
}

#[test]
fn a_network_change_is_answered_at_once() {
    let mut world = World::joined(config(2), &[]);
    world.pass(seconds(60));
    let before = world.done.len();
    for n in 0..2 {
        world.event(Event::Lost { server: server(n) });
    }
    world.pass(Duration::from_millis(300));
    let again = world.done[before..]
        .iter()
        .filter(|(_, action)| matches!(action, Action::Resolve { .. }));
    assert_eq!(again.count(), 2);
    assert!(world.told(&News::Lost { place: 0 }));
}

#[test]
fn a_server_that_hangs_up_at_once_is_not_dialled_all_the_time() {
    let mut world = World::new(config(1));
    world.event(Event::Tick);
    for _ in 0..8 {
        world.resolve(0);
        world.connect(0);
        let server = server(0);
        world.event(Event::Entered { server, yes: true });
        world.event(Event::Lost { server });
        world.now = world.meeting.next_tick().unwrap();
        world.event(Event::Tick);
    }
    assert!(world.now > seconds(100), "{:?}", world.now);
}

#[test]
fn a_registration_is_renewed_before_it_ends() {
    let mut world = World::joined(config(1), &[]);
    let server = server(0);
    for _ in 0..5 {
        let before = world.now;
        let count = world.done.len();
        while !world.done[count..].contains(&(world.now, Action::Register(server))) {
            let next = world.meeting.next_tick().unwrap();
            world.pass(next.saturating_sub(world.now));
        }
        let after = world.now.saturating_sub(before);
        assert!(after > seconds(3000) && after < seconds(7000), "{after:?}");
        let ttl = Some(seconds(7200));
        world.event(Event::Registered { server, ttl });
    }
}

#[test]
fn newcomers_are_asked_for_often_at_first() {
    let mut world = World::joined(config(1), &[]);
    world.pass(seconds(600));
    let asked = world.times(|action| matches!(action, Action::Discover(_)));
    let within = |from: u64, to: u64| {
        let fits = asked
            .iter()
            .filter(|at| **at >= seconds(from) && **at < seconds(to));
        fits.count()
    };
    assert!((8..=14).contains(&within(0, 10)), "{}", within(0, 10));
    assert!((8..=14).contains(&within(10, 120)), "{}", within(10, 120));
    assert!((8..=14).contains(&within(300, 600)), "{}", within(300, 600));
}

#[test]
fn of_two_that_find_each_other_the_newcomer_or_the_smaller_one_begins() {
    let mut world = World::joined(config(1), &[]);
    world.pass(seconds(20));
    // Both come later. The smaller id waits for its dial, the larger one is met at once.
    world.discover(0, &[id(1), id(150)]);
    assert_eq!(world.met(), [id(150)]);
    world.here(id(1), Via::Relay);
    world.pass(seconds(60));
    assert!(!world.met().contains(&id(1)), "it came by itself");
    world.discover(0, &[id(2)]);
    world.pass(seconds(3));
    assert!(world.met().contains(&id(2)), "it did not come");
}

#[test]
fn who_is_connected_or_was_just_dialled_is_not_dialled_again() {
    let mut world = World::joined(config(2), &[id(150)]);
    world.discover(1, &[id(150)]);
    world.discover(0, &[id(150)]);
    world.here(id(150), Via::Direct);
    world.pass(seconds(100));
    assert_eq!(world.met(), [id(150)]);
    // Lost, it is tried again, with growing pauses, and then forgotten.
    world.event(gone(150));
    for _ in 0..20 {
        world.pass(seconds(400));
        world.event(Event::NotMet { node: id(150) });
    }
    let tries = world.met().len();
    assert!((5..10).contains(&tries), "{tries}");
    // Until it registers again.
    world.discover(0, &[id(150)]);
    world.pass(seconds(3));
    assert_eq!(world.met().len(), tries + 1);
}

#[test]
fn at_most_64_are_met_by_chance_and_whoever_is_wanted_comes_first() {
    let crowd: Vec<NodeId> = (0..250u8).map(|n| NodeId([n ^ 0x55; 32])).collect();
    let crowd: Vec<NodeId> = crowd.into_iter().filter(|node| *node != ME).collect();
    let meet_all = |seed| {
        let mut world = World::joined(Config { seed, ..config(1) }, &crowd);
        for _ in 0..40 {
            for node in world.met() {
                world.event(Event::Here {
                    node,
                    via: Via::Direct,
                });
            }
            world.pass(seconds(1));
        }
        world
    };
    let (mut one, two) = (meet_all(1), meet_all(2));
    assert_eq!(one.met().len(), MAX_MET);
    assert_ne!(one.met(), two.met());
    assert!(!one.meeting.expects_somebody());
    let others = crowd.iter().find(|node| !one.met().contains(node));
    let node = *others.unwrap();
    let out = one.event(Event::Wanted { node });
    assert_eq!(out.len(), 1, "{out:?}");
    assert!(one.meeting.expects_somebody());
}

#[test]
fn somebody_whom_no_server_told_of_is_looked_for_at_all_of_them_for_a_while() {
    let mut world = World::joined(config(2), &[]);
    let (node, servers) = (id(7), vec![server(0), server(1)]);
    assert_eq!(
        world.event(Event::Wanted { node }),
        [Action::Meet { node, servers }]
    );
    for _ in 0..100 {
        world.event(Event::NotMet { node });
        world.pass(seconds(1));
    }
    let tries = world.met().len();
    assert!((20..=60).contains(&tries), "{tries}");
    assert_eq!(world.meeting.nodes.len(), 0);
}

#[test]
fn a_server_with_another_key_is_left_and_told() {
    let mut before = config(1);
    before.servers[0].key = Some(id(9));
    let mut world = World::new(before);
    world.event(Event::Tick);
    for _ in 0..3 {
        world.resolve(0);
        world.connect(0);
        world.now = world.meeting.next_tick().unwrap();
        world.event(Event::Tick);
    }
    let (place, known, now) = (0, id(9), server(0));
    assert!(world.told(&News::NewKey { place, known, now }));
    let told = |action: &Action| matches!(action, Action::Tell(_));
    assert_eq!(world.times(told).len(), 1, "once");
    let left = |action: &Action| *action == Action::Leave(server(0));
    assert_eq!(world.times(left).len(), 3);
    assert!(world.meeting.joined().is_empty());
    let entered = world.times(|action| matches!(action, Action::Enter(_)));
    assert!(entered.is_empty());
}

#[test]
fn two_names_of_one_server_are_joined_once() {
    let mut world = World::new(config(2));
    world.event(Event::Tick);
    world.resolve(0);
    world.resolve(1);
    let server = server(0);
    for place in 0..2 {
        let address = address(place);
        world.event(Event::Connected { server, address });
    }
    assert_eq!(
        world.times(|action| *action == Action::Enter(server)).len(),
        1
    );
    assert_eq!(world.meeting.joined(), [server]);
    assert!(world.meeting.view().iter().all(|view| view.joined));
    world.pass(seconds(30));
    world.event(Event::Lost { server });
    world.pass(seconds(1));
    let tries = |place| {
        world
            .times(|action| *action == Action::Resolve { place })
            .len()
    };
    assert!(tries(1) == 2 && tries(0) == 2);
}

#[test]
fn that_only_the_relay_is_left_is_said_once_and_so_is_the_better_path() {
    let mut world = World::joined(config(1), &[id(1)]);
    world.here(id(1), Via::Relay);
    world.pass(seconds(4));
    let node = id(1);
    assert!(!world.told(&News::Relayed { node }), "it is being tried");
    world.pass(seconds(100));
    world.event(Event::Punched { node, yes: false });
    let relayed = |action: &Action| *action == Action::Tell(News::Relayed { node });
    assert_eq!(world.times(relayed).len(), 1);
    world.here(node, Via::Direct);
    let via = Via::Direct;
    assert!(world.told(&News::Straight { node, via }));
    // Where the straight path came in time, nothing is said.
    world.here(id(2), Via::Relay);
    world.here(id(2), Via::Direct);
    world.pass(seconds(60));
    assert!(!world.told(&News::Relayed { node: id(2) }));
    assert!(!world.told(&News::Straight { node: id(2), via }));
}

#[test]
fn a_path_by_relay_that_never_holds_is_made_ever_more_rarely() {
    let mut world = World::joined(config(1), &[id(150)]);
    for _ in 0..300 {
        let before = world.met().len();
        world.pass(seconds(1));
        if world.met().len() > before {
            world.here(id(150), Via::Relay);
            world.pass(seconds(10));
            world.event(gone(150));
        }
    }
    let tries = world.met().len();
    assert!((4..=8).contains(&tries), "{tries}");
    // One that held is made again at once.
    world.here(id(150), Via::Relay);
    world.pass(seconds(60));
    world.event(gone(150));
    world.pass(seconds(5));
    assert_eq!(world.met().len(), tries + 1);
}

#[test]
fn a_circuit_that_carried_its_bytes_is_followed_by_the_next_one_at_once() {
    let mut world = World::joined(config(1), &[id(150)]);
    for tries in 1..40 {
        assert_eq!(world.met().len(), tries);
        world.here(id(150), Via::Relay);
        world.pass(seconds(1));
        world.event(Event::Gone {
            node: id(150),
            carried: 5 << 20,
        });
        world.pass(Duration::from_millis(1500));
    }
}

#[test]
fn servers_are_left_while_somebody_is_connected_straight() {
    let leave = true;
    let mut world = World::joined(Config { leave, ..config(1) }, &[id(1), id(2)]);
    world.here(id(1), Via::Direct);
    world.here(id(2), Via::Relay);
    world.pass(seconds(30));
    assert!(!world.told(&News::Left { place: 0 }), "somebody needs it");
    world.here(id(2), Via::Direct);
    world.pass(seconds(3));
    assert!(world.told(&News::Left { place: 0 }));
    world.event(Event::Lost { server: server(0) });
    assert!(!world.told(&News::Lost { place: 0 }), "on purpose");
    world.pass(seconds(600));
    let tries = |world: &World| {
        world
            .times(|action| matches!(action, Action::Resolve { .. }))
            .len()
    };
    assert_eq!(tries(&world), 1);
    world.event(gone(1));
    world.pass(seconds(1));
    assert_eq!(tries(&world), 1, "one is left");
    world.event(gone(2));
    world.pass(seconds(1));
    assert_eq!(tries(&world), 2, "nobody is left");
}

#[test]
fn a_person_who_is_wanted_brings_it_back() {
    let leave = true;
    let mut world = World::joined(Config { leave, ..config(1) }, &[]);
    world.here(id(1), Via::Lan);
    world.pass(seconds(10));
    assert!(world.told(&News::Left { place: 0 }));
    world.event(Event::Lost { server: server(0) });
    world.event(Event::Wanted { node: id(5) });
    world.pass(seconds(1));
    world.resolve(0);
    world.connect(0);
    assert_eq!(world.met(), [id(5)]);
}
