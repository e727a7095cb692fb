//! Who is here by the word of others.

use super::{crowd::*, *};
use std::collections::BTreeSet;

fn introduced(n: u64) -> MembershipEvent {
    MembershipEvent::Introduced {
        node: one(n),
        address: listens(n),
        epoch: 5,
        revision: 2,
        age: Duration::ZERO,
    }
}

#[test]
fn who_is_introduced_is_here_and_is_gone_unless_it_is_heard() {
    let mut it = new();
    let mut told = Told::default();
    for n in 1..=50 {
        let done = it.handle(introduced(n), ms(0));
        assert!(done.contains(&MembershipAction::Joined { node: one(n) }));
        told.take(&done);
    }
    // None is a neighbour by that word alone, nor told of to others.
    assert_eq!((told.0.len(), it.announced().count()), (50, 0));
    assert!(dialled(&it.handle(MembershipEvent::Tick, ms(0))).is_empty());
    assert_eq!(it.catalog_of(&one(1)), Some((5, 2)));
    // An older life's beacon says nothing, that of this one does.
    it.handle(heard(Kind::Ping, one(1), 9, place(1)), ms(1_000));
    assert_eq!(it.announced().count(), 0);
    let beacon = Beacon {
        epoch: 5,
        ..beacon(Kind::Ping, one(1), 1)
    };
    let (from, room) = (place(1), 512);
    told.take(&it.handle(MembershipEvent::Heard { beacon, from, room }, ms(10_000)));
    assert_eq!(it.announced().count(), 1);
    let mut left = BTreeSet::new();
    for (_, action) in run(&mut it, ms(22_000)) {
        if let MembershipAction::Left { node, .. } = action {
            left.insert(node);
        }
    }
    assert!(left.len() == 49 && it.knows(&one(1)));
    // Of one that is gone another's word is not believed, unless it began anew.
    assert_eq!(it.handle(introduced(2), ms(25_000)), []);
    let anew = MembershipEvent::Introduced {
        node: one(2),
        address: listens(2),
        epoch: 6,
        revision: 1,
        age: Duration::ZERO,
    };
    let done = it.handle(anew, ms(25_000));
    assert!(done.contains(&MembershipAction::Joined { node: one(2) }));
}

#[test]
fn who_was_forgotten_told_of_and_vouched_for_is_not_gone_with_the_first_word() {
    let mut it = new();
    let (node, address) = (one(1), listens(1));
    it.handle(heard(Kind::Ping, node, 1, place(1)), ms(0));
    it.handle(heard(Kind::Leave, node, 2, place(1)), ms(1));
    assert!(!it.knows(&node));
    for n in 2..=40 {
        it.handle(heard(Kind::Ping, one(n), 1, place(n)), ms(20_000));
    }
    it.handle(MembershipEvent::Told { node, address }, ms(20_000));
    let done = it.handle(MembershipEvent::Vouched { node }, ms(20_100));
    assert!(done.contains(&MembershipAction::Joined { node }));
    let left = |done: Vec<(Now, MembershipAction)>| {
        let left = |action: &MembershipAction| matches!(action, MembershipAction::Left { node: it, .. } if *it == node);
        done.iter().any(|(_, action)| left(action))
    };
    assert!(!left(run(&mut it, ms(33_000))));
    assert!(left(run(&mut it, ms(35_000))));
}

#[test]
fn of_whom_was_only_told_before_is_introduced_and_is_not_accounted_for_before() {
    let mut it = new();
    let (node, address) = (one(1), listens(1));
    it.handle(MembershipEvent::Told { node, address }, ms(0));
    assert!(it.knows(&node) && !it.accounts_for(&node) && it.nodes().count() == 0);
    let done = it.handle(introduced(1), ms(500));
    assert!(done.contains(&MembershipAction::Joined { node }));
    assert!(it.accounts_for(&node) && it.nodes().count() == 1);
    run(&mut it, ms(10_000));
    assert!(it.accounts_for(&node));
}

#[test]
fn whatever_others_tell_who_is_heard_finds_a_place_and_one_address_has_few() {
    let mut it = new();
    for n in 1..=MAX_PEERS as u64 + 500 {
        it.handle(introduced(n), ms(0));
    }
    assert_eq!(it.known(), MAX_PEERS);
    for n in 20_001..=20_100 {
        it.handle(heard(Kind::Ping, one(n), 1, place(n)), ms(10));
        let (node, address) = (one(n), listens(n));
        it.handle(MembershipEvent::Connected { node, address }, ms(10));
        assert!(it.is_connected(&one(n)));
    }
    assert_eq!(it.known(), MAX_PEERS);
    let mut it = new();
    for n in 1..=100 {
        let address = place(7);
        let (node, epoch, revision, age) = (one(n), 5, 2, Duration::ZERO);
        it.handle(
            MembershipEvent::Introduced {
                node,
                address,
                epoch,
                revision,
                age,
            },
            ms(0),
        );
    }
    assert_eq!(it.known(), MAX_VOUCHED_PER_SOURCE);
    let mut hidden = Membership::hidden(ME, 1, ms(0));
    assert_eq!(hidden.handle(introduced(1), ms(0)), []);
}

#[test]
fn of_one_that_broke_off_a_newcomer_is_not_told_until_it_is_heard_again() {
    let mut it = new();
    let (node, address) = (one(1), listens(1));
    it.handle(heard(Kind::Ping, node, 1, place(1)), ms(0));
    it.handle(MembershipEvent::Connected { node, address }, ms(10));
    assert_eq!(it.announced().count(), 1);
    it.handle(MembershipEvent::Disconnected { node }, ms(20_000));
    assert!(it.announced().next().is_none() && it.knows(&node));
    it.handle(heard(Kind::Ping, node, 2, place(1)), ms(20_100));
    assert_eq!(it.announced().count(), 1);
}
