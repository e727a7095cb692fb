//! Scenarios in virtual time.

mod crowd;
mod flood;
mod introduced;
mod newcomer;
mod news;
mod places;
mod suspicion;

use super::*;
use proptest::prelude::*;

const ME: NodeId = NodeId([0x80; 32]);

fn ms(n: u64) -> Now {
    Now::from_millis(n)
}

fn id(n: u64) -> NodeId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    NodeId(bytes)
}

fn ip(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 50_000))
}

fn at(n: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], port))
}

fn beacon(kind: Kind, node: NodeId, seq: u64) -> Beacon {
    Beacon {
        kind,
        node,
        name: "anna".into(),
        tcp: 4000,
        udp: 4000,
        epoch: 1,
        revision: 0,
        seq,
        suspects: Vec::new(),
    }
}

fn heard(kind: Kind, node: NodeId, seq: u64, from: SocketAddr) -> MembershipEvent {
    MembershipEvent::Heard {
        beacon: beacon(kind, node, seq),
        from,
        room: 512,
    }
}

fn dial(node: NodeId, addresses: &[SocketAddr]) -> MembershipAction {
    let addresses = addresses.to_vec();
    MembershipAction::Dial { node, addresses }
}

fn new() -> Membership {
    Membership::new(ME, 1, ms(0))
}

/// A membership in which `node` is a peer since `ms(0)`, by a beacon with seq 1.
fn with_peer(node: NodeId) -> Membership {
    let mut it = new();
    let dialled = it.handle(heard(Kind::Ping, node, 1, ip(1)), ms(0));
    assert_eq!(dialled, [dial(node, &[at(1, 4000)])]);
    let address = at(1, 4000);
    let joined = it.handle(MembershipEvent::Connected { node, address }, ms(0));
    assert_eq!(joined, [MembershipAction::Joined { node }]);
    it
}

/// Runs ticks until `end`, and says what was done when.
fn run(it: &mut Membership, end: Now) -> Vec<(Now, MembershipAction)> {
    let mut done = Vec::new();
    loop {
        let next = it.next_tick();
        if next > end {
            return done;
        }
        let actions = it.handle(MembershipEvent::Tick, next);
        done.extend(actions.into_iter().map(|action| (next, action)));
    }
}

#[test]
fn where_else_a_peer_may_be_is_told_once() {
    let node = id(1);
    let mut it = with_peer(node);
    let found = |hosts: &[u8]| {
        let addresses = hosts.iter().map(|n| at(*n, 4000)).collect();
        MembershipEvent::Found { node, addresses }
    };
    assert_eq!(it.handle(found(&[1]), ms(5)), []);
    let addresses = vec![at(2, 4000)];
    let told = it.handle(found(&[1, 2]), ms(10));
    assert_eq!(told, [MembershipAction::Elsewhere { node, addresses }]);
    assert_eq!(it.handle(found(&[1, 2]), ms(20)), []);
}

#[test]
fn answers_to_a_join_are_waited_for_as_long_as_they_take_here() {
    let mut it = new();
    assert_eq!(run(&mut it, ms(0)).len(), 1);
    // Nobody answered: nothing can be told from that.
    assert!(!it.has_heard_answers(ms(500)));
    it.handle(heard(Kind::Ping, id(1), 1, ip(1)), ms(2));
    assert!(!it.has_heard_answers(ms(39)) && it.has_heard_answers(ms(40)));
    // One that is busy, or far.
    it.handle(heard(Kind::Ping, id(2), 1, ip(2)), ms(30));
    assert!(!it.has_heard_answers(ms(119)) && it.has_heard_answers(ms(120)));
    // Neither a further word of the same one nor another newcomer is an answer.
    it.handle(heard(Kind::Ping, id(1), 2, ip(1)), ms(100));
    it.handle(heard(Kind::Join, id(3), 1, ip(3)), ms(100));
    assert!(it.has_heard_answers(ms(120)));
    // Who is heard for the first time so much later did not hear the question.
    it.handle(heard(Kind::Ping, id(4), 1, ip(4)), ms(2000));
    assert!(it.has_heard_answers(ms(2000)));
}

