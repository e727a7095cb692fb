use super::*;

fn node(n: u32) -> NodeId {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    NodeId(bytes)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn machine() -> Exchange {
    Exchange::new(node(0), 1, Now::ZERO)
}

/// A hub with these peers, of which each has asked with its port (0: to be told of to no peer).
fn hub(peers: &[(u32, &str, u16)]) -> (Exchange, Vec<(NodeId, IpAddr)>) {
    let mut hub = machine();
    let here: Vec<_> = peers.iter().map(|(n, at, _)| (node(*n), ip(at))).collect();
    for (n, at, port) in peers {
        hub.connected(node(*n), Now::ZERO);
        let asker = (node(*n), ip(at));
        hub.asked(asker, *port, here.iter().copied(), Now::ZERO);
    }
    (hub, here)
}

#[test]
fn who_asked_is_told_of_at_the_address_that_its_connection_comes_from() {
    let (mut hub, here) = hub(&[
        (1, "10.0.1.1", 4001),
        (2, "10.0.2.2", 4002),
        (3, "10.0.3.3", 0),
        (4, "fe80::4", 4004),
    ]);
    // One that never asked, and one that is not connected but listed all the same.
    hub.connected(node(5), Now::ZERO);
    let mut here = here;
    here.extend([(node(5), ip("10.0.5.5")), (node(6), ip("10.0.6.6"))]);
    let now = Now::from_secs(60);
    let told = hub.asked((node(1), ip("10.0.1.1")), 4001, here.into_iter(), now);
    assert_eq!(told, Some(vec![(node(2), at("10.0.2.2:4002"))]));
}

#[test]
fn who_is_on_the_hubs_own_machine_is_told_of_at_the_hubs_address() {
    let (mut hub, here) = hub(&[(1, "127.0.0.1", 4001), (2, "127.0.0.1", 4002)]);
    let now = Now::from_secs(60);
    let near = hub.asked((node(1), ip("127.0.0.1")), 4001, here.iter().copied(), now);
    assert_eq!(near, Some(vec![(node(2), at("127.0.0.1:4002"))]));
    hub.connected(node(3), now);
    let far = hub.asked((node(3), ip("10.0.0.3")), 4003, here.into_iter(), now);
    assert!(
        far.clone()
            .unwrap()
            .contains(&(node(1), at("0.0.0.0:4001")))
    );
    let mut asker = machine();
    let tried = asker.told((node(9), ip("10.0.0.9")), &far.unwrap(), |_| false, now);
    assert!(tried.contains(&(node(2), at("10.0.0.9:4002"))), "{tried:?}");
}

#[test]
fn answers_are_bounded_in_length_and_in_number() {
    let many: Vec<(u32, String, u16)> = (1..300)
        .map(|n| (n, format!("10.0.{}.{}", n / 200, n % 200 + 1), 4000))
        .collect();
    let many: Vec<(u32, &str, u16)> = many.iter().map(|(n, at, p)| (*n, &**at, *p)).collect();
    let (mut hub, here) = hub(&many);
    let answered = (0..100).filter_map(|_| {
        let asker = (node(1), ip("10.0.0.2"));
        hub.asked(asker, 4000, here.iter().copied(), Now::ZERO)
    });
    let answered: Vec<_> = answered.collect();
    assert_eq!(answered.len(), 2, "the third was the first of all");
    assert!(answered.iter().all(|told| told.len() == MAX_TOLD));
    assert_ne!(answered[0], answered[1], "another choice each time");
}

#[test]
fn a_liar_has_few_dialled_and_leaves_room_for_an_honest_one() {
    let mut asker = machine();
    let (liar, honest) = ((node(1), ip("10.0.0.1")), (node(2), ip("10.0.0.2")));
    let mut tried = 0;
    // Ten thousand names, a hundred answers, in a minute.
    for round in 0..100u32 {
        let lies: Vec<_> = (0..100)
            .map(|n| (node(100 + 100 * round + n), at("10.9.9.9:22")))
            .collect();
        let now = Now::from_millis(600 * u64::from(round));
        tried += asker.told(liar, &lies, |_| false, now).len();
    }
    assert!((16..=16 + 15).contains(&tried), "{tried}");
    let true_word = [(node(3), at("10.0.0.3:4003"))];
    let heard = asker.told(honest, &true_word, |_| false, Now::from_secs(60));
    assert_eq!(heard, true_word);
    // Many liars together.
    let mut asker = machine();
    let tried: usize = (1..1000)
        .map(|n| {
            let lies = [(node(5000 + n), at("10.9.9.9:22")); 10];
            asker
                .told((node(n), ip("10.0.0.1")), &lies, |_| false, Now::ZERO)
                .len()
        })
        .sum();
    assert_eq!(tried, 64);
}

#[test]
fn nobody_names_a_nearer_network_than_its_own_nor_what_is_no_host() {
    let ours = |teller: &str, address: &str| {
        let named = [(node(2), at(address))];
        let told = machine().told((node(1), ip(teller)), &named, |_| false, Now::ZERO);
        !told.is_empty()
    };
    for (teller, address) in [
        ("127.0.0.1", "127.0.0.1:9"),
        ("127.0.0.1", "10.0.0.1:9"),
        ("10.0.0.9", "10.1.0.1:9"),
        ("10.0.0.9", "203.0.113.1:9"),
        ("203.0.113.9", "203.0.113.1:9"),
        ("10.0.0.9", "0.0.0.0:9"),
    ] {
        assert!(ours(teller, address), "{teller} {address}");
    }
    for (teller, address) in [
        ("10.0.0.9", "127.0.0.1:9"),
        ("10.0.0.9", "[::ffff:127.0.0.1]:9"),
        ("203.0.113.9", "192.168.1.1:9"),
        ("203.0.113.9", "[fd00::1]:9"),
        ("10.0.0.9", "169.254.1.1:9"),
        ("10.0.0.9", "[fe80::1]:9"),
        ("10.0.0.9", "224.0.0.1:9"),
        ("10.0.0.9", "255.255.255.255:9"),
        ("10.0.0.9", "10.0.0.1:0"),
        ("10.0.0.9", "[::]:9"),
    ] {
        assert!(!ours(teller, address), "{teller} {address}");
    }
}

#[test]
fn who_is_known_or_oneself_is_not_tried() {
    let named = [(node(0), at("10.0.0.1:9")), (node(2), at("10.0.0.2:9"))];
    let teller = (node(1), ip("10.0.0.1"));
    let told = machine().told(teller, &named, |known| *known == node(2), Now::ZERO);
    assert_eq!(told, []);
}

#[test]
fn each_is_asked_when_it_comes_and_again_by_turns() {
    let mut asker = machine();
    assert!(asker.connected(node(1), Now::ZERO));
    assert!(!asker.connected(node(1), Now::ZERO), "once");
    assert!(asker.expects_answers(Now::ZERO));
    asker.told((node(1), ip("10.0.0.1")), &[], |_| false, Now::ZERO);
    assert!(!asker.expects_answers(Now::ZERO));
    // In a crowd not every peer is asked at once, but every one in the end, and then the first ones
    // again.
    let at_once = (2..200).filter(|n| asker.connected(node(*n), Now::ZERO));
    assert_eq!(at_once.count(), 15);
    // Who does not answer is not waited for.
    assert!(!asker.expects_answers(Now::from_secs(2)));
    let mut reached = std::collections::BTreeSet::new();
    let mut now = Now::ZERO;
    for _ in 0..199 {
        now = asker.next_tick();
        reached.extend(asker.due(|_| true, now));
    }
    assert_eq!(reached.len(), 199);
    assert_eq!(asker.due(|_| true, now), None);
    // A peer alone is asked once a minute.
    let mut asker = machine();
    asker.connected(node(1), Now::ZERO);
    let questions = (0..40).filter(|_| {
        let now = asker.next_tick();
        asker.due(|_| true, now).is_some()
    });
    assert_eq!(questions.count(), 10);
    asker.gone(&node(1));
    assert_eq!(asker.due(|_| true, Now::from_secs(10_000)), None);
}

mod with_membership {
    use super::{at, node};
    use crate::core::{
        Now,
        membership::{Membership, MembershipAction, MembershipEvent},
    };

    /// How often an address is dialled that refuses, or never answers, within five minutes.
    fn dials(answers: bool) -> usize {
        let mut it = Membership::new(node(0), 1, Now::ZERO);
        let told = MembershipEvent::Told {
            node: node(1),
            address: at("10.0.0.1:9"),
        };
        let mut actions = it.handle(told, Now::ZERO);
        let (mut dials, mut now) = (0, Now::ZERO);
        while now < Now::from_secs(300) {
            for action in std::mem::take(&mut actions) {
                if let MembershipAction::Dial { node, .. } = action {
                    dials += 1;
                    if answers {
                        actions.extend(it.handle(MembershipEvent::DialFailed { node }, now));
                    }
                }
            }
            now = it.next_tick();
            actions.extend(it.handle(MembershipEvent::Tick, now));
        }
        assert_eq!(it.known(), 0, "nothing is left of it");
        dials
    }

    #[test]
    fn what_a_peer_tells_is_tried_soon_and_then_forgotten() {
        assert_eq!(dials(true), 2);
        assert_eq!(dials(false), 1);
    }

    #[test]
    fn what_a_peer_tells_takes_no_known_address_away() {
        let mut it = Membership::new(node(0), 1, Now::ZERO);
        let addresses = vec![at("10.0.0.1:4000")];
        let found = MembershipEvent::Found {
            node: node(1),
            addresses: addresses.clone(),
        };
        let dialled = it.handle(found, Now::ZERO);
        assert_eq!(dialled.len(), 1);
        let address = at("10.9.9.9:22");
        let told = MembershipEvent::Told {
            node: node(1),
            address,
        };
        assert_eq!(it.handle(told, Now::ZERO), []);
        let failed = it.handle(MembershipEvent::DialFailed { node: node(1) }, Now::ZERO);
        assert_eq!(failed, []);
        let again = it.handle(MembershipEvent::Tick, Now::from_secs(1));
        let dial = MembershipAction::Dial {
            node: node(1),
            addresses,
        };
        assert!(again.contains(&dial), "{again:?}");
    }
}
