//! One that comes to a crowd: whom it dials, and when.

use super::{crowd::*, *};
use crate::core::neighbours::MESH;
use std::collections::BTreeSet;

#[test]
fn among_few_another_ones_word_delays_no_dial() {
    let other = NodeId([0xff; 32]);
    let mut it = new();
    it.handle(heard(Kind::Join, other, 1, ip(1)), ms(0));
    // Of the two newcomers this one dials, once the other one has heard it.
    it.handle(MembershipEvent::Vouched { node: other }, ms(1));
    let actions = it.handle(heard(Kind::Ping, other, 2, ip(1)), ms(2));
    let dialled = |action: &MembershipAction| matches!(action, MembershipAction::Dial { .. });
    assert_eq!(
        actions.iter().filter(|it| dialled(it)).count(),
        1,
        "{actions:?}"
    );
}

#[test]
fn a_newcomer_to_a_crowd_dials_some_and_waits_for_what_others_pass_on() {
    let mut it = new();
    let mut dials = BTreeSet::new();
    for n in 1..=150 {
        let actions = it.handle(heard(Kind::Ping, one(n), 1, place(n)), ms(n / 10));
        dials.extend(dialled(&actions));
    }
    assert_eq!(dials.len(), MESH);
    assert_eq!(it.expected().count(), 150);
    for n in 100..=150 {
        let node = one(n);
        let joined = it.handle(MembershipEvent::Vouched { node }, ms(300));
        assert!(joined.contains(&MembershipAction::Joined { node }));
        // Once.
        let again = it.handle(MembershipEvent::Vouched { node }, ms(300));
        assert!(!again.contains(&MembershipAction::Joined { node }));
    }
    assert_eq!(it.expected().count(), 99);
    let done = run(&mut it, ms(3_000)).into_iter();
    let more = dialled(&done.map(|(_, action)| action).collect::<Vec<_>>());
    // As neighbours, of those for whom somebody vouched.
    assert!(more.iter().all(|node| (100..=150).any(|n| one(n) == *node)));
}

/// A newcomer that is connected with some of 150 which it hears.
fn newcomer() -> (Membership, BTreeSet<NodeId>) {
    let (mut it, mut here) = (new(), BTreeSet::new());
    for n in 1..=150 {
        it.handle(heard(Kind::Ping, one(n), 1, place(n)), ms(0));
    }
    for n in 1..=150 {
        let (node, address) = (one(n), listens(n));
        if matches!(
            it.peers.get(&node).unwrap().stage(),
            peer::Stage::Dialing { .. }
        ) {
            it.handle(MembershipEvent::Connected { node, address }, ms(1));
            here.insert(node);
        }
    }
    (it, here)
}

/// When whom was dialled until then, each dial answered so much later.
fn dials_until(it: &mut Membership, end: Now, takes: Now) -> Vec<(Now, NodeId)> {
    let (mut dials, mut open) = (Vec::new(), Vec::<(Now, NodeId)>::new());
    let mut said = it.now.as_secs() + 1;
    loop {
        let ends = open.first().map(|(at, _)| *at);
        let at = it.next_tick().min(ends.unwrap_or(Now::MAX));
        if at.min(ms(said * 1000)) > end {
            return dials;
        }
        if at >= ms(said * 1000) {
            // All are heard now and then, or they would be gone.
            for n in (1..=150).filter(|n| n % 5 == said % 5) {
                let now = ms(said * 1000);
                for node in dialled(&it.handle(heard(Kind::Ping, one(n), said + 1, place(n)), now))
                {
                    dials.push((now, node));
                    open.push((now + takes, node));
                }
            }
            said += 1;
            continue;
        }
        let event = if ends == Some(at) {
            let (_, node) = open.remove(0);
            let address = SocketAddr::from(([10, 0, 0, 1], 1));
            MembershipEvent::Connected { node, address }
        } else {
            MembershipEvent::Tick
        };
        for node in dialled(&it.handle(event, at)) {
            dials.push((at, node));
            open.push((at + takes, node));
        }
    }
}

#[test]
fn for_whom_nobody_vouches_is_dialled_in_the_end_a_few_a_second() {
    let (mut it, here) = newcomer();
    let dials = dials_until(&mut it, ms(60_000), ms(20));
    let late: BTreeSet<_> = dials.iter().map(|(_, node)| *node).collect();
    assert!(dials.first().is_some_and(|(at, _)| *at >= ms(3_500)));
    assert_eq!(late.union(&here).count(), 150);
    for second in 0..60 {
        let within = |at: Now| at >= ms(second * 1000) && at < ms(second * 1000 + 1000);
        let count = dials.iter().filter(|(at, _)| within(*at)).count();
        assert!(count <= 12, "{count} at once");
    }
    // Where each takes long, they go one after the other.
    let (mut it, _) = newcomer();
    let dials = dials_until(&mut it, ms(30_000), ms(3_000));
    let pairs = dials.windows(2);
    let apart = |pair: &[(Now, NodeId)]| pair[1].0 >= pair[0].0 + ms(3_000);
    assert!(dials.len() > 5 && pairs.clone().all(apart), "{dials:?}");
}