#[test]
fn a_hidden_node_says_nothing_and_takes_up_nobody_until_it_appears() {
    let (peer, stranger) = (id(1), id(2));
    let mut it = Membership::hidden(ME, 1, ms(0));
    assert!(it.is_hidden());
    for kind in [Kind::Join, Kind::Ping] {
        assert_eq!(it.handle(heard(kind, stranger, 1, ip(2)), ms(1)), []);
    }
    let addresses = vec![at(2, 4000)];
    let found = MembershipEvent::Found {
        node: stranger,
        addresses,
    };
    assert_eq!(it.handle(found, ms(2)), []);
    assert_eq!((run(&mut it, ms(300_000)), it.known()), (vec![], 0));
    // Who is connected is a peer, and comes back by its own beacon; even to it nothing is said.
    let now = ms(300_000);
    let address = at(1, 4000);
    let joined = it.handle(
        MembershipEvent::Connected {
            node: peer,
            address,
        },
        now,
    );
    assert_eq!(joined, [MembershipAction::Joined { node: peer }]);
    it.handle(MembershipEvent::Disconnected { node: peer }, now);
    it.handle(heard(Kind::Join, peer, 5, ip(1)), now + ms(10));
    let done = run(&mut it, now + ms(5_000));
    assert!(
        done.iter()
            .any(|(_, action)| *action == dial(peer, &[at(1, 4000)])),
        "{done:?}"
    );
    assert!(
        done.iter()
            .all(|(_, action)| matches!(action, MembershipAction::Dial { .. })),
        "{done:?}"
    );
    // Then it joins as any newcomer does.
    let now = now + ms(6_000);
    let appeared = it.handle(MembershipEvent::Appear, now);
    assert!(
        appeared.contains(&MembershipAction::Announce(Kind::Join)),
        "{appeared:?}"
    );
    assert!(
        !it.handle(MembershipEvent::Appear, now)
            .contains(&MembershipAction::Announce(Kind::Join))
    );
    let answer = it.handle(heard(Kind::Join, stranger, 2, ip(2)), now);
    assert!(
        answer.contains(&MembershipAction::Answer {
            to: ip(2),
            room: 512
        }),
        "{answer:?}"
    );
}

fn others(done: Vec<(Now, MembershipAction)>) -> Vec<(Now, MembershipAction)> {
    done.into_iter()
        .filter(|(_, action)| !matches!(action, MembershipAction::Announce(_)))
        .collect()
}

#[test]
fn a_newcomer_is_loud_first_and_quiet_later() {
    let mut it = new();
    assert_eq!(it.next_tick(), ms(0));
    let done = run(&mut it, ms(60_000));
    assert_eq!(done[0], (ms(0), MembershipAction::Announce(Kind::Join)));
    let pings: Vec<Now> = done[1..].iter().map(|(when, _)| *when).collect();
    let early = pings.iter().filter(|when| **when < ms(5_000)).count();
    assert!((4..=5).contains(&early), "{early}");
    assert!((10..=13).contains(&(pings.len() - early)));
    let apart = pings.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    assert!(apart.clone().all(|pause| pause >= ms(900)) && apart.max() <= Some(ms(5_500)));
}

#[test]
fn a_leave_counts_once_and_only_when_it_is_newer() {
    let node = id(1);
    let mut it = with_peer(node);
    let old = heard(Kind::Leave, node, 1, ip(9));
    assert!(it.handle(old, ms(1)).is_empty());
    let left = MembershipAction::Left {
        node,
        announced: true,
    };
    let actions = it.handle(heard(Kind::Leave, node, 2, ip(1)), ms(2));
    assert_eq!(actions, [left]);
    // Each goodbye is said three times.
    assert!(
        it.handle(heard(Kind::Leave, node, 3, ip(1)), ms(2))
            .is_empty()
    );
    let passer_by = id(2);
    assert!(it.has_left(&node) && !it.has_left(&passer_by));
    it.handle(heard(Kind::Leave, passer_by, 1, ip(2)), ms(2));
    assert!(it.has_left(&passer_by));
    // It was here, so no other node's word brings that life back.
    let place = (ip(1), Duration::ZERO);
    assert!(!it.may_introduce(&node, place, 1) && it.may_introduce(&passer_by, place, 1));
    for seq in 1..=3 {
        for kind in [Kind::Join, Kind::Ping, Kind::Leave] {
            let actions = it.handle(heard(kind, node, seq, ip(1)), ms(3));
            assert!(actions.is_empty(), "a replay was acted on: {actions:?}");
        }
    }
    // The next life, after it left.
    let MembershipEvent::Heard { beacon, from, room } = heard(Kind::Join, node, 0, ip(1)) else {
        unreachable!()
    };
    let beacon = Beacon { epoch: 2, ..beacon };
    let again = it.handle(MembershipEvent::Heard { beacon, from, room }, ms(4));
    let answer = MembershipAction::Answer { to: from, room };
    assert_eq!(again.last(), Some(&answer));
    assert!(!it.has_left(&node));
}

