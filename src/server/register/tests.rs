use super::*;

const TTL: Duration = Duration::from_secs(100);

fn node(n: u8) -> NodeId {
    NodeId([n; 32])
}

fn record(n: u8) -> Record {
    Record {
        bytes: Arc::from([n]),
        form: 0,
        mark: [n; 32],
    }
}

/// A node, at an address of its own.
fn from(n: u8) -> (NodeId, IpAddr) {
    (node(n), [10, 0, 0, n].into())
}

fn register() -> Register {
    let limits = Limits {
        per_node: 3,
        total: 10,
        ..Limits::default()
    };
    Register::new(limits, 1000)
}

fn all(register: &Register, name: &str, after: u64, now: Now) -> (Vec<u8>, u64) {
    let (found, next) = register.find(name, 0, after, now, |_| true);
    (found.iter().map(|(bytes, _)| bytes[0]).collect(), next)
}

#[test]
fn each_is_told_once_until_it_says_something_new() {
    let mut register = register();
    let now = Now::ZERO;
    register.put(from(1), "a", record(1), TTL, now).unwrap();
    register.put(from(2), "a", record(2), TTL, now).unwrap();
    register.put(from(2), "b", record(2), TTL, now).unwrap();
    let (found, next) = all(&register, "a", 0, now);
    assert_eq!(found, [1, 2]);
    register.put(from(1), "a", record(1), TTL, now).unwrap();
    assert_eq!(all(&register, "a", next, now), (Vec::new(), next));
    register.put(from(1), "a", record(9), TTL, now).unwrap();
    let (found, next) = all(&register, "a", next, now);
    assert_eq!(found, [9]);
    assert!(all(&register, "a", next, now).0.is_empty());
    // A cookie from nowhere shows everyone.
    assert_eq!(all(&register, "a", u64::MAX, now).0, [2, 9]);
    assert!(all(&register, "c", 0, now).0.is_empty());
}

#[test]
fn an_answer_that_is_full_goes_on_with_the_next() {
    let mut register = register();
    for n in 1..=5 {
        register
            .put(from(n), "a", record(n), TTL, Now::ZERO)
            .unwrap();
    }
    let mut room = 2;
    let (found, next) = register.find("a", 0, 0, Now::ZERO, |_| {
        room -= 1;
        room >= 0
    });
    assert_eq!(found.len(), 2);
    assert_eq!(all(&register, "a", next, Now::ZERO).0, [3, 4, 5]);
}

#[test]
fn nobody_takes_all_the_room_and_time_gives_it_back() {
    let mut register = register();
    // All at one address.
    let from = |n| (node(n), from(1).1);
    for name in ["a", "b", "c"] {
        register
            .put(from(1), name, record(1), TTL, Now::ZERO)
            .unwrap();
    }
    let fourth = register.put(from(1), "d", record(1), TTL, Now::ZERO);
    assert_eq!(fourth, Err(Full::Entries));
    // What it has it may renew, also with other words.
    register
        .put(from(1), "a", record(2), TTL, Now::ZERO)
        .unwrap();
    for n in 2..=8 {
        register
            .put(from(n), "a", record(n), TTL, Now::ZERO)
            .unwrap();
    }
    let full = register.put(from(9), "a", record(9), TTL, Now::ZERO);
    assert_eq!(full, Err(Full::Entries));
    register.leave(node(1));
    assert_eq!(register.count(), 7);
    register
        .put(from(9), "a", record(9), TTL * 2, Now::ZERO)
        .unwrap();
    register.expire(TTL);
    assert_eq!(register.count(), 1);
    register.leave(node(9));
    assert!(register.count() == 0 && register.order.is_empty() && register.entries.is_empty());
}

#[test]
fn times_have_bounds_and_what_is_over_is_not_told() {
    let mut register = register();
    for ttl in [Duration::from_secs(59), Duration::from_secs(7201)] {
        let refused = register.put(from(1), "a", record(1), ttl, Now::ZERO);
        assert_eq!(refused, Err(Full::Time));
    }
    register
        .put(from(1), "a", record(1), TTL, Now::ZERO)
        .unwrap();
    assert!(all(&register, "a", 0, TTL).0.is_empty());
}

#[test]
fn an_address_that_fills_all_places_gives_way_to_others_down_to_its_share() {
    let mut register = register();
    let flood = IpAddr::from([10, 0, 0, 1]);
    for n in 1..=12 {
        let _ = register.put((node(n), flood), "a", record(n), TTL, Now::ZERO);
    }
    assert_eq!(all(&register, "a", 0, Now::ZERO).0.len(), 10);
    for n in 20..40 {
        let honest = (node(n), [10, 0, 0, 2].into());
        let done = register.put(honest, "a", record(n), TTL, Now::ZERO);
        assert_eq!(done.is_ok(), n < 25, "{n}");
    }
    // The oldest of the flood went.
    let (here, _) = all(&register, "a", 0, Now::ZERO);
    assert_eq!(here, [6, 7, 8, 9, 10, 20, 21, 22, 23, 24]);
    // It takes nobody's place in turn.
    let again = register.put((node(50), flood), "a", record(50), TTL, Now::ZERO);
    assert_eq!(again, Err(Full::Entries));
    for n in 0..60 {
        register.leave(node(n));
    }
    assert_eq!(register.count(), 0);
}
