//! Scenarios, in virtual time.

mod homes;
mod properties;
mod simulation;
mod world;

use super::*;
use ::core::net::SocketAddr;
use simulation::Simulation;
use std::time::Duration;

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
fn gone(n: u8) -> MeetingInput {
    MeetingInput::Gone {
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
        swarm: [0; 32],
        seed: 1,
    }
}

#[test]
fn everything_is_asked_at_once_and_nodes_that_are_there_are_met() {
    let mut sim = Simulation::new(config(1));
    assert!(sim.meeting.expects_somebody());
    assert_eq!(
        sim.event(MeetingInput::Tick),
        [MeetingAction::Resolve { place: 0 }],
        "first of all"
    );
    sim.resolve(0);
    sim.connect(0);
    for wanted in [
        MeetingAction::Enter(server(0)),
        MeetingAction::Reserve(server(0)),
        MeetingAction::Discover(server(0)),
    ] {
        assert!(sim.done.contains(&(Now::ZERO, wanted)));
    }
    assert!(sim.meeting.expects_somebody(), "who is there?");
    sim.discover(0, &[id(1), id(150), ME]);
    assert_eq!(sim.met().len(), 2, "not itself");
    assert!(sim.meeting.expects_somebody());
    // It registers as soon as it can be reached.
    let yes = true;
    let server = server(0);
    assert_eq!(
        sim.event(MeetingInput::Reserved { server, yes }),
        [MeetingAction::Register(server)]
    );
    sim.here(id(1), Via::Relay);
    sim.event(MeetingInput::NotMet { node: id(150) });
    assert!(
        !sim.meeting.expects_somebody(),
        "who is not there is not waited for"
    );
    assert_eq!(sim.meeting.view()[0].met, 1);
}

#[test]
fn a_node_that_only_looks_is_not_to_be_found() {
    let found = false;
    let mut sim = Simulation::joined(Config { found, ..config(1) }, &[id(1)]);
    sim.pass(seconds(600));
    assert!(
        sim.times(|action| matches!(action, MeetingAction::Register(_)))
            .is_empty()
    );
    assert_eq!(sim.met()[0], id(1));
}

#[test]
fn a_lost_server_is_tried_with_growing_pauses_and_told_once() {
    let mut sim = Simulation::new(config(1));
    sim.event(MeetingInput::Tick);
    for _ in 0..15 {
        sim.resolve(0);
        let (server, addresses) = (None, vec![address(0)]);
        sim.event(MeetingInput::Failed { server, addresses });
        let next = sim.meeting.next_tick().unwrap();
        sim.now = next;
        sim.event(MeetingInput::Tick);
    }
    let tries = sim.times(|action| matches!(action, MeetingAction::Resolve { .. }));
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
    let told =
        |action: &MeetingAction| matches!(action, MeetingAction::Tell(News::Unreachable { .. }));
    assert_eq!(sim.times(told).len(), 1);
    assert!(!sim.meeting.expects_somebody());
}

#[test]
fn one_server_that_answers_is_enough_and_all_are_tried() {
    let mut sim = Simulation::new(config(2));
    sim.event(MeetingInput::Tick);
    sim.resolve(0);
    sim.resolve(1);
    sim.connect(1);
    sim.discover(1, &[id(1)]);
    sim.here(id(1), Via::Direct);
    assert!(
        sim.meeting.expects_somebody(),
        "the other one, for a moment"
    );
    sim.now += seconds(1);
    sim.event(MeetingInput::Tick);
    assert!(!sim.meeting.expects_somebody());
    // The dead one is tried for ever.
    sim.pass(seconds(3600));
    let tries = sim.times(|action| *action == MeetingAction::Resolve { place: 0 });
    assert!(tries.len() > 8, "{}", tries.len());
}

#[test]
fn a_network_change_is_answered_at_once() {
    let mut sim = Simulation::joined(config(2), &[]);
    sim.pass(seconds(60));
    let before = sim.done.len();
    for n in 0..2 {
        sim.event(MeetingInput::Lost { server: server(n) });
    }
    sim.pass(Duration::from_millis(300));
    let again = sim.done[before..]
        .iter()
        .filter(|(_, action)| matches!(action, MeetingAction::Resolve { .. }));
    assert_eq!(again.count(), 2);
    assert!(sim.told(&News::Lost { place: 0 }));
}

