use super::{life::INTRODUCTION, proof::PROOF, *};
use crate::net::segments::{BULK, QUIET};

const NODE: NodeId = NodeId([1; 32]);

const AT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

fn path(via: Via, tcp: bool) -> Path {
    let address = AT;
    Path {
        address,
        via,
        tcp,
        proven: true,
        small: false,
        dialled: Some(AT),
    }
}

fn id(number: usize) -> ConnectionId {
    ConnectionId::new_unchecked(number)
}

#[test]
fn bulk_goes_over_the_newest_straight_tcp_connection() {
    let now = Instant::now();
    let mut table = Connections::new(true);
    assert_eq!(table.best(NODE), None);
    assert_eq!(
        table.add(NODE, id(1), path(Via::Relay, true), now),
        Some(News::Connected(AT, Via::Relay))
    );
    assert_eq!(table.best(NODE), Some(id(1)));
    assert_eq!(
        table.add(NODE, id(2), path(Via::Direct, false), now),
        Some(News::Path(AT, Via::Direct))
    );
    assert_eq!(table.best(NODE), Some(id(2)));
    table.add(NODE, id(3), path(Via::Lan, true), now);
    table.add(NODE, id(4), path(Via::Lan, true), now);
    table.add(NODE, id(5), path(Via::Lan, false), now);
    assert_eq!(table.best(NODE), Some(id(4)));
}

#[test]
fn a_node_is_gone_with_its_last_connection_and_only_once() {
    let now = Instant::now();
    let mut table = Connections::new(true);
    table.add(NODE, id(1), path(Via::Lan, true), now);
    table.add(NODE, id(2), path(Via::Lan, true), now);
    assert_eq!(table.remove(NODE, id(1)), None);
    assert_eq!(table.remove(NODE, id(2)), Some(News::Disconnected));
    assert_eq!(table.remove(NODE, id(2)), None);
    assert!(table.is_empty());
}

#[test]
fn silence_ends_a_connection_and_bytes_keep_it() {
    let start = Instant::now();
    let mut table = Connections::new(true);
    table.add(NODE, id(1), path(Via::Lan, true), start);
    table.add(NODE, id(2), path(Via::Lan, true), start);
    let half = start + SILENCE / 2;
    let bytes = |connection| u64::from(connection == id(2));
    assert!(table.expire(half, bytes).is_empty());
    assert_eq!(table.expire(start + SILENCE, bytes), [(NODE, id(1))]);
    // No further bytes: the second one's time is up too.
    assert_eq!(table.expire(half + SILENCE, bytes).len(), 2);
    table.excuse(half + SILENCE);
    assert!(table.expire(half + SILENCE, bytes).is_empty());
}

#[test]
fn who_never_speaks_our_protocols_is_closed_after_a_minute() {
    let start = Instant::now();
    let mut table = Connections::new(true);
    table.add(NODE, id(1), path(Via::Lan, true), start);
    table.add(NODE, id(2), path(Via::Lan, true), start);
    table.introduced(NODE, id(2), start);
    table.excuse(start + INTRODUCTION);
    assert_eq!(table.expire(start + INTRODUCTION, |_| 0), [(NODE, id(1))]);
}

#[test]
fn a_straight_path_replaces_the_relayed_one_and_is_replaced_by_it() {
    let start = Instant::now();
    let mut table = Connections::new(true);
    table.add(NODE, id(1), path(Via::Relay, true), start);
    table.add(NODE, id(2), path(Via::Relay, true), start);
    assert_eq!(table.best(NODE), Some(id(1)));
    table.add(NODE, id(3), path(Via::Direct, true), start);
    assert!(table.spare(start).is_empty());
    assert_eq!(table.spare(start + STANDS), [(NODE, id(1)), (NODE, id(2))]);
    assert_eq!(table.remove(NODE, id(1)), None);
    assert_eq!(table.remove(NODE, id(3)), Some(News::Path(AT, Via::Relay)));
    assert_eq!(table.remove(NODE, id(2)), Some(News::Disconnected));
}