#[test]
fn a_lost_peer_is_redialled_soon_and_gone_though_the_dial_hangs() {
    let node = id(1);
    let mut it = with_peer(node);
    assert!(
        others(run(&mut it, ms(60_000))).is_empty(),
        "a connection keeps it"
    );
    it.handle(MembershipEvent::Disconnected { node }, ms(60_000));
    let (when, action) = others(run(&mut it, ms(60_500))).remove(0);
    assert_eq!((when, action), (ms(60_200), dial(node, &[at(1, 4000)])));
    // The dial hangs, and says so only when it is given up: nothing more is heard.
    let done = others(run(&mut it, ms(120_000)));
    let left = MembershipAction::Left {
        node,
        announced: false,
    };
    assert_eq!(done, [(ms(62_000), left)]);
    assert_eq!(it.known(), 0);
}

#[test]
fn a_host_that_dies_is_gone_within_fifteen_seconds_and_back_when_it_is_heard() {
    let node = id(1);
    let mut it = with_peer(node);
    it.handle(heard(Kind::Ping, node, 2, ip(1)), ms(100_000));
    // Right after its last beacon; the connection's silence is noticed 12 s later.
    it.handle(MembershipEvent::Disconnected { node }, ms(112_000));
    let done = others(run(&mut it, ms(130_000)));
    let left = MembershipAction::Left {
        node,
        announced: false,
    };
    assert_eq!(done.last(), Some(&(ms(114_000), left)));
    let actions = it.handle(heard(Kind::Ping, node, 3, ip(1)), ms(130_000));
    assert_eq!(actions, [dial(node, &[at(1, 4000)])]);
    let address = at(1, 4000);
    let actions = it.handle(MembershipEvent::Connected { node, address }, ms(130_001));
    assert_eq!(actions, [MembershipAction::Joined { node }]);
}

#[test]
fn a_found_node_that_was_lost_is_gone_and_tried_again_for_minutes() {
    let node = id(1);
    let mut it = new();
    let address = at(1, 1);
    let addresses = vec![address];
    it.handle(MembershipEvent::Found { node, addresses }, ms(0));
    it.handle(MembershipEvent::Connected { node, address }, ms(1));
    it.handle(MembershipEvent::Disconnected { node }, ms(20_000));
    let mut dials = 0;
    let mut left = 0;
    while it.next_tick() < ms(299_000) {
        let next = it.next_tick();
        for action in it.handle(MembershipEvent::Tick, next) {
            match action {
                MembershipAction::Dial { .. } => {
                    dials += 1;
                    it.handle(MembershipEvent::DialFailed { node }, next);
                }
                MembershipAction::Left { .. } => left += 1,
                _ => {}
            }
        }
    }
    assert_eq!(left, 1);
    assert!((10..=16).contains(&dials), "{dials}");
    let joined = it.handle(MembershipEvent::Connected { node, address }, ms(299_000));
    assert_eq!(joined, [MembershipAction::Joined { node }]);
    it.handle(MembershipEvent::Disconnected { node }, ms(299_500));
    run(&mut it, ms(400_000));
    assert_eq!(it.known(), 0);
}

#[test]
fn a_peer_whose_process_died_is_gone_in_two_seconds() {
    let node = id(1);
    let mut it = with_peer(node);
    it.handle(MembershipEvent::Disconnected { node }, ms(10_000));
    let mut left = None;
    while left.is_none() {
        let next = it.next_tick();
        for action in it.handle(MembershipEvent::Tick, next) {
            match action {
                MembershipAction::Dial { .. } => {
                    it.handle(MembershipEvent::DialFailed { node }, next);
                }
                MembershipAction::Left { announced, .. } => left = Some((next, announced)),
                _ => {}
            }
        }
    }
    assert_eq!(left, Some((ms(12_000), false)));
}

#[test]
fn a_broken_connection_is_made_again_without_a_word() {
    let node = id(1);
    let mut it = with_peer(node);
    it.handle(MembershipEvent::Disconnected { node }, ms(10_000));
    assert_eq!(others(run(&mut it, ms(10_200))).len(), 1);
    let address = at(1, 4000);
    let actions = it.handle(MembershipEvent::Connected { node, address }, ms(10_210));
    assert!(actions.is_empty(), "{actions:?}");
    assert!(others(run(&mut it, ms(60_000))).is_empty());
}