#[test]
fn a_server_that_hangs_up_at_once_is_not_dialled_all_the_time() {
    let mut sim = Simulation::new(config(1));
    sim.event(MeetingInput::Tick);
    for _ in 0..8 {
        sim.resolve(0);
        sim.connect(0);
        let server = server(0);
        sim.event(MeetingInput::Entered { server, yes: true });
        sim.event(MeetingInput::Lost { server });
        sim.now = sim.meeting.next_tick().unwrap();
        sim.event(MeetingInput::Tick);
    }
    assert!(sim.now > seconds(100), "{:?}", sim.now);
}

#[test]
fn a_registration_is_renewed_before_it_ends() {
    let mut sim = Simulation::joined(config(1), &[]);
    let server = server(0);
    for _ in 0..5 {
        let before = sim.now;
        let count = sim.done.len();
        while !sim.done[count..].contains(&(sim.now, MeetingAction::Register(server))) {
            let next = sim.meeting.next_tick().unwrap();
            sim.pass(next.saturating_sub(sim.now));
        }
        let after = sim.now.saturating_sub(before);
        assert!(after > seconds(3000) && after < seconds(7000), "{after:?}");
        let ttl = Some(seconds(7200));
        sim.event(MeetingInput::Registered { server, ttl });
    }
}