#[test]
fn who_refuses_relays_sees_nobody_that_only_a_relay_reaches() {
    let now = Instant::now();
    let mut table = Connections::new(false);
    assert_eq!(table.add(NODE, id(1), path(Via::Relay, true), now), None);
    assert!(!table.has(NODE) && table.has_any(NODE) && !table.serves(NODE, id(1)));
    assert_eq!(table.best(NODE), None);
    assert_eq!(
        table.add(NODE, id(2), path(Via::Direct, true), now),
        Some(News::Connected(AT, Via::Direct))
    );
    assert_eq!(table.remove(NODE, id(2)), Some(News::Disconnected));
    assert_eq!(table.remove(NODE, id(1)), None);
    assert!(table.is_empty());
}

#[test]
fn what_is_not_proven_is_no_path_and_goes_in_time() {
    let start = Instant::now();
    let mut table = Connections::new(true);
    let quic = Path {
        proven: false,
        ..path(Via::Direct, false)
    };
    assert_eq!(table.add(NODE, id(1), quic, start), None);
    assert!(!table.has(NODE) && !table.has_straight(NODE) && !table.serves(NODE, id(1)));
    assert_eq!(table.best(NODE), None);
    // A circuit proves the node, and is kept while the straight path is not proven.
    let circuit = path(Via::Relay, true);
    let news = table.add(NODE, id(2), circuit, start);
    assert_eq!(news, Some(News::Connected(AT, Via::Relay)));
    assert!(!table.serves(NODE, id(1)) && table.serves(NODE, id(2)));
    assert!(table.is_proving(NODE));
    assert_eq!(table.best(NODE), Some(id(2)));
    assert!(table.spare(start + STANDS).is_empty());
    assert_eq!(table.expire(start + PROOF, |_| 0), [(NODE, id(1))]);
    // It stands from when it is proven.
    let late = start + PROOF / 2;
    table.proof(NODE, id(1), Proof::Theirs);
    assert!(table.awaits_welcome(NODE, id(1)));
    assert!(table.prove(NODE, id(1), late) && !table.prove(NODE, id(1), late));
    assert_eq!(table.news(NODE), Some(News::Path(AT, Via::Direct)));
    table.proof(NODE, id(1), Proof::None);
    assert!(table.is_proven(NODE, id(1)) && !table.is_proving(NODE));
    assert!(table.spare(late).is_empty());
    assert_eq!(table.spare(late + STANDS), [(NODE, id(2))]);
    assert!(table.expire(start + PROOF, |_| 0).is_empty());
}

#[test]
fn a_straight_tcp_connection_that_falls_silent_before_bulk_came_is_told_from_others() {
    let start = Instant::now();
    let (soon, late) = (start + QUIET / 2, start + QUIET);
    let mut table = Connections::new(true);
    let small = Path {
        small: true,
        dialled: Some(AT),
        ..path(Via::Lan, true)
    };
    let all = [
        path(Via::Lan, true),
        path(Via::Lan, false),
        path(Via::Relay, true),
        small,
    ];
    for (number, path) in all.into_iter().enumerate() {
        table.add(NODE, id(number), path, start);
    }
    let silent = |table: &Connections, number, received, now| {
        let ip = table.fell_silent(NODE, id(number), received, now);
        ip.is_some()
    };
    assert!(!silent(&table, 0, 0, soon));
    assert!(silent(&table, 0, 0, late));
    for other in 1..4 {
        assert!(!silent(&table, other, 0, late), "{other}");
    }
    // Something came since the last look, or bulk had come before.
    assert!(!silent(&table, 0, 1, late));
    table.expire(start, |_| BULK);
    assert!(!silent(&table, 0, BULK, start + 2 * QUIET));
    table.heard(NODE, id(0), late);
    assert!(!silent(&table, 0, 0, late));
}

#[test]
fn bulk_may_take_one_connection_to_each_address() {
    let now = Instant::now();
    let mut table = Connections::new(true);
    let to = |host: u8, via, tcp| Path {
        address: SocketAddr::from(([10, 0, host, 2], 1)),
        ..path(via, tcp)
    };
    table.add(NODE, id(1), to(0, Via::Relay, true), now);
    assert_eq!(table.paths(NODE), [id(1)]);
    table.add(NODE, id(2), to(1, Via::Lan, true), now);
    table.add(NODE, id(3), to(1, Via::Lan, true), now);
    table.add(NODE, id(4), to(2, Via::Lan, true), now);
    table.add(NODE, id(5), to(3, Via::Lan, false), now);
    assert_eq!(table.paths(NODE), [id(3), id(4)]);
    table.remove(NODE, id(3));
    assert_eq!(table.paths(NODE), [id(2), id(4)]);
}