#[test]
fn failed_dials_back_off_until_a_new_address_is_heard() {
    let node = id(1);
    let mut it = new();
    it.handle(heard(Kind::Ping, node, 1, ip(1)), ms(0));
    let (mut dials, mut seq, mut now) = (vec![0], 1, 0);
    it.handle(MembershipEvent::DialFailed { node }, ms(0));
    while now < 60_000 {
        now += 100;
        let mut actions = it.handle(MembershipEvent::Tick, ms(now));
        if now % 5_000 == 0 {
            seq += 1;
            actions.extend(it.handle(heard(Kind::Ping, node, seq, ip(1)), ms(now)));
        }
        if actions
            .iter()
            .any(|a| matches!(a, MembershipAction::Dial { .. }))
        {
            dials.push(now);
            it.handle(MembershipEvent::DialFailed { node }, ms(now));
        }
    }
    assert_eq!(dials, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    let actions = it.handle(heard(Kind::Ping, node, seq + 1, ip(2)), ms(now));
    assert_eq!(actions, [dial(node, &[at(2, 4000), at(1, 4000)])]);
    for n in 3..20u8 {
        let event = heard(Kind::Ping, node, seq + u64::from(n), ip(n));
        assert!(it.handle(event, ms(now + 1)).is_empty(), "one is under way");
    }
    it.handle(MembershipEvent::DialFailed { node }, ms(now + 2));
    let event = heard(Kind::Ping, node, seq + 20, ip(20));
    let mut actions = it.handle(event, ms(now + 1_000));
    let MembershipAction::Dial { addresses, .. } = actions.remove(0) else {
        panic!("{actions:?}")
    };
    assert_eq!(addresses.len(), 4);
    assert_eq!(addresses[0], at(20, 4000));
}

#[test]
fn a_changed_catalog_is_hinted_once() {
    let node = id(1);
    let mut it = with_peer(node);
    let mut say = |seq, revision| {
        let beacon = Beacon {
            revision,
            ..beacon(Kind::Ping, node, seq)
        };
        let (from, room) = (ip(1), 512);
        it.handle(MembershipEvent::Heard { beacon, from, room }, ms(seq))
            .len()
    };
    assert_eq!([say(2, 5), say(3, 5), say(4, 6)], [1, 0, 1]);
}

#[test]
fn who_says_goodbye_over_a_connection_has_left_at_once() {
    let node = id(1);
    let mut it = with_peer(node);
    let left = MembershipAction::Left {
        node,
        announced: true,
    };
    assert_eq!(it.handle(MembershipEvent::Leaving { node }, ms(2)), [left]);
    assert!(
        it.handle(MembershipEvent::Leaving { node }, ms(3))
            .is_empty()
    );
}

#[test]
fn our_own_beacon_and_a_banned_node_do_nothing() {
    let node = id(1);
    let mut it = with_peer(node);
    assert!(
        it.handle(heard(Kind::Join, ME, 9, ip(2)), ms(1)).is_empty(),
        "our own"
    );
    let left = MembershipAction::Left {
        node,
        announced: false,
    };
    assert_eq!(it.handle(MembershipEvent::Banned { node }, ms(2)), [left]);
    let address = at(1, 4000);
    for event in [
        heard(Kind::Join, node, 5, ip(1)),
        MembershipEvent::Found {
            node,
            addresses: vec![address],
        },
        MembershipEvent::Connected { node, address },
        MembershipEvent::Disconnected { node },
    ] {
        assert!(it.handle(event, ms(3)).is_empty());
    }
}

#[test]
fn a_found_node_is_dialled_without_any_beacon() {
    let node = id(1);
    let mut it = new();
    let addresses = vec![at(1, 1), at(1, 2)];
    let actions = it.handle(MembershipEvent::Found { node, addresses }, ms(0));
    assert_eq!(actions, [dial(node, &[at(1, 1), at(1, 2)])]);
    it.handle(MembershipEvent::DialFailed { node }, ms(10));
    assert_eq!(others(run(&mut it, ms(600))).len(), 1);
}

#[test]
fn a_long_name_is_cut_between_characters() {
    let mut it = new();
    let name = "ü".repeat(40) + "x";
    let beacon = Beacon {
        name: format!("a{name}"),
        ..beacon(Kind::Ping, id(1), 1)
    };
    let (from, room) = (ip(1), 512);
    it.handle(MembershipEvent::Heard { beacon, from, room }, ms(0));
    assert_eq!(it.name_of(&id(1)).map(str::len), Some(63));
}