#[test]
fn while_others_are_vouched_for_the_rest_waits_on_for_a_while() {
    let (mut it, here) = newcomer();
    let mut dials = Vec::new();
    let mut waiting = (1..=150).map(one).filter(|node| !here.contains(node));
    for second in 1..=30 {
        let now = ms(second * 1000);
        dials.extend(dials_until(&mut it, now, ms(20)));
        if let Some(node) = waiting.next() {
            it.handle(MembershipEvent::Vouched { node }, now + ms(40 - second));
        }
    }
    // Before that only some of those who were vouched for are, as neighbours.
    let vouched: BTreeSet<_> = (1..=150)
        .map(one)
        .filter(|node| !here.contains(node))
        .take(30)
        .collect();
    let first = dials.iter().find(|(_, node)| !vouched.contains(node));
    let at = first.map(|(at, _)| *at);
    assert!(
        at.is_some_and(|at| (ms(19_000)..ms(22_000)).contains(&at)),
        "{at:?}"
    );
}

#[test]
fn of_a_crowd_at_one_address_no_more_are_dialled_though_few_at_a_time_are() {
    let mut it = new();
    let mut dials = BTreeSet::new();
    let mut now = ms(0);
    for n in 1..=30 {
        let at = SocketAddr::from(([127, 0, 0, 1], 40_000 + n as u16));
        dials.extend(dialled(&it.handle(heard(Kind::Ping, one(n), 1, at), now)));
    }
    // Each dial makes room for the next one, until those are left that wait for others' word.
    while dials.len() < 30 && now < ms(3_000) {
        now += ms(20);
        let connected: Vec<_> = dials.iter().copied().collect();
        for node in connected {
            let address = SocketAddr::from(([127, 0, 0, 1], 4000));
            dials.extend(dialled(
                &it.handle(MembershipEvent::Connected { node, address }, now),
            ));
        }
    }
    assert_eq!(dials.len(), dials::ENOUGH);
}

#[test]
fn a_join_is_answered_at_once_and_the_newcomer_dials() {
    let mut it = new();
    it.handle(MembershipEvent::Tick, ms(0));
    let actions = it.handle(heard(Kind::Join, id(1), 1, ip(1)), ms(10));
    let to = ip(1);
    assert_eq!(actions, [MembershipAction::Answer { to, room: 512 }]);
    let address = at(1, 33_333);
    let node = id(1);
    let actions = it.handle(MembershipEvent::Connected { node, address }, ms(50));
    assert_eq!(actions, [MembershipAction::Joined { node }]);
    assert!(others(run(&mut it, ms(5_000))).is_empty());
    assert_eq!(it.name_of(&node), Some("anna"));
    assert_eq!(it.connected().collect::<Vec<_>>(), [node]);
}

#[test]
fn a_newcomer_that_does_not_dial_is_dialled_after_a_second() {
    let mut it = new();
    it.handle(heard(Kind::Join, id(1), 1, ip(1)), ms(10));
    let done = others(run(&mut it, ms(3_000)));
    assert_eq!(done, [(ms(1_010), dial(id(1), &[at(1, 4000)]))]);
}

#[test]
fn of_two_newcomers_that_hear_each_other_the_smaller_id_dials() {
    for (other, delay) in [(id(1), true), (NodeId([0xff; 32]), false)] {
        let mut it = new();
        it.handle(heard(Kind::Join, other, 1, ip(1)), ms(0));
        let actions = it.handle(heard(Kind::Ping, other, 2, ip(1)), ms(1));
        assert_eq!(actions.is_empty(), delay);
        assert_eq!(others(run(&mut it, ms(1_500))).len(), usize::from(delay));
    }
}

#[test]
fn one_that_hears_a_newcomer_before_it_announced_itself_does_so_first() {
    let mut it = new();
    let actions = it.handle(heard(Kind::Join, id(1), 1, ip(1)), ms(0));
    let answer = MembershipAction::Answer {
        to: ip(1),
        room: 512,
    };
    // By the numbers of the two the other one knows that the answer is not old.
    let both = [MembershipAction::Announce(Kind::Join), answer.clone()];
    assert_eq!(actions, both);
    let actions = it.handle(heard(Kind::Join, id(2), 1, ip(1)), ms(1));
    assert_eq!(actions, [answer]);
}