#[test]
fn a_bulk_connection_goes_where_one_can_be_made() {
    let now = Instant::now();
    let mut table = Connections::new(true);
    let theirs = |via| Path {
        dialled: None,
        ..path(via, true)
    };
    let small = Path {
        small: true,
        ..path(Via::Lan, true)
    };
    let all = [
        (path(Via::Lan, true), Some(AT)),
        (path(Via::Direct, true), Some(AT)),
        // They came to us: on one network their port is as good as ours.
        (theirs(Via::Lan), Some(SocketAddr::new(AT.ip(), 0))),
        (theirs(Via::Direct), None),
        (path(Via::Lan, false), None),
        (path(Via::Relay, true), None),
        (small, None),
    ];
    for (number, (path, at)) in all.into_iter().enumerate() {
        table.add(NODE, id(number), path, now);
        assert_eq!(table.bulk_address(NODE, id(number)), at, "{number}");
    }
    assert_eq!(table.bulk_address(NODE, id(99)), None);
}

#[test]
fn of_two_straight_connections_to_one_place_the_smaller_id_closes_the_older_when_it_is_quiet() {
    let (small, large) = (NodeId([0; 32]), NodeId([2; 32]));
    let start = Instant::now();
    let later = start + SETTLED;
    let mut table = Connections::new(true);
    table.add(NODE, id(1), path(Via::Lan, true), start);
    assert!(table.surplus(small, later, |_| 0).is_empty());
    table.add(NODE, id(2), path(Via::Lan, true), start);
    assert!(table.may_lose_one(NODE));
    assert_eq!(table.surplus(small, later, |_| 0), [id(1)]);
    // The other end leaves that to this one, what is used stays, and so does what may be new there.
    assert!(table.surplus(large, later, |_| 0).is_empty());
    let busy = |one| usize::from(one == id(1));
    assert!(table.surplus(small, later, busy).is_empty());
    assert!(table.surplus(small, start, |_| 0).is_empty());
    // Another cable, another kind of path and another transport are no second one of the same.
    let mut elsewhere = path(Via::Lan, true);
    elsewhere.address.set_ip([10, 0, 0, 1].into());
    table.remove(NODE, id(1));
    table.add(NODE, id(3), elsewhere, start);
    table.add(NODE, id(4), path(Via::Direct, true), start);
    table.add(NODE, id(5), path(Via::Lan, false), start);
    table.add(NODE, id(6), path(Via::Relay, true), start);
    assert!(table.surplus(small, later, |_| 0).is_empty());
}

#[test]
fn what_this_end_dialled_to_who_rests_is_closed_when_nobody_uses_it() {
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let mut table = Connections::new(true);
    table.add(NODE, id(1), path(Via::Lan, true), start);
    let theirs = Path {
        dialled: None,
        ..path(Via::Lan, true)
    };
    table.add(NODE, id(2), theirs, start);
    table.add(NODE, id(3), path(Via::Lan, true), start);
    table.named(NODE, id(3));
    table.add(NODE, id(4), path(Via::Relay, true), start);
    let none = |_| 0;
    assert!(
        table.idle(&[], after(60), none).is_empty(),
        "it does not rest"
    );
    assert!(table.idle(&[NODE], after(19), none).is_empty());
    assert_eq!(table.idle(&[NODE], after(20), none), [id(1)]);
    // A stream is a use of it, and so is a question, of either end.
    assert!(table.idle(&[NODE], after(20), |_| 1).is_empty());
    assert!(table.idle(&[NODE], after(39), none).is_empty());
    table.used(NODE, after(39));
    assert!(table.idle(&[NODE], after(58), none).is_empty());
    table.introduced(NODE, id(1), after(58));
    assert!(table.idle(&[NODE], after(77), none).is_empty());
    // A ping is none.
    table.heard(NODE, id(1), after(77));
    assert_eq!(table.idle(&[NODE], after(78), none), [id(1)]);
}