#[test]
fn newcomers_are_asked_for_often_at_first() {
    let mut sim = Simulation::joined(config(1), &[]);
    sim.pass(seconds(600));
    let asked = sim.times(|action| matches!(action, MeetingAction::Discover(_)));
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
fn the_rest_of_a_long_answer_is_asked_for_at_once_as_long_as_it_says_something_new() {
    let page = |first: u8| -> Vec<NodeId> { (first..first + 80).map(id).collect() };
    let mut sim = Simulation::joined(config(1), &page(100));
    let asked = |sim: &Simulation| {
        let asked = sim.times(|action| matches!(action, MeetingAction::Discover(_)));
        asked.len()
    };
    sim.now += seconds(60); // Long after the first.
    sim.event(MeetingInput::Tick);
    let before = asked(&sim);
    let pass = |sim: &mut Simulation| {
        sim.now += Duration::from_millis(400);
        sim.event(MeetingInput::Tick);
    };
    sim.discover(0, &page(20));
    pass(&mut sim);
    assert_eq!(asked(&sim), before + 1);
    // A server that says the same again and again is asked no more often for it.
    sim.discover(0, &page(20));
    pass(&mut sim);
    assert_eq!(asked(&sim), before + 1);
}

#[test]
fn of_two_that_find_each_other_the_newcomer_or_the_smaller_one_begins() {
    let mut sim = Simulation::joined(config(1), &[]);
    sim.pass(seconds(20));
    // Both come later. The smaller id waits for its dial, the larger one is met at once.
    sim.discover(0, &[id(1), id(150)]);
    assert_eq!(sim.met(), [id(150)]);
    sim.here(id(1), Via::Relay);
    sim.pass(seconds(60));
    assert!(!sim.met().contains(&id(1)), "it came by itself");
    sim.discover(0, &[id(2)]);
    sim.pass(seconds(3));
    assert!(sim.met().contains(&id(2)), "it did not come");
}

#[test]
fn who_is_connected_or_was_just_dialled_is_not_dialled_again() {
    let mut sim = Simulation::joined(config(2), &[id(150)]);
    sim.discover(1, &[id(150)]);
    sim.discover(0, &[id(150)]);
    sim.here(id(150), Via::Direct);
    sim.pass(seconds(100));
    assert_eq!(sim.met(), [id(150)]);
    // Lost, it is tried again, with growing pauses, and then forgotten.
    sim.event(gone(150));
    for _ in 0..20 {
        sim.pass(seconds(400));
        sim.event(MeetingInput::NotMet { node: id(150) });
    }
    let tries = sim.met().len();
    assert!((5..10).contains(&tries), "{tries}");
    // Until it registers again.
    sim.discover(0, &[id(150)]);
    sim.pass(seconds(3));
    assert_eq!(sim.met().len(), tries + 1);
}

#[test]
fn at_most_64_are_met_by_chance_and_a_wanted_node_comes_first() {
    let crowd: Vec<NodeId> = (0..250u8).map(|n| NodeId([n ^ 0x55; 32])).collect();
    let crowd: Vec<NodeId> = crowd.into_iter().filter(|node| *node != ME).collect();
    let meet_all = |seed| {
        let mut sim = Simulation::joined(Config { seed, ..config(1) }, &crowd);
        for _ in 0..40 {
            for node in sim.met() {
                sim.event(MeetingInput::Here {
                    node,
                    via: Via::Direct,
                });
            }
            sim.pass(seconds(1));
        }
        sim
    };
    let (mut one, two) = (meet_all(1), meet_all(2));
    assert_eq!(one.met().len(), MAX_MET);
    assert_ne!(one.met(), two.met());
    assert!(!one.meeting.expects_somebody());
    let others = crowd.iter().find(|node| !one.met().contains(node));
    let node = *others.unwrap();
    let out = one.event(MeetingInput::Wanted { node });
    assert_eq!(out.len(), 1, "{out:?}");
    assert!(one.meeting.expects_somebody());
}

#[test]
fn somebody_whom_no_server_told_of_is_looked_for_at_all_of_them_for_a_while() {
    let mut sim = Simulation::joined(config(2), &[]);
    let (node, servers) = (id(7), vec![server(0), server(1)]);
    assert_eq!(
        sim.event(MeetingInput::Wanted { node }),
        [MeetingAction::Meet { node, servers }]
    );
    for _ in 0..100 {
        sim.event(MeetingInput::NotMet { node });
        sim.pass(seconds(1));
    }
    let tries = sim.met().len();
    assert!((20..=60).contains(&tries), "{tries}");
    assert_eq!(sim.meeting.nodes.len(), 0);
}

#[test]
fn a_server_with_another_key_is_left_and_told() {
    let mut before = config(1);
    before.servers[0].key = Some(id(9));
    let mut sim = Simulation::new(before);
    sim.event(MeetingInput::Tick);
    for _ in 0..3 {
        sim.resolve(0);
        sim.connect(0);
        sim.now = sim.meeting.next_tick().unwrap();
        sim.event(MeetingInput::Tick);
    }
    let (place, known, now) = (0, id(9), server(0));
    assert!(sim.told(&News::NewKey { place, known, now }));
    let told = |action: &MeetingAction| matches!(action, MeetingAction::Tell(_));
    assert_eq!(sim.times(told).len(), 1, "once");
    let left = |action: &MeetingAction| *action == MeetingAction::Leave(server(0));
    assert_eq!(sim.times(left).len(), 3);
    assert!(sim.meeting.joined().is_empty());
    let entered = sim.times(|action| matches!(action, MeetingAction::Enter(_)));
    assert!(entered.is_empty());
}

#[test]
fn two_names_of_one_server_are_joined_once() {
    let mut sim = Simulation::new(config(2));
    sim.event(MeetingInput::Tick);
    sim.resolve(0);
    sim.resolve(1);
    let server = server(0);
    for place in 0..2 {
        let address = address(place);
        sim.event(MeetingInput::Connected { server, address });
    }
    assert_eq!(
        sim.times(|action| *action == MeetingAction::Enter(server))
            .len(),
        1
    );
    assert_eq!(sim.meeting.joined(), [server]);
    assert!(sim.meeting.view().iter().all(|view| view.joined));
    sim.pass(seconds(30));
    sim.event(MeetingInput::Lost { server });
    sim.pass(seconds(1));
    let tries = |place| {
        sim.times(|action| *action == MeetingAction::Resolve { place })
            .len()
    };
    assert!(tries(1) == 2 && tries(0) == 2);
}

#[test]
fn that_only_the_relay_is_left_is_said_once_and_so_is_the_better_path() {
    let mut sim = Simulation::joined(config(1), &[id(1)]);
    sim.here(id(1), Via::Relay);
    sim.pass(seconds(4));
    let node = id(1);
    assert!(!sim.told(&News::Relayed { node }), "it is being tried");
    sim.pass(seconds(100));
    sim.event(MeetingInput::Punched { node, yes: false });
    let relayed = |action: &MeetingAction| *action == MeetingAction::Tell(News::Relayed { node });
    assert_eq!(sim.times(relayed).len(), 1);
    sim.here(node, Via::Direct);
    let via = Via::Direct;
    assert!(sim.told(&News::Straight { node, via }));
    // Where the straight path came in time, nothing is said.
    sim.here(id(2), Via::Relay);
    sim.here(id(2), Via::Direct);
    sim.pass(seconds(60));
    assert!(!sim.told(&News::Relayed { node: id(2) }));
    assert!(!sim.told(&News::Straight { node: id(2), via }));
}

#[test]
fn a_path_by_relay_that_never_holds_is_made_ever_more_rarely() {
    let mut sim = Simulation::joined(config(1), &[id(150)]);
    for _ in 0..300 {
        let before = sim.met().len();
        sim.pass(seconds(1));
        if sim.met().len() > before {
            sim.here(id(150), Via::Relay);
            sim.pass(seconds(10));
            sim.event(gone(150));
        }
    }
    let tries = sim.met().len();
    assert!((4..=8).contains(&tries), "{tries}");
    // One that held is made again at once.
    sim.here(id(150), Via::Relay);
    sim.pass(seconds(60));
    sim.event(gone(150));
    sim.pass(seconds(5));
    assert_eq!(sim.met().len(), tries + 1);
}

#[test]
fn a_circuit_that_carried_its_bytes_is_followed_by_the_next_one_at_once() {
    let mut sim = Simulation::joined(config(1), &[id(150)]);
    for tries in 1..40 {
        assert_eq!(sim.met().len(), tries);
        sim.here(id(150), Via::Relay);
        sim.pass(seconds(1));
        sim.event(MeetingInput::Gone {
            node: id(150),
            carried: 5 << 20,
        });
        sim.pass(Duration::from_millis(1500));
    }
}

#[test]
fn servers_are_left_while_somebody_is_connected_straight() {
    let leave = true;
    let mut sim = Simulation::joined(Config { leave, ..config(1) }, &[id(1), id(2)]);
    sim.here(id(1), Via::Direct);
    sim.here(id(2), Via::Relay);
    sim.pass(seconds(30));
    assert!(!sim.told(&News::Left { place: 0 }), "somebody needs it");
    sim.here(id(2), Via::Direct);
    sim.pass(seconds(3));
    assert!(sim.told(&News::Left { place: 0 }));
    sim.event(MeetingInput::Lost { server: server(0) });
    assert!(!sim.told(&News::Lost { place: 0 }), "on purpose");
    sim.pass(seconds(600));
    let tries = |sim: &Simulation| {
        sim.times(|action| matches!(action, MeetingAction::Resolve { .. }))
            .len()
    };
    assert_eq!(tries(&sim), 1);
    sim.event(gone(1));
    sim.pass(seconds(1));
    assert_eq!(tries(&sim), 1, "one is left");
    sim.event(gone(2));
    sim.pass(seconds(1));
    assert_eq!(tries(&sim), 2, "nobody is left");
}

#[test]
fn a_person_who_is_wanted_brings_it_back() {
    let leave = true;
    let mut sim = Simulation::joined(Config { leave, ..config(1) }, &[]);
    sim.here(id(1), Via::Lan);
    sim.pass(seconds(10));
    assert!(sim.told(&News::Left { place: 0 }));
    sim.event(MeetingInput::Lost { server: server(0) });
    sim.event(MeetingInput::Wanted { node: id(5) });
    sim.pass(seconds(1));
    sim.resolve(0);
    sim.connect(0);
    assert_eq!(sim.met(), [id(5)]);
}
