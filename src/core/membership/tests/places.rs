//! Who has a place when all are taken.

use super::{crowd::*, *};

#[test]
fn strangers_who_connect_do_not_take_the_place_of_those_who_rest() {
    let it = full();
    assert!((1..=MAX_PEERS as u64).all(|n| it.knows(&one(n))));
    // Each is at an address of its own, so none has to make room, whoever comes.
    let mut it = it;
    for n in 20_000..20_050 {
        let (node, address) = (one(n), listens(n));
        it.handle(MembershipEvent::Connected { node, address }, ms(20_000));
        it.handle(heard(Kind::Ping, one(n), 1, place(n)), ms(20_000));
    }
    assert!((1..=MAX_PEERS as u64).all(|n| it.knows(&one(n))));
    assert!(it.known() <= MAX_KNOWN);
}

/// A membership with as many peers as there may be, each at an address of its own; most rest.
fn full() -> Membership {
    let (mut it, _) = crowd(MAX_PEERS as u64, ms(0));
    it.handle(MembershipEvent::Tick, ms(10_000));
    let resting: Vec<_> = (1..=MAX_PEERS as u64)
        .map(one)
        .filter(|n| it.rests(n))
        .collect();
    assert!(resting.len() > MAX_PEERS - 20);
    for node in resting {
        it.handle(MembershipEvent::Disconnected { node }, ms(10_000));
    }
    it
}

#[test]
fn forged_identities_of_few_addresses_leave_room_for_honest_nodes() {
    // Ten honest nodes are here; then sixteen addresses bring as many as there is room for, each of
    // which connects, is heard and hangs up.
    let (mut it, _) = crowd(10, ms(0));
    let forged = |n: u64| 30_000 + n % 16;
    let is_here = |it: &Membership, n: u64| it.peers.get(&one(n)).is_some_and(|it| it.confirmed);
    let come = |it: &mut Membership, n: u64, at: u64, now: Now| {
        let (node, address) = (one(n), listens(at));
        it.handle(heard(Kind::Ping, node, 1, place(at)), now);
        it.handle(MembershipEvent::Connected { node, address }, now);
        it.handle(MembershipEvent::Tick, now);
        it.handle(MembershipEvent::Disconnected { node }, now);
    };
    for n in 100..100 + MAX_PEERS as u64 + 50 {
        come(&mut it, n, forged(n), ms(n));
    }
    assert_eq!(it.peers.peers(), MAX_PEERS);
    assert!(is_here(&it, 100));
    // Whoever comes from elsewhere finds a place, and those who were here before keep theirs.
    let now = ms(100 + MAX_PEERS as u64 + 50);
    for n in 20_000..20_040 {
        come(&mut it, n, n - 19_000, now);
        assert!(is_here(&it, n));
    }
    assert!((1..=10).chain(20_000..20_040).all(|n| is_here(&it, n)));
    assert!(it.peers.peers() <= MAX_PEERS && it.known() <= MAX_KNOWN);
    // And more of the same displace none of them.
    for n in 40_000..40_040 {
        come(&mut it, n, forged(n), now + ms(1));
    }
    assert!((1..=10).chain(20_000..20_040).all(|n| is_here(&it, n)));
    // Of one address those who came first stay.
    assert!(is_here(&it, 100));
}