#[test]
fn of_many_idle_connections_each_stays_for_a_shorter_while() {
    let start = Instant::now();
    let mut table = Connections::new(true);
    let nodes: Vec<NodeId> = (0..40).map(|n| NodeId([n; 32])).collect();
    for (n, node) in nodes.iter().enumerate() {
        table.add(*node, id(n), path(Via::Lan, true), start);
    }
    let later = start + idle::BRIEF;
    assert_eq!(table.idle(&nodes[..32], later, |_| 0).len(), 0);
    assert_eq!(table.idle(&nodes, later, |_| 0).len(), 40);
}

#[test]
fn a_connection_of_a_crowd_that_nobody_uses_is_calm_until_it_is_used() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut table = Connections::new(true);
    table.add(NODE, id(1), path(Via::Lan, true), start);
    let direct = NodeId([2; 32]);
    table.add(direct, id(2), path(Via::Direct, true), start);
    let named = NodeId([3; 32]);
    table.add(named, id(3), path(Via::Lan, true), start);
    table.named(named, id(3));
    assert_eq!(table.calm(true, at(19), |_| 0), []);
    assert_eq!(table.calm(false, at(60), |_| 0), [], "no crowd");
    assert_eq!(table.calm(true, at(60), |_| 1), [], "a stream is open");
    assert_eq!(table.calm(true, at(79), |_| 0), []);
    assert_eq!(table.calm(true, at(80), |_| 0), [(id(1), true)]);
    assert!(!table.are_calm(), "two never are");
    assert_eq!(table.calm(true, at(81), |_| 0), [], "told already");
    for (node, one) in [(NODE, 1), (direct, 2), (named, 3)] {
        table.introduced(node, id(one), at(60));
        table.heard(node, id(one), at(81));
    }
    // Of a calm one fewer pings come, and that it ends says nothing of its path.
    assert_eq!(table.fell_silent(NODE, id(1), 0, at(90)), None);
    assert!(table.fell_silent(direct, id(2), 0, at(90)).is_some());
    let gone: Vec<_> = table
        .expire(at(110), |_| 0)
        .iter()
        .map(|one| one.0)
        .collect();
    assert_eq!(gone.len(), 2);
    assert!(!gone.contains(&NODE));
    // It is used again: a ping may take some seconds, and then it is as any other.
    table.used(NODE, at(110));
    assert_eq!(table.calm(true, at(110), |_| 0), [(id(1), false)]);
    assert!(table.expire(at(115), |_| 0).iter().all(|one| one.0 != NODE));
    assert!(table.expire(at(116), |_| 0).iter().any(|one| one.0 == NODE));
}

#[test]
fn where_all_are_only_kept_all_are_calm() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut table = Connections::new(true);
    assert!(!table.are_calm(), "nobody is here");
    for n in 1..3 {
        let node = NodeId([n as u8; 32]);
        table.add(node, id(n), path(Via::Lan, true), start);
    }
    assert!(!table.are_calm());
    assert_eq!(table.calm(true, at(20), |_| 0).len(), 2);
    assert!(table.are_calm());
    table.used(NodeId([1; 32]), at(21));
    table.calm(true, at(21), |_| 0);
    assert!(!table.are_calm());
}

#[test]
fn a_calm_connection_without_a_sign_of_life_ends_within_a_minute() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut table = Connections::new(true);
    table.add(NODE, id(1), path(Via::Lan, true), start);
    table.introduced(NODE, id(1), start);
    table.calm(true, at(20), |_| 0);
    table.heard(NODE, id(1), at(20));
    assert_eq!(table.expire(at(59), |_| 0), []);
    assert_eq!(table.expire(at(60), |_| 0), [(NODE, id(1))]);
    // The crowd is over: there is time for a ping, and no more.
    table.heard(NODE, id(1), at(20));
    assert_eq!(table.calm(false, at(50), |_| 0), [(id(1), false)]);
    assert_eq!(table.expire(at(55), |_| 0), []);
    assert_eq!(table.expire(at(56), |_| 0), [(NODE, id(1))]);
}
